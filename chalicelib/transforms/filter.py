"""Filter: let only the records through for which a condition is true."""

from chalicelib.core.pipeline import Filter
from chalicelib.core.reject import Reason
from chalicelib.ports import SqlParser
from chalicelib.relations.expression import Expression, check_condition, computed_expression
from chalicelib.relations.numbers import fitting
from chalicelib.relations.relation import FATE, Column, Relation, failed, quoted

_TRY = "_etl_try_filter"


def compile_filter(step: Filter, relation: Relation, parser: SqlParser, place: str) -> Relation:
    """Filter out the records for which the condition is false or NULL, as WHERE does; rejected ones stay rejects."""
    condition = computed_expression(step.filter, relation, parser, place)
    return apply_filter(condition, step.filter, relation, parser, place)


def apply_filter(condition: Expression, shown: str, relation: Relation, parser: SqlParser, place: str) -> Relation:
    """Filter by a condition; a record for which it fails is rejected by the rule ``filter``."""
    check_condition(condition, shown, relation, parser, place)
    relation = fitting(relation, condition.wide, "filter")
    passes = f"TRY(coalesce(CAST({condition.sql} AS BOOLEAN), false))"  # NULL only where the condition fails
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
