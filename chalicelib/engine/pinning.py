"""Pinning: the rows that lookups read, copied into the run's folder when the run is planned.

From then on nobody asks the table again: transform needs no database, and what is changed there while the run is under
way changes nothing in it. What was pinned for a run stays, even if it must be planned anew.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryDirectory

import duckdb
import pyarrow as pa

from chalicelib.core.codec import from_json, to_json
from chalicelib.core.errors import InvalidPipeline, Refused
from chalicelib.core.folder import lookup_key
from chalicelib.core.lookup import Pinned, TheirColumn
from chalicelib.core.pipeline import Lookup, Pipeline
from chalicelib.core.pipeline.steps.sensitive import hidden_by
from chalicelib.core.plan import TableShape
from chalicelib.core.types import ColumnType
from chalicelib.core.words import quoted, way_out
from chalicelib.engine.lookup import Fetched, looking_session, value_sql, view_of
from chalicelib.engine.session import text_literal
from chalicelib.engine.stream import BATCH_RECORDS
from chalicelib.ports import ObjectStore, Target


def pin(run_id: str, pipeline: Pipeline, *, target: Target, work: ObjectStore) -> tuple[Pinned, ...]:
    """Pin what each step ``lookup`` reads; what an earlier attempt pinned for the run is taken as it is.

    Raises:
        InvalidPipeline: with the place, for a table or a column that is not there.
        Refused: if a table is too large or not readable, if its key is not unique, or the engine cannot hold a value.
    """
    found = []
    for i, step in enumerate(pipeline.transforms):
        if isinstance(step, Lookup):
            note = lookup_key(run_id, i, "pinned.json")
            if not work.keys(note):
                pinned = _Pinning(pipeline, i, step, target).carried_out(run_id, work)
                with work.writing(note) as stream:
                    stream.write(to_json(pinned))
            with work.reading(note) as stream:
                found.append(from_json(Pinned, stream.read()))
    return tuple(found)


def fetch(lookups: Sequence[Pinned], work: ObjectStore, folder: Path) -> tuple[Fetched, ...]:
    """Copy pinned rows from the work store to the path ``folder``."""
    fetched = []
    for pinned in lookups:
        path = folder / f"lookup{pinned.step}.parquet"
        with work.reading(pinned.key) as stream, path.open("wb") as copy:
            copyfileobj(stream, copy)
        fetched.append((pinned, path))
    return tuple(fetched)


class _Pinning:
    """The pinning of one step's rows: copied as they are, checked, then each different row written once, in order."""

    def __init__(self, pipeline: Pipeline, position: int, step: Lookup, target: Target) -> None:
        self._target, self._asked = target, step.lookup
        self._place = f"transforms[{position}].lookup"
        self._limit_bytes = pipeline.limits.lookup_mb * 1024**2
        self._tells = not any(map(hidden_by, pipeline.transforms))
        shape = target.shape(step.lookup.table)
        keys = self._columns(shape, list(step.lookup.keys.values()), "on")
        columns = self._columns(shape, list(step.lookup.taken.values()), "columns")
        self._pinned = Pinned(position, step.lookup.table, keys, columns, rows=0, key="")

    def carried_out(self, run_id: str, work: ObjectStore) -> Pinned:
        """Pin the rows under a key that no other rows can have."""
        with TemporaryDirectory(prefix="etlplus-") as folder:
            raw = Path(folder) / "raw.parquet"
            self._copy(raw)
            with looking_session([(self._pinned, raw)]) as connection:
                self._check_values(connection, raw)
                self._check_keys(connection)
                rows, content = _different(connection, raw)
        key = lookup_key(run_id, self._pinned.step, f"{sha256(content).hexdigest()[:32]}.parquet")
        with work.writing(key) as stream:
            stream.write(content)
        return replace(self._pinned, rows=rows, key=key)

    def _columns(self, shape: TableShape | None, names: Sequence[str], key: str) -> tuple[TheirColumn, ...]:
        if shape is None:
            told = f"there is no table {self._asked.table} in the target's database; create it first, or name another"
            raise InvalidPipeline(f"{self._place}.table: {told}")
        types = {column.name: column.type for column in shape.columns}
        for name in names:
            if name not in types:
                cause = f"{self._asked.table} has no column {quoted(name)}"
                raise InvalidPipeline(f"{self._place}.{key}: {cause}; {way_out(name, list(types))}")
        return tuple(TheirColumn(name, _type_of(types[name])) for name in names)

    def _copy(self, raw: Path) -> None:
        """Write the rows as they come, all as text."""
        import pyarrow.parquet as pq

        keys, columns = self._pinned.keys, self._pinned.columns
        names = [*(f"k{i}" for i in range(len(keys))), *(f"v{i}" for i in range(len(columns)))]
        schema = pa.schema([(name, pa.string()) for name in names])
        with pq.ParquetWriter(raw, schema) as writer:
            for batch in self._target.rows(self._pinned, self._limit_bytes):
                writer.write_batch(pa.record_batch(batch.columns, schema=schema))

    def _check_values(self, connection: duckdb.DuckDBPyConnection, raw: Path) -> None:
        """No value may become null on its way: PostgreSQL has infinite dates and numbers that are none."""
        lost = [f"count(*) FILTER (WHERE {value_sql(c, f'v{i}')} IS NULL AND v{i} IS NOT NULL)"
                for i, c in enumerate(self._pinned.columns)]  # fmt: skip
        read = f"SELECT {', '.join(lost)} FROM read_parquet({text_literal(str(raw))})"
        for column, count in zip(self._pinned.columns, connection.execute(read).fetchall()[0], strict=True):
            if count:
                values = f"{count:,} {'value' if count == 1 else 'values'} of {column.name} ({column.type})"
                told = f"{values} of {self._pinned.table} cannot be carried, as infinity and NaN cannot"
                way = "leave it out, or look up a view that has it as text"
                raise Refused(f"{self._place}.columns: {told}; {way}")

    def _check_keys(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Of one key there may be one row, or equal ones, in what the step takes."""
        keys = ", ".join(f"k{i}" for i in range(len(self._pinned.keys)))
        rows = f"SELECT DISTINCT * FROM {view_of(self._pinned)}"
        counted = f"SELECT {keys}, count(*) AS size FROM ({rows}) GROUP BY {keys} HAVING count(*) > 1"
        twice = connection.execute(
            f"SELECT *, count(*) OVER () FROM ({counted}) ORDER BY size DESC, {keys} LIMIT 1"
        ).fetchone()
        if twice is None:
            return
        *values, size, count = twice
        names = " and ".join(column.name for column in self._pinned.keys)
        most = f"{', '.join(map(str, values))} in {size:,}" if self._tells else f"one of them in {size:,}"
        told = f"{names} {'is' if len(values) == 1 else 'are'} no key of {self._pinned.table}"
        raise Refused(
            f"{self._place}.on: {told}: {count:,} {'value stands' if count == 1 else 'values stand'} in several rows"
            f" ({most}); compare more columns, or look up a view with one row each"
        )


def _different(connection: duckdb.DuckDBPyConnection, raw: Path) -> tuple[int, bytes]:
    """How many different rows there are, and all of them in order, as Parquet."""
    import pyarrow.parquet as pq

    reader = connection.sql(f"SELECT DISTINCT * FROM read_parquet({text_literal(str(raw))}) ORDER BY ALL")
    rows, into = 0, BytesIO()
    batches: Iterator[pa.RecordBatch] = reader.to_arrow_reader(BATCH_RECORDS)
    with pq.ParquetWriter(into, pq.read_schema(raw), compression="zstd") as writer:
        for batch in batches:
            rows += batch.num_rows
            writer.write_batch(batch)
    return rows, into.getvalue()


def _type_of(written: str) -> ColumnType:
    try:
        return ColumnType.parse(written)
    except ValueError:
        return ColumnType("text")
