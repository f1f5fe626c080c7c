"""The table hash: equal on every PostgreSQL major, whatever the order, moved rightly by every publish."""

import random
from contextlib import ExitStack

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from making import pipeline, plan, query, version

from chalicelib.core.ledger import TableHash
from chalicelib.core.table import TableName
from chalicelib.postgres.connection import Dsn, connected
from chalicelib.targets.postgres import table_hash
from chalicelib.targets.postgres.table_hash import hash_rows
from localcloud.binaries import wheel_binaries
from localcloud.lease import lease

T = TableName("public", "t")
#: Columns of each supported type; a row of values; a row of NULLs.
GOLDEN_TABLE = """
CREATE TABLE t (i2 smallint, i4 integer, i8 bigint, n numeric, n2 numeric(12,2), r real, f double precision,
    b boolean, x text, v varchar(9), c char(4), d date, t time, ts timestamp, tz timestamptz, u uuid, j json, jb jsonb);
INSERT INTO t VALUES (-1, 2, 3000000000, 1.50, -0.01, 1.5, 1e300, true, 'é€😀', 'abc', 'ab', '2024-02-29',
    '12:34:56.789', '2024-02-29 12:00', '2024-02-29 12:00+02', '12345678-9abc-def0-1234-56789abcdef0',
    '{"b": 1,  "a": 2}', '{"b": 1, "a": [null, true, 1.50]}');
INSERT INTO t (i2) VALUES (NULL)
"""
#: Computed once on both majors. A change here means that every ledger's hash is worth nothing: do not edit.
GOLDEN = "406467236070f83d844654d377090168"


def columns_of(connection, relation="t"):
    return connection.run(
        "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
        f" WHERE attrelid = '{relation}'::regclass AND attnum > 0 ORDER BY attnum"
    )


def hashed(connection):
    return hash_rows(connection, "t", [tuple(row) for row in columns_of(connection)])


@pytest.mark.parametrize("major", [16, 18])
def test_the_hash_is_the_golden_one_on_every_major(server, tmp_path_factory, major):
    with ExitStack() as stack:
        url, name = server, "golden"
        if not is_major(server, major):
            if wheel_binaries(major) is None:
                pytest.skip(f"no PostgreSQL {major} here")
            home = tmp_path_factory.mktemp(f"home{major}")
            url = stack.enter_context(lease(home, fast=True, major=major)).dsn
        with connected(Dsn.parse(url)) as connection:
            connection.run("BEGIN")
            for statement in GOLDEN_TABLE.split(";\n"):
                connection.run(statement.replace("TABLE t ", f"TEMP TABLE {name} ").replace("INTO t ", f"INTO {name} "))
            columns = [tuple(row) for row in columns_of(connection, name)]
            assert GOLDEN == str(hash_rows(connection, name, columns))
            connection.run("ROLLBACK")


def is_major(url, major):
    (version_number,) = query(Dsn.parse(url), "SELECT current_setting('server_version_num')::int")[0]
    return version_number // 10_000 == major


@pytest.fixture
def connection(database):
    with connected(database) as opened:
        yield opened


def test_an_empty_table_has_the_empty_hash(connection):
    connection.run("CREATE TABLE t (a int)")
    assert TableHash() == hashed(connection)


def test_the_order_of_rows_means_nothing_and_their_number_does(connection):
    values = list(range(200))
    connection.run("CREATE TABLE t (a int, b text)")
    found = set()
    for seed in range(3):
        random.Random(seed).shuffle(values)
        connection.run("TRUNCATE t")
        connection.run("INSERT INTO t SELECT v, v::text FROM unnest(:values::int[]) AS v", values=values)
        found.add(hashed(connection))
    assert 1 == len(found)
    connection.run("INSERT INTO t VALUES (7, '7')")
    assert hashed(connection) not in found


@pytest.mark.parametrize(
    ("kind", "one", "same"),
    [
        ("numeric", "1.50", "1.5"),
        ("numeric", "0", "-0.00"),
        ("json", "{}", "{}"),
        ("jsonb", '{"a":1,"b":2}', '{"b":2, "a":1}'),
    ],
)
def test_equal_values_hash_equally(connection, kind, one, same):
    connection.run(f"CREATE TABLE t (a {kind})")
    found = []
    for value in (one, same):
        connection.run("TRUNCATE t")
        connection.run(f"INSERT INTO t VALUES ('{value}')")
        found.append(str(hashed(connection)))
    assert found[0] == found[1]


