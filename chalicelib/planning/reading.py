"""Reading: how the objects of a run are read, decided once from samples: format, names and types."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

from chalicelib.core.drift import TypeChange
from chalicelib.core.errors import Held
from chalicelib.core.pipeline import Format, Pipeline
from chalicelib.core.plan import Field, TableShape
from chalicelib.core.types import ColumnType
from chalicelib.engine.inference import Evidence, gather
from chalicelib.formats import Glimpse, Look, reader_of, recognised
from chalicelib.planning.against import AgainstTable

#: Names that PostgreSQL keeps for itself in every table.
SYSTEM_COLUMNS = frozenset({"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"})


@dataclass(frozen=True, slots=True)
class Reading:
    """How the objects are read.

    ``format`` has nothing left open, ``told`` says it to people, ``confidence`` is by what was decided. ``evidence`` is
    each field's, in their order, and ``records`` are those it stands on. ``typed`` is false when no record was there to
    infer a type from. ``changed`` are the fields whose column in the table is of another type. ``empty`` are objects
    without a byte.
    """

    format: Format
    told: str
    confidence: Mapping[str, float]
    fields: tuple[Field, ...]
    evidence: tuple[Evidence, ...]
    records: tuple[Sequence[str | None], ...]
    typed: bool
    has_records: bool
    changed: tuple[TypeChange, ...] = ()
    empty: tuple[str, ...] = ()


def read(glimpses: Sequence[Glimpse], pipeline: Pipeline, shape: TableShape | None) -> Reading:
    """Decide how the objects that ``glimpses`` are of are read, by the first one and held against each other.

    An object without a byte, among others, has no say: it has no record.

    Raises:
        Held: if all are empty, or one is of another form than the first, or if the fields are none that a table could
            have or not what the pipeline declares.
    """
    full = [glimpse for glimpse in glimpses if len(glimpses) == 1 or glimpse.sample().head]
    first, *others = full or glimpses[:1]
    pinned = pipeline.source.format
    reader = reader_of(pinned or recognised(first.uri))
    look = reader.look(first, pinned)
    for other in others:
        look = reader.join(look, other, pinned)
    names = _names(look, pipeline, first.uri)
    _differ_by_more_than_case(names, first.uri)
    table = AgainstTable(names, pipeline, shape)
    evidence = tuple(_evidence(look, i, name, pipeline) for i, name in enumerate(names))
    fields = [_field(name, pipeline, table, found) for name, found in zip(names, evidence, strict=True)]
    guessed = [name for name in names if name not in pipeline.columns]
    return Reading(
        format=look.format,
        told=reader.told(look),
        confidence=look.confidence,
        fields=tuple(fields),
        evidence=evidence,
        records=look.records,
        typed=all(look.has_records or table.known(name) for name in guessed),
        has_records=look.has_records,
        changed=tuple(table.changed),
        empty=tuple(glimpse.uri for glimpse in glimpses if glimpse not in full),
    )


def _evidence(look: Look, place: int, name: str, pipeline: Pipeline) -> Evidence:
    """What the samples say of a field; nothing of one that is declared, for nobody asks."""
    if name in pipeline.columns:
        return Evidence((), 0, None)
    found = gather(record[place] for record in look.records)
    return replace(found, type=look.types[name], share=1.0, nearly=None) if name in look.types else found


def _field(name: str, pipeline: Pipeline, table: AgainstTable, found: Evidence) -> Field:
    declared = pipeline.columns.get(name)
    if declared is not None:
        table.declared(name, declared.type)
        return Field(name, declared.type, declared.required, declared.format, declared.timezone)
    text = ColumnType.parse("text")
    if table.is_left_out(name) and pipeline.target.contract.new_columns in ("ignore", "reject"):
        return Field(name, text)  # whatever it holds, no cast decides about its records
    return Field(name, table.inferred(name, found.values, found.type) or found.type or text)


def _names(look: Look, pipeline: Pipeline, uri: str) -> list[str]:
    declared = list(pipeline.columns)
    if not any(look.names):
        if declared and len(declared) != len(look.names):
            raise Held(f"{uri} has {len(look.names)} fields and no header; {len(declared)} columns are declared")
        return declared or [f"c{i}" for i in range(1, len(look.names) + 1)]
    names = [name or f"c{i}" for i, name in enumerate(look.names, start=1)]
    for name in names:
        if names.count(name) > 1:
            raise Held(f'{uri}: its header names "{name}" twice; rename one, or declare columns with header: false')
        if name.startswith("_etl_") or name in SYSTEM_COLUMNS or len(name.encode()) > 63:
            raise Held(f'{uri}: its header names "{name[:80]}", which cannot be a column here; rename it')
    missing = [name for name in declared if name not in names]
    if missing and not look.is_open:
        near = get_close_matches(missing[0], names, n=1)
        hint = f'did you mean "{near[0]}"?' if near else f"its header has {', '.join(names)}"
        raise Held(f'{uri} has no column "{missing[0]}", which the pipeline declares; {hint}')
    return names + missing


def _differ_by_more_than_case(names: Sequence[str], uri: str) -> None:
    """PostgreSQL would tell such names apart; the engine does not."""
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(name.casefold(), name)
        if other != name:
            raise Held(f'{uri}: its columns "{other}" and "{name}" differ in letter case only; rename one')
