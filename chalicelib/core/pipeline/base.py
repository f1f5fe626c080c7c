"""What every part of a pipeline document shares: the strict model, names, faults across keys."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictStr, model_validator
from pydantic_core import PydanticCustomError

from chalicelib.core.table import identifier
from chalicelib.core.words import quoted

#: A name that stands in addresses and file names, too.
SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


@dataclass(frozen=True, slots=True)
class Fault:
    """An impossible combination: ``cause; way out``, and the keys that lead there from the part itself."""

    text: str
    at: tuple[str | int, ...] = ()


class Model(BaseModel):
    """A part of the document: frozen, and an unknown key is an error.

    A part with rules across its keys overrides ``faults``; all faults are reported together.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def faults(self) -> Iterator[Fault]:
        """The impossible combinations of this part; every single key is already valid."""
        return iter(())

    @model_validator(mode="after")
    def _has_no_faults(self) -> Self:
        if faults := tuple(self.faults()):
            text = "; ".join(fault.text for fault in faults)
            raise PydanticCustomError("faults", "{text}", {"text": text, "faults": faults})
        return self

    def plain(self) -> dict[str, Any]:
        """The part as JSON values: keys sorted, defaults left out, user-named keys in their own order."""
        fields = type(self).model_fields
        given = {name: getattr(self, name) for name in sorted(fields)}
        return {name: _plain(value) for name, value in given.items() if value != fields[name].default}


def _plain(value: object) -> object:
    if isinstance(value, Model):
        return value.plain()
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return value if isinstance(value, bool | int | float) else str(value)


def checked_column(name: str) -> str:
    """The name itself if a column that is loaded may have it; else ValueError."""
    if name.startswith("_etl_"):
        raise ValueError(f"{quoted(name)} begins with _etl_, which is reserved; choose another name")
    return identifier(name)


def _written(text: str) -> str:
    if not text.strip():
        raise ValueError("this text is empty; write it or remove the key")
    if "\0" in text:
        raise ValueError("this text holds a NUL character; PostgreSQL has none in text")
    return text


def _distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    twice = next((name for position, name in enumerate(names) if name in names[:position]), None)
    if twice is not None:
        raise ValueError(f"{quoted(twice)} is given twice; keep one")
    return names


def slug(text: str) -> str:
    """The text itself if it is a name as pipelines and rules have them; else ValueError."""
    if SLUG.fullmatch(text):
        return text
    near = re.sub(r"[^a-z0-9_-]+", "_", text.lower()).strip("_-")[:63]
    question = f'did you mean "{near}"? ' if near else ""
    raise ValueError(
        f"{quoted(text)} is not a name; {question}write 1 to 63 lower case letters, digits, - and _, "
        "beginning with a letter or digit"
    )


ColumnName = Annotated[
    StrictStr,
    AfterValidator(checked_column),
    Field(description="A column's name: at most 63 bytes, case kept, not beginning with _etl_."),
]
ColumnNames = Annotated[tuple[ColumnName, ...], Field(min_length=1, max_length=1600), AfterValidator(_distinct)]
SomeColumnNames = Annotated[tuple[ColumnName, ...], Field(max_length=1600), AfterValidator(_distinct)]
Text = Annotated[StrictStr, AfterValidator(_written)]
