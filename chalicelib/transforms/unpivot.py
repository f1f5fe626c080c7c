"""Unpivot: one record for each of some columns, with the column's name and its value."""

from chalicelib.core.errors import InvalidPipeline
from chalicelib.core.pipeline import Unpivot
from chalicelib.ports import SqlParser
from chalicelib.relations.gathered import Effect, Gathered
from chalicelib.relations.names import distinct, known
from chalicelib.relations.relation import Relation, quoted


def gather_unpivot(step: Unpivot, relation: Relation, parser: SqlParser, place: str) -> Gathered:
    """Make several records of each: all other columns are repeated, the number of the record is kept.

    Raises:
        InvalidPipeline: with the place, for an unknown column, columns of different types, or a name that is taken.
    """
    del parser
    asked = step.unpivot
    chosen = known(asked.columns, relation.names, f"{place}.columns")
    kinds = {column.name: column for column in relation.columns if column.name in chosen}
    first = kinds[chosen[0]]
    for column in kinds.values():
        if column.type != first.type:
            cause = f"{first.name} is {first.type.lower()} and {column.name} is {column.type.lower()}"
            raise InvalidPipeline(f"{place}.columns: {cause}; bring them to one type in a cast step before")
    others = [column for column in relation.columns if column.name not in chosen]
    distinct([*(column.name for column in others), asked.name, asked.value], place)
    names = ", ".join("'" + name.replace("'", "''") + "'" for name in chosen)
    values = ", ".join(map(quoted, chosen))
    made = f"unnest([{names}]) AS {quoted(asked.name)}, unnest([{values}]) AS {quoted(asked.value)}"
    query = f"SELECT * EXCLUDE ({values}), {made} FROM input"
    if asked.nulls == "drop":
        query = f"SELECT * FROM ({query}) WHERE {quoted(asked.value)} IS NOT NULL"
    alike = first.fits if all(column.fits == first.fits for column in kinds.values()) else None
    fits = {column.name: column.fits for column in others} | {asked.name: "text", asked.value: alike}
    return Gathered(relation, query, Effect.MULTIPLIES, fits)
