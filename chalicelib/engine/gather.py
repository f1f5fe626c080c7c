"""A gather: a table that the records so far are put into, and a query over it that marks them or makes new ones."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from chalicelib.core.pipeline import Split, Sql
from chalicelib.core.pipeline.steps import Step
from chalicelib.engine.plugins.call import Call
from chalicelib.ports import SqlParser
from chalicelib.relations.binding import bound
from chalicelib.relations.gathered import AT, Compile, Effect, Gathered
from chalicelib.relations.names import distinct
from chalicelib.relations.relation import FATE, ORIGIN, Column, Relation, quoted
from chalicelib.transforms import GATHERED, RUN_SCOPE
from chalicelib.transforms.sql import looks_at_the_whole_run


@dataclass(frozen=True, slots=True)
class Called:
    """A plugin in the place of a gather's query; ``columns`` are the result's, as in ``Gather``.

    Its reasons are causes of the program, the first of them number ``first_cause``.
    """

    call: Call
    columns: tuple[tuple[str, str], ...]
    first_cause: int


@dataclass(frozen=True, slots=True)
class Gather:
    """``select`` fills ``table``, whose ``columns`` are (name, engine type); ``query`` over it fills ``result``.

    ``hidden`` are the columns of ``table`` behind the fate, which the first gather of a program adds to its select.
    ``place`` is the step's, for errors. ``tells``: whether values may be told; not if a later step hides some.
    ``called`` is the plugin that fills ``result``, if there is no ``query``.
    """

    place: str
    table: str
    columns: tuple[tuple[str, str], ...]
    hidden: tuple[str, ...]
    select: str
    query: str
    result: str
    effect: Effect
    tells: bool = True
    called: Called | None = None


def gathered_by(step: Step, parser: SqlParser, place: str) -> Compile | None:
    """What compiles a step that must have its records in a table; None for one that takes each as it comes.

    Raises:
        InvalidPipeline: for a ``sql`` step that is not one SELECT over ``input``.
    """
    if isinstance(step, Sql) and not looks_at_the_whole_run(step, parser, place):
        return None
    if isinstance(step, Split) and step.split.into is not None:
        return None
    return GATHERED.get(type(step))


def needs_the_whole_run(steps: Sequence[Step], parser: SqlParser) -> bool:
    """Whether one of the steps is of run scope, so that all batches must be worked on together.

    Raises:
        InvalidPipeline: with the place, for a ``sql`` step that is not one SELECT over ``input``.
    """
    return any(
        type(step) in RUN_SCOPE and gathered_by(step, parser, f"transforms[{i}].{step.step}") is not None
        for i, step in enumerate(steps)
    )


def gathered(asked: Gathered, parser: SqlParser, place: str, number: int) -> tuple[Relation, Gather]:
    """The gather number ``number`` of a program, and the relation of what it leaves."""
    before, table, result = asked.relation, f"_etl_gathered_{number}", f"_etl_made_{number}"
    hidden = before.hidden if number else ORIGIN
    shown = _shown(before, hidden, asked.effect)
    kept = "" if asked.effect is Effect.MARKS else f" WHERE {FATE} IS NULL"
    query = f'WITH "input" AS (SELECT {", ".join(shown)} FROM {table}{kept}) {asked.sql}'
    typed = tuple((column.name, column.type) for column in before.columns)
    parser.declare(table, [*typed, (FATE, "VARCHAR"), *((name, "BIGINT") for name in hidden)])
    made = bound(query, before.names, parser, place)
    distinct([name for name, _ in made], place)
    parser.declare(result, made)
    gather = Gather(place, table, typed, hidden, filling(before), query, result, asked.effect)
    return _left(asked, made, result, hidden), gather


def filling(before: Relation) -> str:
    """The SELECT that fills the table: its columns by name, for a step before may have left them in another order."""
    listed = ", ".join([*map(quoted, before.names), FATE, *before.hidden])
    return f"SELECT {listed} FROM {before.source} AS input"


def _shown(before: Relation, hidden: Sequence[str], effect: Effect) -> list[str]:
    """The columns of the gathered records that a query of this effect may see."""
    if effect is Effect.MARKS:
        return [*map(quoted, before.names), FATE, *hidden, f"rowid AS {AT}"]
    return [*map(quoted, before.names), *(hidden if effect is Effect.MULTIPLIES else ())]


def _left(asked: Gathered, made: Sequence[tuple[str, str]], result: str, hidden: tuple[str, ...]) -> Relation:
    causes, behind = asked.relation.causes, {FATE, *hidden}
    if asked.effect is Effect.MARKS:
        return replace(asked.relation, source=result, hidden=hidden)
    columns = tuple(Column(name, kind, asked.fits.get(name)) for name, kind in made if name not in behind)
    source = f"(SELECT *, NULL::VARCHAR AS {FATE} FROM {result})"
    return Relation(source, columns, causes, hidden if asked.effect is Effect.MULTIPLIES else ())
