"""Plan: decide all that a run will do, before it does anything."""

from collections.abc import Sequence

from chalicelib.core.drift import Drift
from chalicelib.core.errors import Refused
from chalicelib.core.lookup import Pinned
from chalicelib.core.manifest import ObjectVersion
from chalicelib.core.outcome import Duplicate
from chalicelib.core.pipeline import Pipeline
from chalicelib.core.pipeline import Target as TargetDocument
from chalicelib.core.plan import Plan, TableShape, TargetColumn
from chalicelib.core.writing import check_alone, data_shape, keyed, writing_notes
from chalicelib.engine.gather import needs_the_whole_run
from chalicelib.engine.pinning import pin
from chalicelib.engine.plugins.installed import pins
from chalicelib.engine.program import compile_program, compile_steps
from chalicelib.engine.session import parser
from chalicelib.planning.columns import drift, made, matched
from chalicelib.planning.glimpse import glimpse
from chalicelib.planning.notes import notes
from chalicelib.planning.reading import Reading, read
from chalicelib.ports import ObjectStore, Source, Target
from chalicelib.rules.columns import check_references

#: A run-scope step gathers the run in one batch; above this size it is refused.
RUN_SCOPE_LIMIT_BYTES = 2 * 1024**3


def plan(run_id: str, pipeline: Pipeline, *, source: Source, target: Target, work: ObjectStore) -> Plan | Duplicate:
    """Pin the objects, decide dialect and types from samples, and compile the program once to prove that it does.

    The rows of looked-up tables are pinned, too, into the run's folder.

    Raises:
        Held: if the data's columns break the contract with the document or with the table.
        InvalidPipeline: if a step or a rule does not compile for these columns.
        Refused: if the table cannot be written to in this mode, or one that is looked up cannot be pinned.
    """
    target.prepare()
    table = pipeline.target.table
    shape = _writable(target.shape(table), pipeline.target)
    versions = source.find()
    loaded = target.loaded_by(table, pipeline.name, versions) if shape else {}  # a table that is gone holds nothing
    left = [version for version in versions if loaded.get(version, run_id) == run_id]  # ours may have gone through
    if not left:
        return Duplicate(next(iter(loaded.values())))
    newer = target.newer_of(table, pipeline.name, left) if shape and pipeline.target.keeps_order else {}
    versions = [version for version in _newest(pipeline, left) if version not in newer]
    if not versions:
        return Duplicate(next(iter(newer.values())), superseded=True)
    reading = read([glimpse(source, version) for version in versions], pipeline, shape)
    lookups = pin(run_id, pipeline, target=target, work=work)
    columns, found = _columns(pipeline, reading, shape, sum(v.size_bytes for v in versions), lookups)
    check_references(pipeline, columns, target.shape, found.missing)
    plugins = pins(pipeline.transforms)
    return Plan(
        run_id=run_id,
        pipeline=pipeline,
        table=table,
        objects=tuple(versions),
        format=reading.format,
        fields=reading.fields,
        columns=columns,
        create=shape is None,
        notes=(
            *notes(reading, pipeline, shape, columns, found),
            *writing_notes(pipeline.target, shape),
            *(pinned.note for pinned in lookups),
            *(f"plugin {each}" for each in plugins),
        ),
        drift=found,
        together=_together(pipeline),
        lookups=lookups,
        plugins=plugins,
    )


def _together(pipeline: Pipeline) -> bool:
    if not pipeline.transforms:
        return False
    with parser() as sql:
        return needs_the_whole_run(pipeline.transforms, sql)


def _newest(pipeline: Pipeline, versions: Sequence[ObjectVersion]) -> Sequence[ObjectVersion]:
    """Of several versions of one object the newest, where it makes the others void; else all of them."""
    if not pipeline.target.keeps_order:
        return versions
    last = {(version.bucket, version.key): version for version in versions}  # they come in order
    return list(last.values())


def _columns(
    pipeline: Pipeline, reading: Reading, shape: TableShape | None, size_bytes: int, lookups: Sequence[Pinned]
) -> tuple[tuple[TargetColumn, ...], Drift]:
    if not reading.typed and shape is None:
        return (), Drift()
    with parser() as sql:
        relation, _ = compile_steps(pipeline, reading.fields, sql, lookups)
        if size_bytes > RUN_SCOPE_LIMIT_BYTES and needs_the_whole_run(pipeline.transforms, sql):
            limit = RUN_SCOPE_LIMIT_BYTES // 1024**2
            raise Refused(f"a step needs the whole run at once, {size_bytes >> 20:,} MB; the limit is {limit:,} MB")
        if shape is None:
            columns, found = made(relation.columns, reading.fields), Drift()
        else:
            found = drift(relation.columns, shape, reading.changed, has_records=reading.has_records)
            columns = matched(relation.columns, shape, found, pipeline)
        columns = keyed(pipeline.target, columns)
        rejects = pipeline.target.contract.new_columns == "reject"
        unwanted = tuple(new.name for new in found.new) if rejects else ()
        compile_program(pipeline, reading.fields, columns, sql, unwanted, missing=found.missing, lookups=lookups)
    return columns, found


def _writable(shape: TableShape | None, target: TargetDocument) -> TableShape | None:
    table = target.table
    if shape is not None and not shape.is_table:
        raise Refused(f"{table} is no plain table; name a table, or load into another one")
    if shape is None:
        return None
    check_alone(target, shape)
    return data_shape(target, shape)
