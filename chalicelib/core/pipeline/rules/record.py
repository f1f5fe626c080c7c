"""Rules of record scope: each judges one record by its own columns. NULL passes all of them but ``not_null``."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, StrictBool

from chalicelib.core.pipeline.base import ColumnName, ColumnNames, Fault, Text
from chalicelib.core.pipeline.rules.base import Bound, Characters, RecordRule, Value, bound_faults


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


class Range(RecordRule):
    """A number, date or timestamp lies within bounds; NULL passes."""

    check: Literal["range"] = Field(description="The kind of rule.")
    column: ColumnName = Field(description="The column that is looked at.")
    min: Bound | None = Field(default=None, description="The least value allowed: a number, date or timestamp.")
    max: Bound | None = Field(default=None, description="The greatest value allowed: a number, date or timestamp.")
    exclusive: StrictBool = Field(default=False, description="Whether the bounds themselves are not allowed.")

    def faults(self) -> Iterator[Fault]:
        """No bound, bounds of two kinds, or bounds that exclude each other."""
        yield from bound_faults("range", self.min, self.max, "value")
        if self.exclusive and self.min is not None and self.min == self.max:
            yield Fault(f"nothing lies between {self.min} and itself; remove exclusive", ("exclusive",))


class Length(RecordRule):
    """A text has a number of characters within bounds; NULL passes."""

    check: Literal["length"] = Field(description="The kind of rule.")
    column: ColumnName = Field(description="The column that is looked at.")
    min: Characters | None = Field(default=None, description="The fewest characters allowed.")
    max: Characters | None = Field(default=None, description="The most characters allowed.")

    def faults(self) -> Iterator[Fault]:
        """No bound, or bounds that exclude each other."""
        yield from bound_faults("length", self.min, self.max, "text")


class Regex(RecordRule):
    """A text matches a regular expression; NULL passes."""

    check: Literal["regex"] = Field(description="The kind of rule.")
    column: ColumnName = Field(description="The column that is looked at.")
    pattern: Text = Field(description="The regular expression, in RE2's syntax, such as ^[A-Z]{2}[0-9]+$.")
    full: StrictBool = Field(default=False, description="Whether the whole text must match, not a part of it.")


class DateOrder(RecordRule):
    """One date or timestamp is not after another; NULL passes."""

    check: Literal["date_order"] = Field(description="The kind of rule.")
    columns: ColumnNames = Field(description="Two columns: the start, and the end that is not before it.")

    def faults(self) -> Iterator[Fault]:
        """Other than two columns."""
        if len(self.columns) != 2:
            yield Fault(f"date_order compares two columns, not {len(self.columns)}; write [start, end]", ("columns",))
