"""Measures: what a run comes to in single columns, for the rules that bound it."""

from chalicelib.core.pipeline import Freshness, Mean, MeasuredRule, Sum, rule_keys
from chalicelib.core.plan import Plan, TargetColumn
from chalicelib.postgres.connection import Connection
from chalicelib.postgres.identifiers import quote
from chalicelib.targets.postgres.staging import unstaged


def measure(connection: Connection, plan: Plan, source: str, where: str) -> dict[str, str | None]:
    """What each measured rule looks at comes to over the rows of ``source`` (SQL) for which ``where`` (SQL) holds.

    A number as text, hours for ``freshness``, None where there is no value; by the rule's key.
    """
    keys = rule_keys(plan.pipeline.rules)
    rules = {key: rule for key, rule in zip(keys, plan.pipeline.rules, strict=True) if isinstance(rule, MeasuredRule)}
    if not rules or not plan.columns:
        return dict.fromkeys(rules)
    columns = {column.name: column for column in plan.columns}
    listed = ", ".join(_measure(rule, columns) for rule in rules.values())
    row = connection.one(f"SELECT {listed} FROM {source} AS s WHERE {where}")
    return dict(zip(rules, row or [], strict=True))


def _measure(rule: MeasuredRule, columns: dict[str, TargetColumn]) -> str:
    """The SQL of what one rule measures, as text."""
    match rule:
        case Sum(column=name):
            return f"sum({unstaged(columns[name])})::text"
        case Mean(column=name):
            return f"avg({unstaged(columns[name])})::text"
        case Freshness(column=name):
            column = columns[name]
            newest = f"max(s.{quote(name)}) FILTER (WHERE isfinite(s.{quote(name)}))"
            at = newest if column.type.has_timezone else f"({newest})::timestamp AT TIME ZONE 'UTC'"
            return f"(extract(epoch FROM now() - ({at})) / 3600)::text"
    raise AssertionError(rule)
