"""A pipeline: the definition of what is read, checked and published, as one document with one digest.

The parts are nouns of their own: ``source``, ``columns``, ``steps`` (the key ``transforms``), ``rules`` and
``target``.
"""

from collections.abc import Iterator, Mapping
from hashlib import sha256
from json import dumps
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StrictInt, StrictStr
from pydantic_core import PydanticCustomError

from chalicelib.core.pipeline.base import SLUG, ColumnName, Fault, Model, Text, slug
from chalicelib.core.pipeline.columns import Column
from chalicelib.core.pipeline.contract import Contract
from chalicelib.core.pipeline.formats import CsvFormat, Format, JsonlFormat
from chalicelib.core.pipeline.rules import (
    DateOrder,
    Expr,
    ForeignKey,
    Freshness,
    In,
    Length,
    Mean,
    MeasuredRule,
    NotNull,
    Range,
    RecordRule,
    Regex,
    RejectRatio,
    RowCount,
    Rule,
    RunRule,
    StagedRule,
    Sum,
    Unique,
    own_references,
    repeated_rules,
    rule_keys,
)
from chalicelib.core.pipeline.source import FileSource, S3Source, Source
from chalicelib.core.pipeline.steps import (
    Aggregate,
    Cast,
    Deduplicate,
    Derive,
    Filter,
    Hash,
    Lookup,
    Mask,
    Pivot,
    Plugin,
    Rename,
    Split,
    Sql,
    Step,
    Trim,
    Unpivot,
)
from chalicelib.core.pipeline.steps.lookup import own_lookups
from chalicelib.core.pipeline.steps.names import rename_faults
from chalicelib.core.pipeline.target import HISTORY, Keep, Target

__all__ = [
    "HISTORY", "Aggregate", "Cast", "Column", "Contract", "CsvFormat", "DateOrder", "Deduplicate", "Derive", "Expr",
    "FileSource", "Filter", "ForeignKey", "Format", "Freshness", "Hash", "In", "JsonlFormat", "Keep", "Length",
    "Limits", "Lookup", "Mask", "Mean", "MeasuredRule", "NotNull", "ObjectTrigger", "Parallel", "Pipeline", "Pivot",
    "Plugin", "Range", "RecordRule", "Regex", "RejectRatio", "Rename", "RowCount", "Rule", "RunRule", "S3Source",
    "Source", "Split", "Sql", "StagedRule", "Step", "Sum", "Target", "Trim", "Unique", "Unpivot", "json_schema",
    "rule_keys",
]  # fmt: skip

_MAX_COLUMNS = 1_600  # PostgreSQL's own limit
_PROVENANCE_COLUMNS = 3


def _whole_number(value: object) -> object:
    if type(value) is not int:  # 1 == True == 1.0, so Literal would take them
        raise PydanticCustomError("literal_error", "the version is a whole number")
    return value


class Limits(Model):
    """What a run may use before it is stopped."""

    timeout_minutes: Annotated[StrictInt, Field(ge=1, le=720)] = Field(
        default=60, description="Minutes after which the run fails, 1 to 720."
    )
    max_record_mb: Annotated[StrictInt, Field(ge=1, le=256)] = Field(
        default=64, description="The longest record in megabytes, 1 to 256."
    )
    lookup_mb: Annotated[StrictInt, Field(ge=1, le=256)] = Field(
        default=64, description="The most megabytes that one lookup may take of its table, 1 to 256."
    )


class Parallel(Model):
    """How a run is cut into batches that are worked on at once."""

    batch_mb: Annotated[StrictInt, Field(ge=1, le=1000)] = Field(
        default=32, description="The wanted size of a batch in megabytes, 1 to 1000."
    )
    max_workers: Annotated[StrictInt, Field(ge=1, le=1000)] = Field(
        default=50, description="The most batches worked on at once, 1 to 1000."
    )


class ObjectTrigger(Model):
    """A run for each new object version that the source's pattern matches."""

    type: Literal["object"] = Field(description="The kind of trigger.")


class Pipeline(Model):
    """One source, its steps and rules, and one table."""

    version: Annotated[Literal[1], BeforeValidator(_whole_number)] = Field(
        description="The version of this document's form: 1."
    )
    name: Annotated[StrictStr, AfterValidator(slug)] = Field(
        description="The pipeline's name: lower case letters, digits, - and _.",
        json_schema_extra={"pattern": f"^{SLUG.pattern}$"},
    )
    description: Text | None = Field(default=None, description="What the pipeline is for, for people.")
    source: Source = Field(description="Where the records come from.")
    columns: Annotated[Mapping[ColumnName, Column], Field(max_length=_MAX_COLUMNS)] = Field(
        default={}, description="The source's columns in their order; decided from samples if not given."
    )
    transforms: Annotated[tuple[Step, ...], Field(max_length=200)] = Field(
        default=(), description="The steps that records pass through, in order."
    )
    rules: Annotated[tuple[Rule, ...], Field(max_length=1000)] = Field(
        default=(), description="What the records and the run must keep."
    )
    target: Target = Field(description="The table that is published.")
    triggers: Annotated[tuple[ObjectTrigger, ...], Field(max_length=100)] = Field(
        default=(), description="What starts a run; a person always can."
    )
    parallel: Parallel = Field(default=Parallel(), description="How a run is cut into batches.")
    limits: Limits = Field(default=Limits(), description="What a run may use.")

    def faults(self) -> Iterator[Fault]:
        """The combinations of parts that cannot work."""
        most = _MAX_COLUMNS - (_PROVENANCE_COLUMNS if self.target.provenance else 0)
        if len(self.columns) > most:
            cause = f"{len(self.columns):,} columns, PostgreSQL has room for {most:,} beside the provenance"
            yield Fault(f"{cause}; declare fewer", ("columns",))
        yield from rename_faults(self.columns, self.transforms)
        yield from repeated_rules(self.rules)
        yield from own_references(self.rules, self.target.table)
        yield from own_lookups(self.transforms, self.target.table)
        for position in range(1, len(self.triggers)):
            yield Fault("a second object trigger; keep one", ("triggers", position))
        if self.triggers and isinstance(self.source, FileSource):
            yield Fault("an object trigger needs an s3 source, this one is file; remove it", ("triggers", 0))

    def canonical(self) -> str:
        """The document as minimal JSON: equal for documents that mean the same.

        Keys are sorted and defaults left out; ``columns`` and ``derive`` keep their order, which has a
        meaning (a source without a header is read by position): store this text as it is, not as jsonb.
        """
        return dumps(self.plain(), separators=(",", ":"))

    def digest(self) -> str:
        """The SHA-256 of the canonical text, in hexadecimal."""
        return sha256(self.canonical().encode()).hexdigest()


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of the document, for editors and the API."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "urn:etlplus:pipeline:1"}
    return head | Pipeline.model_json_schema() | {"title": "ETL Plus pipeline"}
