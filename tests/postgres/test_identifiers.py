"""Identifiers: any text is a column's name, whole, or is refused."""

import contextlib

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from chalicelib.postgres.connection import connected
from chalicelib.postgres.identifiers import quote


@pytest.fixture
def connection(database):
    with connected(database) as opened:
        yield opened


few = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)


@few
@given(st.text(max_size=70))
@example('a "b" c')
@example(":name")
@example("$1")
@example("$$")
@example("it's")
@example('"; DROP TABLE t; --')
@example("-- :a /* ")
@example("\\")
@example("é" * 31 + "x")
@example("é" * 32)
@example("x" * 64)
@example("\ud800")
def test_any_text_is_a_columns_name_or_is_refused(connection, name):
    try:
        quoted = quote(name)
    except ValueError:
        assert not name or "\0" in name or len(name.encode(errors="surrogatepass")) > 63 or not _is_utf8(name)
        return
    connection.run(f"CREATE TEMP TABLE odd ({quoted} text)")
    connection.run(f"COPY odd ({quoted}) FROM STDIN", stream=[b"x\n"])
    connection.run(f"INSERT INTO odd ({quoted}) VALUES (:value)", value="y")
    assert [["x"], ["y"]] == connection.run(f"SELECT {quoted} FROM odd ORDER BY 1")
    assert name == connection.columns[0]["name"]
    connection.run("DROP TABLE odd")


def _is_utf8(name):
    with contextlib.suppress(UnicodeEncodeError):
        return bool(name.encode()) or True
    return False
