"""Extract: cut the plan's objects into batches, counting their records."""

from typing import Any

from chalicelib.bootstrap.cloud import cloud
from chalicelib.core.run import Stage
from chalicelib.stages.extract import extract
from functions.boundary import Payload, boundary, time_left_s

MB = 1024**2


@boundary(Stage.EXTRACT)
def handler(payload: Payload) -> dict[str, Any]:
    """``{run_id}`` -> ``{run_id, next, batches, items, workers, round}``, or ``next: extract`` if its time was up."""
    folder, reserve_s = cloud().folder(payload["run_id"]), cloud().extract_reserve_s
    planned, manifest = folder.plan(), folder.extracted()
    if manifest is None or not manifest.whole:
        with cloud().source(planned.pipeline) as source:
            manifest = extract(
                planned,
                source=source,
                batch_bytes=planned.pipeline.parallel.batch_mb * MB,
                begun=manifest.batches if manifest else (),
                may_go_on=lambda: time_left_s() > reserve_s,
            )
    return folder.keep_manifest(manifest, workers=cloud().workers(planned.pipeline))
