"""The rules of a document: their keys, which stay when rules are moved, and what cannot be meant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from chalicelib.core.document import parse_pipeline
from chalicelib.core.pipeline import Pipeline, rule_keys

RULES = [
    {"check": "not_null", "columns": ["a", "b"]},
    {"check": "in", "column": "a", "values": [1]},
    {"check": "range", "column": "a", "min": 1},
    {"check": "length", "column": "a", "max": 1},
    {"check": "regex", "column": "a", "pattern": "x"},
    {"check": "date_order", "columns": ["a", "b"]},
    {"check": "expr", "sql": "a  >\n 0"},
    {"check": "unique", "columns": ["a"]},
    {"check": "foreign_key", "columns": ["a"], "table": "other"},
    {"check": "freshness", "column": "a", "max_age_hours": 24},
    {"check": "row_count", "min": 1},
    {"check": "reject_ratio", "max": 0.5},
    {"check": "sum", "column": "a", "min": 1},
    {"check": "mean", "column": "a", "max": 1.5},
]
KEYS = (
    "not_null:a,b", "in:a", "range:a", "length:a", "regex:a", "date_order:a,b", "expr:a > 0", "unique:a",
    "foreign_key:a", "freshness:a", "row_count", "reject_ratio", "sum:a", "mean:a",
)  # fmt: skip


def build(rules) -> Pipeline:
    source, target = {"type": "file", "path": "a.csv"}, {"type": "postgres", "table": "t"}
    return Pipeline.model_validate({"version": 1, "name": "p", "source": source, "target": target, "rules": rules})


def faults(*rules):
    with pytest.raises(ValidationError) as caught:
        build(rules)
    found = [error.get("ctx", {}).get("faults", ()) for error in caught.value.errors()]
    return [fault.text for each in found for fault in each]


def test_a_rule_is_counted_under_its_word_and_what_it_looks_at():
    assert KEYS == rule_keys(build(RULES).rules)


@given(st.permutations(RULES))
def test_the_keys_of_rules_that_are_moved_stay(moved):
    found = dict(zip(map(repr, moved), rule_keys(build(moved).rules), strict=True))
    assert dict(zip(map(repr, RULES), KEYS, strict=True)) == found


def test_no_two_rules_have_one_key():
    same = [
        {"check": "range", "column": "a", "min": 1, "severity": "warn"},
        {"check": "range", "column": "a", "min": 0},
    ]
    assert ("range:a", "range:a#2") == rule_keys(build(same).rules)


def test_a_name_is_the_key():
    assert ("small",) == rule_keys(build([{"check": "range", "column": "a", "max": 1, "name": "small"}]).rules)


def test_a_name_that_is_given_twice_is_refused():
    rules = [{**RULES[1], "name": "x"}, {**RULES[2], "name": "x"}]
    assert ["the name x is that of rules[0]; choose another"] == faults(*rules)


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ({"check": "range", "column": "a"}, "range has neither min nor max; give at least one"),
        ({"check": "range", "column": "a", "min": 2, "max": 1}, "min 2 is above max 1; no value can pass, swap them"),
        (
            {"check": "range", "column": "a", "min": "2024-02-01", "max": "2024-01-31 10:00:00"},
            "min 2024-02-01 is above max 2024-01-31 10:00:00; no value can pass, swap them",
        ),
        (
            {"check": "range", "column": "a", "min": 2, "max": "2024-01-01"},
            "min 2 and max 2024-01-01 are of two kinds; write two numbers or two dates",
        ),
        (
            {"check": "range", "column": "a", "min": 2, "max": 2, "exclusive": True},
            "nothing lies between 2 and itself; remove exclusive",
        ),
        ({"check": "length", "column": "a", "min": 2, "max": 1}, "min 2 is above max 1; no text can pass, swap them"),
        ({"check": "sum", "column": "a"}, "sum has neither min nor max; give at least one"),
        ({"check": "mean", "column": "a", "min": 2, "max": 1}, "min 2 is above max 1; no run can pass, swap them"),
        (
            {"check": "date_order", "columns": ["a"]},
            "date_order compares two columns, not 1; write [start, end]",
        ),
        (
            {"check": "foreign_key", "columns": ["a"], "table": "o", "references": ["b", "c"]},
            "1 columns cannot be compared with 2; name as many as in columns",
        ),
        (
            {"check": "foreign_key", "columns": ["a"], "table": "public.t"},
            "public.t is the target itself; name another table, or remove the rule",
        ),
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused(rule, told):
    assert [told] == faults(rule)


def test_a_foreign_key_names_its_columns_or_has_the_same():
    same, other = (build([{**RULES[8], **more}]).rules[0] for more in ({}, {"references": ["id"]}))
    assert (("a",), ("id",)) == (same.referenced, other.referenced)


def test_rules_read_again_from_their_canonical_text_are_the_same():
    document = build(RULES)
    assert document == parse_pipeline(document.canonical())
