"""Notes: what a plan decided and a person should see. No values of the records are among them."""

from collections.abc import Iterator, Sequence

from chalicelib.core.drift import Drift
from chalicelib.core.pipeline import Pipeline
from chalicelib.core.plan import TableShape, TargetColumn
from chalicelib.planning.reading import Reading

_NEW = {"evolve": "is added", "ignore": "is not loaded", "reject": "must be empty: a record with a value is rejected"}
_CHANGED = {"evolve": "is widened", "reject": "values that do not fit are rejects"}


def notes(
    reading: Reading, pipeline: Pipeline, shape: TableShape | None, columns: Sequence[TargetColumn], drift: Drift
) -> tuple[str, ...]:
    """The plan's notes, most important first."""
    table = str(pipeline.target.table)
    empty = (f"{uri} is empty: no header and no record" for uri in reading.empty)
    found = [reading.told, *empty, *_drift(drift, pipeline), *_doubts(reading, pipeline)]
    if shape is None and columns:
        found.append(f"creates {table} ({', '.join(f'{c.name} {c.type}' for c in columns)})")
    if shape is None and not columns:
        found.append("no record to infer types from: no table is created yet")
    if shape is not None and not shape.has_provenance:
        found.append(f"{table} gets the columns _etl_run, _etl_object and _etl_line")
    return tuple(found)


def _drift(drift: Drift, pipeline: Pipeline) -> Iterator[str]:
    contract = pipeline.target.contract
    for new in drift.new:
        yield f"drift: + {new.name} {new.type}, {_NEW[contract.new_columns]}"
    for missing in drift.missing:
        change = ", its NOT NULL is dropped" if missing.required else ""
        yield f"drift: - {missing.name} {missing.type}, stays NULL{change}"
    for line in Drift(changed=drift.changed).lines():
        yield f"drift: {line}, {_CHANGED[contract.type_change]}"


def _doubts(reading: Reading, pipeline: Pipeline) -> Iterator[str]:
    """The inferred types that the samples do not agree on: text, though most values are of another type."""
    for field, found in zip(reading.fields, reading.evidence, strict=True):
        if found.nearly and field.name not in pipeline.columns and field.type == found.type:
            yield f"{field.name} is text: {found.share:.1%} of {len(found.values):,} sampled values are {found.nearly}"
