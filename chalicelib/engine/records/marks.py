"""Marks: the few bytes that give a delimited file its structure, decided once from dialect and head."""

import re
from dataclasses import dataclass
from pathlib import Path

from chalicelib.core.dialect import Dialect
from chalicelib.core.errors import InvalidPipeline

BLOCK_BYTES = 65_536  # measured: 1 MiB blocks leave the processor's cache and are slower
BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Marks:
    """The structure bytes of one file, and what follows from them."""

    delimiter: bytes
    quote: bytes
    end: bytes  #: LF (a CR before it belongs to it) or, in an old Mac file, CR
    new_line: bytes  #: the first terminator in full: LF, CRLF or CR
    start: int  #: offset of the first byte of content
    filler: bytes  #: a byte without meaning
    masking: bytes  #: translates structure bytes to the filler
    quoted: re.Pattern[bytes]  #: a quoted field from its first byte; group 1 is empty if it never closes
    opening: re.Pattern[bytes]  #: the same from its quote, wherever a field can start
    strict: re.Pattern[bytes]  #: a quoted field that is not opened again; groups: text, closing quote
    plain: re.Pattern[bytes]  #: a record that no reader can mistake

    def is_blank(self, line: bytes) -> bool:
        """Tell whether a line, cut before its LF, holds nothing."""
        return line in (b"", b"\r")


def read_marks(path: Path, dialect: Dialect) -> Marks:
    """Decide the marks of a file from its first 64 KiB.

    CR ends records when the head has a CR but no LF, or none outside quotes.

    Raises:
        InvalidPipeline: The delimiter or the quote is not one ASCII character.
    """
    with path.open("rb") as file:
        return marks_of(file.read(BLOCK_BYTES), dialect)


def marks_of(head: bytes, dialect: Dialect) -> Marks:
    """Decide the marks from the first 64 KiB of what is read; those of a part of an object from the dialect, too."""
    delimiter, quote = _one_byte(dialect.delimiter), _one_byte(dialect.quote)
    new_line = dialect.new_line.encode() if dialect.new_line else _new_line(head, quote)
    end = new_line[-1:]
    filler = next(c for c in (b"_", b"~", b"-") if c not in (delimiter, quote))
    return Marks(
        delimiter,
        quote,
        end,
        new_line,
        start=len(BOM) if dialect.begins and head.startswith(BOM) else 0,
        filler=filler,
        masking=bytes.maketrans(delimiter + b"\r\n", filler * 3),
        **_patterns(delimiter, quote, end),
    )


def _new_line(head: bytes, quote: bytes) -> bytes:
    outside = quote.join(head.split(quote)[::2])
    if b"\r" in head and (b"\n" not in head or (b"\r" in outside and b"\n" not in outside)):
        return b"\r"
    return b"\r\n" if outside.partition(b"\n")[0].endswith(b"\r") and b"\n" in outside else b"\n"


def _patterns(delimiter: bytes, quote: bytes, end: bytes) -> dict[str, re.Pattern[bytes]]:
    mark, edge = re.escape(quote), b"[" + re.escape(delimiter + end) + b"]"
    text = b"[^" + mark + b"]*+"
    one_space, spaces = (b"", b"") if delimiter == b" " else (b" ?", b" *")
    doubled = b"(?:" + mark * 2 + text + b")*+"
    reopened = b"(?:" + mark + spaces + mark + text + b")*+(" + mark + rb"|\Z)"
    starts = [before + space + mark for before in (rb"\A", edge) for space in (b"", one_space[:1])]
    at_start = b"(?:" + b"|".join(b"(?<=" + start + b")" for start in starts) + b")"
    field = b"(?:" + mark + text + doubled + mark + b"|[^" + mark + re.escape(delimiter) + b"\r\n]*+)"
    patterns = {
        "quoted": one_space + mark + text + reopened,
        "opening": mark + at_start + text + reopened,  # a literal first makes the search fast
        "strict": one_space + mark + b"(" + text + doubled + b")(" + mark + b"?)" + spaces,
        "plain": field + b"(?:" + re.escape(delimiter) + field + b")*+",
    }
    return {name: re.compile(pattern) for name, pattern in patterns.items()}


def _one_byte(text: str) -> bytes:
    if len(text) != 1 or not text.isascii() or text in "\r\n\0":
        raise InvalidPipeline(f"a delimiter or quote must be one ASCII character, not {text!r}")
    return text.encode()
