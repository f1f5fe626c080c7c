"""Spooled reading: a format whose records a library, or Python, takes apart, written as texts into a Parquet file.

The engine reads that file as it reads a clean copy of delimited text, so casts, steps, rules and record numbers are one
way for all formats. A subclass decides, counts, and yields records; it keeps to constant memory.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Generic, TypeVar

import pyarrow as pa

from chalicelib.core.manifest import Batch
from chalicelib.core.pipeline import Format
from chalicelib.engine.records import Located, Numbers, Refusal, Screened
from chalicelib.engine.session import text_literal
from chalicelib.formats.reader import Glimpse, Layout, Refuse, encoding_of

F = TypeVar("F", bound=Format)
#: A chunk of texts is written when it has so many records, or bytes.
CHUNK_RECORDS, CHUNK_BYTES = 20_000, 16 * 1024**2
#: The longest record that a preview reads.
_LONGEST_BYTES = 4 * 1024**2


class Unreadable(Exception):  # noqa: N818 - a verdict, caught here
    """A record that cannot be read; the message is a sentence without its subject."""


@dataclass(frozen=True, slots=True)
class Raw:
    """A record as it lies in the object: its bytes (or a text that stands for them), and where, if it has a place."""

    data: bytes
    start: int | None = None
    end: int | None = None


#: From a record as it lies to the texts of its fields.
Split = Callable[[Raw], Sequence[str | None]]


class SpooledReader(ABC, Generic[F]):
    """The part of a ``Reader`` that such formats have in common."""

    @abstractmethod
    def raws(self, path: Path, layout: Layout[F], max_record_bytes: int) -> Iterator[Raw]:
        """The records as they lie, in order; of a longer one than ``max_record_bytes`` a part that is longer, too."""

    @abstractmethod
    def splitter(self, layout: Layout[F]) -> Split:
        """What takes a record apart: its values in the order of the fields.

        It raises ``Unreadable`` if the record is broken, or has a field that is none of them.
        """

    def as_it_lies(self, path: Path, layout: Layout[F], batch: Batch, max_record_bytes: int) -> None:
        """There is no other way than the careful one."""

    def clean(self, path: Path, layout: Layout[F], out: Path, refuse: Refuse, max_record_bytes: int) -> Screened:
        """Write the records' texts; refuse those that are broken, too long, or hold what PostgreSQL has no text for."""
        return self._spool(self.raws(path, layout, max_record_bytes), layout, out, refuse, max_record_bytes)

    def cleaned(self, out: Path, layout: Layout[F], found: Screened) -> str:  # noqa: ARG002
        """The texts, in their order."""
        return f"read_parquet({text_literal(str(out))})"

    def first(self, glimpse: Glimpse, layout: Layout[F], records: int, out: Path, refuse: Refuse) -> Screened:
        """Read so many records of the object itself."""
        with glimpse.local(encoding_of(layout.format)) as path:
            raws = islice(self.raws(path, layout, _LONGEST_BYTES), records)
            return self._spool(raws, layout, out, refuse, _LONGEST_BYTES)

    def locate(
        self,
        path: Path,
        layout: Layout[F],
        wanted: Iterable[int],
    ) -> Iterator[Located]:
        """Go through the object once more."""
        numbers = iter(wanted)
        number = next(numbers, None)
        for count, raw in enumerate(self.raws(path, layout, _LONGEST_BYTES), start=1):
            if number is None:
                return
            if count == number:
                yield Located(number, raw.start, raw.end, raw.data[:65_536])
                number = next(numbers, None)

    def veil(self, raw: bytes, layout: Layout[F], hidden: frozenset[int] | None) -> bytes:  # noqa: ARG002
        """Nothing, as soon as anything is hidden: the bytes of these formats do not show where a field ends."""
        return raw if hidden is not None and not hidden else b""

    def _spool(
        self,
        raws: Iterable[Raw],
        layout: Layout[F],
        out: Path,
        refuse: Refuse,
        max_record_bytes: int,
    ) -> Screened:
        numbers, kept, refused, longest = Numbers(), 0, 0, 0
        split = self.splitter(layout)
        with _Spool(out, len(layout.fields)) as spool:
            for number, raw in enumerate(raws, start=1):
                try:
                    spool.add(_storable(split(_bounded(raw, max_record_bytes))), len(raw.data))
                except Unreadable as broken:
                    refused += 1
                    numbers.skip(number)
                    refuse(Refusal(number, raw.start, raw.end, raw.data[:65_536], str(broken)))
                else:
                    kept += 1
                    longest = max(longest, len(raw.data))
        return Screened(kept, refused, numbers, longest)


class _Spool:
    """The Parquet file that grows chunk by chunk."""

    def __init__(self, out: Path, fields: int) -> None:
        import pyarrow.parquet as pq

        self._schema = pa.schema([(f"f{i}", pa.string()) for i in range(fields)])
        self._writer = pq.ParquetWriter(out, self._schema, compression="lz4")
        self._rows: list[Sequence[str | None]] = []
        self._bytes = 0

    def __enter__(self) -> "_Spool":
        return self

    def __exit__(self, *_: object) -> None:
        self._flush()
        self._writer.close()

    def add(self, texts: Sequence[str | None], size: int) -> None:
        self._rows.append(texts)
        self._bytes += size
        if len(self._rows) >= CHUNK_RECORDS or self._bytes >= CHUNK_BYTES:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            columns = [pa.array(column, pa.string()) for column in zip(*self._rows, strict=True)]
            self._writer.write_batch(pa.record_batch(columns, schema=self._schema))
            self._rows, self._bytes = [], 0


def _bounded(raw: Raw, max_record_bytes: int) -> Raw:
    if len(raw.data) > max_record_bytes:
        raise Unreadable(f"is longer than the limit of {max_record_bytes:,} bytes")
    return raw


def _storable(texts: Sequence[str | None]) -> Sequence[str | None]:
    """The texts, if PostgreSQL can hold them."""
    whole = "".join(filter(None, texts))
    if "\0" in whole:
        raise Unreadable("holds the character U+0000, which PostgreSQL has no text for")
    if not whole.isascii():
        try:
            whole.encode()
        except UnicodeEncodeError as error:
            raise Unreadable(f"holds half a character, U+{ord(whole[error.start]):04X}") from None
    return texts
