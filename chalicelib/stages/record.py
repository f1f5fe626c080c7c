"""Record: the run's final status, counts and rejects into the run log."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from itertools import groupby, tee
from typing import Any

from chalicelib.core.counts import Counts
from chalicelib.core.errors import Held, NotFound, SourceMoved
from chalicelib.core.folder import late_key, rejects_prefix
from chalicelib.core.outcome import Duplicate, Failed, Published
from chalicelib.core.reject import Reject
from chalicelib.core.run import Run, Skip, Status
from chalicelib.ports import Find, ObjectStore, RunLog


def record(
    run: Run,
    outcome: Published | Duplicate | Failed,
    *,
    at: datetime,
    log: RunLog,
    work: ObjectStore,
    find: Find | None = None,
) -> Run:
    """End the run with its outcome; to do so again changes nothing.

    Records that publish rejected have no place in their object until ``find`` finds it; what it cannot find keeps its
    values in place of its bytes.
    """
    ended, told = _ended(run, outcome, at)
    log.save_rejects(run.run_id, _rejects(run.run_id, work, find))
    published = outcome if isinstance(outcome, Published) else None
    for note in published.entry.notes if published else ():
        log.tell(run.run_id, "publish_noted", note)
    for warning in published.warnings if published else ():
        log.tell(run.run_id, "rule_broken", warning)
    log.save(ended, f"run_{ended.status}", told)
    return ended


def _ended(run: Run, outcome: Published | Duplicate | Failed, at: datetime) -> tuple[Run, str]:
    if isinstance(outcome, Duplicate):
        what = "superseded: a newer version was loaded" if outcome.superseded else "loaded already"
        why = Skip.SUPERSEDED if outcome.superseded else Skip.DUPLICATE
        skipped = run.moved(Status.SKIPPED, at=at, skipped_for=outcome.of, skipped_because=why)
        return skipped, f"{what} by run {outcome.of}"
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


def _rejects(run_id: str, work: ObjectStore, find: Find | None) -> Iterator[Reject]:
    for key in work.keys(rejects_prefix(run_id)):
        with work.reading(key) as stream:
            rejects = map(Reject.from_line, stream)
            yield from rejects if find is None or key != late_key(run_id) else _placed(rejects, find)


def _placed(rejects: Iterator[Reject], find: Find) -> Iterator[Reject]:
    """The rejects with their places, a batch at a time; both streams are in the order of record numbers."""
    for batch, group in groupby(rejects, key=lambda reject: reject.batch):
        ours, numbers = tee(group)
        found = _found(find, batch, (each.record for each in numbers if each.record is not None))
        place = next(found, None)
        for reject in ours:
            if place is None or place[0] != reject.record:
                yield reject
                continue
            _, start, end, raw = place
            yield replace(reject, start=start, end=end, raw=raw)
            place = next(found, None)


def _found(find: Find, batch: int, numbers: Iterator[int]) -> Iterator[tuple[int, int | None, int | None, bytes]]:
    with suppress(SourceMoved, NotFound, Held):  # the object is gone since it was read, and its bytes with it
        yield from find(batch, numbers)
