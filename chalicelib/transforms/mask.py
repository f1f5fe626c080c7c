"""Mask: hide what text columns hold."""

from chalicelib.core.errors import InvalidPipeline
from chalicelib.core.pipeline import Mask
from chalicelib.ports import SqlParser
from chalicelib.relations.names import known
from chalicelib.relations.relation import Column, Relation, quoted


def compile_mask(step: Mask, relation: Relation, parser: SqlParser, place: str) -> Relation:
    """Mask each column in its way; null stays null. Only text can be shown in part, anything can be cleared.

    Raises:
        InvalidPipeline: with the place, for an unknown column, or one that is no text and not cleared.
    """
    del parser
    known(step.mask, relation.names, place)
    return relation.select(
        [
            _masked(c, step.mask[c.name], f"{place}.{c.name}") if c.name in step.mask else (c, quoted(c.name))
            for c in relation.columns
        ],
    )


def _masked(column: Column, way: str, place: str) -> tuple[Column, str]:
    name = quoted(column.name)
    if way == "clear":
        return column, f"CAST(NULL AS {column.type})"
    if not column.is_text:
        cause = f"{column.name} is {column.type.lower()}, only text can be masked so"
        raise InvalidPipeline(f"{place}: {cause}; write clear, or cast it to text before")
    hidden = Column(column.name, "VARCHAR", "text", column.type_cause)
    if way == "redact":
        return hidden, f"CASE WHEN {name} IS NOT NULL THEN '***' END"
    what, size = way.split(" ")
    stars = f"repeat('*', length({name}) - {size})"
    shown = (
        f"concat({stars}, right({name}, {size}))" if what == "keep_last" else f"concat(left({name}, {size}), {stars})"
    )
    whole = f"repeat('*', length({name}))"
    return hidden, f"CASE WHEN length({name}) <= {size} THEN {whole} WHEN {name} IS NOT NULL THEN {shown} END"
