"""Transform: one engine pass over a batch, clean records to a sink, rejects to the work folder."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from chalicelib.core.codec import to_json
from chalicelib.core.errors import BrokenLaw
from chalicelib.core.folder import outcome_key, rejects_key
from chalicelib.core.manifest import Batch
from chalicelib.core.outcome import Transformed
from chalicelib.core.pipeline import Format
from chalicelib.core.pipeline.steps.sensitive import sensitive_fields
from chalicelib.core.plan import Plan
from chalicelib.core.reject import Reason, Reject, Severity, raw_of
from chalicelib.engine.fates import Fates
from chalicelib.engine.gathering import Gathering
from chalicelib.engine.lookup import Fetched, looking_session
from chalicelib.engine.pinning import fetch
from chalicelib.engine.plugins.installed import check_pins
from chalicelib.engine.program import Program, compile_program
from chalicelib.engine.records import Numbers, Refusal
from chalicelib.engine.session import parser
from chalicelib.engine.stream import NotStrict, counted, open_input
from chalicelib.engine.stream import stream as run_stream
from chalicelib.formats import Layout, Reader, encoding_of, layout_of, placed, reader_of
from chalicelib.ports import BatchSink, ObjectStore, Progress, Source


def transform(
    plan: Plan, *batches: Batch, source: Source, sink: BatchSink, work: ObjectStore, progress: Progress
) -> Transformed:
    """Transform a group of batches, or all of a run where a step needs that; return what was done with all of them.

    What was done with them stands in the run's folder, for publish. A second attempt replaces the first.

    A batch is read strictly first. If the engine refuses its structure, or counts other records than extract did, it
    is screened: broken records become rejects and a clean copy of the others is read.

    Raises:
        SourceMoved: if an object changed meanwhile.
        Held: with the place, if the query of a step over several records fails on these.
        PluginFailed: with the place and the record, if a plugin does.
        Refused: if a plugin is not the version that the run was planned with.
    """
    full = [batch for batch in batches if batch.records or batch.suspect]
    done = {batch.number: Transformed() for batch in batches}
    with ExitStack() as stack:
        if full:
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="etlplus-")))
            program, lookups = _compiled(plan), fetch(plan.lookups, work, folder)
            hidden = sensitive_fields(plan.pipeline.transforms, [field.name for field in plan.fields])
            encoding = encoding_of(plan.format)
            paths = [stack.enter_context(source.local(batch.object, encoding, batch.span)) for batch in full]
            works = [
                _Work(plan, batch, program, path, folder, progress, hidden, lookups)
                for batch, path in zip(full, paths, strict=True)
            ]
            rejects = stack.enter_context(work.writing(rejects_key(plan.run_id, batches[0].number)))
            way = _gathered if program.gathers else _streamed
            done.update(way(works, rejects, sink))
        for batch in batches:
            if batch not in full:  # an empty batch is there, too
                done[batch.number] = Transformed(written=sink.write(plan, batch, ()))
    total = Transformed.total(done.values())
    with work.writing(outcome_key(plan.run_id, batches[0].number)) as stream:
        stream.write(to_json(total))
    return total


def _compiled(plan: Plan) -> Program:
    check_pins(plan.plugins, plan.pipeline.transforms)
    with parser() as sql:
        missing, lookups = plan.drift.missing, plan.lookups
        return compile_program(
            plan.pipeline, plan.fields, plan.columns, sql, plan.unwanted, missing=missing, lookups=lookups
        )


def _streamed(works: Sequence["_Work"], rejects: IO[bytes], sink: BatchSink) -> dict[int, Transformed]:
    """Each batch by itself, from its object into the sink in one pass; they share a session."""
    with _session(works) as connection:
        return {
            work.batch.number: work.settled(work.read(partial(work.streamed, connection, sink), rejects), rejects)
            for work in works
        }


def _session(works: Sequence["_Work"]) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
    """A session that can read the batches and their clean copies."""
    readable = [path for work in works for path in (work.path, work.clean)]
    spill, limit_s = works[0].folder, works[0].plan.pipeline.limits.timeout_minutes * 60
    return looking_session(works[0].lookups, readable=readable, spill=spill, timeout_s=limit_s)


def _gathered(works: Sequence["_Work"], rejects: IO[bytes], sink: BatchSink) -> dict[int, Transformed]:
    """All batches into one table, then the steps over it, then each batch's records into the sink."""
    plan, program = works[0].plan, works[0].program
    with _session(works) as connection:
        gathering = Gathering(connection, program)
        passes = [work.read(partial(work.gathered, gathering, connection), rejects) for work in works]
        gathering.carry_out()
        done = {}
        for work, took in zip(works, passes, strict=True):
            written = sink.write(plan, work.batch, gathering.records(work.batch.number))
            done[work.batch.number] = work.settled(replace(took, written=written), rejects)
    return done


@dataclass(frozen=True, slots=True)
class _Look:
    """One look at a batch's records: the SQL of a table of them, their numbers, how many there must be."""

    path: Path
    table: str
    numbers: Callable[[int, int], pa.Array]
    expected: int


@dataclass(frozen=True, slots=True)
class _Pass:
    """What a pass over a batch left: the fates of its records, how many the sink took, how many screening refused."""

    fates: Fates
    written: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True)
