"""The step ``cast``: strict as the source's fields, one value's failure is one reject."""

from datetime import date
from decimal import Decimal

import pytest

from chalicelib.core.errors import InvalidPipeline

AB = {"a": "text", "b": "text"}


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("bigint", "12", 12),
        ("numeric(6,2)", "1.5", Decimal("1.50")),
        ("numeric", "1.50", "1.50"),  # travels as text
        ("date", "2024-02-29", date(2024, 2, 29)),
        ({"type": "date", "format": "%d/%m/%Y"}, "29/02/2024", date(2024, 2, 29)),
        ("boolean", "yes", True),
        ("varchar(3)", "abc", "abc"),
        ("bigint", "", None),
    ],
)
def test_a_text_becomes_a_value(run, kind, text, value):
    ran = run(f"a,b\n{text},x\n".encode(), AB, [{"cast": {"a": kind}}])
    assert [(value, "x")] == ran.values


@pytest.mark.parametrize(
    ("kind", "text"),
    [("bigint", "1.5"), ("smallint", "40000"), ("date", "2023-02-29"), ("boolean", "2"), ("varchar(2)", "abc")],
)
def test_a_text_that_does_not_fit_rejects_its_record_only(run, kind, text):
    ran = run(f"a,b\n{text},x\n,y\n".encode(), AB, [{"cast": {"a": kind}}])
    assert ([2], {1: ["type:a"]}) == (ran.lines, ran.rejects)


@pytest.mark.parametrize(
    ("source", "kind", "values", "rejected"),
    [
        ("bigint", "text", [("1",), ("300",)], [2]),
        ("bigint", "smallint", [(1,), (300,)], [2]),
        ("bigint", "numeric(2,0)", [(1,)], [2, 3]),
        ("numeric(5,1)", "bigint", [(1,), (300,)], [2]),
        ("double precision", "integer", [(1,), (300,)], [2]),
        ("numeric(5,1)", "numeric(5,0)", [(1,), (300,)], [2]),
        ("numeric(5,1)", "numeric(5,2)", [(1,), (Decimal("1.5"),), (300,)], []),
        ("double precision", "numeric(3,0)", [(1,), (2,), (300,)], []),  # an approximation is rounded
        ("text", "double precision", [(1.0,), (1.5,), (300.0,)], []),
        ("bigint", {"type": "date", "format": "%j"}, [(date(1900, 1, 1),), (date(1900, 10, 27),)], [2]),
    ],
)
def test_other_types_are_cast_too_and_a_fraction_is_no_whole_number(run, source, kind, values, rejected):
    ran = run(b"a\n1\n1.5\n300\n", {"a": source}, [{"cast": {"a": kind}}])
    assert (values, rejected) == (ran.values, list(ran.rejects))


@pytest.mark.parametrize("target", [None, {"a": "date"}])
@pytest.mark.parametrize("source", ["text", "timestamp"])
def test_a_time_of_day_is_not_cut_off_but_by_the_persons_own_sql(run, source, target):
    data = b"a\n2024-01-02 00:00:00\n2024-01-02 10:00:00\n"
    step = {"cast": {"a": "date"}}
    ran = run(data, {"a": source}, [step] if target is None else [], target=target)
    assert ([(date(2024, 1, 2),)], {2: ["type:a"]}) == (ran.values, ran.rejects)
    cut = run(data, {"a": source}, [{"derive": {"a": "cast(a as date)"}}], target=target)
    assert ([(date(2024, 1, 2),)] * 2, {}) == (cut.values, cut.rejects)


@pytest.mark.parametrize(
    ("source", "kind", "beyond"), [("bigint", "smallint", "70000"), ("double precision", "bigint", "1e30")]
)
def test_a_number_out_of_range_rejects_its_record_only(run, source, kind, beyond):
    ran = run(f"a\n1\n{beyond}\n2\n".encode(), {"a": source}, [{"cast": {"a": kind}}])
    assert ([1, 3], {2: ["type:a"]}) == (ran.lines, ran.rejects)


def test_a_required_column_rejects_null_but_not_what_did_not_fit(run):
    ran = run(b"a,b\n,x\nq,x\n1,x\n", AB, [{"cast": {"a": {"type": "bigint", "required": True}}}])
    assert {1: ["not_null:a"], 2: ["type:a"]} == ran.rejects


def test_later_steps_and_rules_see_the_new_type(run):
    steps = [{"cast": {"a": "bigint"}}, {"derive": {"c": "a + 1"}}]
    ran = run(b"a,b\n1,x\nq,x\n5,y\n", AB, steps, [{"check": "not_null", "columns": ["a"]}])
    assert ([(1, "x", 2), (5, "y", 6)], {2: ["type:a"]}) == (ran.values, ran.rejects)


def test_a_column_that_is_not_there_is_named_with_the_nearest(run):
    with pytest.raises(InvalidPipeline) as error:
        run(b"amount\n1\n", {"amount": "text"}, [{"cast": {"amont": "bigint"}}])
    assert str(error.value) == ('transforms[0].cast: there is no column "amont" at this point; did you mean "amount"?')


def test_a_type_that_the_engine_never_makes_of_another_is_refused_with_its_place(run):
    with pytest.raises(InvalidPipeline, match=r"^transforms\[0\]\.cast\.a: "):
        run(b"a\n1\n", {"a": "bigint"}, [{"cast": {"a": "date"}}])
