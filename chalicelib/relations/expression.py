"""Expressions and queries that people write, read by the engine's own parser before they run anywhere.

The parser that decides is the parser that executes, so there is no second opinion about what a text means.
"""

from dataclasses import dataclass
from typing import Any

from chalicelib.core.errors import InvalidPipeline
from chalicelib.ports import SqlParser
from chalicelib.relations.allowed import check_allowed
from chalicelib.relations.numbers import computed, wide
from chalicelib.relations.relation import Relation
from chalicelib.relations.tree import Tree, nodes


def one_select(text: str, parser: SqlParser, place: str) -> Tree:
    """Return the tree of ``text``, which must be one SELECT (a UNION of SELECTs counts as one).

    Raises:
        InvalidPipeline: with the place, if it does not parse, is no SELECT, holds several statements, or what is not
            allowed there.
    """
    answer = parser.tree(text)
    if answer["error"]:
        cause = str(answer["error_message"]).splitlines()[0]
        cause = "this is no SELECT" if cause.startswith("Only SELECT") else cause
        raise InvalidPipeline(f"{place}: {cause}; write one SELECT, or an expression, of DuckDB's SQL")
    statements = answer["statements"]
    if len(statements) != 1:
        raise InvalidPipeline(f"{place}: {len(statements)} statements, one is allowed; remove the semicolon")
    node: Tree = statements[0]["node"]
    check_allowed(node, parser, place)
    return node


@dataclass(frozen=True, slots=True)
class Expression:
    """The SQL of one expression over one record, in parentheses; it computes with the ``wide`` columns."""

    sql: str
    wide: tuple[str, ...] = ()


def computed_expression(text: str, relation: Relation, parser: SqlParser, place: str) -> Expression:
    """The expression over a relation's columns, which has numbers in the place of wide columns.

    Raises:
        InvalidPipeline: as ``expression`` does.
    """
    sql = expression(text, parser, place)
    if not wide(relation):
        return Expression(sql)
    (tree,) = one_select(f"SELECT {sql}", parser, place)["select_list"]
    put, found = computed(tree, relation, parser)
    return Expression(f"({text_of(put, parser)})" if put != tree else sql, found)


def check_condition(condition: Expression, shown: str, relation: Relation, parser: SqlParser, place: str) -> None:
    """See that a condition is true or false; the engine would take any number that is not 0 for true.

    Raises:
        InvalidPipeline: with the place, if it is of another type, or does not fit the columns.
    """
    ((_, kind),) = relation.bind(condition.sql, parser, place)
    if kind not in {"BOOLEAN", '"NULL"'}:
        told, way_out = shown.strip(), "compare it with something, or cast it to boolean"
        raise InvalidPipeline(f"{place}: {told} is {kind.lower()}, no condition; {way_out}")


def expression(text: str, parser: SqlParser, place: str) -> str:
    """Return ``text`` in parentheses, once it is known to be one expression over one record.

    Raises:
        InvalidPipeline: with the place, if it is not, or if it aggregates, windows or queries.
    """
    sql = f"(\n{text}\n)"
    node = one_select(f"SELECT {sql}", parser, place)
    if node.get("type") != "SELECT_NODE" or len(node["select_list"]) != 1 or not _is_bare(node):
        raise InvalidPipeline(f"{place}: {text.strip()!r} is not one expression; a query belongs in a sql step")
    if any(item.get("class") == "STAR" and item.get("type") == "STAR" for item in nodes(node["select_list"])):
        raise InvalidPipeline(f"{place}: * and COLUMNS(...) stand for several columns; name one")
    wide = wide_parts(node["select_list"], parser.aggregates())
    if wide:
        raise InvalidPipeline(f"{place}: {wide[0]} looks at more than one record; put it into a sql step")
    return sql


def wide_parts(tree: Any, aggregates: frozenset[str]) -> list[str]:
    """What in ``tree`` looks beyond one record: aggregates, windows, subqueries, set-returning functions."""
    found = []
    for node in nodes(tree):
        kind, name = node.get("class"), str(node.get("function_name", "")).lower()
        if kind == "WINDOW":
            found.append(f"the window function {name}")
        elif kind == "SUBQUERY":
            found.append("a subquery")
        elif kind == "FUNCTION" and name in aggregates:
            found.append(f"the aggregate {name}")
        elif kind == "FUNCTION" and name in ("unnest", "generate_subscripts"):
            found.append(f"the function {name}")
    return found


def text_of(item: Tree, parser: SqlParser) -> str:
    """The SQL of one expression's tree, without its alias."""
    return parser.text({**_BARE, "select_list": [{**item, "alias": ""}]}).removeprefix("SELECT ")


def _is_bare(node: Tree) -> bool:
    """Whether a SELECT has nothing but its select list."""
    return (
        node["from_table"]["type"] == "EMPTY"
        and not node["where_clause"]
        and not node["group_expressions"]
        and not node["having"]
        and not node["qualify"]
        and not node["modifiers"]
        and not node["cte_map"]["map"]
    )


_BARE: Tree = {
    "type": "SELECT_NODE",
    "modifiers": [],
    "cte_map": {"map": []},
    "from_table": {"type": "EMPTY", "alias": "", "sample": None},
    "where_clause": None,
    "group_expressions": [],
    "group_sets": [],
    "aggregate_handling": "STANDARD_HANDLING",
    "having": None,
    "sample": None,
    "qualify": None,
}
