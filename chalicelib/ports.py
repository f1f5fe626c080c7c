"""The ports: what the inside asks of the outside, each as a small Protocol. Adapters stand at the edge."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

from chalicelib.core.counts import Counts, Written
from chalicelib.core.delivery import ObjectCreated
from chalicelib.core.dialect import UTF_8
from chalicelib.core.ledger import LedgerEntry
from chalicelib.core.lookup import Pinned
from chalicelib.core.manifest import Batch, Manifest, ObjectVersion, Span
from chalicelib.core.outcome import Judged
from chalicelib.core.pipeline import Pipeline
from chalicelib.core.plan import Plan, Sample, TableShape
from chalicelib.core.reject import Reject
from chalicelib.core.run import Run
from chalicelib.core.table import TableName
from chalicelib.core.tally import Lines

if TYPE_CHECKING:  # who only publishes or records needs no Arrow
    import pyarrow as pa


class Clock(Protocol):
    """What time it is."""

    def now(self) -> datetime:
        """The time now, aware, in UTC."""
        ...


class Progress(Protocol):
    """Somebody who watches a run."""

    def total(self, records: int) -> None:
        """How many records the run will read."""
        ...

    def advance(self, records: int) -> None:
        """How many more records were read."""
        ...


class SqlParser(Protocol):
    """The engine's own reading of SQL text; it runs nothing."""

    def tree(self, sql: str) -> dict[str, Any]:
        """The syntax tree of ``sql``, or ``{"error": true, "error_message": ...}``."""
        ...

    def text(self, node: dict[str, Any]) -> str:
        """The SQL of one SELECT's tree."""
        ...

    def columns(self, sql: str) -> list[tuple[str, str]]:
        """The names and engine types that the SELECT ``sql`` returns."""
        ...

    def declare(self, table: str, columns: Sequence[tuple[str, str]]) -> None:
        """Make an empty table known under that name, so that queries over it can be read."""
        ...

    def aggregates(self) -> frozenset[str]:
        """The names of all aggregate functions."""
        ...

    def functions(self) -> Mapping[str, bool]:
        """The names of all functions that return a value: whether it follows from the arguments alone."""
        ...


class Source(Protocol):
    """Where records come from."""

    def find(self) -> Sequence[ObjectVersion]:
        """The object versions that are there now, pinned, in (last_modified, key) order; ``NotFound`` if none is."""
        ...

    def lines(self, version: ObjectVersion) -> Lines | None:
        """What was counted of the object's plain bytes while it was pinned, if anything was."""
        ...

    def sample(self, version: ObjectVersion) -> Sample:
        """Bytes from head, middle and tail of an object, decompressed."""
        ...

    def plain(self, version: ObjectVersion, start: int = 0) -> "AbstractContextManager[IO[bytes] | None]":
        """The object's bytes from ``start`` on; None if it is compressed: no part stands alone."""
        ...

    def local(
        self, version: ObjectVersion, encoding: str = UTF_8, span: Span | None = None
    ) -> AbstractContextManager[Path]:
        """The object as a plain local path, decompressed and in UTF-8, for the length of the block.

        With a ``span``, only those of its bytes: it is neither compressed nor in another encoding then.

        Raises:
            SourceMoved: if it is no longer the version that was pinned.
            NotFound: if that version was deleted.
            Held: if its compression is damaged.
        """
        ...


class Find(Protocol):
    """Where records of a batch lie in its object."""

    def __call__(self, batch: int, records: Iterable[int]) -> "Iterator[tuple[int, int | None, int | None, bytes]]":
        """Number, start, end and raw bytes of the records with the given ascending numbers, as far as they are there.

        Records without a place of their own have neither start nor end. It raises what ``Source.local`` does.
        """
        ...


class BatchSink(Protocol):
    """Where transform puts clean records: staging, the table itself, or an object."""

    def write(self, plan: Plan, batch: Batch, records: "Iterable[pa.RecordBatch]") -> int:
        """Write all of ``records`` and return how many there were; when it raises, none is there."""
        ...


class StagingSink(BatchSink, Protocol):
    """A sink that takes several batches at once; each of the records comes with its batch's number."""

    def write_group(self, plan: Plan, batches: Sequence[Batch], records: "Iterable[tuple[int, pa.RecordBatch]]") -> int:
        """Write all of ``records``, as ``write`` does."""
        ...


class ObjectStore(Protocol):
    """The work folder of the runs: a bucket on AWS, a folder on one machine. Keys are ``/``-separated."""

    def writing(self, key: str) -> AbstractContextManager[IO[bytes]]:
        """A stream whose bytes become the object at the end of the block, whole; an error leaves what was there."""
        ...

    def reading(self, key: str) -> AbstractContextManager[IO[bytes]]:
        """The object's bytes.

        Raises:
            NotFound: if there is no such object.
        """
        ...

    def keys(self, prefix: str) -> Sequence[str]:
        """The keys that begin with ``prefix``, sorted."""
        ...

    def remove(self, prefix: str) -> None:
        """Remove the objects whose keys begin with ``prefix``; harmless when there are none."""
        ...


