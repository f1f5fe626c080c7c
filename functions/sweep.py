"""Sweep: start what was left behind. A message or an execution that a crash swallowed costs time, never a run."""

from typing import Any

from chalicelib.bootstrap.cloud import cloud
from functions.boundary import Payload, logger


def handler(_event: Payload, _context: Any) -> dict[str, Any]:
    """Anything -> how many runs were resumed, and how many started for objects that nobody announced."""
    intake = cloud().intake()
    unfinished = cloud().queue.unfinished()
    for run_id in unfinished:
        intake.machine.start(run_id)
    started = intake.take(list(cloud().unseen()))
    told = {"resumed": len(unfinished), "started": started}
    logger.info("Swept: %d runs resumed, %d started", len(unfinished), started, extra={"action": "swept", **told})
    return told
