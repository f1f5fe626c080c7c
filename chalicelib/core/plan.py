"""A plan: all that a run will do, decided before it does anything."""

from dataclasses import dataclass

from chalicelib.core.drift import NONE, Drift
from chalicelib.core.lookup import Pinned
from chalicelib.core.manifest import ObjectVersion
from chalicelib.core.pipeline import Format, Pipeline, StagedRule
from chalicelib.core.table import TableName
from chalicelib.core.types import ColumnType

#: The column of a record's number among the columns of a batch of clean records.
LINE = "_etl_line"
#: The column that says whether a record takes its key's row away, where the target has ``delete_when``.
DELETED = "_etl_deleted"


@dataclass(frozen=True, slots=True)
class Sample:
    """Bytes from an object, decompressed: the head, and whole lines from middle and tail where they can be had."""

    head: bytes
    middle: bytes = b""
    tail: bytes = b""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the object, in its place: its name, the type that its text must fit, and how to read it."""

    name: str
    type: ColumnType
    required: bool = False
    format: str | None = None
    timezone: str | None = None


@dataclass(frozen=True, slots=True)
class TargetColumn:
    """A column that the run writes. ``required``: the table refuses NULL there."""

    name: str
    type: ColumnType
    required: bool = False


@dataclass(frozen=True, slots=True)
class CatalogueColumn:
    """A column of an existing table, as the catalogue describes it."""

    name: str
    type: str
    required: bool
    has_default: bool
    generated: bool


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key on the table that does something of its own with the rows of ``table``, which may be the same.

    ``on_delete`` and ``on_update`` are its action (``CASCADE``, ``SET NULL``, ``SET DEFAULT``) when a row that it
    refers to goes, or gets another value in ``columns``; None where it only refuses.
    """

    table: str
    name: str
    on_delete: str | None
    on_update: str | None
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TableShape:
    """An existing relation: its columns in order, without our provenance, and what else acts when it is written to.

    ``triggers`` are the user triggers and ``references`` the foreign keys that change other rows, those of its
    partitions among them.

    ``is_table`` is false for a view, a foreign table and the like, which nobody can COPY into safely. ``unique`` has
    the columns of each unique index. ``unswappable`` says why the table cannot be replaced by another of the same make,
    or is None.
    """

    columns: tuple[CatalogueColumn, ...]
    has_provenance: bool
    is_table: bool = True
    triggers: tuple[str, ...] = ()
    references: tuple[Reference, ...] = ()
    unique: tuple[tuple[str, ...], ...] = ()
    unswappable: str | None = None


@dataclass(frozen=True, slots=True)
class PinnedPlugin:
    """A plugin that the steps name, in the version that the run was planned with."""

    name: str
    package: str
    version: str

    def __str__(self) -> str:
        return f"{self.name} ({self.package} {self.version})"


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a run will do.

    ``format`` has nothing left open. ``fields`` are the object's, ``columns`` what the steps leave, in the order in
    which they are written. ``create`` is whether publish creates the table, ``together`` whether a step needs the
    records of all objects at once. ``drift`` is how the data differs from a table that is there: what becomes of it is
    the contract's. ``notes`` are decisions that a person should see. ``lookups`` are the tables that steps look up,
    pinned; ``plugins`` the versions with which every batch must be transformed.
    """

    run_id: str
    pipeline: Pipeline
    table: TableName
    objects: tuple[ObjectVersion, ...]
    format: Format
    fields: tuple[Field, ...]
    columns: tuple[TargetColumn, ...]
    create: bool
    notes: tuple[str, ...] = ()
    drift: Drift = NONE
    together: bool = False
    lookups: tuple[Pinned, ...] = ()
    plugins: tuple[PinnedPlugin, ...] = ()

    @property
    def unwanted(self) -> tuple[str, ...]:
        """The new columns whose values reject their records."""
        rejects = self.pipeline.target.contract.new_columns == "reject"
        return tuple(column.name for column in self.drift.new) if rejects else ()

    @property
    def may_go_direct(self) -> bool:
        """Whether COPY may go straight into the table, if one process carries out the whole run.

        An interrupted COPY must be taken back, so the rows of two objects must be told apart.
        """
        target = self.pipeline.target
        only_adds = target.write == "append" and target.on_new_version == "add"
        told_apart = target.provenance or len(self.objects) == 1
        as_they_are = not any(column.type.travels_as_text for column in self.columns)
        return only_adds and told_apart and as_they_are and not self.judges_in_staging

    @property
    def judges_in_staging(self) -> bool:
        """Whether a rule may reject single records when the run publishes."""
        return any(isinstance(rule, StagedRule) for rule in self.pipeline.rules)

    @property
    def carried(self) -> tuple[TargetColumn, ...]:
        """The columns that records carry as far as staging: those that are written, and ``DELETED`` where asked for."""
        if self.pipeline.target.delete_when is None:
            return self.columns
        return (*self.columns, TargetColumn(DELETED, ColumnType("boolean")))