class Publication(BatchSink, Protocol):
    """One publishing transaction on one table; leaving its block without an error commits it."""

    #: The run that already loaded these objects, or None. When set, nothing may be written.
    duplicate_of: str | None
    #: Whether that run loaded newer versions of them.
    superseded: bool
    #: The entry of this very run, if an earlier attempt published it. When set, nothing may be written.
    done: LedgerEntry | None

    def check_staged(self, plan: Plan, manifest: Manifest) -> int:
        """Check that staging holds all that load put there; return the row count.

        Raises:
            StagingLost: if the markers or the rows are not all there.
        """
        ...

    def judge(self, plan: Plan, manifest: Manifest | None, keep: Callable[[Reject], object]) -> Judged:
        """Judge the run's records by the rules that need all of them; ``keep`` gets the rejects, which leave staging.

        With a ``manifest`` they are in staging, and nothing is inserted yet; without, a direct COPY has written them.
        It raises what ``check_staged`` does.
        """
        ...

    def write_staged(self, plan: Plan, manifest: Manifest) -> Written:
        """Write what stands in staging into the table as its write mode says; return what became of each record.

        Raises:
            Held: if the table's own constraints refuse them, or its keys are not unique.
            BrokenLaw: if a statement did not do what was decided.
        """
        ...

    def seal(self, plan: Plan, counts: Counts) -> LedgerEntry:
        """Move the table's hash by what was written, keep within the bounds of ``keep``, complete the ledger row.

        It raises ``BrokenLaw`` if the rows found are not those that ``counts`` says were loaded and updated.
        """
        ...


class Target(Protocol):
    """A database with tables that people read."""

    def prepare(self) -> None:
        """Create or migrate the schemas ``etl_target`` and ``etl_stage``."""
        ...

    def shape(self, table: TableName) -> TableShape | None:
        """The table as the catalogue knows it, or None."""
        ...

    def loaded_by(self, table: TableName, pipeline: str, objects: Sequence[ObjectVersion]) -> dict[ObjectVersion, str]:
        """Which of ``objects`` this pipeline already loaded into the table, with the id of the run that did."""
        ...

    def newer_of(self, table: TableName, pipeline: str, objects: Sequence[ObjectVersion]) -> dict[ObjectVersion, str]:
        """Which of ``objects`` this pipeline loaded a newer version of, with the id of the run that did."""
        ...

    def rows(self, asked: Pinned, limit_bytes: int) -> "Iterator[pa.RecordBatch]":
        """The rows to pin, as text: keys, then columns. Refused if larger than the limit, or not to be read."""
        ...

    def staging(self, plan: Plan) -> StagingSink:
        """The run's staging table as a sink; each write is one transaction with its markers."""
        ...

    def publication(self, plan: Plan) -> AbstractContextManager[Publication]:
        """The publishing transaction of a run; the end of the block commits it, an error rolls it back.

        Raises:
            Held: if the table's own constraints refuse the records.
            Retriable: if the table is locked too long, changed since the plan, or the server went away.
        """
        ...

    def entry_of(self, run_id: str) -> LedgerEntry | None:
        """The ledger's entry of a run, if it has published: the answer to a COMMIT that nobody answered."""
        ...

    def discard(self, run_id: str) -> None:
        """Drop a run's staging, if it has any."""
        ...


class RunLog(Protocol):
    """The runs that are and were."""

    def save(self, run: Run, action: str, message: str) -> None:
        """Store the run as it is now, with one event that says what happened."""
        ...

    def tell(self, run_id: str, action: str, message: str) -> None:
        """Add one event to a run."""
        ...

    def hold(self, run_id: str) -> None:
        """Say that this process carries the run out: when the process is gone, so is the run."""
        ...

    def save_rejects(self, run_id: str, rejects: Iterable[Reject]) -> int:
        """Store a run's rejects, replacing what an earlier attempt stored; return how many."""
        ...


class RunQueue(Protocol):
    """The runs that were asked for and have not begun."""

    def take(self, pipeline: Pipeline, created: Sequence[ObjectCreated], at: datetime) -> Sequence[str]:
        """Queue runs of ``pipeline`` for objects that are there now; return the ids of those to start, old and new.

        Every object version belongs to one run, which is the first that did not fail; a delivery of a version that
        another run has becomes a run that is skipped for it. A delivery that was taken before queues nothing. A small
        object joins a run that still waits; none joins a run that has begun.
        """
        ...


class Machine(Protocol):
    """The state machine that carries runs out."""

    def start(self, run_id: str) -> bool:
        """Start the run's execution; harmless when it is under way. False when it was, and has ended.

        Raises:
            Unreachable: if the service does not answer.
        """
        ...

    def resume(self, run_id: str) -> bool:
        """Have a run without a final status carried on; False when that was tried often enough.

        An execution that ended without recording its run is followed by another, a bounded number of times. It raises
        what ``start`` does.
        """
        ...
