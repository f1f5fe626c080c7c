"""Rows: what a table of the target holds in some columns, as text, of one snapshot and up to a size."""

from collections.abc import Iterator, Sequence

import pyarrow as pa

from chalicelib.core.errors import Refused
from chalicelib.core.lookup import Pinned
from chalicelib.core.table import TableName
from chalicelib.postgres.connection import Connection
from chalicelib.postgres.faults import translated
from chalicelib.postgres.identifiers import quote
from chalicelib.targets.postgres.catalogue import relation

#: Rows that are held at once.
FETCHED = 20_000
#: What a value takes beside its text.
VALUE_BYTES = 8
_MB = 1024**2
#: Whatever the server, the database or the user set: the text of a value is what the casts read.
_SETTINGS = (
    "SET LOCAL datestyle = 'ISO, YMD'", "SET LOCAL intervalstyle = 'postgres'", "SET LOCAL extra_float_digits = 1",
    "SET LOCAL bytea_output = 'hex'", "SET LOCAL lock_timeout = '10s'", "SET LOCAL statement_timeout = '60s'",
)  # fmt: skip


def rows(connection: Connection, asked: Pinned, limit_bytes: int) -> Iterator[pa.RecordBatch]:
    """The rows without a null in the keys: the keys, then the columns, each as text, null as null.

    Raises:
        Refused: if they are larger than ``limit_bytes``, or this user may not read them.
    """
    table, columns = asked.table, [column.name for column in (*asked.keys, *asked.columns)]
    texts = [f"{quote(name)}::text AS c{i}" for i, name in enumerate(columns)]
    where = " AND ".join(f"{quote(name)} IS NOT NULL" for name in columns[: len(asked.keys)])
    select = f"SELECT {', '.join(texts)} FROM {relation(table)} WHERE {where}"
    with translated(table):
        connection.run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        try:
            for setting in _SETTINGS:
                connection.run(setting)
            _measure(connection, select, table, columns, limit_bytes)
            yield from _fetched(connection, select, len(columns))
        finally:
            if not connection.broken:
                connection.run("ROLLBACK")


def _measure(connection: Connection, select: str, table: TableName, columns: Sequence[str], limit_bytes: int) -> None:
    """Check the size before a row travels; no more rows are looked at than could be within the limit."""
    least = VALUE_BYTES * len(columns)
    most = limit_bytes // least + 1
    size = " + ".join([str(least), *(f"coalesce(octet_length(c{i}), 0)" for i in range(len(columns)))])
    found = connection.one(
        f"SELECT count(*), coalesce(sum({size}), 0)::bigint FROM ({select} LIMIT {most}) AS looked"
    ) or [0, 0]
    if found[1] > limit_bytes:
        more = "more than " if found[0] == most else ""
        raise Refused(
            f"{table}: {more}{found[0]:,} rows of {', '.join(columns)} are {more}{found[1] / _MB:,.1f} MB, the limit is"
            f" {limit_bytes // _MB:,} MB; look up fewer columns, or a view with fewer rows, or raise limits.lookup_mb"
        )


def _fetched(connection: Connection, select: str, width: int) -> Iterator[pa.RecordBatch]:
    connection.run(f"DECLARE etl_rows NO SCROLL CURSOR FOR {select}")
    while fetched := connection.run(f"FETCH {FETCHED} FROM etl_rows"):
        arrays = [pa.array([row[i] for row in fetched], pa.string()) for i in range(width)]
        yield pa.record_batch(arrays, names=[f"c{i}" for i in range(width)])
