"""Steps that choose, combine or make records; all but ``filter`` see more than one record, or make some."""

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from chalicelib.core.pipeline.base import ColumnName, ColumnNames, Fault, Model, Text
from chalicelib.core.words import quoted


def _values(columns: Mapping[str, str]) -> Mapping[str, str]:
    seen: dict[str, str] = {}
    for column, value in columns.items():
        if value in seen:
            raise ValueError(f"{quoted(seen[value])} and {quoted(column)} both stand for {quoted(value)}; keep one")
        seen[value] = column
    return columns


class Filter(Model):
    """Keep only the records for which a condition holds."""

    step: ClassVar[str] = "filter"
    filter: Text = Field(description="A SQL condition, such as currency is not null.")


class Duplicates(Model):
    """Which records are one, and which of them stays."""

    columns: ColumnNames = Field(description="Records that are equal in these columns are one; null equals null.")
    keep: Literal["first", "last"] = Field(
        default="last", description="Which one stays: the first or the last in order; the others are deduplicated."
    )
    order_by: ColumnNames | None = Field(
        default=None, description="The columns that order them, null first; then, or without it, as they were read."
    )

    def faults(self) -> Iterator[Fault]:
        """A column that both identifies and orders, where all have one value."""
        for position, name in enumerate(self.order_by or ()):
            if name in self.columns:
                cause = f"{quoted(name)} is equal in all records that are one, so it orders nothing"
                yield Fault(f"{cause}; remove it here", ("order_by", position))


class Deduplicate(Model):
    """Let one record of several equal ones stay."""

    step: ClassVar[str] = "deduplicate"
    deduplicate: Duplicates = Field(description="The columns that make records equal, and which one stays.")


class Groups(Model):
    """What becomes of the records of each group."""

    by: ColumnNames | None = Field(
        default=None, description="Records that are equal here become one; without it, all of the run do."
    )
    take: Annotated[Mapping[ColumnName, Text], Field(min_length=1, max_length=1600)] = Field(
        description="New column: SQL of aggregates, such as sum(amount)."
    )

    def faults(self) -> Iterator[Fault]:
        """A new column with the name of one that groups."""
        for name in self.take:
            if name in (self.by or ()):
                yield Fault(f"{quoted(name)} is a column of by, too; choose another name", ("take", name))


class Aggregate(Model):
    """Combine the records of each group into one."""

    step: ClassVar[str] = "aggregate"
    aggregate: Groups = Field(description="What groups the records, and what becomes of each group.")


class Widening(Model):
    """Which values become columns."""

    by: ColumnNames = Field(description="Records that are equal here become one.")
    column: ColumnName = Field(description="The column whose values become columns; another value is a reject.")
    values: Annotated[Mapping[ColumnName, Text], Field(min_length=1, max_length=1600), AfterValidator(_values)] = Field(
        description="New column: the value it stands for."
    )
    take: Text = Field(description="One aggregate that makes a column's value, such as sum(amount); null without one.")

    def faults(self) -> Iterator[Fault]:
        """A column that both groups and becomes columns, or a new column with the name of one that groups."""
        if self.column in self.by:
            yield Fault(f"{quoted(self.column)} becomes columns, it cannot group; remove it from by", ("column",))
        for name in self.values:
            if name in self.by:
                yield Fault(f"{quoted(name)} is a column of by, too; choose another name", ("values", name))


class Pivot(Model):
    """Turn rows into columns: one record for each group, one column for each listed value."""

    step: ClassVar[str] = "pivot"
    pivot: Widening = Field(description="What groups the records, and which values become columns.")


class Narrowing(Model):
    """Which columns become records."""

    columns: ColumnNames = Field(description="The columns, of one type, that become records; all others are repeated.")
    name: ColumnName = Field(description="The new column with the name of the old one.")
    value: ColumnName = Field(description="The new column with its value.")
    nulls: Literal["keep", "drop"] = Field(
        default="keep", description="Whether a null makes a record (keep) or none (drop)."
    )

    def faults(self) -> Iterator[Fault]:
        """One name for both new columns."""
        if self.name == self.value:
            yield Fault(f"name and value are both {quoted(self.name)}; choose two names", ("value",))


class Unpivot(Model):
    """Turn columns into rows: one record for each listed column."""

    step: ClassVar[str] = "unpivot"
    unpivot: Narrowing = Field(description="Which columns become records, and the names of the new columns.")


class Sql(Model):
    """Replace the records by what one SELECT over input returns."""

    step: ClassVar[str] = "sql"
    sql: Text = Field(description="One SELECT statement that reads from input.")
