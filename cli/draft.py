"""``etlplus init``: a pipeline document drafted from a file, with the evidence of each guess beside it."""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chalicelib.core.document import parse_pipeline
from chalicelib.core.errors import Held, Refused
from chalicelib.core.pipeline import Pipeline
from chalicelib.core.words import quoted
from chalicelib.engine.inference import Evidence
from chalicelib.planning.reading import Reading, read
from cli.load import pipeline_for
from cli.looking import evidence, glimpsed, said

#: The committed JSON Schema, which editors complete from.
SCHEMA = Path(__file__).with_name("pipeline.schema.json")
#: A column of text with so few distinct values, each ten times on average, may have no others.
FEW_VALUES, TIMES_EACH = 12, 10
_BARE = re.compile(r"[a-z_][a-z0-9_]*")
_NOT_BARE = frozenset({"null", "true", "false", "y", "n", "yes", "no", "on", "off"})


@dataclass(frozen=True, slots=True)
class Draft:
    """A document that is not written yet."""

    path: Path
    text: str
    pipeline: Pipeline
    reading: Reading

    def evidence(self) -> list[dict[str, Any]]:
        """What the samples say of each column."""
        return evidence(self.reading, self.pipeline.model_copy(update={"columns": {}}))


def draft(file: str, table: str | None, to: Path | None) -> Draft:
    """Draft the pipeline that loads ``file``.

    Raises:
        NotFound: if there is no such file.
        Held: if it is empty, its header is none that a table could have, or none of its records fits that.
    """
    bare = pipeline_for(file, None, table, {})
    with glimpsed(file) as seen:
        reading = read([seen], bare, None)
        _check_fits(seen.uri, reading)
    path = to or Path(f"{bare.name}.yaml")
    text = "\n".join(_lines(file, path, bare, reading)) + "\n"
    return Draft(path, text, parse_pipeline(text, name=path.name), reading)


def _check_fits(uri: str, reading: Reading) -> None:
    """See that a document drafted by these samples would load something.

    Raises:
        Held: if none of the sampled records has as many fields as the first line, or the names are no text.
    """
    names = [field.name for field in reading.fields]
    if not all(" ".join(name.split()).isprintable() and "\ufffd" not in name for name in names):
        told = f"{uri} does not look like text; if it is, write a document that names its encoding and delimiter"
        raise Held(f"{told}. No pipeline was drafted")
    if reading.has_records and not reading.records:
        cause = f"{uri}: no sampled record has as many fields as its first line ({len(names)}: {quoted(names[0])})"
        way_out = "remove what stands above the header, or write a document that names delimiter and quote"
        if names[0].startswith("#"):
            way_out = "a comment is no header: remove the lines above the header"
        raise Held(f"{cause}; {way_out}. No pipeline was drafted, for it would reject every record")


def write(made: Draft, *, force: bool) -> None:
    """Write the draft to its path.

    Raises:
        Refused: if there is a file and ``force`` is not given, or if it cannot be written.
    """
    try:
        with made.path.open("w" if force else "x", encoding="utf-8") as stream:
            stream.write(made.text)
    except FileExistsError as error:
        raise Refused(f"{made.path} exists; give another place with --to, or overwrite it with --force") from error
    except OSError as error:
        raise Refused(f"{made.path} cannot be written: {error.strerror}") from error


def _lines(file: str, path: Path, bare: Pipeline, reading: Reading) -> Iterator[str]:
    yield f"# yaml-language-server: $schema={os.path.relpath(SCHEMA, path.resolve().parent)}"
    yield f"# Drafted by etlplus init from {len(reading.records):,} sampled records. Rules are guesses: they only warn."
    yield "version: 1"
    yield f"name: {_key(bare.name)}"
    yield "source:"
    yield "  type: file"
    yield f"  path: {_text(file)}"
    yield "  format:"
    yield from _format(reading)
    yield "columns:  # a value that does not fit its type rejects its record"
    for column in evidence(reading, bare):
        yield f"  {_key(column['name'])}: {_text(column['type'])}  # {said(column)}"
    yield from _rules(reading)
    yield "target:"
    yield "  type: postgres"
    yield f"  table: {_text(str(bare.target.table))}"
    yield "  contract: {new_columns: fail, missing_columns: fail, type_change: fail}  # or evolve: see docs/contract.md"


def _format(reading: Reading) -> Iterator[str]:
    for key, value in reading.format.model_dump(mode="json", exclude_none=True).items():
        shown = value if key in ("type", "encoding") else json.dumps(value, ensure_ascii=False)
        sure = f"  # {reading.confidence[key]:.0%} sure" if key in reading.confidence else ""
        yield f"    {key}: {shown}{sure}"


def _rules(reading: Reading) -> Iterator[str]:
    named = list(zip((field.name for field in reading.fields), reading.evidence, strict=True))
    always = [name for name, found in named if found.values and not found.nulls]
    few = [(name, sorted(set(found.values))) for name, found in named if _has_few(found)]
    if not always and not few:
        return
    yield "rules:  # guesses; severity reject keeps such records out, fail holds the run"
    if always:
        records = f"{len(reading.records):,} sampled records"
        yield f"  # guess: no NULL in {records}"
        yield f"  - {{check: not_null, columns: [{', '.join(map(_text, always))}], severity: warn}}"
    for name, values in few:
        yield f"  # guess: {len(values)} distinct values in {len(reading.records):,} sampled records"
        yield f"  - {{check: in, column: {_text(name)}, values: [{', '.join(map(_text, values))}], severity: warn}}"


def _has_few(found: Evidence) -> bool:
    is_text = found.type is not None and found.type.base == "text"
    distinct = len(set(found.values))
    return is_text and 1 < distinct <= FEW_VALUES and len(found.values) >= TIMES_EACH * distinct


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) and name not in _NOT_BARE else _text(name)


def _text(value: str) -> str:
    """The text in double quotes, which YAML reads as JSON does."""
    return json.dumps(value, ensure_ascii=not value.isprintable())
