"""Record: the run's final status, counts and rejects into the run log."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from chalicelib.core.counts import Counts
from chalicelib.core.folder import rejects_prefix
from chalicelib.core.outcome import Duplicate, Failed, Published
from chalicelib.core.reject import Reject
from chalicelib.core.run import Run, Status
from chalicelib.ports import ObjectStore, RunLog


def record(run: Run, outcome: Published | Duplicate | Failed, *, at: datetime, log: RunLog, work: ObjectStore) -> Run:
    """End the run with its outcome; to do so again changes nothing."""
    ended, told = _ended(run, outcome, at)
    log.save_rejects(run.run_id, _rejects(run.run_id, work))
    for note in outcome.entry.notes if isinstance(outcome, Published) else ():
        log.tell(run.run_id, "publish_noted", note)
    log.save(ended, f"run_{ended.status}", told)
    return ended


def _ended(run: Run, outcome: Published | Duplicate | Failed, at: datetime) -> tuple[Run, str]:
    if isinstance(outcome, Duplicate):
        what = "superseded: a newer version was loaded" if outcome.superseded else "loaded already"
        return run.moved(Status.SKIPPED, at=at, skipped_for=outcome.of), f"{what} by run {outcome.of}"
    facts: dict[str, Any] = {"counts": outcome.counts, "broken": outcome.broken}
    if isinstance(outcome, Failed):
        return run.moved(outcome.status, at=at, failure=outcome.failure, **facts), outcome.failure.message
    entry = outcome.entry
    ended = run.moved(Status.SUCCEEDED, at=at, table_hash=str(entry.table_hash), ledger_number=entry.number, **facts)
    return ended, f"{_told(outcome.counts)} {run.table}"


def _told(counts: Counts) -> str:
    """What a publish did, as a sentence that the table's name ends."""
    besides = {"updated": counts.updated, "unchanged": counts.unchanged, "removed": counts.removed}
    more = [f"{count:,} {what}" for what, count in besides.items() if count]
    return ", ".join([f"{counts.loaded:,} records loaded", *more]) + (" into" if not more else " in")


def _rejects(run_id: str, work: ObjectStore) -> Iterator[Reject]:
    for key in work.keys(rejects_prefix(run_id)):
        with work.reading(key) as stream:
            yield from map(Reject.from_line, stream)
