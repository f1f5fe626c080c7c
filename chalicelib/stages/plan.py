"""Plan: decide all that a run will do, before it does anything."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from chalicelib.core.dialect import Dialect
from chalicelib.core.errors import Held, InvalidPipeline, Refused
from chalicelib.core.outcome import Duplicate
from chalicelib.core.pipeline import Pipeline, Rename
from chalicelib.core.plan import Field, Plan, Sample, TableShape, TargetColumn
from chalicelib.core.types import ColumnType
from chalicelib.engine.casts import made_type
from chalicelib.engine.gather import needs_the_whole_run
from chalicelib.engine.inference import data_records, decide_dialect, head_records, infer_type
from chalicelib.engine.program import compile_program, compile_steps
from chalicelib.engine.session import parser
from chalicelib.ports import Source, Target
from chalicelib.relations.relation import Column

#: A run-scope step gathers the run in one batch; above this size it is refused.
RUN_SCOPE_LIMIT_BYTES = 2 * 1024**3
#: Names that PostgreSQL keeps for itself in every table.
SYSTEM_COLUMNS = frozenset({"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"})


def plan(run_id: str, pipeline: Pipeline, *, source: Source, target: Target) -> Plan | Duplicate:
    """Pin the objects, decide dialect and types from samples, and compile the program once to prove that it does.

    Raises:
        Held: if the data's columns break the contract with the document or with the table.
        InvalidPipeline: if a step or a rule does not compile for these columns.
        Refused: if the table cannot be written to in this mode.
    """
    target.prepare()
    table = pipeline.target.table
    shape = _writable(target.shape(table), str(table))
    versions = source.find()
    loaded = target.loaded_by(table, pipeline.name, versions) if shape else {}  # a table that is gone holds nothing
    left = [version for version in versions if loaded.get(version, run_id) == run_id]  # ours may have gone through
    if not left:
        return Duplicate(next(iter(loaded.values())))
    versions = left
    samples = [source.sample(version) for version in versions]
    read = _read(samples[0], pipeline, shape, versions[0].uri)
    for version, sample in zip(versions[1:], samples[1:], strict=True):
        _same_header(sample, read, version.uri)
    columns = _columns(pipeline, read, shape, sum(v.size_bytes for v in versions))
    return Plan(
        run_id=run_id,
        pipeline=pipeline,
        table=table,
        objects=tuple(versions),
        dialect=read.dialect,
        fields=read.fields,
        columns=columns,
        create=shape is None,
        notes=_notes(read, shape, columns, str(table)),
        together=_together(pipeline),
    )


def _together(pipeline: Pipeline) -> bool:
    with parser() as sql:
        return needs_the_whole_run(pipeline.transforms, sql)


@dataclass(frozen=True, slots=True)
class _Read:
    """How the objects are read; ``typed`` is false when no record was there to infer a type from."""

    dialect: Dialect
    fields: tuple[Field, ...]
    typed: bool


def _read(sample: Sample, pipeline: Pipeline, shape: TableShape | None, uri: str) -> _Read:
    if not sample.head.removeprefix(b"\xef\xbb\xbf").strip():
        raise Held(f"{uri} is empty: it has no header and no record; nothing was published")
    dialect = decide_dialect(sample, pipeline.source.format)
    names = _names(sample, dialect, pipeline, uri)
    _differ_by_more_than_case(names, uri)
    records = data_records(sample, dialect)
    has_records = bool(sample.middle) or len(head_records(sample, dialect)) > dialect.header  # of any form
    known = _catalogue_types(names, pipeline, shape)
    fields, typed = [], True
    for i, name in enumerate(names):
        declared = pipeline.columns.get(name)
        if declared is not None:
            fields.append(Field(name, declared.type, declared.required, declared.format, declared.timezone))
            continue
        inferred = infer_type((record[i] for record in records), dialect.nulls)
        typed = typed and (has_records or name in known)
        fields.append(Field(name, known.get(name) or inferred or ColumnType.parse("text")))
    return _Read(dialect, tuple(fields), typed)


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


def _catalogue_types(names: Sequence[str], pipeline: Pipeline, shape: TableShape | None) -> Mapping[str, ColumnType]:
    """The types of fields that are columns of the existing table, through the renames of the steps."""
    if shape is None:
        return {}
    final = {name: name for name in names}
    for step in pipeline.transforms:
        if isinstance(step, Rename):
            final = {name: step.rename.get(now, now) for name, now in final.items()}
    types = {column.name: column.type for column in shape.columns}
    found = {}
    for name, now in final.items():
        try:
            found[name] = ColumnType.parse(types[now])
        except (KeyError, ValueError):
            continue
    return found


def _columns(pipeline: Pipeline, read: _Read, shape: TableShape | None, size_bytes: int) -> tuple[TargetColumn, ...]:
    if not read.typed and shape is None:
        return ()
    with parser() as sql:
        relation, _ = compile_steps(pipeline, read.fields, sql)
        if size_bytes > RUN_SCOPE_LIMIT_BYTES and needs_the_whole_run(pipeline.transforms, sql):
            limit = RUN_SCOPE_LIMIT_BYTES // 1024**2
            raise Refused(f"a step needs the whole run at once, {size_bytes >> 20:,} MB; the limit is {limit:,} MB")
        columns = _matched(relation.columns, shape, pipeline) if shape else _made(relation.columns, read)
        compile_program(pipeline, read.fields, columns, sql)
    return columns


def _made(columns: Sequence[Column], read: _Read) -> tuple[TargetColumn, ...]:
    """The columns of a table that does not exist yet."""
    required = {field.name for field in read.fields if field.required}
    made = []
    for column in columns:
        try:
            kind = ColumnType.parse(column.fits) if column.fits else made_type(column.type)
        except ValueError as error:
            raise InvalidPipeline(f"transforms: column {column.name}: {error}") from error
        made.append(TargetColumn(column.name, kind, required=column.name in required and column.fits is not None))
    return tuple(made)


def _matched(columns: Sequence[Column], shape: TableShape, pipeline: Pipeline) -> tuple[TargetColumn, ...]:
    """The columns of the existing table that this run writes, by name; the contract is ``fail`` both ways."""
    table, there = pipeline.target.table, {column.name: column for column in shape.columns}
    new = [column.name for column in columns if column.name not in there]
    if new:
        near = get_close_matches(new[0], there, n=1)
        hint = f'; did you mean "{near[0]}"?' if near else ""
        raise Held(f"{table} has no column {', '.join(new)}{hint} Add it to the table, or rename or drop it in a step")
    names = {column.name for column in columns}
    missing = [c.name for c in shape.columns if c.name not in names and not c.has_default]
    if missing:
        raise Held(f"the data has no column {', '.join(missing)}, which {table} has without a default")
    matched = []
    for column in columns:
        target = there[column.name]
        if target.generated:
            raise Refused(
                f"{table}: column {column.name} is generated by PostgreSQL and cannot be written; drop it in a step"
            )
        try:
            matched.append(TargetColumn(column.name, ColumnType.parse(target.type), required=target.required))
        except ValueError as error:
            raise Refused(f"{table}: column {column.name}: {error}") from error
    return tuple(matched)


def _writable(shape: TableShape | None, table: str) -> TableShape | None:
    if shape is not None and not shape.is_table:
        raise Refused(f"{table} is no plain table; name a table, or load into another one")
    if shape is not None and shape.triggers:
        raise Refused(f"{table} has the trigger {shape.triggers[0]}, which could change what is loaded; load elsewhere")
    return shape


def _same_header(sample: Sample, read: _Read, uri: str) -> None:
    if not read.dialect.header:
        return
    first = next(iter(head_records(sample, read.dialect)), [])
    names = [field.name for field in read.fields]
    if [field.strip() for field in first] != names:
        raise Held(f"{uri} has another header ({', '.join(first)}) than the first object ({', '.join(names)})")


def _notes(read: _Read, shape: TableShape | None, columns: Sequence[TargetColumn], table: str) -> tuple[str, ...]:
    dialect = read.dialect
    shown = {"\t": "tab"}.get(dialect.delimiter, dialect.delimiter)
    notes = [f"delimiter {shown}, {'a header' if dialect.header else 'no header'}"]
    if shape is None and columns:
        notes.append(f"creates {table} ({', '.join(f'{c.name} {c.type}' for c in columns)})")
    if shape is None and not columns:
        notes.append("no record to infer types from: no table is created yet")
    if shape is not None and not shape.has_provenance:
        notes.append(f"{table} gets the columns _etl_run, _etl_object and _etl_line")
    return tuple(notes)
