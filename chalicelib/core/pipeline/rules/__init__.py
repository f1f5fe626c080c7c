"""Rules: what the data must keep.

A record rule judges one record by itself; a staged rule judges one with the whole run in sight; a run rule judges the
run before it publishes. A new rule is one class with its ``check`` word, and one name in ``Rule``.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Annotated

from pydantic import Field

from chalicelib.core.pipeline.base import Fault
from chalicelib.core.pipeline.rules.base import MeasuredRule, RecordRule, RunRule, StagedRule, moment
from chalicelib.core.pipeline.rules.record import DateOrder, Expr, In, Length, NotNull, Range, Regex
from chalicelib.core.pipeline.rules.run import ForeignKey, Freshness, Mean, RejectRatio, RowCount, Sum, Unique
from chalicelib.core.table import TableName

__all__ = [
    "DateOrder", "Expr", "ForeignKey", "Freshness", "In", "Length", "Mean", "MeasuredRule", "NotNull", "Range",
    "RecordRule", "Regex", "RejectRatio", "RowCount", "Rule", "RunRule", "StagedRule", "Sum", "Unique", "moment",
    "own_references", "repeated_rules", "rule_keys",
]  # fmt: skip

Rule = Annotated[
    NotNull
    | In
    | Range
    | Length
    | Regex
    | DateOrder
    | Expr
    | Unique
    | ForeignKey
    | Freshness
    | RowCount
    | RejectRatio
    | Sum
    | Mean,
    Field(discriminator="check"),
]
_KEY_LENGTH = 120


def rule_keys(rules: Sequence[Rule]) -> tuple[str, ...]:
    """What each rule is counted under, in every run: its name, or its word and what it looks at.

    No two rules of a document have one key, and a key does not change when rules are moved: of several that would
    have the same, the later ones get a number, ``range:amount#2``.
    """
    seen: Counter[str] = Counter()
    keys = []
    for rule in rules:
        key = rule.name or f"{rule.check}{_subject(rule)}"
        seen[key] += 1
        keys.append(key if seen[key] == 1 else f"{key}#{seen[key]}")
    return tuple(keys)


def _subject(rule: Rule) -> str:
    """What an unnamed rule looks at, with a colon before it."""
    if isinstance(rule, Expr):
        return ":" + " ".join(rule.sql.split())[:_KEY_LENGTH]
    if isinstance(rule, NotNull | DateOrder | Unique | ForeignKey):
        return ":" + ",".join(rule.columns)
    return f":{rule.column}" if not isinstance(rule, RowCount | RejectRatio) else ""


def repeated_rules(rules: Sequence[Rule]) -> Iterator[Fault]:
    """Totals that are judged more than once (which one would decide?), and names that are given twice."""
    seen: set[str] = set()
    for position, rule in enumerate(rules):
        if isinstance(rule, RowCount | RejectRatio):
            if rule.check in seen:
                yield Fault(f"a second {rule.check} rule; keep one", ("rules", position))
            seen.add(rule.check)
    names: dict[str, int] = {}
    for position, rule in enumerate(rules):
        if rule.name is not None and names.setdefault(rule.name, position) != position:
            yield Fault(f"the name {rule.name} is that of rules[{names[rule.name]}]; choose another", (
                "rules", position, "name",
            ))  # fmt: skip


def own_references(rules: Sequence[Rule], table: TableName) -> Iterator[Fault]:
    """A foreign key of the target on itself: whether a record's parent is there would depend on the order of runs."""
    for position, rule in enumerate(rules):
        if isinstance(rule, ForeignKey) and rule.table == table:
            yield Fault(f"{table} is the target itself; name another table, or remove the rule", (
                "rules", position, "table",
            ))  # fmt: skip
