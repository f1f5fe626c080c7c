"""Delimited text. The engine reads it strictly as it lies; what it refuses is screened record by record."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from chalicelib.core.dialect import UTF_8, Dialect
from chalicelib.core.errors import Held
from chalicelib.core.manifest import Batch
from chalicelib.core.pipeline import CsvFormat, Format
from chalicelib.core.plan import Sample
from chalicelib.core.tally import Lines, Range, Tally
from chalicelib.engine.encoding import as_utf_8
from chalicelib.engine.inference import data_records, explained_dialect, head_records
from chalicelib.engine.records import Located, Readable, Screened, locate, ranges, screen, tally, veiled
from chalicelib.engine.records.ahead import QUOTE
from chalicelib.engine.stream import delimited
from chalicelib.formats.encoded import first_text, further_text
from chalicelib.formats.reader import Glimpse, Layout, Look, Refuse

_LONGEST_BYTES = 4 * 1024**2
#: DuckDB's own limit for a record in its fast path; longer ones come after screening, with a higher limit.
STRICT_RECORD_BYTES = 2 * 1024**2


class CsvReader:
    """See ``formats.reader.Reader``."""

    def look(self, glimpse: Glimpse, pinned: CsvFormat | None) -> Look:
        """Decide encoding, delimiter, header and NULLs from the samples."""
        pinned = pinned or CsvFormat()
        sample, encoding, sure = first_text(glimpse, pinned.encoding)
        dialect, confidence = explained_dialect(sample, pinned)
        first = next(iter(head_records(sample, dialect)), [])
        return Look(
            format=_decided(replace(dialect, encoding=encoding)),
            names=tuple(name.strip() for name in first) if dialect.header else ("",) * len(first),
            records=tuple(_nulled(record, dialect) for record in data_records(sample, dialect)),
            has_records=bool(sample.middle) or len(head_records(sample, dialect)) > dialect.header,
            confidence={"encoding": sure, **confidence},
        )

    def join(self, first: Look, glimpse: Glimpse, pinned: CsvFormat | None) -> Look:
        """Check that another object has the encoding and the header of the first."""
        dialect = dialect_of(first.format)
        sample = further_text(glimpse, dialect.encoding, is_pinned=bool(pinned and pinned.encoding))
        header = next(iter(head_records(sample, dialect)), [])
        if dialect.header and tuple(name.strip() for name in header) != first.names:
            raise Held(_other_header(glimpse.uri, [name.strip() for name in header], first.names))
        return first

    def told(self, look: Look) -> str:
        """Encoding, delimiter and header."""
        dialect, sure = dialect_of(look.format), look.confidence
        shown = {"\t": "tab"}.get(dialect.delimiter, dialect.delimiter)
        header = "a header" if dialect.header else "no header"
        encoding = f"encoding {dialect.encoding} ({sure['encoding']:.0%})"
        quote = "" if dialect.quote == '"' else f", quote {dialect.quote}"
        return f"{encoding}, delimiter {shown} ({sure['delimiter']:.0%}){quote}, {header} ({sure['header']:.0%})"

    def tally(self, path: Path, layout: Layout[CsvFormat], lines: Lines | None) -> Tally:
        """Count the line ends outside quotes, unless that was done under the same assumptions."""
        dialect, fields = _dialect(layout), len(layout.fields)
        if lines is not None and (dialect.quote, dialect.encoding) == (QUOTE, UTF_8) and fields > 1:
            return lines.tally(header=dialect.header)
        return tally(path, dialect, fields)

    def cut(
        self, stream: Readable, layout: Layout[CsvFormat], wanted_bytes: int, after: Batch | None
    ) -> Iterator[Range]:
        """Cut at line ends outside quotes, as the engine knows quotes."""
        return ranges(stream, _dialect(layout), len(layout.fields), wanted_bytes, after=after)

    def as_it_lies(self, path: Path, layout: Layout[CsvFormat], batch: Batch, max_record_bytes: int) -> str:
        """The engine's reader of delimited text, told all and guessing nothing."""
        longest, fields = min(STRICT_RECORD_BYTES, max_record_bytes), len(layout.fields)
        return delimited(path, _dialect(layout), fields, new_line=batch.new_line, longest_bytes=longest)

    def clean(
        self, path: Path, layout: Layout[CsvFormat], out: Path, refuse: Refuse, max_record_bytes: int
    ) -> Screened:
        """Copy the records that the engine takes."""
        return screen(path, _dialect(layout), len(layout.fields), out, refuse, max_record_bytes=max_record_bytes)

    def cleaned(self, out: Path, layout: Layout[CsvFormat], found: Screened) -> str:
        """The engine's reader on the copy."""
        longest = max(STRICT_RECORD_BYTES, found.longest + 1024)
        return delimited(out, _dialect(layout), len(layout.fields), new_line="\n", longest_bytes=longest)

    def first(self, glimpse: Glimpse, layout: Layout[CsvFormat], records: int, out: Path, refuse: Refuse) -> Screened:
        """Screen the first records of the sample's head; one that is cut at its end is left out."""
        dialect, path, fields = _dialect(layout), out.with_suffix(".head"), len(layout.fields)
        _cut(as_utf_8(glimpse.sample(), dialect.encoding), dialect, fields, records, path)
        return screen(path, dialect, fields, out, refuse, max_record_bytes=_LONGEST_BYTES)

    def locate(self, path: Path, layout: Layout[CsvFormat], wanted: Iterable[int]) -> Iterator[Located]:
        """One pass that knows quotes."""
        return locate(path, _dialect(layout), len(layout.fields), wanted)

    def veil(self, raw: bytes, layout: Layout[CsvFormat], hidden: frozenset[int] | None) -> bytes:
        """The record with ``***`` in the hidden fields."""
        return veiled(raw, _dialect(layout), len(layout.fields), hidden)


