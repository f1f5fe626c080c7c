"""A looked-up table: what a step ``lookup`` reads of it, and the rows as they were when the run was planned."""

from dataclasses import dataclass

from chalicelib.core.table import TableName
from chalicelib.core.types import ColumnType


@dataclass(frozen=True, slots=True)
class TheirColumn:
    """A column of a looked-up table. A type that we do not have is ``text``: as PostgreSQL writes its values."""

    name: str
    type: ColumnType


@dataclass(frozen=True, slots=True)
class Pinned:
    """The rows that the step at position ``step`` looks up, pinned: every batch and attempt of the run sees the same.

    ``keys`` are compared with the record, in the order of the step's ``on``; ``columns`` are what it takes, in their
    order. The rows lie under ``key`` in the work store as Parquet, all as text: ``k0, k1, ...``, then ``v0, v1, ...``.
    """

    step: int
    table: TableName
    keys: tuple[TheirColumn, ...]
    columns: tuple[TheirColumn, ...]
    rows: int
    key: str

    @property
    def note(self) -> str:
        """What a person should see of it."""
        names = ", ".join(column.name for column in (*self.keys, *self.columns))
        return f"looks up {self.table} ({names}): {self.rows:,} rows, as they are now"