@pytest.mark.parametrize("pair", [("'a', NULL", "NULL, 'a'"), ("'ab', 'c'", "'a', 'bc'"), ("'', NULL", "NULL, NULL")])
def test_other_values_hash_otherwise(connection, pair):
    connection.run("CREATE TABLE t (a text, b text)")
    found = []
    for values in pair:
        connection.run("TRUNCATE t")
        connection.run(f"INSERT INTO t VALUES ({values})")
        found.append(str(hashed(connection)))
    assert found[0] != found[1]


def test_neither_the_order_of_columns_nor_an_empty_new_one_changes_the_hash_but_a_name_does(connection):
    found = {}
    for shown, columns in {
        "ab": "a int, b text",
        "ba": "b text, a int",
        "c": "a int, b text, c int",
        "x": "a int, x text",
    }.items():
        connection.run("DROP TABLE IF EXISTS t")
        connection.run(f"CREATE TABLE t ({columns})")
        connection.run(f"INSERT INTO t (a, {'x' if shown == 'x' else 'b'}) VALUES (1, 'one'), (NULL, 'none')")
        found[shown] = hashed(connection)
    assert found["ab"] == found["ba"] == found["c"] != found["x"]


def test_a_type_s_own_function_gives_what_the_record_s_gives(connection, monkeypatch):
    for statement in GOLDEN_TABLE.split(";\n"):
        connection.run(statement)
    columns = [(name, kind) for name, kind in map(tuple, columns_of(connection))]
    direct = {name: hash_rows(connection, "t", [(name, kind)]) for name, kind in columns}
    monkeypatch.setattr(table_hash, "_DIRECT", {})
    monkeypatch.setattr(table_hash, "_DIRECT_18", {})
    assert direct == {name: hash_rows(connection, "t", [(name, kind)]) for name, kind in columns}


def test_json_hashes_by_its_text(connection):
    connection.run("CREATE TABLE t (a json)")
    connection.run("INSERT INTO t VALUES ('{\"a\": 1}')")
    first = hashed(connection)
    connection.run("UPDATE t SET a = '{\"a\":1}'")
    assert first != hashed(connection)


def test_every_type_of_the_server_can_be_hashed(connection):
    kinds = connection.run(
        "SELECT format_type(oid, NULL) FROM pg_type"
        " WHERE typtype IN ('b', 'r') AND typnamespace = 'pg_catalog'::regnamespace AND typcategory <> 'Z'"
        " AND oid NOT IN (SELECT typarray FROM pg_type)"
        " AND typname NOT IN ('pg_node_tree', 'aclitem', 'gtsvector') ORDER BY 1"
    )
    for (kind,) in kinds:
        for shown in (kind, f"{kind}[]"):
            connection.run(f"CREATE TEMP TABLE k (a {shown})")
            connection.run("INSERT INTO k VALUES (NULL)")
            connection.run("INSERT INTO k VALUES ('{}')" if shown.endswith("[]") else "INSERT INTO k VALUES (NULL)")
            assert 2 == hash_rows(connection, "k", [("a", columns_of(connection, "k")[0][1])]).rows, shown
            connection.run("DROP TABLE k")


@settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sizes=st.lists(st.integers(0, 50), min_size=1, max_size=4), provenance=st.booleans(), adopted=st.booleans())
def test_after_every_publish_the_hash_kept_is_the_hash_scanned(database, target, publish, sizes, provenance, adopted):
    with connected(database) as connection:
        connection.run("DROP TABLE IF EXISTS t")
        connection.run("TRUNCATE etl_target.ledger_objects, etl_target.ledger, etl_target.tables, etl_target.objects")
        if adopted:
            connection.run("CREATE TABLE t (b text, extra int DEFAULT 5, a bigint)")
            connection.run("INSERT INTO t SELECT 'old', 1, n FROM generate_series(1, 10) AS n")
    for number, size in enumerate(sizes, start=1):
        create = not adopted and number == 1
        of = plan(
            number, create=create, objects=[version(content=str(number))], pipeline=pipeline(provenance=provenance)
        )
        entry = publish(target, size, of)
        assert target.full_hash(T) == entry.table_hash
        assert entry.table_hash.rows == sum(sizes[:number]) + 10 * adopted
