"""A sampled value fits a type if the column would hold just what is written."""

import pytest

from chalicelib.core.types import ColumnType
from chalicelib.engine.sampled import fitting


@pytest.mark.parametrize(
    ("kind", "fits", "misfits"),
    [
        ("smallint", ["1", "-32768", " 7 ", "+3"], ["32768", "1.0", "x"]),
        ("integer", ["2147483647"], ["2147483648", "1e3"]),
        ("bigint", ["9223372036854775807", "007"], ["9223372036854775808"]),
        ("numeric", ["1e3", ".5", "1" * 50], ["n/a"]),
        ("numeric(5,2)", ["1.50", "1.500", "999.99", "1e2"], ["1.505", "1000", "x"]),
        ("real", ["0.1", "1e30"], ["1e400"]),
        ("boolean", ["true", "F", "1"], ["2"]),
        ("date", ["2026-01-02", "2026-01-02 00:00"], ["2026-01-02 10:00", "2026-13-01"]),
        ("timestamp", ["2026-01-02 10:00", "2026-01-02"], ["2026-01-02 10:00Z", "2026-01-02T10:00:00+02:00"]),
        ("timestamptz", ["2026-01-02 10:00+02", "2026-01-02"], ["soon"]),
        ("time", ["10:00", "10:00:01.5"], ["10:00:01+02", "25:00"]),
        ("varchar(3)", ["abc", "äöü", "abc "], ["abcd"]),
        ("text", ["", "x"], []),
        ("jsonb", ['{"a": 1}'], ["{a}"]),
    ],
)
def test_values_that_are_of_a_type_are_told_from_those_that_are_not(kind, fits, misfits):
    column = ColumnType.parse(kind)
    assert [1] * len(fits) == [fitting([value], column) for value in fits]
    assert [0] * len(misfits) == [fitting([value], column) for value in misfits]
    assert 2 * len(fits) == fitting([*fits, *misfits, *fits], column)
