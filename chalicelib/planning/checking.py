"""Checking: steps, rules and target compiled as far as the declared columns allow, without data or a database.

What is not declared may still be in the file: such a name is assumed to be a column of text, and what only its real
type can decide is left to the first file; so it is with the columns of a table that a step looks up. A name that is
nearly a declared one is taken for a slip.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from chalicelib.core.document import parse_document
from chalicelib.core.errors import InvalidPipeline
from chalicelib.core.pipeline import CsvFormat, Expr, Filter, Lookup, Pipeline, Regex, Rule, Target
from chalicelib.core.plan import Field
from chalicelib.core.types import ColumnType
from chalicelib.core.writing import named_columns
from chalicelib.engine.lookup import assumed
from chalicelib.engine.program import compile_steps, deleting
from chalicelib.engine.session import parser
from chalicelib.planning.columns import made, made_type_of
from chalicelib.ports import SqlParser
from chalicelib.relations.expression import expression
from chalicelib.relations.names import known
from chalicelib.relations.relation import Relation
from chalicelib.rules import RECORD_RULES
from chalicelib.rules.columns import check_rule
from chalicelib.rules.values import valid_pattern

_PLACE = re.compile(r"(?P<place>(?:(?:transforms|rules)\[(?P<number>\d+)\]|target\.)[^:]*): (?P<told>.*)", re.DOTALL)
_UNKNOWN = re.compile(r'there is no column "(?P<name>.+?)" at this point; (?:did you mean "(?P<near>.+?)")?')
#: What the engine says of types that do not go together; an assumed type proves nothing.
_OF_TYPES = re.compile(
    "No function matches|Cannot (compare|mix|cast)|Unimplemented type|Could not convert|is no number|is text, no "
    "|is varchar, no condition"
)
_NOTHING = Filter(filter="true")
#: Something that is checked against the columns that the steps leave; None where nobody knows them.
Part = Callable[[Relation | None], None]


@dataclass(slots=True)
class Checked:
    """What was found: mistakes (``place: cause; way out``), and the columns that the file must have besides.

    With ``guess`` an unknown name that is near a declared column is taken for a slip.
    """

    guess: bool = True
    mistakes: list[str] = field(default_factory=list)
    assumed: list[str] = field(default_factory=list)


def checked(text: str, *, name: str = "pipeline.yaml", guess: bool = True) -> Pipeline:
    """Read a document and check what its steps and rules say, too; ``name`` is what its problems call it.

    Raises:
        InvalidDocument: with every mistake, its line and column, its cause and the way out.
    """
    document = parse_document(text, name=name)
    with parser() as sql:
        found = check(document.pipeline, sql, guess=guess)
    if found.mistakes:
        raise document.invalid(found.mistakes)
    return document.pipeline


def check(pipeline: Pipeline, sql: SqlParser, *, guess: bool = True) -> Checked:
    """Compile what can be compiled; every mistake is found that does not only follow from another."""
    found = Checked(guess)
    relation = _steps(pipeline, found, sql)
    for part in (*_rules(pipeline, sql), *_target(pipeline.target, sql)):
        while True:
            try:
                part(relation)
                break
            except InvalidPipeline as error:
                if _take(str(error), pipeline, found) is None:
                    break
            relation = _steps(pipeline, found, sql)
    return found


def _rules(pipeline: Pipeline, sql: SqlParser) -> Iterator[Part]:
    for i, rule in enumerate(pipeline.rules):
        yield partial(_rule, rule, sql=sql, place=f"rules[{i}].{rule.check}")


def _target(target: Target, sql: SqlParser) -> Iterator[Part]:
    for place, name in named_columns(target):
        yield partial(_named, name, place=place)
    if target.delete_when is not None:
        yield partial(_delete_when, target.delete_when, sql=sql)


def _named(name: str, relation: Relation | None, *, place: str) -> None:
    if relation is not None:
        known([name], relation.names, place)


def _delete_when(condition: str, relation: Relation | None, *, sql: SqlParser) -> None:
    if relation is None:
        expression(condition, sql, "target.delete_when")
    else:
        deleting(condition, relation, sql)


def _rule(rule: Rule, relation: Relation | None, *, sql: SqlParser, place: str) -> None:
    """Check a rule against the columns that the steps leave; where nobody knows them, the form of what it says."""
    if relation is None:
        if isinstance(rule, Expr):
            expression(rule.sql, sql, f"{place}.sql")
        elif isinstance(rule, Regex):
            valid_pattern(rule, sql, place)
    elif type(rule) in RECORD_RULES:
        RECORD_RULES[type(rule)](rule, relation, sql, place)
    else:
        check_rule(rule, {column.name: made_type_of(column) for column in relation.columns}, place)


def _steps(pipeline: Pipeline, found: Checked, sql: SqlParser) -> Relation | None:
    """The relation after all steps; None if one is wrong, for what follows builds on it."""
    steps = list(pipeline.transforms)
    while True:
        left = pipeline.model_copy(update={"transforms": tuple(steps)})
        fields = tuple(_fields(pipeline, found.assumed))
        try:
            relation, _ = compile_steps(left, fields, sql, assumed(left))
            if fields:
                made(relation.columns, fields)
        except InvalidPipeline as error:
            place = _PLACE.match(str(error))
            if place is None:
                found.mistakes.append(str(error))
                return None
            if _take(str(error), pipeline, found) is None:
                steps[int(place["number"])] = _NOTHING
        else:
            return relation if steps == list(pipeline.transforms) else None


def _take(message: str, pipeline: Pipeline, found: Checked) -> str | None:
    """Note what an error says: a mistake, or (returned) the name of a column that is assumed from now on."""
    place = _PLACE.match(message)
    told = place["told"] if place else message
    unknown = _UNKNOWN.match(told)
    written = pipeline.source.format
    everything = isinstance(written, CsvFormat) and written.header is False and bool(pipeline.columns)
    there = {*pipeline.columns, *found.assumed}  # such a name is a slip, or a step before dropped the column
    slips = {unknown["name"], unknown["near"] if found.guess else None} if unknown else set()
    if unknown and not everything and there.isdisjoint(slips):
        found.assumed.append(unknown["name"])
        return unknown["name"]
    guessed = bool(found.assumed) or any(isinstance(step, Lookup) for step in pipeline.transforms)
    if not (guessed and _OF_TYPES.search(told)):
        found.mistakes.append(message)
    return None


def _fields(pipeline: Pipeline, assumed: Sequence[str]) -> Iterator[Field]:
    for name, column in pipeline.columns.items():
        yield Field(name, column.type, column.required, column.format, column.timezone)
    yield from (Field(name, ColumnType.parse("text")) for name in assumed)
