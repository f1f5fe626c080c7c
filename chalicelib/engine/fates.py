"""Fates: what became of each record of a stream, counted and kept compactly until the rejects are located."""

import json
from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chalicelib.core.counts import Cardinality, Counts
from chalicelib.core.reject import DEDUPLICATE, Reason


@dataclass(slots=True)
class Fates:
    """What became of the records of one stream, filled while it runs.

    ``rejected`` holds record numbers in order and ``codes`` their causes' codes: compact, for a stream may reject
    millions. ``refused`` counts those that screening turned away before. ``late`` are records that a step made and
    that a later step or rule turned away: they stand in no object, so their values are here as JSON, with the number
    of the record they were made of, if it was one. ``sifted`` counts made records that were filtered or deduplicated.
    ``broken`` counts by rule.
    """

    causes: tuple[Reason, ...]
    read: int = 0
    kept: int = 0
    filtered: int = 0
    deduplicated: int = 0
    rejected: "array[int]" = field(default_factory=lambda: array("q"))
    codes: list[str] = field(default_factory=list)
    refused: int = 0
    late: list[tuple[str, str, int | None]] = field(default_factory=list)
    broken: Counter[str] = field(default_factory=Counter)
    cardinality: Cardinality | None = None
    combined: int = 0
    sifted: int = 0

    def reject(self, record: int, code: str) -> None:
        """Note that the record of that number is out: filtered, deduplicated or rejected, as its code says."""
        if code.startswith("f"):
            cause = self.causes[int(code[1:])]
            self.filtered += cause.rule != DEDUPLICATE
            self.deduplicated += cause.rule == DEDUPLICATE
            self.broken[cause.key] += 1
            return
        self.rejected.append(record)
        self.codes.append(code if not self.codes or self.codes[-1] != code else self.codes[-1])
        self.warn(code)

    def refuse(self, records: int) -> None:
        """Note records that screening refused: they were read, and never reached the stream."""
        self.refused = records
        self.read += records
        if records:
            self.broken["structure"] += records

    def sift(self, code: str, records: int) -> None:
        """Note that made records were filtered or deduplicated, for the cause behind their code."""
        self.sifted += records
        self.broken[self.causes[int(code[1:])].key] += records

    def turn_away(self, values: Mapping[str, Any], code: str, record: int | None = None) -> None:
        """Note that a made record is rejected; ``record`` is the number of the one that it was made of."""
        told = json.dumps(dict(values), default=str, ensure_ascii=False)
        self.late.append((told, code, record))
        self.warn(code)

    def warn(self, code: str) -> None:
        """Count the rules behind a code, each once."""
        self.broken.update({reason.key for reason in self.reasons(code)})

    def reasons(self, code: str) -> tuple[Reason, ...]:
        """The reasons behind a fate's code, each once."""
        return tuple(dict.fromkeys(self.causes[int(part)] for part in code.split(",") if part))

    def gathered(self, made: int, *, combines: bool = False) -> None:
        """Note that a step took all that was kept so far and made ``made`` records of it, or combined it into them."""
        records_in = self.cardinality.records_in if self.cardinality else self.kept
        if self.cardinality is None and combines:
            self.combined = records_in
        self.cardinality = Cardinality(records_in, len(self.late) + self.sifted + made)

    def counts(self) -> Counts:
        """The counts of the way in, for the law."""
        return Counts(
            read=self.read,
            kept=self.kept - self.combined,
            filtered=self.filtered,
            deduplicated=self.deduplicated,
            rejected=len(self.rejected) + self.refused,
            combined=self.combined,
            produced=self.cardinality.records_out if self.cardinality else self.kept,
            late=len(self.late),
            sifted=self.sifted,
        )
