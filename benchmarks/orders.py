"""The order book: a million records of 14 columns, the same on every machine, made by arithmetic in DuckDB.

Text with quotes, commas, line breaks and letters beyond ASCII; three time zones; a third of the optional fields empty.
``broken`` turns every hundredth record into one that a rule or a type must refuse.
"""

from pathlib import Path

import duckdb

COLUMNS = {
    "id": "bigint",
    "ext_id": "uuid",
    "created_at": "timestamptz",
    "updated_at": "timestamptz",
    "order_date": "date",
    "amount": "numeric(12,2)",
    "tax": "numeric(12,2)",
    "score": "double precision",
    "qty": "integer",
    "is_active": "boolean",
    "country": "text",
    "status": "text",
    "name": "varchar(80)",
    "comment": "text",
}
_RANDOM = "((i * {a} + {b}) % 2147483647 * 48271 % 2147483647)"
_WORDS = "'lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor incididunt ut labore'"
_COMMENT = f"left({_WORDS}, 20 + r3 % 70)"


def write_orders(path: Path, records: int, *, broken: bool = False) -> None:
    """Write ``records`` orders as CSV with a header; an existing file of that many records is kept."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({_select(records, broken=broken)}) TO '{part}' (HEADER, QUOTE '\"', ESCAPE '\"')")
    part.rename(path)


def write_changes(path: Path, records: int) -> None:
    """Write what is to be merged into ``records`` orders: a tenth changed, a twentieth equal, a twentieth new."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    changed = "SELECT * REPLACE (CASE WHEN id::BIGINT % 20 IN (1, 4) THEN 'changed' ELSE status END AS status)"
    every = _select(records + records // 20, broken=False)
    some = f"{changed} FROM ({every}) WHERE id::BIGINT % 20 IN (1, 4, 7) OR id::BIGINT > {records}"
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({some}) TO '{part}' (HEADER, QUOTE '\"', ESCAPE '\"')")
    part.rename(path)


def _select(records: int, *, broken: bool) -> str:
    randoms = ", ".join(f"{_RANDOM.format(a=a, b=b)} AS r{k}" for k, (a, b) in enumerate(_SEEDS))
    rows = f"SELECT i, {randoms} FROM range(1, {records + 1}) AS t(i)"
    fields = dict(_FIELDS)
    if broken:
        fields.update({name: f"CASE WHEN i % 500 = {at} THEN {bad} ELSE {fields[name]} END" for name, at, bad in _BAD})
    return f"SELECT {', '.join(f'{sql} AS {name}' for name, sql in fields.items())} FROM ({rows})"


_SEEDS = (
    (16807, 11),
    (69621, 23),
    (39373, 37),
    (742938285 % 99991, 41),
    (950706376 % 99991, 53),
    (62089911 % 99991, 67),
)
_STAMP = "strftime(TIMESTAMP '2022-01-01' + INTERVAL (r0 % 94608000) SECOND, '%Y-%m-%dT%H:%M:%S')"
_FIELDS = {
    "id": "i::VARCHAR",
    "ext_id": "format('{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}', r0, r1 % 65536, r2 % 4096, r3 % 4096, r4)",
    "created_at": f"{_STAMP} || ['+00:00', '+02:00', '-05:00'][r1 % 3 + 1]",
    "updated_at": f"CASE WHEN r2 % 10 < 3 THEN NULL ELSE {_STAMP} || '+00:00' END",
    "order_date": "strftime(DATE '2022-01-01' + (r0 % 1095)::INTEGER, '%Y-%m-%d')",
    "amount": "format('{:.2f}', r3 % 10000000 / 100)",
    "tax": "CASE WHEN r4 % 5 = 0 THEN NULL ELSE format('{:.2f}', r4 % 100000 / 100) END",
    "score": "format('{:.6f}', (r5 % 600000000 - 300000000) / 1000000)",
    "qty": "(r1 % 1000)::VARCHAR",
    "is_active": "CASE WHEN r2 % 5 < 3 THEN 'true' ELSE 'false' END",
    "country": "['DE', 'FR', 'US', 'GB', 'ES', 'IT', 'PL', 'NL', 'SE', 'JP', 'BR', 'IN'][r3 % 12 + 1]",
    "status": "['new', 'paid', 'shipped', 'cancelled', 'returned'][r4 % 5 + 1]",
    "name": "['Anna', 'Björn', 'Zoë', '李雷', 'Ольга', 'Mary', 'Søren', 'Łukasz'][r5 % 8 + 1] || ' '"
    " || ['Müller', 'Smith', 'García', 'Nowak', 'van der Berg', '山田', 'D''Arcy'][r1 % 7 + 1]",
    "comment": f"CASE r2 % 20 WHEN 0 THEN NULL WHEN 1 THEN NULL WHEN 2 THEN NULL WHEN 3 THEN NULL WHEN 4 THEN NULL"
    f" WHEN 5 THEN 'said \"' || {_COMMENT} || '\", then left' WHEN 6 THEN {_COMMENT} || ', ' || 'etc.'"
    f" WHEN 7 THEN {_COMMENT} || chr(10) || 'second line, ünïcödé ✓' ELSE {_COMMENT} END",
}
#: Column, place within 500 records, and the text that is wrong there: 1 % of the records in all.
_BAD = (
    ("order_date", 100, "'2024-02-30'"),
    ("amount", 200, "'12,34 EUR'"),
    ("status", 300, "'lost'"),
    ("name", 400, "NULL"),
    ("created_at", 499, "'2023-13-45T00:00:00'"),
)
