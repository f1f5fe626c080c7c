"""Sweep: start what was left behind. A message or an execution that a crash swallowed costs time, never a run."""

from typing import Any

from chalicelib.bootstrap.cloud import cloud
from chalicelib.core.run import Failure
from functions.boundary import Payload, logger

UNRECORDED = Failure("record", "Fatal", "the state machine ended without recording the run; nothing more will happen")


def handler(_event: Payload, _context: Any) -> dict[str, int]:
    """Anything -> how many runs were resumed, closed, and started for objects that nobody announced."""
    intake = cloud().intake()
    under_way = {run_id: intake.machine.start(run_id) for run_id in cloud().queue.unfinished()}
    for run_id in (run_id for run_id, is_alive in under_way.items() if not is_alive):
        cloud().end(run_id, UNRECORDED)
    resumed, started = sum(under_way.values()), intake.take(list(cloud().unseen()))
    told = {"resumed": resumed, "closed": len(under_way) - resumed, "started": started}
    logger.info("Swept", extra={"action": "swept", **told})
    return told
