"""Steps: what the transform stage does to records, in order.

In the document a step is a mapping with one key, the step's word. A new step is one class whose one field is
that word, and one name in ``Step``.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag

from chalicelib.core.pipeline.base import ColumnName, ColumnNames, Fault, Model, Text
from chalicelib.core.words import quoted


def _sorted(names: Mapping[str, str]) -> Mapping[str, str]:
    return dict(sorted(names.items()))  # renames of one step happen at once, so their order means nothing


def _all_or_some(value: object) -> str:
    return "all" if isinstance(value, str) else "some"


class Trim(Model):
    """Remove white space around text."""

    step: ClassVar[str] = "trim"
    trim: Annotated[
        Annotated[Literal["*"], Tag("all")] | Annotated[ColumnNames, Tag("some")], Discriminator(_all_or_some)
    ] = Field(description='The columns to trim, or "*" for all text columns.')


class Rename(Model):
    """Give columns other names, all at once."""

    step: ClassVar[str] = "rename"
    rename: Annotated[
        Mapping[ColumnName, ColumnName], Field(min_length=1, max_length=1600), AfterValidator(_sorted)
    ] = Field(description="Old name: new name.")

    def faults(self) -> Iterator[Fault]:
        """Two columns with one new name, or a column that keeps its name."""
        taken: dict[str, str] = {}
        for old, new in self.rename.items():
            if old == new:
                yield Fault(f"{quoted(old)} is renamed to itself; remove it", ("rename", old))
            elif new in taken:
                cause = f"{quoted(taken[new])} and {quoted(old)} are both renamed to {quoted(new)}"
                yield Fault(f"{cause}; choose two names", ("rename", old))
            taken.setdefault(new, old)


class Derive(Model):
    """Add columns computed by SQL expressions."""

    step: ClassVar[str] = "derive"
    derive: Annotated[Mapping[ColumnName, Text], Field(min_length=1, max_length=1600)] = Field(
        description="New column: SQL expression."
    )


class Filter(Model):
    """Keep only the records for which a condition holds."""

    step: ClassVar[str] = "filter"
    filter: Text = Field(description="A SQL condition, such as currency is not null.")


class Sql(Model):
    """Replace the records by what one SELECT over input returns."""

    step: ClassVar[str] = "sql"
    sql: Text = Field(description="One SELECT statement that reads from input.")


def step_word(value: object) -> str | None:
    """The word of a step as written or as a model; None if it is not a mapping with one key."""
    if isinstance(value, Mapping) and len(value) == 1:
        return str(next(iter(value)))
    return getattr(value, "step", None)


Step = Annotated[
    Annotated[Trim, Tag("trim")]
    | Annotated[Rename, Tag("rename")]
    | Annotated[Derive, Tag("derive")]
    | Annotated[Filter, Tag("filter")]
    | Annotated[Sql, Tag("sql")],
    Discriminator(step_word),
]


def rename_faults(columns: Mapping[str, object], steps: Sequence[Step]) -> Iterator[Fault]:
    """Follow the columns' names through the steps: a name that is gone, or taken, cannot be used by a rename.

    After a ``sql`` step the names are not known, so following starts anew.
    """
    present, gone = set(columns), set[str]()
    for position, step in enumerate(steps):
        match step:
            case Rename(rename=names):
                yield from _clashes(names, present, gone, position)
                present = (present - names.keys()) | set(names.values())
                gone = (gone | names.keys()) - set(names.values())
            case Derive(derive=names):
                present, gone = present | names.keys(), gone - names.keys()
            case Sql():
                present, gone = set(), set()


def _clashes(names: Mapping[str, str], present: set[str], gone: set[str], position: int) -> Iterator[Fault]:
    for old, new in names.items():
        at = ("transforms", position, "rename", old)
        if old in gone:
            yield Fault(f"{quoted(old)} was renamed by an earlier step; use its new name", at)
        elif new in present - names.keys():
            yield Fault(f"{quoted(old)} is renamed to {quoted(new)}, which exists; choose another name", at)
