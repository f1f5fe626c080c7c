"""Check: what is wrong with a document's SQL, patterns and names, found without data.

Where columns are declared, steps and rules are compiled for them as for a run. A source with a header may have columns
that the document does not declare, so a name that is none of them is a mistake only where one of them is near, and even
that is a guess: the plan of a run will know. Where no columns are declared, only the form of expressions, queries and
patterns is read.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from chalicelib.core.document import parse_document
from chalicelib.core.errors import InvalidPipeline
from chalicelib.core.pipeline import Derive, Expr, Filter, Pipeline, Regex, Rule, Sql, Step
from chalicelib.core.plan import Field
from chalicelib.core.types import ColumnType
from chalicelib.engine.casts import made_type
from chalicelib.engine.program import compile_steps
from chalicelib.engine.session import parser
from chalicelib.ports import SqlParser
from chalicelib.relations.expression import expression
from chalicelib.relations.relation import Relation
from chalicelib.rules import RECORD_RULES
from chalicelib.rules.columns import check_rule
from chalicelib.rules.values import valid_pattern
from chalicelib.transforms.sql import looks_at_the_whole_run

Part = TypeVar("Part")
_UNKNOWN = re.compile(r'there is no column ".*" at this point; (?P<near>did you mean)?', re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Sure:
    """Whether what was said of a document is a mistake in it."""

    guess: bool
    all_declared: bool

    def of(self, told: str) -> bool:
        """Whether ``told`` is a mistake, and no column that the document merely does not declare."""
        unknown = _UNKNOWN.search(told)
        return unknown is None or self.all_declared or (self.guess and unknown["near"] is not None)


def checked(text: str, *, name: str = "pipeline.yaml", guess: bool = True) -> Pipeline:
    """Read a document and check its SQL, too; ``name`` is what its problems call it, ``guess`` as in ``check``.

    Raises:
        InvalidDocument: with every mistake, its line and column, its cause and the way out.
    """
    document = parse_document(text, name=name)
    mistakes = list(check(document.pipeline, guess=guess))
    if mistakes:
        raise document.invalid(mistakes)
    return document.pipeline


def check(pipeline: Pipeline, *, guess: bool = True) -> Iterator[str]:
    """What is wrong, as ``place: cause; way out``: the first mistake of the steps, and one of each rule.

    ``guess`` takes an unknown name that is near a declared column for a misspelt one.
    """
    sure = _Sure(guess=guess, all_declared=pipeline.source.format.header is False)
    fields = tuple(Field(name, c.type, c.required, c.format, c.timezone) for name, c in pipeline.columns.items())
    with parser() as sql:
        relation: Relation | None = None
        if fields:
            relation, mistake = _through_the_steps(pipeline, fields, sql, sure)
            yield from mistake
        else:
            yield from _mistakes(sure, pipeline.transforms, lambda step, i: _step_form(step, sql, i))
        yield from _mistakes(sure, pipeline.rules, lambda rule, i: _rule(rule, relation, sql, i))


def _through_the_steps(
    pipeline: Pipeline, fields: tuple[Field, ...], sql: SqlParser, sure: _Sure
) -> tuple[Relation | None, list[str]]:
    """The columns that the steps leave, or None and the mistake, if it surely is one."""
    try:
        relation, _ = compile_steps(pipeline, fields, sql)
    except InvalidPipeline as error:
        return None, [str(error)] if sure.of(str(error)) else []
    return relation, []


def _mistakes(sure: _Sure, parts: Sequence[Part], read: Callable[[Part, int], None]) -> Iterator[str]:
    for i, part in enumerate(parts):
        try:
            read(part, i)
        except InvalidPipeline as error:
            if sure.of(str(error)):
                yield str(error)


def _step_form(step: Step, sql: SqlParser, position: int) -> None:
    place = f"transforms[{position}].{step.step}"
    match step:
        case Derive(derive=made):
            for name, text in made.items():
                expression(text, sql, f"{place}.{name}")
        case Filter(filter=text):
            expression(text, sql, place)
        case Sql():
            looks_at_the_whole_run(step, sql, place)


def _rule_form(rule: Rule, sql: SqlParser, place: str) -> None:
    match rule:
        case Expr(sql=text):
            expression(text, sql, f"{place}.sql")
        case Regex():
            valid_pattern(rule, sql, place)


def _rule(rule: Rule, relation: Relation | None, sql: SqlParser, position: int) -> None:
    place = f"rules[{position}].{rule.check}"
    if relation is None:
        _rule_form(rule, sql, place)
    elif type(rule) in RECORD_RULES:
        RECORD_RULES[type(rule)](rule, relation, sql, place)
    else:
        check_rule(rule, _types(relation), place)


def _types(relation: Relation) -> dict[str, ColumnType]:
    """The types that a table made for the columns would have."""
    return {
        column.name: ColumnType.parse(column.fits) if column.fits else made_type(column.type)
        for column in relation.columns
    }
