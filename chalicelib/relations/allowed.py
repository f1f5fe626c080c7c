"""Allowed: what SQL that people write may consist of, read off the engine's own tree before anything runs.

A list of what is allowed, not of what is not: a kind of node, or a function, that nobody put here is refused. The lock
of the session is the wall behind it. A function is allowed if the engine's catalogue says that its answer follows from
its arguments, so none that tells of the machine, the session or the time, none that reads, and none that calls SQL.
"""

from chalicelib.core.errors import InvalidPipeline
from chalicelib.core.words import nearest
from chalicelib.ports import SqlParser
from chalicelib.relations.tree import Tree, nodes

_EXPRESSIONS = frozenset({
    "BETWEEN", "CASE", "CAST", "COLLATE", "COLUMN_REF", "COMPARISON", "CONJUNCTION", "CONSTANT", "FUNCTION", "LAMBDA",
    "LAMBDA_REF", "OPERATOR", "STAR", "SUBQUERY", "TYPE", "WINDOW",
})  # fmt: skip
_KINDS = frozenset({
    "SELECT_NODE", "SET_OPERATION_NODE", "CTE_NODE", "BASE_TABLE", "EMPTY", "JOIN", "SUBQUERY", "ORDER_MODIFIER",
    "LIMIT_MODIFIER", "LIMIT_PERCENT_MODIFIER", "DISTINCT_MODIFIER", "ORDER_DEFAULT", "ASCENDING", "DESCENDING",
})  # fmt: skip
_TOLD = {
    "TABLE_FUNCTION": "calls a table function",
    "SHOW_REF": "describes a table",
    "EXPRESSION_LIST": "lists values",
    "PARAMETER": "has a parameter",
    "RECURSIVE_CTE_NODE": "is recursive",
    "PIVOT": "pivots; there are the steps pivot and unpivot",
}
#: Besides: macros of the engine that only rearrange their arguments, and what makes records of a list.
_MACROS = frozenset({
    "array_append", "array_pop_back", "array_pop_front", "array_prepend", "array_push_back", "array_push_front",
    "array_reverse", "array_to_string", "date_add", "days_in_month", "fdiv", "fmod", "geomean", "geometric_mean", "if",
    "json", "json_group_array", "json_group_object", "list_any_value", "list_append", "list_avg", "list_bool_and",
    "list_bool_or", "list_count", "list_first", "list_last", "list_max", "list_median", "list_min", "list_mode",
    "list_prepend", "list_product", "list_reverse", "list_string_agg", "list_sum", "md5_number_lower",
    "md5_number_upper", "nullif", "split_part", "unnest", "wavg", "weighted_avg",
})  # fmt: skip
#: What the catalogue calls consistent and nobody needs: it tells of the engine, or takes SQL apart.
_UNNEEDED = frozenset({"version", "json_serialize_sql", "json_deserialize_sql", "json_serialize_plan"})


def check_allowed(tree: Tree, parser: SqlParser, place: str) -> None:
    """Check every node and every function of a tree.

    Raises:
        InvalidPipeline: with the place and what is not allowed there.
    """
    for node in nodes(tree):
        kind = node.get("class", node.get("type"))
        allowed = _EXPRESSIONS if "class" in node else _KINDS
        if isinstance(kind, str) and kind not in allowed:
            told = _TOLD.get(kind, f"holds a {kind.lower().replace('_', ' ')}")
            raise InvalidPipeline(f"{place}: the query {told}; it may read its records from input, and nothing else")
        if node.get("sample"):
            cause = "the query samples its records, so a second attempt would load others"
            raise InvalidPipeline(f"{place}: {cause}; filter by what they hold, such as id % 100 = 0")
        if "function_name" in node and node.get("class") in {"FUNCTION", "WINDOW"}:
            _check_function(str(node["function_name"]).lower(), str(node.get("schema") or ""), parser, place)


#: Comparisons of other languages.
_MEANT = {"=>": ">=", "=<": "<=", "==": "=", "!==": "<>"}


def _check_function(name: str, schema: str, parser: SqlParser, place: str) -> None:
    functions = parser.functions()
    if not schema and name not in _UNNEEDED and (functions.get(name) or name in _MACROS):
        return
    if functions.get(name) is False:
        cause = f"{name} answers anew each time, or of more than its arguments, so a second attempt could differ"
        raise InvalidPipeline(f"{place}: {cause}; leave it out")
    callable_ones = {each for each, stable in functions.items() if stable and each.isidentifier()} | _MACROS
    near = _MEANT.get(name) or nearest(name, sorted(callable_ones - _UNNEEDED), likeness=0.8)
    hint = f'did you mean "{near}"?' if near and near != name else "leave it out"
    raise InvalidPipeline(f"{place}: {name} is no function that may be called here; {hint}")
