"""An outcome: what a finished stage reports."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from chalicelib.core.counts import NONE, Cardinality, Counts
from chalicelib.core.errors import EtlError, Held
from chalicelib.core.ledger import LedgerEntry
from chalicelib.core.run import Failure, Stage, Status


@dataclass(frozen=True, slots=True)
class Transformed:
    """What transform did with one batch, or with all of a run's batches together.

    ``written`` is what the sink says it took; ``broken`` counts per rule, ``rule:column``. ``failing`` names the rules
    of severity ``fail`` among them.
    """

    counts: Counts = NONE
    written: int = 0
    broken: Mapping[str, int] = field(default_factory=dict)
    failing: tuple[str, ...] = ()
    cardinality: Cardinality | None = None

    @classmethod
    def total(cls, parts: Iterable["Transformed"]) -> "Transformed":
        """Add up the batches of a run."""
        parts = list(parts)
        changed = [part.cardinality for part in parts if part.cardinality]
        broken: Counter[str] = Counter()
        for part in parts:
            broken.update(part.broken)
        return cls(
            counts=sum((part.counts for part in parts), Counts()),
            written=sum(part.written for part in parts),
            broken=dict(broken),
            failing=tuple(dict.fromkeys(name for part in parts for name in part.failing)),
            cardinality=sum(changed, Cardinality(0, 0)) if changed else None,
        )


#: What transform did before it did anything.
NOTHING = Transformed()


@dataclass(frozen=True, slots=True)
class Judged:
    """What publish found by the rules that need the whole run.

    ``broken`` counts the records that broke a rule, ``failing`` names those of severity ``fail`` among them, ``late``
    is how many left staging. ``measured`` is what a measured rule looks at, as the text of a number, or None.
    """

    broken: Mapping[str, int] = field(default_factory=dict)
    late: int = 0
    failing: tuple[str, ...] = ()
    measured: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Published:
    """A publish that stands: its ledger entry, the run's final counts, and how many records broke each rule.

    ``warnings`` are sentences for people, of rules on the run that were broken and hold nothing.
    """

    entry: LedgerEntry
    counts: Counts
    broken: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """A run that published nothing: the status that it ends in, where and why, and what was counted by then."""

    status: Status
    failure: Failure
    counts: Counts = NONE
    broken: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, error: BaseException, stage: Stage, so_far: Transformed = NOTHING) -> "Failed":
        """The outcome of a stage that raised; what is no ``EtlError`` is a defect of ours, or a person's Ctrl-C."""
        status, told = Status.FAILED, str(error)
        if isinstance(error, Held):
            status = Status.HELD
        elif isinstance(error, KeyboardInterrupt):
            status, told = Status.CANCELLED, "interrupted by a person; nothing was published"
        elif not isinstance(error, EtlError):
            told = f"internal error: {type(error).__name__}: {error}"
        kind = type(error).__name__ if isinstance(error, EtlError) else "Fatal"
        return cls(status, Failure(stage.value, kind, told), so_far.counts, so_far.broken)


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Nothing to do: the run ``of`` loaded the same objects, or newer versions of them (``superseded``)."""

    of: str
    superseded: bool = False
