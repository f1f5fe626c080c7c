"""The journey in one process: the six stages in order, without a state machine.

Where nothing stands in the way, transform's records go straight into publish's COPY (a direct append); else into
staging first. A crash anywhere leaves a table that is as it was; the run that it leaves is closed by the next process.
"""

import logging
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace

import pyarrow as pa

from chalicelib.core.errors import EtlError, Held, Retriable
from chalicelib.core.folder import run_prefix
from chalicelib.core.manifest import Batch, Manifest
from chalicelib.core.outcome import NOTHING, Duplicate, Failed, Published, Transformed
from chalicelib.core.pipeline import Pipeline
from chalicelib.core.plan import Plan
from chalicelib.core.run import Run, Stage, Status, Trigger
from chalicelib.folder import RunFolder
from chalicelib.formats.find import finder
from chalicelib.ports import BatchSink, Clock, Find, ObjectStore, Progress, RunLog, Source, Target
from chalicelib.stages.extract import extract
from chalicelib.stages.plan import plan
from chalicelib.stages.publish import Copy, publish
from chalicelib.stages.record import record
from chalicelib.stages.transform import transform

logger = logging.getLogger(__name__)

#: How often a run is tried when its error says that waiting may help.
ATTEMPTS = 2


class _Nowhere:
    """Where records go that are only counted, with nobody watching."""

    def write(self, plan: Plan, batch: Batch, records: Iterable[pa.RecordBatch]) -> int:
        del plan, batch
        return sum(each.num_rows for each in records)

    def total(self, records: int) -> None: ...

    def advance(self, records: int) -> None: ...


@dataclass(slots=True)
class Journey:
    """One run's way through the stages, with the ports it needs and how far it has come."""

    source: Source
    target: Target
    log: RunLog
    work: ObjectStore
    clock: Clock
    progress: Progress
    stage: Stage = Stage.PLAN
    so_far: Transformed = NOTHING
    find: Find | None = None

    def run(self, pipeline: Pipeline, run_id: str, trigger: Trigger = Trigger.PERSON) -> Run:
        """Carry the run to a final status and return it; what the run may meet is its outcome, not an error.

        Raises:
            KeyboardInterrupt: after the run was recorded as cancelled.
        """
        queued = Run(
            run_id=run_id,
            pipeline=pipeline.name,
            pipeline_digest=pipeline.digest(),
            table=str(pipeline.target.table),
            trigger=trigger,
            created_at=self.clock.now(),
        )
        running = queued.moved(Status.RUNNING, at=self.clock.now())
        self.log.save(running, "run_started", f"started by {trigger.value}")
        self.log.hold(run_id)
        try:
            outcome = self._outcome(pipeline, run_id)
        except KeyboardInterrupt as interrupt:
            self._record(running, Failed.of(interrupt, self.stage, self.so_far))
            raise
        return self._record(running, outcome)

    def _record(self, running: Run, outcome: Published | Duplicate | Failed) -> Run:
        ended = record(running, outcome, at=self.clock.now(), log=self.log, work=self.work, find=self.find)
        self.work.remove(run_prefix(running.run_id))
        return ended

    def _outcome(self, pipeline: Pipeline, run_id: str) -> Published | Duplicate | Failed:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._through_the_stages(pipeline, run_id)
            except Retriable as error:
                failed = Failed.of(error, self.stage, self.so_far)
                published = self._published(run_id)  # a COMMIT whose answer was lost
                if published or attempt == ATTEMPTS:
                    return published or failed
            except EtlError as error:
                return Failed.of(error, self.stage, self.so_far)
            except Exception as error:  # the boundary of a run in process: its status is told, whoever called it
                logger.exception("Run %s met a defect", run_id, extra={"action": "run_broke"})
                return Failed.of(error, self.stage, self.so_far)
        raise AssertionError

    def _published(self, run_id: str) -> Published | None:
        with suppress(EtlError):
            entry = self.target.entry_of(run_id)
            return Published(entry, entry.counts, self.so_far.broken) if entry else None
        return None

    def _through_the_stages(self, pipeline: Pipeline, run_id: str) -> Published | Duplicate:
        self.stage, self.so_far = Stage.PLAN, NOTHING
        planned = plan(run_id, pipeline, source=self.source, target=self.target, work=self.work)
        if isinstance(planned, Duplicate):
            return planned
        self.log.tell(run_id, "plan_made", "; ".join(planned.notes))
        if planned.drift:
            self.log.tell(run_id, "drift_found", "\n".join(planned.drift.lines()))
        self.stage = Stage.EXTRACT
        manifest = extract(planned, source=self.source)
        self.progress.total(manifest.records)
        RunFolder(self.work, run_id).begin_anew()  # an earlier attempt may have had other batches
        self.find = finder(planned, manifest, self.source)
        self.stage = Stage.PUBLISH
        return (self._directly if planned.may_go_direct else self._through_staging)(planned, manifest)

    def _directly(self, planned: Plan, manifest: Manifest) -> Published | Duplicate:
        try:
            return self._publish(
                planned, manifest, copy=lambda publication: self._transform(planned, manifest, publication)
            )
        except Held:
            if self.stage is Stage.TRANSFORM:  # the table refused a record before all were read
                self._count(planned, manifest)
            raise

    def _count(self, planned: Plan, manifest: Manifest) -> None:
        """Read all again into nowhere, so that a run that the table refuses tells its counts as staging would have."""
        counting = replace(self, progress=_Nowhere(), so_far=NOTHING)
        with suppress(EtlError):  # it was the data that could not be read, not the table
            counting._transform(planned, manifest, _Nowhere())  # noqa: SLF001 - a copy of this very run
            self.so_far = counting.so_far

    def _publish(self, planned: Plan, manifest: Manifest, copy: Copy | None = None) -> Published | Duplicate:
        try:
            return publish(planned, manifest, target=self.target, work=self.work, copy=copy)
        finally:
            if self.stage is Stage.PUBLISH:  # what the rules say is told of a run that they hold, too
                self.so_far = RunFolder(self.work, planned.run_id).so_far()

    def _through_staging(self, planned: Plan, manifest: Manifest) -> Published | Duplicate:
        try:
            self.target.discard(planned.run_id)  # of an earlier attempt, which may have had another plan
            self._transform(planned, manifest, self.target.staging(planned))
            return self._publish(planned, manifest)
        finally:
            with suppress(Retriable):  # a publish that went through must not fail on what it leaves behind
                self.target.discard(planned.run_id)

    def _transform(self, planned: Plan, manifest: Manifest, sink: BatchSink) -> None:
        self.stage = Stage.TRANSFORM
        for group in manifest.groups:
            part = transform(planned, *group, source=self.source, sink=sink, work=self.work, progress=self.progress)
            self.so_far = Transformed.total([self.so_far, part])
        self.stage = Stage.PUBLISH
