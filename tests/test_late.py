"""Rules that need the whole run, or another table: who is rejected when the run publishes, and what is told of it."""

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from making import Silent, load, pipeline, places, query

from chalicelib.bootstrap.local import run_in_process, run_log

UNIQUE = {"check": "unique", "columns": ["id"]}


@pytest.fixture
def etl(database, tmp_path):
    """What a test needs: a function that loads files and returns the run with its rejects, and the database."""

    class Etl:
        where = places(database, database, tmp_path)
        number = 0

        def load(self, *contents, rules=(), **parts):
            Etl.number += 1
            folder = tmp_path / f"in{Etl.number}"
            folder.mkdir()
            for i, content in enumerate(contents):
                (folder / f"{i}.csv").write_bytes(content)
            rules = [{"check": "reject_ratio", "max": 1.0}, *rules]
            parts.setdefault("columns", {"id": "bigint", "name": "text"})
            document = pipeline(folder / "*.csv", rules=rules, **parts)
            changes = any("sql" in step for step in parts.get("transforms", ()))  # how many records there are
            run = run_in_process(document, self.where, Silent()) if changes else load(document, self.where)
            with run_log(self.where.control) as log:
                rejects = log.rejects(run.run_id, limit=100_000)
                self.events = [told for _, action, told in log.events(run.run_id) if action == "rule_broken"]
            assert len(rejects) == run.counts.rejected + run.counts.late
            for each in rejects:
                if each.start is not None:
                    content = (folder / each.object.rpartition("/")[2]).read_bytes()
                    assert content[each.start : each.end] == each.raw
            return run, rejects

        def rows(self, columns="id, name"):
            return query(database, f"SELECT {columns} FROM public.t ORDER BY 1, 2")

        def left_in_staging(self):
            return query(database, "SELECT relname FROM pg_class WHERE relnamespace = 'etl_stage'::regnamespace "
                         "AND relkind = 'r' AND relname <> 'batches'")  # fmt: skip

    return Etl()


def told(rejects):
    return [(each.object[-5:], each.record, [reason.message for reason in each.reasons]) for each in rejects]


def test_of_records_with_one_key_the_first_by_object_and_number_stays(etl):
    run, rejects = etl.load(b"id,name\n1,a\n2,b\n1,c\n", b"id,name\n2,d\n3,e\n", rules=[UNIQUE])
    assert "succeeded" == run.status
    assert (5, 3, 3, 0, 2) == (
        run.counts.read, run.counts.produced, run.counts.loaded, run.counts.late, run.counts.rejected,
    )  # fmt: skip
    assert [[1, "a"], [2, "b"], [3, "e"]] == etl.rows()
    message = "id is that of an earlier record of the run"
    assert [("0.csv", 3, [message]), ("1.csv", 1, [message])] == told(rejects)
    assert [b"1,c", b"2,d"] == [each.raw for each in rejects]
    assert {"unique:id": 2, "reject_ratio": 0} == run.broken
    assert [] == etl.left_in_staging()


def test_a_key_that_stands_in_the_table_is_rejected_and_null_is_none(etl):
    etl.load(b"id,name\n1,a\n,b\n,c\n", rules=[UNIQUE])
    run, rejects = etl.load(b"id,name\n1,x\n2,y\n2,z\n,n\n", rules=[UNIQUE])
    assert [
        ("0.csv", 1, ["id is in public.t already"]),
        ("0.csv", 3, ["id is that of an earlier record of the run"]),
    ] == told(rejects)
    assert [[1, "a"], [2, "y"], [None, "b"], [None, "c"], [None, "n"]] == etl.rows()
    assert 2 == run.broken["unique:id"]


def test_all_reasons_of_a_late_reject_are_told_in_the_order_of_the_rules(etl):
    query(etl.where.target, "CREATE TABLE names (name text)")
    query(etl.where.target, "INSERT INTO names VALUES ('a')")
    foreign = {"check": "foreign_key", "columns": ["name"], "table": "names", "name": "known"}
    etl.load(b"id,name\n1,a\n", rules=[UNIQUE])
    run, rejects = etl.load(b"id,name\n1,a\n2,b\n1,c\n4,a\n5,\n", rules=[foreign, UNIQUE])
    missing, first, there = (
        "name is not in public.names (name)", "id is that of an earlier record of the run", "id is in public.t already",
    )  # fmt: skip
    assert [("0.csv", 1, [there]), ("0.csv", 2, [missing]), ("0.csv", 3, [missing, first, there])] == told(rejects)
    assert {"reject_ratio": 0, "known": 2, "unique:id": 2} == run.broken
    assert [[1, "a"], [4, "a"], [5, None]] == etl.rows()


def test_a_key_of_several_columns_is_compared_as_a_whole(etl):
    rule = {"check": "unique", "columns": ["id", "name"]}
    run, rejects = etl.load(b"id,name\n1,a\n1,b\n1,a\n1,\n1,\n", rules=[rule])
    assert [("0.csv", 3, ["id and name are that of an earlier record of the run"])] == told(rejects)
    assert 4 == run.counts.loaded


