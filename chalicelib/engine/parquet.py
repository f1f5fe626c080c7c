"""Clean batches as Parquet objects: how records cross from a transform Lambda to a load Lambda."""

from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from chalicelib.core.folder import batch_key
from chalicelib.core.manifest import Batch
from chalicelib.core.plan import LINE, Plan
from chalicelib.engine.stream import BATCH_RECORDS
from chalicelib.ports import ObjectStore


class ParquetSink:
    """A ``ports.BatchSink`` that writes each batch as one object into the run's folder."""

    def __init__(self, work: ObjectStore) -> None:
        self._work = work

    def write(self, plan: Plan, batch: Batch, records: Iterable[pa.RecordBatch]) -> int:
        """Write the batch whole or not at all; return how many records there are."""
        rows = 0
        with self._work.writing(batch_key(plan.run_id, batch.number)) as stream:
            writer = None
            try:
                for record in records:
                    writer = writer or pq.ParquetWriter(stream, record.schema, compression="zstd")
                    writer.write_batch(record)
                    rows += record.num_rows
                (writer or pq.ParquetWriter(stream, pa.schema([(LINE, pa.int64())]))).close()
            finally:
                if writer is not None:
                    writer.close()
        return rows


def read_batch(work: ObjectStore, plan: Plan, batch: Batch) -> Iterator[pa.RecordBatch]:
    """The records that ``ParquetSink`` wrote, in order."""
    with work.reading(batch_key(plan.run_id, batch.number)) as stream:
        yield from pq.ParquetFile(stream).iter_batches(BATCH_RECORDS)
