"""A table that runs write into, mode by mode: what tests of the write modes do and prove each time."""

import os
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from making import load, pipeline, places, query

from chalicelib.core.run import Run
from chalicelib.core.table import TableName
from chalicelib.postgres.connection import Dsn
from chalicelib.targets.postgres import PostgresTarget


@dataclass
class Table:
    """public.t in a database of its own, and a folder of files to load."""

    dsn: Dsn
    folder: Path
    columns: dict[str, str]

    def __post_init__(self) -> None:
        self._numbers = count(1)

    def load(self, text: str, name: str | None = None, *, mtime: int | None = None, **target: Any) -> Run:
        """Load a file of ``text`` as ``target`` says, and prove what holds after every publish."""
        path = self.folder / (name or f"{next(self._numbers)}.csv")
        path.write_text(text, encoding="utf-8")
        if mtime is not None:
            os.utime(path, (mtime, mtime))
        declared = {key: kind for key, kind in self.columns.items() if key in text.splitlines()[0].split(",")}
        parts = {key: target.pop(key) for key in ("rules", "transforms") if key in target}
        parts["name"] = target.pop("pipeline", "test")
        base = pipeline(path, columns=declared, format={"header": True}).plain()
        document = type(pipeline()).model_validate({**base, "target": {**base["target"], **target}, **parts})
        run = load(document, places(self.dsn, self.dsn, self.folder))
        if run.status == "succeeded":
            self.prove(run)
        return run

    def prove(self, run: Run) -> None:
        """The incremental hash equals a full scan, and the counts add up for a person."""
        target = PostgresTarget(self.dsn)
        try:
            assert run.table_hash == str(target.full_hash(TableName.parse(run.table)))
        finally:
            target.close()
        found = run.to_json()
        names = ("loaded", "updated", "unchanged", "filtered", "deduplicated", "rejected")
        assert found["records_read"] == sum(found[f"records_{name}"] for name in names)

    def rows(self, columns: str = "*", more: str = "ORDER BY 1, 2") -> list[list[Any]]:
        return query(self.dsn, f"SELECT {columns} FROM public.t {more}")

    def run(self, sql: str, **values: Any) -> list[list[Any]]:
        return query(self.dsn, sql, **values)


def counted(run: Run) -> dict[str, int]:
    """The out side of a run's counts, without zeros."""
    assert run.status == "succeeded", run.failure
    names = ("loaded", "updated", "unchanged", "removed", "deduplicated", "rejected")
    return {name: getattr(run.counts, name) for name in names if getattr(run.counts, name)}
