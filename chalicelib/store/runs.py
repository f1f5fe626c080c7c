"""Runs in the control plane: saved by the journey, read by people."""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from chalicelib.core.errors import NotFound, Refused
from chalicelib.core.history import RuleCount
from chalicelib.core.reject import Reason, Reject
from chalicelib.core.run import Failure, Run, Status
from chalicelib.core.words import quoted, way_out
from chalicelib.postgres.connection import Row, transaction
from chalicelib.postgres.statements import statements
from chalicelib.store.plane import Plane
from chalicelib.store.rows import run_of, run_values, storable

SQL = statements("chalicelib.store", "runs.sql")


class PostgresRuns:
    """See ``ports.RunLog``; beyond it, what people read."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane

    def save(self, run: Run, action: str, message: str) -> None:
        """Store the run as it is now, with one event."""
        with self._plane.connected() as session, transaction(session) as connection:
            connection.run(SQL["save_run"], **run_values(run))
            connection.run(SQL["add_event"], run_id=run.run_id, action=action, message=storable(message))

    def tell(self, run_id: str, action: str, message: str) -> None:
        """Add one event to a run."""
        with self._plane.connected() as connection:
            connection.run(SQL["add_event"], run_id=run_id, action=action, message=storable(message))

    def begin(self, run_id: str, at: datetime) -> Run:
        """Say that the run's first stage begins; a second attempt finds it running.

        Raises:
            Refused: if the run has ended.
        """
        run = self.find(run_id)
        if run.status is Status.RUNNING:
            return run
        if run.status is not Status.QUEUED:
            raise Refused(f"run {run_id} is {run.status} already and is not carried out again")
        begun = run.moved(Status.RUNNING, at=at)
        self.save(begun, "run_started", f"started by {run.trigger.value}")
        return begun

    def hold(self, run_id: str) -> None:
        """Hold the run's lock for as long as this session lives."""
        with self._plane.connected() as connection:
            connection.run(SQL["hold"], run_id=run_id)
            connection.run(SQL["mark_held"], run_id=run_id)

    def close_orphans(self, at: datetime) -> list[str]:
        """End the runs whose process was killed; return their ids. What they had not published is gone.

        A run that was killed after its COMMIT stands in the ledger of its target all the same.
        """
        told = "the process ended before the run did; nothing more will be published, load again"
        closed = []
        with self._plane.connected() as connection:
            for (run_id,) in connection.run(SQL["running_in_process"]):
                with transaction(connection):
                    if connection.one(SQL["is_orphan"], run_id=run_id) != [True]:
                        continue
                    run = self.find(run_id).moved(Status.FAILED, at=at, failure=Failure("record", "Retriable", told))
                    connection.run(SQL["save_run"], **run_values(run))
                    connection.run(SQL["add_event"], run_id=run_id, action="run_failed", message=told)
                closed.append(run_id)
        return closed

    def ended(self, run_ids: Sequence[str]) -> list[str]:
        """Those of the runs that have ended; of a run that is not known here nobody can say."""
        with self._plane.connected() as connection:
            return [row[0] for row in connection.run(SQL["ended"], run_ids=list(run_ids))]

    def save_rejects(self, run_id: str, rejects: Iterable[Reject]) -> int:
        """Store a run's rejects, replacing those of an earlier attempt."""
        counter = [0]
        with self._plane.connected() as session, transaction(session) as connection:
            connection.run(SQL["forget_rejects"], run_id=run_id)
            lines = _copy_lines(run_id, rejects, counter)
            first = next(lines, None)
            if first is not None:
                connection.run("COPY etl.rejects FROM STDIN", stream=_chunks(first, lines))
        return counter[0]

    def newest(self, *, pipeline: str | None = None, limit: int = 20) -> list[Run]:
        """The newest runs, of one pipeline or of all."""
        with self._plane.connected() as connection:
            return [run_of(row) for row in connection.run(SQL["runs"], pipeline=pipeline, limit=limit)]

    def find(self, prefix: str) -> Run:
        """The run whose id begins with ``prefix``; ``last`` is the newest.

        Raises:
            NotFound: if there is none, or more than one.
        """
        with self._plane.connected() as connection:
            if prefix == "last":
                rows = connection.run(SQL["runs"], pipeline=None, limit=1)
            else:
                rows = connection.run(SQL["find_runs"], prefix=prefix)
        if not rows:
            raise NotFound(f"there is no run {prefix}; `etlplus runs` lists them")
        if len(rows) > 1:
            raise NotFound(f"more than one run begins with {prefix}; give more of its id")
        return run_of(rows[0])

    def rule_counts(self, pipeline: str, *, rule: str | None = None, limit: int = 20) -> list[RuleCount]:
        """What the newest runs of a pipeline counted, the newest first: under one rule's key, or under all of them.

        Raises:
            NotFound: if no run of it has counted any, or that one.
        """
        with self._plane.connected() as connection:
            rows = connection.run(SQL["rule_counts"], pipeline=pipeline, rule=rule, limit=limit)
        if rows:
            return [RuleCount(*row) for row in rows]
        if rule is None:
            raise NotFound(f"no run of {pipeline} has judged a record yet; `etlplus runs` lists the runs")
        known = sorted({each.rule for each in self.rule_counts(pipeline, limit=limit)})
        raise NotFound(f"no run of {pipeline} has counted the rule {quoted(rule)}; {way_out(rule, known)}")

    def events(self, run_id: str) -> list[tuple[datetime, str, str]]:
        """What happened to the run: (at, action, message), in order."""
        with self._plane.connected() as connection:
            return [(row[0], row[1], row[2]) for row in connection.run(SQL["events"], run_id=run_id)]

    def rejects(self, run_id: str, *, limit: int, offset: int = 0) -> list[Reject]:
        """The run's rejects by batch and record."""
        with self._plane.connected() as connection:
            rows = connection.run(SQL["rejects"], run_id=run_id, limit=limit, offset=offset)
        return [_reject(row) for row in rows]

    def rejects_by_reason(self, run_id: str) -> list[dict[str, Any]]:
        """How many records each rule turned away, most first."""
        with self._plane.connected() as connection:
            rows = connection.run(SQL["rejects_by_reason"], run_id=run_id)
        return [{"rule": row[0], "column": row[1], "message": row[2], "records": row[3]} for row in rows]


