"""Rules on a column that the contract lets be missing: they judge NULL, in every record and over the run."""

import pytest
from modes import Table, counted

KEYED = {"write": "merge", "keys": ["id"]}
PASS_NULL = [
    {"check": "in", "column": "city", "values": ["Rome"]},
    {"check": "length", "column": "city", "min": 2},
    {"check": "regex", "column": "city", "pattern": "^R"},
    {"check": "range", "column": "paid", "min": 0},
    {"check": "date_order", "columns": ["ordered", "shipped"]},
    {"check": "expr", "sql": "paid < 10 and city <> ''"},
    {"check": "unique", "columns": ["city"]},
    {"check": "unique", "columns": ["id", "city"]},
    {"check": "foreign_key", "columns": ["city"], "table": "public.cities", "references": ["name"]},
    {"check": "sum", "column": "paid", "min": 0, "max": 0},
    {"check": "mean", "column": "paid", "min": 1},
]


@pytest.fixture
def table(database, tmp_path):
    made = Table(database, tmp_path, {"id": "bigint", "city": "text"})
    made.run("CREATE TABLE cities (name text)")
    made.run(
        "CREATE TABLE t (id bigint, city text, paid numeric(6,2), ordered date, shipped timestamptz, odd tsvector)"
    )
    return made


@pytest.mark.parametrize("word", ["ignore", "evolve"])
@pytest.mark.parametrize("write", [{}, KEYED], ids=["append", "merge"])
def test_not_null_meets_null_in_every_record_and_every_other_rule_passes(table, word, write):
    warns = {"check": "not_null", "columns": ["city"], "severity": "warn"}
    run = table.load("id\n1\n2\n", rules=[warns, *PASS_NULL], contract={"missing_columns": word}, **write)
    assert {"loaded": 2} == counted(run)
    assert {"not_null:city": 2} == {key: records for key, records in run.broken.items() if records}
    assert 1 + len(PASS_NULL) == len(run.broken)
    assert [[1, None], [2, None]] == table.rows("id, city")


def test_what_must_not_be_null_rejects_every_record(table):
    rules = [{"check": "not_null", "columns": ["city"]}, {"check": "reject_ratio", "max": 1}]
    run = table.load("id\n1\n2\n", rules=rules, contract={"missing_columns": "ignore"})
    assert {"rejected": 2} == counted(run)
    assert {"not_null:city": 2, "reject_ratio": 0} == run.broken


@pytest.mark.parametrize("column", ["ordered", "shipped"])
def test_a_run_without_the_column_brings_no_value_of_it(table, column):
    rule = {"check": "freshness", "column": column, "max_age_hours": 1}
    run = table.load("id\n1\n", rules=[rule], contract={"missing_columns": "ignore"})
    assert ("held", {f"freshness:{column}": 1}) == (run.status, dict(run.broken))
    assert f"the run brings no value of {column}" in run.failure.message


def test_a_rule_on_a_column_of_a_type_of_its_own_is_judged_as_well(table):
    rules = [{"check": "unique", "columns": ["odd"]}, {"check": "not_null", "columns": ["odd"], "severity": "warn"}]
    run = table.load("id\n1\n", rules=rules, contract={"missing_columns": "ignore"})
    assert {"unique:odd": 0, "not_null:odd": 1} == run.broken


def test_what_takes_rows_away_sees_null_there(table):
    more = {**KEYED, "delete_when": "city = 'gone'", "contract": {"missing_columns": "ignore"}}
    assert {"loaded": 1} == counted(table.load("id,city\n1,Rome\n", **more))
    assert {"unchanged": 1} == counted(table.load("id\n1\n", **more))


def test_a_name_that_is_in_neither_is_a_mistake_still(table):
    rule = {"check": "not_null", "columns": ["citty"], "severity": "warn"}
    run = table.load("id\n1\n", rules=[rule], contract={"missing_columns": "ignore"})
    assert ("failed", "InvalidPipeline") == (run.status, run.failure.error)
    assert 'did you mean "city"?' in run.failure.message


def test_a_column_that_the_data_has_in_another_case_is_no_mistake(table):
    rule = {"check": "not_null", "columns": ["id"]}
    contract = {"missing_columns": "ignore", "new_columns": "ignore"}
    assert {"loaded": 1} == counted(table.load("id,CITY\n1,Rome\n", rules=[rule], contract=contract))
