"""Changes: what one S3 request changed, made durable before it is answered and announced only then.

moto changes its memory first; the mends note here what was added and removed. ``commit`` writes the sidecars of what
was added, removes those of what was removed, and lets the events go.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from localcloud.aws.announcer import Announcer
from localcloud.aws.disk import Disk

_local = threading.local()


@dataclass(slots=True)
class Added:
    """A version that moto took in, in which bucket's keys, and its place in the order."""

    keys: Any
    version: Any
    number: int


@dataclass(slots=True)
class Changes:
    """What the request of this thread has changed so far."""

    disk: Disk
    added: list[Added] = field(default_factory=list)
    removed: list[Any] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)


def current() -> Changes | None:
    """The changes of the request that this thread answers."""
    return getattr(_local, "changes", None)


class Ledger:
    """Commits changes; one request at a time may change moto's memory, so that conditions on it hold."""

    def __init__(self, disk: Disk, announcer: Announcer) -> None:
        self._disk, self._announcer = disk, announcer
        self._memory, self._arrivals = threading.Lock(), threading.Lock()

    @contextmanager
    def request(self) -> Iterator[None]:
        """What moto changes in this block is durable at its end, or all is as it was."""
        changes = Changes(self._disk)
        with self._memory:
            _local.changes = changes
            try:
                yield
            finally:
                _local.changes = None
        try:
            self._commit(changes)
        except OSError:
            for each in changes.added:
                replaced = [old for old in changes.removed if old.name == each.version.name and not old.is_gone]
                each.keys.forget(each.version, instead=replaced)
            raise
        self._announcer.announce(changes.events)

    def _commit(self, changes: Changes) -> None:
        contents = [each.version.content for each in changes.added if each.version.content is not None]
        self._disk.flush(contents)
        prepared = [
            (each.version, self._disk.prepare(each.keys.bucket, each.number, each.version.facts()))
            for each in changes.added
        ]
        with self._arrivals:
            for version, path in prepared:
                if version.is_gone:  # another request overwrote it in the meantime
                    path.unlink()
                else:
                    version.sidecar = self._disk.arrive(path)
            for version in changes.removed:
                version.is_gone = True
                if version.sidecar is not None:
                    version.sidecar.unlink(missing_ok=True)
        touched = [each.sidecar for each in (*changes.removed, *(v for v, _ in prepared)) if each.sidecar is not None]
        self._disk.flush_folders(touched)
        for version in changes.removed:
            if version.content is not None:
                version.content.path.unlink(missing_ok=True)
