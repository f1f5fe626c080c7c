"""Seeded mistakes in a document: every one is told with line, column, cause, nearest word and way out.

``mistakes.txt`` holds the document, then mistakes: what is written (``-``), what instead (``+``), what is said (``=``).
"""

import re
from pathlib import Path

import pytest

from chalicelib.core.document import InvalidDocument, parse_pipeline
from chalicelib.engine.session import parser
from chalicelib.planning.checking import check, checked

DOCUMENT, *SEEDED = Path(__file__).with_name("mistakes.txt").read_text(encoding="utf-8").split("\n\n")


def read(mistake: str) -> tuple[str, str, list[str]]:
    lines = mistake.strip("\n").splitlines()
    plain = [re.sub(r"\\(.)", lambda m: {"n": "\n", "t": "\t"}.get(m[1], m[1]), line[2:]) for line in lines[:2]]
    return plain[0], plain[1], [line[2:] for line in lines[2:]]


def test_the_document_without_a_mistake_is_a_pipeline():
    assert parse_pipeline(DOCUMENT) == checked(DOCUMENT)
    assert len(SEEDED) >= 40


@pytest.mark.parametrize("mistake", SEEDED, ids=[read(each)[1][:50].strip() for each in SEEDED])
def test_a_seeded_mistake_names_place_cause_and_way_out_in_few_lines(mistake):
    written, instead, said = read(mistake)
    assert written in DOCUMENT
    with pytest.raises(InvalidDocument) as caught:
        checked(DOCUMENT.replace(written, instead, 1), name="o.yaml")
    lines = str(caught.value).splitlines()
    assert [f"o.yaml:{line}" for line in said] == lines
    assert len(lines) <= 10
    for problem in caught.value.problems:
        assert problem.line > 0 < problem.column
        assert "" not in (problem.message, problem.hint)


SMALL = """{version: 1, name: p, source: {type: s3, uri: 's3://bucket/*', format: {header: HEADER}},
target: {type: postgres, table: t}, columns: {COLUMNS}, transforms: [STEPS], rules: [RULES]}"""


def small(columns="id: bigint", steps="", rules="", header="true", guess=True):
    text = SMALL.replace("COLUMNS", columns).replace("STEPS", steps).replace("RULES", rules).replace("HEADER", header)
    try:
        checked(text, guess=guess)
    except InvalidDocument as error:
        return [f"{problem.pointer}: {problem.message}" for problem in error.problems]
    return []


def test_a_name_that_may_be_an_undeclared_column_is_no_mistake_unless_there_is_no_header():
    rules = "{check: sum, column: price, min: 1}, {check: expr, sql: 'price > idd'}"
    assert [] == small(rules="{check: sum, column: price, min: 1}", steps="{derive: {a: price}}, {filter: b > 1}")
    told = 'there is no column "price" at this point'
    assert [f"rules[0].column: {told}", f"rules[1].sql: {told}"] == small(rules=rules, header="false")
    misspelt = "{check: sum, column: idd, min: 1}"
    assert ['rules[0].column: there is no column "idd" at this point'] == small(rules=misspelt)
    assert [] == small(rules=misspelt, guess=False)


def test_without_columns_the_form_of_sql_and_patterns_is_read():
    steps = "{derive: {a: 'x +'}}, {filter: sum(x) > 1}, {sql: select 1}"
    rules = "{check: expr, sql: 'a >'}, {check: regex, column: a, pattern: '('}, {check: range, column: a, min: 1}"
    places = [each.partition(": ")[0] for each in small("", steps, rules)]
    assert ["transforms[0].derive.a", "transforms[1].filter", "transforms[2].sql"] == places[:3]
    assert ["rules[0].sql", "rules[1].pattern"] == places[3:]


def test_each_mistake_of_steps_and_rules_is_told():
    told = small(
        steps="{trim: [idd]}, {filter: idd > 1}", rules="{check: expr, sql: 'id >'}, {check: expr, sql: 'x y z'}"
    )
    places = ["transforms[0].trim", "transforms[1].filter", "rules[0].sql", "rules[1].sql"]
    assert places == [each.partition(": ")[0] for each in told]


TARGET = "write: merge, keys: [KEY], order_by: ORDER, delete_when: WHEN"


@pytest.mark.parametrize(
    ("key", "order", "when", "told"),
    [
        ("idd", "at", "gone", ['target.keys[0]: there is no column "idd" at this point']),
        ("id", "att", "gone", ['target.order_by: there is no column "att" at this point']),
        ("id", "at", "gonne", ['target.delete_when: there is no column "gonne" at this point']),
        ("id", "at", "gone and", ["target.delete_when: syntax error at or near"]),
        ("id", "at", "gone", []),
        ("customer", "changed", "qty > 1", []),
    ],
)
def test_the_columns_that_the_target_names_are_checked_as_those_of_rules(key, order, when, told):
    target = TARGET.replace("KEY", key).replace("ORDER", order).replace("WHEN", f"'{when}'")
    text = SMALL.replace("COLUMNS", "id: bigint, at: date, gone: boolean").replace("table: t}", f"table: t, {target}}}")
    text = text.replace("STEPS", "").replace("RULES", "").replace("HEADER", "true")
    try:
        checked(text)
        problems = []
    except InvalidDocument as error:
        problems = [f"{problem.pointer}: {problem.message}" for problem in error.problems]
    assert len(told) == len(problems), problems
    assert all(problem.startswith(each) for problem, each in zip(problems, told, strict=True)), problems


def test_a_column_that_only_the_target_names_must_be_in_the_file():
    text = SMALL.replace("table: t}", "table: t, write: merge, keys: [region]}")
    for name, part in {"COLUMNS": "id: bigint", "STEPS": "", "RULES": "", "HEADER": "true"}.items():
        text = text.replace(name, part)
    with parser() as sql:
        assert ["region"] == check(parse_pipeline(text), sql).assumed
        gone = text.replace("transforms: []", "transforms: [sql: select id from input]")
        assert ["region"] == [re.search('"(.*?)"', each)[1] for each in check(parse_pipeline(gone), sql).mistakes]
