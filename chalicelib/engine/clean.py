"""Clean batches as objects: how records cross from a transform Lambda to a load Lambda, one object a group of batches.

An object holds an Arrow stream for each batch, one after the other, whose schema says which batch it is.
"""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack
from typing import IO

import pyarrow as pa

from chalicelib.core.folder import batch_key
from chalicelib.core.manifest import Batch
from chalicelib.core.plan import LINE, Plan
from chalicelib.ports import ObjectStore

_BATCH = b"batch"
_OPTIONS = pa.ipc.IpcWriteOptions(compression="zstd")


class CleanSink:
    """A ``ports.BatchSink`` that writes the batches of a group into one object of the run's folder.

    The object is there, whole, at the end of its ``with`` block, and replaces what an earlier attempt left; an error
    leaves that.
    """

    def __init__(self, work: ObjectStore, plan: Plan, group: int) -> None:
        self._object: AbstractContextManager[IO[bytes]] = work.writing(batch_key(plan.run_id, group))
        self._stack = ExitStack()
        self._stream: IO[bytes] | None = None

    def __enter__(self) -> "CleanSink":
        """Begin the object."""
        self._stack.__enter__()
        self._stream = self._stack.enter_context(self._object)
        return self

    def __exit__(self, *error: object) -> None:
        """End it."""
        self._stack.__exit__(*error)  # type: ignore[arg-type]

    def write(self, plan: Plan, batch: Batch, records: Iterable[pa.RecordBatch]) -> int:  # noqa: ARG002
        """Write the batch whole or not at all; return how many records there are."""
        if self._stream is None:
            raise TypeError("a sink is written to within its block")
        start, rows = self._stream.tell(), 0
        try:
            with ExitStack() as stack:
                writer = None
                for record in records:
                    writer = writer or stack.enter_context(self._opened(batch, record.schema))
                    writer.write_batch(record)
                    rows += record.num_rows
                if writer is None:
                    stack.enter_context(self._opened(batch, pa.schema([(LINE, pa.int64())])))
        except BaseException:
            self._stream.seek(start)
            self._stream.truncate()
            raise
        return rows

    def _opened(self, batch: Batch, schema: pa.Schema) -> pa.RecordBatchStreamWriter:
        named = schema.with_metadata({_BATCH: str(batch.number).encode()})
        return pa.ipc.new_stream(self._stream, named, options=_OPTIONS)


def read_clean(work: ObjectStore, plan: Plan, group: int, batches: int) -> Iterator[tuple[int, pa.RecordBatch]]:
    """The records that ``CleanSink`` wrote of a group of so many batches, in order, each with its batch's number."""
    with work.reading(batch_key(plan.run_id, group)) as stream:
        for _ in range(batches):
            reader = pa.ipc.open_stream(stream)
            number = int(reader.schema.metadata[_BATCH])
            for record in reader:
                yield number, record
