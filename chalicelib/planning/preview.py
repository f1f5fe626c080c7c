"""Preview: the first records of an object before and after each step, with what became of those that are out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from chalicelib.core.lookup import Pinned
from chalicelib.core.pipeline import Pipeline, Step
from chalicelib.core.pipeline.steps.sensitive import hidden_by, hidden_columns
from chalicelib.core.plan import LINE, Field
from chalicelib.engine.fates import Fates
from chalicelib.engine.gathering import Gathering
from chalicelib.engine.lookup import Fetched, looking_session
from chalicelib.engine.program import Program, compile_program, compile_steps
from chalicelib.engine.records import Numbers, Refusal
from chalicelib.engine.records.veil import HIDDEN
from chalicelib.engine.session import Parser, parser
from chalicelib.engine.stream import open_input, stream
from chalicelib.formats import Glimpse, Layout, reader_of
from chalicelib.planning.columns import made
from chalicelib.planning.reading import Reading

#: Its number, if it has one, and its values by column.
Record = tuple[int | None, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Out:
    """A record that is out: its number (None if a step made it), whether it is a reject, and why."""

    record: int | None
    rejected: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """The records after one part of the pipeline: ``read``, a step's place, or ``rules``; and who went out there.

    Each record is its number, if it has one, and its values by column: ``***`` where a later step hides them.
    """

    after: str
    records: tuple[Record, ...]
    out: tuple[Out, ...]


def preview(
    glimpse: Glimpse,
    reading: Reading,
    pipeline: Pipeline,
    records: int,
    folder: Path,
    *,
    lookups: Sequence[Fetched] = (),
) -> list[Seen]:
    """Carry the first ``records`` of an object, or as many as its sample holds, through the pipeline.

    ``folder`` is for a copy of them. A run-scope step sees these records only. ``lookups`` are the pinned rows of the
    tables that steps look up.

    Raises:
        InvalidPipeline: with the place, if a step or a rule does not compile for these columns.
    """
    reader, clean = reader_of(reading.format), folder / "clean"
    refused: list[Refusal] = []
    layout = Layout(reading.format, reading.fields)
    found = reader.first(glimpse, layout, records, clean, refused.append)
    table = reader.cleaned(clean, layout, found)
    broken = tuple(Out(each.record, rejected=True, reasons=(f"the record {each.reason}",)) for each in refused)
    seen: list[Seen] = []
    with parser() as sql:
        for after, program in _programs(pipeline, reading.fields, [pinned for pinned, _ in lookups], sql):
            fates = Fates(program.causes)
            kept = _run(program, fates, clean, table, found.numbers, lookups=lookups) if found.kept else []
            out = _out(seen, kept, fates) if seen else (*broken, *_rejected(fates))
            shown = _shown(kept, pipeline.transforms, min(len(seen), len(pipeline.transforms)), reading.fields)
            seen.append(Seen(after, tuple(shown), out))
    return seen


def _shown(kept: Sequence[Record], steps: Sequence[Step], done: int, fields: Sequence[Field]) -> Iterator[Record]:
    """The records without what a step after the first ``done`` hides, as rejects are; NULL hides nothing."""
    names = [field.name for field in fields]
    hidden = hidden_columns(steps, done, names, list(kept[0][1])) if kept else frozenset()
    for number, values in kept:
        yield number, {k: HIDDEN if k in hidden and v is not None else v for k, v in values.items()}


def _programs(
    pipeline: Pipeline, fields: tuple[Field, ...], lookups: Sequence[Pinned], sql: Parser
) -> Iterator[tuple[str, Program]]:
    for count in range(len(pipeline.transforms) + 1):
        part = pipeline.model_copy(update={"transforms": pipeline.transforms[:count], "rules": ()})
        step = pipeline.transforms[count - 1].step if count else ""
        after = f"transforms[{count - 1}].{step}" if count else "read"
        yield after, _silent(_program(part, fields, lookups, sql), pipeline.transforms[count:])
    if pipeline.rules:
        yield "rules", _program(pipeline, fields, lookups, sql)


def _program(pipeline: Pipeline, fields: tuple[Field, ...], lookups: Sequence[Pinned], sql: Parser) -> Program:
    relation, _ = compile_steps(pipeline, fields, sql, lookups)
    return compile_program(pipeline, fields, made(relation.columns, fields), sql, lookups=lookups)


def _silent(program: Program, later: Sequence[Step]) -> Program:
    """The program of the first steps; its errors tell no values if a ``later`` one hides any."""
    if not any(map(hidden_by, later)):
        return program
    return replace(program, gathers=tuple(replace(gather, tells=False) for gather in program.gathers))


def _run(
    program: Program, fates: Fates, clean: Path, table: str, numbers: Numbers, *, lookups: Sequence[Fetched]
) -> list[Record]:
    def numbered(first: int, length: int) -> pa.Array:
        return pa.array(numbers.take(first, length), pa.int64())

    with looking_session(lookups, readable=[clean]) as connection:
        open_input(connection, table)
        if program.gathers:
            gathering = Gathering(connection, program)
            gathering.begin(1, fates, numbered)
            gathering.take(1)
            gathering.carry_out()
            batches = list(gathering.records(1))
        else:
            batches = list(stream(connection, program, fates, numbers=numbered))
    rows = [row for batch in batches for row in batch.to_pylist()]
    return [(row.pop(LINE), row) for row in rows]


def _rejected(fates: Fates) -> Iterator[Out]:
    for record, code in zip(fates.rejected, fates.codes, strict=True):
        yield Out(record, rejected=True, reasons=tuple(reason.message for reason in fates.reasons(code)))
    for _, code, number in fates.late:
        yield Out(number, rejected=True, reasons=tuple(reason.message for reason in fates.reasons(code)))


def _out(seen: list[Seen], kept: list[Record], fates: Fates) -> tuple[Out, ...]:
    """Who was there before this part and is not now; where records were gathered, only rejects can be told."""
    was = {number for number, _ in seen[-1].records}
    if any(number is None for number, _ in kept) or None in was:
        told = sum(len(each.out) for each in seen)
        return tuple(_rejected(fates))[told:]
    rejected = {each.record: each for each in _rejected(fates)}
    left = was - {number for number, _ in kept}
    filtered = tuple(Out(number, rejected=False, reasons=()) for number in sorted(n for n in left if n is not None))
    return tuple(rejected.get(each.record, each) for each in filtered)
