"""The table hash: two sums modulo 2^64 over the rows' hashes, computed by the server.

A row's hash is the exclusive or of its values' hashes, each with the seed of its column's name, NULL as zero: so the
order of columns means nothing, and a new column without values changes no hash. ``hash_record_extended`` hashes a
value of any type; on a row of one column it equals the type's own function, which is faster where it is known (0.48 s
against 0.72 s for a million rows of 14 columns on one core). The functions are undocumented, so values are pinned by
tests on each PostgreSQL major.

The second sum hashes the first hash again instead of the row. The volatile ``clock_timestamp`` keeps the planner from
inlining the row hash twice (docs/decisions/0002).
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.core.ledger import MODULUS, TableHash
from chalicelib.postgres.connection import Connection
from chalicelib.postgres.identifiers import quote

RESEED = 2
#: The SQL of a table hash over rows whose hash is ``h``.
SUMS = f"count(*), coalesce(sum(h), 0), coalesce(sum(hashint8extended(h, {RESEED})), 0)"
#: The functions of every supported major.
_DIRECT = {
    "smallint": "hashint2extended",
    "integer": "hashint4extended",
    "bigint": "hashint8extended",
    "real": "hashfloat4extended",
    "double precision": "hashfloat8extended",
    "numeric": "hash_numeric_extended",
    "text": "hashtextextended",
    "character varying": "hashtextextended",
    "time without time zone": "time_hash_extended",
    "timestamp without time zone": "timestamp_hash_extended",
    "uuid": "uuid_hash_extended",
    "jsonb": "jsonb_hash_extended",
}
#: Those that came with 18.
_DIRECT_18 = {
    "boolean": "hashboolextended",
    "date": "hashdateextended",
    "timestamp with time zone": "timestamptz_hash_extended",
}
#: Types without a hash function go through their text, and so do arrays of them.
_UNHASHED = frozenset({
    "bit", "bit varying", "box", "circle", "json", "jsonpath", "line", "lseg", "money", "path", "pg_snapshot", "point",
    "polygon", "refcursor", "tsquery", "tsvector", "txid_snapshot", "xml",
})  # fmt: skip


def hash_rows(
    connection: Connection, relation: str, columns: Sequence[tuple[str, str]], *, where: str = "true"
) -> TableHash:
    """Hash the rows of ``relation`` (SQL) for which ``where`` (SQL) holds; both must come quoted.

    ``columns`` are the data columns' names and types.
    """
    row = row_hash(connection, columns)
    return summed(connection, f"SELECT {row} AS h, clock_timestamp() FROM {relation} WHERE {where}")


def row_hash(connection: Connection, columns: Sequence[tuple[str, str]], *, of: str = "") -> str:
    """The SQL of the hash of one row of data columns (names and types); ``of`` is the row's alias, if it needs one."""
    direct = {**_DIRECT, **(_DIRECT_18 if connection.major >= 18 else {})}
    dot = f"{of}." if of else ""
    return " # ".join(f"coalesce({_value_hash(name, kind, direct, dot)}, 0)" for name, kind in columns) or "0"


def summed(connection: Connection, rows: str, *, moving: bool = False, **values: Any) -> TableHash:
    """The hash of the rows that ``rows`` (SQL) returns the row hash of, as ``h``.

    ``moving``: it is a statement that writes, with RETURNING; it runs once, and these are the rows that it wrote.
    """
    source, head = (f"({rows})", "") if not moving else ("written", f"WITH written AS ({rows}) ")
    return total(connection.one(f"{head}SELECT {SUMS} FROM {source} AS hashed", **values) or (0, 0, 0))


def total(sums: Sequence[Any]) -> TableHash:
    """The hash that a row of ``SUMS`` says."""
    rows, first, second = map(int, sums)
    return TableHash(first % MODULUS, second % MODULUS, rows)


def _value_hash(name: str, kind: str, direct: Mapping[str, str], dot: str) -> str:
    """The SQL of the hash of a column's value; zero or NULL if that is NULL."""
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)
    base = kind.partition("(")[0]
    if base in direct:
        return f"{direct[base]}({dot}{quote(name)}, {seed})"
    value = f"{dot}{quote(name)}::text" if base.removesuffix("[]") in _UNHASHED else f"{dot}{quote(name)}"
    return f"hash_record_extended(ROW({value}), {seed})"
