"""Aggregate: combine the records of each group into one."""

from chalicelib.core.errors import InvalidPipeline
from chalicelib.core.pipeline import Aggregate
from chalicelib.core.reject import Reason
from chalicelib.ports import SqlParser
from chalicelib.relations.binding import bound
from chalicelib.relations.expression import one_select, text_of, wide_parts
from chalicelib.relations.gathered import Effect, Gathered
from chalicelib.relations.names import known
from chalicelib.relations.numbers import named_in, numbered
from chalicelib.relations.relation import Broken, Column, Relation, failed, quoted, value_of
from chalicelib.relations.tree import Tree, nodes


def gather_aggregate(step: Aggregate, relation: Relation, parser: SqlParser, place: str) -> Gathered:
    """Combine the records that are equal in ``by``; null equals null.

    What stands within an aggregate is computed record by record before, so that a record for which it fails is a
    reject of its own, by the rule ``aggregate``.
    """
    by = known(step.aggregate.by or (), relation.names, f"{place}.by")
    trees = {name: aggregates_of(sql, parser, f"{place}.take.{name}") for name, sql in step.aggregate.take.items()}
    relation = numbered(relation, {*by, *named_in(list(trees.values()))}, "aggregate")
    relation = arguments(trees, relation, parser, f"{place}.take", "aggregate")
    outputs = {name: text_of(tree, parser) for name, tree in trees.items()}
    for name, sql in outputs.items():
        _grouped(sql, by, relation, parser, f"{place}.take.{name}")
    listed = [*map(quoted, by), *(f"{sql} AS {quoted(name)}" for name, sql in outputs.items())]
    return Gathered(
        relation, f"SELECT {', '.join(listed)} FROM input{group_by(by)}", Effect.COMBINES, fits(by, relation)
    )


def aggregates_of(text: str, parser: SqlParser, place: str) -> Tree:
    """The tree of one expression that aggregates.

    Raises:
        InvalidPipeline: with the place, if it is not one, aggregates nothing, windows or queries.
    """
    node = one_select(f"SELECT (\n{text}\n)", parser, place)
    if node.get("type") != "SELECT_NODE" or len(node["select_list"]) != 1 or node["from_table"]["type"] != "EMPTY":
        raise InvalidPipeline(f"{place}: {text.strip()!r} is not one expression; a query belongs in a sql step")
    (tree,) = node["select_list"]
    wide = wide_parts(tree, frozenset())
    if wide:
        raise InvalidPipeline(f"{place}: {wide[0]} is no aggregate; put it into a sql step")
    if not _calls(tree, parser):
        raise InvalidPipeline(
            f"{place}: {text.strip()} combines no records; write an aggregate, such as max({text.strip()})"
        )
    result: Tree = tree
    return result


def arguments(trees: dict[str, Tree], relation: Relation, parser: SqlParser, place: str, rule: str) -> Relation:
    """Compute what stands within the aggregates of ``trees`` as columns, which take its place in the trees."""
    tried: dict[str, tuple[str, str, str]] = {}
    for name, tree in trees.items():
        for call in _calls(tree, parser):
            for part, argument in _parts(call):
                if argument["class"] in {"COLUMN_REF", "CONSTANT"}:
                    continue
                temp, sql = f"_etl_argument_{len(tried)}", text_of(argument, parser)
                if wide_parts(argument, parser.aggregates()):
                    raise InvalidPipeline(f"{place}.{name}: an aggregate within another; put it into a sql step")
                tried[temp] = (f"({sql})", f"{place}.{name}", f"{name}: {sql} fails for this record")
                _replace(call, part, temp)
    if not tried:
        return relation
    level = relation.compute([(temp, sql, at) for temp, (sql, at, _) in tried.items()], parser)
    level = level.reject([Broken(failed(temp), Reason(rule, told)) for temp, (_, _, told) in tried.items()])
    types = {column.name: column.type for column in level.columns}
    kept = [(column, quoted(column.name)) for column in relation.columns]
    return level.select([*kept, *((Column(temp, types[temp]), value_of(temp)) for temp in tried)])


def group_by(by: tuple[str, ...]) -> str:
    """The clause that groups by some columns; without one, all records are a group."""
    return f" GROUP BY {', '.join(map(quoted, by))}" if by else ""


def fits(names: tuple[str, ...], relation: Relation) -> dict[str, str | None]:
    """Which types the values of some columns fit."""
    return {column.name: column.fits for column in relation.columns if column.name in names}


def _grouped(sql: str, by: tuple[str, ...], relation: Relation, parser: SqlParser, place: str) -> None:
    """Let the engine look at one output, so that its mistake is told with its place."""
    visible = f"(SELECT {', '.join(map(quoted, relation.names))} FROM {relation.source})"
    shown = [name for name in relation.names if not name.startswith("_etl_")]
    bound(f"SELECT {sql} AS x FROM {visible} AS input{group_by(by)}", shown, parser, place)


def _calls(tree: Tree, parser: SqlParser) -> list[Tree]:
    """The calls of aggregates in a tree, in a stable order."""
    names = parser.aggregates()
    found = [n for n in nodes(tree) if n.get("class") == "FUNCTION" and str(n.get("function_name")).lower() in names]
    return sorted(found, key=lambda node: int(node["query_location"]))


def _parts(call: Tree) -> list[tuple[int | None, Tree]]:
    """What an aggregate computes for each record: its arguments by position, and its filter under None."""
    found: list[tuple[int | None, Tree]] = [(i, argument["expression"]) for i, argument in enumerate(call["arguments"])]
    return [*found, (None, call["filter"])] if call.get("filter") else found


def _replace(call: Tree, part: int | None, column: str) -> None:
    reference: Tree = {"class": "COLUMN_REF", "type": "COLUMN_REF", "alias": "", "column_names": [column]}
    if part is None:
        call["filter"] = reference
    else:
        call["arguments"][part]["expression"] = reference
