"""A reader: all that is particular to one format. What it reads are records, and their fields are texts or NULL."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from chalicelib.core.dialect import UTF_8
from chalicelib.core.manifest import Batch
from chalicelib.core.pipeline import Format
from chalicelib.core.plan import Field, Plan, Sample
from chalicelib.core.tally import Lines, Tally
from chalicelib.core.types import ColumnType
from chalicelib.engine.records import Located, Refusal, Screened

#: A format that a reader is for.
F = TypeVar("F", bound=Format)

#: What takes the records that cannot be read.
Refuse = Callable[[Refusal], None]


@dataclass(frozen=True, slots=True)
class Glimpse:
    """What planning can see of an object: samples of its bytes, decompressed, and the whole of it where need be.

    ``local`` takes the encoding that the object's text has.
    """

    uri: str
    sample: Callable[[], Sample]
    local: Callable[[str], AbstractContextManager[Path]]


@dataclass(frozen=True, slots=True)
class Look:
    """What a glimpse told: the format with nothing left open, the fields, and some records.

    ``names`` are empty where the object names none. Where ``is_open``, records may have fields that the sampled ones
    have not, and a declared one need not be among them. ``types`` are those that the format itself states, by name.
    ``confidence`` is from 0 to 1, by key of the format. ``has_records`` is whether there is a record of any form.
    """

    format: Format
    names: tuple[str, ...]
    records: tuple[Sequence[str | None], ...]
    has_records: bool
    is_open: bool = False
    types: Mapping[str, ColumnType] = field(default_factory=dict)
    confidence: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Layout(Generic[F]):
    """How the objects of a run lie: their format with nothing left open, and their fields in order.

    ``part`` is the batch whose bytes are read, where those are a part of an object only.
    """

    format: F
    fields: tuple[Field, ...]
    part: Batch | None = None

    @property
    def begins(self) -> bool:
        """Whether the bytes that are read are the first of an object, with its header and byte order mark."""
        return self.part is None or self.part.offset == 0


def layout_of(plan: Plan, batch: Batch) -> Layout[Format]:
    """How the bytes of a batch lie."""
    return Layout(plan.format, plan.fields, batch if batch.span else None)


def placed(batch: Batch, record: int, start: int | None, end: int | None) -> tuple[int, int | None, int | None]:
    """Number and place of a record in its object, from those in its batch."""
    offset = batch.offset
    return (
        batch.before + record,
        None if start is None else start + offset,
        None if end is None else end + offset,
    )


def encoding_of(format_: Format) -> str:
    """The encoding of a decided format's text; UTF-8 where a library of its own reads the bytes as they are."""
    return getattr(format_, "encoding", None) or UTF_8


class Reader(Protocol[F]):
    """See ``chalicelib.formats``. ``path`` is always that of a plain local copy, decompressed and in UTF-8."""

    def look(self, glimpse: Glimpse, pinned: F | None) -> Look:
        """Decide how an object is read; what the document says in ``pinned`` is not up for decision.

        Raises:
            Held: if nobody can read it.
        """
        ...

    def join(self, first: Look, glimpse: Glimpse, pinned: F | None) -> Look:
        """The look at a run's first objects with one more of them.

        Raises:
            Held: if it is of another form than they are.
        """
        ...

    def told(self, look: Look) -> str:
        """How the objects are read, in a few words for people, each decision with how sure it is."""
        ...

    def tally(self, path: Path, layout: Layout[F], lines: Lines | None) -> Tally:
        """Count the records, sharing no code with what reads them; ``lines`` is what was counted before, if it was."""
        ...

    def as_it_lies(self, path: Path, layout: Layout[F], batch: Batch, max_record_bytes: int) -> str | None:
        """The engine's own, strict way to read the object: the SQL of a table; None if it has none.

        The columns are texts in the order of the fields; a longer record than it takes, or is allowed, is an error.
        """
        ...

    def clean(self, path: Path, layout: Layout[F], out: Path, refuse: Refuse, max_record_bytes: int) -> Screened:
        """Read with care: refuse each broken record, in order, and write the others to ``out``."""
        ...

    def cleaned(self, out: Path, layout: Layout[F], found: Screened) -> str:
        """The SQL of a table of what ``clean`` wrote, as that of ``as_it_lies``."""
        ...

    def first(self, glimpse: Glimpse, layout: Layout[F], records: int, out: Path, refuse: Refuse) -> Screened:
        """``clean`` for the first records of an object, or as many as a sample holds; beside ``out`` it may write."""
        ...

    def locate(self, path: Path, layout: Layout[F], wanted: Iterable[int]) -> Iterator[Located]:
        """The records with the given ascending numbers, as far as they are there."""
        ...

    def veil(self, raw: bytes, layout: Layout[F], hidden: frozenset[int] | None) -> bytes:
        """A record's bytes with what stands in the fields ``hidden`` (None: perhaps any) left out."""
        ...
