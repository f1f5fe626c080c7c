"""The lock: a session reads the one path that it was given, and nothing that people write changes that."""

import duckdb
import pytest

from chalicelib.core.errors import InvalidPipeline
from chalicelib.engine.session import locked_session, parser, text_literal, without_values


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "spill").mkdir()
    (tmp_path / "it's.csv").write_text("a\n1\n")
    (tmp_path / "other.csv").write_text("a\n2\n")
    return tmp_path


@pytest.fixture
def session(folder):
    with locked_session(readable=[folder / "it's.csv"], spill=folder / "spill") as connection:
        yield connection


def test_the_given_path_can_be_read(session, folder):
    path = text_literal(str(folder / "it's.csv"))
    assert session.execute(f"SELECT * FROM read_csv({path})").fetchall() == [(1,)]


@pytest.mark.parametrize(
    "place",
    [
        "{folder}/other.csv", "{folder}/*.csv", "{folder}/it''s.*", "{folder}/it''s.csv/../other.csv", "{folder}/**",
        "{folder}", "{folder}/spill/../other.csv", "{folder}/it''s.csv*", "/etc/passwd", "/proc/self/environ",
        "/dev/stdin",
        "http://127.0.0.1:1/x.csv", "s3://bucket/x.csv", "file://{folder}/other.csv",
    ],
)  # fmt: skip
@pytest.mark.parametrize("reader", ["read_csv", "read_text", "read_blob", "glob"])
def test_no_other_place_can_be_read(session, folder, reader, place):
    with pytest.raises(duckdb.Error, match=r"(?i)disabled|permission|extension|not allowed"):
        session.execute(f"SELECT * FROM {reader}('{place.format(folder=folder)}')").fetchall()


@pytest.mark.parametrize(
    "statement",
    [
        "SET memory_limit = '9GB'", "SET enable_external_access = true", "SET allowed_paths = ['/']",
        "RESET memory_limit",
        "SET lock_configuration = false", "SET threads = 8", "SET max_execution_time = 0",
        "PRAGMA memory_limit = '9GB'",
        "SET GLOBAL temp_directory = '/tmp'", "ATTACH '{folder}/x.db'",
        "ATTACH 'postgres:host=localhost' AS p (TYPE postgres)",
        "COPY (SELECT 1) TO '{folder}/out.csv'", "EXPORT DATABASE '{folder}/x'",
        "COPY (SELECT 1) TO '{folder}/it''s.csv.new'", "INSTALL httpfs", "LOAD httpfs", "LOAD '{folder}/other.csv'",
        "FORCE INSTALL json FROM community", "CREATE SECRET (TYPE s3, KEY_ID 'a', SECRET 'b')",
        "IMPORT DATABASE '{folder}'",
        "SELECT getenv('HOME')", "PRAGMA enable_profiling", "SET profiling_output = '{folder}/x'",
        "CREATE TABLE t AS SELECT * FROM '{folder}/other.csv'",
    ],
)  # fmt: skip
def test_nothing_changes_the_configuration_or_reaches_outside(session, folder, statement):
    before = sorted(path.name for path in folder.rglob("*"))
    with pytest.raises(duckdb.Error):
        session.execute(statement.format(folder=folder)).fetchall()
    assert before == sorted(path.name for path in folder.rglob("*"))


def test_python_variables_are_no_tables(session):
    hidden = [1]
    with pytest.raises(duckdb.Error, match="hidden"):
        session.execute("SELECT * FROM hidden").fetchall()
    assert hidden == [1]


def test_memory_is_capped():
    with (
        locked_session() as session,
        pytest.raises(duckdb.OutOfMemoryException),
    ):
        session.execute("SELECT array_agg(i::text || repeat('x', 100)) FROM range(100000000) t(i)").fetchall()


def test_a_runaway_query_is_interrupted():
    with (
        locked_session(timeout_s=0.3) as session,
        pytest.raises(duckdb.Error, match="maximum execution time"),
    ):
        session.execute(
            "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range * b.range = 77"
        ).fetchall()


def test_times_are_in_utc_and_a_division_by_zero_is_an_error(session):
    assert session.execute("SELECT '2024-01-05 12:00+02'::timestamptz::text").fetchall() == [
        ("2024-01-05 10:00:00+00",)
    ]
    with pytest.raises(duckdb.Error, match="Division by zero"):
        session.execute("SELECT 1 / x FROM range(1) t(x)").fetchall()


def test_a_parser_tells_the_cause_without_the_engines_echo():
    with parser() as sql, pytest.raises(InvalidPipeline) as error:
        sql.columns("SELECT nosuch(1) FROM (SELECT 'our own SQL' AS x)")
    assert "our own SQL" not in str(error.value)
    assert "Error:" not in str(error.value)


def test_a_parser_runs_nothing():
    with parser() as sql:
        sql.declare('odd "name"', [("a", "BIGINT")])
        assert sql.columns('SELECT 1 / a AS x FROM "odd ""name"""') == [("x", "DOUBLE")]
        assert sql.columns("SELECT count(*) AS x FROM range(10000000) a, range(10000000) b") == [("x", "BIGINT")]


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("sum(cast(v as int))", "Conversion Error (Could not convert string, INT32)"),
        ("max(cast(v as date))", "Conversion Error (date)"),
        ("max(cast(12345.6 || '' as decimal(4, 1)))", "Conversion Error (Could not convert string, DECIMAL)"),
        ("max(9223372036854775807 * length(v))", "Out of Range Error (Overflow, INT64)"),
        ("max(1 // (length(v) - 15))", "Invalid Input Error (Division by zero)"),
        ("max(cast(length(v) * 100 as tinyint))", "Conversion Error (INT64, out of range, INT8)"),
        ("max(error(left(v, 6)))", "Invalid Input Error"),
        ("max(strptime(v, '%Y'))", "Invalid Input Error (Could not parse string)"),
    ],
)
def test_an_error_can_be_told_without_the_value_that_is_to_blame(sql, told):
    with locked_session() as connection:
        connection.execute("CREATE TABLE t AS SELECT 'secret INT8 ''x''' AS v")
        with pytest.raises(duckdb.Error) as failed:
            connection.execute(f"SELECT {sql} FROM t").fetchall()
    assert "secret" not in without_values(failed.value)
    assert told == without_values(failed.value)
