"""Record: the run's final status, counts and rejects into the run log; its folder and its staging go."""

from typing import Any

from chalicelib.aws.events import failure_of
from chalicelib.bootstrap.cloud import cloud
from chalicelib.core.run import Stage
from functions.boundary import Payload, boundary


@boundary(Stage.RECORD)
def handler(payload: Payload) -> dict[str, Any]:
    """The state machine's state, with ``failure`` if it caught one -> ``{run_id, pipeline, status}``.

    A run that failed because something was away is ``running`` still: the sweep carries it on, or closes it.
    """
    ended = cloud().end_with_places(payload["run_id"], failure_of(payload), for_good=False)
    return {"run_id": ended.run_id, "pipeline": ended.pipeline, "status": ended.status.value}
