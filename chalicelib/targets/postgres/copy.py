"""Binary COPY: Arrow batches, encoded beside the sending, into one table.

The encoder wants exact types, so ``with_constants`` and the staging table see to it that a column's Arrow type and
its PostgreSQL type have the same binary form (a jsonb is the byte 1 and its text).
"""

import queue
import threading
from collections.abc import Iterable, Iterator, Sequence

import pgpq
import pyarrow as pa
import pyarrow.compute as pc

from chalicelib.postgres.connection import Connection

#: Encoded chunks (20,000 records each) that may wait for the socket.
DEPTH = 3
#: What one CopyData message carries: it stays in the processor's cache on its way through driver and server.
MESSAGE_BYTES = 65_536


def copy_into(connection: Connection, statement: str, batches: Iterable[pa.RecordBatch]) -> int:
    """Run ``COPY ... FROM STDIN (FORMAT binary)`` and return the rows that the server counted.

    When ``batches`` raises, the COPY is ended in order with what was sent, so the connection stays usable, and the
    error goes on to the caller, who takes the rows back.
    """
    encoded = _Encoded(batches)
    try:
        first = encoded.first()
        if first is None:
            return 0
        connection.run(statement, stream=encoded.chunks(first))
    finally:
        encoded.stop()
    if encoded.error is not None:
        raise encoded.error
    return int(connection.row_count)


def with_constants(
    batch: pa.RecordBatch, columns: Sequence[str], constants: Sequence[pa.Scalar], *, jsonb: frozenset[str]
) -> pa.RecordBatch:
    """The batch's ``columns`` in that order, then each constant as a column of its own."""
    arrays = [_versioned(batch.column(name)) if name in jsonb else batch.column(name) for name in columns]
    arrays += [pa.repeat(constant, batch.num_rows) for constant in constants]
    return pa.record_batch(arrays, names=[f"c{i}" for i in range(len(arrays))])


def _versioned(texts: pa.Array) -> pa.Array:
    """The binary form of jsonb: version 1, then the text."""
    return pc.binary_join_element_wise("\x01", texts, "")


class _Encoded:
    """Batches encoded in a thread of their own, a few chunks ahead of the socket."""

    def __init__(self, batches: Iterable[pa.RecordBatch]) -> None:
        self.error: BaseException | None = None
        self._batches = iter(batches)
        self._chunks: queue.Queue[bytes | None] = queue.Queue(DEPTH)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._encode, name="encode", daemon=True)

    def first(self) -> bytes | None:
        """Start, and wait for the first chunk; None means there is nothing to copy.

        Raises:
            BaseException: what the batches raised before their first record.
        """
        self._thread.start()
        chunk = self._chunks.get()
        if chunk is None and self.error is not None:
            raise self.error
        return chunk

    def chunks(self, first: bytes) -> Iterator[memoryview]:
        """All chunks of the COPY in messages, ended in order even after an error."""
        chunk: bytes | None = first
        while chunk is not None:
            view = memoryview(chunk)
            for start in range(0, len(view), MESSAGE_BYTES):
                yield view[start : start + MESSAGE_BYTES]
            chunk = self._chunks.get()

    def stop(self) -> None:
        """Let the thread end, whatever it waits for."""
        self._stopped.set()
        while self._thread.is_alive():
            try:
                self._chunks.get(timeout=0.05)
            except queue.Empty:
                continue
        self._thread.join()

    def _encode(self) -> None:
        encoder = None
        try:
            for batch in self._batches:
                if self._stopped.is_set():
                    return
                if batch.num_rows == 0:
                    continue
                if encoder is None:
                    encoder = pgpq.ArrowToPostgresBinaryEncoder(batch.schema)
                    self._put(encoder.write_header())
                self._put(encoder.write_batch(batch))
        except BaseException as error:  # noqa: BLE001 - carried to the caller's thread, raised there
            self.error = error
        if encoder is not None:
            self._put(encoder.finish())
        self._put(None)

    def _put(self, chunk: bytes | None) -> None:
        while not self._stopped.is_set():
            try:
                return self._chunks.put(chunk, timeout=0.1)
            except queue.Full:
                continue
        return None
