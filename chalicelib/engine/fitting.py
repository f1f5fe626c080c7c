"""Fitting: columns into the types that a target, or a ``cast`` step, wants; strictly, as fields are read."""

from collections.abc import Mapping
from dataclasses import replace

from chalicelib.core.errors import InvalidPipeline
from chalicelib.core.pipeline import Cast
from chalicelib.core.pipeline import Column as Typed
from chalicelib.core.plan import Field
from chalicelib.core.reject import Reason
from chalicelib.engine.casts import carrier, cast
from chalicelib.ports import SqlParser
from chalicelib.relations.names import known
from chalicelib.relations.relation import NUMBER, NUMBERS, Broken, Column, Relation, failed, quoted, value_of
from chalicelib.rules.record import missing

_TEXTS = frozenset({"text", "character varying", "character", "json"})


def fit(
    relation: Relation,
    wanted: Mapping[str, Field],
    parser: SqlParser,
    *,
    place: str,
    told: str,
    strict: bool = False,
) -> Relation:
    """Bring the columns that are ``wanted`` into their types; a value that does not fit rejects its record.

    A fraction does not fit a whole number, nor more digits a scale, nor a time of day a date. Only what a step computed
    is rounded or cut, as PostgreSQL does on assignment; if ``strict``, it is not, either.

    ``place`` and a column's name are where an error lies, ``told`` is a reject's message, of ``{name}`` and ``{type}``.
    The columns themselves stay what they are called: only their values change.
    """
    pairs = [
        (c, _conversion(c, wanted[c.name], strict=strict or c.fits is not None))
        for c in relation.columns
        if c.name in wanted
    ]
    loose = {c.name: (f"_etl_try_{i}", sql) for i, (c, sql) in enumerate(pairs) if sql is not None}
    if not loose:
        return relation
    level = relation.compute([(temp, sql, f"{place}{name}") for name, (temp, sql) in loose.items()], parser)
    level = level.reject(
        [
            Broken(
                f"{failed(temp)} OR ({value_of(temp)} IS NULL AND {quoted(name)} IS NOT NULL)",
                Reason("type", told.format(name=name, type=wanted[name].type), name),
            )
            for name, (temp, _) in loose.items()
        ],
    )
    return level.select(
        [(c, value_of(loose[c.name][0]) if c.name in loose else quoted(c.name)) for c in relation.columns],
    )


def compile_cast(step: Cast, relation: Relation, parser: SqlParser, place: str) -> Relation:
    """Cast columns; a value that does not fit rejects its record by the rule ``type``, a required null by ``not_null``.

    Raises:
        InvalidPipeline: with the place, for an unknown column or a type that no value of the column's has.
    """
    known(step.cast, relation.names, place)
    for column in relation.columns:
        if column.name in step.cast:
            castable(column, step.cast[column.name], place)
    wanted = {name: Field(name, c.type, c.required, c.format, c.timezone) for name, c in step.cast.items()}
    first = len(relation.causes)
    level = fit(relation, wanted, parser, place=f"{place}.", told="{name} is no {type}", strict=True)
    codes = {cause.column: first + i for i, cause in enumerate(level.causes[first:])}
    columns = [_typed(c, wanted[c.name], codes.get(c.name)) if c.name in wanted else c for c in level.columns]
    level = replace(level, columns=tuple(columns))
    return level.reject(
        [Broken(missing(f.name, level), Reason("not_null", f"{f.name} is null", f.name))
         for f in wanted.values() if f.required],
    )  # fmt: skip


def castable(column: Column, to: Typed, place: str) -> None:
    """Check that some value could be cast: text to anything and anything to text, else within a kind.

    Raises:
        InvalidPipeline: with ``place`` and the column's name, if none could.
    """
    kinds = {_kind(column.type), _kind(carrier(to.type))}
    if len(kinds) > 1 and "text" not in kinds and to.format is None:
        cause = f"no value of {column.type.lower()} is a {to.type}"
        raise InvalidPipeline(f"{place}.{column.name}: {cause}; compute it in a derive step, or cast it to text first")


def _kind(engine_type: str) -> str:
    if engine_type in NUMBERS or engine_type.startswith("DECIMAL"):
        return "number"
    if engine_type.startswith(("TIMESTAMP", "DATE")):
        return "moment"
    return engine_type if engine_type in {"BOOLEAN", "TIME", "UUID"} else "text"


def _typed(column: Column, field: Field, cause: int | None) -> Column:
    """The column in its new type; what its text did not fit before is still its cause if this cast adds none."""
    return Column(column.name, carrier(field.type), str(field.type), column.type_cause if cause is None else cause)


def _conversion(column: Column, wanted: Field, *, strict: bool) -> str | None:
    """The SQL that makes a column's values fit, or None where they do."""
    if column.fits == str(wanted.type) and wanted.format is None:
        return None
    kind, name = carrier(wanted.type), quoted(column.name)
    if kind != "VARCHAR" and not column.is_text and wanted.format is None:
        value = f"TRY_CAST({name} AS {kind})"
        if strict and _cuts(column, kind):
            return f"CASE WHEN {value} = {name} THEN {value} END"
        return None if column.type == kind else value
    text = name if column.is_text else f"CAST({name} AS VARCHAR)"
    if column.type == NUMBER:
        text = f"rtrim(rtrim({text}, '0'), '.')"  # it always has a point
    checked = cast(wanted, text)
    if column.is_text and column.fits is None and wanted.type.base in _TEXTS:  # made by SQL: chr(0) is no text there
        return f"CASE WHEN NOT contains({name}, chr(0)) THEN {checked} END"
    return None if checked == name else checked


def _cuts(column: Column, kind: str) -> bool:
    """Whether the engine's cast drops what the other type does not hold; to and from floats it only approximates."""
    if kind == "DATE":
        return column.type.startswith("TIMESTAMP")
    if kind.startswith("DECIMAL"):
        return column.type.startswith("DECIMAL") and column.type != kind
    return column.is_number and column.type != kind and kind in NUMBERS - {"FLOAT", "DOUBLE"}