@pytest.mark.parametrize(("severity", "status", "rows"), [("warn", "succeeded", 3), ("fail", "held", None)])
def test_a_rule_that_warns_keeps_all_and_one_that_fails_holds_the_run(etl, severity, status, rows):
    run, rejects = etl.load(b"id,name\n1,a\n1,b\n2,c\n", rules=[{**UNIQUE, "severity": severity}])
    assert (status, 1) == (run.status, run.broken["unique:id"])
    if rows:
        assert (rows, []) == (len(etl.rows()), rejects)
    else:
        assert "test: 1 records break unique:id, a rule of severity fail; nothing was published" == run.failure.message
        assert [2] == [each.record for each in rejects]
        assert [] == etl.left_in_staging()


def test_late_rejects_count_in_the_ratio_and_in_row_count(etl):
    rules = [UNIQUE, {"check": "row_count", "min": 3}]
    run, _ = etl.load(b"id,name\n1,a\n1,b\n2,c\n", rules=rules)
    assert "test: 2 records to load, the least is 3 (rule row_count); nothing was published" == run.failure.message
    assert {"unique:id": 1, "row_count": 1, "reject_ratio": 0} == run.broken


def test_a_number_that_travels_as_text_is_compared_as_a_number(etl):
    run, rejects = etl.load(b"id,name\n1.0,a\n1.00,b\n", rules=[UNIQUE], columns={"id": "numeric", "name": "text"})
    assert ([2], 1) == ([each.record for each in rejects], run.counts.loaded)


def test_keys_of_rows_that_a_newer_version_takes_away_are_free(etl, tmp_path):
    file = tmp_path / "one.csv"
    target = {"type": "postgres", "table": "public.t", "on_new_version": "replace"}
    document = pipeline(file, rules=[UNIQUE], columns={"id": "bigint", "name": "text"}, target=target)
    for number, rows in enumerate(("1,a\n2,b\n", "1,c\n3,d\n")):
        file.write_text(f"id,name\n{rows}")
        os.utime(file, (number, number))
        run = load(document, etl.where)
        assert ("succeeded", 2, 0) == (run.status, run.counts.loaded, run.counts.rejected)
    assert [[1, "c"], [3, "d"]] == etl.rows()


def test_records_that_a_step_made_are_rejected_by_their_values(etl):
    steps = [{"sql": "select name, count(*) as n from input group by name order by name"}]
    rule = {"check": "unique", "columns": ["n"]}
    run, rejects = etl.load(b"id,name\n1,a\n2,b\n3,c\n4,c\n", rules=[rule], transforms=steps)
    assert [(None, None, b'{"name":"b","n":1}')] == [(each.record, each.start, each.raw) for each in rejects]
    assert (4, 3, 2, 1) == (run.counts.read, run.counts.produced, run.counts.loaded, run.counts.late)


def test_a_screened_object_has_the_right_bytes(etl):
    run, rejects = etl.load(b'id,name\n1,a\n2,"x"y\n1,b\n', rules=[UNIQUE])
    assert [(2, "structure"), (3, "unique")] == [(each.record, each.reasons[0].rule) for each in rejects]
    assert [b'2,"x"y', b"1,b"] == [each.raw for each in rejects]
    assert (2, 0) == (run.counts.rejected, run.counts.late)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)), max_size=6), min_size=1, max_size=3))
def test_any_load_keeps_what_a_model_in_python_keeps(etl, files):
    """Keys against the table and within the run, a foreign key, and which object and record is out."""
    connection = etl.where.target
    query(connection, "DROP TABLE IF EXISTS public.t, public.known")
    query(connection, "CREATE TABLE public.known (name text)")
    query(connection, "INSERT INTO public.known VALUES ('0'), ('1'), ('2')")
    rules = [UNIQUE, {"check": "foreign_key", "columns": ["name"], "table": "known"}]
    table = {}
    for at_all, half in enumerate((files, files[::-1])):
        contents = ["id,name\n" + "".join(f"{i},{n}\n" for i, n in rows) + f"{100 + at_all},\n" for rows in half]
        run, rejects = etl.load(*(text.encode() for text in contents), rules=rules)
        seen, expected, new = set(), [], {}
        for number, rows in enumerate(half):
            for record, (key, name) in enumerate([*rows, (100 + at_all, None)], start=1):
                is_out = key in seen or key in table or name == 3
                seen.add(key)
                if is_out:
                    expected.append((f"{number}.csv", record))
                else:
                    new[key] = None if name is None else str(name)
        assert expected == [(each.object[-5:], each.record) for each in rejects]
        table |= new
        assert sorted(table.items()) == [tuple(row) for row in etl.rows()]
        assert (len(expected), len(new)) == (run.counts.rejected, run.counts.loaded)


NUMBERS = {"columns": {"id": "bigint", "name": "text", "at": "timestamptz", "x": "numeric(12,2)"}}
WAYS = {"direct": [], "staged": [UNIQUE]}


