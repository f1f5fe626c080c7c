"""Before-images: the rows that a publish changed or took away, as they were, so that it can be undone.

They stand in ``etl_target.before_<id>``: ``_etl_ledger`` (the number of the publish), ``_etl_op`` (``u`` updated, ``d``
deleted), ``_etl_key`` and ``_etl_hash`` (the hash of keys and row), then the columns that the table had then.
"""

import json
from collections.abc import Sequence
from typing import Any

from chalicelib.core.ledger import MODULUS, TableHash
from chalicelib.core.pipeline import Keep
from chalicelib.core.table import TableName
from chalicelib.postgres.connection import Connection
from chalicelib.postgres.identifiers import quote
from chalicelib.postgres.statements import statements
from chalicelib.targets.postgres.catalogue import relation
from chalicelib.targets.postgres.table_hash import RESEED, row_hash

SQL = statements("chalicelib.targets.postgres", "ledger.sql")

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

    def keep(self, source: str, op: str, **values: Any) -> TableHash:
        """Keep the rows ``t`` of ``source`` (FROM and WHERE), ``op`` is SQL; return their hash.

        To be called once in a publish.
        """
        columns: list[list[str]] = self._connection.run(_COLUMNS, relation=relation(self._table))
        images = self._images(columns)
        names = [quote(name) for name, _ in columns]
        row, key = (row_hash(self._connection, each, of="t") for each in (self._hashed, self._keys))
        found = self._connection.one(
            f"WITH kept AS (INSERT INTO etl_target.{images} AS i (_etl_hash, _etl_ledger, _etl_op, _etl_key,"
            f" {', '.join(names)})"
            f" SELECT {row}, {self._number}, {op}, {key}, {', '.join(f't.{name}' for name in names)}"
            f" FROM {source} RETURNING i._etl_hash AS h, pg_column_size(i) AS bytes)"
            " SELECT count(*), coalesce(sum(h), 0),"
            f" coalesce(sum(hashint8extended(h, {RESEED})), 0), coalesce(sum(bytes), 0) FROM kept",
            **values,
        )
        rows, first, second, size = map(int, found or (0, 0, 0, 0))
        if rows:
            note_kept(self._connection, self._number, images, size)
        return TableHash(first % MODULUS, second % MODULUS, rows)

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
    """Note in the ledger where it is kept what a publish replaced, and how many bytes that is."""
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
