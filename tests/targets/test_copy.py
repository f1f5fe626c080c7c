"""Binary COPY: every type arrives as it left, and nothing that fails leaves a thread or a dead connection."""

import threading
from datetime import UTC, date, datetime, time
from decimal import Decimal
from uuid import UUID

import pg8000.exceptions
import pyarrow as pa
import pytest

from chalicelib.postgres.connection import connected
from chalicelib.targets.postgres.copy import copy_into, with_constants

STATEMENT = "COPY t FROM STDIN WITH (FORMAT binary)"


class BrokeError(Exception):
    pass


@pytest.fixture
def connection(database):
    with connected(database) as opened:
        yield opened
    assert "encode" not in [thread.name for thread in threading.enumerate()]


def numbers(*values):
    return pa.record_batch([pa.array(values, pa.int64())], names=["a"])


def uuid_bytes(values):
    return pa.array([None if v is None else UUID(v).bytes for v in values], pa.binary(16))


FIRST, LAST = datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999999)  # noqa: DTZ001 - a timestamp has no zone
LOW = "00000000-0000-0000-0000-000000000000"
TYPES = {
    "smallint": (pa.int16(), [-32768, 0, 32767, None]),
    "integer": (pa.int32(), [-(2**31), 0, 2**31 - 1, None]),
    "bigint": (pa.int64(), [-(2**63), 0, 2**63 - 1, None]),
    "real": (pa.float32(), [-1.5, 0.0, float("inf"), None]),
    "double precision": (pa.float64(), [-1.5e300, 0.1, float("-inf"), None]),
    "boolean": (pa.bool_(), [True, False, None]),
    "text": (pa.string(), ["", "é€😀", 'tab\t"quote"\nline \\', None]),
    "varchar(3)": (pa.string(), ["", "abc", "é€😀", None]),
    "date": (pa.date32(), [date(1, 1, 1), date(1970, 1, 1), date(9999, 12, 31), None]),
    "time": (pa.time64("us"), [time(0), time(23, 59, 59, 999999), None]),
    "timestamp": (pa.timestamp("us"), [FIRST, LAST, None]),
    "timestamptz": (pa.timestamp("us", tz="UTC"), [datetime(2024, 2, 29, 12, tzinfo=UTC), None]),
    "numeric(12,2)": (pa.decimal128(12, 2), [*map(Decimal, ("-9999999999.99", "-0.01", "0.00", "1.50")), None]),
    "numeric(38,0)": (pa.decimal128(38, 0), [Decimal("9" * 38), Decimal("-" + "9" * 38), Decimal(10**37), None]),
    "numeric(38,38)": (pa.decimal128(38, 38), [Decimal("0." + "9" * 38), Decimal("-0." + "0" * 37 + "1"), None]),
    "numeric(38,10)": (pa.decimal128(38, 10), [Decimal("10000.0000000001"), Decimal(-10000), Decimal("1E+27"), None]),
}


@pytest.mark.parametrize("kind", TYPES)
def test_values_of_each_type_arrive_exactly(connection, kind):
    arrow, values = TYPES[kind]
    connection.run(f"CREATE TABLE t (a {kind}, n int)")
    columns = [pa.array(values, arrow), pa.array(range(len(values)), pa.int32())]
    assert len(values) == copy_into(connection, STATEMENT, [pa.record_batch(columns, names=["a", "n"])])
    assert [[value] for value in values] == connection.run("SELECT a FROM t ORDER BY n")


def test_a_uuid_travels_as_its_bytes(connection):
    connection.run("CREATE TABLE t (a uuid)")
    values = [LOW, "12345678-9abc-def0-1234-56789abcdef0", None]
    copy_into(connection, STATEMENT, [pa.record_batch([uuid_bytes(values)], names=["a"])])
    assert [[None if v is None else UUID(v)] for v in values] == connection.run("SELECT a FROM t ORDER BY a")


