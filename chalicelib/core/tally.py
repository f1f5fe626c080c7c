"""A tally: how many records an object holds, by a count that shares no code with the engine."""

from dataclasses import dataclass

from chalicelib.core.manifest import Span


@dataclass(frozen=True, slots=True)
class Lines:
    """What a file holds before its header is known."""

    lines: int  #: records, the header among them
    bytes: int
    has_nul: bool  #: a NUL byte anywhere; DuckDB lets it pass, PostgreSQL refuses it
    open_quote: bool  #: the file ends inside quotes
    new_line: str  #: for read_csv, which else takes the first CR or LF, even in quotes, and can lose a file
    sha256: str  #: hexadecimal, of all bytes

    def tally(self, *, header: bool) -> "Tally":
        """Leave the header out; one that opens a quote and never closes it is none, it counts as a record."""
        is_header = header and self.lines > 0 and not (self.open_quote and self.lines == 1)
        return Tally(self.lines - is_header, self.has_nul, self.open_quote, self.new_line)


@dataclass(frozen=True, slots=True)
class Tally:
    """How many records a file holds, by our own count, and what to tell DuckDB.

    Screen the file when DuckDB's count differs from ``records``, when ``open_quote`` holds or when DuckDB
    finds no record: it accepts an unterminated quote in the first record, and may skip all with a bad
    header.
    """

    records: int  #: data records: without the header and blank lines
    has_nul: bool
    open_quote: bool
    new_line: str
    irregular: bool = False  #: a quote stands where strict and careful readers may differ

    @property
    def suspect(self) -> bool:
        """Whether the file is to be screened before the engine sees it."""
        return self.has_nul or self.open_quote or self.irregular


@dataclass(frozen=True, slots=True)
class Range:
    """A part of an object that holds whole records, and what was counted in it."""

    span: Span
    tally: Tally
