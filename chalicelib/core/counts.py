"""The law: what goes in must come out, and every record that does not has a name for it.

In:  ``read = kept + filtered + deduplicated + rejected + combined``
Out: ``produced = loaded + updated + unchanged + late + sifted``

``kept = produced``, unless a step changes the cardinality and reports its own (in, out): what went into it is kept, or
combined if each record that came out stands for many. A record that a step made was not read, so it has its fate on
the way out: ``late`` if it is rejected, ``sifted`` if a later step filters or deduplicates it. ``read`` comes from
a counter of its own (record terminators outside quotes), never from adding up the others; the out side comes from
the publish statements' own row counts.

A record that only publish turned away (it gave way to another record of its key, say) is late there. Once the law is
proved, ``settled`` counts it with what it met, so that for people ``read = loaded + updated + unchanged + filtered +
deduplicated + rejected``. ``removed`` are rows that the publish took away; no equation has them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from chalicelib.core.errors import BrokenLaw


@dataclass(frozen=True, slots=True)
class Cardinality:
    """What steps did to the number of records: ``records_in`` went in, ``records_out`` came out. They add up."""

    records_in: int
    records_out: int

    def __add__(self, other: "Cardinality") -> "Cardinality":
        return Cardinality(self.records_in + other.records_in, self.records_out + other.records_out)


@dataclass(frozen=True, slots=True)
class Counts:
    """Records of one batch or of one run, by what became of them. Adding two adds each count."""

    read: int = 0
    kept: int = 0
    filtered: int = 0
    deduplicated: int = 0
    rejected: int = 0
    combined: int = 0
    produced: int = 0
    loaded: int = 0
    updated: int = 0
    unchanged: int = 0
    late: int = 0
    removed: int = 0
    sifted: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(Counts)))

    def written(self, written: "Written") -> "Counts":
        """These counts with the out side that a publish reports."""
        return replace(
            self,
            loaded=written.loaded,
            updated=written.updated,
            unchanged=written.unchanged,
            late=self.late + written.deduplicated,
            removed=written.removed,
        )

    def settled(self, *, deduplicated: int = 0, rejected: int = 0) -> "Counts":
        """These counts with late records where people look for them; both equations hold as before.

        Only for records that were read: what a run-scope step made has no place on the way in and stays late.

        >>> Counts(read=3, kept=3, produced=3, loaded=2, late=1).settled(deduplicated=1).deduplicated
        1
        """
        late = deduplicated + rejected
        return replace(
            self,
            kept=self.kept - late,
            produced=self.produced - late,
            late=self.late - late,
            deduplicated=self.deduplicated + deduplicated,
            rejected=self.rejected + rejected,
        )

    def to_json(self) -> dict[str, int]:
        """Each count under its public name, ``records_<count>``."""
        return {f"records_{f.name}": getattr(self, f.name) for f in fields(Counts)}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Counts":
        """Read what ``to_json`` wrote; a missing count is 0."""
        return cls(*(int(document.get(f"records_{f.name}") or 0) for f in fields(cls)))


@dataclass(frozen=True, slots=True)
class Written:
    """What the statements of one publish did, by their own row counts.

    Each record that was produced is ``loaded`` (a new row), ``updated`` (it changed a row, or took it away),
    ``unchanged`` (the table knew it already) or ``deduplicated`` (it gave way to a higher record of its key).
    ``removed`` counts rows that are no longer there, or no longer current.
    """

    loaded: int = 0
    updated: int = 0
    unchanged: int = 0
    deduplicated: int = 0
    removed: int = 0


#: No records at all.
NONE = Counts()


def prove_in(counts: Counts, *, cardinality: Cardinality | None = None) -> None:
    """Prove the equation of the way in: every record read has one fate.

    Raises:
        BrokenLaw: with both sides in numbers.
    """
    accounted = counts.kept + counts.filtered + counts.deduplicated + counts.rejected + counts.combined
    if counts.read != accounted:
        raise BrokenLaw(
            f"{counts.read:,} records read, but {accounted:,} accounted for (kept {counts.kept:,}, filtered"
            f" {counts.filtered:,}, deduplicated {counts.deduplicated:,}, rejected {counts.rejected:,}, combined"
            f" {counts.combined:,}); nothing was published",
        )
    reported = (cardinality.records_in, cardinality.records_out) if cardinality else (counts.kept, counts.kept)
    went_in = counts.kept + (counts.combined if cardinality else 0)
    if (went_in, counts.produced) != reported:
        raise BrokenLaw(
            f"{went_in:,} records kept or combined and {counts.produced:,} produced, but the steps report"
            f" {reported[0]:,} in and {reported[1]:,} out; nothing was published",
        )


def prove_out(counts: Counts) -> None:
    """Prove the equation of the way out: every record produced reached the table or was named late.

    Raises:
        BrokenLaw: with both sides in numbers.
    """
    written = counts.loaded + counts.updated + counts.unchanged + counts.late + counts.sifted
    if counts.produced != written:
        raise BrokenLaw(
            f"{counts.produced:,} records produced, but the publish statements wrote {written:,} (loaded"
            f" {counts.loaded:,}, updated {counts.updated:,}, unchanged {counts.unchanged:,}, late"
            f" {counts.late:,}, sifted {counts.sifted:,}); nothing was published",
        )
