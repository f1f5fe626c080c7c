"""A cutter: a reader whose objects can be cut into parts that are read by themselves. Other objects are one batch."""

from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

from chalicelib.core.manifest import Batch
from chalicelib.core.tally import Range
from chalicelib.engine.records import Readable
from chalicelib.formats.reader import Layout


@runtime_checkable
class Cutter(Protocol):
    """What such a reader has besides. Its other methods honour ``Layout.part``."""

    def cut(self, stream: Readable, layout: Layout[Any], wanted_bytes: int, after: Batch | None) -> Iterator[Range]:
        """Cut the plain bytes of an object, in UTF-8, into ranges of whole records, in one pass in constant memory.

        ``stream`` begins at the object's first byte or, to go on, at the end of the batch ``after``. A range is not
        much longer than ``wanted_bytes``, unless one record is. What is read of the ranges must be what is read of the
        whole: records, numbers, rejects and counts are the same however the object is cut.
        """
        ...
