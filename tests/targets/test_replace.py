"""Replace: the run is the table's whole content, and whoever reads, or holds rights, notices nothing else."""

import pytest
from modes import Table, counted

from chalicelib.postgres.connection import connected

REPLACE = {"write": "replace"}


@pytest.fixture
def table(database, tmp_path):
    return Table(database, tmp_path, {"id": "bigint", "name": "text"})


def kept(table):
    return [row[0] for row in table.run("SELECT kept FROM etl_target.ledger WHERE kept IS NOT NULL ORDER BY number")]


def test_the_table_holds_what_the_run_read(table):
    assert {"loaded": 2} == counted(table.load("id,name\n1,a\n2,b\n", **REPLACE))
    assert {"loaded": 3, "removed": 2} == counted(table.load("id,name\n2,B\n3,c\n3,c\n", **REPLACE))
    assert [[2, "B"], [3, "c"], [3, "c"]] == table.rows("id, name")


def test_the_old_table_is_kept(table):
    table.load("id,name\n1,a\n", **REPLACE)
    run = table.load("id,name\n2,b\n", **REPLACE)
    assert [f"kept_{run.ledger_number}"] == kept(table)
    assert [[1, "a"]] == table.run(f"SELECT id, name FROM etl_target.kept_{run.ledger_number}")


def test_what_was_loaded_once_is_not_loaded_again(table):
    first = table.load("id,name\n1,a\n", "a.csv", **REPLACE)
    table.load("id,name\n2,b\n", "b.csv", **REPLACE)
    again = table.load("id,name\n1,a\n", "a.csv", **REPLACE)
    assert ("skipped", first.run_id) == (again.status, again.skipped_for)


MAKE = """
CREATE TABLE r (name text PRIMARY KEY);
INSERT INTO r VALUES ('a'), ('b'), ('c');
CREATE ROLE {role};
CREATE TABLE t (
    id bigint, name text CONSTRAINT there NOT NULL CONSTRAINT named CHECK (name <> 'x') REFERENCES r,
    note text DEFAULT 'a' COLLATE "C", twice bigint GENERATED ALWAYS AS (id * 2) STORED, UNIQUE (name, id)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.3, toast.autovacuum_enabled = false);
CREATE INDEX by_note ON t (lower(note)) WITH (fillfactor = 60) WHERE note <> '';
CREATE INDEX "odd ""index" ON t (name DESC NULLS LAST) INCLUDE (note);
ALTER TABLE t ADD CONSTRAINT mine PRIMARY KEY (id);
ALTER TABLE t ALTER note SET STATISTICS 17, ALTER note SET STORAGE EXTERNAL, ALTER name SET COMPRESSION pglz;
ALTER TABLE t ALTER id SET (n_distinct = -0.5, n_distinct_inherited = 7);
ALTER TABLE t ADD CONSTRAINT "not yet" CHECK (id < 1000) NOT VALID;
ALTER TABLE t ADD CONSTRAINT late_key UNIQUE (note, id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE t ADD CONSTRAINT far FOREIGN KEY (note) REFERENCES r DEFERRABLE NOT VALID;
ALTER TABLE t ADD CONSTRAINT apart EXCLUDE USING btree (id WITH =);
ALTER TABLE t CLUSTER ON "odd ""index";
ALTER INDEX by_note ALTER COLUMN 1 SET STATISTICS 23;
COMMENT ON CONSTRAINT far ON t IS 'far''s';
COMMENT ON CONSTRAINT named ON t IS 'checked';
COMMENT ON CONSTRAINT mine ON t IS 'a key';
COMMENT ON INDEX by_note IS 'by note';
COMMENT ON INDEX mine IS 'an index';
COMMENT ON TABLE t IS 'it''s mine';
COMMENT ON COLUMN t.name IS 'a name';
GRANT SELECT ON t TO {role} WITH GRANT OPTION;
GRANT UPDATE (note) ON t TO {role};
REVOKE DELETE ON t FROM CURRENT_USER;
GRANT DELETE ON t TO CURRENT_USER;
INSERT INTO t VALUES (1, 'a')
"""
#: All that makes a table what it is, in one text each.
MADE = """
SELECT string_agg(concat(attname, ' ', format_type(atttypid, atttypmod), attnotnull, attgenerated, attcollation,
    pg_get_expr(adbin, adrelid), col_description(attrelid, attnum), attstattarget, attstorage, attcompression,
    attoptions), ', ' ORDER BY attnum)
FROM pg_attribute a LEFT JOIN pg_attrdef d ON adrelid = attrelid AND adnum = attnum
WHERE attrelid = 't'::regclass AND attnum > 0 AND NOT attisdropped
UNION ALL
SELECT string_agg(concat_ws(' ', conname, replace(pg_get_constraintdef(oid), ' NOT VALID', ''),
    convalidated OR contype = 'c', obj_description(oid, 'pg_constraint')), ', ' ORDER BY conname) FROM pg_constraint
WHERE conrelid = 't'::regclass
UNION ALL
SELECT string_agg(concat(pg_get_indexdef(indexrelid), indisclustered, obj_description(indexrelid, 'pg_class'),
    (SELECT string_agg(attstattarget::text, '') FROM pg_attribute WHERE attrelid = indexrelid)), ', '
    ORDER BY indexrelid) FROM pg_index WHERE indrelid = 't'::regclass
UNION ALL
SELECT concat(reloptions) FROM pg_class WHERE oid = (SELECT reltoastrelid FROM pg_class WHERE oid = 't'::regclass)
UNION ALL
SELECT concat(relowner, reloptions, obj_description(oid, 'pg_class')) FROM pg_class WHERE oid = 't'::regclass
UNION ALL
SELECT string_agg(x::text, ', ' ORDER BY x::text) FROM pg_class, aclexplode(relacl) AS x WHERE oid = 't'::regclass
UNION ALL
SELECT string_agg(attname || attacl::text, ', ') FROM pg_attribute WHERE attrelid = 't'::regclass
"""


