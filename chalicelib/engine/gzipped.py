"""Gzip objects: recognised by their first bytes, unpacked within bounds, their damage told by name."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from chalicelib.core.errors import Held

MAGIC = b"\x1f\x8b"
#: A decompressed object may be this many times its size and this many bytes more; beyond, it is a bomb.
_RATIO, _SLACK_BYTES = 250, 64 * 1024 * 1024
_BLOCK_BYTES = 1024 * 1024


def unpack(stream: IO[bytes], into: Path, *, name: str, size_bytes: int) -> None:
    """Write the decompressed content of ``stream``, whose compressed size is ``size_bytes``, to the path ``into``.

    Raises:
        Held: if it is damaged, or grows beyond all measure.
    """
    limit = size_bytes * _RATIO + _SLACK_BYTES
    with gzip.open(stream) as plain, into.open("wb") as out, _damage(name):
        while block := plain.read(_BLOCK_BYTES):
            out.write(block)
            if out.tell() > limit:
                raise Held(f"{name} grows over {limit:,} bytes when decompressed; it was not read further")


def unpacked_head(stream: IO[bytes], size_bytes: int, *, name: str) -> tuple[bytes, bytes]:
    """The first ``size_bytes`` of the decompressed content, and as many that follow.

    Raises:
        Held: if it is damaged there.
    """
    with gzip.open(stream) as plain, _damage(name):
        return plain.read(size_bytes), plain.read(size_bytes)


@contextmanager
def _damage(name: str) -> Iterator[None]:
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise Held(f"{name} is a damaged gzip file ({error}); nothing was published, send it again") from error