def data(*rows):
    return ("id,name,at,x\n" + "".join(f"{i},{at},{x}\n" for i, (at, x) in enumerate(rows, start=1))).encode()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("rule", "held"),
    [
        ({"check": "sum", "column": "x", "min": 6, "max": 6}, None),
        ({"check": "sum", "column": "x", "min": 6.01}, "the sum of x is 6.00, not at least 6.01 (rule sum:x)"),
        ({"check": "mean", "column": "x", "min": 3, "max": 3}, None),
        ({"check": "mean", "column": "x", "max": 1.5}, "the mean of x is 3.000000, not at most 1.5 (rule mean:x)"),
        ({"check": "freshness", "column": "at", "max_age_hours": 1_000_000}, None),
        ({"check": "freshness", "column": "at", "max_age_hours": 24}, "the newest at is "),
    ],
)
def test_what_a_run_comes_to_must_lie_within_bounds(etl, way, rule, held):
    rows = [("n,2020-01-01", "1.5"), ("n,2021-01-01", "4.5"), ("n,", "")]
    run, _ = etl.load(data(*rows), rules=[*WAYS[way], rule], **NUMBERS)
    key = f"{rule['check']}:{rule['column']}"
    assert (0 if held is None else 1) == run.broken[key]
    if held is None:
        assert "succeeded" == run.status
    else:
        assert run.failure.message.startswith(f"test: {held}")


def test_a_run_without_values_has_a_sum_of_0_no_mean_and_is_not_fresh(etl):
    rules = [
        {"check": "sum", "column": "x", "min": 0, "max": 0},
        {"check": "mean", "column": "x", "min": 1},
        {"check": "freshness", "column": "at", "max_age_hours": 1, "severity": "warn"},
    ]
    run, _ = etl.load(data(("n,", ""), ("n,", "")), rules=rules, **NUMBERS)
    assert "succeeded" == run.status
    assert {"sum:x": 0, "mean:x": 0, "freshness:at": 1, "reject_ratio": 0} == run.broken
    assert ["test: the run brings no value of at (rule freshness:at)"] == etl.events


def test_only_the_runs_own_records_are_measured_and_late_rejects_are_not(etl):
    rows = [("n,", "1"), ("n,", "2")]
    assert "succeeded" == etl.load(data(*rows), **NUMBERS)[0].status
    rule = {"check": "sum", "column": "x", "min": 4, "max": 4}
    assert "succeeded" == etl.load(data(("n,", "4")), rules=[rule], **NUMBERS)[0].status
    more = data(("n,", "8"), ("n,", "16"), ("n,", "4"))  # ids 1 and 2 stand in the table
    assert "succeeded" == etl.load(more, rules=[UNIQUE, rule], **NUMBERS)[0].status


def test_a_date_counts_from_its_first_moment_in_utc(etl):
    newest = query(etl.where.target, "SELECT (now() AT TIME ZONE 'UTC')::date::text")[0][0]
    kinds = {"id": "bigint", "name": "text", "at": "date", "x": "integer"}
    rule = {"check": "freshness", "column": "at", "max_age_hours": 24}
    run, _ = etl.load(data((f"n,{newest}", "1")), rules=[rule], columns=kinds)
    assert "succeeded" == run.status


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ({"check": "unique", "columns": ["idd"]},
         'rules[1].unique.columns[0]: there is no column "idd" at this point; did you mean "id"?'),
        ({"check": "sum", "column": "name", "min": 1},
         "rules[1].sum.column: name is text, no number; name a number, or cast it first"),
        ({"check": "freshness", "column": "id", "max_age_hours": 1},
         "rules[1].freshness.column: id is bigint, no date or timestamp; name one, or cast it first"),
        ({"check": "foreign_key", "columns": ["id"], "table": "nowhere"},
         ("rules[1].foreign_key.table: there is no table public.nowhere in the target; "
          "create it first, or name another")),
        ({"check": "foreign_key", "columns": ["id"], "table": "known", "references": ["nam"]},
         'rules[1].foreign_key.references[0]: there is no column "nam" at this point; did you mean "name"?'),
        ({"check": "foreign_key", "columns": ["id"], "table": "known", "references": ["name"]},
         "rules[1].foreign_key.references[0]: id is bigint and name of public.known is text; cast id in a step"),
    ],
)  # fmt: skip
def test_a_rule_on_the_run_that_cannot_be_judged_fails_at_the_plan(etl, rule, told):
    query(etl.where.target, "CREATE TABLE known (name text)")
    run, _ = etl.load(b"id,name\n1,a\n", rules=[rule])
    assert ("failed", "plan", told) == (run.status, run.failure.stage, run.failure.message)


def test_a_run_without_provenance_is_measured_by_its_own_rows(etl):
    assert "succeeded" == etl.load(data(("n,", "1")), provenance=False, **NUMBERS)[0].status
    rules = [{"check": "sum", "column": "x", "min": 4, "max": 4}]
    run, _ = etl.load(data(("n,", "4")), rules=rules, provenance=False, **NUMBERS)
    assert ("succeeded", 0) == (run.status, run.broken["sum:x"])
