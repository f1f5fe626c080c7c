"""Gathering: batches put into a table together, and the program's gathers carried out over them.

Batches are taken one after the other, so the table is in the order of the objects and of their records. Until a step
makes new records each one keeps its number and is counted at the end; then those that are out are settled, and what
was made goes on.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from chalicelib.core.errors import BrokenLaw, EtlError, Held, InvalidPipeline
from chalicelib.core.plan import LINE
from chalicelib.engine.fates import Fates
from chalicelib.engine.gather import Gather
from chalicelib.engine.plugins.calling import call_plugin
from chalicelib.engine.program import WARN, Program
from chalicelib.engine.session import first_lines, without_values
from chalicelib.engine.stream import Numbers, beyond_limits, chunks, plain, warned
from chalicelib.relations.gathered import Effect
from chalicelib.relations.relation import BATCH, FATE, PLACE, quoted


@dataclass(frozen=True, slots=True)
class Taken:
    """A batch in the gathering: its fates, and the numbers of the records in the order in which they were read."""

    fates: Fates
    numbers: Numbers

    def lines(self, places: pa.Array) -> pa.Array:
        """The record numbers of some 0-based places, which lie near each other."""
        if not len(places):
            return places
        ends = pc.min_max(places)
        first, last = ends["min"].as_py(), ends["max"].as_py()
        return self.numbers(first, last - first + 1).take(pc.subtract(places, first))


class Gathering:
    """A program with gathers, on its way over one or several batches."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, program: Program) -> None:
        self._connection = connection
        self._program = program
        self._taken: dict[int, Taken] = {}
        self._left: dict[int, int] = {}  # how many records each batch has by now
        self._made = False  # whether the records are new ones by now
        self._create(program.gathers[0])

    def begin(self, batch: int, fates: Fates, numbers: Numbers) -> None:
        """Begin with a batch, whose records' fates and numbers are these; a second time forgets the first."""
        self._connection.execute(f"DELETE FROM {self._program.gathers[0].table} WHERE {BATCH} = {batch}")
        self._taken[batch] = Taken(fates, numbers)
        self._left[batch] = 0

    def take(self, batch: int) -> int:
        """Gather all records of ``INPUT`` as those of a batch that was begun; return how many there are.

        Raises:
            NotStrict: if the object is not strictly what its dialect says; none of it is there.
            Refused: if it takes more memory or time than the session has.
        """
        first = self._program.gathers[0]
        origin = f"{batch} AS {BATCH}, row_number() OVER () - 1 AS {PLACE}"
        self._left[batch] = self._count(f"INSERT INTO {first.table} SELECT *, {origin} FROM ({first.select})")
        return self._left[batch]

    def carry_out(self) -> None:
        """Carry out the gathers, each over what the one before it left: as many records of each batch, or none.

        Raises:
            BrokenLaw: if what goes into a step is not what the one before it left.
            InvalidPipeline: with the place, if the query of a step fails on these records.
            PluginFailed: with the place and the record, if a plugin does.
            Refused: if it takes more memory or time than the session has.
        """
        for position, gather in enumerate(self._program.gathers):
            if position:
                self._create(gather)
                self._count(f"INSERT INTO {gather.table} {gather.select}")
            self._check_left(self._sizes(gather, gather.table), f"went into {gather.place}")
            if gather.effect is not Effect.MARKS:
                self._settle(gather)
            if gather.called is not None:
                call_plugin(self._connection, gather, gather.called, self._named)
            else:
                self._ask(gather)
            self._leave(gather)
            self._connection.execute(f"DROP TABLE {gather.table}")

    def records(self, batch: int) -> Iterator[pa.RecordBatch]:
        """The kept records of one batch: the target's columns and ``LINE``; what has no origin is the first batch's.

        Raises:
            BrokenLaw: at their end, if they are not as many as the last step left.
        """
        taken, select = self._taken[batch], self._program.select
        if self._program.hidden:
            select = f"{select} WHERE {BATCH} = {batch}"
        elif batch != min(self._taken):
            return
        streamed = 0
        for chunk in chunks(self._connection, select):
            streamed += chunk.num_rows
            warned(chunk.column(WARN), taken.fates)
            yield self._settled(chunk, taken)
        self._check_left({**self._left, batch: streamed}, "came out")

    def _settled(self, chunk: pa.RecordBatch, taken: Taken) -> pa.RecordBatch:
        """Note what is out of a chunk, and return the kept."""
        names, size = [column.name for column in self._program.columns], chunk.num_rows
        lines = taken.lines(chunk.column(PLACE)) if self._program.hidden else pa.nulls(size, pa.int64())
        records = pa.record_batch([*(plain(chunk.column(name)) for name in names), lines], names=[*names, LINE])
        fate = chunk.column(FATE)
        out = records.filter(pc.is_valid(fate))
        kept = records.filter(pc.is_null(fate))
        self._note(taken.fates, out, fate.drop_null())
        if not self._made:
            taken.fates.read += size
            taken.fates.kept += kept.num_rows
        return kept

    def _note(self, fates: Fates, out: pa.RecordBatch, codes: pa.Array) -> None:
        if not self._made:
            for line, code in zip(out.column(LINE).to_pylist(), codes.to_pylist(), strict=True):
                fates.reject(line, code)
            return
        is_sifted = pc.starts_with(codes, "f")
        for code, count in Counter(codes.filter(is_sifted).to_pylist()).items():
            fates.sift(code, count)
        out, codes = out.filter(pc.invert(is_sifted)), codes.filter(pc.invert(is_sifted))
        values, lines = out.drop_columns([LINE]).to_pylist(), out.column(LINE).to_pylist()
        for record, line, code in zip(values, lines, codes.to_pylist(), strict=True):
            fates.turn_away(record, code, line)

    def _settle(self, gather: Gather) -> None:
        """Before new records are made: note those that are out, in each batch, and count the others."""
        for batch, taken in self._taken.items():
            where = f"{BATCH} = {batch}" if gather.hidden else str(batch == min(self._taken)).lower()
            if not self._made:
                sizes = f"SELECT count(*), count(*) FILTER (WHERE {FATE} IS NULL) FROM {gather.table} WHERE {where}"
                ((read, kept),) = self._connection.execute(sizes).fetchall()
                taken.fates.read += read
                taken.fates.kept += kept
            names = [name for name, _ in gather.columns] if self._made and gather.tells else []
            listed = ", ".join([*map(quoted, names), FATE, *gather.hidden])
            out = f"SELECT {listed} FROM {gather.table} WHERE {where} AND {FATE} IS NOT NULL"
            for chunk in chunks(self._connection, out):
                size = chunk.num_rows
                lines = taken.lines(chunk.column(PLACE)) if gather.hidden else pa.nulls(size, pa.int64())
                arrays = [*(plain(chunk.column(name)) for name in names), lines]
                self._note(taken.fates, pa.record_batch(arrays, names=[*names, LINE]), chunk.column(FATE))

    def _ask(self, gather: Gather) -> None:
        """Run the step's query."""
        failure: EtlError | None = None
        try:
            self._count(f"CREATE TEMP TABLE {quoted(gather.result)} AS {gather.query}", raw=True)
        except duckdb.Error as error:
            failure = beyond_limits(error) or _failure(gather, error)
        if failure is not None:
            raise failure  # without the engine's own error, which holds values

    def _leave(self, gather: Gather) -> None:
        """Note what a step left: the records themselves, or others that it made of them."""
        left = self._sizes(gather, gather.result)
        if gather.effect is Effect.MARKS:
            self._check_left(left, f"came out of {gather.place}")
            return
        for batch, taken in self._taken.items():
            taken.fates.gathered(left[batch], combines=gather.effect is Effect.COMBINES)
        self._left, self._made = left, True

    def _check_left(self, found: Mapping[int, int], where: str) -> None:
        """See that no record was lost or doubled on its way between two steps."""
        if found != self._left:
            told = f"{sum(found.values()):,} records {where}, but {sum(self._left.values()):,} were there before"
            raise BrokenLaw(f"{told}; nothing was published")

    def _sizes(self, gather: Gather, table: str) -> dict[int, int]:
        """How many records of each batch stand in a step's table, or result."""
        first = str(min(self._taken))
        batch = BATCH if gather.hidden and (table == gather.table or _keeps_origin(gather)) else first
        sizes = f"SELECT {batch}, count(*) FROM {quoted(table)} GROUP BY ALL"
        return dict.fromkeys(self._taken, 0) | dict(self._connection.execute(sizes).fetchall())

    def _named(self, batch: int, place: int) -> str:
        """A record by its number, and by its batch where there are several."""
        (line,) = self._taken[batch].numbers(place, 1).to_pylist()
        return f"record {line:,} of batch {batch}" if len(self._taken) > 1 else f"record {line:,}"

    def _create(self, gather: Gather) -> None:
        columns = [f"{quoted(name)} {kind}" for name, kind in gather.columns]
        columns += [f"{FATE} VARCHAR", *(f"{name} BIGINT" for name in gather.hidden)]
        self._connection.execute(f"CREATE TEMP TABLE {gather.table} ({', '.join(columns)})")

    def _count(self, statement: str, *, raw: bool = False) -> int:
        """Run a statement that writes records and return how many it wrote; ``raw`` leaves its errors as they are."""
        if raw:
            ((count,),) = self._connection.execute(statement).fetchall()
        else:
            (count,) = (int(chunk.column(0)[0].as_py()) for chunk in chunks(self._connection, statement))
        return int(count)


def _keeps_origin(gather: Gather) -> bool:
    return gather.effect in (Effect.MARKS, Effect.MULTIPLIES)


def _failure(gather: Gather, error: duckdb.Error) -> EtlError:
    """Why a query failed: on what its records hold, for their owner to see, or for what it asks of the engine.

    Where a later step hides values, the engine's words are told without any.
    """
    told = first_lines(error) if gather.tells else without_values(error)
    way_out = "change the query"
    if not gather.tells:
        way_out += ", or run preview without the step that hides values to see which one it is"
    by_data = isinstance(error, duckdb.DataError | duckdb.InvalidInputException)
    kind = Held if by_data else InvalidPipeline
    if by_data:
        way_out = f"filter or try_cast what does not fit before it, or {way_out}"
    return kind(f"{gather.place}: the query fails on these records: {told}; {way_out}")
