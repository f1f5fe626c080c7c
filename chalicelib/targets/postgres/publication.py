"""Publication: one transaction that makes a run's records visible, all of them or none.

The order is what makes it exactly once: the ledger row first (a second attempt of the run waits on it, another run of
the same object waits on its claim), then the data, then the proof, then COMMIT.
"""

import json
from collections.abc import Callable, Iterable, Mapping

import pyarrow as pa

from chalicelib.core.counts import Counts, Written
from chalicelib.core.errors import BrokenLaw, PlanStale
from chalicelib.core.ledger import LedgerEntry, TableHash
from chalicelib.core.manifest import Batch, Manifest, ObjectVersion
from chalicelib.core.outcome import Judged
from chalicelib.core.plan import LINE, Plan, TableShape
from chalicelib.core.reject import Reject
from chalicelib.core.types import ColumnType
from chalicelib.core.writing import check_alone, made_columns
from chalicelib.postgres.connection import Connection
from chalicelib.postgres.identifiers import quote
from chalicelib.postgres.statements import statements
from chalicelib.targets.postgres.catalogue import add_provenance, create_table, relation, shape
from chalicelib.targets.postgres.claims import claim, entry, older_objects, superseder
from chalicelib.targets.postgres.copy import copy_into, with_constants
from chalicelib.targets.postgres.evolution import evolve, evolves, rehashes
from chalicelib.targets.postgres.images import prune
from chalicelib.targets.postgres.judging import judge_staged
from chalicelib.targets.postgres.measures import measure
from chalicelib.targets.postgres.modes import MODES, Change, Writing
from chalicelib.targets.postgres.staging import drop_staging, verify_staged
from chalicelib.targets.postgres.table_hash import hash_rows

SQL = statements("chalicelib.targets.postgres", "ledger.sql")
LOCK_TIMEOUT_S = 30
#: The publish ends this long before the run's own time is up, so that its outcome can still be recorded.
RESERVE_S = 30


