"""Extract: cut the plan's objects into batches, counting their records."""

from typing import Any

from chalicelib.bootstrap.cloud import cloud
from chalicelib.core.run import Stage
from chalicelib.stages.extract import extract
from functions.boundary import Payload, boundary


@boundary(Stage.EXTRACT)
def handler(payload: Payload) -> dict[str, Any]:
    """``{run_id}`` -> ``{run_id, batches, items, workers, round}``."""
    folder = cloud().folder(payload["run_id"])
    planned = folder.plan()
    with cloud().source(planned.pipeline) as source:
        manifest = extract(planned, source=source)
    return folder.keep_manifest(manifest, workers=cloud().workers(planned.pipeline))
