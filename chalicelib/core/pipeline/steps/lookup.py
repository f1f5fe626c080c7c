"""The step ``lookup``: columns of another table, found by a key. Its scope is the record."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag

from chalicelib.core.pipeline.base import ColumnName, ColumnNames, Fault, Model
from chalicelib.core.pipeline.target import Table
from chalicelib.core.table import TableName
from chalicelib.core.words import quoted


def _form(value: object) -> str:
    return "a list" if isinstance(value, list | tuple) else "a mapping"


def _pairs(names: Mapping[str, str] | Sequence[str]) -> Mapping[str, str]:
    return names if isinstance(names, Mapping) else {name: name for name in names}


def _sorted_pairs(names: Mapping[str, str] | Sequence[str]) -> Mapping[str, str]:
    return dict(sorted(_pairs(names).items()))  # all keys must be equal, so their order means nothing


_Some = Annotated[Mapping[ColumnName, ColumnName], Field(min_length=1, max_length=1600), Tag("a mapping")]
_Named = Annotated[_Some | Annotated[ColumnNames, Tag("a list")], Discriminator(_form)]


class Found(Model):
    """Which row of another table belongs to a record, and what is taken of it."""

    table: Table = Field(
        description="The other table, or a view, of the target's database, as schema.table; the schema is public if"
        " not given."
    )
    on: Annotated[_Named, AfterValidator(_sorted_pairs)] = Field(
        description="Column here: column of the table; or a list where both have one name. One row at most may have"
        " the same values there; null finds none."
    )
    columns: Annotated[_Named, AfterValidator(_pairs)] = Field(
        description="New column: column of the table; or a list where both have one name. A column of that name that"
        " is there is replaced."
    )
    missing: Literal["keep", "reject", "fail"] = Field(
        default="keep",
        description="What becomes of a record without a row: it stays and the new columns are null (keep), it is a"
        " reject, or the whole run is held (fail).",
    )

    @property
    def keys(self) -> Mapping[str, str]:
        """The column of the table that each column of the record is compared with."""
        return _pairs(self.on)

    @property
    def taken(self) -> Mapping[str, str]:
        """The column of the table that each new column holds."""
        return _pairs(self.columns)

    def faults(self) -> Iterator[Fault]:
        """A column of the table that two columns would have to equal."""
        seen: dict[str, str] = {}
        for ours, theirs in self.keys.items():
            if theirs in seen:
                cause = f"{quoted(seen[theirs])} and {quoted(ours)} are both compared with {quoted(theirs)}"
                yield Fault(f"{cause}; keep one", ("on", ours))
            seen.setdefault(theirs, ours)


class Lookup(Model):
    """Add columns of another table of the target's database, as it is when the run is planned."""

    step: ClassVar[str] = "lookup"
    lookup: Found = Field(description="The table, the columns that are compared, and those that are added.")


def own_lookups(steps: Sequence[object], table: TableName) -> Iterator[Fault]:
    """A lookup in the target itself: what it finds would depend on the order of runs, so a replay would differ."""
    for position, step in enumerate(steps):
        if isinstance(step, Lookup) and step.lookup.table == table:
            yield Fault(f"{table} is the target itself; look up another table", (
                "transforms", position, "lookup", "table",
            ))  # fmt: skip
