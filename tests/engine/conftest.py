"""The engine, whole: from the bytes of an object to the kept records and the fates of all others."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from chalicelib.core.dialect import Dialect
from chalicelib.core.pipeline import Pipeline
from chalicelib.core.plan import Field, TargetColumn
from chalicelib.core.reject import Reason
from chalicelib.core.types import ColumnType
from chalicelib.engine.casts import made_type
from chalicelib.engine.fates import Fates
from chalicelib.engine.gathering import Gathering
from chalicelib.engine.program import Program, compile_program, compile_steps
from chalicelib.engine.session import Parser, locked_session, parser
from chalicelib.engine.stream import counted, delimited, open_input, stream

MAX_BYTES = 2 * 1024**2


class Ran(NamedTuple):
    """What a run of the engine left: the kept records, with ``_etl_line``, and the fates."""

    kept: list[dict[str, Any]]
    fates: Fates

    @property
    def lines(self) -> list[int]:
        """The numbers of the kept records."""
        return [record["_etl_line"] for record in self.kept]

    @property
    def values(self) -> list[tuple[Any, ...]]:
        """The kept records without their numbers."""
        return [tuple(value for name, value in record.items() if name != "_etl_line") for record in self.kept]

    @property
    def rejects(self) -> dict[int, list[str]]:
        """Record number -> its reasons, each as ``rule:column``, a rule of the document by its place."""
        return {
            record: [told(reason) for reason in self.fates.reasons(code)]
            for record, code in zip(self.fates.rejected, self.fates.codes, strict=True)
        }


Run = Callable[..., Ran]


def told(reason: Reason) -> str:
    """A reason in short."""
    return ":".join(filter(None, (reason.place or reason.rule, reason.column)))


def fields_of(columns: Mapping[str, Any]) -> tuple[Field, ...]:
    """The fields of the document's ``columns``."""
    declared = _pipeline(columns=columns).columns
    return tuple(Field(name, c.type, c.required, c.format, c.timezone) for name, c in declared.items())


def as_made(pipeline: Pipeline, fields: tuple[Field, ...], sql: Parser) -> tuple[TargetColumn, ...]:
    """The columns of a table that the steps would create."""
    relation, _ = compile_steps(pipeline, fields, sql)
    return tuple(
        TargetColumn(c.name, ColumnType.parse(c.fits) if c.fits else made_type(c.type)) for c in relation.columns
    )


def compiled(
    columns: Mapping[str, Any],
    steps: Sequence[Mapping[str, Any]] = (),
    rules: Sequence[Mapping[str, Any]] = (),
    target: Mapping[str, str] | None = None,
    required: Sequence[str] = (),
):
    """Compile a pipeline's fragment. ``target`` is column: type; as the steps make them if not given."""
    pipeline, fields = _pipeline(columns=columns, transforms=steps, rules=rules), fields_of(columns)
    with parser() as sql:
        if target is None:
            wanted = as_made(pipeline, fields, sql)
        else:
            wanted = tuple(
                TargetColumn(name, ColumnType.parse(kind), required=name in required) for name, kind in target.items()
            )
        return compile_program(pipeline, fields, wanted, sql)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A function that runs the engine on an object's bytes; the first record names ``columns`` unless given."""

    def engine(
        data: bytes,
        columns: Mapping[str, Any] | None = None,
        *fragment: Any,
        dialect: Dialect | None = None,
        timeout_s: float = 60,
        **more: Any,
    ) -> Ran:
        path = tmp_path / "object.csv"
        path.write_bytes(data)
        if columns is None:
            columns = dict.fromkeys(data.decode().splitlines()[0].split(","), "text")
        program = compiled(columns, *fragment, **more)
        fates = Fates(program.causes)
        with locked_session(readable=[path], spill=tmp_path, timeout_s=timeout_s) as connection:
            new_line = "\r\n" if data.endswith(b"\r\n") else "\n"
            read = dialect or Dialect()
            open_input(connection, delimited(path, read, len(columns), new_line=new_line, longest_bytes=MAX_BYTES))
            batches = (
                stream(connection, program, fates) if not program.gathers else _gathered(connection, program, fates)
            )
            kept = [record for batch in batches for record in batch.to_pylist()]
        return Ran(kept, fates)

    return engine


def _gathered(connection: Any, program: Program, fates: Fates) -> Iterator[Any]:
    gathering = Gathering(connection, program)
    gathering.begin(1, fates, counted)
    gathering.take(1)
    gathering.carry_out()
    return gathering.records(1)


def _pipeline(**fragment: Any) -> Pipeline:
    frame = {"version": 1, "name": "p", "source": {"type": "file", "path": "p"}}
    return Pipeline.model_validate({**frame, "target": {"type": "postgres", "table": "t"}, **fragment})
