"""A run changes the rows of its own table and no others: what would act by itself is refused."""

import pytest
from making import pipeline, plan
from modes import Table, counted

from chalicelib.core.errors import Refused
from chalicelib.targets.postgres import PostgresTarget

DELETING = {
    "replace": {"write": "replace"},
    "delete_when of merge": {"write": "merge", "keys": ["id"], "delete_when": "name = 'gone'"},
    "delete_when of scd2": {"write": "scd2", "keys": ["id"], "delete_when": "name = 'gone'"},
    "on_new_version": {"write": "append", "on_new_version": "replace"},
}
ACTIONS = ("CASCADE", "SET NULL", "SET DEFAULT")
HISTORY = (
    "valid_from timestamptz NOT NULL DEFAULT now(), valid_to timestamptz, is_current boolean NOT NULL DEFAULT true"
)


@pytest.fixture
def table(database, tmp_path):
    return Table(database, tmp_path, {"id": "bigint", "name": "text"})


def made(table, *statements, more=""):
    table.run(f"CREATE TABLE t (id bigint PRIMARY KEY, name text{more})")
    for statement in statements:
        table.run(statement)


def refused(table, run, *words):
    """The run was refused at plan, with these words, and nothing changed."""
    assert ("failed", "plan", "Refused") == (run.status, run.failure.stage, run.failure.error)
    assert [] == [word for word in (*words, "; make it ON ") if word not in run.failure.message]
    assert [] == table.run("SELECT number FROM etl_target.ledger")


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("mode", DELETING)
def test_a_deletion_that_another_table_would_follow_is_refused(table, mode, action):
    more = f", {HISTORY}" if "scd2" in mode else ""
    made(table, f"CREATE TABLE child (id bigint CONSTRAINT to_t REFERENCES t ON DELETE {action})", more=more)
    table.run("INSERT INTO t VALUES (1, 'a'), (9, 'b')")
    table.run("INSERT INTO child VALUES (1), (9)")
    run = table.load("id,name\n1,A\n", **DELETING[mode])
    refused(table, run, mode.partition(" of ")[0], f"the foreign key to_t of child is ON DELETE {action}", "NO ACTION")
    assert [[1], [9]] == table.run("SELECT id FROM child ORDER BY id")
    assert [[1, "a"], [9, "b"]] == table.rows("id, name")


def test_a_deletion_that_the_table_itself_would_follow_is_refused(table):
    made(table, more=", parent bigint CONSTRAINT tree REFERENCES t ON DELETE CASCADE")
    refused(table, table.load("id,name\n1,A\n", write="replace"), "the foreign key tree of t is ON DELETE CASCADE")


@pytest.mark.parametrize("referred", ["t", "t_1", "t_2"])
def test_a_foreign_key_on_a_partition_is_seen(table, referred):
    table.run("CREATE TABLE t (id bigint PRIMARY KEY, name text) PARTITION BY RANGE (id)")
    table.run("CREATE TABLE t_1 PARTITION OF t FOR VALUES FROM (0) TO (100) PARTITION BY RANGE (id)")
    table.run("CREATE TABLE t_2 PARTITION OF t_1 DEFAULT")
    table.run(f"CREATE TABLE child (id bigint CONSTRAINT part REFERENCES {referred} ON DELETE CASCADE)")
    told = "the foreign key part of child is ON DELETE CASCADE"
    refused(table, table.load("id,name\n1,A\n", write="replace"), told)
    refused(table, table.load("id,name\n1,A\n", write="replace", table="public.t_2"), "public.t_2", "ON DELETE CASCADE")


@pytest.mark.parametrize("action", ACTIONS)
def test_an_update_that_another_table_would_follow_is_refused(table, action):
    made(table, "ALTER TABLE t ADD UNIQUE (name)")
    table.run(f"CREATE TABLE child (name text CONSTRAINT named REFERENCES t (name) ON UPDATE {action})")
    run = table.load("id,name\n1,A\n", write="merge", keys=["id"])
    refused(
        table, run, "merge updates rows", f"the foreign key named of child is ON UPDATE {action}", "make it ON UPDATE"
    )


def test_what_only_refuses_and_what_never_acts_is_let_through(table):
    made(
        table,
        "CREATE TABLE restricts (id bigint REFERENCES t ON DELETE RESTRICT ON UPDATE RESTRICT)",
        "CREATE TABLE follows (id bigint REFERENCES t ON DELETE CASCADE ON UPDATE CASCADE)",
        "INSERT INTO t VALUES (1, 'a')",
        "INSERT INTO follows VALUES (1)",
    )
    assert {"loaded": 1, "updated": 1} == counted(table.load("id,name\n1,A\n2,b\n", write="merge", keys=["id"]))
    assert {"loaded": 1} == counted(table.load("id,name\n3,c\n"))
    assert [[1]] == table.run("SELECT id FROM follows")


@pytest.mark.parametrize("part", ["t_1", "t_2"])
def test_a_trigger_on_a_partition_is_refused(table, part):
    table.run("CREATE TABLE t (id bigint, name text) PARTITION BY LIST (id)")
    table.run("CREATE TABLE t_1 PARTITION OF t DEFAULT PARTITION BY LIST (id)")
    table.run("CREATE TABLE t_2 PARTITION OF t_1 DEFAULT")
    table.run("CREATE FUNCTION other() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.name = 'T'; RETURN NEW; END$$")
    table.run(f"CREATE TRIGGER changes BEFORE INSERT ON {part} FOR EACH ROW EXECUTE FUNCTION other()")
    run = table.load("id,name\n1,a\n")
    assert ("failed", "Refused") == (run.status, run.failure.error)
    assert f"public.t has the trigger changes (on its part {part})" in run.failure.message
    assert [] == table.rows()


def test_a_foreign_key_that_came_after_the_plan_is_refused_too(database):
    target = PostgresTarget(database)
    try:
        target.prepare()
        of = pipeline()
        of = of.model_copy(update={"target": of.target.model_copy(update={"write": "replace"})})
        planned = plan(pipeline=of, create=False)
        table = Table(database, None, {})
        table.run("CREATE TABLE t (a bigint PRIMARY KEY, b text)")
        table.run("CREATE TABLE child (a bigint REFERENCES t ON DELETE CASCADE)")
        with pytest.raises(Refused, match="ON DELETE CASCADE"), target.publication(planned):
            pass
        assert [] == table.run("SELECT number FROM etl_target.ledger")
    finally:
        target.close()
