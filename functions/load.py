"""Load: the clean records of one batch into the run's staging table."""

from typing import Any

from chalicelib.bootstrap.cloud import cloud
from chalicelib.core.run import Stage
from chalicelib.stages.load import load
from functions.boundary import Payload, boundary


@boundary(Stage.LOAD, "batch")
def handler(payload: Payload) -> dict[str, Any]:
    """``{run_id, batch}`` -> ``{}``."""
    folder = cloud().folder(payload["run_id"])
    planned = folder.plan()
    load(planned, *folder.group(payload["batch"]), work=cloud().work, target=cloud().target(planned.pipeline))
    return {}
