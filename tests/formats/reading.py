"""An object read by a reader alone, as extract and transform do it: counted, then with care."""

from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from chalicelib.core.manifest import Batch, ObjectVersion
from chalicelib.core.pipeline import Format
from chalicelib.core.plan import Field, Sample
from chalicelib.core.types import ColumnType
from chalicelib.engine.records import Refusal
from chalicelib.formats import Glimpse, Layout, Look, reader_of

MAX_BYTES = 1024**2


@dataclass(frozen=True)
class Read:
    """What became of an object: ``counted`` is by the reader's own counter, ``records`` are those kept, by number.

    ``strictly`` is whether the engine reads such objects as they lie, too; then the two counts may differ.
    """

    look: Look
    counted: int
    records: dict[int, tuple[str | None, ...]]
    refused: dict[int, str]
    strictly: bool


def glimpse(path: Path) -> Glimpse:
    return Glimpse(path.name, lambda: Sample(path.read_bytes()), lambda _: nullcontext(path))


def read(path: Path, kind: type[Format], pinned: Format | None = None, names: tuple[str, ...] = ()) -> Read:
    """Read an object in UTF-8; ``names`` are those of the fields, if the object is not to decide them."""
    reader = reader_of(kind)
    look = reader.look(glimpse(path), pinned)
    fields = tuple(Field(name, look.types.get(name, ColumnType.parse("text"))) for name in names or look.names)
    layout, out, refused = Layout(look.format, fields), path.with_suffix(".clean"), list[Refusal]()
    counted = reader.tally(path, layout, None).records
    found = reader.clean(path, layout, out, refused.append, MAX_BYTES)
    kept = []
    if found.kept:
        with duckdb.connect() as connection:
            kept = connection.execute(f"SELECT * FROM {reader.cleaned(out, layout, found)}").fetchall()
    assert len(kept) == found.kept
    assert len(refused) == found.refused
    numbers = found.numbers.take(0, found.kept)
    assert sorted([*numbers, *(each.record for each in refused)]) == list(range(1, found.kept + found.refused + 1))
    batch = Batch(1, ObjectVersion("file", str(path), "", path.stat().st_size, datetime.now(UTC)), counted)
    return Read(
        look=look,
        counted=counted,
        records=dict(zip(numbers, kept, strict=True)),
        refused={each.record: each.reason for each in refused},
        strictly=reader.as_it_lies(path, layout, batch, MAX_BYTES) is not None,
    )
