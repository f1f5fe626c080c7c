"""The stream: a program's records in the object's order, each numbered, counted and sent to its fate.

Order is what makes record numbers cheap: DuckDB keeps the order of the object, no record leaves the stream in SQL, so
a record's number is its place in the Arrow stream (``numbers`` says otherwise only for a screened object).
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from chalicelib.core.dialect import Dialect
from chalicelib.core.errors import Refused
from chalicelib.core.plan import LINE
from chalicelib.engine.fates import Fates
from chalicelib.engine.program import INPUT, WARN, Program
from chalicelib.engine.session import MEMORY_LIMIT, text_literal
from chalicelib.relations.relation import FATE

#: Records in one Arrow batch: 20,000 measured fastest end to end (benchmarks, docs/decisions/0002).
BATCH_RECORDS = 20_000
#: What the engine reads at once, in longest records. Each of its threads parses a quarter of that before it gives the
#: first record: with its own 16 that is 8 MB, which are late and leave the processor's cache (docs/decisions/0002).
BUFFER_LINES = 4
#: How the engine spells a terminator.
_NEW_LINES = {"\n": "\\n", "\r\n": "\\r\\n", "\r": "\\r"}
#: From the 0-based place of the first record of a chunk and its length to the records' numbers.
Numbers = Callable[[int, int], pa.Array]


class NotStrict(Exception):  # noqa: N818 - a fact about the object, handled by screening it
    """The engine's strict reader refuses the object's structure; screen it and read the clean copy."""


def delimited(path: Path, dialect: Dialect, fields: int, *, new_line: str, longest_bytes: int) -> str:
    """The SQL of the engine's reader of delimited text: its fields as texts, NULL as the dialect says."""
    columns = ", ".join(f"'f{i}': 'VARCHAR'" for i in range(fields))
    nulls = ", ".join(text_literal(text) for text in dialect.nulls)
    options = [
        f"columns = {{{columns}}}",
        "auto_detect = false",
        f"header = {str(dialect.header).lower()}",
        f"delim = {text_literal(dialect.delimiter)}",
        f"quote = {text_literal(dialect.quote)}",
        f"escape = {text_literal(dialect.quote)}",
        f"nullstr = [{nulls}]",
        f"new_line = {text_literal(_NEW_LINES[new_line])}",
        f"max_line_size = {longest_bytes}",
        f"buffer_size = {BUFFER_LINES * longest_bytes}",
    ]
    return f"read_csv({text_literal(str(path))}, {', '.join(options)})"


def open_input(connection: duckdb.DuckDBPyConnection, table: str) -> None:
    """Make the object's fields, which the SQL ``table`` has as texts named by position, known as the view ``INPUT``."""
    connection.execute(f"CREATE OR REPLACE TEMP VIEW {INPUT} AS SELECT * FROM {table}")


def stream(
    connection: duckdb.DuckDBPyConnection,
    program: Program,
    fates: Fates,
    *,
    numbers: Numbers | None = None,
    advance: Callable[[int], None] | None = None,
) -> Iterator[pa.RecordBatch]:
    """Run a program without gathers over ``INPUT`` and yield the kept records: the target's columns and ``LINE``.

    ``numbers`` tells the records' numbers where they are not simply counted.

    Raises:
        NotStrict: in mid-stream, if the object is not strictly what its dialect says.
        Refused: if it takes more memory or time than the session has.
    """
    names = [column.name for column in program.columns]
    number: Numbers = numbers or counted
    for chunk in chunks(connection, program.select):
        warned(chunk.column(WARN), fates)
        yield _settle(chunk, names, fates, number)
        if advance is not None:
            advance(chunk.num_rows)


def chunks(connection: duckdb.DuckDBPyConnection, select: str) -> Iterator[pa.RecordBatch]:
    """The records of a SELECT. Its errors are DuckDB's before the first chunk, and Arrow's OSError after it."""
    try:
        yield from connection.sql(select).to_arrow_reader(BATCH_RECORDS)
    except (duckdb.Error, OSError) as error:
        raise beyond_limits(error) or NotStrict(str(error).splitlines()[0]) from error


def beyond_limits(error: Exception) -> Refused | None:
    """What to say if the session's limits stopped a statement; None if something else is wrong."""
    message = str(error)
    if "INTERRUPT" in message:
        return Refused("the engine was stopped at its time limit; make the steps simpler or the object smaller")
    if "Out of Memory" in message:
        return Refused(f"the steps need more than {MEMORY_LIMIT} of memory; make them simpler or the object smaller")
    return None


def counted(first: int, length: int) -> pa.Array:
    """The numbers of records that stand where they are counted: 1-based, one after the other."""
    if length > len(_RAMP):
        return pa.array(range(first + 1, first + length + 1), pa.int64())
    return pc.add(_RAMP.slice(0, length), first)


_RAMP = pa.array(range(1, BATCH_RECORDS + 1), pa.int64())


def _settle(chunk: pa.RecordBatch, names: list[str], fates: Fates, number: Numbers) -> pa.RecordBatch:
    """Number a chunk's records, note what is out, and return the kept."""
    lines = number(fates.read, chunk.num_rows)
    kept = pa.record_batch([*(plain(chunk.column(name)) for name in names), lines], names=[*names, LINE])
    fate = chunk.column(FATE)
    if fate.null_count < chunk.num_rows:
        told = pc.is_valid(fate)
        out, codes = kept.filter(told), fate.filter(told).to_pylist()
        for record, code in zip(out.column(LINE).to_pylist(), codes, strict=True):
            fates.reject(record, code)
        kept = kept.filter(pc.is_null(fate))
    fates.read += chunk.num_rows
    fates.kept += kept.num_rows
    return kept


def warned(warn: pa.Array, fates: Fates) -> None:
    """Count the rules behind a column of warnings."""
    if warn.null_count < len(warn):
        for code in warn.drop_null().to_pylist():
            fates.warn(code)


def plain(values: pa.Array) -> pa.Array:
    """Plain Arrow for what DuckDB marks as its extension types (uuid, bool8, json)."""
    if isinstance(values, pa.ExtensionArray):
        return values.cast(pa.bool_()) if values.type.extension_name == "arrow.bool8" else values.storage
    return values
