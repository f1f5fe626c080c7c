"""Staging: the per-run UNLOGGED table that load fills and nobody reads, with a marker for each batch."""

from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa

from chalicelib.core.errors import BrokenLaw, StagingLost
from chalicelib.core.manifest import Batch, Manifest
from chalicelib.core.plan import LINE, Plan, TargetColumn
from chalicelib.postgres.connection import Connection, transaction
from chalicelib.postgres.faults import translated
from chalicelib.postgres.identifiers import quote
from chalicelib.postgres.statements import statements
from chalicelib.targets.postgres.copy import copy_into, with_constants

SQL = statements("chalicelib.targets.postgres", "ledger.sql")


def staging_table(run_id: str) -> str:
    """The run's staging table, as SQL."""
    return f"etl_stage.{quote('r' + run_id.replace('-', ''))}"


def carried(column: TargetColumn) -> str:
    """The type of a column in staging: what its records travel as."""
    return "text" if column.type.travels_as_text else str(column.type)


class Staging:
    """The staging table as a sink: a write is one transaction, with a marker a batch; a second replaces the first."""

    def __init__(self, connection: Connection, plan: Plan) -> None:
        self._connection = connection
        self._create(plan)

    def write(self, plan: Plan, batch: Batch, records: Iterable[pa.RecordBatch]) -> int:
        """Copy a batch's records into staging and return how many there are."""
        return self.write_group(plan, [batch], ((batch.number, record) for record in records))

    def write_group(self, plan: Plan, batches: Sequence[Batch], records: Iterable[tuple[int, pa.RecordBatch]]) -> int:
        """Copy the records of several batches, each with its batch's number, and return how many there are."""
        with translated(plan.table):
            return self._write(plan, dict.fromkeys((batch.number for batch in batches), 0), records)

    def _write(self, plan: Plan, counts: dict[int, int], records: Iterable[tuple[int, pa.RecordBatch]]) -> int:
        names = [*(column.name for column in plan.carried), LINE]
        jsonb = frozenset(column.name for column in plan.carried if column.type.base == "jsonb")
        with transaction(self._connection) as connection:
            numbers = list(counts)
            connection.run(SQL["mark_batches"], run_id=plan.run_id, batches=numbers)
            connection.run(
                f"DELETE FROM {staging_table(plan.run_id)} WHERE _etl_batch = ANY(cast(:batches AS integer[]))",
                batches=numbers,
            )

            def numbered() -> Iterator[pa.RecordBatch]:
                for number, record in records:
                    counts[number] += record.num_rows
                    yield with_constants(record, names, [pa.scalar(number, pa.int32())], jsonb=jsonb)

            columns = ", ".join([*map(quote, names), "_etl_batch"])
            rows = copy_into(
                connection,
                f"COPY {staging_table(plan.run_id)} ({columns}) FROM STDIN WITH (FORMAT binary)",
                numbered(),
            )
            if rows != sum(counts.values()):
                raise BrokenLaw(f"{plan.table}: {sum(counts.values()):,} records were sent to staging, {rows:,} came")
            sizes = [counts[number] for number in numbers]
            connection.run(SQL["count_batches"], run_id=plan.run_id, batches=numbers, sizes=sizes)
        return rows

    def _create(self, plan: Plan) -> None:
        columns = [f"{quote(column.name)} {carried(column)}" for column in plan.carried]
        with transaction(self._connection) as connection:
            connection.run("SELECT pg_advisory_xact_lock(hashtextextended(:run_id, 0))", run_id=plan.run_id)
            connection.run(
                f"CREATE UNLOGGED TABLE IF NOT EXISTS {staging_table(plan.run_id)}"
                f" ({', '.join([*columns, f'{LINE} bigint', '_etl_batch integer'])})",
            )


def verify_staged(connection: Connection, plan: Plan, manifest: Manifest) -> int:
    """Check that staging holds what the manifest says and return its row count.

    Raises:
        StagingLost: if a marker or a row is missing, as after a crash of the database.
    """
    exists = connection.one("SELECT to_regclass(:name) IS NOT NULL", name=staging_table(plan.run_id))
    marked = dict(connection.run(SQL["staged_batches"], run_id=plan.run_id))
    expected = {batch.number for batch in manifest.batches}
    if not exists or not exists[0] or set(marked) != expected:
        raise StagingLost(f"staging of run {plan.run_id} holds {len(marked)} of {len(expected)} batches")
    found = connection.one(f"SELECT count(*) FROM {staging_table(plan.run_id)}")
    rows = int(found[0]) if found else 0
    if rows != sum(marked.values()):
        raise StagingLost(f"staging of run {plan.run_id} holds {rows:,} of {sum(marked.values()):,} rows")
    return rows


def unstaged(column: TargetColumn) -> str:
    """The SQL of a column of staging, or of the table itself, as ``s``: in the type that the table has."""
    name = f"s.{quote(column.name)}"
    return f"{name}::{column.type}" if column.type.travels_as_text else name


def drop_staging(connection: Connection, run_id: str) -> None:
    """Remove a run's staging table and its markers; harmless when there are none."""
    connection.run(f"DROP TABLE IF EXISTS {staging_table(run_id)}")
    connection.run(SQL["forget_batches"], run_id=run_id)
