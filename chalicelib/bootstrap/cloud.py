"""The wiring of the Lambdas: each adapter is imported and made at its first use, then kept for the next invocation.

What a Lambda does not use it does not import, so its bundle need not hold it: record has no engine, transform no
database driver.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cache, cached_property
from typing import TYPE_CHECKING

from chalicelib.clock import SystemClock
from chalicelib.core.delivery import ObjectCreated, ObjectId
from chalicelib.core.errors import EtlError, Refused, Retriable
from chalicelib.core.folder import late_key
from chalicelib.core.pipeline import Pipeline, S3Source
from chalicelib.core.run import Failure, Run, Trigger
from chalicelib.folder import RunFolder
from chalicelib.settings import Settings

if TYPE_CHECKING:
    from chalicelib.aws.source import S3Source as Source
    from chalicelib.aws.store import S3Store
    from chalicelib.intake import Intake
    from chalicelib.ports import Find
    from chalicelib.postgres.connection import Dsn
    from chalicelib.store.pipelines import PostgresPipelines
    from chalicelib.store.plane import Plane
    from chalicelib.store.queue import PostgresQueue
    from chalicelib.store.runs import PostgresRuns
    from chalicelib.store.tokens import PostgresTokens
    from chalicelib.targets.postgres import PostgresTarget

logger = logging.getLogger(__name__)


class Cloud:
    """What the settings of one Lambda lead to."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._targets: dict[str, PostgresTarget] = {}
        self.clock = SystemClock()

    @cached_property
    def runs(self) -> "PostgresRuns":
        """The run log."""
        from chalicelib.store.runs import PostgresRuns

        return PostgresRuns(self._plane)

    @cached_property
    def pipelines(self) -> "PostgresPipelines":
        """The pipelines that were applied."""
        from chalicelib.store.pipelines import PostgresPipelines

        return PostgresPipelines(self._plane)

    @cached_property
    def queue(self) -> "PostgresQueue":
        """The runs that wait."""
        from chalicelib.store.queue import PostgresQueue

        return PostgresQueue(self._plane)

    @cached_property
    def tokens(self) -> "PostgresTokens":
        """The API's tokens."""
        from chalicelib.store.tokens import PostgresTokens

        return PostgresTokens(self._plane)

    @cached_property
    def work(self) -> "S3Store":
        """The work bucket."""
        from chalicelib.aws.store import S3Store

        return S3Store(self._settings.needed("work_bucket"))

    def workers(self, pipeline: Pipeline) -> int:
        """The most batches of one run of the pipeline that are worked on at once."""
        return min(pipeline.parallel.max_workers, self._settings.max_workers)

    @property
    def extract_reserve_s(self) -> float:
        """Extract ends a pass, to go on in another, when its Lambda has less time left than this."""
        return self._settings.extract_reserve_s

    def intake(self) -> "Intake":
        """What stands behind the queue of messages."""
        from chalicelib.aws.machine import StateMachine
        from chalicelib.intake import Intake

        machine = StateMachine(self._settings.needed("state_machine_arn"))
        return Intake([each.pipeline for each in self.pipelines.all()], self.queue, machine, self.clock)

    def unseen(self) -> "Iterator[ObjectCreated]":
        """The objects that came after their pipeline was applied and that no run was queued for."""
        from chalicelib.intake import announced

        for applied in (each for each in self.pipelines.all() if each.pipeline.triggers):
            claimed, since = self.queue.claimed(applied.pipeline.name), applied.created_at.replace(microsecond=0)
            try:
                with self.source(applied.pipeline) as source:
                    there = [announced(version) for version in source.newest() if version.last_modified >= since]
            except EtlError as error:  # one pipeline's bucket must not keep the others' objects
                told = {"action": "sweep_skipped", "pipeline": applied.pipeline.name}
                logger.warning("The sweep leaves out %s: %s", applied.pipeline.name, error, extra=told)
                continue
            yield from (created for created in there if created.object not in claimed)

    def folder(self, run_id: str) -> RunFolder:
        """The run's folder in the work bucket."""
        return RunFolder(self.work, run_id)

    def pipeline_of(self, run: Run) -> Pipeline:
        """The very version of the pipeline that the run was queued with."""
        return self.pipelines.document(run.pipeline, run.pipeline_digest)

    @contextmanager
    def source(self, pipeline: Pipeline, objects: Sequence[ObjectId] = ()) -> "Iterator[Source]":
        """The pipeline's source, whose local copies are gone after the block."""
        from chalicelib.aws.source import S3Source as Source

        if not isinstance(pipeline.source, S3Source):
            raise Refused(f"{pipeline.name} reads a file of one machine; `etlplus load` runs it there")
        source = Source(pipeline.source, objects=objects)
        try:
            yield source
        finally:
            source.close()

    def target(self, pipeline: Pipeline) -> "PostgresTarget":
        """The database that the pipeline's connection leads to."""
        from chalicelib.postgres.connection import Dsn
        from chalicelib.targets.postgres import PostgresTarget

        name = pipeline.target.connection
        if name not in self._targets:
            url = self._settings.connection(name)
            dsn = replace(Dsn.parse(url), patience_s=self._settings.patience_s) if url else self._control
            self._targets[name] = PostgresTarget(dsn)
        return self._targets[name]

    def target_if_known(self, pipeline: Pipeline) -> "PostgresTarget | None":
        """The same, or None when nothing says where the connection leads."""
        with suppress(Refused):
            return self.target(pipeline)
        return None

    def clear_staging(self) -> int:
        """Drop what ended runs left in the databases that the pipelines' connections lead to; return of how many."""
        found = {applied.pipeline.target.connection: applied.pipeline for applied in self.pipelines.all()}
        targets = [target for target in map(self.target_if_known, found.values()) if target is not None]
        return sum(target.discard_ended(self.runs.ended) for target in targets)

    def end(self, run_id: str, caught: Failure | None, *, for_good: bool) -> Run:
        """Record how a run ended; ``caught`` is the failure that the state machine caught, if it did.

        Unless it is ``for_good``, a run that failed because something was away is left for the sweep to carry on.
        """
        return self._end(self.runs.find(run_id), caught, None, for_good=for_good)

    def end_with_places(self, run_id: str, caught: Failure | None, *, for_good: bool) -> Run:
        """The same, and find the bytes of what publish rejected, which takes room for an object and reads it again."""
        run = self.runs.find(run_id)
        if not self.work.keys(late_key(run_id)):
            return self._end(run, caught, None, for_good=for_good)
        from chalicelib.formats.find import finder

        folder = self.folder(run_id)
        with self.source(self.pipeline_of(run)) as source:
            return self._end(run, caught, finder(folder.plan(), folder.manifest(), source), for_good=for_good)

    def _end(self, run: Run, caught: Failure | None, find: "Find | None", *, for_good: bool) -> Run:
        from chalicelib.ending import end

        target = self.target_if_known(self.pipeline_of(run))
        at = self.clock.now()
        return end(run, caught, at=at, log=self.runs, work=self.work, target=target, find=find, for_good=for_good)

    def start(self, name: str) -> Run:
        """Queue a run of the pipeline ``name`` and ask for its start; the sweep starts it if the queue is not there.

        Raises:
            NotFound: if there is no such pipeline.
        """
        from chalicelib.aws.queue import Queue

        messages = Queue(self._settings.needed("queue_url"))
        pipeline = self.pipelines.current(name).pipeline
        run = self.queue.request(pipeline, trigger=Trigger.PERSON, at=self.clock.now())
        with suppress(Retriable):
            messages.ask(run.run_id)
        return run

    def doubts(self, pipeline: Pipeline) -> list[str]:
        """What will keep runs of the pipeline from succeeding, as far as it can be seen before there is one.

        Raises:
            Refused: if nothing says where its connection leads.
        """
        from chalicelib.aws.bucket import is_missing

        self._settings.connection(pipeline.target.connection)
        source = pipeline.source
        if not isinstance(source, S3Source) or not is_missing(source.bucket):
            return []
        return [f"the bucket {source.bucket} does not exist, so nothing is loaded from {source.uri} until it is made"]

    def check(self) -> None:
        """Ask the control plane's database whether it answers.

        Raises:
            Unreachable: if it does not.
        """
        self.runs.newest(limit=1)

    def close(self) -> None:
        """Close the connections that were opened."""
        opened = (self.__dict__.get("_plane"), *self._targets.values())
        for each in opened:
            if each is not None:
                each.close()

    @cached_property
    def _plane(self) -> "Plane":
        from chalicelib.store.plane import Plane

        return Plane(self._control)

    @cached_property
    def _control(self) -> "Dsn":
        from chalicelib.postgres.connection import Dsn

        dsn = replace(Dsn.parse(self._settings.needed("database_url")), patience_s=self._settings.patience_s)
        if self._settings.database_auth == "iam":
            from chalicelib.aws.rds import token

            return replace(dsn, token=token)
        return dsn


@cache
def cloud() -> Cloud:
    """The process's wiring, after its environment."""
    return Cloud(Settings.read())
