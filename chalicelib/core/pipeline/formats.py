"""Formats: how the bytes of objects are written. What a document leaves open is decided once per run.

The words of a new format are one class here and one name in ``Format``; its reader is a file of ``chalicelib.formats``.
"""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StrictBool, StrictStr

from chalicelib.core.pipeline.base import Fault, Model
from chalicelib.core.words import quoted

Encoding = Literal["utf-8", "utf-16-le", "utf-16-be", "latin-1", "windows-1252"]


def _one_character(text: str) -> str:
    if len(text) != 1:
        tab = ' (a tab is "\\t" in double quotes)' if text == "\\t" else ""
        raise ValueError(f"{quoted(text)} is {len(text)} characters long; write exactly one{tab}")
    if text in "\r\n\0":
        raise ValueError(f"{quoted(text)} cannot cut fields; write another character")
    return text


class CsvFormat(Model):
    """Delimited text: CSV, TSV and their like; what is not said here is decided once per run from samples."""

    type: Literal["csv"] = Field(default="csv", description="The format of the objects.")
    delimiter: Annotated[StrictStr, AfterValidator(_one_character)] | None = Field(
        default=None, description="The character between fields; decided from samples if not given."
    )
    quote: Annotated[StrictStr, AfterValidator(_one_character)] | None = Field(
        default=None,
        description="The character around fields, written twice inside them; from samples if not given.",
    )
    header: StrictBool | None = Field(
        default=None,
        description="Whether the first record names the columns; decided from samples if not given.",
    )
    encoding: Encoding | None = Field(
        default=None, description="The encoding of the text; decided from samples if not given."
    )
    nulls: Annotated[tuple[StrictStr, ...], Field(max_length=100)] | None = Field(
        default=None, description='The field texts that mean NULL, such as "" and "NULL".'
    )

    def faults(self) -> Iterator[Fault]:
        """A delimiter that is also the quote."""
        if self.delimiter is not None and self.delimiter == self.quote:
            yield Fault(f"the delimiter and the quote are both {quoted(self.quote)}; change one", ("delimiter",))


class JsonlFormat(Model):
    """JSON objects, one a line (NDJSON); each of their keys is a field."""

    type: Literal["jsonl"] = Field(description="The format of the objects.")
    encoding: Encoding | None = Field(
        default=None, description="The encoding of the text; decided from samples if not given."
    )


def _csv_unless_said(value: object) -> object:
    """Without a type, a format is CSV."""
    return {"type": "csv", **value} if isinstance(value, dict) and "type" not in value else value


Format = Annotated[CsvFormat | JsonlFormat, Field(discriminator="type")]
#: A format as a document says it: the type ``csv`` may be left out.
GivenFormat = Annotated[Format, BeforeValidator(_csv_unless_said)]
