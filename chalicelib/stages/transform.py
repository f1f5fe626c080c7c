"""Transform: one engine pass over a batch, clean records to a sink, rejects to the work folder."""

from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

import pyarrow as pa

from chalicelib.core.codec import to_json
from chalicelib.core.errors import BrokenLaw
from chalicelib.core.folder import outcome_key, rejects_key
from chalicelib.core.manifest import Batch
from chalicelib.core.outcome import Transformed
from chalicelib.core.plan import Plan
from chalicelib.core.reject import Reason, Reject, Severity
from chalicelib.engine.fates import Fates
from chalicelib.engine.program import Program, compile_program
from chalicelib.engine.records import Numbers, Refusal, locate, screen
from chalicelib.engine.session import locked_session, parser
from chalicelib.engine.stream import NotStrict, counted, open_input
from chalicelib.engine.stream import stream as run_stream
from chalicelib.ports import BatchSink, ObjectStore, Progress, Source

#: DuckDB's own limit for a record in its fast path; longer ones come after screening, with a higher limit.
STRICT_RECORD_BYTES = 2 * 1024**2


def transform(
    plan: Plan, batch: Batch, *, source: Source, sink: BatchSink, work: ObjectStore, progress: Progress
) -> Transformed:
    """Transform one batch; what was done stands in the run's folder, for publish. A second attempt replaces the first.

    A batch is read strictly first. If the engine refuses its structure, or counts other records than extract did, it
    is screened: broken records become rejects and a clean copy of the others is read.

    Raises:
        SourceMoved: if the object changed meanwhile.
    """
    done = _transformed(plan, batch, source=source, sink=sink, work=work, progress=progress)
    with work.writing(outcome_key(plan.run_id, batch.number)) as stream:
        stream.write(to_json(done))
    return done


def _transformed(
    plan: Plan, batch: Batch, *, source: Source, sink: BatchSink, work: ObjectStore, progress: Progress
) -> Transformed:
    if batch.records == 0 and not batch.suspect:
        return Transformed(written=sink.write(plan, batch, ()))  # an empty batch is there, too
    with (
        source.local(batch.object, plan.dialect.encoding) as path,
        TemporaryDirectory(prefix="etlplus-") as folder,
        parser() as sql,
    ):
        program = compile_program(plan.pipeline, plan.fields, plan.columns, sql, plan.unwanted)
        work_on = _Work(plan, batch, program, path=path, folder=Path(folder), sink=sink, progress=progress)
        with work.writing(rejects_key(plan.run_id, batch.number)) as rejects:
            if not batch.suspect:
                try:
                    return work_on.strictly(rejects)
                except NotStrict:
                    progress.total(batch.records)
            return work_on.screened(rejects)


class _Work:
    """The work on one batch, in either of its two ways."""

    def __init__(
        self,
        plan: Plan,
        batch: Batch,
        program: Program,
        *,
        path: Path,
        folder: Path,
        sink: BatchSink,
        progress: Progress,
    ) -> None:
        self._plan, self._batch, self._program = plan, batch, program
        self._path, self._folder, self._sink, self._progress = path, folder, sink, progress

    def strictly(self, rejects: IO[bytes]) -> Transformed:
        """Read the object as it is.

        Raises:
            NotStrict: if the engine refuses it or counts other records than extract did; nothing was kept.
        """
        fates = Fates(self._program.causes)
        longest = min(STRICT_RECORD_BYTES, self._plan.pipeline.limits.max_record_mb * 1024**2)
        written = self._pass(
            self._path,
            fates,
            self._batch.records,
            numbers=counted,
            new_line=self._batch.new_line,
            longest=longest,
        )
        self._keep(fates, rejects)
        return self._outcome(fates, written)

    def screened(self, rejects: IO[bytes]) -> Transformed:
        """Screen the object, then read the clean copy."""
        clean = self._folder / "clean"
        limit = self._plan.pipeline.limits.max_record_mb * 1024**2
        refused = 0

        def refuse(refusal: Refusal) -> None:
            nonlocal refused
            refused += 1
            reason = Reason("structure", f"the record {refusal.reason}")
            place = (refusal.record, refusal.start, refusal.end)
            rejects.write(Reject(self._batch.number, self._batch.object.uri, *place, refusal.raw, (reason,)).to_line())

        found = screen(self._path, self._plan.dialect, len(self._plan.fields), clean, refuse, max_record_bytes=limit)
        fates = Fates(self._program.causes)
        longest = max(STRICT_RECORD_BYTES, found.longest + 1024)
        numbers = _numbered(found.numbers)
        try:
            if found.kept:
                written = self._pass(clean, fates, found.kept, numbers=numbers, longest=longest)
            else:
                written = self._sink.write(self._plan, self._batch, ())  # an empty batch is there, too
        except NotStrict as error:
            raise BrokenLaw(f"{self._batch.object.uri}: the engine refuses what was screened: {error}") from error
        fates.refuse(refused)
        self._keep(fates, rejects)
        return self._outcome(fates, written)

    def _pass(
        self,
        path: Path,
        fates: Fates,
        expected: int,
        *,
        numbers: Callable[[int, int], pa.Array],
        new_line: str = "\n",
        longest: int = STRICT_RECORD_BYTES,
    ) -> int:
        limit_s = self._plan.pipeline.limits.timeout_minutes * 60
        with locked_session(readable=path, spill=self._folder, timeout_s=limit_s) as connection:
            open_input(
                connection,
                path,
                self._plan.dialect,
                len(self._plan.fields),
                new_line=new_line,
                longest_bytes=longest,
            )
            records = run_stream(connection, self._program, fates, numbers=numbers, advance=self._progress.advance)
            return self._sink.write(self._plan, self._batch, _all_read(records, fates, expected))

    def _keep(self, fates: Fates, rejects: IO[bytes]) -> None:
        """Find the bytes of the rejected records and write them down; only when there are any."""
        batch, uri = self._batch.number, self._batch.object.uri
        if fates.rejected:
            found = locate(self._path, self._plan.dialect, len(self._plan.fields), fates.rejected)
            for place, code in zip(found, fates.codes, strict=True):
                reasons = fates.reasons(code)
                found_at = (place.record, place.start, place.end)
                rejects.write(Reject(batch, uri, *found_at, place.raw, reasons).to_line())
        for values, code in fates.late:
            rejects.write(Reject(batch, uri, None, None, None, values.encode(), fates.reasons(code)).to_line())

    def _outcome(self, fates: Fates, written: int) -> Transformed:
        failing = {reason.key for reason in self._program.causes if reason.severity is Severity.FAIL}
        return Transformed(
            counts=fates.counts(),
            written=written,
            broken=dict(fates.broken),
            failing=tuple(sorted(failing & fates.broken.keys())),
            cardinality=fates.cardinality,
        )


def _all_read(records: Iterator[pa.RecordBatch], fates: Fates, expected: int) -> Iterator[pa.RecordBatch]:
    """Pass the records on; at their end, the engine must have read as many as were counted."""
    yield from records
    if fates.read != expected:
        raise NotStrict(f"the engine read {fates.read:,} records, {expected:,} were counted")


def _numbered(numbers: Numbers) -> Callable[[int, int], pa.Array]:
    return lambda first, length: pa.array(numbers.take(first, length), pa.int64())
