"""Merge: by keys, what is new comes in, what changed changes, what is equal stays untouched."""

import pytest
from modes import Table, counted

MERGE = {"write": "merge", "keys": ["id"]}


@pytest.fixture
def table(database, tmp_path):
    return Table(database, tmp_path, {"id": "bigint", "name": "text", "n": "numeric", "doc": "json"})


def test_new_changed_and_equal_records_are_told_apart(table):
    assert {"loaded": 3} == counted(table.load("id,name\n1,a\n2,b\n3,c\n", **MERGE))
    before = table.rows("id, xmin::text, _etl_run")
    assert {"loaded": 1, "updated": 1, "unchanged": 1} == counted(table.load("id,name\n2,b\n3,C\n4,d\n", **MERGE))
    assert [[1, "a"], [2, "b"], [3, "C"], [4, "d"]] == table.rows("id, name")
    assert before[:2] == table.rows("id, xmin::text, _etl_run")[:2]


def test_the_table_that_merge_makes_has_its_keys_as_primary_key(table):
    table.load("id,name\n1,a\n", **MERGE)
    assert [["PRIMARY KEY (id)"]] == table.run(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 't'::regclass AND contype = 'p'"
    )


def test_what_changed_is_kept_as_it_was(table):
    table.load("id,name\n1,a\n2,b\n", **MERGE)
    run = table.load("id,name\n1,A\n2,b\n3,c\n", **MERGE)
    ((kept,),) = table.run("SELECT kept FROM etl_target.ledger WHERE number = :n", n=run.ledger_number)
    assert [[run.ledger_number, "u", 1, "a", 1]] == table.run(
        f"SELECT _etl_ledger, _etl_op::text, id, name, _etl_line FROM etl_target.{kept}"
    )


def test_a_column_that_the_data_lacks_keeps_its_value_and_new_rows_get_its_default(table):
    table.run("CREATE TABLE t (id bigint PRIMARY KEY, name text, note text DEFAULT 'none')")
    table.run("INSERT INTO t VALUES (1, 'a', 'kept')")
    assert {"loaded": 1, "updated": 1} == counted(table.load("id,name\n1,A\n2,b\n", **MERGE))
    assert [[1, "A", "kept"], [2, "b", "none"]] == table.rows("id, name, note")


def test_null_and_value_are_a_change_both_ways(table):
    table.load("id,name\n1,a\n2,\n3,\n", **MERGE)
    assert {"updated": 2, "unchanged": 1} == counted(table.load("id,name\n1,\n2,b\n3,\n", **MERGE))
    assert [[1, None], [2, "b"], [3, None]] == table.rows("id, name")


def test_within_a_run_the_later_record_wins(table):
    run = table.load("id,name\n1,a\n1,b\n2,c\n1,d\n", **MERGE)
    assert {"loaded": 2, "deduplicated": 2} == counted(run)
    assert [[1, "d", 4], [2, "c", 3]] == table.rows("id, name, _etl_line")


def test_within_a_run_the_highest_order_by_wins_and_null_is_lowest(table):
    run = table.load("id,name,n\n1,a,10\n1,b,9\n1,c,\n2,d,\n2,e,\n", order_by="n", **MERGE)
    assert {"loaded": 2, "deduplicated": 3} == counted(run)
    assert [[1, "a"], [2, "e"]] == table.rows("id, name")


def test_a_null_key_is_a_reject_with_its_record_number(table):
    run = table.load("id,name\n1,a\n,b\n3,c\n4,d\n", **MERGE)
    assert {"loaded": 3, "rejected": 1} == counted(run)
    assert {"not_null:id": 1} == run.broken
    assert [[2]] == table.run("SELECT record FROM etl.rejects")


def test_delete_when_takes_rows_away_and_keeps_them_as_they_were(table):
    table.load("id,name\n1,a\n2,b\n3,c\n", **MERGE)
    run = table.load("id,name\n1,a\n2,gone\n9,gone\n", delete_when="name = 'gone'", **MERGE)
    assert {"updated": 1, "unchanged": 2, "removed": 1} == counted(run)
    assert [[1, "a"], [3, "c"]] == table.rows("id, name")
    assert [["d", 2, "b"]] == table.run("SELECT _etl_op::text, id, name FROM etl_target.before_1")


