"""Rules: what the data must keep.

A record rule judges one record; a run rule judges the run before it publishes.
A new rule is one class with its ``check`` word, and one name in ``Rule``.
"""

from collections.abc import Iterator, Sequence
from math import isfinite
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StrictBool, StrictFloat, StrictInt, StrictStr
from pydantic_core import PydanticCustomError

from chalicelib.core.pipeline.base import ColumnName, ColumnNames, Fault, Model, Text

Severity = Literal["warn", "reject", "fail"]
RunSeverity = Literal["warn", "fail"]


def _scalar(value: object) -> object:
    if not isinstance(value, str | int | float):
        raise PydanticCustomError("scalar_type", "a value is text, a number, true or false")
    if isinstance(value, float) and not isfinite(value):
        raise PydanticCustomError("finite_number", "a value is a finite number")
    return value


Value = Annotated[StrictStr | StrictBool | StrictInt | StrictFloat, BeforeValidator(_scalar)]


class RecordRule(Model):
    """A rule on each record by itself."""

    severity: Severity = Field(
        default="reject", description="What a broken rule does: warn, reject the record, or fail the run."
    )


class RunRule(Model):
    """A rule on the run as a whole."""

    severity: RunSeverity = Field(default="fail", description="What a broken rule does: warn, or fail the run.")


class NotNull(RecordRule):
    """Some columns always have a value."""

    check: Literal["not_null"] = Field(description="The kind of rule.")
    columns: ColumnNames = Field(description="The columns that must have a value.")


class In(RecordRule):
    """A column has one of some values; NULL passes."""

    check: Literal["in"] = Field(description="The kind of rule.")
    column: ColumnName = Field(description="The column that is looked at.")
    values: Annotated[tuple[Value, ...], Field(min_length=1, max_length=10_000)] = Field(
        description="The values that are allowed."
    )


class Expr(RecordRule):
    """A SQL condition holds; NULL passes."""

    check: Literal["expr"] = Field(description="The kind of rule.")
    sql: Text = Field(description="A SQL condition, such as amount >= 0.")
    message: Text | None = Field(default=None, description="What a reject says; the condition itself if not given.")


class RowCount(RunRule):
    """The run brings a plausible number of records."""

    check: Literal["row_count"] = Field(description="The kind of rule.")
    min: Annotated[StrictInt, Field(ge=0)] | None = Field(default=None, description="The fewest records allowed.")
    max: Annotated[StrictInt, Field(ge=0)] | None = Field(default=None, description="The most records allowed.")

    def faults(self) -> Iterator[Fault]:
        """No bound, or bounds that exclude each other."""
        if self.min is None and self.max is None:
            yield Fault("row_count has neither min nor max; give at least one")
        elif self.min is not None and self.max is not None and self.min > self.max:
            yield Fault(f"min {self.min} is above max {self.max}; no run can pass, swap them", ("min",))


class RejectRatio(RunRule):
    """Few enough records are rejected."""

    check: Literal["reject_ratio"] = Field(description="The kind of rule.")
    max: Annotated[StrictFloat, Field(ge=0, le=1)] = Field(
        description="The highest share of rejected records allowed, from 0 to 1."
    )


Rule = Annotated[NotNull | In | Expr | RowCount | RejectRatio, Field(discriminator="check")]


def repeated_rules(rules: Sequence[Rule]) -> Iterator[Fault]:
    """Run rules that are given more than once: which one would decide?"""
    seen: set[str] = set()
    for position, rule in enumerate(rules):
        if isinstance(rule, RunRule):
            if rule.check in seen:
                yield Fault(f"a second {rule.check} rule; keep one", ("rules", position))
            seen.add(rule.check)
