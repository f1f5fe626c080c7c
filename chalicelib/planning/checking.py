"""Checking: a pipeline's steps and rules compiled as far as its declared columns allow, without data or a database.

What is not declared may still be in the file: such a name is assumed to be a column of text, and what only its real
type can decide is left to the first file. A name that is nearly a declared one is taken for a slip.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from chalicelib.core.errors import InvalidPipeline
from chalicelib.core.pipeline import Filter, Pipeline
from chalicelib.core.plan import Field
from chalicelib.core.types import ColumnType
from chalicelib.engine.program import compile_steps
from chalicelib.planning.columns import made
from chalicelib.ports import SqlParser
from chalicelib.relations.relation import Relation
from chalicelib.rules import RECORD_RULES

_PLACE = re.compile(r"(?P<place>(?:transforms|rules)\[(?P<number>\d+)\][^:]*): (?P<told>.*)", re.DOTALL)
_UNKNOWN = re.compile(r'there is no column "(?P<name>.+?)" at this point; (?:did you mean "(?P<near>.+?)")?')
#: What the engine says of types that do not go together; an assumed type proves nothing.
_OF_TYPES = re.compile(
    "No function matches|Cannot (compare|mix|cast)|Unimplemented type|Could not convert|is no number"
)
_NOTHING = Filter(filter="true")


@dataclass(frozen=True, slots=True)
class Mistake:
    """A place of the document, as its keys are written, and what is wrong there with the way out."""

    pointer: str
    told: str


@dataclass(slots=True)
class Checked:
    """What was found: mistakes, and the columns that the file must have beside the declared ones."""

    mistakes: list[Mistake] = field(default_factory=list)
    assumed: list[str] = field(default_factory=list)


def check(pipeline: Pipeline, parser: SqlParser) -> Checked:
    """Compile what can be compiled; every mistake is found that does not only follow from another."""
    found = Checked()
    relation = _steps(pipeline, found, parser)
    for i, rule in enumerate(pipeline.rules):
        compiler = RECORD_RULES.get(type(rule))
        while compiler is not None and relation is not None:
            try:
                compiler(rule, relation, parser, f"rules[{i}].{rule.check}")
                break
            except InvalidPipeline as error:
                if _take(str(error), pipeline, found) is None:
                    break
            relation = _steps(pipeline, found, parser)
    return found


def _steps(pipeline: Pipeline, found: Checked, parser: SqlParser) -> Relation | None:
    """The relation after all steps; None if one is wrong, for what follows builds on it."""
    steps = list(pipeline.transforms)
    while True:
        left = pipeline.model_copy(update={"transforms": tuple(steps)})
        fields = tuple(_fields(pipeline, found.assumed))
        try:
            relation, _ = compile_steps(left, fields, parser)
            if fields:
                made(relation.columns, fields)
        except InvalidPipeline as error:
            place = _PLACE.match(str(error))
            if place is None:
                found.mistakes.append(Mistake("transforms", str(error).removeprefix("transforms: ")))
                return None
            if _take(str(error), pipeline, found) is None:
                steps[int(place["number"])] = _NOTHING
        else:
            return relation if steps == list(pipeline.transforms) else None


def _take(message: str, pipeline: Pipeline, found: Checked) -> str | None:
    """Note what an error says: a mistake, or (returned) the name of a column that is assumed from now on."""
    place = _PLACE.match(message)
    pointer, told = (place["place"], place["told"]) if place else ("", message)
    unknown = _UNKNOWN.match(told)
    everything = pipeline.source.format.header is False and bool(pipeline.columns)
    there = {*pipeline.columns, *found.assumed}  # such a name is a slip, or a step before dropped the column
    if unknown and not everything and there.isdisjoint({unknown["name"], unknown["near"]}):
        found.assumed.append(unknown["name"])
        return unknown["name"]
    if not (found.assumed and _OF_TYPES.search(told)):
        found.mistakes.append(Mistake(pointer, told))
    return None


def _fields(pipeline: Pipeline, assumed: Sequence[str]) -> Iterator[Field]:
    for name, column in pipeline.columns.items():
        yield Field(name, column.type, column.required, column.format, column.timezone)
    yield from (Field(name, ColumnType.parse("text")) for name in assumed)
