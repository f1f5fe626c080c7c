"""The queue in the control plane: runs that wait, and which object version belongs to which run."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from chalicelib.clock import new_run_id
from chalicelib.core.delivery import ObjectCreated, ObjectId
from chalicelib.core.pipeline import Pipeline
from chalicelib.core.run import Run, Skip, Status, Trigger
from chalicelib.postgres.connection import Connection, transaction
from chalicelib.postgres.statements import statements
from chalicelib.store.plane import Plane
from chalicelib.store.rows import run_values

SQL = statements("chalicelib.store", "queue.sql")
RUNS = statements("chalicelib.store", "runs.sql")


class PostgresQueue:
    """See ``ports.RunQueue``; beyond it, runs that people ask for, and what the sweep needs to know."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane

    def take(self, pipeline: Pipeline, created: Sequence[ObjectCreated], at: datetime) -> Sequence[str]:
        """Queue runs for the objects of one batch of deliveries; return the ids of those to start."""
        with self._plane.connected() as session, transaction(session) as connection:
            connection.run(SQL["lock"], pipeline=pipeline.name)
            ids = [each.delivery for each in created]
            before = {row[0]: row for row in connection.run(SQL["delivered"], pipeline=pipeline.name, ids=ids)}
            waiting = [run_id for _, run_id, is_queued in before.values() if is_queued]
            fresh = {each.delivery: each for each in created if each.delivery not in before}
            return waiting + _Taking(connection, pipeline, at).runs(fresh.values())

    def request(self, pipeline: Pipeline, *, trigger: Trigger, at: datetime) -> Run:
        """Queue a run of all that the pipeline's source finds."""
        with self._plane.connected() as session, transaction(session) as connection:
            return _queued(connection, pipeline, trigger, at)

    def objects_of(self, run_id: str) -> list[ObjectId]:
        """The object versions that a run was queued for; none means all that its source finds."""
        with self._plane.connected() as connection:
            return [ObjectId(*row) for row in connection.run(SQL["objects_of"], run_id=run_id)]

    def claimed(self, pipeline: str) -> set[ObjectId]:
        """The object versions that runs of the pipeline were queued for, ever."""
        with self._plane.connected() as connection:
            return {ObjectId(*row) for row in connection.run(SQL["claimed"], pipeline=pipeline)}

    def unfinished(self) -> list[str]:
        """The runs of the state machine that have no final status, the oldest first."""
        with self._plane.connected() as connection:
            return [row[0] for row in connection.run(SQL["unfinished"])]


class _Taking:
    """The taking of one batch of deliveries for one pipeline, under its lock."""

    def __init__(self, connection: Connection, pipeline: Pipeline, at: datetime) -> None:
        self._connection, self._pipeline, self._at = connection, pipeline, at
        self._room_bytes = 0
        self._open: str | None = None

    def runs(self, created: Iterable[ObjectCreated]) -> list[str]:
        """Give each object version to a run, small ones together, or skip it for the run that has it."""
        started = []
        for each in created:
            place = {"pipeline": self._pipeline.name, **_place(each.object)}
            holder = self._connection.one(SQL["holder"], **place)
            if holder is None:
                run_id = self._with_room(each.size_bytes)
                self._connection.run(SQL["claim"], **place, run_id=run_id, size_bytes=each.size_bytes)
                started.append(run_id)
            else:
                run_id = holder[0] if self._is_same(each) else self._skipped(holder[0]).run_id
            self._connection.run(SQL["add_delivery"], id=each.delivery, pipeline=self._pipeline.name, run_id=run_id)
        return list(dict.fromkeys(started))

    def _is_same(self, created: ObjectCreated) -> bool:
        """Whether message and sweep announce one arrival, whichever came first: nothing was delivered twice then."""
        found = created.object.found
        key = {"pipeline": self._pipeline.name, "found": found}
        return created.delivery == found or self._connection.one(SQL["was_found"], **key) is not None

    def _with_room(self, size_bytes: int) -> str:
        """The run that the next object of this size joins: one that waits already, or a new one."""
        limit_bytes = self._pipeline.parallel.batch_mb * 1024**2
        if self._open is None:
            key = {"pipeline": self._pipeline.name, "digest": self._pipeline.digest(), "at": self._at}
            self._open, used_bytes = self._connection.one(SQL["joinable"], **key) or (None, 0)
            self._room_bytes = limit_bytes - used_bytes
        if self._open is None or size_bytes > self._room_bytes:
            self._open = _queued(self._connection, self._pipeline, Trigger.OBJECT, self._at).run_id
            self._room_bytes = limit_bytes
        self._room_bytes -= size_bytes
        return self._open

    def _skipped(self, holder: str) -> Run:
        why = {"skipped_for": holder, "skipped_because": Skip.CLAIMED}
        run = _run(self._pipeline, Trigger.OBJECT, self._at).moved(Status.SKIPPED, at=self._at, **why)
        _save(self._connection, run, "run_skipped", f"the object belongs to run {holder}")
        return run


def _place(version: ObjectId) -> dict[str, str]:
    return {"bucket": version.bucket, "key": version.key, "version": version.version}


def _queued(connection: Connection, pipeline: Pipeline, trigger: Trigger, at: datetime) -> Run:
    run = _run(pipeline, trigger, at)
    _save(connection, run, "run_queued", f"asked for by {trigger.value}")
    return run


def _run(pipeline: Pipeline, trigger: Trigger, at: datetime) -> Run:
    return Run(
        run_id=new_run_id(at),
        pipeline=pipeline.name,
        pipeline_digest=pipeline.digest(),
        table=str(pipeline.target.table),
        trigger=trigger,
        created_at=at,
    )


def _save(connection: Connection, run: Run, action: str, message: str) -> None:
    connection.run(RUNS["save_run"], **run_values(run))
    connection.run(RUNS["add_event"], run_id=run.run_id, action=action, message=message)
