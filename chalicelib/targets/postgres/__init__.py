"""PostgreSQL as a target: the ledger, staging and the publishing transaction, beside the tables they describe."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

import pg8000.exceptions
import pyarrow as pa

from chalicelib.core.errors import Fatal, Retriable
from chalicelib.core.ledger import LedgerEntry, TableHash
from chalicelib.core.lookup import Pinned
from chalicelib.core.manifest import ObjectVersion
from chalicelib.core.plan import Plan, TableShape
from chalicelib.core.table import TableName
from chalicelib.postgres.connection import Connection, Dsn, transaction
from chalicelib.postgres.faults import translated
from chalicelib.postgres.migrate import migrate
from chalicelib.postgres.session import Session
from chalicelib.postgres.statements import statements
from chalicelib.targets.postgres.catalogue import relation, shape
from chalicelib.targets.postgres.claims import entry, identity, loader, superseder
from chalicelib.targets.postgres.publication import LOCK_TIMEOUT_S, PostgresPublication
from chalicelib.targets.postgres.rows import rows
from chalicelib.targets.postgres.staging import Staging, drop_staging
from chalicelib.targets.postgres.table_hash import hash_rows

SQL = statements("chalicelib.targets.postgres", "ledger.sql")


class PostgresTarget:
    """See ``ports.Target``. A lock that another session holds is waited for ``lock_timeout_s`` seconds."""

    def __init__(self, dsn: Dsn, *, lock_timeout_s: float = LOCK_TIMEOUT_S) -> None:
        self._session = Session(dsn)
        self._lock_timeout_s = lock_timeout_s

    def prepare(self) -> None:
        """Create or migrate ``etl_target`` and ``etl_stage``."""
        with translated("the schema etl_target"):
            migrate(self._session.connection(), "chalicelib.targets.postgres.migrations", schema="etl_target")

    def shape(self, table: TableName) -> TableShape | None:
        """The table as the catalogue knows it, or None."""
        with translated(table):
            return shape(self._session.connection(), table)

    def loaded_by(self, table: TableName, pipeline: str, objects: Sequence[ObjectVersion]) -> dict[ObjectVersion, str]:
        """Which of ``objects`` are in the ledger already, with the run that loaded each."""
        connection = self._session.connection()
        with translated(table):
            found = {version: loader(connection, table, pipeline, version) for version in objects}
        return {version: run_id for version, run_id in found.items() if run_id is not None}

    def newer_of(self, table: TableName, pipeline: str, objects: Sequence[ObjectVersion]) -> dict[ObjectVersion, str]:
        """Which of ``objects`` have a newer version in the ledger, with the run that loaded it."""
        connection = self._session.connection()
        with translated(table):
            found = {version: superseder(connection, table, pipeline, version) for version in objects}
        return {version: run_id for version, run_id in found.items() if run_id is not None}

    def rows(self, asked: Pinned, limit_bytes: int) -> Iterator[pa.RecordBatch]:
        """The rows that a lookup asks for, of one snapshot, as text: its keys, then its columns."""
        return rows(self._session.connection(), asked, limit_bytes)

    def staging(self, plan: Plan) -> Staging:
        """The run's staging table as a sink."""
        with translated(plan.table):
            return Staging(self._session.connection(), plan)

    def discard(self, run_id: str) -> None:
        """Drop a run's staging table, if it has one."""
        self._discard(run_id, self._lock_timeout_s)

    def discard_ended(self, ended: Callable[[Sequence[str]], Sequence[str]]) -> int:
        """Drop the staging of the runs that ``ended`` tells from others, and return of how many.

        A run leaves some if its process was killed, or if the database was away, or still at work for it, when it
        ended. What is not to be had at once is left for the next time.
        """
        cleared = 0
        with suppress(Retriable, Fatal):
            with translated("the schema etl_stage"):
                staged = [str(row[0]) for row in self._session.connection().run(SQL["staged_runs"])]
            for run_id in ended(staged) if staged else ():
                with suppress(Retriable):
                    self._discard(run_id, 0.001)
                    cleared += 1
        return cleared

    def _discard(self, run_id: str, lock_timeout_s: float) -> None:
        with translated("the schema etl_stage"), transaction(self._session.connection()) as connection:
            connection.run(f"SET LOCAL lock_timeout = {max(1, round(lock_timeout_s * 1000))}")
            drop_staging(connection, run_id)

    @contextmanager
    def publication(self, plan: Plan) -> Iterator[PostgresPublication]:
        """Begin the publishing transaction; the end of the block commits what was sealed, and nothing else."""
        connection = self._session.connection()
        with translated(plan.table):
            objects = _object_ids(connection, plan)
            connection.run("BEGIN")
            try:
                publication = PostgresPublication(connection, plan, objects, lock_timeout_s=self._lock_timeout_s)
                yield publication
                connection.run("COMMIT" if publication.sealed else "ROLLBACK")
            except BaseException:
                _roll_back(connection)
                raise

    def entry_of(self, run_id: str) -> LedgerEntry | None:
        """The ledger's entry of a run, if it has published."""
        connection = self._session.connection()
        with translated("the ledger"):
            row = connection.one(SQL["entry_of_run"], run_id=run_id)
        return entry(row) if row else None

    def full_hash(self, table: TableName) -> TableHash:
        """Hash the whole table by a full scan: what the incremental hash must equal."""
        connection = self._session.connection()
        with translated(table):
            found = shape(connection, table)
            columns = [(column.name, column.type) for column in found.columns] if found else []
            return hash_rows(connection, relation(table), columns) if found else TableHash()

    def close(self) -> None:
        """Close the connection."""
        self._session.close()


def _object_ids(connection: Connection, plan: Plan) -> dict[ObjectVersion, int]:
    """Make the plan's objects known and return their ids; each is a transaction of its own, harmless if left over."""
    ids = {}
    for version in plan.objects:
        facts = {"size_bytes": version.size_bytes, "last_modified": version.last_modified}
        connection.run(SQL["add_object"], **identity(version), **facts)
        found = connection.one(SQL["object_id"], **identity(version))
        ids[version] = int(found[0]) if found else 0
    return ids


def _roll_back(connection: Connection) -> None:
    """Roll back; where the connection broke, the server does it by itself."""
    if not connection.broken:
        with suppress(pg8000.exceptions.Error):
            connection.run("ROLLBACK")
