"""Rules on a record's values: which values pass, which break them, and what cannot be judged at all."""

import pytest

from chalicelib.core.errors import InvalidPipeline

EURO = "\u20ac"


def judged(run, kind, rule, *values):
    """The values of one column that a rule rejects."""
    data = "a\n" + "".join(f'"{value}"\n' for value in values)
    ran = run(data.encode(), {"a": kind}, [], [{"column": "a", **rule}])
    return [values[record - 1] for record in ran.rejects]


@pytest.mark.parametrize("kind", ["bigint", "numeric(12,2)", "numeric", "double precision"])
def test_a_number_lies_between_its_bounds_which_are_allowed_unless_exclusive(run, kind):
    values = ("-1", "0", "5", "10", "11", "")
    assert ["-1", "11"] == judged(run, kind, {"check": "range", "min": 0, "max": 10}, *values)
    assert ["-1", "0", "10", "11"] == judged(
        run, kind, {"check": "range", "min": 0, "max": 10, "exclusive": True}, *values
    )
    assert ["11"] == judged(run, kind, {"check": "range", "max": 10}, *values)


def test_a_bound_is_exact_where_the_column_is(run):
    great = "9007199254740993"  # 2^53 + 1: no double
    assert [great] == judged(run, "bigint", {"check": "range", "max": 9007199254740992}, "9007199254740992", great)
    assert ["0.09"] == judged(run, "numeric(12,2)", {"check": "range", "min": 0.1}, "0.09", "0.10")
    assert [] == judged(run, "numeric(12,2)", {"check": "range", "max": 1e300}, "0.09")


def test_a_date_or_timestamp_lies_between_its_bounds(run):
    dates = ("2023-12-31", "2024-01-01", "2024-12-31", "2025-01-01", "")
    rule = {"check": "range", "min": "2024-01-01", "max": "2024-12-31"}
    assert ["2023-12-31", "2025-01-01"] == judged(run, "date", rule, *dates)
    times = ("2024-12-31 00:00:00", "2024-12-31 00:00:01")
    assert ["2024-12-31 00:00:01"] == judged(run, "timestamp", rule, *times)
    offset = {"check": "range", "max": "2024-01-01T00:00:00+01:00"}
    zoned = ("2023-12-31 23:00:00+00", "2023-12-31 23:00:01+00")
    assert ["2023-12-31 23:00:01+00"] == judged(run, "timestamptz", offset, *zoned)


def test_a_text_has_so_many_characters_not_bytes(run):
    values = ("", "a", EURO * 2, EURO * 3)
    assert [EURO * 3] == judged(run, "text", {"check": "length", "max": 2}, *values)
    assert ["a"] == judged(run, "text", {"check": "length", "min": 2}, *values)


def test_a_text_matches_a_pattern_in_part_or_in_full(run):
    values = ("AB12", "xAB12", "ab12", "", "AB")
    assert ["ab12", "AB"] == judged(run, "text", {"check": "regex", "pattern": "[A-Z]{2}[0-9]+"}, *values)
    rule = {"check": "regex", "pattern": "[A-Z]{2}[0-9]+", "full": True}
    assert ["xAB12", "ab12", "AB"] == judged(run, "text", rule, *values)
    assert [] == judged(run, "text", {"check": "regex", "pattern": "it's"}, "it's")


def test_an_end_before_its_start_is_rejected_and_null_or_equal_is_not(run):
    data = b"s,e\n2024-01-02,2024-01-01\n2024-01-02,2024-01-02\n,2024-01-01\n2024-01-02,\n"
    rule = {"check": "date_order", "columns": ["s", "e"]}
    for kinds in ({"s": "date", "e": "date"}, {"s": "date", "e": "timestamp"}):
        ran = run(data, kinds, [], [rule])
        assert {1: ["rules[0]:e"]} == ran.rejects
    assert "e is before s" == ran.fates.causes[-1].message


def test_a_reason_says_the_bounds(run):
    ran = run(b"a\n7\n", {"a": "bigint"}, [], [{"check": "range", "column": "a", "min": 8, "max": 9}])
    assert "a is not at least 8 and at most 9" == ran.fates.reasons(ran.fates.codes[0])[0].message


def test_a_record_is_counted_once_under_a_rule_that_it_breaks_twice(run):
    rules = [{"check": "not_null", "columns": ["a", "b"]}, {"check": "not_null", "columns": ["a"], "name": "mine"}]
    ran = run(b"a,b\n,\nx,y\n,y\n", None, [], rules)
    assert {"not_null:a,b": 2, "mine": 2} == dict(ran.fates.broken)


@pytest.mark.parametrize(
    ("kind", "rule", "told"),
    [
        ("text", {"check": "range", "column": "a", "min": 1},
         ("rules[0].range.column: a is text, no number, date or timestamp; "
          "declare its type, or use length, regex or in")),
        ("bigint", {"check": "range", "column": "a", "min": "2024-01-01"},
         "rules[0].range.min: 2024-01-01 is a date, and the column holds numbers; write a bound of its kind"),
        ("date", {"check": "range", "column": "a", "max": 5},
         "rules[0].range.max: 5 is a number, and the column holds dates; write a bound of its kind"),
        ("date", {"check": "range", "column": "a", "max": "2024-01-01T00:00:00Z"},
         "rules[0].range.max: 2024-01-01T00:00:00Z has an offset, and date has none; remove it"),
        ("bigint", {"check": "length", "column": "a", "max": 5},
         "rules[0].length.column: a is bigint, no text; name a text, or cast it first"),
        ("numeric", {"check": "regex", "column": "a", "pattern": "x"},
         "rules[0].regex.column: a is numeric, no text; name a text, or cast it first"),
        ("text", {"check": "regex", "column": "a", "pattern": "(x"},
         "rules[0].regex.pattern: missing ): (x; write a regular expression of RE2's syntax"),
        ("text", {"check": "regex", "column": "b", "pattern": "x"},
         'rules[0].regex.column: there is no column "b" at this point; the columns here are a'),
        ("date", {"check": "date_order", "columns": ["a", "aa"]},
         'rules[0].date_order.columns[1]: there is no column "aa" at this point; did you mean "a"?'),
    ],
)  # fmt: skip
def test_what_cannot_be_judged_is_told_before_any_record_is_read(run, kind, rule, told):
    with pytest.raises(InvalidPipeline) as caught:
        run(b"a\n", {"a": kind}, [], [rule])
    assert told == str(caught.value)


def test_two_columns_that_are_no_dates_have_no_order(run):
    with pytest.raises(InvalidPipeline, match=r"columns\[1\]: b is text, which has no order in time; name a date"):
        run(b"a,b\n", {"a": "date", "b": "text"}, [], [{"check": "date_order", "columns": ["a", "b"]}])