def test_a_delete_when_that_fails_for_a_record_rejects_it(table):
    run = table.load("id,name\n1,1\n2,x\n", delete_when="cast(name as integer) = 5", **MERGE)
    assert {"loaded": 1, "rejected": 1} == counted(run)


def test_equal_numbers_with_other_digits_are_one_key_and_no_change(table):
    keys = {"write": "merge", "keys": ["n"]}
    table.load("n,name\n1.0,a\n2.50,b\n", **keys)
    run = table.load("n,name\n1,a\n1.00,a\n2.5,c\n", **keys)
    assert {"updated": 1, "unchanged": 1, "deduplicated": 1} == counted(run)


def test_json_is_compared_as_text_and_cannot_be_a_key(table):
    table.load('id,doc\n1,"{""a"": 1}"\n', **MERGE)
    assert {"unchanged": 1} == counted(table.load('id,doc\n1,"{""a"": 1}"\n\n', **MERGE))
    assert {"updated": 1} == counted(table.load('id,doc\n1,"{""a"":1}"\n', **MERGE))
    run = table.load('id,doc\n1,"{}"\n', write="merge", keys=["doc"])
    assert ("failed", True) == (run.status, "values cannot be compared" in run.failure.message)


def test_keys_alone_and_several_of_them(table):
    both = {"write": "merge", "keys": ["id", "name"]}
    assert {"loaded": 2} == counted(table.load("id,name\n1,a\n1,b\n", **both))
    assert {"loaded": 1, "unchanged": 1} == counted(table.load("id,name\n1,b\n2,b\n", **both))


def test_a_key_that_is_no_column_fails_with_the_nearest(table):
    run = table.load("id,name\n1,a\n", write="merge", keys=["nme"])
    assert ("failed", 'target.keys[0]: there is no column "nme"; did you mean "name"?') == (
        run.status,
        run.failure.message,
    )


def test_without_a_unique_index_it_works_and_the_plan_says_so(table):
    table.run("CREATE TABLE t (id bigint, name text)")
    table.run("INSERT INTO t VALUES (1, 'a')")
    assert {"loaded": 1, "updated": 1} == counted(table.load("id,name\n1,A\n2,b\n", **MERGE))
    told = table.run("SELECT message FROM etl.run_events WHERE action = 'plan_made'")
    assert "public.t has no unique index on id: each publish compares the whole table" in told[0][0]


def test_a_key_that_the_table_holds_twice_holds_the_run(table):
    table.run("CREATE TABLE t (id bigint, name text)")
    table.run("INSERT INTO t VALUES (1, 'a'), (1, 'b')")
    run = table.load("id,name\n1,A\n", **MERGE)
    assert ("held", True) == (run.status, "holds a key (id) of the data in more than one row" in run.failure.message)
    assert [[1, "a"], [1, "b"]] == table.rows("id, name")


@pytest.mark.parametrize(
    ("constraint", "name"),
    [("CHECK (name <> 'x')", "t_name_check"), ("UNIQUE", "t_name_key"), ("REFERENCES r (name)", "t_name_fkey")],
)
def test_a_broken_constraint_holds_the_run_by_name_and_nothing_is_lost(table, constraint, name):
    table.run("CREATE TABLE r (name text PRIMARY KEY)")
    table.run("INSERT INTO r VALUES ('a'), ('b')")
    table.run(f"CREATE TABLE t (id bigint PRIMARY KEY, name text CONSTRAINT {name} {constraint})")
    table.load("id,name\n1,a\n", **MERGE)
    before = table.rows()
    run = table.load(f"id,name\n1,b\n2,{'b' if 'UNIQUE' in constraint else 'x'}\n", **MERGE)
    assert ("held", True) == (run.status, f'"{name}"' in run.failure.message), run.failure
    assert before == table.rows()
    assert [[0]] == table.run("SELECT count(*) FROM pg_class WHERE relnamespace = 'etl_stage'::regnamespace"
                              " AND relkind = 'r' AND relname <> 'batches'")  # fmt: skip


