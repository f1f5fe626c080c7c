"""Columns: what the source's fields are, by name."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Annotated, Any
from zoneinfo import available_timezones

from pydantic import (
    AfterValidator,
    Field,
    GetJsonSchemaHandler,
    PlainSerializer,
    PlainValidator,
    StrictBool,
    WithJsonSchema,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from chalicelib.core.pipeline.base import Fault, Model, Text
from chalicelib.core.types import SUPPORTED, ColumnType
from chalicelib.core.words import nearest, quoted

#: The directives of DuckDB's strptime; ``-`` drops a leading zero.
_DIRECTIVES = frozenset("aAbBcdfgGHIjmMnpSuUVwWxXyYzZ%") | {f"-{letter}" for letter in "dmyHIMSj"}
_DIRECTIVE = re.compile(r"%(-?.?)", re.DOTALL)
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+)*")


def _column_type(value: object) -> ColumnType:
    if isinstance(value, ColumnType):
        return value
    if not isinstance(value, str):
        raise PydanticCustomError("string_type", "a type is text")
    return ColumnType.parse(value)


def _strptime(text: str) -> str:
    directives = _DIRECTIVE.findall(text)
    if not directives:
        raise ValueError(f"{quoted(text)} has no directive; write a strptime format such as %Y-%m-%d")
    unknown = next((each for each in directives if each not in _DIRECTIVES), None)
    if unknown is not None:
        raise ValueError(f"{quoted(text)} has the unknown directive {quoted('%' + unknown)}; a plain percent is %%")
    return text


@cache
def _zones() -> frozenset[str]:
    """The IANA names that this Python knows: reference data, empty where none is installed."""
    return frozenset(available_timezones())


def _timezone(text: str) -> str:
    known = _zones()
    if _ZONE.fullmatch(text) and (not known or text in known):
        return text
    cities = {name.rpartition("/")[2]: name for name in sorted(known)}
    near = nearest(text, sorted(known)) or cities.get(nearest(text, cities) or "")
    hint = f'did you mean "{near}"?' if near else "write an IANA name such as UTC or Europe/Paris"
    raise ValueError(f"unknown time zone {quoted(text)}; {hint}")


TypeName = Annotated[
    ColumnType,
    PlainValidator(_column_type),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "examples": list(SUPPORTED)}),
]


class Column(Model):
    """One column: its type, and how its text is read. The type alone may stand for the whole."""

    type: TypeName = Field(description="A PostgreSQL type, such as bigint, numeric(12,2) or timestamptz.")
    required: StrictBool = Field(default=False, description="Whether a record without a value here is a reject.")
    format: Annotated[Text, AfterValidator(_strptime)] | None = Field(
        default=None, description="The strptime format of a date, time or timestamp, such as %d/%m/%Y."
    )
    timezone: Annotated[Text, AfterValidator(_timezone)] | None = Field(
        default=None, description="The IANA time zone of a timestamptz whose text has no offset."
    )

    @model_validator(mode="before")
    @classmethod
    def _from_shorthand(cls, value: object) -> object:
        return {"type": value} if isinstance(value, str | ColumnType) else value

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        long = handler.resolve_ref_schema(handler(schema))
        short: dict[str, Any] = dict(long["properties"]["type"])
        return {"anyOf": [short, long], "description": long.get("description", "")}

    def faults(self) -> Iterator[Fault]:
        """A format or a time zone on a type that has none."""
        if self.format is not None and not self.type.is_temporal:
            yield Fault(f"{self.type} takes no format; only date, time and timestamp types do", ("format",))
        if self.timezone is not None and not self.type.has_timezone:
            yield Fault(f"{self.type} takes no timezone; only timestamptz does", ("timezone",))
