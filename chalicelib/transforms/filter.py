"""Filter: let only the records through for which a condition is true."""

from chalicelib.core.pipeline import Filter
from chalicelib.core.reject import Reason
from chalicelib.ports import SqlParser
from chalicelib.relations.expression import expression
from chalicelib.relations.relation import FATE, Column, Relation, failed, quoted

_TRY = "_etl_try_filter"


def compile_filter(step: Filter, relation: Relation, parser: SqlParser, place: str) -> Relation:
    """Filter out the records for which the condition is false or NULL, as WHERE does; rejected ones stay rejects."""
    return apply_filter(expression(step.filter, parser, place), step.filter, relation, parser, place)


def apply_filter(sql: str, shown: str, relation: Relation, parser: SqlParser, place: str) -> Relation:
    """Filter by ``sql``; a record for which it fails is rejected by the rule ``filter``."""
    passes = f"TRY(coalesce(CAST({sql} AS BOOLEAN), false))"  # NULL only where the condition fails
    relation.bind(passes, parser, place)
    level = relation.select([*((c, quoted(c.name)) for c in relation.columns), (Column(_TRY, "BOOLEAN"), passes)])
    first = len(level.causes)
    fate = (
        f"CASE WHEN {FATE} IS NOT NULL THEN {FATE} WHEN {failed(_TRY)} THEN ',{first},'"
        f" WHEN NOT {quoted(_TRY)} THEN 'f{first + 1}' END"
    )
    reasons = (Reason("filter", f"{shown} fails for this record"), Reason("filter", f"not: {shown}"))
    level = level.kept_columns(fate, reasons)
    return level.select([(c, quoted(c.name)) for c in relation.columns])
