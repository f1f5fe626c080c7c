"""Formats: one reader each. A new one is its file here, its words in ``core.pipeline.formats``, a line in ``READERS``.

What every reader owes its objects: each record is read or refused with a reason, the count is not its own, memory does
not grow with the object, and no byte makes it do anything but that. ``tests/formats`` holds each of ``READERS`` to it.
"""

from collections.abc import Mapping
from typing import Any

from chalicelib.core.pipeline import CsvFormat, Format, JsonlFormat
from chalicelib.formats.csv import CsvReader
from chalicelib.formats.cutter import Cutter
from chalicelib.formats.jsonl import JsonlReader
from chalicelib.formats.reader import Glimpse, Layout, Look, Reader, encoding_of, layout_of, placed

__all__ = [
    "READERS", "Cutter", "Glimpse", "Layout", "Look", "Reader", "cutter_of", "encoding_of", "layout_of", "placed",
    "reader_of", "recognised",
]  # fmt: skip

READERS: Mapping[type[Format], Reader[Any]] = {CsvFormat: CsvReader(), JsonlFormat: JsonlReader()}
#: The formats by the endings of names; what ends otherwise is delimited text.
_ENDINGS: Mapping[str, type[Format]] = {".jsonl": JsonlFormat, ".ndjson": JsonlFormat}


def reader_of(format_: Format | type[Format]) -> Reader[Any]:
    """The reader of a format, or of a kind of formats."""
    return READERS[format_ if isinstance(format_, type) else type(format_)]


def cutter_of(format_: Format) -> Cutter | None:
    """The reader of a format whose objects can be cut, or None."""
    reader = reader_of(format_)
    return reader if isinstance(reader, Cutter) else None


def recognised(name: str) -> type[Format]:
    """The format of an object, where no document says it.

    >>> recognised("s3://landing/events.ndjson.gz").__name__
    'JsonlFormat'
    """
    low = name.lower().removesuffix(".gz")
    return next((format_ for ending, format_ in _ENDINGS.items() if low.endswith(ending)), CsvFormat)
