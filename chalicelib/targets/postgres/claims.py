"""Claims: which run loaded an object version into a table; one does so, once."""

from collections.abc import Sequence

from chalicelib.core.counts import Counts
from chalicelib.core.ledger import LedgerEntry, TableHash
from chalicelib.core.manifest import ObjectVersion
from chalicelib.core.plan import Plan
from chalicelib.core.table import TableName
from chalicelib.postgres.connection import Connection, Row
from chalicelib.postgres.statements import statements

SQL = statements("chalicelib.targets.postgres", "ledger.sql")


def loader(connection: Connection, table: TableName, pipeline: str, version: ObjectVersion) -> str | None:
    """The run that loaded the object version, or None."""
    row = connection.one(SQL["loaded_by"], table_name=str(table), pipeline=pipeline, **identity(version))
    return str(row[0]) if row else None


def superseder(connection: Connection, table: TableName, pipeline: str, version: ObjectVersion) -> str | None:
    """The run that loaded a newer version of the object, or None. Newer is what was modified later."""
    row = connection.one(
        SQL["newer_version"],
        table_name=str(table),
        pipeline=pipeline,
        bucket=version.bucket,
        key=version.key,
        last_modified=version.last_modified,
    )
    return str(row[0]) if row else None


def claim(
    connection: Connection, table: TableName, pipeline: str, version: ObjectVersion, *, object_id: int, number: int
) -> str | None:
    """Claim the object version, known as ``object_id``, for the publish ``number``; return None, or who has it."""
    key = {"table_name": str(table), "pipeline": pipeline}
    if connection.one(SQL["claim_object"], **key, object_id=object_id, number=number) is not None:
        return None
    return loader(connection, table, pipeline, version) or "another run"


def older_objects(connection: Connection, plan: Plan, objects: Sequence[int]) -> list[int]:
    """The other versions of ``objects`` (ids) whose rows the publish takes away; none unless the document says so."""
    target = plan.pipeline.target
    if target.write != "append" or target.on_new_version != "replace":
        return []
    key = {"table_name": str(plan.table), "pipeline": plan.pipeline.name}
    return [int(row[0]) for row in connection.run(SQL["other_versions"], **key, objects=list(objects))]


def identity(version: ObjectVersion) -> dict[str, str]:
    """What makes an object version itself, as the statements name it."""
    return {"bucket": version.bucket, "key": version.key, "version": version.version}


def entry(row: Row) -> LedgerEntry:
    """A ledger row as the statements return it."""
    number, run_id, pipeline, table, rows_written, hash_after, rows_after, published_at, counts, notes = row
    return LedgerEntry(
        number=int(number),
        run_id=str(run_id),
        pipeline=str(pipeline),
        table=str(table),
        rows_written=int(rows_written or 0),
        table_hash=TableHash.parse(hash_after, int(rows_after)),
        published_at=published_at,
        counts=Counts.from_json(counts or {}),
        notes=tuple(notes or ()),
    )
