"""Lookup: columns of another table, joined to the records from rows that were pinned when the run was planned.

The pinned rows are text; the views here give them their types, by the very casts that fields get. A record's value is
read as the table's column is, its length and precision aside, so what is equal is what PostgreSQL takes for equal when
it compares the column with that text; a value that is none of the type finds nothing.

A join does not keep the order of the records, and their numbers are their places in it: so they are numbered
before, and sorted after.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import duckdb

from chalicelib.core.lookup import Pinned, TheirColumn
from chalicelib.core.pipeline import Column as Typed
from chalicelib.core.pipeline import Lookup, Pipeline
from chalicelib.core.plan import Field
from chalicelib.core.reject import Reason, Severity
from chalicelib.core.types import ColumnType
from chalicelib.engine.casts import carrier, cast
from chalicelib.engine.fitting import castable
from chalicelib.engine.session import TIMEOUT_S, locked_session, text_literal
from chalicelib.ports import SqlParser
from chalicelib.relations.names import distinct, known
from chalicelib.relations.relation import FATE, Broken, Column, Relation, quoted, value_of

#: What was pinned, and where its rows are on the local disk.
Fetched = tuple[Pinned, Path]
_FOUND, _ORDER = "_etl_found", "_etl_order"
#: A numeric that holds every number which a key could be: it is only compared, as text.
_ANY_NUMBER = ColumnType("numeric", (1000, 500))


@contextmanager
def looking_session(
    lookups: Sequence[Fetched],
    *,
    readable: Sequence[Path] = (),
    spill: Path | None = None,
    timeout_s: float = TIMEOUT_S,
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A locked session, see there, with a view for each lookup."""
    paths = [*readable, *(path for _, path in lookups)]
    with locked_session(readable=paths, spill=spill, timeout_s=timeout_s, keeps_sides=bool(lookups)) as connection:
        for pinned, path in lookups:
            connection.execute(f"CREATE TEMP VIEW {view_of(pinned)} AS {_typed(pinned, path)}")
        yield connection


def view_of(pinned: Pinned) -> str:
    """The view of the pinned rows: ``k0, k1, ...`` as they are compared, none null, and ``v0, v1, ...`` typed."""
    return f"_etl_lookup_{pinned.step}"


def value_sql(column: TheirColumn, text: str) -> str:
    """The SQL of a looked-up value, of ``text``, the SQL of what PostgreSQL writes for it."""
    return cast(Field(column.name, column.type), text)


def assumed(pipeline: Pipeline) -> tuple[Pinned, ...]:
    """What the steps look up if nobody knows the tables: columns of text."""
    text = ColumnType("text")
    return tuple(
        Pinned(
            i,
            step.lookup.table,
            tuple(TheirColumn(name, text) for name in step.lookup.keys.values()),
            tuple(TheirColumn(name, text) for name in step.lookup.taken.values()),
            rows=0,
            key="",
        )
        for i, step in enumerate(pipeline.transforms)
        if isinstance(step, Lookup)
    )


def compile_lookup(step: Lookup, relation: Relation, pinned: Pinned, parser: SqlParser, place: str) -> Relation:
    """Add the columns that the step takes, or replace those of their names; null where no row is found.

    A record without a row stays, or is out by the rule ``lookup``, as the step's ``missing`` says.

    Raises:
        InvalidPipeline: with the place, for an unknown column, or one whose values cannot be compared with the table's.
    """
    asked = step.lookup
    ours = list(known(asked.keys, relation.names, f"{place}.on"))
    columns = {column.name: column for column in relation.columns}
    pairs = [(columns[name], theirs) for name, theirs in zip(ours, pinned.keys, strict=True)]
    for column, theirs in pairs:
        castable(column, Typed(type=_kind_of(theirs.type)), f"{place}.on")
    parser.declare(view_of(pinned), _columns(pinned))
    made = [
        (Column(name, carrier(theirs.type), str(theirs.type)), f"_etl_value_{i}")
        for i, (name, theirs) in enumerate(zip(asked.taken, pinned.columns, strict=True))
    ]
    distinct([*(name for name in relation.names if name not in asked.taken), *asked.taken], place)
    compared = [(f"_etl_key_{i}", _compared(c, t.type), f"{place}.on.{c.name}") for i, (c, t) in enumerate(pairs)]
    level = _joined(relation.compute(compared, parser), relation.columns, made, pinned)
    if asked.missing != "keep":
        level, made = _judged(level, made, ours, step)
    outputs = {c.name: (c, quoted(c.name)) for c in relation.columns}
    outputs |= {column.name: (column, temp) for column, temp in made}
    return level.select(list(outputs.values()))


