"""Widening goes up only, and what it says holds every value is what PostgreSQL says, too."""

from itertools import pairwise

import pytest
from making import query

from chalicelib.core.lattice import widens, wider
from chalicelib.core.types import ColumnType

VALUES = {
    "smallint": ["-32768", "0", "32767"],
    "integer": ["-2147483648", "2147483647"],
    "bigint": ["-9223372036854775808", "9223372036854775807"],
    "numeric": ["0.10", "12345678901234567890123456789012345678901234567890.5", "-7"],
    "numeric(10,2)": ["-99999999.99", "0.10"],
    "real": ["0.1", "3.4028235e38", "1e-45"],
    "double precision": ["0.1", "1.7976931348623157e308", "-0.30000000000000004"],
    "boolean": ["true", "false"],
    "date": ["0001-01-01", "2026-02-28"],
    "timestamp": ["2026-01-01 01:02:03.000004"],
    "timestamptz": ["2026-01-01 01:02:03.000004+00"],
    "time": ["23:59:59.5"],
    "uuid": ["00000000-0000-0000-0000-00000000000a"],
    "varchar(3)": ["abc", "ä b", ""],
    "json": ['{"a": 1, "a": 2}'],
    "jsonb": ['{"a": [1]}'],
}


@pytest.mark.parametrize("kind", VALUES)
def test_a_widened_value_is_the_same_value_when_it_is_cast_back(kind, database):
    for after in wider(ColumnType.parse(kind)):
        for value in VALUES[kind]:
            sql = f"SELECT (v::{after})::{kind}::text, v::text FROM (SELECT cast(:v::text AS {kind}) AS v) AS s"
            ((back, before),) = query(database, sql, v=value)
            assert before == back, after


@pytest.mark.parametrize("kind", VALUES)
def test_what_is_wider_widens_and_never_back(kind):
    before = ColumnType.parse(kind)
    chain = [before, *wider(before)]
    assert all(widens(a, b) and not widens(b, a) for a, b in pairwise(chain))


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("numeric(10,2)", "numeric(12,2)", True),
        ("numeric(10,2)", "numeric(12,4)", True),
        ("numeric(10,2)", "numeric(11,4)", False),
        ("numeric", "numeric(12,2)", False),
        ("integer", "numeric(10,0)", True),
        ("integer", "numeric(10,2)", False),
        ("bigint", "numeric(21,2)", True),
        ("varchar(3)", "varchar(4)", True),
        ("varchar(3)", "varchar(2)", False),
        ("varchar", "varchar(9)", False),
        ("varchar(3)", "varchar", True),
        ("varchar", "text", True),
        ("text", "varchar", False),
        ("integer", "integer", False),
        ("bigint", "double precision", False),
        ("double precision", "numeric", False),
        ("timestamp", "timestamptz", False),
        ("char(3)", "text", False),
        ("json", "jsonb", False),
        ("text", "char(3)", False),
        ("date", "varchar(30)", False),
    ],
)
def test_only_what_loses_nothing_widens(before, after, expected):
    assert expected is widens(ColumnType.parse(before), ColumnType.parse(after))
