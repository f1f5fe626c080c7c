"""A reject: a record that broke the contract, with all its reasons and the bytes it came from."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

#: The most raw bytes that are kept of a reject.
RAW_LIMIT_BYTES = 65_536
#: The rule of a record that another one, equal in the columns of the step ``deduplicate``, stands for.
DEDUPLICATE = "deduplicate"


class Severity(StrEnum):
    """What a broken rule does: count it, reject the record, or hold the whole run."""

    WARN = "warn"
    REJECT = "reject"
    FAIL = "fail"


def raw_of(values: str) -> bytes:
    """The bytes of a record that is known by its values only, cut between two characters where they are too many.

    >>> len(raw_of("x" + "é" * RAW_LIMIT_BYTES))
    65535
    """
    return values.encode()[:RAW_LIMIT_BYTES].decode(errors="ignore").encode()


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason: the rule that was broken, the column it is about (if one) and a sentence for people.

    ``place`` is where the rule stands in the document, ``name`` what it alone is counted under; what no document states
    (a type, the structure) has neither.
    """

    rule: str
    message: str
    column: str | None = None
    severity: Severity = Severity.REJECT
    place: str = ""
    name: str = ""

    @property
    def key(self) -> str:
        """What the rule is counted under: its name, or its word and the column."""
        return self.name or (f"{self.rule}:{self.column}" if self.column else self.rule)

    def to_json(self) -> dict[str, str | None]:
        """The reason as JSON values."""
        return {
            "rule": self.rule,
            "column": self.column,
            "message": self.message,
            "severity": self.severity.value,
            "place": self.place,
            "name": self.name,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Reason":
        """Read what ``to_json`` wrote."""
        return cls(**{**document, "severity": Severity(document["severity"])})


@dataclass(frozen=True, slots=True)
class Reject:
    """One rejected record of ``object``, named as people name it.

    ``record`` is its 1-based number in the object, the header not counted. ``start`` and ``end`` are byte offsets in
    the decompressed object, without the record's terminator; ``raw`` holds the bytes between them, cut at 64 KiB.
    A record that a step made has no place, and a number only if one record went into it: its ``raw`` holds its values
    as JSON. So does that of a record that publish rejected, until its bytes are found.
    """

    batch: int
    object: str
    record: int | None
    start: int | None
    end: int | None
    raw: bytes
    reasons: tuple[Reason, ...]

    def to_json(self) -> dict[str, Any]:
        """The reject for people and programs; ``raw`` as text, bytes that are no UTF-8 as backslash escapes."""
        return {
            "batch": self.batch,
            "object": self.object,
            "record": self.record,
            "start": self.start,
            "end": self.end,
            "reasons": [reason.to_json() for reason in self.reasons],
            "raw": self.raw.decode("utf-8", "backslashreplace"),
        }

    def to_line(self) -> bytes:
        """The reject as a line of two JSON texts, itself and its reasons, that ``from_line`` reads back exactly."""
        raw = base64.b64encode(self.raw).decode("ascii")
        document = [self.batch, self.object, self.record, self.start, self.end, raw]
        return json.dumps(document).encode() + b"\t" + _reasons_line(self.reasons) + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> "Reject":
        """Read what ``to_line`` wrote."""
        document, reasons = line.split(b"\t")
        batch, of_object, record, start, end, raw = json.loads(document)
        return cls(batch, of_object, record, start, end, base64.b64decode(raw), _reasons_of_line(reasons))


@lru_cache
def _reasons_line(reasons: tuple[Reason, ...]) -> bytes:
    """The reasons as JSON; thousands of rejects share a few."""
    return json.dumps([reason.to_json() for reason in reasons]).encode()


@lru_cache
def _reasons_of_line(line: bytes) -> tuple[Reason, ...]:
    return tuple(map(Reason.from_json, json.loads(line)))
