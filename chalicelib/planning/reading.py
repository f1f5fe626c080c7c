"""Reading: how the objects of a run are read, decided once from samples: dialect, names and types."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

from chalicelib.core.dialect import Dialect
from chalicelib.core.drift import TypeChange
from chalicelib.core.errors import Held
from chalicelib.core.pipeline import Pipeline
from chalicelib.core.plan import Field, Sample, TableShape
from chalicelib.core.types import ColumnType
from chalicelib.engine.encoding import as_utf_8, detect, suits
from chalicelib.engine.inference import Evidence, data_records, explained_dialect, gather, head_records
from chalicelib.planning.against import AgainstTable

#: Names that PostgreSQL keeps for itself in every table.
SYSTEM_COLUMNS = frozenset({"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"})
BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Reading:
    """How the objects are read.

    ``confidence`` is by what was decided: encoding, delimiter, header. ``evidence`` is each field's, in their order,
    and ``records`` are those it stands on. ``typed`` is false when no record was there to infer a type from.
    ``changed`` are the fields whose column in the table is of another type.
    """

    dialect: Dialect
    confidence: dict[str, float]
    fields: tuple[Field, ...]
    evidence: tuple[Evidence, ...]
    records: tuple[list[str], ...]
    typed: bool
    has_records: bool
    changed: tuple[TypeChange, ...] = ()


def read(sample: Sample, pipeline: Pipeline, shape: TableShape | None, uri: str) -> Reading:
    """Decide how the object that ``sample`` is of is read.

    Raises:
        Held: if it is empty, or its header is none that a table could have or not what the pipeline declares.
    """
    encoding, sure = _encoding(sample, pipeline)
    sample = as_utf_8(sample, encoding)
    if not sample.head.removeprefix(BOM).strip():
        raise Held(f"{uri} is empty: it has no header and no record; nothing was published")
    dialect, confidence = explained_dialect(sample, pipeline.source.format)
    names = _names(sample, dialect, pipeline, uri)
    _differ_by_more_than_case(names, uri)
    records = data_records(sample, dialect)
    table = AgainstTable(names, pipeline, shape)
    evidence = tuple(_evidence(i, name, records, dialect, pipeline) for i, name in enumerate(names))
    fields = [_field(name, pipeline, table, found) for name, found in zip(names, evidence, strict=True)]
    has_records = bool(sample.middle) or len(head_records(sample, dialect)) > dialect.header  # of any form
    guessed = [name for name in names if name not in pipeline.columns]
    return Reading(
        dialect=replace(dialect, encoding=encoding),
        confidence={"encoding": sure, **confidence},
        fields=tuple(fields),
        evidence=evidence,
        records=tuple(records),
        typed=all(has_records or table.known(name) for name in guessed),
        has_records=has_records,
        changed=tuple(table.changed),
    )


def same_form(sample: Sample, reading: Reading, pipeline: Pipeline, uri: str) -> None:
    """Check that another object of the run has the encoding and the header of the first.

    Raises:
        Held: if it has not.
    """
    encoding = reading.dialect.encoding
    if pipeline.source.format.encoding is None and not suits(sample, encoding):
        raise Held(
            f"{uri} has another encoding ({detect(sample)[0]}) than the first object ({encoding}); load it by itself, "
            "or pin source.format.encoding"
        )
    if not reading.dialect.header:
        return
    first = next(iter(head_records(as_utf_8(sample, encoding), reading.dialect)), [])
    names = [field.name for field in reading.fields]
    if [field.strip() for field in first] != names:
        raise Held(f"{uri} has another header ({', '.join(first)}) than the first object ({', '.join(names)})")


def _evidence(
    place: int, name: str, records: Sequence[Sequence[str]], dialect: Dialect, pipeline: Pipeline
) -> Evidence:
    """What the samples say of a field; nothing of one that is declared, for nobody asks."""
    if name in pipeline.columns:
        return Evidence((), 0, None)
    return gather((record[place] for record in records), dialect.nulls)


def _encoding(sample: Sample, pipeline: Pipeline) -> tuple[str, float]:
    pinned = pipeline.source.format.encoding
    return (pinned, 1.0) if pinned else detect(sample)


def _field(name: str, pipeline: Pipeline, table: AgainstTable, found: Evidence) -> Field:
    declared = pipeline.columns.get(name)
    if declared is not None:
        table.declared(name, declared.type)
        return Field(name, declared.type, declared.required, declared.format, declared.timezone)
    text = ColumnType.parse("text")
    if table.is_left_out(name) and pipeline.target.contract.new_columns in ("ignore", "reject"):
        return Field(name, text)  # whatever it holds, no cast decides about its records
    return Field(name, table.inferred(name, found.values, found.type) or found.type or text)


def _names(sample: Sample, dialect: Dialect, pipeline: Pipeline, uri: str) -> list[str]:
    first = next(iter(head_records(sample, dialect)), [])
    declared = list(pipeline.columns)
    if not dialect.header:
        if declared and len(declared) != len(first):
            raise Held(f"{uri} has {len(first)} fields and no header; {len(declared)} columns are declared")
        return declared or [f"c{i}" for i in range(1, len(first) + 1)]
    names = [field.strip() or f"c{i}" for i, field in enumerate(first, start=1)]
    for name in names:
        if names.count(name) > 1:
            raise Held(f'{uri}: its header names "{name}" twice; rename one, or declare columns with header: false')
        if name.startswith("_etl_") or name in SYSTEM_COLUMNS or len(name.encode()) > 63:
            raise Held(f'{uri}: its header names "{name[:80]}", which cannot be a column here; rename it')
    for name in declared:
        if name not in names:
            near = get_close_matches(name, names, n=1)
            hint = f'did you mean "{near[0]}"?' if near else f"its header has {', '.join(names)}"
            raise Held(f'{uri} has no column "{name}", which the pipeline declares; {hint}')
    return names


def _differ_by_more_than_case(names: Sequence[str], uri: str) -> None:
    """PostgreSQL would tell such names apart; the engine does not."""
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(name.casefold(), name)
        if other != name:
            raise Held(f'{uri}: its columns "{other}" and "{name}" differ in letter case only; rename one')