_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def _reject(row: Row) -> Reject:
    reasons = tuple(map(Reason.from_json, row[6]))
    return Reject(row[0], row[1], row[2], row[3], row[4], bytes(row[5]), reasons)


def _copy_lines(run_id: str, rejects: Iterable[Reject], counter: list[int]) -> Iterator[bytes]:
    """Rejects in COPY's text format; ``counter[0]`` counts them."""
    for number, reject in enumerate(rejects, start=1):
        counter[0] = number
        numbers = [str(v) if v is not None else "\\N" for v in (reject.record, reject.start, reject.end)]
        fields = [
            run_id,
            str(number),
            str(reject.batch),
            _copied(reject.object),
            *numbers,
            "\\\\x" + reject.raw.hex(),
            _copied_reasons(reject.reasons),
        ]
        yield "\t".join(fields).encode() + b"\n"


@lru_cache
def _copied_reasons(reasons: tuple[Reason, ...]) -> str:
    """The reasons as a field of COPY's text format; thousands of rejects share a few."""
    told = [{k: v and storable(v) for k, v in reason.to_json().items()} for reason in reasons]
    return json.dumps(told, ensure_ascii=False).replace("\\", "\\\\")


def _copied(text: str) -> str:
    """The text as a field of COPY's text format."""
    return storable(text).translate(_ESCAPES)


def _chunks(first: bytes, lines: Iterator[bytes]) -> Iterator[bytes]:
    """Lines joined into messages of about 1 MB: small ones cost a system call each."""
    held: list[bytes] = [first]
    size = len(first)
    for line in lines:
        held.append(line)
        size += len(line)
        if size > 1_000_000:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)
