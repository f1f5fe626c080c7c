"""``etlplus load``: a file into a table, with or without a pipeline document."""

import re
from pathlib import Path
from typing import Any

from chalicelib.bootstrap.local import Places, run_in_process
from chalicelib.core.document import parse_pipeline
from chalicelib.core.errors import InvalidPipeline, NotFound, Refused
from chalicelib.core.pipeline import CsvFormat, FileSource, Format, Pipeline, Target
from chalicelib.core.run import Run
from chalicelib.core.table import TableName
from chalicelib.engine.records.ahead import ReadAhead
from cli.progress import progress


def load_pipeline(path: Path) -> Pipeline:
    """Read a pipeline document.

    Raises:
        NotFound: if there is no such file.
        InvalidPipeline: with every mistake in it, located.
    """
    return parse_pipeline(text_of(path), name=path.name)


def text_of(path: Path) -> str:
    """The text of a document.

    Raises:
        NotFound: if there is no such file.
        InvalidPipeline: if it is no text.
        Refused: if it may not be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise NotFound(f"{path} does not exist") from error
    except IsADirectoryError as error:
        raise InvalidPipeline(f"{path} is a folder; name one pipeline document, such as {path}/NAME.yaml") from error
    except UnicodeDecodeError as error:
        raise InvalidPipeline(f"{path} is not UTF-8 text (byte {error.start + 1}); save it as UTF-8") from error
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror}") from error


def pipeline_for(file: str, document: Pipeline | None, table: str | None, csv: dict[str, Any]) -> Pipeline:
    """The pipeline that loads ``file``: the document with that file as its source, or one made up for it."""
    try:
        if document is not None:
            source = FileSource(type="file", path=file, format=_format(document.source.format, csv))
            target = document.target.model_copy(update={"table": TableName.parse(table)} if table else {})
            return document.model_copy(update={"source": source, "target": target, "triggers": ()})
        name = _slug(file)
        return Pipeline(
            version=1,
            name=name,
            source=FileSource(type="file", path=file, format=_format(None, csv)),
            target=Target(type="postgres", table=TableName.parse(table or f"public.{name}")),
        )
    except ValueError as error:  # pydantic words its errors for programmers
        wrong = told(error)
    raise InvalidPipeline(wrong)  # out here: a ValidationError as its context would be a cycle that nothing collects


def _format(given: Format | None, csv: dict[str, Any]) -> Format | None:
    """The format of a document with what the options of the command say of CSV."""
    if not csv:
        return given
    if given is not None and not isinstance(given, CsvFormat):
        raise ValueError(f"--{next(iter(csv))} is for delimited text, and the document says {given.type}; leave it out")
    return CsvFormat(**{**(given.model_dump(exclude_none=True) if given else {}), **csv})


def run_load(pipeline: Pipeline, places: Places, ahead: ReadAhead | None = None) -> Run:
    """Run the journey in this process, with a bar on a terminal."""
    with progress(pipeline.name) as bar:
        return run_in_process(pipeline, places, bar, ahead)


def _slug(file: str) -> str:
    """A name for pipeline and table: the file's, without endings, in lower case letters, digits and ``_``."""
    stem = Path(file).name.split(".")[0]
    return re.sub(r"[^a-z0-9]+", "_", stem.lower()).strip("_")[:63] or "data"


def told(error: ValueError) -> str:
    """What a model of ours says of a wrong value, without pydantic's own words."""
    errors = getattr(error, "errors", None)
    return "; ".join(str(e["msg"]).removeprefix("Value error, ") for e in errors()) if errors else str(error)
