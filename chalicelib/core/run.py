"""A run: one execution of one pipeline, and the only legal ways its status changes.

Rule 1: everything that affects a run's status lives in this file, in ``TRANSITIONS``.
Rule 2: this file does no I/O and never asks what time it is; callers pass ``at``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from chalicelib.core.counts import NONE, Counts


class Status(StrEnum):
    """Where a run stands; the last five are final."""

    QUEUED = "queued"  #: accepted, no stage has begun
    RUNNING = "running"  #: at least one stage has begun
    SUCCEEDED = "succeeded"  #: the table shows the new data
    HELD = "held"  #: the data broke its contract; the table is unchanged
    FAILED = "failed"  #: we broke; the table is unchanged
    CANCELLED = "cancelled"  #: a person stopped it; the table is unchanged
    SKIPPED = "skipped"  #: another run stands for it: duplicate or superseded


class Trigger(StrEnum):
    """Why a run exists."""

    OBJECT = "object"
    SCHEDULE = "schedule"
    PERSON = "person"
    REPLAY = "replay"
    BACKFILL = "backfill"


class Skip(StrEnum):
    """Why a run was skipped for another."""

    DUPLICATE = "duplicate"  #: the other loaded the same object versions
    SUPERSEDED = "superseded"  #: the other loaded newer versions of the objects
    CLAIMED = "claimed"  #: the object version was announced again, and the other is the one that loads it


class Stage(StrEnum):
    """The six stages of the journey, in order."""

    PLAN = "plan"
    EXTRACT = "extract"
    TRANSFORM = "transform"
    LOAD = "load"
    PUBLISH = "publish"
    RECORD = "record"


TRANSITIONS: Mapping[Status, frozenset[Status]] = {
    Status.QUEUED: frozenset({Status.RUNNING, Status.FAILED, Status.CANCELLED, Status.SKIPPED}),
    Status.RUNNING: frozenset(
        {Status.SUCCEEDED, Status.HELD, Status.FAILED, Status.CANCELLED, Status.SKIPPED},
    ),
    Status.HELD: frozenset({Status.RUNNING, Status.CANCELLED}),
    Status.SUCCEEDED: frozenset(),
    Status.FAILED: frozenset(),
    Status.CANCELLED: frozenset(),
    Status.SKIPPED: frozenset(),
}


class IllegalTransition(ValueError):  # noqa: N818 - reads as the fact it reports
    """A run may not go from its status to the one asked for."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a run did not succeed: the stage, the error's class and its message for people."""

    stage: str
    error: str
    message: str


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of one pipeline.

    ``run_id`` is a UUIDv7 text, so ids sort by creation. ``ledger_number`` and ``table_hash`` are set by a publish.
    ``broken`` counts the records that broke each rule, warnings among them.
    ``skipped_for`` names the run that stands for this one, ``skipped_because`` says why.
    """

    run_id: str
    pipeline: str
    pipeline_digest: str
    table: str
    trigger: Trigger
    created_at: datetime
    status: Status = Status.QUEUED
    started_at: datetime | None = None
    finished_at: datetime | None = None
    counts: Counts = NONE
    broken: Mapping[str, int] = field(default_factory=dict)
    table_hash: str | None = None
    ledger_number: int | None = None
    failure: Failure | None = None
    skipped_for: str | None = None
    skipped_because: Skip | None = None

    def moved(self, status: Status, *, at: datetime, **facts: Any) -> "Run":
        """Return this run in ``status``, reached at ``at``, with ``facts`` set on the way.

        A run that is in a final status already stays as it is when it is moved there again: who records a run twice
        changes nothing.

        Raises:
            IllegalTransition: if ``TRANSITIONS`` does not allow it.
        """
        if status is self.status and not TRANSITIONS[status]:
            return self
        if status not in TRANSITIONS[self.status]:
            raise IllegalTransition(f"run {self.run_id} is {self.status} and cannot become {status}")
        if status is Status.RUNNING:
            return replace(self, status=status, started_at=at, **facts)
        return replace(self, status=status, finished_at=at, **facts)

    @property
    def duration_ms(self) -> int | None:
        """Milliseconds from the first stage to the end, or None while it has not ended."""
        if self.started_at is None or self.finished_at is None:
            return None
        return round((self.finished_at - self.started_at).total_seconds() * 1000)

    def to_json(self) -> dict[str, Any]:
        """The run as people and programs read it: one key a fact, counts named as everywhere."""
        return {
            "run_id": self.run_id,
            "pipeline": self.pipeline,
            "table": self.table,
            "status": self.status.value,
            "trigger": self.trigger.value,
            **self.counts.to_json(),
            "rules": dict(self.broken),
            "table_hash": self.table_hash,
            "ledger_number": self.ledger_number,
            "usd_estimated": None,
            "usd": None,
            "created_at": iso(self.created_at),
            "started_at": iso(self.started_at),
            "finished_at": iso(self.finished_at),
            "duration_ms": self.duration_ms,
            "skipped_for": self.skipped_for,
            "skipped_because": self.skipped_because.value if self.skipped_because else None,
            "failure": None
            if self.failure is None
            else {"stage": self.failure.stage, "error": self.failure.error, "message": self.failure.message},
        }


def iso(at: datetime | None) -> str | None:
    """A time as RFC 3339 has it, in UTC with a ``Z``."""
    return None if at is None else at.isoformat().replace("+00:00", "Z")