class PostgresPublication:
    """See ``ports.Publication``. Made by ``PostgresTarget.publication``, which begins and ends the transaction."""

    def __init__(
        self, connection: Connection, plan: Plan, objects: Mapping[ObjectVersion, int], *, lock_timeout_s: float
    ) -> None:
        self.duplicate_of: str | None = None
        self.superseded = False
        self.done: LedgerEntry | None = None
        self.sealed = False
        self._connection = connection
        self._lock_timeout_s = lock_timeout_s
        self._number = 0
        self._objects = objects
        self._created = False
        self._before = TableHash()
        self._rehashed = False
        self._hashed: list[tuple[str, str]] = []
        self._change: Change | None = None
        self._locked: tuple[TableHash, int] | None = None
        self._open(plan)

    def write(self, plan: Plan, batch: Batch, records: Iterable[pa.RecordBatch]) -> int:
        """COPY a batch's records straight into the table; when ``records`` raises, none of them stays."""
        names = [column.name for column in plan.columns]
        listed, source, constants = names, names, []
        if plan.pipeline.target.provenance:
            listed, source = [*names, "_etl_line", "_etl_run", "_etl_object"], [*names, LINE]
            constants = [
                pa.scalar(self._number, pa.int64()),
                pa.scalar(self._objects[batch.object], pa.int32()),
            ]
        jsonb = frozenset(column.name for column in plan.columns if column.type.base == "jsonb")
        options = "FORMAT binary, FREEZE" if self._created else "FORMAT binary"
        try:
            return copy_into(
                self._connection,
                f"COPY {relation(plan.table)} ({', '.join(map(quote, listed))}) FROM STDIN WITH ({options})",
                (with_constants(record, source, constants, jsonb=jsonb) for record in records),
            )
        except BaseException:
            self._take_back(plan, batch)
            raise

    def check_staged(self, plan: Plan, manifest: Manifest) -> int:
        """Check that staging holds what load put there; return the row count."""
        return verify_staged(self._connection, plan, manifest)

    def judge(self, plan: Plan, manifest: Manifest | None, keep: Callable[[Reject], object]) -> Judged:
        """Judge the run's records in staging, or after a direct COPY in the table; rejects leave staging."""
        if manifest is not None:
            leaving = older_objects(self._connection, plan, list(self._objects.values()))
            return judge_staged(self._connection, plan, manifest, keep, leaving=leaving)
        return Judged(measured=measure(self._connection, plan, relation(plan.table), self._mine(plan)))

    def write_staged(self, plan: Plan, manifest: Manifest) -> Written:
        """Write what stands in staging as the write mode says; return what became of each record."""
        if plan.pipeline.target.keeps_order:  # before the table itself may be another
            self._locked = self._locked_hash(plan)
        objects = {batch.number: self._objects[batch.object] for batch in manifest.batches}
        writing = Writing(self._connection, plan, self._number, objects, self._hashed)
        self._change = MODES[plan.pipeline.target.write](writing) if self._hashed else Change(Written())
        drop_staging(self._connection, plan.run_id)
        return self._change.written

    def seal(self, plan: Plan, counts: Counts) -> LedgerEntry:
        """Move the table's hash by what was written, prune what is kept, complete the ledger row.

        What a direct COPY wrote is found, hashed and counted here; the other ways have done so as they wrote.
        """
        rows_written = counts.loaded + counts.updated
        change = self._change or self._copied(plan, rows_written)
        before, version = self._locked or (self._locked_hash(plan) if self._hashed else (TableHash(), 0))
        after = change.added if change.anew else before - change.taken + change.added
        if self._hashed:
            key = {"table_name": str(plan.table), "relation": relation(plan.table), "version": version + 1}
            self._connection.run(SQL["set_table_hash"], **key, hash=str(after), row_count=after.rows)
        notes = prune(self._connection, plan.table, plan.pipeline.target.keep)
        row = self._connection.one(
            SQL["complete_entry"],
            number=self._number,
            table_version=version + 1,
            rows_written=rows_written,
            hash_written=str(change.added),
            hash_after=str(after),
            rows_after=after.rows,
            counts=json.dumps(counts.to_json()),
            notes=json.dumps(notes),
        )
        self.sealed = True
        return entry(row or [])

    def _copied(self, plan: Plan, rows_written: int) -> Change:
        """What COPY wrote straight into the table."""
        added = TableHash()
        if self._hashed:
            added = hash_rows(self._connection, relation(plan.table), self._hashed, where=self._mine(plan))
        if added.rows != rows_written:
            raise BrokenLaw(
                f"{plan.table}: the statements wrote {rows_written:,} rows, {added.rows:,} are found;"
                " nothing was published",
            )
        return Change(Written(loaded=added.rows), added=added)

    def _open(self, plan: Plan) -> None:
        """Take the table's lock, write the ledger row, claim the objects, prepare the table."""
        self._lock(plan)
        now = shape(self._connection, plan.table)
        if now is None:
            self._connection.run(SQL["forget_claims"], table_name=str(plan.table))
        if not self._enter(plan):
            return
        self._claim(plan)
        if self.duplicate_of is None:
            self._connection.run(f"SET LOCAL lock_timeout = {round(self._lock_timeout_s * 1000)}")
            self._prepare_table(plan, now)

    def _lock(self, plan: Plan) -> None:
        """Wait for other runs' publishes until this run's own time is up: what they did decides what is left to do.

        Who makes a table, changes it or its rows, or looks for keys, keeps others out.
        """
        limit_ms = max(plan.pipeline.limits.timeout_minutes * 60 - RESERVE_S, 1) * 1000
        self._connection.run(f"SET LOCAL statement_timeout = {limit_ms}")
        changes = plan.pipeline.target.keeps_order or evolves(plan)
        alone = plan.create or changes or plan.judges_in_staging or not self._is_known(plan)
        lock = "pg_advisory_xact_lock" if alone else "pg_advisory_xact_lock_shared"
        self._connection.run(f"SELECT {lock}(hashtextextended(:name, 7302))", name=str(plan.table))

    def _enter(self, plan: Plan) -> bool:
        """Write the ledger row; false if the run has one, so that it is ``done``."""
        found = self._connection.one(
            SQL["add_entry"],
            run_id=plan.run_id,
            pipeline=plan.pipeline.name,
            digest=plan.pipeline.digest(),
            table_name=str(plan.table),
            write_mode=plan.pipeline.target.write,
        )
        if found is None:
            row = self._connection.one(SQL["entry_of_run"], run_id=plan.run_id)
            self.done = entry(row or [])
            return False
        self._number = int(found[0])
        return True

    def _is_known(self, plan: Plan) -> bool:
        if self._connection.one("SELECT to_regclass(:name)", name=relation(plan.table)) == [None]:
            return False
        key = {"table_name": str(plan.table), "relation": relation(plan.table)}
        return self._connection.one(SQL["table_hash"], **key) is not None

    def _claim(self, plan: Plan) -> None:
        """Claim every object for this run; ``duplicate_of`` names the run that was faster with all of them.

        Raises:
            PlanStale: if another run loaded some of them since the plan, so that only the others are left.
        """
        of = (self._connection, plan.table, plan.pipeline.name)
        newer = {v: superseder(*of, v) for v in self._objects} if plan.pipeline.target.keeps_order else {}
        taken = {
            version: newer.get(version) or claim(*of, version, object_id=object_id, number=self._number)
            for version, object_id in self._objects.items()
        }
        others = {version: run_id for version, run_id in taken.items() if run_id is not None}
        if len(others) == len(plan.objects):
            self.duplicate_of = next(iter(others.values()))
            self.superseded = any(newer.values())
        elif others:
            version, other_run = next(iter(others.items()))
            what = f"a newer version of {version.uri}" if newer.get(version) else version.uri
            raise PlanStale(f"{what} was loaded by run {other_run} since the plan was made; start the run again")

    def _prepare_table(self, plan: Plan, now: TableShape | None) -> None:
        if plan.create != (now is None) and not (now and _is_as_planned(plan, now)):
            change = "was created" if plan.create else "is gone"
            raise PlanStale(f"{plan.table} {change} since the plan was made; start the run again")
        if now is None:
            self._create(plan)
            return
        check_alone(plan.pipeline.target, now)
        now = evolve(self._connection, plan, now)
        self._hashed = [(column.name, column.type) for column in now.columns]
        self._rehashed = rehashes(plan)
        if self._rehashed or not self._is_known(plan):
            self._before = hash_rows(self._connection, relation(plan.table), self._hashed)
        if plan.pipeline.target.provenance and not now.has_provenance:
            self._connection.run(add_provenance(plan))

    def _create(self, plan: Plan) -> None:
        if not plan.columns:
            return
        for statement in create_table(plan):
            self._connection.run(statement)
        self._created = True
        made = made_columns(plan.pipeline.target, plan.columns)
        self._hashed = [(column.name, str(column.type)) for column in made]

    def _locked_hash(self, plan: Plan) -> tuple[TableHash, int]:
        """The table's hash before this publish and its version, locked until COMMIT."""
        key = {"table_name": str(plan.table), "relation": relation(plan.table)}
        row = self._connection.one(SQL["lock_table_hash"], **key)
        if row is None:
            return self._before, 0
        return (self._before if self._rehashed else TableHash.parse(row[0], int(row[1]))), int(row[2])

    def _mine(self, plan: Plan) -> str:
        """The condition that finds the rows of this transaction."""
        if plan.pipeline.target.provenance:
            return f"_etl_run = {self._number}"
        return "xmin = pg_current_xact_id()::xid"

    def _take_back(self, plan: Plan, batch: Batch) -> None:
        """Delete what an interrupted COPY left, unless the transaction is lost already and its rows with it."""
        if not self._connection.in_transaction:
            return
        mine = self._mine(plan)
        if plan.pipeline.target.provenance:
            mine += f" AND _etl_object = {self._objects[batch.object]}"
        self._connection.run(f"DELETE FROM {relation(plan.table)} WHERE {mine}")


def _is_as_planned(plan: Plan, now: TableShape) -> bool:
    """Whether a table that another run created meanwhile is the very one that the plan would have created."""
    made = made_columns(plan.pipeline.target, plan.columns)
    planned = [(column.name, column.type, column.required) for column in made]
    try:
        found = [(column.name, ColumnType.parse(column.type), column.required) for column in now.columns]
    except ValueError:
        return False
    is_plain = now.is_table and not now.triggers and now.has_provenance == plan.pipeline.target.provenance
    return plan.create and is_plain and planned == found