class _Work:
    """The work on one batch, whose object is at ``path``; what is temporary goes into ``folder``.

    ``hidden`` are the fields that no reject may show; None: perhaps any. ``lookups`` are the pinned rows that it joins.
    """

    plan: Plan
    batch: Batch
    program: Program
    path: Path
    folder: Path
    progress: Progress
    hidden: frozenset[int] | None
    lookups: Sequence[Fetched]

    @property
    def reader(self) -> Reader[Any]:
        """What reads the object."""
        return reader_of(self.plan.format)

    @property
    def _layout(self) -> Layout[Format]:
        return layout_of(self.plan, self.batch)

    @property
    def _max_record_bytes(self) -> int:
        return self.plan.pipeline.limits.max_record_mb * 1024**2

    @property
    def clean(self) -> Path:
        """Where a screened copy of the object goes."""
        return self.folder / f"clean{self.batch.number}"

    def read(self, carry: Callable[[_Look, Fates], int], rejects: IO[bytes]) -> _Pass:
        """Look at the object as it lies; if the engine cannot, refuses it, or counts otherwise, look at a clean copy.

        ``carry`` takes the records of a look and returns how many were written; when it raises, none was.
        """
        table = self.reader.as_it_lies(self.path, self._layout, self.batch, self._max_record_bytes)
        if table is not None and not self.batch.suspect:
            look = _Look(self.path, table, partial(_counted_on, self.batch.before), self.batch.records)
            fates = Fates(self.program.causes)
            try:
                return _Pass(fates, carry(look, fates))
            except NotStrict:
                self.progress.total(self.batch.records)
        return self._with_care(carry, rejects, may_differ=table is not None)

    def _with_care(self, carry: Callable[[_Look, Fates], int], rejects: IO[bytes], *, may_differ: bool) -> _Pass:
        refused = 0

        def refuse(refusal: Refusal) -> None:
            nonlocal refused
            refused += 1
            reason = Reason("structure", f"the record {refusal.reason}")
            place = placed(self.batch, refusal.record, refusal.start, refusal.end)
            raw = self._veiled(refusal.raw)
            rejects.write(Reject(self.batch.number, self.batch.object.uri, *place, raw, (reason,)).to_line())

        found = self.reader.clean(self.path, self._layout, self.clean, refuse, self._max_record_bytes)
        if not may_differ and found.kept + found.refused != self.batch.records:
            raise BrokenLaw(
                f"{self.batch.object.uri}: its reader found {found.kept + found.refused:,} records, "
                f"{self.batch.records:,} were counted"
            )
        table = self.reader.cleaned(self.clean, self._layout, found)
        fates = Fates(self.program.causes)
        try:
            numbers = _numbered(found.numbers, self.batch.before)
            written = carry(_Look(self.clean, table, numbers, found.kept), fates)
        except NotStrict as error:
            raise BrokenLaw(f"{self.batch.object.uri}: the engine refuses what was screened: {error}") from error
        return _Pass(fates, written, refused)

    def streamed(self, connection: duckdb.DuckDBPyConnection, sink: BatchSink, look: _Look, fates: Fates) -> int:
        """Carry the records of a look into the sink, as they come."""
        if not look.expected:
            return sink.write(self.plan, self.batch, ())  # an empty batch is there, too
        open_input(connection, look.table)
        records = run_stream(connection, self.program, fates, numbers=look.numbers, advance=self.progress.advance)
        return sink.write(self.plan, self.batch, _all_read(records, fates, look.expected))

    def gathered(self, gathering: Gathering, connection: duckdb.DuckDBPyConnection, look: _Look, fates: Fates) -> int:
        """Carry the records of a look into the gathering; none is written yet."""
        gathering.begin(self.batch.number, fates, look.numbers)
        found = 0
        if look.expected:
            open_input(connection, look.table)
            found = gathering.take(self.batch.number)
        _check_read(found, look.expected)
        self.progress.advance(found)
        return 0

    def settled(self, took: _Pass, rejects: IO[bytes]) -> Transformed:
        """Keep the rejects of a pass, and say what was done."""
        took.fates.refuse(took.refused)
        self._keep(took.fates, rejects)
        return self._outcome(took.fates, took.written)

    def _keep(self, fates: Fates, rejects: IO[bytes]) -> None:
        """Find the bytes of the rejected records and write them down; only when there are any."""
        batch, uri = self.batch.number, self.batch.object.uri
        if fates.rejected:
            found = self.reader.locate(self.path, self._layout, (n - self.batch.before for n in fates.rejected))
            for place, code in zip(found, fates.codes, strict=True):
                reasons = fates.reasons(code)
                found_at = placed(self.batch, place.record, place.start, place.end)
                rejects.write(Reject(batch, uri, *found_at, self._veiled(place.raw), reasons).to_line())
        for values, code, record in fates.late:
            rejects.write(Reject(batch, uri, record, None, None, raw_of(values), fates.reasons(code)).to_line())

    def _veiled(self, raw: bytes) -> bytes:
        return self.reader.veil(raw, self._layout, self.hidden)

    def _outcome(self, fates: Fates, written: int) -> Transformed:
        failing = {reason.key for reason in self.program.causes if reason.severity is Severity.FAIL}
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
    _check_read(fates.read, expected)


def _check_read(found: int, expected: int) -> None:
    if found != expected:
        raise NotStrict(f"the engine read {found:,} records, {expected:,} were counted")


def _counted_on(before: int, first: int, length: int) -> pa.Array:
    return counted(before + first, length)


def _numbered(numbers: Numbers, before: int) -> Callable[[int, int], pa.Array]:
    def numbered(first: int, length: int) -> pa.Array:
        found = pa.array(numbers.take(first, length), pa.int64())
        return pc.add(found, before) if before else found

    return numbered
