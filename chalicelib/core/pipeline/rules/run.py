"""Rules of run scope: some judge single records with the whole run in sight, the others the run as a whole."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, StrictFloat, StrictInt

from chalicelib.core.pipeline.base import ColumnName, ColumnNames, Fault
from chalicelib.core.pipeline.rules.base import MeasuredRule, Number, RunRule, StagedRule, bound_faults
from chalicelib.core.pipeline.target import Table


class Unique(StagedRule):
    """No two records have the same values there, in the run and against the table; NULL passes.

    Of several records of one run the first stays: by object, then by record number.
    """

    check: Literal["unique"] = Field(description="The kind of rule.")
    columns: ColumnNames = Field(description="The columns whose values together occur once.")


class ForeignKey(StagedRule):
    """The values exist in another table of the target; a record with a NULL among them passes."""

    check: Literal["foreign_key"] = Field(description="The kind of rule.")
    columns: ColumnNames = Field(description="The columns whose values together must exist.")
    table: Table = Field(description="The other table, as schema.table; the schema is public if not given.")
    references: ColumnNames | None = Field(
        default=None, description="The other table's columns, in the same order; of the same names if not given."
    )

    def faults(self) -> Iterator[Fault]:
        """As many columns on one side as on the other."""
        if self.references is not None and len(self.references) != len(self.columns):
            cause = f"{len(self.columns)} columns cannot be compared with {len(self.references)}"
            yield Fault(f"{cause}; name as many as in columns", ("references",))

    @property
    def referenced(self) -> tuple[str, ...]:
        """The other table's columns."""
        return self.references or self.columns


class RowCount(RunRule):
    """The run brings a plausible number of records."""

    check: Literal["row_count"] = Field(description="The kind of rule.")
    min: Annotated[StrictInt, Field(ge=0)] | None = Field(default=None, description="The fewest records allowed.")
    max: Annotated[StrictInt, Field(ge=0)] | None = Field(default=None, description="The most records allowed.")

    def faults(self) -> Iterator[Fault]:
        """No bound, or bounds that exclude each other."""
        yield from bound_faults("row_count", self.min, self.max, "run")


class RejectRatio(RunRule):
    """Few enough records are rejected."""

    check: Literal["reject_ratio"] = Field(description="The kind of rule.")
    max: Annotated[StrictFloat, Field(ge=0, le=1)] = Field(
        description="The highest share of rejected records allowed, from 0 to 1."
    )


class Freshness(MeasuredRule):
    """The newest value that the run brings is not too old; a run without a value breaks the rule."""

    check: Literal["freshness"] = Field(description="The kind of rule.")
    column: ColumnName = Field(description="The date or timestamp that is looked at; without a time zone it is UTC.")
    max_age_hours: Annotated[StrictInt | StrictFloat, Field(gt=0, le=1_000_000)] = Field(
        description="The greatest age of the newest value, in hours, when the run publishes."
    )


class Sum(MeasuredRule):
    """The sum of a column over the run lies within bounds; of no values it is 0."""

    check: Literal["sum"] = Field(description="The kind of rule.")
    column: ColumnName = Field(description="The number that is added up; NULL adds nothing.")
    min: Number | None = Field(default=None, description="The least sum allowed.")
    max: Number | None = Field(default=None, description="The greatest sum allowed.")

    def faults(self) -> Iterator[Fault]:
        """No bound, or bounds that exclude each other."""
        yield from bound_faults("sum", self.min, self.max, "run")


class Mean(MeasuredRule):
    """The mean of a column over the run lies within bounds; a run without a value passes."""

    check: Literal["mean"] = Field(description="The kind of rule.")
    column: ColumnName = Field(description="The number whose mean is taken; NULL is left out.")
    min: Number | None = Field(default=None, description="The least mean allowed.")
    max: Number | None = Field(default=None, description="The greatest mean allowed.")

    def faults(self) -> Iterator[Fault]:
        """No bound, or bounds that exclude each other."""
        yield from bound_faults("mean", self.min, self.max, "run")
