"""Writing: what the modes share. The records in staging, the table, and the statements between the two."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from chalicelib.core.counts import Written
from chalicelib.core.errors import BrokenLaw
from chalicelib.core.ledger import NO_ROWS, TableHash
from chalicelib.core.plan import DELETED, LINE, Plan, TargetColumn
from chalicelib.postgres.connection import Connection
from chalicelib.postgres.identifiers import quote
from chalicelib.targets.postgres.catalogue import relation
from chalicelib.targets.postgres.images import Images
from chalicelib.targets.postgres.staging import staging_table, unstaged
from chalicelib.targets.postgres.table_hash import row_hash, summed

#: What a sort or a hash of the statements may take on the server; one publish of a table runs at a time.
WORK_MEMORY = "64MB"
#: A small sample tells how many keys there are. What a decision hands on is narrow, so workers may share the join.
_FOR_DECISIONS = ("default_statistics_target = 5", "parallel_tuple_cost = 0.01")


class Op(StrEnum):
    """What is decided for a record, as it stands in the column ``op`` of the decisions."""

    INSERT = "i"  #: a new row, or version
    UPDATE = "u"  #: its row changes, or the version that it corrects
    DELETE = "d"  #: its row goes, or the version that began at its very time
    CLOSE = "c"  #: the version ends elsewhere now
    GONE = "g"  #: its key has no version from here on
    NOTHING = "n"  #: all is as it says


@dataclass(frozen=True, slots=True)
class Change:
    """What a mode did to the table.

    The table's hash moves by it: ``H' = H - taken + added``; ``anew``: no row of before is there any more.
    """

    written: Written
    added: TableHash = NO_ROWS
    taken: TableHash = NO_ROWS
    anew: bool = False


@dataclass(slots=True)
class Writing:
    """One publish out of staging.

    ``objects`` gives each batch's object id, ``hashed`` are the names and types of all data columns of the table.
    In the statements ``t`` is the table, ``s`` staging, ``b`` the batches and ``d`` the decisions, one row a record.
    """

    connection: Connection
    plan: Plan
    number: int
    objects: dict[int, int]
    hashed: Sequence[tuple[str, str]]
    images: Images = field(init=False)
    run_time: str = field(init=False, default="now()")

    def __post_init__(self) -> None:
        """Open the table's before-images."""
        self.images = Images(self.connection, self.plan.table, self.number, self.hashed, self.plan.pipeline.target.keys)

    @property
    def table(self) -> str:
        """The table, as SQL."""
        return relation(self.plan.table)

    @property
    def staging(self) -> str:
        """The staging table, as SQL."""
        return staging_table(self.plan.run_id)

    @property
    def decisions(self) -> str:
        """The table of decisions, as SQL: ``staged`` and ``place`` are the rows' places, ``op`` is what to do."""
        return f"etl_stage.{quote('d' + self.plan.run_id.replace('-', ''))}"

    @property
    def values(self) -> list[tuple[str, str]]:
        """Each column that is written, quoted, with the SQL of its value over ``s`` and ``b``."""
        columns = [(quote(column.name), unstaged(column)) for column in self.plan.columns]
        if self.plan.pipeline.target.provenance:
            columns += [("_etl_run", str(self.number)), ("_etl_object", "b.object_id"), ("_etl_line", f"s.{LINE}")]
        return columns

    @property
    def gone(self) -> str:
        """The SQL that says of a record of ``s`` whether it takes its key's row away."""
        return f"s.{DELETED}" if self.plan.pipeline.target.delete_when is not None else "false"

    def column(self, name: str) -> TargetColumn:
        """The written column of that name."""
        return next(column for column in self.plan.columns if column.name == name)

    def staged(self, *, by: str = "") -> str:
        """FROM items: the records with their objects; ``by`` joins them with something before."""
        start = f"{by} JOIN {self.staging} AS s ON s.ctid = d.staged" if by else f"{self.staging} AS s"
        if not self.plan.pipeline.target.provenance:
            return start
        pairs = ", ".join(f"({batch}, {found})" for batch, found in self.objects.items()) or "(NULL::int, NULL::int)"
        return f"{start} JOIN (VALUES {pairs}) AS b (batch, object_id) ON b.batch = s._etl_batch"

    def lock(self) -> None:
        """Keep other writers off the table until COMMIT: a row's place must mean that row. Readers read on.

        The run's time is that of the lock, so later publishes have later ones; ``run_time`` is its SQL.
        """
        self.connection.run(f"LOCK TABLE {self.table} IN SHARE ROW EXCLUSIVE MODE")
        self.connection.run(f"SET LOCAL work_mem = '{WORK_MEMORY}'")
        now = self.connection.one("SELECT quote_literal(clock_timestamp()) || '::timestamptz'")
        self.run_time = str(now[0]) if now else self.run_time

    def prepare(self) -> None:
        """Lock the table, and let the server know staging's keys, or it would hash the table and look them up in it."""
        self.lock()
        for setting in _FOR_DECISIONS:
            self.connection.run(f"SET LOCAL {setting}")
        keys = ", ".join(map(quote, self.plan.pipeline.target.keys))
        self.connection.run(f"ANALYZE {self.staging} ({keys})")

    def insert(self, source: str, more: Sequence[tuple[str, str]] = (), *, into: str | None = None) -> TableHash:
        """Insert the records of ``source`` (FROM and WHERE over ``s`` and ``b``) and return the new rows' hash."""
        columns = [*self.values, *more]
        hashed = row_hash(self.connection, self.hashed, of="t")
        return summed(
            self.connection,
            f"INSERT INTO {into or self.table} AS t ({', '.join(name for name, _ in columns)})"
            f" SELECT {', '.join(value for _, value in columns)} FROM {source} RETURNING {hashed} AS h",
            moving=True,
        )

    def update(
        self, columns: Sequence[tuple[str, str]], source: str, op: Op, decided: int
    ) -> tuple[TableHash, TableHash]:
        """Set ``columns`` in the rows that are decided to be ``op``; return their hash before and after.

        Raises:
            BrokenLaw: if these are not as many rows as were decided.
        """
        if not decided:
            return NO_ROWS, NO_ROWS
        chosen = f"{DECIDED} AND d.op = '{op}'"
        taken, added = self.images.update(
            f"UPDATE {self.table} AS t SET {', '.join(f'{name} = {value}' for name, value in columns)}"
            f" FROM {source} WHERE {chosen}",
            f"{self.table} AS t, {self.decisions} AS d WHERE {chosen}",
        )
        self.prove("kept", decided, taken.rows)
        self.prove("updated", decided, added.rows)
        return taken, added

    def delete(self, decided: int) -> TableHash:
        """Delete the rows that are decided to go; return their hash.

        Raises:
            BrokenLaw: if these are not as many rows as were decided.
        """
        if not decided:
            return NO_ROWS
        chosen = f"{DECIDED} AND d.op = '{Op.DELETE}'"
        taken = self.images.keep(f"{self.table} AS t, {self.decisions} AS d WHERE {chosen}", "d")
        self.prove("kept", decided, taken.rows)
        self.connection.run(f"DELETE FROM {self.table} AS t USING {self.decisions} AS d WHERE {chosen}")
        self.prove("deleted", decided, int(self.connection.row_count))
        return taken

    def decided(self) -> Counter[str]:
        """How many decisions there are of each ``Op``."""
        found = self.connection.run(f"SELECT op::text, count(*) FROM {self.decisions} GROUP BY op")
        return Counter({op: int(count) for op, count in found})

    def prove(self, what: str, decided: int, done: int) -> None:
        """A statement must have done what was decided.

        Raises:
            BrokenLaw: with both numbers.
        """
        if decided != done:
            raise BrokenLaw(f"{self.plan.table}: {decided:,} rows to be {what}, {done:,} were; nothing was published")


#: What joins the table's rows with the decisions about them, also where the table is partitioned.
DECIDED = "t.ctid = d.place AND t.tableoid = d.relation"


def comparable(sql: str, column: TargetColumn) -> str:
    """The SQL of a column's value in a form that has equality: json has none, its text has."""
    return f"{sql}::text" if column.type.base == "json" else sql
