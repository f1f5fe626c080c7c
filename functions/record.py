"""Record: the run's final status, counts and rejects into the run log; its folder and its staging go."""

from typing import Any

from chalicelib.aws.events import failure_of
from chalicelib.bootstrap.cloud import cloud
from chalicelib.core.run import Stage
from chalicelib.ending import end
from functions.boundary import Payload, boundary


@boundary(Stage.RECORD)
def handler(payload: Payload) -> dict[str, Any]:
    """The state machine's state, with ``failure`` if it caught one -> ``{run_id, pipeline, status}``."""
    run = cloud().runs.find(payload["run_id"])
    target = cloud().target_if_known(cloud().pipeline_of(run))
    ended = end(run, failure_of(payload), at=cloud().clock.now(), log=cloud().runs, work=cloud().work, target=target)
    return {"run_id": ended.run_id, "pipeline": ended.pipeline, "status": ended.status.value}
