"""Measures: what a run comes to in single columns, for the rules that bound it."""

from chalicelib.core.pipeline import Freshness, Mean, MeasuredRule, Sum, rule_keys
from chalicelib.core.plan import Plan
from chalicelib.postgres.connection import Connection
from chalicelib.targets.postgres.staging import unstaged


def measure(connection: Connection, plan: Plan, source: str, where: str) -> dict[str, str | None]:
    """What each measured rule looks at comes to over the rows of ``source`` (SQL) for which ``where`` (SQL) holds.

    A number as text, hours for ``freshness``, None where there is no value; by the rule's key.
    """
    keys = rule_keys(plan.pipeline.rules)
    rules = {key: rule for key, rule in zip(keys, plan.pipeline.rules, strict=True) if isinstance(rule, MeasuredRule)}
    if not rules or not plan.columns:
        return dict.fromkeys(rules)
    missing = {each.name: f"NULL::{each.type}" for each in plan.drift.missing}
    values = missing | {column.name: unstaged(column) for column in plan.columns}
    zoned = frozenset(column.name for column in plan.columns if column.type.has_timezone)
    listed = ", ".join(_measure(rule, values[rule.column], zoned) for rule in rules.values())
    row = connection.one(f"SELECT {listed} FROM {source} AS s WHERE {where}")
    return dict(zip(rules, row or [], strict=True))


def _measure(rule: MeasuredRule, value: str, zoned: frozenset[str]) -> str:
    """The SQL of what one rule measures, as text; ``zoned`` are the columns that say their time zone."""
    match rule:
        case Sum():
            return f"sum({value})::text"
        case Mean():
            return f"avg({value})::text"
        case Freshness(column=name):
            newest = f"max({value}) FILTER (WHERE isfinite({value}))"
            at = newest if name in zoned else f"({newest})::timestamp AT TIME ZONE 'UTC'"
            return f"(extract(epoch FROM now() - ({at})) / 3600)::text"
    raise AssertionError(rule)
