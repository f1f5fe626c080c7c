"""Content: bytes of a file that never change, read when somebody asks for them.

moto treats an object's value as ``bytes``: it asks for its length and cuts ranges out of it. ``Content`` answers both
without reading, so that a range costs what the range holds.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Content:
    """The bytes of ``path`` from ``start`` to ``stop``."""

    path: Path
    start: int
    stop: int
    md5: str | None = None  #: of exactly these bytes, when it is known

    @classmethod
    def whole(cls, path: Path, md5: str | None = None) -> "Content":
        """All of a file."""
        return cls(path, 0, path.stat().st_size, md5)

    def __len__(self) -> int:
        return self.stop - self.start

    def __getitem__(self, cut: slice) -> "Content":
        begin, end, _ = cut.indices(len(self))
        return Content(self.path, self.start + begin, self.start + max(begin, end))

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.opened())

    def __bytes__(self) -> bytes:
        return b"".join(self)

    def opened(self) -> "Reading":
        """The bytes as they are now, even when the file is removed while they are read."""
        stream = self.path.open("rb", buffering=0)
        stream.seek(self.start)
        return Reading(stream, len(self))

    def digest(self) -> str:
        """The MD5, computed when it is not known."""
        if self.md5:
            return self.md5
        found = hashlib.md5(usedforsecurity=False)
        for block in self:
            found.update(block)
        return found.hexdigest()


class Reading:
    """An open file of which so many bytes are still to come; closes at their end."""

    def __init__(self, stream: BinaryIO, left: int) -> None:
        self._stream, self._left = stream, left

    def __iter__(self) -> Iterator[bytes]:
        try:
            while self._left and (block := self._stream.read(min(BLOCK_BYTES, self._left))):
                self._left -= len(block)
                yield block
        finally:
            self.close()

    def close(self) -> None:
        """Read no more."""
        self._stream.close()


class Upload:
    """Content that has arrived and that nobody owns yet; what nobody takes is removed."""

    def __init__(self, content: Content) -> None:
        self._content, self._is_taken = content, False

    def __len__(self) -> int:
        return len(self._content)

    def take(self) -> Content:
        """The content, which is the caller's from now on."""
        self._is_taken = True
        return self._content

    def drop(self) -> None:
        """Remove the content unless it was taken."""
        if not self._is_taken:
            self._content.path.unlink(missing_ok=True)
