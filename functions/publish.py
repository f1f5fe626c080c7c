"""Publish: make the run's staged records visible, all of them or none."""

from typing import Any

from chalicelib.bootstrap.cloud import cloud
from chalicelib.core.run import Stage
from chalicelib.stages.publish import publish
from functions.boundary import Payload, boundary


@boundary(Stage.PUBLISH)
def handler(payload: Payload) -> dict[str, Any]:
    """``{run_id}`` -> ``{}``."""
    folder = cloud().folder(payload["run_id"])
    planned = folder.plan()
    target = cloud().target(planned.pipeline)
    folder.keep_outcome(publish(planned, folder.manifest(), target=target, work=cloud().work))
    return {}
