"""Breaches: rules on single records that need the whole run, or a table, as SQL over the run's staging table."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from chalicelib.core.pipeline import ForeignKey, Unique, rule_keys
from chalicelib.core.plan import LINE, Plan
from chalicelib.core.reject import Reason, Severity
from chalicelib.postgres.identifiers import quote
from chalicelib.targets.postgres.catalogue import relation
from chalicelib.targets.postgres.staging import staging_table, unstaged


@dataclass(frozen=True, slots=True)
class Breach:
    """One way to break a rule: ``places`` is SQL that finds the records (their ``ctid`` in staging) that do.

    ``values`` are bound in it, by their names.
    """

    places: str
    reason: Reason
    values: Mapping[str, object] = field(default_factory=dict)


def breaches(plan: Plan, leaving: Sequence[int] = ()) -> tuple[Breach, ...]:
    """All ways in which a record of the run can break a rule in staging; none where there is no column yet.

    The rows of the objects ``leaving`` are taken away by this publish, so their keys are free.
    """
    return tuple(each for rule, reason in _staged_rules(plan) for each in _breaches(rule, reason, plan, leaving))


def _staged_rules(plan: Plan) -> Iterator[tuple[Unique | ForeignKey, Reason]]:
    """The rules to judge, each with its reason but for the words."""
    for position, (rule, key) in enumerate(zip(plan.pipeline.rules, rule_keys(plan.pipeline.rules), strict=True)):
        if isinstance(rule, Unique | ForeignKey) and plan.columns:
            column = rule.columns[0] if len(rule.columns) == 1 else None
            yield rule, Reason(rule.check, "", column, Severity(rule.severity), f"rules[{position}]", key)


def _breaches(rule: Unique | ForeignKey, reason: Reason, plan: Plan, leaving: Sequence[int]) -> Iterator[Breach]:
    columns = {column.name: column for column in plan.columns}
    if not columns.keys() >= set(rule.columns):  # the contract lets one be missing, and so it is NULL in every record
        yield Breach(_where(["false"], plan), reason)
        return
    match rule:
        case Unique(columns=names):
            keys = [unstaged(columns[name]) for name in names]
            told = f"{' and '.join(names)} {'is' if len(names) == 1 else 'are'}"
            yield Breach(_repeated(keys, plan), _said(reason, f"{told} that of an earlier record of the run"))
            if _adds_rows(plan):
                pairs = zip(keys, names, strict=True)
                leaves = {"leaving": list(leaving), "pipeline": plan.pipeline.name} if leaving else {}
                there = _there(pairs, plan, has_leaving=bool(leaving))
                yield Breach(there, _said(reason, f"{told} in {plan.table} already"), leaves)
        case ForeignKey(columns=names, table=table):
            keys = [unstaged(columns[name]) for name in names]
            same = " AND ".join(f"o.{quote(o)} = {key}" for o, key in zip(rule.referenced, keys, strict=True))
            missing = f"NOT EXISTS (SELECT FROM {relation(table)} AS o WHERE {same})"
            told = f"{' and '.join(names)} {'is' if len(names) == 1 else 'are'} not in {table}"
            listed = ", ".join(rule.referenced)
            yield Breach(_where([*_present(keys), missing], plan), _said(reason, f"{told} ({listed})"))


def _repeated(keys: Sequence[str], plan: Plan) -> str:
    """The records after the first with the same keys; the first by object, record number, and place where made."""
    order = f"s._etl_batch, s.{LINE}, s.ctid"
    number = f"row_number() OVER (PARTITION BY {', '.join(keys)} ORDER BY {order})"
    known = " AND ".join(_present(keys))
    ranked = f"SELECT s.ctid AS place, {number} AS n FROM {staging_table(plan.run_id)} AS s WHERE {known}"
    return f"SELECT place FROM ({ranked}) AS ranked WHERE n > 1"


def _there(pairs: Iterator[tuple[str, str]], plan: Plan, *, has_leaving: bool) -> str:
    same = " AND ".join(f"t.{quote(name)} = {key}" for key, name in pairs)
    if has_leaving:
        ours = "SELECT number FROM etl_target.ledger WHERE pipeline = :pipeline"
        leaves = f"t._etl_object = ANY(cast(:leaving AS int[])) AND t._etl_run IN ({ours})"
        same += f" AND ({leaves}) IS NOT TRUE"
    return _where([f"EXISTS (SELECT FROM {relation(plan.table)} AS t WHERE {same})"], plan)


def _where(conditions: Sequence[str], plan: Plan) -> str:
    return f"SELECT s.ctid AS place FROM {staging_table(plan.run_id)} AS s WHERE {' AND '.join(conditions)}"


def _present(keys: Sequence[str]) -> list[str]:
    return [f"{key} IS NOT NULL" for key in keys]


def _said(reason: Reason, message: str) -> Reason:
    return Reason(reason.rule, message, reason.column, reason.severity, reason.place, reason.name)


def _adds_rows(plan: Plan) -> bool:
    """Whether the run's rows stand beside those that are there; else its keys replace theirs."""
    return plan.pipeline.target.write == "append"
