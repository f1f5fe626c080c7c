"""Slabs: a file cut into runs of whole records, with a mask that leaves only the structure.

The mask of a slab is as long as its data. Delimiters and line ends inside quoted fields are overwritten in
it, so each one that is left delimits, and ``bytes.split`` and ``bytes.count`` do the reading. When every
quote in a slab stands at the border of a field, splitting at the quote gives the mask; otherwise a pattern
for quoted fields does, which is slower and always exact.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, count
from operator import add
from pathlib import Path
from typing import NamedTuple, Protocol

from chalicelib.engine.records.marks import Marks

SPLIT_BYTES = 1 << 20  # a list of segments can take 20 times the bytes that it was split from


class Readable(Protocol):
    """A stream of bytes, read from its beginning to its end."""

    def read(self, size: int, /) -> bytes:
        """At most so many bytes; none at the end."""
        ...


@dataclass(frozen=True, slots=True)
class Slab:
    """Whole records: all but the last of a file end with a terminator."""

    offset: int  #: of the first byte, in the file
    data: bytes
    mask: bytes
    regular: bool  #: every quote opens a field, closes one or is doubled inside one
    open: bool  #: the last record opens a quote that never closes

    def lines(self, end: bytes) -> list[bytes]:
        """Return the masks of the lines, blank ones too, without LF but with the CR before it."""
        lines = self.mask.split(end)
        if not lines[-1]:
            lines.pop()
        return lines


@dataclass(frozen=True, slots=True)
class Huge:
    """One record that is longer than what may be held."""

    start: int
    end: int  #: without the terminator
    raw: bytes  #: its first bytes
    open: bool
    after: int  #: where the next record begins


class _Masked(NamedTuple):
    mask: bytes
    regular: bool
    open: bool


def line_starts(lines: list[bytes]) -> list[int]:
    """Return the offset of each line in its slab, and the slab's length plus one or zero as the last.

    >>> line_starts([b"ab", b"", b"c"])
    [0, 3, 4, 6]
    """
    return [*map(add, accumulate(map(len, lines), initial=0), count())]


def read_slabs(path: Path, marks: Marks, *, hold_bytes: int, raw_bytes: int, block_bytes: int) -> Iterator[Slab | Huge]:
    """Yield a file's records in order; never hold much more than ``hold_bytes`` and a few blocks.

    A record longer than ``hold_bytes`` comes as a ``Huge`` with its first ``raw_bytes``, unless one read
    ends it.
    """
    with path.open("rb", buffering=0) as file:
        file.seek(marks.start)
        yield from slabs(
            file, marks, offset=marks.start, hold_bytes=hold_bytes, raw_bytes=raw_bytes, block_bytes=block_bytes
        )


def slabs(
    file: Readable, marks: Marks, *, offset: int, hold_bytes: int, raw_bytes: int, block_bytes: int
) -> Iterator[Slab | Huge]:
    """Yield the records of a stream as ``read_slabs`` does; its first byte is a record's, and lies at ``offset``."""
    buffer, counted = b"", _Counted(file, offset)
    while block := counted.read(max(block_bytes, min(len(buffer), hold_bytes))):
        buffer += block
        masked = _mask(buffer, marks)
        cut = masked.mask.rfind(marks.end) + 1
        if cut:
            yield Slab(offset, buffer[:cut], masked.mask[:cut], masked.regular, open=False)
            offset, buffer = offset + cut, buffer[cut:]
        if len(buffer) > hold_bytes + 1:  # a last byte CR may belong to the terminator
            del block, masked  # as long as the record so far
            huge, buffer = _skip(counted, marks, offset, buffer, raw_bytes=raw_bytes, block_bytes=block_bytes)
            yield huge
            offset = counted.at - len(buffer)
    if buffer:
        yield Slab(offset, buffer, *_mask(buffer, marks))


class _Counted:
    """A stream that knows where it is."""

    def __init__(self, file: Readable, at: int) -> None:
        self._file, self.at = file, at

    def read(self, size: int, /) -> bytes:
        block = self._file.read(size)
        self.at += len(block)
        return block


def _mask(data: bytes, marks: Marks) -> _Masked:
    """Mask bytes that begin at the first byte of a record."""
    if len(data) > SPLIT_BYTES:
        return _mask_irregular(data, marks)
    quote, edges = marks.quote, (b"", marks.delimiter, marks.end)
    segments = data.split(quote)
    if len(segments) == 1:
        return _Masked(data, regular=True, open=False)
    outside = segments[::2]
    openers = {segment[-1:] for segment in outside[: len(segments) // 2]}
    closers = {segment[:1] for segment in outside[1:]}
    if not (openers.issubset(edges) and closers.issubset((*edges, b"\r"))):
        return _mask_irregular(data, marks)
    segments[1::2] = quote.join(segments[1::2]).translate(marks.masking).split(quote)
    return _Masked(quote.join(segments), regular=True, open=len(segments) % 2 == 0)


def _mask_irregular(data: bytes, marks: Marks) -> _Masked:
    closing = marks.quote
    pieces: list[bytes] = []
    done = 0
    for match in marks.opening.finditer(data):
        pieces += data[done : match.start()], match[0].translate(marks.masking)
        done, closing = match.end(), match[1]
    pieces.append(data[done:])
    return _Masked(b"".join(pieces), regular=False, open=not closing)


def _skip(
    file: Readable, marks: Marks, start: int, buffer: bytes, *, raw_bytes: int, block_bytes: int
) -> tuple[Huge, bytes]:
    """Read on to the end of a record that ``buffer`` begins; return it and the bytes read beyond."""
    raw, dropped = buffer[:raw_bytes], 0
    while True:
        masked = _mask(buffer, marks)
        cut = masked.mask.find(marks.end)
        block = file.read(block_bytes) if cut < 0 else b""
        if not block:
            stop = cut if cut >= 0 else len(buffer)
            with_cr = marks.end == b"\n" and masked.mask[stop - 1 : stop] == b"\r"
            size = dropped + stop - with_cr
            is_open, after = cut < 0 and masked.open, start + dropped + min(stop + 1, len(buffer))
            return Huge(start, start + size, raw[:size], is_open, after), buffer[stop + 1 :]
        short = _shorten(buffer, masked, marks)
        dropped += len(buffer) - len(short)
        buffer = short + block
        raw += block[: raw_bytes - len(raw)]


def _shorten(data: bytes, masked: _Masked, marks: Marks) -> bytes:
    """Return a few bytes after which the rest of an unfinished record reads as it does after ``data``."""
    if masked.open:
        return marks.quote
    last_field = masked.mask[masked.mask.rfind(marks.delimiter) + 1 :]
    if quoted := marks.quoted.match(last_field):
        short = marks.quote * 2 + marks.filler * bool(last_field[quoted.end() :].strip(b" "))
    else:
        short = last_field if last_field in (b"", b" ") else marks.filler
    return short + b"\r" * data.endswith(b"\r")
