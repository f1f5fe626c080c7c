"""Judging: the rules that need the whole run, or another table, as SQL inside the publishing transaction.

Rules on single records (``unique``, ``foreign_key``) are judged in staging, before a row is inserted: all of them see
the same records; then those that one of them rejects leave staging, and its markers with them. Rules on what the run
comes to (``freshness``, ``sum``, ``mean``) are measured over the records that are left, in staging or, after a direct
COPY, in the table itself.
"""

from collections.abc import Callable, Iterator, Sequence

from chalicelib.core.errors import BrokenLaw
from chalicelib.core.manifest import Manifest
from chalicelib.core.outcome import Judged
from chalicelib.core.pipeline import MeasuredRule, StagedRule
from chalicelib.core.plan import LINE, Plan
from chalicelib.core.reject import Reject, Severity, raw_of
from chalicelib.postgres.connection import Connection
from chalicelib.postgres.identifiers import quote
from chalicelib.targets.postgres.breaches import breaches
from chalicelib.targets.postgres.measures import measure
from chalicelib.targets.postgres.staging import staging_table, verify_staged

#: Rejects that are held at once.
FETCHED = 2_000


def judge_staged(
    connection: Connection,
    plan: Plan,
    manifest: Manifest,
    keep: Callable[[Reject], object],
    *,
    leaving: Sequence[int] = (),
) -> Judged:
    """Judge the records in staging and take out those that are rejected; ``keep`` gets each, in the run's order.

    ``leaving`` are the objects whose rows this publish takes away.

    A reject has no byte range yet, and its values as JSON where its bytes will stand.

    Raises:
        StagingLost: if staging is not what the manifest says.
        BrokenLaw: if other records left staging than were told.
    """
    if not any(isinstance(rule, StagedRule | MeasuredRule) for rule in plan.pipeline.rules):
        return Judged()
    staging = _Staging(connection, plan, leaving)
    verify_staged(connection, plan, manifest)
    connection.run(f"LOCK TABLE {staging.table} IN EXCLUSIVE MODE")  # a load that comes late waits
    return Judged(*staging.judged(manifest, keep), measured=measure(connection, plan, staging.table, "true"))


class _Staging:
    """A run's staging table while it is judged. ``_broke`` is a table beside it: who broke which rule, and how."""

    def __init__(self, connection: Connection, plan: Plan, leaving: Sequence[int]) -> None:
        self.table = staging_table(plan.run_id)
        self._connection, self._plan, self._breaches = connection, plan, breaches(plan, leaving)
        self._broke = f"etl_stage.{quote('j' + plan.run_id.replace('-', ''))}"

    def judged(
        self, manifest: Manifest, keep: Callable[[Reject], object]
    ) -> tuple[dict[str, int], int, tuple[str, ...]]:
        """How many records broke each rule, how many are out, and the rules of severity ``fail`` that were broken."""
        if not self._breaches:
            return {}, 0, ()
        self._connection.run(f"CREATE UNLOGGED TABLE {self._broke} (place tid, breach integer)")
        for number, breach in enumerate(self._breaches):
            found = f"SELECT place, {number} FROM ({breach.places}) AS found"
            self._connection.run(f"INSERT INTO {self._broke} {found}", **breach.values)
        broken = self._counted()
        self._pardon()
        told, late = self._tell(manifest, keep), self._take_out()
        if late != told:
            raise BrokenLaw(f"{self._plan.table}: {told:,} records are rejected, {late:,} left; nothing was published")
        self._connection.run(f"DROP TABLE {self._broke}")
        severe = {each.reason.key for each in self._breaches if each.reason.severity is Severity.FAIL}
        return broken, late, tuple(key for key, records in broken.items() if records and key in severe)

    def _counted(self) -> dict[str, int]:
        """How many records break each rule, whichever way they do."""
        broken = {}
        for key in dict.fromkeys(breach.reason.key for breach in self._breaches):
            ways = [number for number, breach in enumerate(self._breaches) if breach.reason.key == key]
            sql = f"SELECT count(DISTINCT place) FROM {self._broke} WHERE breach = ANY(:ways::int[])"
            row = self._connection.one(sql, ways=ways)
            broken[key] = int(row[0]) if row else 0
        return broken

    def _pardon(self) -> None:
        """Forget what only warns."""
        warns = [number for number, each in enumerate(self._breaches) if each.reason.severity is Severity.WARN]
        self._connection.run(f"DELETE FROM {self._broke} WHERE breach = ANY(:warns::int[])", warns=warns)

    def _tell(self, manifest: Manifest, keep: Callable[[Reject], object]) -> int:
        """Hand the rejects to ``keep``; return how many there are."""
        told, uris = 0, {batch.number: batch.object.uri for batch in manifest.batches}
        for batch, line, ways, values in self._rejects():
            reasons = tuple(self._breaches[way].reason for way in ways)
            keep(Reject(batch, uris[batch], line, None, None, raw_of(values), reasons))
            told += 1
        return told

    def _take_out(self) -> int:
        """Delete the rejects from staging and from its markers; return how many the server deleted."""
        gone = self._connection.one(
            f"WITH gone AS (DELETE FROM {self.table} AS s USING (SELECT DISTINCT place FROM {self._broke}) AS j"
            " WHERE s.ctid = j.place RETURNING s._etl_batch AS batch),"
            " marked AS (UPDATE etl_stage.batches AS b SET row_count = row_count - g.size"
            " FROM (SELECT batch, count(*) AS size FROM gone GROUP BY batch) AS g"
            " WHERE b.run_id = :run_id AND b.batch = g.batch)"
            " SELECT count(*) FROM gone",
            run_id=self._plan.run_id,
        )
        return int(gone[0]) if gone else 0

    def _rejects(self) -> Iterator[tuple[int, int | None, list[int], str]]:
        """The rejected records in the run's order: batch, record number, breaches, values as JSON."""
        values = ", ".join(f"s.{quote(column.name)}" for column in self._plan.columns)
        self._connection.run(  # v.* is the row, v may be a column
            "DECLARE etl_judged NO SCROLL CURSOR FOR"
            f" SELECT s._etl_batch, s.{LINE}, j.ways, row_to_json(v.*)::text"
            f" FROM (SELECT place, array_agg(breach ORDER BY breach) AS ways FROM {self._broke} GROUP BY place) AS j"
            f" JOIN {self.table} AS s ON s.ctid = j.place CROSS JOIN LATERAL (SELECT {values}) AS v"
            f" ORDER BY s._etl_batch, s.{LINE}, s.ctid"
        )
        while rows := self._connection.run(f"FETCH {FETCHED} FROM etl_judged"):
            yield from rows
        self._connection.run("CLOSE etl_judged")
