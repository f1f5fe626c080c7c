"""Runs in the control plane: saved by the journey, read by people."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from chalicelib.core.counts import Counts
from chalicelib.core.errors import NotFound
from chalicelib.core.reject import Reason, Reject
from chalicelib.core.run import Failure, Run, Status, Trigger
from chalicelib.postgres.connection import Connection, Dsn, Row, transaction
from chalicelib.postgres.faults import translated
from chalicelib.postgres.migrate import migrate
from chalicelib.postgres.session import Session
from chalicelib.postgres.statements import statements

SQL = statements("chalicelib.store", "runs.sql")


class PostgresRuns:
    """See ``ports.RunLog``; beyond it, what people read."""

    def __init__(self, dsn: Dsn) -> None:
        self._session = Session(dsn)
        self._is_migrated = False

    def save(self, run: Run, action: str, message: str) -> None:
        """Store the run as it is now, with one event."""
        with self._connected() as session, transaction(session) as connection:
            connection.run(SQL["save_run"], **_values(run))
            connection.run(SQL["add_event"], run_id=run.run_id, action=action, message=_storable(message))

    def tell(self, run_id: str, action: str, message: str) -> None:
        """Add one event to a run."""
        with self._connected() as connection:
            connection.run(SQL["add_event"], run_id=run_id, action=action, message=_storable(message))

    def hold(self, run_id: str) -> None:
        """Hold the run's lock for as long as this session lives."""
        with self._connected() as connection:
            connection.run(SQL["hold"], run_id=run_id)
            connection.run(SQL["mark_held"], run_id=run_id)

    def close_orphans(self, at: datetime) -> list[str]:
        """End the runs whose process was killed; return their ids. What they had not published is gone.

        A run that was killed after its COMMIT stands in the ledger of its target all the same.
        """
        told = "the process ended before the run did; nothing more will be published, load again"
        closed = []
        with self._connected() as connection:
            for (run_id,) in connection.run(SQL["running_in_process"]):
                with transaction(connection):
                    if connection.one(SQL["is_orphan"], run_id=run_id) != [True]:
                        continue
                    run = self.find(run_id).moved(Status.FAILED, at=at, failure=Failure("record", "Retriable", told))
                    connection.run(SQL["save_run"], **_values(run))
                    connection.run(SQL["add_event"], run_id=run_id, action="run_failed", message=told)
                closed.append(run_id)
        return closed

    def save_rejects(self, run_id: str, rejects: Iterable[Reject]) -> int:
        """Store a run's rejects, replacing those of an earlier attempt."""
        counter = [0]
        with self._connected() as session, transaction(session) as connection:
            connection.run(SQL["forget_rejects"], run_id=run_id)
            lines = _copy_lines(run_id, rejects, counter)
            first = next(lines, None)
            if first is not None:
                connection.run("COPY etl.rejects FROM STDIN", stream=_chunks(first, lines))
        return counter[0]

    def newest(self, *, pipeline: str | None = None, limit: int = 20) -> list[Run]:
        """The newest runs, of one pipeline or of all."""
        with self._connected() as connection:
            return [_run(row) for row in connection.run(SQL["runs"], pipeline=pipeline, limit=limit)]

    def find(self, prefix: str) -> Run:
        """The run whose id begins with ``prefix``; ``last`` is the newest.

        Raises:
            NotFound: if there is none, or more than one.
        """
        with self._connected() as connection:
            if prefix == "last":
                rows = connection.run(SQL["runs"], pipeline=None, limit=1)
            else:
                rows = connection.run(SQL["find_runs"], prefix=prefix)
        if not rows:
            raise NotFound(f"there is no run {prefix}; `etlplus runs` lists them")
        if len(rows) > 1:
            raise NotFound(f"more than one run begins with {prefix}; give more of its id")
        return _run(rows[0])

    def events(self, run_id: str) -> list[tuple[datetime, str, str]]:
        """What happened to the run: (at, action, message), in order."""
        with self._connected() as connection:
            return [(row[0], row[1], row[2]) for row in connection.run(SQL["events"], run_id=run_id)]

    def rejects(self, run_id: str, *, limit: int, offset: int = 0) -> list[Reject]:
        """The run's rejects by batch and record."""
        with self._connected() as connection:
            rows = connection.run(SQL["rejects"], run_id=run_id, limit=limit, offset=offset)
        return [_reject(row) for row in rows]

    def rejects_by_reason(self, run_id: str) -> list[dict[str, Any]]:
        """How many records each rule turned away, most first."""
        with self._connected() as connection:
            rows = connection.run(SQL["rejects_by_reason"], run_id=run_id)
        return [{"rule": row[0], "column": row[1], "message": row[2], "records": row[3]} for row in rows]

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        connection = self._session.connection()
        with translated("the run log"):
            if not self._is_migrated:
                migrate(connection, "chalicelib.store.migrations", schema="etl")
                self._is_migrated = True
            yield connection


def _values(run: Run) -> dict[str, Any]:
    failure = run.failure
    return {
        "run_id": run.run_id,
        "pipeline": run.pipeline,
        "digest": run.pipeline_digest,
        "table_name": run.table,
        "trigger": run.trigger.value,
        "status": run.status.value,
        "counts": json.dumps(run.counts.to_json()),
        "broken": json.dumps(dict(run.broken)),
        "table_hash": run.table_hash,
        "ledger_number": run.ledger_number,
        "failure": json.dumps({"stage": failure.stage, "error": failure.error, "message": _storable(failure.message)})
        if failure
        else None,
        "skipped_for": run.skipped_for,
        "created_at": run.created_at,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
    }


def _storable(text: str) -> str:
    """The text as PostgreSQL can hold it: without NUL, and without halves of characters (odd file names have them)."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _run(row: Row) -> Run:
    return Run(
        run_id=row[0],
        pipeline=row[1],
        pipeline_digest=row[2],
        table=row[3],
        trigger=Trigger(row[4]),
        status=Status(row[5]),
        counts=Counts.from_json(row[6]),
        broken=row[7],
        table_hash=row[8],
        ledger_number=row[9],
        failure=Failure(**row[10]) if row[10] else None,
        skipped_for=row[11],
        created_at=row[12],
        started_at=row[13],
        finished_at=row[14],
    )


def _reject(row: Row) -> Reject:
    reasons = tuple(map(Reason.from_json, row[6]))
    return Reject(row[0], row[1], row[2], row[3], row[4], bytes(row[5]), reasons)


def _copy_lines(run_id: str, rejects: Iterable[Reject], counter: list[int]) -> Iterator[bytes]:
    """Rejects in COPY's text format; ``counter[0]`` counts them."""
    for number, reject in enumerate(rejects, start=1):
        counter[0] = number
        numbers = [str(v) if v is not None else "\\N" for v in (reject.record, reject.start, reject.end)]
        told = [{k: v and _storable(v) for k, v in reason.items()} for reason in reject.to_json()["reasons"]]
        reasons = json.dumps(told, ensure_ascii=False).replace("\\", "\\\\")
        fields = [
            run_id,
            str(number),
            str(reject.batch),
            _copied(reject.object),
            *numbers,
            "\\\\x" + reject.raw.hex(),
            reasons,
        ]
        yield "\t".join(fields).encode() + b"\n"


def _copied(text: str) -> str:
    """The text as a field of COPY's text format."""
    escapes = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}
    return "".join(escapes.get(character, character) for character in _storable(text))


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
