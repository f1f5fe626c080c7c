"""Plan: decide all that the run will do, before it does anything."""

from typing import Any

from chalicelib.bootstrap.cloud import cloud
from chalicelib.core.plan import Plan
from chalicelib.core.run import Stage
from chalicelib.stages.plan import plan
from functions.boundary import Payload, boundary


@boundary(Stage.PLAN)
def handler(payload: Payload) -> dict[str, Any]:
    """``{run_id}`` -> ``{run_id, next}``: ``extract``, or ``record`` when another run loaded all there is.

    A plan that an earlier execution of the run made stays, and so does what was done under it.
    """
    run = cloud().runs.begin(payload["run_id"], cloud().clock.now())
    folder = cloud().folder(run.run_id)
    folder.forget_failures()
    before = folder.planned()
    if before is not None:
        return before
    pipeline = cloud().pipeline_of(run)
    with cloud().source(pipeline, cloud().queue.objects_of(run.run_id)) as source:
        planned = plan(run.run_id, pipeline, source=source, target=cloud().target(pipeline), work=cloud().work)
    if isinstance(planned, Plan):
        cloud().runs.tell(run.run_id, "plan_made", "; ".join(planned.notes))
        if planned.drift:
            cloud().runs.tell(run.run_id, "drift_found", "\n".join(planned.drift.lines()))
    return folder.keep_plan(planned)
