"""An object version, a batch of it, and the manifest: the list of a run's batches."""

from dataclasses import dataclass
from datetime import datetime


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
class Batch:
    """Records processed together: a whole object today, numbered from 1 within its run.

    ``records`` was counted by extract's own reader of record boundaries, which also found the terminator ``new_line``
    (the engine, left alone, may take a line break within quotes for it and lose the object). ``suspect`` says that the
    object holds bytes that no strict reader takes (a NUL, a quote that never closes), so transform screens it first.
    """

    number: int
    object: ObjectVersion
    records: int
    new_line: str = "\n"
    suspect: bool = False


@dataclass(frozen=True, slots=True)
class Manifest:
    """The batches of one run, in order of their numbers; ``together`` if a step needs all of them at once."""

    batches: tuple[Batch, ...]
    together: bool = False

    @property
    def groups(self) -> tuple[tuple[Batch, ...], ...]:
        """The batches that one transform, and one load, works on; a group goes by the number of its first batch."""
        return (self.batches,) if self.together else tuple((batch,) for batch in self.batches)

    @property
    def records(self) -> int:
        """Records in all batches: the ``read`` of the law, unless screening finds other boundaries."""
        return sum(batch.records for batch in self.batches)
