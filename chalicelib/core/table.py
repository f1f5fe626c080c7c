"""Table names: a schema and a name, as PostgreSQL would accept and keep them."""

import re
from dataclasses import dataclass
from typing import Self

from chalicelib.core.words import quoted

_MAX_BYTES = 63  # NAMEDATALEN - 1: PostgreSQL cuts longer names silently
_PART = r'(?:"(?:[^"]|"")*"|[^".]+)'
_FORM = re.compile(rf"(?:(?P<schema>{_PART})\.)?(?P<name>{_PART})", re.DOTALL)
_OURS = frozenset({"etl", "etl_target", "etl_stage", "information_schema"})


@dataclass(frozen=True, slots=True)
class TableName:
    """A table's schema and name, unquoted and with the case kept as written.

    >>> TableName.parse('"my.schema"."My Table"')
    TableName(schema='my.schema', name='My Table')
    """

    schema: str
    name: str

    def __post_init__(self) -> None:
        """Raise ValueError for a part that cannot be a PostgreSQL name."""
        identifier(self.schema)
        identifier(self.name)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a target's name: ``name``, ``schema.name``, or either part in double quotes.

        Raises ValueError also for the schemas that belong to PostgreSQL or to this service.
        """
        form = _FORM.fullmatch(text)
        if form is None:
            raise ValueError(
                f"{quoted(text)} is not a table name; write table or schema.table, "
                'a part with a dot or a quote as "my.schema"."my table"'
            )
        table = cls(_unquoted(form["schema"] or "public"), _unquoted(form["name"]))
        if table.schema in _OURS or table.schema.startswith("pg_"):
            raise ValueError(f"the schema {quoted(table.schema)} is reserved; choose another, such as public")
        if table.name.startswith("_etl_"):
            raise ValueError(f"{quoted(table.name)} begins with _etl_, which is reserved; choose another name")
        return table

    def __str__(self) -> str:
        return f"{_written(self.schema)}.{_written(self.name)}"


def identifier(text: str) -> str:
    """The text itself if PostgreSQL can use it, whole, as a name; else ValueError."""
    size = len(text.encode("utf-8", "surrogatepass"))
    if not text:
        raise ValueError("a name is empty; write at least one character")
    if "\0" in text:
        raise ValueError(f"the name {quoted(text)} holds a NUL character; PostgreSQL has none in names")
    if size > _MAX_BYTES:
        raise ValueError(f"the name {quoted(text)} has {size} bytes, PostgreSQL keeps {_MAX_BYTES}; shorten it")
    return text


def _unquoted(part: str) -> str:
    return part[1:-1].replace('""', '"') if part.startswith('"') else part


def _written(part: str) -> str:
    return '"' + part.replace('"', '""') + '"' if "." in part or '"' in part else part
