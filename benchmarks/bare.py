"""The bare path: DuckDB with declared types into a binary COPY. No rejects, no counting, no provenance, no hash."""

import sys

import duckdb
import pyarrow as pa

from benchmarks.orders import COLUMNS
from chalicelib.postgres.connection import Dsn, connected
from chalicelib.targets.postgres.copy import copy_into


def main(file: str, table: str, url: str) -> None:
    """Copy ``file`` into ``table``."""
    types = ", ".join(f"'{name}': '{kind}'" for name, kind in COLUMNS.items())
    with duckdb.connect(config={"threads": 2, "arrow_lossless_conversion": "true"}) as engine:
        reader = engine.sql(
            f"SELECT * FROM read_csv('{file}', header = true, auto_detect = false, columns = {{{types}}})",
        ).to_arrow_reader(20_000)
        with connected(Dsn.parse(url)) as connection:
            copy_into(connection, f"COPY {table} FROM STDIN WITH (FORMAT binary)", map(plain, reader))


def plain(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch with Arrow's own types in place of the engine's."""
    arrays = [
        array.cast(pa.bool_())
        if isinstance(array, pa.ExtensionArray) and array.type.extension_name == "arrow.bool8"
        else array.storage
        if isinstance(array, pa.ExtensionArray)
        else array
        for array in batch.columns
    ]
    return pa.record_batch(arrays, names=batch.schema.names)


if __name__ == "__main__":
    main(*sys.argv[1:])
