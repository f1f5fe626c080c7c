"""What the tests make: pipelines, plans, batches of records, runs. Real parts only."""

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa

from chalicelib.bootstrap.local import Places, run_in_process
from chalicelib.core.counts import Counts, prove_in, prove_out
from chalicelib.core.manifest import Batch, Manifest, ObjectVersion
from chalicelib.core.pipeline import CsvFormat, Pipeline
from chalicelib.core.plan import LINE, Field, Plan, TargetColumn
from chalicelib.core.run import Run
from chalicelib.core.table import TableName
from chalicelib.core.types import ColumnType
from chalicelib.postgres.connection import Dsn, connected
from chalicelib.progress import Unwatched as Silent

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def query(dsn: Dsn, sql: str, **values: Any) -> list[list[Any]]:
    with connected(dsn) as connection:
        return connection.run(sql, **values)


def pipeline(path: object = "none.csv", **parts: Any) -> Pipeline:
    """A pipeline on a file; ``parts`` are those of the document, ``format`` and ``table`` among them."""
    source = {"type": "file", "path": str(path), "format": parts.pop("format", None)}
    target = {"type": "postgres", "table": parts.pop("table", "public.t"), "provenance": parts.pop("provenance", True)}
    document = {"version": 1, "name": "test", "source": source, "target": target, **parts}
    return Pipeline.model_validate(document)


def load(document: Pipeline, where: Places) -> Run:
    """Carry a run to its end and prove what holds for every run."""
    run = run_in_process(document, where, Silent())
    assert run.finished_at is not None
    if run.status == "succeeded":
        prove_in(run.counts)
        prove_out(run.counts)
    return run


def places(control: Dsn, target: Dsn, folder: Path) -> Places:
    return Places(control, target, folder / "work")


def version(name: str = "a.csv", content: str = "1") -> ObjectVersion:
    return ObjectVersion("file", f"/data/{name}", content, 10, AT)


def run_id(number: int) -> str:
    return str(UUID(int=number))


def plan(
    number: int = 1, *, columns: dict[str, str] | None = None, objects: Iterable[ObjectVersion] = (), **parts: Any
):
    """A plan of the run ``number`` that writes ``columns`` into public.t, which does not exist yet."""
    types = {name: ColumnType.parse(kind) for name, kind in (columns or {"a": "bigint", "b": "text"}).items()}
    facts = {"create": True, "table": TableName("public", "t"), **parts}
    return Plan(
        run_id=run_id(number),
        pipeline=facts.pop("pipeline", pipeline()),
        objects=tuple(objects) or (version(),),
        format=CsvFormat(delimiter=",", quote='"', header=True, encoding="utf-8", nulls=("",)),
        fields=tuple(Field(name, kind) for name, kind in types.items()),
        columns=tuple(TargetColumn(name, kind) for name, kind in types.items()),
        **facts,
    )


def manifest(of: Plan, records: int = 0) -> Manifest:
    return Manifest(tuple(Batch(i, each, records) for i, each in enumerate(of.objects, start=1)))


def records(first: int, size: int) -> pa.RecordBatch:
    """Records of the columns a (bigint) and b (text), numbered from ``first``."""
    numbers = range(first, first + size)
    arrays = [pa.array(numbers, pa.int64()), pa.array([f"b{n}" for n in numbers]), pa.array(numbers, pa.int64())]
    return pa.record_batch(arrays, names=["a", "b", LINE])


def wrote(size: int) -> Counts:
    return Counts(read=size, kept=size, produced=size, loaded=size)


def environment(**names: object) -> dict[str, str]:
    """The environment of a process of ours: it finds our code, and warns of nothing."""
    root = Path(__file__).parents[1]
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return {**kept, "PYTHONPATH": f"{root}{os.pathsep}{root / 'tests'}", **{k: str(v) for k, v in names.items()}}
