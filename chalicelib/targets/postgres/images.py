"""Before-images: the rows that a publish changed or took away, as they were, so that it can be undone.

They stand in ``etl_target.before_<id>``: ``_etl_ledger`` (the number of the publish), ``_etl_op`` (``u`` updated, ``d``
deleted), ``_etl_key`` and ``_etl_hash`` (the hash of keys and row), then the columns that the table had then.
"""

import json
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from chalicelib.core.ledger import TableHash
from chalicelib.core.pipeline import Keep
from chalicelib.core.table import TableName
from chalicelib.postgres.connection import Connection
from chalicelib.postgres.identifiers import quote
from chalicelib.postgres.statements import statements
from chalicelib.targets.postgres.catalogue import relation
from chalicelib.targets.postgres.table_hash import SUMS, row_hash, summed, total

SQL = statements("chalicelib.targets.postgres", "ledger.sql")

#: The first major whose UPDATE can return ``old``.
RETURNS_OLD = 18
#: What stands in an image before the row's own columns.
_HEAD = ("_etl_hash", "_etl_key", "_etl_ledger", "_etl_op")

_COLUMNS = """
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
WHERE attrelid = cast(:relation AS regclass) AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""


class Images:
    """The before-images of one publish (``number``) into a table."""

    def __init__(
        self,
        connection: Connection,
        table: TableName,
        number: int,
        hashed: Sequence[tuple[str, str]],
        keys: Sequence[str],
    ) -> None:
        self._connection, self._table, self._number = connection, table, number
        self._hashed, self._keys = hashed, [(name, kind) for name, kind in hashed if name in keys]

    def keep(self, rows: str, op: str, **values: Any) -> TableHash:
        """Keep the rows ``t`` of ``rows`` (FROM and WHERE) before they are changed by ``op``; return their hash."""
        return self._change(f"SELECT {self._row('t', op)}, NULL::bigint AS h FROM {rows}", **values)[0]

    def update(self, statement: str, rows: str) -> tuple[TableHash, TableHash]:
        """Run the UPDATE ``statement`` of ``rows`` (FROM and WHERE), which are ``t``; return their hash, old and new.

        Since PostgreSQL 18 an UPDATE returns its rows as they were; before that they are read once more.
        """
        if self._connection.major >= RETURNS_OLD:
            new = row_hash(self._connection, self._hashed, of="new")
            return self._change(f"{statement} RETURNING {self._row('old', 'u')}, {new} AS h")
        new = row_hash(self._connection, self._hashed, of="t")
        taken = self.keep(rows, "u")
        return taken, summed(self._connection, f"{statement} RETURNING {new} AS h", moving=True)

    @cached_property
    def _columns(self) -> list[list[str]]:
        """The name and the type of each column that the table has."""
        found: list[list[str]] = self._connection.run(_COLUMNS, relation=relation(self._table))
        return found

    def _row(self, of: str, op: str) -> str:
        """The SELECT items of an image of the row ``of``, as ``c0``, ``c1`` and so on, in the order of ``_HEAD``."""
        row, key = (row_hash(self._connection, each, of=of) for each in (self._hashed, self._keys))
        items = [
            row,
            key,
            str(self._number),
            f"'{op}'::\"char\"",
            *(f"{of}.{quote(name)}" for name, _ in self._columns),
        ]
        return ", ".join(f"{item} AS c{place}" for place, item in enumerate(items))

    def _change(self, statement: str, **values: Any) -> tuple[TableHash, TableHash]:
        """Keep what ``statement`` returns as images; return their hash, and that of ``h``, which it returns besides."""
        images = self._images(self._columns)
        names = [*_HEAD, *(quote(name) for name, _ in self._columns)]  # i.* is the row, i may be a column
        found = self._connection.one(
            f"WITH changed AS ({statement}), kept AS (INSERT INTO etl_target.{images} AS i ({', '.join(names)})"
            f" SELECT {', '.join(f'c{place}' for place, _ in enumerate(names))} FROM changed"
            " RETURNING i._etl_hash AS h, pg_column_size(i.*) AS bytes) SELECT * FROM"
            f" (SELECT {SUMS}, coalesce(sum(bytes), 0) FROM kept) AS kept, (SELECT {SUMS} FROM changed) AS changed",
            **values,
        )
        found = found or [0] * 7
        taken = total(found[:3])
        if taken.rows:
            note_kept(self._connection, self._number, images, size=int(found[3]))
        return taken, total(found[4:])

    def _images(self, columns: list[list[str]]) -> str:
        """The table of images with these columns, made at its first use."""
        key = {"table_name": str(self._table), "columns": json.dumps(columns)}
        found = self._connection.one(SQL["find_images"], **key)
        if found is not None:
            return f"before_{found[0]}"
        made = self._connection.one(SQL["add_images"], **key)
        images = f"before_{made[0] if made else 0}"
        names = ", ".join(f"t.{quote(name)}" for name, _ in columns)
        self._connection.run(
            f"CREATE TABLE etl_target.{images} AS SELECT 0::bigint AS _etl_ledger, 'u'::\"char\" AS _etl_op,"
            f" 0::bigint AS _etl_key, 0::bigint AS _etl_hash, {names} FROM {relation(self._table)} AS t WITH NO DATA"
        )
        self._connection.run(f"CREATE INDEX ON etl_target.{images} USING brin (_etl_ledger)")
        return images


def note_kept(connection: Connection, number: int, kept: str, size: int) -> None:
    """Note in the ledger where it is kept what a publish replaced, and how many bytes more that is."""
    connection.run(SQL["note_kept"], number=number, kept=kept, kept_bytes=size)


def prune(connection: Connection, table: TableName, keep: Keep) -> list[str]:
    """Forget what is kept beyond the bounds, the oldest first; return what people should know of it."""
    bounds = {"runs": keep.runs, "bytes": round(keep.gb * 1024**3)}
    beyond = connection.run(SQL["beyond_bounds"], table_name=str(table), **bounds)
    for number, kept in beyond:
        if kept.startswith("kept_"):
            connection.run(f"DROP TABLE etl_target.{quote(kept)} CASCADE")
        else:
            connection.run(f"DELETE FROM etl_target.{quote(kept)} WHERE _etl_ledger = {int(number)}")
        connection.run(SQL["forget_kept"], number=number)
    if not beyond:
        return []
    numbers = ", ".join(str(number) for number, _ in beyond)
    bound = f"keep allows {keep.runs:,} publishes and {keep.gb:g} GB for {table}"
    return [f"ledger number {numbers} can no longer be undone: {bound}"]
