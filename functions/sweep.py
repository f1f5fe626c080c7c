"""Sweep: start what was left behind. A message or an execution that a crash swallowed costs time, never a run."""

from typing import Any

from chalicelib.bootstrap.cloud import cloud
from chalicelib.core.errors import EtlError
from chalicelib.core.run import Failure
from functions.boundary import Payload, logger

#: Why a run is closed, when nothing else told why it did not get on; its stage is the one that it reached.
UNRECORDED = Failure(
    "lambda",
    "Fatal",
    "the state machine ended again and again without recording the run, whose objects are not tried any more; "
    "when the cause is mended, ask for a run of the pipeline: it loads what is missing",
)


def handler(_event: Payload, _context: Any) -> dict[str, int]:
    """Anything -> how many runs were resumed, closed, started for unannounced objects, and rid of their staging."""
    intake = cloud().intake()
    under_way = {run_id: intake.machine.resume(run_id) for run_id in cloud().queue.unfinished()}
    closed = sum(_is_closed(run_id) for run_id, is_alive in under_way.items() if not is_alive)
    resumed, started = sum(under_way.values()), intake.take(list(cloud().unseen()))
    told = {"resumed": resumed, "closed": closed, "started": started, "cleared": cloud().clear_staging()}
    logger.info("Swept", extra={"action": "swept", **told})
    return told


def _is_closed(run_id: str) -> bool:
    """Close the run; one that cannot be closed must not keep the others' objects."""
    try:
        cloud().end(run_id, UNRECORDED, for_good=True)
    except EtlError as error:
        logger.warning("Run %s is not closed: %s", run_id, error, extra={"action": "close_failed", "run_id": run_id})
        return False
    return True
