"""Fates: what became of each record of a stream, counted and kept compactly until the rejects are located."""

import json
from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chalicelib.core.counts import Cardinality, Counts
from chalicelib.core.reject import Reason


@dataclass(slots=True)
class Fates:
    """What became of the records of one stream, filled while it runs.

    ``rejected`` holds record numbers in order and ``codes`` their causes' codes: compact, for a stream may reject
    millions. ``refused`` counts those that screening turned away before. ``late`` are records that a run-scope step
    made and that a later step or rule turned away: they have no number, so their values stand here as JSON.
    ``broken`` counts by rule.
    """

    causes: tuple[Reason, ...]
    read: int = 0
    kept: int = 0
    filtered: int = 0
    rejected: "array[int]" = field(default_factory=lambda: array("q"))
    codes: list[str] = field(default_factory=list)
    refused: int = 0
    late: list[tuple[str, str]] = field(default_factory=list)
    broken: Counter[str] = field(default_factory=Counter)
    cardinality: Cardinality | None = None

    def reject(self, record: int, code: str) -> None:
        """Note that the record of that number is out: filtered or rejected, as its code says."""
        if code.startswith("f"):
            self.filtered += 1
            self.broken[self.causes[int(code[1:])].key] += 1
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

    def turn_away(self, record: Mapping[str, Any], code: str) -> None:
        """Note that a made record is out."""
        self.late.append((json.dumps(dict(record), default=str, ensure_ascii=False), code.replace("f", ",")))
        self.warn(code.removeprefix("f"))

    def warn(self, code: str) -> None:
        """Count the rules behind a code, each once."""
        self.broken.update({reason.key for reason in self.reasons(code)})

    def reasons(self, code: str) -> tuple[Reason, ...]:
        """The reasons behind a fate's code, each once."""
        return tuple(dict.fromkeys(self.causes[int(part)] for part in code.split(",") if part))

    def gathered(self, made: int) -> None:
        """Note that a run-scope step took all that was kept so far and made ``made`` records of it."""
        records_in = self.cardinality.records_in if self.cardinality else self.kept
        self.cardinality = Cardinality(records_in, len(self.late) + made)

    def counts(self) -> Counts:
        """The counts of the way in, for the law."""
        return Counts(
            read=self.read,
            kept=self.cardinality.records_in if self.cardinality else self.kept,
            filtered=self.filtered,
            rejected=len(self.rejected) + self.refused,
            produced=self.cardinality.records_out if self.cardinality else self.kept,
            late=len(self.late),
        )
