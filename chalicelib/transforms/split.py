"""Split: cut a text column at a separator, into columns or into records."""

from chalicelib.core.errors import InvalidPipeline
from chalicelib.core.pipeline import Split
from chalicelib.core.reject import Reason
from chalicelib.ports import SqlParser
from chalicelib.relations.gathered import Effect, Gathered
from chalicelib.relations.names import distinct, known
from chalicelib.relations.relation import Broken, Column, Relation, quoted

_PARTS = "_etl_parts"


def compile_split(step: Split, relation: Relation, parser: SqlParser, place: str) -> Relation:
    """Put the parts into columns, which stand where the text stood; null has null parts.

    Another number of parts rejects the record by the rule ``split``; if loose, missing parts are null, and the last
    column takes all that is left.
    """
    del parser
    asked, into = step.split, step.split.into or ()
    text, cut = _cut(step, relation, place)
    distinct([name for column in relation.columns for name in (into if column is text else [column.name])], place)
    level = relation.select([*((c, quoted(c.name)) for c in relation.columns), (Column(_PARTS, "VARCHAR[]"), cut)])
    if not asked.loose:
        reason = Reason("split", f"{text.name} has not {len(into)} parts", text.name)
        level = level.reject([Broken(f"len({_PARTS}) <> {len(into)}", reason)])
    parts = [f"{_PARTS}[{i}]" for i in range(1, len(into) + 1)]
    if asked.loose:
        parts[-1] = f"array_to_string(nullif({_PARTS}[{len(into)}:], []), {_text(asked.by)})"
    made = [(Column(name, "VARCHAR", "text", text.type_cause), sql) for name, sql in zip(into, parts, strict=True)]
    return level.select(
        [pair for c in relation.columns for pair in (made if c is text else [(c, quoted(c.name))])],
    )


def gather_split(step: Split, relation: Relation, parser: SqlParser, place: str) -> Gathered:
    """Make a record of each part, in order; all other columns are repeated, null stays one record."""
    del parser
    text, cut = _cut(step, relation, place)
    query = f"SELECT * REPLACE (unnest(coalesce({cut}, [NULL])) AS {quoted(text.name)}) FROM input"
    fits = {column.name: column.fits for column in relation.columns} | {text.name: "text"}
    return Gathered(relation, query, Effect.MULTIPLIES, fits)


def _cut(step: Split, relation: Relation, place: str) -> tuple[Column, str]:
    """The column, and the SQL of the list of its parts."""
    known([step.split.column], relation.names, f"{place}.column")
    column = next(column for column in relation.columns if column.name == step.split.column)
    if not column.is_text:
        raise InvalidPipeline(
            f"{place}.column: {column.name} is {column.type.lower()}, only text can be split; cast it to text before"
        )
    return column, f"string_split({quoted(column.name)}, {_text(step.split.by)})"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
