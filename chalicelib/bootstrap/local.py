"""The wiring of a run in one process."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from chalicelib.clock import SystemClock, new_run_id
from chalicelib.core.errors import Refused
from chalicelib.core.folder import run_prefix
from chalicelib.core.pipeline import FileSource as FileSourceDocument
from chalicelib.core.pipeline import Pipeline
from chalicelib.core.run import Run, Status
from chalicelib.disk import DiskStore
from chalicelib.engine.heap import keep_freed_blocks
from chalicelib.engine.lookup import Fetched
from chalicelib.engine.pinning import fetch, pin
from chalicelib.engine.records.ahead import ReadAhead
from chalicelib.journey import Journey
from chalicelib.ports import Progress
from chalicelib.postgres.connection import Dsn
from chalicelib.sources.file import FileSource
from chalicelib.store.plane import Plane
from chalicelib.store.runs import PostgresRuns
from chalicelib.targets.postgres import PostgresTarget


@dataclass(frozen=True, slots=True)
class Places:
    """Where things are: the control plane's database, the target's, and the folder of the runs' work."""

    control: Dsn
    target: Dsn
    work: Path


@contextmanager
def run_log(control: Dsn) -> Iterator[PostgresRuns]:
    """The run log, for the length of the block."""
    plane = Plane(control)
    try:
        yield PostgresRuns(plane)
    finally:
        plane.close()


def looked_up(pipeline: Pipeline, database: Dsn, folder: Path) -> tuple[Fetched, ...]:
    """The rows that the steps look up in ``database`` now, copied into ``folder``.

    Raises:
        InvalidPipeline: with the place, for a table or a column that is not there.
        Refused: if a table cannot be pinned.
    """
    target, work = PostgresTarget(database), DiskStore(folder / "work")
    try:
        return fetch(pin("preview", pipeline, target=target, work=work), work, folder)
    finally:
        target.close()


def run_in_process(pipeline: Pipeline, places: Places, progress: Progress, ahead: ReadAhead | None = None) -> Run:
    """Carry out one run of ``pipeline`` in this process and return how it ended.

    Raises:
        Refused: if its source needs a cloud.
    """
    if not isinstance(pipeline.source, FileSourceDocument):
        raise Refused(f"{pipeline.name} reads {pipeline.source.uri}, which needs a running cloud; load a file instead")
    keep_freed_blocks()
    clock = SystemClock()
    source = FileSource(pipeline.source.path, work=places.work / "plain", ahead=ahead)
    target = PostgresTarget(places.target)
    try:
        with run_log(places.control) as log:
            work = DiskStore(places.work)
            for orphan in log.close_orphans(clock.now()):
                work.remove(run_prefix(orphan))
            journey = Journey(source, target, log, work, clock, progress)
            run = journey.run(pipeline, new_run_id(clock.now()))
            if run.status is not Status.FAILED:  # else the target may be away
                target.discard_ended(log.ended)
            return run
    finally:
        source.close()
        target.close()
