"""The target: the table that a run publishes into, and how."""

import re
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from chalicelib.core.pipeline.base import ColumnName, Fault, Model, SomeColumnNames, Text
from chalicelib.core.pipeline.contract import Contract
from chalicelib.core.table import TableName
from chalicelib.core.words import quoted

#: The columns that scd2 adds to a table and keeps by itself.
HISTORY = ("valid_from", "valid_to", "is_current")

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


class Keep(Model):
    """How much of what publishes replaced is kept, so that they can be undone; the oldest goes first."""

    runs: Annotated[StrictInt, Field(ge=0, le=10_000)] = Field(
        default=30, description="The most publishes into the table of which it is kept."
    )
    gb: Annotated[StrictFloat, Field(ge=0)] = Field(
        default=10.0, description="The most gigabytes that are kept for the table."
    )


class Target(Model):
    """A PostgreSQL table, reached through a named connection."""

    type: Literal["postgres"] = Field(description="The kind of target.")
    connection: Annotated[StrictStr, AfterValidator(_connection)] = Field(
        default="default", description="The name of a connection; its address and secret are kept elsewhere."
    )
    table: Table = Field(description="The table as schema.table; the schema is public if not given.")
    write: Literal["append", "replace", "merge", "scd2"] = Field(
        default="append",
        description="The write mode: append adds rows, replace makes the run the table's whole content, merge inserts"
        " or updates by keys, scd2 keeps every version of a row by keys.",
    )
    keys: SomeColumnNames = Field(default=(), description="The columns that tell rows apart; merge and scd2 need them.")
    order_by: ColumnName | None = Field(
        default=None, description="Of several records of one key in a run, the one that is highest here stands."
    )
    delete_when: Text | None = Field(
        default=None,
        description="A SQL condition over the final columns; a record for which it is true takes its key's row away.",
    )
    effective_at: ColumnName | None = Field(
        default=None, description="When a version begins (scd2): a date or timestamp; the run's time if not given."
    )
    on_new_version: Literal["replace", "add"] = Field(
        default="add",
        description="What a newer version of an object that was loaded before does (append): replace its rows, or add.",
    )
    keep: Keep = Field(default=Keep(), description="How much is kept of what publishes replaced.")
    contract: Contract = Field(
        default=Contract(), description="What happens when the data's columns are not the table's."
    )
    provenance: StrictBool = Field(
        default=True, description="Whether rows carry the _etl_ columns that undo and why need."
    )

    @property
    def has_keys(self) -> bool:
        """Whether the write mode tells rows apart by ``keys``."""
        return self.write in _KEYED

    @property
    def keeps_order(self) -> bool:
        """Whether runs go one at a time, and a newer version of an object makes the older ones void."""
        return self.write != "append" or self.on_new_version == "replace"

    def faults(self) -> Iterator[Fault]:
        """Keys of the document that do not go with the write mode, or with each other."""
        if self.has_keys and not self.keys:
            yield Fault(f"{self.write} needs keys, the columns that tell rows apart; add keys: [id], say", ("write",))
        for name, modes in _BELONGS.items():
            if self.write not in modes and getattr(self, name) != type(self).model_fields[name].default:
                way = f"remove it, or write {' or '.join(modes)}"
                yield Fault(f"{name} means nothing when the write mode is {self.write}; {way}", (name,))
        yield from self._clashes()
        if self.on_new_version == "replace" and self.write == "append" and not self.provenance:
            cause = "on_new_version: replace finds an object's rows by their provenance"
            yield Fault(f"{cause}; remove provenance: false", ("on_new_version",))

    def _clashes(self) -> Iterator[Fault]:
        for name in ("order_by", "effective_at"):
            column = getattr(self, name)
            if self.has_keys and column is not None and column in self.keys:
                cause = f"{quoted(column)} is one of the keys, so it is equal where it should tell records apart"
                yield Fault(f"{cause}; name another column", (name,))
        if self.write == "scd2":
            for place, column in enumerate(self.keys):
                if column in HISTORY:
                    cause = f"{quoted(column)} is a column that scd2 keeps by itself"
                    yield Fault(f"{cause}; name another column", ("keys", place))


_KEYED = ("merge", "scd2")
#: The keys of the document that belong to some write modes only.
_BELONGS = {
    "keys": _KEYED,
    "order_by": _KEYED,
    "delete_when": _KEYED,
    "effective_at": ("scd2",),
    "on_new_version": ("append",),
}
