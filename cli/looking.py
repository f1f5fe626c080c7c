"""``etlplus preview``: what a pipeline does to the first records of a file, for people and for programs."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from chalicelib.core.errors import Refused
from chalicelib.core.pipeline import FileSource as FileSourceDocument
from chalicelib.core.pipeline import Lookup, Pipeline
from chalicelib.engine.lookup import Fetched
from chalicelib.formats import Glimpse
from chalicelib.planning.glimpse import glimpse
from chalicelib.planning.preview import Out, Seen
from chalicelib.planning.preview import preview as preview_of
from chalicelib.planning.reading import Reading, read
from chalicelib.sources.file import FileSource
from cli.output import table

#: A value is shown up to this many characters.
SHOWN = 32


@dataclass(frozen=True, slots=True)
class Looked:
    """How a file is read, and its records after each part of a pipeline."""

    file: str
    pipeline: Pipeline
    reading: Reading
    seen: list[Seen]

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON values."""
        return {
            "object": self.file,
            "format": self.reading.format.model_dump(mode="json"),
            "confidence": dict(self.reading.confidence),
            "columns": evidence(self.reading, self.pipeline),
            "steps": [_seen(each) for each in self.seen],
        }

    def text(self) -> str:
        """All of it as tables."""
        lines = [f"{self.file}: {self.reading.told}", "", *_columns(self.reading, self.pipeline).splitlines()]
        for each in self.seen:
            lines += ["", f"after {each.after}:", *_records(each).splitlines(), *_told(each.out)]
        return "\n".join(lines)


def look(pipeline: Pipeline, file: str | None, records: int, dsn: str | None = None) -> Looked:
    """Carry the first records of ``file``, or of the one that the pipeline's own source finds first.

    A database (``dsn``, or the one that ``load`` would use) is asked only for tables that steps look up.

    Raises:
        Refused: if the source needs a cloud and no file is named.
        Held: if the file cannot be read as the document says.
        InvalidPipeline: if a step or a rule does not compile for its columns.
    """
    if file is None and not isinstance(pipeline.source, FileSourceDocument):
        raise Refused(f"{pipeline.name} reads {pipeline.source.uri}; name a file like those with --object FILE")
    name = file if file is not None else getattr(pipeline.source, "path", "")
    with TemporaryDirectory(prefix="etlplus-") as folder, glimpsed(name) as seen:
        reading = read([seen], pipeline, None)
        lookups = _lookups(pipeline, dsn, Path(folder))
        seen_by_step = preview_of(seen, reading, pipeline, records, Path(folder), lookups=lookups)
        return Looked(seen.uri, pipeline, reading, seen_by_step)


def _lookups(pipeline: Pipeline, dsn: str | None, folder: Path) -> tuple[Fetched, ...]:
    if not any(isinstance(step, Lookup) for step in pipeline.transforms):
        return ()
    from chalicelib.bootstrap.local import looked_up
    from chalicelib.settings import Settings
    from cli.local import places

    with places(target=dsn or Settings.read().connection(pipeline.target.connection)) as where:
        return looked_up(pipeline, where.target, folder)


@contextmanager
def glimpsed(pattern: str) -> Iterator[Glimpse]:
    """A glimpse of the first file that ``pattern`` finds, for the length of the block."""
    with TemporaryDirectory(prefix="etlplus-") as folder:
        source = FileSource(pattern, work=Path(folder))
        yield glimpse(source, source.find()[0])


def evidence(reading: Reading, pipeline: Pipeline) -> list[dict[str, Any]]:
    """What is known of each column: its type, whether the document says so, and what the samples say."""
    return [
        {
            "name": field.name,
            "type": str(field.type),
            "declared": field.name in pipeline.columns,
            "sampled": len(found.values),
            "nulls": found.nulls,
            "confidence": 1.0 if found.nearly is None else found.share,
            "nearly": found.nearly,
        }
        for field, found in zip(reading.fields, reading.evidence, strict=True)
    ]


def said(column: dict[str, Any]) -> str:
    """The evidence of a column in words."""
    if column["declared"]:
        return "declared"
    if column["sampled"] == 0:
        return "no value in the samples"
    if column["nearly"]:
        share, nearly = f"{column['confidence']:.1%} of {column['sampled']:,} values", column["nearly"]
        return f"{share} are {nearly}; declare {nearly} to reject the others"
    return f"{column['sampled']:,} of {column['sampled']:,} values"


def _columns(reading: Reading, pipeline: Pipeline) -> str:
    rows = [(each["name"], each["type"], said(each), each["nulls"]) for each in evidence(reading, pipeline)]
    return table(rows, ("column", "type", "evidence", "nulls"))


def _records(seen: Seen) -> str:
    if not seen.records:
        return "  no records"
    names = list(seen.records[0][1])
    rows = [(number, *(_short(values[name]) for name in names)) for number, values in seen.records]
    return "\n".join(f"  {line}" for line in table(rows, ("record", *names)).splitlines())


def _told(out: tuple[Out, ...]) -> Iterator[str]:
    for each in out:
        number = "a record" if each.record is None else f"record {each.record:,}"
        yield f"  {number} is {'rejected: ' + '; '.join(each.reasons) if each.rejected else 'filtered out'}"


def _short(value: Any) -> str:
    text = "NULL" if value is None else str(value)
    return text if len(text) <= SHOWN else text[: SHOWN - 3] + "..."


def _seen(seen: Seen) -> dict[str, Any]:
    return {
        "after": seen.after,
        "records": [{"record": n, "values": {k: _json(v) for k, v in values.items()}} for n, values in seen.records],
        "out": [{"record": e.record, "rejected": e.rejected, "reasons": list(e.reasons)} for e in seen.out],
    }


def _json(value: Any) -> Any:
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    return str(value) if isinstance(value, Decimal) else value
