"""The ledger: the record of every publish into a table, with the table's hash after it."""

from dataclasses import dataclass
from datetime import datetime

from chalicelib.core.counts import NONE, Counts

MODULUS = 2**64


@dataclass(frozen=True, slots=True)
class TableHash:
    """An order-independent hash of a table's rows: two sums modulo 2^64, taken over data columns only.

    Hashes of disjoint sets of rows add up, so a publish moves it by what it wrote: ``H' = H + written - removed``.
    It detects accidents, not attackers. ``rows`` travels along, so an equal hash means an equal count too.
    """

    first: int = 0
    second: int = 0
    rows: int = 0

    def __add__(self, other: "TableHash") -> "TableHash":
        return TableHash(
            (self.first + other.first) % MODULUS,
            (self.second + other.second) % MODULUS,
            self.rows + other.rows,
        )

    def __sub__(self, other: "TableHash") -> "TableHash":
        return TableHash(
            (self.first - other.first) % MODULUS,
            (self.second - other.second) % MODULUS,
            self.rows - other.rows,
        )

    def __str__(self) -> str:
        return f"{self.first:016x}{self.second:016x}"

    @classmethod
    def parse(cls, text: str, rows: int) -> "TableHash":
        """Read what ``str`` wrote (32 hexadecimal digits)."""
        return cls(int(text[:16], 16), int(text[16:], 16), rows)


#: The hash of no rows.
NO_ROWS = TableHash()


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One publish: which run wrote how many rows into which table, and the table's hash after it.

    ``number`` is the ``_etl_run`` of the rows it wrote. ``counts`` are the run's final ones: they stand here because a
    run whose COMMIT was answered to nobody finds its outcome in the ledger. ``notes`` are sentences for people about
    what the publish did besides.
    """

    number: int
    run_id: str
    pipeline: str
    table: str
    rows_written: int
    table_hash: TableHash
    published_at: datetime
    counts: Counts = NONE
    notes: tuple[str, ...] = ()
