"""An object version, a batch of it, and the manifest: the list of a run's batches."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

#: The most groups of batches that a run has: what a Map can carry out, with its history kept readable.
MAX_GROUPS = 10_000
#: What an object costs even if it is empty, in bytes of work.
LEAST_BYTES = 64 * 1024


def weight_bytes(size_bytes: int) -> int:
    """How much work a batch is."""
    return max(size_bytes, LEAST_BYTES)


def wanted_bytes(batch_bytes: int, sizes: Sequence[int]) -> int:
    """How long a batch, or a group of small ones, should be: ``batch_bytes``, or more where that were too many.

    Two groups that follow each other are longer than this together, so there are no more than twice the run's bytes
    divided by it, and one.

    >>> wanted_bytes(32_000_000, [10**12]) // 10**6
    200
    """
    least = -(-2 * sum(map(weight_bytes, sizes)) // (MAX_GROUPS - 1))
    return max(batch_bytes, least)


@dataclass(frozen=True, slots=True)
class ObjectVersion:
    """One version of one object, pinned: what is read later is this or an error.

    For S3, ``bucket``, ``key`` and ``version`` (versionId, or etag where versioning is off) are S3's own. For a local
    path, ``bucket`` is ``file``, ``key`` the absolute path and ``version`` the SHA-256 of its bytes.
    """

    bucket: str
    key: str
    version: str
    size_bytes: int
    last_modified: datetime

    @property
    def uri(self) -> str:
        """Where the object lives, for people."""
        return self.key if self.bucket == "file" else f"s3://{self.bucket}/{self.key}"


@dataclass(frozen=True, slots=True)
class Span:
    """Where a part of an object lies: bytes from ``start`` to ``end`` (exclusive), ``before`` records before them."""

    start: int
    end: int
    before: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Records processed together: an object or, where it has a ``span``, a part of one; numbered from 1 within its run.

    ``records`` was counted by extract's own reader of record boundaries, which also found the terminator ``new_line``
    (the engine, left alone, may take a line break within quotes for it and lose the object). ``suspect`` says that the
    object holds bytes that no strict reader takes (a NUL, a quote that never closes), so transform screens it first.
    """

    number: int
    object: ObjectVersion
    records: int
    new_line: str = "\n"
    suspect: bool = False
    span: Span | None = None

    @property
    def before(self) -> int:
        """How many records its object has before its first."""
        return self.span.before if self.span else 0

    @property
    def offset(self) -> int:
        """Where its first byte lies in the object."""
        return self.span.start if self.span else 0

    @property
    def size_bytes(self) -> int:
        """How much of the object is read for it."""
        return self.span.end - self.span.start if self.span else self.object.size_bytes


@dataclass(frozen=True, slots=True)
class Manifest:
    """The batches of one run, in order of their numbers; ``together`` if a step needs all of them at once.

    Small batches that follow each other are worked on in groups of about ``group_bytes``; with 0, each by itself.
    ``whole`` is whether it has all that the plan has.
    """

    batches: tuple[Batch, ...]
    together: bool = False
    group_bytes: int = 0
    whole: bool = True

    @property
    def groups(self) -> tuple[tuple[Batch, ...], ...]:
        """The batches that one transform, and one load, works on; a group goes by the number of its first batch."""
        if self.together:
            return (self.batches,)
        groups: list[list[Batch]] = []
        room = 0
        for batch in self.batches:
            room -= weight_bytes(batch.size_bytes)
            if not groups or room < 0:
                groups.append([])
                room = self.group_bytes - weight_bytes(batch.size_bytes)
            groups[-1].append(batch)
        return tuple(map(tuple, groups))

    @property
    def records(self) -> int:
        """Records in all batches: the ``read`` of the law, unless screening finds other boundaries."""
        return sum(batch.records for batch in self.batches)
