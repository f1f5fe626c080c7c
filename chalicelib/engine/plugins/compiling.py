"""Compiling: the place of a plugin among the steps. Its records stand in a table, a ``Gather``, and stay themselves."""

from dataclasses import replace

from chalicelib.core.errors import InvalidPipeline
from chalicelib.core.pipeline import Plugin
from chalicelib.core.reject import Reason
from chalicelib.core.types import ColumnType
from chalicelib.engine.casts import carrier, made_type
from chalicelib.engine.gather import Called, Gather, filling
from chalicelib.engine.plugins.call import Call
from chalicelib.engine.plugins.installed import plugin_named
from chalicelib.ports import SqlParser
from chalicelib.relations.gathered import Effect
from chalicelib.relations.names import distinct, known
from chalicelib.relations.relation import FATE, ORIGIN, Column, Relation


def compile_plugin(
    step: Plugin, relation: Relation, parser: SqlParser, place: str, number: int
) -> tuple[Relation, Gather]:
    """The gather number ``number`` of a program that calls the step's plugin, and the relation of what it leaves.

    Raises:
        InvalidPipeline: with the place, if it is not installed, or does not go with its options or the columns.
        PluginFailed: if it does not load, or declares what it cannot.
    """
    call = Call.of(plugin_named(step.plugin.name, f"{place}.name"), step.plugin.options, place)
    known(call.reads, relation.names, place)
    for column in relation.columns:
        if column.name in call.reads:
            _check_type(column, call.reads[column.name], call, place)
    made = {name: Column(name, carrier(kind), _fits(kind)) for name, kind in call.adds.items()}
    columns = (
        *(made.get(column.name, column) for column in relation.columns),
        *(column for name, column in made.items() if name not in relation.names),
    )
    distinct([column.name for column in columns], place)
    hidden, table, result = relation.hidden if number else ORIGIN, f"_etl_gathered_{number}", f"_etl_made_{number}"
    first, key = len(relation.causes), f"plugin:{call.pin.name}"
    causes = tuple(Reason("plugin", f"{call.pin.name}: {reason}", name=key) for reason in call.reasons)
    typed = tuple((column.name, column.type) for column in columns)
    parser.declare(result, [*typed, (FATE, "VARCHAR"), *((name, "BIGINT") for name in hidden)])
    gather = Gather(
        place=place,
        table=table,
        columns=tuple((column.name, column.type) for column in relation.columns),
        hidden=hidden,
        select=filling(relation),
        query="",
        result=result,
        effect=Effect.MARKS,
        called=Called(call, typed, first),
    )
    left = replace(relation, source=result, columns=columns, causes=(*relation.causes, *causes), hidden=hidden)
    return left, gather


def _check_type(column: Column, wanted: ColumnType, call: Call, place: str) -> None:
    """See that a column is what the plugin reads; it is never cast on the way."""
    is_any = wanted == ColumnType("numeric")  # a numeric of any length is carried as text
    if column.type.startswith("DECIMAL") if is_any else column.type == carrier(wanted):
        return
    is_there = "text" if column.is_text else str(made_type(column.type))
    digits = "numeric(12,2)" if is_any else wanted
    cause = f"{call.pin.name} reads {column.name} as {wanted}, but {column.name} is {is_there}, no {wanted}"
    raise InvalidPipeline(f"{place}: {cause}; put cast: {{{column.name}: {digits}}} before this step")


def _fits(kind: ColumnType) -> str | None:
    return "text" if kind.base == "text" else None