def test_partitioned_tables_are_merged_too(table):
    table.run("CREATE TABLE t (id bigint, name text, PRIMARY KEY (id)) PARTITION BY RANGE (id)")
    table.run("CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10)")
    table.run("CREATE TABLE t2 PARTITION OF t FOR VALUES FROM (10) TO (20)")
    table.load("id,name\n1,a\n11,b\n", **MERGE)
    run = table.load("id,name\n1,A\n11,gone\n12,c\n", delete_when="name = 'gone'", **MERGE)
    assert {"loaded": 1, "updated": 2, "removed": 1} == counted(run)
    assert [[1, "A"], [12, "c"]] == table.rows("id, name")


def test_a_row_that_a_change_moves_to_another_partition_is_kept_as_it_was(table):
    table.run("CREATE TABLE public.t (id bigint, name text) PARTITION BY LIST (name)")
    table.run("CREATE TABLE public.t_a PARTITION OF public.t FOR VALUES IN ('a')")
    table.run("CREATE TABLE public.t_b PARTITION OF public.t DEFAULT")
    table.load("id,name\n1,a\n2,a\n", **MERGE)
    assert {"updated": 1, "unchanged": 1} == counted(table.load("id,name\n1,b\n2,a\n", **MERGE))
    assert [[1, "b"], [2, "a"]] == table.rows("id, name")
    assert [[1, "a"]] == table.run("SELECT id, name FROM etl_target.before_1")


@pytest.mark.parametrize("kind", ["BY DEFAULT", "ALWAYS"])
def test_identity_columns_fill_themselves_and_only_by_default_ones_can_be_written(table, kind):
    table.run(f"CREATE TABLE t (id bigint PRIMARY KEY, name text, n bigint GENERATED {kind} AS IDENTITY)")
    assert {"loaded": 2} == counted(table.load("id,name\n1,a\n2,b\n", **MERGE))
    assert [[1], [2]] == table.rows("n", "ORDER BY 1")
    table.columns = {"id": "bigint", "name": "text"}
    run = table.load("id,name,n\n1,a,7\n", **MERGE)
    assert ("succeeded" if kind == "BY DEFAULT" else "failed") == run.status
    if kind == "ALWAYS":
        assert "column n is generated by PostgreSQL and cannot be written" in run.failure.message


def test_grants_and_views_stay(table):
    table.load("id,name\n1,a\n", **MERGE)
    table.run("CREATE VIEW v AS SELECT * FROM t")
    table.run("GRANT SELECT ON t TO PUBLIC")
    table.load("id,name\n1,b\n", **MERGE)
    assert [["b"]] == table.run("SELECT name FROM v")
    assert [[True]] == table.run("SELECT has_table_privilege('public', 't', 'SELECT')")


def test_without_provenance_it_merges_all_the_same(table):
    table.load("id,name\n1,a\n2,b\n", provenance=False, **MERGE)
    assert {"loaded": 1, "updated": 1} == counted(table.load("id,name\n1,A\n3,c\n", provenance=False, **MERGE))
    assert [[1, "A"], [2, "b"], [3, "c"]] == table.rows()


def test_an_owner_may_still_alter_and_drop_the_table(table):
    table.load("id,name\n1,a\n", **MERGE)
    table.load("id,name\n1,b\n", **MERGE)
    table.run("ALTER TABLE t ALTER COLUMN name TYPE varchar(9), ADD COLUMN more int DEFAULT 5")
    table.run("UPDATE etl_target.tables SET relation = 0")  # another hash of another table: adopted anew
    table.load("id,name\n1,c\n", **MERGE)
    assert [["before_1"], ["before_2"]] == table.run("SELECT kept FROM etl_target.ledger WHERE kept <> '' ORDER BY 1")
    table.run("DROP TABLE t")
    assert {"loaded": 1} == counted(table.load("id,name\n1,d\n", **MERGE))


def test_an_older_version_that_comes_late_is_superseded(table):
    first = table.load("id,name\n1,new\n", "f.csv", mtime=2000, **MERGE)
    late = table.load("id,name\n1,old\n", "f.csv", mtime=1000, **MERGE)
    assert ("skipped", first.run_id) == (late.status, late.skipped_for)
    assert [["superseded: a newer version was loaded by run " + first.run_id]] == table.run(
        "SELECT message FROM etl.run_events WHERE action = 'run_skipped'"
    )
    assert {"updated": 1} == counted(table.load("id,name\n1,newest\n", "f.csv", mtime=3000, **MERGE))
