"""The end of a run whose stages were processes apart: what became of it, and what it leaves behind."""

from contextlib import suppress
from datetime import datetime

from chalicelib.core.errors import Fatal, Retriable, Unreachable
from chalicelib.core.outcome import Duplicate, Failed, Published
from chalicelib.core.run import TRANSITIONS, Failure, Run, Stage, Status
from chalicelib.folder import RunFolder
from chalicelib.ports import Find, ObjectStore, RunLog, Target
from chalicelib.stages.record import record

#: The stage of a failure that no stage told, but Lambda or the state machine.
_LAMBDA = "lambda"
_NOTHING_TOLD = Failure(Stage.RECORD.value, "Fatal", "the run published nothing, and no stage said why")
#: Errors of what is away for now: the run may be carried on where it stands.
_PASSING = (Retriable.__name__, Unreachable.__name__)
#: Statuses by the name that an error crosses a process's boundary with; others failed.
_STATUS = {"Held": Status.HELD}


def end(
    run: Run,
    caught: Failure | None,
    *,
    at: datetime,
    log: RunLog,
    work: ObjectStore,
    target: Target | None,
    find: Find | None = None,
    for_good: bool = True,
) -> Run:
    """Record the run's outcome, then drop its staging and its folder. A run that has ended stays as it is.

    Without a ``target`` (its connection leads nowhere) nothing can have been published. Unless it is ``for_good``, a
    run that failed because something was away stays as it is, too, and says that it waits to be carried on.

    Raises:
        Retriable: if the ledger or the run log cannot be reached for now.
    """
    folder = RunFolder(work, run.run_id)
    if TRANSITIONS[run.status] and run.status is not Status.HELD:
        outcome = outcome_of(run.run_id, folder, caught, target)
        if not for_good and isinstance(outcome, Failed) and outcome.failure.error in _PASSING:
            folder.keep_failure(0, outcome)
            log.tell(run.run_id, "run_waits", f"{outcome.failure.message}; the next sweep carries the run on")
            return run
        run = record(run, outcome, at=at, log=log, work=work, find=find)
    if target is not None:
        with suppress(Retriable, Fatal):  # what is left there takes room and harms nobody
            target.discard(run.run_id)
    folder.remove()
    return run


def outcome_of(
    run_id: str, folder: RunFolder, caught: Failure | None, target: Target | None
) -> Published | Duplicate | Failed:
    """What became of the run: a publish outweighs every failure, for its COMMIT's answer may have been lost.

    Raises:
        Retriable: if the ledger cannot be asked for now.
    """
    kept = folder.outcome()
    if kept is not None:
        return kept
    if target is not None and folder.reached() is not Stage.PLAN:
        with suppress(Fatal):  # a ledger that nobody could open holds no entry of this run
            entry = target.entry_of(run_id)
            if entry is not None:
                return Published(entry, entry.counts, folder.so_far().broken)
    is_told = caught is not None and caught.stage != _LAMBDA  # what the folder keeps may be of an attempt before
    return (None if is_told else folder.failure()) or _failed(folder, caught or _NOTHING_TOLD)


def _failed(folder: RunFolder, caught: Failure) -> Failed:
    so_far = folder.so_far()
    told = caught if caught.stage != _LAMBDA else Failure(folder.reached().value, caught.error, caught.message)
    return Failed(_STATUS.get(told.error, Status.FAILED), told, so_far.counts, so_far.broken)
