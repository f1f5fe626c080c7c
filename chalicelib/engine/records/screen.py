"""Screen: the careful reader, for files that DuckDB refuses or counts otherwise.

A slab whose quotes stand in place, whose text is UTF-8 without NUL and whose records all have the right
number of fields is copied as it is. In any other slab each record is judged by itself.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import repeat
from pathlib import Path
from typing import BinaryIO

from chalicelib.core.dialect import Dialect
from chalicelib.engine.records.judge import Broken, judge
from chalicelib.engine.records.marks import BLOCK_BYTES, BOM, Marks, read_marks
from chalicelib.engine.records.numbers import Numbers
from chalicelib.engine.records.slabs import Huge, Slab, line_starts, read_slabs

RAW_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Refusal:
    """A record that cannot be read, and why."""

    record: int  #: from 1; the header is not a record
    start: int | None  #: byte offset in the plain file; None if a record has no place of its own
    end: int | None  #: exclusive, without the terminator
    raw: bytes  #: at most its first 64 KiB
    reason: str  #: a sentence without its subject


@dataclass(frozen=True, slots=True)
class Screened:
    """What screening found. ``kept + refused`` are the records of the file."""

    kept: int
    refused: int
    numbers: Numbers
    longest: int  #: bytes of the longest kept record in the copy, or of the header if that is longer


def screen(
    path: Path,
    dialect: Dialect,
    columns: int,
    out: Path,
    refuse: Callable[[Refusal], None],
    *,
    max_record_bytes: int,
    block_bytes: int = BLOCK_BYTES,
) -> Screened:
    r"""Write a clean copy of a file and refuse each broken record, in order.

    The copy has the same dialect, LF after each record, no byte order mark, and equal values; read it with
    ``new_line='\n'``, since DuckDB otherwise guesses the line end from the first CR or LF, even inside
    quotes. A header that is itself broken is replaced by one of as many fields as there are columns, for
    DuckDB skips it; one that never closes its quote is refused as record 1. DuckDB differs in one verdict:
    it reads ``"a" "b"`` as one field, here it has text after a closing quote. Memory holds one record of
    at most ``max_record_bytes``.
    """
    marks = read_marks(path, dialect)
    with out.open("wb", buffering=1 << 20) as file:
        screening = _Screening(file, marks, columns, refuse, max_record_bytes, header=dialect.header)
        for piece in read_slabs(path, marks, hold_bytes=max_record_bytes, raw_bytes=RAW_BYTES, block_bytes=block_bytes):
            if isinstance(piece, Huge):
                screening.add_huge(piece)
            else:
                screening.add_slab(piece)
    return screening.result()


class _Screening:
    """One pass over a file: the copy and the counts so far."""

    def __init__(
        self,
        out: BinaryIO,
        marks: Marks,
        columns: int,
        refuse: Callable[[Refusal], None],
        max_bytes: int,
        *,
        header: bool,
    ) -> None:
        self._out, self._marks, self._columns = out, marks, columns
        self._refuse, self._max_bytes = refuse, max_bytes
        self._header_due = header
        self._numbers = Numbers()
        self._kept = self._refused = self._longest = 0

    def result(self) -> Screened:
        return Screened(self._kept, self._refused, self._numbers, self._longest)

    def add_slab(self, slab: Slab) -> None:
        tidy = _without_cr(slab, self._marks.quote)
        lines = tidy.lines(b"\n")
        if self._is_clean(tidy, lines):
            self._out.write(tidy.data)
            self._kept += len(lines)
            self._longest = max(self._longest, *map(len, lines))
        else:
            self._add_one_by_one(slab, slab.lines(self._marks.end))

    def _is_clean(self, slab: Slab, lines: list[bytes]) -> bool:
        """Tell whether a slab can be copied as it is; it never is before the first kept record."""
        return (
            self._kept > 0
            and self._marks.end == b"\n"
            and slab.regular
            and not slab.open
            and slab.data.endswith(b"\n")
            and b"\r" not in slab.mask
            and self._all_have_columns(lines)
            and max(map(len, lines)) <= self._max_bytes
            and _is_text(slab.data)
        )

    def _all_have_columns(self, lines: list[bytes]) -> bool:
        if self._columns > 1 and b"" in lines:
            return False
        delimiters = [*map(bytes.count, lines, repeat(self._marks.delimiter))]
        return delimiters.count(self._columns - 1) == len(lines)

    def _add_one_by_one(self, slab: Slab, lines: list[bytes]) -> None:
        marks = self._marks
        is_text = _is_text(slab.data)
        for start, whole in zip(line_starts(lines), lines, strict=False):
            if self._columns > 1 and marks.is_blank(whole):
                continue
            line = whole.removesuffix(b"\r") if marks.end == b"\n" else whole
            raw = slab.data[start : start + len(line)]
            is_last = start + len(line) == len(slab.data)
            if self._take_header(raw, open_quote=slab.open and is_last):
                continue
            begin = slab.offset + start
            try:
                self._check(len(raw), open_quote=slab.open and is_last)
                plain = self._is_plain(line, raw, regular=slab.regular) and (is_text or _is_text(raw))
                self._keep(raw if plain and not raw.startswith(BOM) else judge(raw, self._columns, marks))
            except Broken as broken:
                self._drop(begin, begin + len(raw), raw, broken)

    def add_huge(self, huge: Huge) -> None:
        if self._take_header(huge.raw, open_quote=huge.open, usable=False):
            return
        try:
            self._check(huge.end - huge.start, open_quote=huge.open)
        except Broken as broken:
            self._drop(huge.start, huge.end, huge.raw, broken)

    def _take_header(self, raw: bytes, *, open_quote: bool, usable: bool = True) -> bool:
        """Write the record as the header if one is due; a header that never closes is none."""
        is_header = self._header_due and not open_quote
        self._header_due = False
        if is_header:
            self._write(self._clean_header(raw, usable=usable))
        return is_header

    def _clean_header(self, raw: bytes, *, usable: bool) -> bytes:
        try:
            if usable and len(raw) <= self._max_bytes:
                return judge(raw, None, self._marks)
        except Broken:
            pass
        return self._marks.delimiter.join([self._marks.filler] * self._columns)

    def _check(self, size: int, *, open_quote: bool) -> None:
        if open_quote:
            raise Broken("opens a quote that never closes")
        if size > self._max_bytes:
            raise Broken(f"is {size:,} bytes long, the limit is {self._max_bytes:,}")

    def _is_plain(self, line: bytes, raw: bytes, *, regular: bool) -> bool:
        marks = self._marks
        if line.count(marks.delimiter) != self._columns - 1:
            return False
        if regular or marks.quote not in raw:
            return b"\r" not in line and b"\n" not in line
        return marks.plain.fullmatch(raw) is not None

    def _keep(self, record: bytes) -> None:
        self._write(record)
        self._kept += 1

    def _write(self, record: bytes) -> None:
        self._out.write(record + b"\n")
        self._longest = max(self._longest, len(record))

    def _drop(self, start: int, end: int, raw: bytes, broken: Broken) -> None:
        self._refused += 1
        number = self._kept + self._refused
        self._numbers.skip(number)
        self._refuse(Refusal(number, start, end, raw[:RAW_BYTES], str(broken)))


def _without_cr(slab: Slab, quote: bytes) -> Slab:
    """Drop the CR of each CRLF outside quotes, if all quotes stand in place."""
    if not slab.regular or b"\r\n" not in slab.mask:
        return slab
    segments = slab.data.split(quote)
    segments[::2] = quote.join(segments[::2]).replace(b"\r\n", b"\n").split(quote)
    return replace(slab, data=quote.join(segments), mask=slab.mask.replace(b"\r\n", b"\n"))


def _is_text(data: bytes) -> bool:
    """Tell whether bytes are UTF-8 without NUL."""
    if b"\0" in data:
        return False
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