def test_json_and_jsonb_travel_as_text(connection):
    connection.run("CREATE TABLE t (a jsonb, b json, c bigint)")
    texts = ['{"b": 1, "a": [null, 1.50, "é"]}', "null", '"x"', None]
    batch = pa.record_batch([pa.array(texts), pa.array(texts)], names=["x", "y"])
    made = with_constants(batch, ["x", "y"], [pa.scalar(7, pa.int64())], jsonb=frozenset({"x"}))
    assert 4 == copy_into(connection, STATEMENT, [made])
    expected = [[t, t, 7] for t in ('{"a": [null, 1.50, "é"], "b": 1}', "null", '"x"')]
    expected[0][1] = texts[0]
    assert [*expected, [None, None, 7]] == connection.run("SELECT a::text, b::text, c FROM t")


def test_a_slice_of_a_batch_is_only_the_slice(connection):
    connection.run("CREATE TABLE t (a bigint)")
    copy_into(connection, STATEMENT, [numbers(1, 2, 3, 4).slice(1, 2)])
    assert [[2], [3]] == connection.run("SELECT a FROM t")


@pytest.mark.parametrize("batches", [[], [numbers()], [numbers(), numbers()]])
def test_nothing_to_copy_is_zero_rows(connection, batches):
    connection.run("CREATE TABLE t (a bigint)")
    assert 0 == copy_into(connection, STATEMENT, batches)


def test_empty_batches_between_others_are_harmless(connection):
    connection.run("CREATE TABLE t (a bigint)")
    assert 2 == copy_into(connection, STATEMENT, [numbers(), numbers(1), numbers(), numbers(2), numbers()])


def failing_after(batches, error):
    yield from batches
    raise error


@pytest.mark.parametrize("before", [0, 1, 5, 40], ids="{} batches before".format)
def test_a_source_that_raises_leaves_the_connection_usable(connection, before):
    connection.run("CREATE TABLE t (a bigint)")
    connection.run("BEGIN")
    with pytest.raises(BrokeError, match="here"):
        copy_into(connection, STATEMENT, failing_after([numbers(*range(1000))] * before, BrokeError("here")))
    assert connection.in_transaction
    connection.run("ROLLBACK")
    assert [0] == connection.one("SELECT count(*) FROM t")
    assert 1 == copy_into(connection, STATEMENT, [numbers(1)])


def test_what_the_server_refuses_is_raised_and_the_connection_stays_usable(connection):
    connection.run("CREATE TABLE t (a bigint PRIMARY KEY)")
    with pytest.raises(pg8000.exceptions.DatabaseError, match="23505"):
        copy_into(connection, STATEMENT, [numbers(1), numbers(*range(2, 5000)), numbers(1), numbers(9000)])
    assert 1 == copy_into(connection, STATEMENT, [numbers(1)])


def test_an_unknown_table_is_raised_without_reading_on(connection):
    with pytest.raises(pg8000.exceptions.DatabaseError, match="42P01"):
        copy_into(connection, STATEMENT, (numbers(n) for n in range(1_000_000)))
    assert [1] == connection.one("SELECT 1")


def test_a_batch_of_another_type_is_raised(connection):
    connection.run("CREATE TABLE t (a bigint)")
    with pytest.raises(Exception, match=r".") as raised:
        copy_into(connection, STATEMENT, [numbers(1), pa.record_batch([pa.array(["x"])], names=["a"])])
    assert not isinstance(raised.value, pg8000.exceptions.InterfaceError)
    assert [1] == connection.one("SELECT 1")


class InterruptedConsumer:
    """A connection whose sending is interrupted, as by Ctrl-C, when ``at`` chunks have gone."""

    def __init__(self, connection, at):
        self._connection, self._at = connection, at

    def run(self, statement, stream):
        def cut():
            for i, chunk in enumerate(stream):
                if i == self._at:
                    raise KeyboardInterrupt
                yield chunk

        return self._connection.run(statement, stream=cut())


@pytest.mark.parametrize("at", [0, 1, 5])
def test_an_interrupt_in_mid_copy_ends_the_thread_and_marks_the_connection(database, at):
    with connected(database) as connection:
        connection.run("CREATE TABLE t (a bigint)")
        connection.run("BEGIN")
        endless = iter(lambda: numbers(*range(5000)), None)
        with pytest.raises(KeyboardInterrupt):
            copy_into(InterruptedConsumer(connection, at), STATEMENT, endless)
        assert connection.broken
        assert not connection.in_transaction
    assert "encode" not in [thread.name for thread in threading.enumerate()]
    with connected(database) as connection:
        assert [0] == connection.one("SELECT count(*) FROM t")
