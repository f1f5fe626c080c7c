"""Steps that change the columns of each record by itself: their scope is the record."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Discriminator, Field, StrictBool, StrictStr, Tag

from chalicelib.core.pipeline.base import ColumnName, ColumnNames, Fault, Model, Text
from chalicelib.core.pipeline.columns import Column
from chalicelib.core.words import nearest, quoted

_MASK = re.compile(r"(keep_first|keep_last) ([1-9][0-9]{0,3})")
_MASKS = ("redact", "clear", "keep_first", "keep_last")


def _sorted(names: Mapping[str, str]) -> Mapping[str, str]:
    return dict(sorted(names.items()))  # renames of one step happen at once, so their order means nothing


def _all_or_some(value: object) -> str:
    return "all" if isinstance(value, str) else "some"


def _mask(text: str) -> str:
    if text in {"redact", "clear"} or _MASK.fullmatch(text):
        return text
    near = nearest(text.split(" ", maxsplit=1)[0], _MASKS)
    near = f"{near} 4" if near and near.startswith("keep") else near
    hint = f'did you mean "{near}"?' if near else "write redact, clear, keep_first 4 or keep_last 4"
    raise ValueError(f"{quoted(text)} is no way to mask; {hint}")


def _separator(text: str) -> str:
    if not text:
        raise ValueError('the separator is empty; write the text between the parts, such as ","')
    if "\0" in text:
        raise ValueError("the separator holds a NUL character; PostgreSQL has none in text")
    return text


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


class Cast(Model):
    """Give columns another type, as strictly as the source's fields are read."""

    step: ClassVar[str] = "cast"
    cast: Annotated[Mapping[ColumnName, Column], Field(min_length=1, max_length=1600)] = Field(
        description="Column: type, as under columns; a value that does not fit makes its record a reject."
    )


class Derive(Model):
    """Add columns computed by SQL expressions."""

    step: ClassVar[str] = "derive"
    derive: Annotated[Mapping[ColumnName, Text], Field(min_length=1, max_length=1600)] = Field(
        description="New column: SQL expression."
    )


class Parts(Model):
    """How one text column becomes several columns, or several records."""

    column: ColumnName = Field(description="The text column to split; its parts take its place.")
    by: Annotated[StrictStr, AfterValidator(_separator)] = Field(
        description="The text between the parts, taken literally."
    )
    into: ColumnNames | None = Field(
        default=None, description="The columns for the parts; without it each part makes a record of its own."
    )
    loose: StrictBool = Field(
        default=False,
        description="Whether too few parts leave the last columns null and too many stay together in the last one;"
        " else such a record is a reject.",
    )

    def faults(self) -> Iterator[Fault]:
        """Looseness without columns that could be too many or too few, or a single column to split into."""
        if self.loose and self.into is None:
            yield Fault("loose says how parts fit into columns, and there is no into; remove it", ("loose",))
        if self.into is not None and len(self.into) == 1:
            yield Fault("one column takes no two parts; name two or more, or remove into", ("into",))


class Split(Model):
    """Cut a text column at a separator, into columns or into records."""

    step: ClassVar[str] = "split"
    split: Parts = Field(description="The column, the separator, and the columns for the parts.")


class Mask(Model):
    """Hide what text columns hold; rejects do not show it either."""

    step: ClassVar[str] = "mask"
    mask: Annotated[
        Mapping[ColumnName, Annotated[StrictStr, AfterValidator(_mask)]], Field(min_length=1, max_length=1600)
    ] = Field(
        description="Column: redact (*** for any value), clear (null), keep_first N or keep_last N"
        " (the other characters become *; a value of N or fewer is all *)."
    )


class Hashed(Model):
    """Which columns to hash."""

    columns: ColumnNames = Field(description="The columns whose values become their SHA-256 in hexadecimal.")


class Hash(Model):
    """Put a digest in the place of values, equal for equal values; rejects do not show them either."""

    step: ClassVar[str] = "hash"
    hash: Hashed = Field(description="The columns to hash.")
