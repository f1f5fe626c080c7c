"""Columns may be called as anything in our own SQL is: no alias of it takes a column for itself, or a column for it."""

import re
from pathlib import Path

import pytest
from modes import Table, counted

import chalicelib.targets.postgres as ours
from chalicelib.core.pipeline import HISTORY

SOURCES = [path for path in Path(ours.__file__).parent.rglob("*") if path.suffix in (".py", ".sql")]
#: Names after AS, and names before it, of a WITH.
NAMES = re.compile(r"\bAS (?:MATERIALIZED )?([a-z]\w*)|([a-z]\w*) AS (?:MATERIALIZED )?\(")
TAKEN = {"ctid", "tableoid", "xmin", *HISTORY}
ALIASES = {name for path in SOURCES for found in NAMES.findall(path.read_text()) for name in found if name}
LETTERS = {*"abcdefghijklmnopqrstuvwxyz", "old", "new", "c0", "k0", "op", "excluded", "row", "table"}
COLUMNS = sorted((ALIASES | LETTERS) - TAKEN)
RULES = [
    {"check": "unique", "columns": ["v"], "severity": "warn"},
    {"check": "unique", "columns": COLUMNS[:30], "severity": "warn"},
    {"check": "foreign_key", "columns": ["v"], "table": "public.other"},
    {"check": "foreign_key", "columns": ["o"], "table": "public.other", "references": ["v"]},
    {"check": "sum", "column": "s", "min": 0},
    {"check": "mean", "column": "t", "min": 0},
]  # fmt: skip
KEYED = {"keys": ["v", "s", "t"], "order_by": "d", "delete_when": "i = 9", "rules": RULES}
MODES = {
    "append": {"write": "append", "on_new_version": "replace", "rules": RULES},
    "replace": {"write": "replace", "rules": RULES},
    "merge": {"write": "merge", **KEYED},
    "scd2": {"write": "scd2", **KEYED},
}


def text(*rows):
    """A file with these values of ``i``; every other column is the record's number, or 9 where it says so."""
    lines = [",".join(str(i if name == "i" else n) for name in COLUMNS) for n, i in rows]
    return "\n".join([",".join(f'"{name}"' for name in COLUMNS), *lines]) + "\n"


def test_the_names_are_those_of_the_sources():
    assert {"v", "s", "t", "d", "h", "gone", "moments", "known", "ranked"} <= set(COLUMNS)
    assert 60 < len(set(COLUMNS)) == len(COLUMNS)


@pytest.mark.parametrize("mode", MODES)
def test_columns_called_as_our_aliases_are_written_as_any(database, tmp_path, mode):
    table = Table(database, tmp_path, {})
    table.run("CREATE TABLE other (v bigint PRIMARY KEY, o text, s text, t text)")
    table.run("INSERT INTO other (v) SELECT n FROM generate_series(1, 3) AS n")
    assert {"loaded": 2, "rejected": 1} == counted(table.load(text((1, 1), (2, 2), (4, 4)), "a.csv", **MODES[mode]))
    table.load(text((1, 7), (2, 9), (3, 3)), "a.csv", mtime=4_000_000_000, **MODES[mode])
    versions = {"merge": [[1, 7], [3, 3]], "scd2": [[1, 1], [1, 7], [2, 2], [3, 3]]}.get(mode, [[1, 7], [2, 9], [3, 3]])
    assert versions == table.rows("v, i")
    kept = table.run("SELECT kept_bytes FROM etl_target.ledger WHERE kept IS NOT NULL")
    assert [True] == [size > 8 * len(COLUMNS) for (size,) in kept]  # that of whole rows, not of the column i
