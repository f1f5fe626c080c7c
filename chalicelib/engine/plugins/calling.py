"""Calling: the records of a gathered table to a plugin and back, a few thousand at a time, in their order."""

from collections.abc import Callable

import duckdb
import pyarrow as pa

from chalicelib.core.errors import PluginFailed
from chalicelib.engine.gather import Called, Gather
from chalicelib.engine.plugins.arrow import arrow_type
from chalicelib.engine.plugins.call import Failed
from chalicelib.engine.stream import BATCH_RECORDS, chunks, plain
from chalicelib.relations.gathered import AT
from chalicelib.relations.relation import BATCH, FATE, PLACE, quoted
from etlplus.plugins import Made

_CHUNK = "_etl_chunk"
#: How a record is named in an error, by its batch's number and its place there.
NameRecord = Callable[[int, int], str]


def call_plugin(connection: duckdb.DuckDBPyConnection, gather: Gather, called: Called, name: NameRecord) -> None:
    """Fill the gather's result: all its records, with what the plugin made of those that are kept.

    Raises:
        PluginFailed: with place, plugin, version and record, if it raises or does not keep what it declares.
        Refused: if it takes more memory or time than the session has.
    """
    columns = [f"{quoted(column)} {kind}" for column, kind in called.columns]
    columns += [f"{FATE} VARCHAR", *(f"{column} BIGINT" for column in gather.hidden)]
    connection.execute(f"CREATE TEMP TABLE {gather.result} ({', '.join(columns)})")
    ((end,),) = connection.execute(f"SELECT coalesce(max(rowid) + 1, 0) FROM {gather.table}").fetchall()
    for first in range(0, end, BATCH_RECORDS):
        here = (
            f"(SELECT *, rowid AS {AT} FROM {gather.table} WHERE rowid BETWEEN {first} AND {first + BATCH_RECORDS - 1})"
        )
        records = _kept(connection, gather, called, here)
        try:
            made = called.call.make(records.select(list(called.call.reads)))
        except Failed as failed:
            told = _told(failed, gather, called, records, name)
        else:
            _put(connection, gather, called, here, _answer(made, called, records.column(AT)))
            continue
        raise PluginFailed(told)  # out here: what the plugin raised may hold what a later step hides


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
    return pa.table({**columns, FATE: pa.array(codes, pa.string()), AT: places})


def _put(connection: duckdb.DuckDBPyConnection, gather: Gather, called: Called, here: str, answer: pa.Table) -> None:
    made = {name: f"m.m{i}" for i, name in enumerate(called.call.adds)}
    listed = [made.get(name, f"g.{quoted(name)}") for name, _ in called.columns]
    listed += [f"coalesce(g.{FATE}, m.{FATE})", *(f"g.{name}" for name in gather.hidden)]
    connection.register(_CHUNK, answer)
    joined = f"{here} AS g LEFT JOIN {_CHUNK} AS m ON m.{AT} = g.{AT} ORDER BY g.{AT}"
    for _ in chunks(connection, f"INSERT INTO {gather.result} SELECT {', '.join(listed)} FROM {joined}"):
        pass
    connection.unregister(_CHUNK)


def _told(failed: Failed, gather: Gather, called: Called, records: pa.RecordBatch, name: NameRecord) -> str:
    """What to say of a failure; its details only if no later step hides a value."""
    where = ""
    if failed.place is not None and gather.hidden:
        batch, place = (records.column(column)[failed.place].as_py() for column in (BATCH, PLACE))
        where = f" on {name(batch, place)}"
    detail = f": {failed.what.detail}" if gather.tells and failed.what.detail else ""
    way_out = "nothing was published; mend the plugin, or pip install another version of its package"
    return f"{gather.place}: the plugin {called.call.pin} {failed.what.words}{where}{detail}; {way_out}"