def _other_header(uri: str, header: Sequence[str], first: Sequence[str]) -> str:
    """What to say of an object whose fields lie otherwise than the first one's, for a run has one layout."""
    listed, names = ", ".join(header), ", ".join(first)
    way_out = "load it by itself: a run of its own finds the table's columns by name"
    if sorted(header) == sorted(first):
        return f"{uri} has the columns in another order ({listed}) than the first object ({names}); {way_out}"
    return f"{uri} has another header ({listed}) than the first object ({names}); {way_out}"


def dialect_of(format_: Format) -> Dialect:
    """A format with nothing left open, as the engine knows it."""
    if not isinstance(format_, CsvFormat):
        raise TypeError(f"{format_.type} has no dialect")
    return Dialect(
        delimiter=format_.delimiter or ",",
        quote=format_.quote or '"',
        header=format_.header is not False,
        nulls=("",) if format_.nulls is None else format_.nulls,
        encoding=format_.encoding or UTF_8,
    )


def _dialect(layout: Layout[CsvFormat]) -> Dialect:
    """The dialect of the bytes that are read, which may be a part of an object."""
    dialect = dialect_of(layout.format)
    if layout.part is None:
        return dialect
    header = dialect.header and layout.begins
    return replace(dialect, header=header, new_line=layout.part.new_line, begins=layout.begins)


def _decided(dialect: Dialect) -> CsvFormat:
    return CsvFormat(
        delimiter=dialect.delimiter,
        quote=dialect.quote,
        header=dialect.header,
        encoding=dialect.encoding,
        nulls=dialect.nulls,
    )


def _nulled(record: Sequence[str], dialect: Dialect) -> list[str | None]:
    return [None if text in dialect.nulls else text for text in record]


def _cut(sample: Sample, dialect: Dialect, fields: int, records: int, path: Path) -> None:
    path.write_bytes(sample.head)
    whole = tally(path, dialect, fields).records - bool(sample.middle)
    last = max(min(records, whole), 0)
    end = next((each.end for each in locate(path, dialect, fields, [last])), None) if last else None
    if end is not None:
        path.write_bytes(sample.head[:end] + b"\n")
