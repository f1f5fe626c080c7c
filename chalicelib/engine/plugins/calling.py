"""Calling: the records of a gathered table to a plugin and back, a few thousand at a time, in their order."""

from collections.abc import Callable

import duckdb
import pyarrow as pa

from chalicelib.core.errors import BrokenLaw, PluginFailed
from chalicelib.engine.gather import Called, Gather
from chalicelib.engine.plugins.arrow import arrow_type
from chalicelib.engine.plugins.call import Failed
from chalicelib.engine.stream import BATCH_RECORDS, chunks, plain
from chalicelib.relations.gathered import AT
from chalicelib.relations.relation import BATCH, FATE, PLACE, quoted
from etlplus.plugins import Made

_CHUNK, _ANSWERS = "_etl_chunk", "_etl_answers"
#: How a record is named in an error, by its batch's number and its place there.
NameRecord = Callable[[int, int], str]


def call_plugin(connection: duckdb.DuckDBPyConnection, gather: Gather, called: Called, name: NameRecord) -> None:
    """Fill the gather's result: all its records, with what the plugin made of those that are kept.

    Raises:
        PluginFailed: with place, plugin, version and record, if it raises or does not keep what it declares.
        Refused: if it takes more memory or time than the session has.
    """
    kinds = dict(called.columns)
    made = [f"m{i} {kinds[column]}" for i, column in enumerate(called.call.adds)]
    listed = ", ".join([f"{AT} BIGINT", *made, f"{FATE} VARCHAR"])
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {_ANSWERS} ({listed})")
    ((end,),) = connection.execute(f"SELECT coalesce(max(rowid) + 1, 0) FROM {gather.table}").fetchall()
    for first in range(0, end, BATCH_RECORDS):
        some = f"rowid BETWEEN {first} AND {first + BATCH_RECORDS - 1}"
        here = f"(SELECT *, rowid AS {AT} FROM {gather.table} WHERE {some})"
        records = _kept(connection, gather, called, here)
        _note(connection, here, _answer(_made(gather, called, records, name), called, records.column(AT)))
    _join(connection, gather, called)


def _made(gather: Gather, called: Called, records: pa.RecordBatch, name: NameRecord) -> Made:
    try:
        return called.call.make(records.select(list(called.call.reads)))
    except Failed as failed:
        told = _told(failed, gather, called, records, name)
    raise PluginFailed(told)


def _kept(connection: duckdb.DuckDBPyConnection, gather: Gather, called: Called, here: str) -> pa.RecordBatch:
    """The kept records of a part: what the plugin reads, then their origin and place in the table."""
    names = [*called.call.reads, *gather.hidden, AT]
    listed = ", ".join(map(quoted, names))
    parts = list(chunks(connection, f"SELECT {listed} FROM {here} WHERE {FATE} IS NULL ORDER BY {AT}"))
    kinds = [arrow_type(kind) for kind in called.call.reads.values()]
    columns = []
    for i, name in enumerate(names):
        found = [plain(part.column(i)) for part in parts]
        wanted = kinds[i] if i < len(kinds) else pa.int64()
        columns.append(_one(found, wanted or _digits(gather, name)))
    return pa.record_batch(columns, names=names)


def _one(parts: list[pa.Array], wanted: pa.DataType) -> pa.Array:
    return pa.concat_arrays([part.cast(wanted) for part in parts]) if parts else pa.array([], wanted)


def _digits(gather: Gather, name: str) -> pa.DataType:
    """The type of a numeric column with the digits that it has in the table."""
    kind = dict(gather.columns)[name]
    precision, scale = kind.removeprefix("DECIMAL(").removesuffix(")").split(",")
    return pa.decimal128(int(precision), int(scale))


def _answer(made: Made, called: Called, places: pa.Array) -> pa.Table:
    """What the plugin made as a table: its columns by position, the fates of those it rejects, their place."""
    codes: list[str | None] = [None] * len(places)
    for place, reason in made.rejected.items():
        codes[place] = f",{called.first_cause + called.call.reasons.index(reason)},"
    columns = {f"m{i}": made.columns[name] for i, name in enumerate(called.call.adds)}
    return pa.table({AT: places, **columns, FATE: pa.array(codes, pa.string())})


def _note(connection: duckdb.DuckDBPyConnection, here: str, answer: pa.Table) -> None:
    """Put an answer behind the others, with nothing for the records that are out."""
    connection.register(_CHUNK, answer)
    listed = ", ".join(f"m.{name}" for name in answer.column_names if name != AT)
    asked = f"SELECT g.{AT}, {listed} FROM {here} AS g LEFT JOIN {_CHUNK} AS m ON m.{AT} = g.{AT} ORDER BY g.{AT}"
    _run(connection, f"INSERT INTO {_ANSWERS} {asked}")
    connection.unregister(_CHUNK)


def _join(connection: duckdb.DuckDBPyConnection, gather: Gather, called: Called) -> None:
    """Bring the records and the answers together, row by row: a copy in order, without a sort of whole records."""
    beside = f"{gather.table} AS g POSITIONAL JOIN {_ANSWERS} AS m"
    apart = f"SELECT count(*) FROM {beside} WHERE g.rowid IS DISTINCT FROM m.{AT}"
    if any(chunk.column(0)[0].as_py() for chunk in chunks(connection, apart)):
        raise BrokenLaw(f"{gather.place}: the plugin's answers do not stand beside their records")
    made = {name: f"m.m{i}" for i, name in enumerate(called.call.adds)}
    listed = [f"{made.get(name, f'g.{quoted(name)}')} AS {quoted(name)}" for name, _ in called.columns]
    listed += [f"coalesce(g.{FATE}, m.{FATE}) AS {FATE}", *(f"g.{name} AS {name}" for name in gather.hidden)]
    _run(connection, f"CREATE TEMP TABLE {gather.result} AS SELECT {', '.join(listed)} FROM {beside}")
    connection.execute(f"DROP TABLE {_ANSWERS}")


def _run(connection: duckdb.DuckDBPyConnection, statement: str) -> None:
    for _ in chunks(connection, statement):
        pass


def _told(failed: Failed, gather: Gather, called: Called, records: pa.RecordBatch, name: NameRecord) -> str:
    """What to say of a failure; its details only if no later step hides a value."""
    where = ""
    if failed.place is not None and gather.hidden:
        batch, place = (records.column(column)[failed.place].as_py() for column in (BATCH, PLACE))
        where = f" on {name(batch, place)}"
    detail = f": {failed.what.detail}" if gather.tells and failed.what.detail else ""
    way_out = "nothing was published; mend the plugin, or pip install another version of its package"
    return f"{gather.place}: the plugin {called.call.pin} {failed.what.words}{where}{detail}; {way_out}"
