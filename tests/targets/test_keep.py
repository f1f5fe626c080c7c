"""What publishes replaced is kept within bounds, the oldest goes first; newer versions of an object replace older."""

import pytest
from modes import Table, counted

from cli.report import run_report

MERGE = {"write": "merge", "keys": ["id"]}
NEWER = {"on_new_version": "replace"}


@pytest.fixture
def table(database, tmp_path):
    return Table(database, tmp_path, {"id": "bigint", "name": "text"})


def kept(table):
    return table.run("SELECT number, kept FROM etl_target.ledger WHERE kept IS NOT NULL ORDER BY number")


def notes(table, run):
    return [row[0] for row in table.run(
        "SELECT message FROM etl.run_events WHERE run_id = :id AND action = 'publish_noted'", id=run.run_id
    )]  # fmt: skip


def test_the_newest_runs_are_kept_and_the_run_says_what_is_forgotten(table):
    runs = [table.load(f"id,name\n1,{name}\n", keep={"runs": 2}, **MERGE) for name in "abcd"]
    assert [[3, "before_1"], [4, "before_1"]] == kept(table)
    assert [["b"], ["c"]] == table.run("SELECT name FROM etl_target.before_1 ORDER BY _etl_ledger")
    assert [] == notes(table, runs[2])
    assert ["ledger number 2 can no longer be undone: keep allows 2 publishes and 10 GB for public.t"] == notes(
        table, runs[3]
    )


def test_tables_that_were_swapped_are_dropped_in_their_turn(table):
    for name in "abcd":
        table.load(f"id,name\n1,{name}\n", write="replace", keep={"runs": 1})
    assert [[4, "kept_4"]] == kept(table)
    there = table.run("SELECT relname FROM pg_class WHERE relname LIKE 'kept%' AND relkind = 'r'")
    assert [["kept_4"]] == there


def test_the_bound_in_bytes_holds_too(table):
    for name in "abc":
        table.load(f"id,name\n1,{name * 500}\n", keep={"gb": 0.0000006}, **MERGE)
    assert [3] == [number for number, _ in kept(table)]


def test_nothing_is_kept_where_nothing_may_be(table):
    for name in "ab":
        table.load(f"id,name\n1,{name}\n", write="replace", keep={"runs": 0})
    assert [] == kept(table)


def test_a_newer_version_replaces_the_rows_of_the_older(table):
    table.load("id,name\n1,a\n2,b\n", "f.csv", mtime=1000, **NEWER)
    table.load("id,name\n7,other\n", "g.csv", mtime=1000, **NEWER)
    run = table.load("id,name\n2,B\n", "f.csv", mtime=2000, **NEWER)
    assert {"loaded": 1, "removed": 2} == counted(run)
    assert [[2, "B"], [7, "other"]] == table.rows("id, name")
    assert [["d", 1, "a"], ["d", 2, "b"]] == table.run(
        "SELECT _etl_op::text, id, name FROM etl_target.before_1 ORDER BY id"
    )


def test_an_older_version_that_comes_late_is_skipped_for_the_newer(table):
    newer = table.load("id,name\n2,B\n", "f.csv", mtime=2000, **NEWER)
    late = table.load("id,name\n1,a\n", "f.csv", mtime=1000, **NEWER)
    assert ("skipped", newer.run_id, "superseded") == (late.status, late.skipped_for, late.skipped_because)
    assert f"  a newer version of the same object was loaded by run {newer.run_id}; nothing changed" in run_report(
        late.to_json(), []
    )
    assert [[2, "B"]] == table.rows("id, name")


def test_another_pipelines_rows_of_the_same_object_stay(table):
    table.load("id,name\n1,a\n", "f.csv", mtime=1000, **NEWER)
    table.load("id,name\n1,a\n", "f.csv", mtime=1000, pipeline="other", **NEWER)
    assert {"loaded": 1, "removed": 1} == counted(table.load("id,name\n1,b\n", "f.csv", mtime=2000, **NEWER))
    assert [["a"], ["b"]] == table.rows("name", "ORDER BY 1")


def test_by_default_a_newer_version_adds(table):
    table.load("id,name\n1,a\n", "f.csv", mtime=1000)
    assert {"loaded": 1} == counted(table.load("id,name\n1,b\n", "f.csv", mtime=2000))
    assert [["a"], ["b"]] == table.rows("name", "ORDER BY 1")


def test_rows_updated_and_rows_taken_away_are_kept_and_measured_together(table):
    def kept_bytes():
        return table.run("SELECT kept_bytes FROM etl_target.ledger ORDER BY number DESC LIMIT 1")[0][0]

    both = {"delete_when": "name = 'gone'", **MERGE}
    table.load("id,name\n1,a\n2,b\n3,c\n4,d\n", **both)
    table.load("id,name\n1,A\n", **both)
    one = kept_bytes()
    assert {"updated": 3, "removed": 1} == counted(table.load("id,name\n2,B\n3,C\n4,gone\n", **both))
    assert [["d", 4], ["u", 2], ["u", 3]] == table.run(
        "SELECT _etl_op::text, id FROM etl_target.before_1 WHERE _etl_ledger = 3 ORDER BY 1, 2"
    )
    assert 3 * one == kept_bytes()
