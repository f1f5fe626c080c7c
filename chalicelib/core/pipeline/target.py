"""The target: the table that a run publishes into, and how."""

import re
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    StrictBool,
    StrictStr,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from chalicelib.core.pipeline.base import Model
from chalicelib.core.pipeline.contract import Contract
from chalicelib.core.table import TableName

_CONNECTION = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


def _table_name(value: object) -> TableName:
    if isinstance(value, TableName):
        return value
    if not isinstance(value, str):
        raise PydanticCustomError("string_type", "a table name is text")
    return TableName.parse(value)


def _connection(text: str) -> str:
    if not _CONNECTION.fullmatch(text):
        raise ValueError(  # without the text: an address may hold a password
            "this is not a connection's name; write the name only (lower case letters, digits, - and _), "
            "never an address or a password"
        )
    return text


Table = Annotated[
    TableName,
    PlainValidator(_table_name),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "minLength": 1}),
]


class Target(Model):
    """A PostgreSQL table, reached through a named connection."""

    type: Literal["postgres"] = Field(description="The kind of target.")
    connection: Annotated[StrictStr, AfterValidator(_connection)] = Field(
        default="default", description="The name of a connection; its address and secret are kept elsewhere."
    )
    table: Table = Field(description="The table as schema.table; the schema is public if not given.")
    write: Literal["append"] = Field(default="append", description="The write mode: append.")
    contract: Contract = Field(
        default=Contract(), description="What happens when the data's columns are not the table's."
    )
    provenance: StrictBool = Field(
        default=True, description="Whether rows carry the _etl_ columns that undo and why need."
    )
