"""A table that follows its data: within the publish, once, whatever other runs did to it since the plan."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from making import pipeline, plan, query, records, version, wrote

from chalicelib.core.drift import Drift, MissingColumn, NewColumn, TypeChange
from chalicelib.core.errors import Held, PlanStale
from chalicelib.core.manifest import Batch
from chalicelib.core.table import TableName
from chalicelib.core.types import ColumnType

T = TableName("public", "t")
EVOLVE = {"new_columns": "evolve", "missing_columns": "evolve", "type_change": "evolve"}
TEXT, BIGINT = ColumnType.parse("text"), ColumnType.parse("bigint")
DRIFT = Drift(
    new=(NewColumn("b", TEXT),),
    missing=(MissingColumn("gone", "text", required=True),),
    changed=(TypeChange("a", ColumnType.parse("integer"), BIGINT, 0, 3),),
)


def evolving(number=1, drift=DRIFT, **parts):
    """A plan of one object that writes a (bigint) and b (text) into a table that has to follow."""
    target = {"type": "postgres", "table": "public.t", "contract": EVOLVE}
    document = pipeline(target=target)
    return replace(
        plan(number, objects=[version(f"{number}.csv")], create=False, pipeline=document), drift=drift, **parts
    )


@pytest.fixture
def there(target, database):
    """The table before: a (integer) and a column that takes no NULL, with one row."""
    query(database, "CREATE TABLE t (a integer, gone text NOT NULL)")
    query(database, "INSERT INTO t VALUES (-1, 'x')")
    return target


def types(database):
    rows = query(
        database,
        "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
        " WHERE attrelid = 't'::regclass AND attnum > 0 AND attname NOT LIKE '\\_etl%' ORDER BY attnum",
    )
    return [tuple(row) for row in rows]


AFTER = [("a", "bigint"), ("gone", "text"), ("b", "text")]


def test_all_changes_are_made_and_the_hash_is_that_of_a_full_scan(there, database, publish):
    entry = publish(there, of=evolving())
    assert AFTER == types(database)
    assert [[-1, "x", None], [1, None, "b1"]] == query(database, "SELECT a, gone, b FROM t ORDER BY a LIMIT 2")
    assert there.full_hash(T) == entry.table_hash


def test_a_known_table_keeps_its_version_and_gets_a_hash_of_its_new_values(there, database, publish):
    first = publish(there, of=evolving(1))
    before = query(database, "SELECT version FROM etl_target.tables")[0][0]
    columns = tuple(replace(c, type=TEXT) if c.name == "a" else c for c in evolving().columns)
    as_text = Drift(changed=(TypeChange("a", BIGINT, TEXT, 0, 3),))
    of = evolving(2, drift=as_text, columns=columns)
    with there.publication(of) as publication:
        entry = publication.seal(of, wrote(0))
    assert there.full_hash(T) == entry.table_hash != first.table_hash
    assert [[before + 1]] == query(database, "SELECT version FROM etl_target.tables")


def test_a_publish_that_fails_later_has_changed_nothing(there, database):
    before = types(database)
    of = evolving()
    with pytest.raises(Held), there.publication(of) as publication:
        publication.write(of, Batch(1, of.objects[0], 3), [records(1, 3)])
        raise Held("by a rule")
    assert before == types(database)
    assert [[True]] == query(database, "SELECT attnotnull FROM pg_attribute WHERE attname = 'gone' AND attnum > 0")


def test_two_runs_that_planned_the_same_change_make_it_once(there, database, new_target, publish):
    with ThreadPoolExecutor() as pool:
        done = [pool.submit(publish, new_target(), 3, evolving(number)) for number in (1, 2, 3)]
        assert [3, 3, 3] == [each.result().rows_written for each in done]
    assert AFTER == types(database)
    assert [[10]] == query(database, "SELECT count(*) FROM t")
    assert [[str(there.full_hash(T))]] == query(database, "SELECT hash FROM etl_target.tables")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("ALTER TABLE t ALTER a TYPE text", "column a is text now"),
        ("ALTER TABLE t DROP a", "column a is gone"),
        ("ALTER TABLE t ADD b integer", "column b is integer now"),
    ],
)
def test_another_change_meanwhile_makes_the_plan_stale(there, database, publish, change, told):
    query(database, change)
    with pytest.raises(PlanStale, match=told):
        publish(there, of=evolving())


def test_a_plan_without_drift_is_stale_when_a_type_changed(there, database, publish):
    query(database, "ALTER TABLE t ADD b text")
    with pytest.raises(PlanStale, match="column a is integer now"):
        publish(there, of=evolving(drift=Drift()))


@pytest.mark.parametrize(
    "guard",
    [
        "CREATE VIEW v AS SELECT a FROM t",
        "CREATE TABLE o (a integer PRIMARY KEY); ALTER TABLE t ADD PRIMARY KEY (gone)",
    ],
)
def test_what_postgresql_forbids_holds_the_run(there, database, publish, guard):
    query(database, guard)
    before = types(database)
    with pytest.raises(Held, match="cannot follow its data: PostgreSQL says"):
        publish(there, of=evolving())
    assert before == types(database)
