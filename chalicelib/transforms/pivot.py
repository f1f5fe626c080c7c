"""Pivot: one record for each group, one column for each listed value of a column."""

from chalicelib.core.errors import InvalidPipeline
from chalicelib.core.pipeline import Pivot
from chalicelib.core.reject import Reason
from chalicelib.ports import SqlParser
from chalicelib.relations.expression import text_of
from chalicelib.relations.gathered import Effect, Gathered
from chalicelib.relations.names import distinct, known
from chalicelib.relations.numbers import named_in, numbered
from chalicelib.relations.relation import Broken, Relation, quoted
from chalicelib.transforms.aggregate import aggregates_of, arguments, fits, group_by


def gather_pivot(step: Pivot, relation: Relation, parser: SqlParser, place: str) -> Gathered:
    """Combine the records that are equal in ``by``; a value that is not listed, null among them, rejects its record.

    Values are compared as text.
    """
    asked = step.pivot
    by = known(asked.by, relation.names, f"{place}.by")
    known([asked.column], relation.names, f"{place}.column")
    distinct([*by, *asked.values], f"{place}.values")
    tree = aggregates_of(asked.take, parser, f"{place}.take")
    if tree["class"] != "FUNCTION" or str(tree["function_name"]).lower() not in parser.aggregates() or tree["filter"]:
        raise InvalidPipeline(
            f"{place}.take: {asked.take} is more than one aggregate; compute further in a derive step"
        )
    relation = numbered(relation, {*by, *named_in(tree)}, "pivot")
    relation = arguments({"take": tree}, relation, parser, place, "pivot")
    text = f"CAST({quoted(asked.column)} AS VARCHAR)"
    listed = ", ".join(map(_text, asked.values.values()))
    told = ", ".join([*asked.values.values()][:5]) + (", ..." if len(asked.values) > 5 else "")
    reason = Reason("pivot", f"{asked.column} is none of {told}", asked.column)
    relation = relation.reject([Broken(f"NOT coalesce({text} IN ({listed}), false)", reason)])
    call = text_of(tree, parser)
    made = [f"{call} FILTER (WHERE {text} = {_text(v)}) AS {quoted(name)}" for name, v in asked.values.items()]
    sql = f"SELECT {', '.join([*map(quoted, by), *made])} FROM input{group_by(by)}"
    return Gathered(relation, sql, Effect.COMBINES, fits(by, relation))


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
