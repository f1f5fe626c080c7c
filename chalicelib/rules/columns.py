"""The columns of rules that are judged when the run publishes: they must be there, in a type that can be judged."""

from collections.abc import Callable, Mapping, Sequence

from chalicelib.core.drift import MissingColumn
from chalicelib.core.errors import InvalidPipeline
from chalicelib.core.pipeline import ForeignKey, Freshness, Mean, Pipeline, Rule, Sum, Unique
from chalicelib.core.plan import TableShape, TargetColumn
from chalicelib.core.table import TableName
from chalicelib.core.types import ColumnType
from chalicelib.relations.names import known

_NUMBERS = frozenset({"bigint", "integer", "smallint", "numeric", "real", "double precision"})
_TEXTS = frozenset({"text", "character varying", "character"})
_MOMENTS = frozenset({"date", "timestamp without time zone", "timestamp with time zone"})


def check_columns(pipeline: Pipeline, columns: Sequence[TargetColumn], missing: Sequence[MissingColumn] = ()) -> None:
    """Check the rules on the run against the columns that it writes, and those that it lets be missing.

    Raises:
        InvalidPipeline: with the place, for an unknown column or one of a type that cannot be judged so.
    """
    types = _types(columns, missing)
    for i, rule in enumerate(pipeline.rules):
        check_rule(rule, types, f"rules[{i}].{rule.check}")


def check_rule(rule: Rule, types: Mapping[str, ColumnType], place: str) -> None:
    """Check one rule on the run against the columns; see ``check_columns``."""
    for at, name in _names(rule, place):
        known([name], list(types), at)
        _suits(rule, name, types[name], at)


def check_references(
    pipeline: Pipeline,
    columns: Sequence[TargetColumn],
    shape_of: Callable[[TableName], TableShape | None],
    missing: Sequence[MissingColumn] = (),
) -> None:
    """Check that the tables of foreign keys are there, with columns that can be compared.

    Raises:
        InvalidPipeline: with the place.
    """
    types = _types(columns, missing)
    for i, rule in enumerate(pipeline.rules):
        if not isinstance(rule, ForeignKey):
            continue
        place, shape = f"rules[{i}].foreign_key", shape_of(rule.table)
        if shape is None:
            told = f"there is no table {rule.table} in the target; create it first, or name another"
            raise InvalidPipeline(f"{place}.table: {told}")
        there = {column.name: column.type for column in shape.columns}
        key = "references" if rule.references else "columns"
        for position, (ours, theirs) in enumerate(zip(rule.columns, rule.referenced, strict=True)):
            at = f"{place}.{key}[{position}]"
            known([theirs], list(there), at)
            if types and not _comparable(str(types[ours]), there[theirs]):
                told = f"{ours} is {types[ours]} and {theirs} of {rule.table} is {there[theirs]}; cast {ours} in a step"
                raise InvalidPipeline(f"{at}: {told}")


def _types(columns: Sequence[TargetColumn], missing: Sequence[MissingColumn]) -> dict[str, ColumnType]:
    return {each.name: each.judged_as for each in missing} | {column.name: column.type for column in columns}


def _names(rule: Rule, place: str) -> list[tuple[str, str]]:
    """The places and names of the columns that a rule on the run looks at."""
    if isinstance(rule, Unique | ForeignKey):
        return [(f"{place}.columns[{position}]", name) for position, name in enumerate(rule.columns)]
    return [(f"{place}.column", rule.column)] if isinstance(rule, Freshness | Sum | Mean) else []


def _suits(rule: Rule, name: str, kind: ColumnType, place: str) -> None:
    if isinstance(rule, Sum | Mean) and kind.base not in _NUMBERS:
        raise InvalidPipeline(f"{place}: {name} is {kind}, no number; name a number, or cast it first")
    if isinstance(rule, Freshness) and kind.base not in _MOMENTS:
        raise InvalidPipeline(f"{place}: {name} is {kind}, no date or timestamp; name one, or cast it first")
    if isinstance(rule, Unique | ForeignKey) and kind.base == "json":
        raise InvalidPipeline(f"{place}: {name} is json, whose values cannot be compared; declare it jsonb")


def _comparable(ours: str, theirs: str) -> bool:
    one, other = ours.partition("(")[0], theirs.partition("(")[0]
    return one == other or any({one, other} <= family for family in (_NUMBERS, _TEXTS, _MOMENTS))