def test_the_new_table_is_made_as_the_old_one_was(table):
    role = f"reader_{table.dsn.database}"
    for statement in MAKE.format(role=role).split(";\n"):
        table.run(statement)
    table.run("ALTER TABLE t ADD _etl_run bigint, ADD _etl_object int, ADD _etl_line bigint")
    before = table.run(MADE)
    oid = table.run("SELECT 't'::regclass::oid")
    try:
        for round_ in range(3):
            run = table.load(f"id,name\n{round_},b\n{round_ + 5},c\n", **REPLACE)
            assert {"loaded": 2, "removed": 1 if round_ == 0 else 2} == counted(run)
            assert before == table.run(MADE)
        assert oid != table.run("SELECT 't'::regclass::oid")
        assert 3 == len(kept(table))
        assert [[2, "a", 4], [7, "a", 14]] == table.rows("id, note, twice")
        assert "held" == table.load("id,name\n1,x\n", **REPLACE).status
        assert [[True]] == table.run(f"SELECT has_table_privilege('{role}', 't', 'SELECT')")
    finally:
        table.run(f"DROP OWNED BY {role} CASCADE")
        table.run(f"DROP ROLE {role}")


OBSTACLES = {
    "has views or functions": "CREATE VIEW v AS SELECT id FROM t",
    "is referenced by a foreign key": "CREATE TABLE child (id bigint REFERENCES t)",
    "owns a sequence": "ALTER TABLE t ADD serial_number serial",
    "has row security": "CREATE POLICY p ON t USING (true)",
    "has row security, forced": "ALTER TABLE t FORCE ROW LEVEL SECURITY",
    "inherits": "CREATE TABLE heir () INHERITS (t)",
    "is in a publication": "CREATE PUBLICATION p{n} FOR TABLE t",
    "is in a publication, with its schema": "CREATE PUBLICATION p{n} FOR TABLES IN SCHEMA public",
    "has an index that is not valid": "DO $$BEGIN CREATE INDEX broken ON t (name); UPDATE pg_index"
    " SET indisvalid = false WHERE indexrelid = 'broken'::regclass; END$$",
    "has foreign keys that are disabled": "DO $$BEGIN CREATE TABLE r (id bigint PRIMARY KEY); INSERT INTO r VALUES (1),"
    " (2), (3); ALTER TABLE t ADD FOREIGN KEY (id) REFERENCES r; ALTER TABLE t DISABLE TRIGGER ALL; END$$",
    "belongs to an extension": "ALTER EXTENSION plpgsql ADD TABLE t",
    "is stored in its own way, as is its index": "DO $$BEGIN ALTER TABLE t REPLICA IDENTITY USING INDEX t_pkey; END$$",
    "has extended statistics": "CREATE STATISTICS s ON id, name FROM t",
    "has rules": "CREATE RULE nothing AS ON DELETE TO t WHERE false DO INSTEAD NOTHING",
    "is stored in its own way": "ALTER TABLE t REPLICA IDENTITY FULL",
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("obstacle", OBSTACLES)
def test_where_something_depends_on_the_table_its_rows_are_replaced_instead(table, obstacle):
    table.run("CREATE TABLE t (id bigint PRIMARY KEY, name text)")
    table.run("INSERT INTO t VALUES (1, 'a'), (2, 'b')")
    table.run(OBSTACLES[obstacle].format(n=table.dsn.database))
    oid = table.run("SELECT 't'::regclass::oid")
    assert {"loaded": 2, "removed": 2} == counted(table.load("id,name\n2,B\n3,c\n", **REPLACE))
    assert [[2, "B"], [3, "c"]] == table.rows("id, name")
    assert oid == table.run("SELECT 't'::regclass::oid")
    assert ["before_1"] == kept(table)
    assert [["d", 1, "a"], ["d", 2, "b"]] == table.run("SELECT _etl_op::text, id, name FROM etl_target.before_1")
    told = table.run("SELECT message FROM etl.run_events WHERE action = 'plan_made'")
    assert f"public.t {obstacle.partition(',')[0]}" in told[0][0]


def test_a_table_in_a_tablespace_stays_there(table):
    space = f"space_{table.dsn.database}"
    with connected(table.dsn) as connection:
        connection.run("SET allow_in_place_tablespaces = on")
        connection.run(f"CREATE TABLESPACE {space} LOCATION ''")
    table.run(f"CREATE TABLE t (id bigint, name text) TABLESPACE {space}")
    try:
        for n in (1, 2):
            table.load(f"id,name\n{n},a\n", **REPLACE)
        assert [[space]] == table.run("SELECT tablespace FROM pg_tables WHERE tablename = 't'")
    finally:
        table.run("ALTER TABLE t SET TABLESPACE pg_default")
        table.run(f"DROP TABLESPACE {space}")


def test_a_row_that_others_refer_to_holds_the_run(table):
    table.run("CREATE TABLE t (id bigint PRIMARY KEY, name text)")
    table.run("CREATE TABLE child (id bigint CONSTRAINT parent REFERENCES t)")
    table.run("INSERT INTO t VALUES (1, 'a')")
    table.run("INSERT INTO child VALUES (1)")
    run = table.load("id,name\n2,b\n", **REPLACE)
    assert ("held", True) == (run.status, '"parent"' in run.failure.message)
    assert [[1, "a"]] == table.rows("id, name")


@pytest.mark.parametrize("name", ["ledger", "batches", "o dd", "kept_1", "n" * 63])
def test_any_name_can_be_swapped(table, name):
    for n in (1, 2, 3):
        run = table.load(f"id,name\n{n},a\n", table=f"public.{name}", **REPLACE)
        assert {"loaded": 1, **({"removed": 1} if n > 1 else {})} == counted(run)
    assert [[3]] == table.run(f'SELECT id FROM public."{name}"')


def test_after_a_replace_the_other_modes_go_on(table):
    table.load("id,name\n1,a\n", **REPLACE)
    table.load("id,name\n2,b\n", **REPLACE)
    assert {"loaded": 1, "updated": 1} == counted(table.load("id,name\n2,B\n3,c\n", write="merge", keys=["id"]))
    assert {"loaded": 1} == counted(table.load("id,name\n4,d\n"))
    assert {"loaded": 1, "removed": 3} == counted(table.load("id,name\n5,e\n", **REPLACE))
    versions = table.run("SELECT table_version FROM etl_target.ledger ORDER BY number")
    assert [[1], [2], [3], [4], [5]] == versions
