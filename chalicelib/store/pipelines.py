"""Pipelines in the control plane: applied by people, read by whoever starts or carries out a run."""

from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches

from chalicelib.core.errors import NotFound
from chalicelib.core.pipeline import Pipeline
from chalicelib.postgres.connection import Row, transaction
from chalicelib.postgres.statements import statements
from chalicelib.store.plane import Plane

SQL = statements("chalicelib.store", "pipelines.sql")


@dataclass(frozen=True, slots=True)
class Applied:
    """A pipeline as it is in force: its document and the number of that version, from 1."""

    pipeline: Pipeline
    number: int
    digest: str
    created_at: datetime
    applied_at: datetime


class PostgresPipelines:
    """See ``ports.Pipelines``; beyond it, what people apply and read."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane

    def apply(self, pipeline: Pipeline) -> Applied:
        """Put a document in force: a new version, or the one that says the same already."""
        name, digest = pipeline.name, pipeline.digest()
        with self._plane.connected() as session, transaction(session) as connection:
            connection.run(SQL["lock"], name=name)
            known = connection.one(SQL["version_of"], name=name, digest=digest)
            newest = connection.one(SQL["newest_number"], name=name) or [0]
            number = known[0] if known else newest[0] + 1
            connection.run(SQL["save_pipeline"], name=name, number=number)
            if not known:
                document = pipeline.canonical()
                connection.run(SQL["add_version"], name=name, number=number, digest=digest, document=document)
        return self.current(name)

    def current(self, name: str) -> Applied:
        """The pipeline's version in force.

        Raises:
            NotFound: if no pipeline of that name was applied; the message has the nearest name.
        """
        with self._plane.connected() as connection:
            rows = connection.run(SQL["current"], name=name)
        if not rows:
            near = get_close_matches(name, [each.pipeline.name for each in self.all()], n=1)
            hint = f"did you mean {near[0]}?" if near else "`etlplus apply FILE` makes it known"
            raise NotFound(f"there is no pipeline {name}; {hint}")
        return _applied(rows[0])

    def all(self) -> list[Applied]:
        """All pipelines' versions in force, by name."""
        with self._plane.connected() as connection:
            return [_applied(row) for row in connection.run(SQL["current"], name=None)]

    def document(self, name: str, digest: str) -> Pipeline:
        """The very version that a run was queued with.

        Raises:
            NotFound: if it was never applied.
        """
        with self._plane.connected() as connection:
            found = connection.one(SQL["document"], name=name, digest=digest)
        if not found:
            raise NotFound(f"pipeline {name} has no version {digest[:12]}")
        return Pipeline.model_validate_json(found[0])


def _applied(row: Row) -> Applied:
    return Applied(Pipeline.model_validate_json(row[2]), row[0], row[1], row[3], row[4])
