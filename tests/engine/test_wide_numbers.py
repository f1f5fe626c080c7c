"""Numerics of any length: SQL and steps see numbers, as Python's Decimal has them; what nobody looks at stays."""

from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

WIDE = {"id": "bigint", "v": "numeric", "w": "numeric(40,2)"}
TEXTS = ["", "10", "9.5", "9.50", "100", "-3", "1e2", "1.00", "1", "-0.25", "+7", ".5", "12345678901234567890.25"]
rows = st.lists(st.tuples(st.sampled_from(TEXTS), st.sampled_from(TEXTS)), min_size=1, max_size=6)


def data(pairs):
    return ("id,v,w\n" + "".join(f"{i},{v},{w}\n" for i, (v, w) in enumerate(pairs, 1))).encode()


def numbers(pairs):
    read = [(i, *(Decimal(text) if text else None for text in pair)) for i, pair in enumerate(pairs, 1)]
    return [(i, v, w and w.quantize(Decimal("0.01"))) for i, v, w in read]


def greater(v, w):
    return v is not None and w is not None and v > w


def highest(values):
    return max((value for value in values if value is not None), default=None)


def decimals(values):
    return [None if value is None else Decimal(value) for value in values]


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows)
def test_a_condition_compares_numbers_wherever_it_stands(run, pairs):
    expected = [i for i, v, w in numbers(pairs) if greater(v, w)]
    for step in ({"filter": "v > w"}, {"sql": "select * from input where input.v > w"}):
        assert expected == run(data(pairs), WIDE, [step]).lines
    ruled = run(data(pairs), WIDE, [], [{"check": "expr", "sql": "not (v > w)"}])
    assert expected == sorted(ruled.rejects)
    derived = run(data(pairs), WIDE, [{"derive": {"more": "v > w", "twice": "v * 2", "most": "greatest(v, w)"}}])
    for (_, v, w), record in zip(numbers(pairs), derived.kept, strict=True):
        assert (v > w if None not in (v, w) else None) == record["more"]
        assert [v and v * 2, highest([v, w])] == decimals([record["twice"], record["most"]])


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows)
def test_many_records_are_ordered_grouped_and_summed_as_numbers(run, pairs):
    read = numbers(pairs)
    taken = {"least": "min(v)", "most": "max(v)", "total": "sum(v)"}
    (record,) = run(data(pairs), WIDE, [{"aggregate": {"take": taken}}]).kept
    there = [v for _, v, _ in read if v is not None]
    expected = [min(there), max(there), sum(there)] if there else [None] * 3
    assert expected == decimals([record[name] for name in taken])
    grouped = run(data(pairs), WIDE, [{"aggregate": {"by": ["v"], "take": {"n": "count(*)"}}}]).kept
    assert len({v for _, v, _ in read}) == len(grouped)
    distinct = run(data(pairs), WIDE, [{"sql": "select distinct v from input"}]).kept
    assert len({v for _, v, _ in read}) == len(distinct)
    ranked = run(data(pairs), WIDE, [{"sql": "select id, row_number() over (order by v, id) as n from input"}]).kept
    by_value = sorted((v is None, v or 0, i) for i, v, _ in read)
    assert {i: n for n, (*_, i) in enumerate(by_value, 1)} == {r["id"]: r["n"] for r in ranked}


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows)
def test_deduplicate_takes_equal_numbers_for_equal_and_keeps_the_text_of_who_stays(run, pairs):
    read, stays = numbers(pairs), {}
    for i, v, w in read:
        rank = (w is not None, w or 0, i)
        if v not in stays or rank > stays[v]:
            stays[v] = rank
    ran = run(data(pairs), WIDE, [{"deduplicate": {"columns": ["v"], "order_by": ["w"]}}])
    assert sorted(i for *_, i in stays.values()) == ran.lines
    assert [(pairs[i - 1][0] or None) for i in ran.lines] == [record["v"] for record in ran.kept]


LONG = "0.12345678901234567890123456789012345678901234567890"


def test_what_no_step_looks_at_keeps_all_its_digits(run):
    steps = [
        {"derive": {"x": "id + 1", "text": "'v' || v", "there": "v is not null"}},
        {"filter": "v is not null"},
        {"sql": "select *, row_number() over (order by id) as n from input"},
        {"sql": "select *, cast(v as decimal(38,30)) > 0.1 as more from input"},
        {"deduplicate": {"columns": ["id"]}},
    ]
    ran = run(f"id,v,w\n1,{LONG},1\n".encode(), WIDE, steps)
    assert [(LONG, "v" + LONG)] == [(record["v"], record["text"]) for record in ran.kept]


@pytest.mark.parametrize(
    ("steps", "rules", "rule"),
    [
        ([{"filter": "v > 0"}], [], "filter:v"),
        ([{"derive": {"x": "v + 1"}}], [], "derive:v"),
        ([{"sql": "select id, v * 2 as x from input"}], [], "sql:v"),
        ([{"sql": "select id, sum(v) over () as x from input"}], [], "sql:v"),
        ([{"aggregate": {"by": ["v"], "take": {"n": "count(*)"}}}], [], "aggregate:v"),
        ([{"deduplicate": {"columns": ["v"]}}], [], "deduplicate:v"),
        ([], [{"check": "expr", "sql": "v > 0"}], "rules[0]:v"),
    ],
)
@pytest.mark.parametrize("value", [LONG, "1e28", "12345678901234567890123456789"])
def test_a_number_that_sql_cannot_compute_with_rejects_its_record_and_says_so(run, steps, rules, rule, value):
    ran = run(f"id,v,w\n1,{value},1\n2,5,1\n".encode(), WIDE, steps, rules)
    assert {1: [rule]} == ran.rejects
    assert "more than 28 digits before the point, or 10 after it" in ran.fates.reasons(ran.fates.codes[0])[0].message


def test_a_number_that_was_computed_goes_into_a_numeric_column_without_idle_zeros(run):
    ran = run(b"id,v,w\n1,9.50,1\n2,1e2,1\n3,0,0\n", WIDE, [{"derive": {"x": "v * 2"}}])
    assert [("9.50", "19"), ("1e2", "200"), ("0", "0")] == [(r["v"], r["x"]) for r in ran.kept]


def test_a_name_of_a_lambda_is_its_own(run):
    ran = run(b"id,v,w\n1,9.5,1\n", WIDE, [{"derive": {"x": "list_transform([id], lambda v: v + 1)[1] + v"}}])
    assert ["11.5"] == [record["x"] for record in ran.kept]
