"""Publish: make the run's staged records visible, all of them or none."""

from typing import Any

from chalicelib.bootstrap.cloud import cloud
from chalicelib.core.errors import PlanStale
from chalicelib.core.run import Stage
from chalicelib.stages.publish import publish
from functions.boundary import Payload, boundary


@boundary(Stage.PUBLISH)
def handler(payload: Payload) -> dict[str, Any]:
    """``{run_id}`` -> ``{}``. What the run did under a plan that is stale goes, and the state machine plans again."""
    folder = cloud().folder(payload["run_id"])
    planned = folder.plan()
    target = cloud().target(planned.pipeline)
    try:
        folder.keep_outcome(publish(planned, folder.manifest(), target=target, work=cloud().work))
    except PlanStale as error:
        target.discard(planned.run_id)
        folder.begin_again(error)
        raise
    return {}
