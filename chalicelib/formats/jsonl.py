"""JSON Lines: one object a line. Its keys are fields; an object or array in it stays JSON.

A line is read by Python's own ``json`` (RFC 8259, with NaN and infinities refused and a name told twice refused), and a
number keeps the digits in which it was written.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from chalicelib.core.errors import Held
from chalicelib.core.manifest import Batch, Span
from chalicelib.core.pipeline import JsonlFormat
from chalicelib.core.plan import Sample
from chalicelib.core.tally import Lines, Range, Tally
from chalicelib.engine.records import Readable
from chalicelib.formats.encoded import BOM, first_text, further_text
from chalicelib.formats.json_values import joined, looked, parsed, splitter
from chalicelib.formats.reader import Glimpse, Layout, Look, encoding_of
from chalicelib.formats.spooled import Raw, Split, SpooledReader, Unreadable

_BLOCK_BYTES = 1024**2


class JsonlReader(SpooledReader[JsonlFormat]):
    """See ``formats.reader.Reader``."""

    def look(self, glimpse: Glimpse, pinned: JsonlFormat | None) -> Look:
        """Take the names and types of the fields from the samples; later records may have others."""
        sample, encoding, sure = first_text(glimpse, pinned.encoding if pinned else None)
        format_ = JsonlFormat(type="jsonl", encoding=encoding)
        return looked(format_, _sampled(sample, glimpse.uri), {"encoding": sure})

    def join(self, first: Look, glimpse: Glimpse, pinned: JsonlFormat | None) -> Look:
        """The fields of both, if they have one encoding."""
        sample = further_text(glimpse, encoding_of(first.format), is_pinned=bool(pinned and pinned.encoding))
        return joined(first, _sampled(sample, glimpse.uri))

    def told(self, look: Look) -> str:
        """The encoding."""
        return f"JSON lines, encoding {encoding_of(look.format)} ({look.confidence['encoding']:.0%})"

    def tally(self, path: Path, layout: Layout[JsonlFormat], lines: Lines | None) -> Tally:  # noqa: ARG002
        """Count the lines that are not blank."""
        return Tally(_count(path), has_nul=False, open_quote=False, new_line="\n")

    def cut(
        self,
        stream: Readable,
        layout: Layout[JsonlFormat],  # noqa: ARG002
        wanted_bytes: int,
        after: Batch | None,
    ) -> Iterator[Range]:
        """Cut at line ends; a line that is not blank is a record."""
        start = after.span.end if after and after.span else 0
        before = after.before + after.records if after else 0
        cutting = _Cutting(Span(start, start, before), begins=after is None)
        while block := stream.read(max(min(_BLOCK_BYTES, wanted_bytes), len(BOM))):
            cutting.add(block)
            if cutting.size_bytes >= wanted_bytes:
                yield cutting.taken()
        yield from cutting.rest()

    def raws(self, path: Path, layout: Layout[JsonlFormat], max_record_bytes: int) -> Iterator[Raw]:
        """The lines that are not blank; a byte order mark is no content."""
        with path.open("rb") as file:
            start = len(BOM) if layout.begins and file.read(len(BOM)) == BOM else 0
            file.seek(start)
            while part := file.readline(max_record_bytes + 1):
                last, after, is_blank = part, start + len(part), _is_blank(part)
                while not last.endswith(b"\n") and (more := file.readline(_BLOCK_BYTES)):
                    last, after = more, after + len(more)  # of a longer line no more is kept
                    is_blank = is_blank and _is_blank(more)
                if not is_blank:
                    yield Raw(part.rstrip(b"\r\n"), start, after - len(last) + len(last.rstrip(b"\r\n")))
                start = after

    def splitter(self, layout: Layout[JsonlFormat]) -> Split:
        """The values of an object's keys."""
        split = splitter(layout.fields)
        return lambda raw: split(parsed(raw.data))


class _Cutting:
    """The range that grows line by line, and the beginning of a line whose end is still to come."""

    def __init__(self, at: Span, *, begins: bool) -> None:
        self._at, self._begins = at, begins
        self._records, self._left_bytes, self._left_is_blank = 0, 0, True

    @property
    def size_bytes(self) -> int:
        return self._at.end - self._at.start

    def add(self, block: bytes) -> None:
        *lines, left = block.split(b"\n")
        if self._begins:
            self._begins = False
            first = lines or [left]
            first[0] = first[0].removeprefix(BOM)
            left = left if lines else first[0]
        if lines:
            lines[0] = lines[0] if self._left_is_blank else b"."
            self._records += sum(1 for line in lines if not _is_blank(line))
            whole = block.rfind(b"\n") + 1
            self._at = replace(self._at, end=self._at.end + self._left_bytes + whole)
            self._left_bytes, self._left_is_blank, block = 0, True, block[whole:]
        self._left_bytes += len(block)
        self._left_is_blank = self._left_is_blank and _is_blank(left)

    def taken(self) -> Range:
        """The range as it is; another begins."""
        taken = Range(self._at, Tally(self._records, has_nul=False, open_quote=False, new_line="\n"))
        end = self._at.end
        self._at = Span(end, end, self._at.before + self._records)
        self._records = 0
        return taken

    def rest(self) -> Iterator[Range]:
        """The last range, with a line that has no end; an empty object is one, too."""
        self._records += not self._left_is_blank
        self._at = replace(self._at, end=self._at.end + self._left_bytes)
        if self.size_bytes or not self._at.end:
            yield self.taken()


def _sampled(sample: Sample, uri: str) -> list[dict[str, object]]:
    """The objects among the sampled lines; the first and last of a part may be cut, and broken ones are for later."""
    whole = not sample.middle and not sample.tail
    lines = sample.head.removeprefix(BOM).split(b"\n")
    lines = lines if whole or len(lines) < 2 else lines[:-1]
    lines += [line for part in (sample.middle, sample.tail) for line in part.split(b"\n")[1:-1]]
    found = []
    for line in filter(bytes.strip, lines):
        try:
            value = parsed(line)
        except Unreadable:
            continue
        if isinstance(value, dict):
            found.append(value)
    if not found:
        raise Held(f"{uri}: none of its first lines is a JSON object; name its format with source.format")
    return found


def _count(path: Path) -> int:
    count, left = 0, b""
    with path.open("rb", buffering=0) as file:
        file.seek(len(BOM) if file.read(len(BOM)) == BOM else 0)
        while block := file.read(_BLOCK_BYTES):
            lines = (left + block).split(b"\n")
            left = lines.pop()
            left = left if len(left) < _BLOCK_BYTES else left.strip()[:1] or left[:1]
            count += sum(1 for line in lines if not _is_blank(line))
    return count + (not _is_blank(left))


def _is_blank(line: bytes) -> bool:
    return not line or line.isspace()