def _joined(level: Relation, kept: Sequence[Column], made: Sequence[tuple[Column, str]], pinned: Pinned) -> Relation:
    """A level with the columns ``kept``, the values found, and whether a row was; in the order of the records."""
    outputs = [f"input.{quoted(column.name)}" for column in kept]
    outputs += [f"looked.v{i} AS {temp}" for i, (_, temp) in enumerate(made)]
    outputs += [f"looked.{_FOUND}", *(f"input.{name}" for name in (FATE, *level.hidden))]
    numbered = f"(SELECT *, row_number() OVER () AS {_ORDER} FROM {level.source} AS input)"
    same = " AND ".join(f"{value_of(f'_etl_key_{i}')} = looked.k{i}" for i in range(len(pinned.keys)))
    source = (
        f"(SELECT {', '.join(outputs)} FROM {numbered} AS input"
        f" LEFT JOIN {view_of(pinned)} AS looked ON {same} ORDER BY input.{_ORDER})"
    )
    found = [replace(column, name=temp) for column, temp in made]
    return replace(level, source=source, columns=(*kept, *found, Column(_FOUND, "BOOLEAN")))


def _judged(
    level: Relation, made: Sequence[tuple[Column, str]], ours: Sequence[str], step: Lookup
) -> tuple[Relation, list[tuple[Column, str]]]:
    """Reject the records without a row. A null key of one that is out already may only follow from that."""
    severity = Severity.FAIL if step.lookup.missing == "fail" else Severity.REJECT
    told = f"{' and '.join(ours)} {'is' if len(ours) == 1 else 'are'} not in {step.lookup.table}"
    reason = Reason("lookup", f"{told} ({', '.join(step.lookup.keys.values())})", _only(ours), severity)
    null = " OR ".join(f"{quoted(name)} IS NULL" for name in ours)
    code = len(level.causes)
    level = level.reject([Broken(f"{_FOUND} IS NULL AND NOT ({FATE} IS NOT NULL AND ({null}))", reason)])
    return level, [(replace(column, type_cause=code), temp) for column, temp in made]


def _only(names: Sequence[str]) -> str | None:
    return names[0] if len(names) == 1 else None


def _typed(pinned: Pinned, path: Path) -> str:
    """The SELECT of the pinned rows in their types; a row whose key is none of its type is found by nothing."""
    keys = [f"{_compared(Column(f'k{i}', 'VARCHAR'), c.type)} AS k{i}" for i, c in enumerate(pinned.keys)]
    values = [f"{value_sql(c, f'v{i}')} AS v{i}" for i, c in enumerate(pinned.columns)]
    rows = f"SELECT {', '.join([*keys, *values])} FROM read_parquet({text_literal(str(path))})"
    there = " AND ".join(f"k{i} IS NOT NULL" for i in range(len(pinned.keys)))
    return f"SELECT *, true AS {_FOUND} FROM ({rows}) WHERE {there}"


def _columns(pinned: Pinned) -> list[tuple[str, str]]:
    """The columns of the view and their engine types."""
    keys = [(f"k{i}", carrier(_kind_of(column.type))) for i, column in enumerate(pinned.keys)]
    values = [(f"v{i}", carrier(column.type)) for i, column in enumerate(pinned.columns)]
    return [*keys, *values, (_FOUND, "BOOLEAN")]


def _kind_of(column_type: ColumnType) -> ColumnType:
    """The type by which a column is compared: without a length, and a number as such."""
    if column_type.base == "numeric":
        return _ANY_NUMBER
    return ColumnType("text") if carrier(column_type) == "VARCHAR" else column_type


def _compared(column: Column, kind: ColumnType) -> str:
    """The SQL of a column's value as it is compared with values of the type ``kind``; NULL if it is none of them."""
    name = quoted(column.name)
    text = name if column.is_text else f"CAST({name} AS VARCHAR)"
    if kind.base == "numeric":
        return _digits(cast(Field(column.name, _ANY_NUMBER), text))
    wanted = carrier(kind)
    if wanted == "VARCHAR":
        return f"rtrim({text}, ' ')" if kind.base == "character" else text
    if column.is_text:
        return cast(Field(column.name, kind), name)
    value = f"TRY_CAST({name} AS {wanted})"
    return name if column.type == wanted else f"CASE WHEN TRY_CAST({value} AS {column.type}) = {name} THEN {value} END"


def _digits(number: str) -> str:
    """The SQL of the one text that all spellings of a number have, of one without an exponent."""
    whole = f"regexp_extract({number}, '^[-+]?0*([0-9]*)', 1)"
    part = f"rtrim(regexp_extract({number}, '\\.([0-9]*)', 1), '0')"
    minus = f"CASE WHEN starts_with({number}, '-') AND {whole} || {part} <> '' THEN '-' ELSE '' END"
    return f"{minus} || {whole} || '.' || {part}"
