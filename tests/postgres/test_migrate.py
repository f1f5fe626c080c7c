"""Migrations: once, in order, never twice, and a clear refusal where they cannot be."""

import importlib
import sys
import threading
from contextlib import ExitStack
from dataclasses import replace

import pytest

from chalicelib.core.errors import Refused
from chalicelib.postgres.connection import connected
from chalicelib.postgres.migrate import migrate
from chalicelib.targets.postgres import PostgresTarget


@pytest.fixture
def database(empty_database):
    """A database where nothing was migrated."""
    return empty_database


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package with two migrations of the schema ``mine``."""
    folder = tmp_path / "some_migrations"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "001_first.sql").write_text("-- A comment; with a semicolon.\nCREATE TABLE mine.a (n int);\n")
    (folder / "002_second.sql").write_text("INSERT INTO mine.a VALUES (1);\nINSERT INTO mine.a VALUES (2);\n")
    (folder / "notes.sql").write_text("no migration")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    yield folder
    sys.modules.pop("some_migrations", None)


def test_files_are_applied_in_order_and_once(database, package):
    with connected(database) as connection:
        assert 2 == migrate(connection, package.name, schema="mine")
        assert 0 == migrate(connection, package.name, schema="mine")
        assert [[1], [2]] == connection.run("SELECT n FROM mine.a ORDER BY n")


def test_a_new_file_is_applied_alone(database, package):
    with connected(database) as connection:
        migrate(connection, package.name, schema="mine")
        (package / "003_third.sql").write_text("INSERT INTO mine.a VALUES (3)")
        assert 1 == migrate(connection, package.name, schema="mine")


def test_an_edited_file_is_refused_by_name(database, package):
    with connected(database) as connection:
        migrate(connection, package.name, schema="mine")
        (package / "001_first.sql").write_text("CREATE TABLE mine.a (n bigint)")
        with pytest.raises(Refused, match=r"001_first\.sql of schema mine was edited after it was applied"):
            migrate(connection, package.name, schema="mine")


def test_a_file_that_fails_leaves_nothing(database, package):
    (package / "002_second.sql").write_text("INSERT INTO mine.nowhere VALUES (1)")
    with connected(database) as connection:
        with pytest.raises(Refused, match=r"mine\.nowhere"):
            migrate(connection, package.name, schema="mine")
        assert [None] == connection.one("SELECT to_regnamespace('mine')")


def test_two_connections_that_migrate_at_once_apply_each_file_once(database, package):
    gate, applied = threading.Barrier(4), []

    def work(connection):
        gate.wait()
        applied.append(migrate(connection, package.name, schema="mine"))

    with ExitStack() as stack:
        connections = [stack.enter_context(connected(database)) for _ in range(4)]
        threads = [threading.Thread(target=work, args=(each,)) for each in connections]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [0, 0, 0, 2] == sorted(applied)


@pytest.fixture
def weak(database):
    """A user who may connect and nothing else."""
    name = f"weak_{database.database}"
    with connected(database) as connection:
        connection.run(f"CREATE USER {name} PASSWORD 'weak'")
        yield replace(database, user=name, password="weak")
        connection.run(f"DROP OWNED BY {name}")
        connection.run(f"DROP USER {name}")


def test_a_user_without_create_is_refused_with_the_way_out(weak):
    target = PostgresTarget(weak)
    with pytest.raises(Refused, match=r"permission denied for database .*; grant CREATE on the database to this user"):
        target.prepare()
    target.close()


def test_a_user_who_may_not_look_into_the_schema_is_refused(database, weak):
    with connected(database) as connection:
        connection.run("CREATE SCHEMA etl_target")
    target = PostgresTarget(weak)
    with pytest.raises(Refused, match="permission denied"):
        target.prepare()
    target.close()
