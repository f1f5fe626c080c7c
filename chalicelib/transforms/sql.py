"""Sql: one SELECT over ``input``. The parse decides its scope: one record at a time, or the whole run."""

from dataclasses import dataclass, replace
from typing import Any

from chalicelib.core.errors import InvalidPipeline
from chalicelib.core.pipeline import Sql
from chalicelib.core.reject import Reason
from chalicelib.ports import SqlParser
from chalicelib.relations.binding import bound
from chalicelib.relations.expression import Expression, one_select, text_of, wide_parts
from chalicelib.relations.gathered import Effect, Gathered
from chalicelib.relations.names import distinct, known
from chalicelib.relations.numbers import computed, fitting, named_in, number, numbered
from chalicelib.relations.relation import Broken, Column, Relation, failed, quoted, value_of
from chalicelib.relations.tree import Tree, nodes
from chalicelib.transforms.filter import apply_filter


def looks_at_the_whole_run(step: Sql, parser: SqlParser, place: str) -> bool:
    """Whether the query needs all records at once: it aggregates, windows, joins, sorts, limits, samples or nests.

    Raises:
        InvalidPipeline: if it is not one SELECT over ``input``.
    """
    node = one_select(step.sql, parser, place)
    tables = {_table(t) for t in nodes(node) if t.get("type") == "BASE_TABLE"}
    ctes = {str(entry["key"]).lower() for entry in _ctes(node)}
    faults = [f"reads {table}" for table in sorted(tables - ctes - {"input"})]
    if "input" not in tables:
        faults.append("does not read input")
    if faults:
        raise InvalidPipeline(
            f"{place}: the query {faults[0]}; a sql step reads its records from input, and nothing else"
        )
    return not _is_plain(node) or bool(wide_parts(node, parser.aggregates()))


def gather_sql(step: Sql, relation: Relation, parser: SqlParser, place: str) -> Gathered:
    """Compile a query of run scope: what it returns takes the place of all records."""
    node = one_select(step.sql, parser, place)
    named = {name.lower() for name in relation.names} if _compares_whole_records(node, relation) else named_in(node)
    relation = numbered(relation, named, "sql")
    query = parser.text(node)
    return Gathered(relation, f"SELECT * FROM (\n{query}\n)", Effect.MAKES)


@dataclass(frozen=True, slots=True)
class _Output:
    """A column of the result: one that is there, perhaps under a new name, or else an expression."""

    name: str
    column: str = ""
    sql: str = ""
    wide: tuple[str, ...] = ()


def compile_sql(step: Sql, relation: Relation, parser: SqlParser, place: str) -> Relation:
    """Compile a query of record scope: its WHERE filters, its select list becomes the columns.

    A record for which an output fails is rejected by the rule ``sql``.
    """
    shown = [f"{number(c.name)} AS {quoted(c.name)}" if c.is_wide else quoted(c.name) for c in relation.columns]
    visible = f"SELECT {', '.join(shown)} FROM {relation.source}"
    node = _unqualified(one_select(step.sql, parser, place))
    outputs = [output for item in node["select_list"] for output in _outputs(item, relation, parser, place)]
    distinct([output.name for output in outputs], place)
    query = parser.text(one_select(step.sql, parser, place))
    bound(f'WITH "input" AS ({visible}) SELECT * FROM (\n{query}\n)', relation.names, parser, place)
    if node["where_clause"]:
        shown_condition = text_of(node["where_clause"], parser)
        tree, wide = computed(node["where_clause"], relation, parser)
        condition = Expression(f"({text_of(tree, parser)})", wide)
        relation = apply_filter(condition, shown_condition, relation, parser, place)
    relation = fitting(relation, dict.fromkeys(name for output in outputs for name in output.wide), "sql")
    tried = {output.name: f"_etl_try_{i}" for i, output in enumerate(outputs) if output.sql}
    level = relation.compute([(tried[o.name], o.sql, place) for o in outputs if o.sql], parser)
    level = level.reject(
        [
            Broken(failed(temp), Reason("sql", f"{name}: the expression fails for this record", name))
            for name, temp in tried.items()
        ],
    )
    columns = {column.name: column for column in level.columns}
    return level.select([_selected(output, columns, tried) for output in outputs])


def _selected(output: _Output, columns: dict[str, Column], tried: dict[str, str]) -> tuple[Column, str]:
    if output.sql:
        temp = tried[output.name]
        return Column(output.name, columns[temp].type), value_of(temp)
    return replace(columns[output.column], name=output.name), quoted(output.column)


def _outputs(item: Tree, relation: Relation, parser: SqlParser, place: str) -> list[_Output]:
    """The output columns of one select item."""
    if item["class"] == "STAR":
        return _star(item, relation, parser, place)
    if item["class"] == "COLUMN_REF" and len(item["column_names"]) == 1:
        (name,) = known(map(str, item["column_names"]), relation.names, place)
        return [_Output(str(item["alias"] or name), column=name)]
    shown = text_of(item, parser)
    if not item["alias"]:
        raise InvalidPipeline(f"{place}: {shown} has no name; give it one with AS")
    return [_computed(str(item["alias"]), item, relation, parser)]


def _star(item: Tree, relation: Relation, parser: SqlParser, place: str) -> list[_Output]:
    if item["columns"] or item["expr"] or item["rename_list"] or item["qualified_exclude_list"]:
        raise InvalidPipeline(f"{place}: COLUMNS(...) and RENAME are not supported; name the columns")
    excluded = known(map(str, item["exclude_list"]), relation.names, place)
    replaced = {str(r["key"]): _computed(str(r["key"]), r["value"], relation, parser) for r in item["replace_list"]}
    known(replaced, relation.names, place)
    return [
        replaced[name] if name in replaced else _Output(name, column=name)
        for name in relation.names
        if name not in excluded
    ]


def _computed(name: str, tree: Tree, relation: Relation, parser: SqlParser) -> _Output:
    put, wide = computed(tree, relation, parser)
    return _Output(name, sql=f"({text_of(put, parser)})", wide=wide)


def _compares_whole_records(node: Tree, relation: Relation) -> bool:
    """Whether a query may compare columns that it does not name: DISTINCT, UNION, GROUP BY ALL, a record as a value."""
    names = {name.lower() for name in relation.names}
    tables = {"input", *(str(n["alias"]).lower() for n in nodes(node) if "from_table" not in n and n.get("alias"))}
    return any(
        n.get("type") in {"DISTINCT_MODIFIER", "SET_OPERATION_NODE"}
        or n.get("aggregate_handling", "STANDARD_HANDLING") != "STANDARD_HANDLING"
        or bool(n.get("using_columns") or n.get("column_name_alias"))
        or n.get("ref_type") == "NATURAL"
        or (n.get("type") == "STAR" and bool(n["columns"]))
        or (n.get("type") == "ORDER_MODIFIER" and any(o["expression"]["class"] == "CONSTANT" for o in n["orders"]))
        or bool({str(name).lower() for name in n.get("column_names") or ()} & (tables - names))
        for n in nodes(node)
    )


def _unqualified(node: Tree) -> Tree:
    """The tree with ``amount`` for ``input.amount``, for the levels below know no alias of the query."""
    alias = str(node["from_table"]["alias"] or "input").lower()
    for item in nodes(node):
        names = item.get("column_names")
        if names and len(names) > 1 and str(names[0]).lower() == alias:
            item["column_names"] = names[1:]
    return node


def _is_plain(node: Tree) -> bool:
    """Whether a SELECT has only a select list, ``FROM input`` and a WHERE."""
    return (
        node["type"] == "SELECT_NODE"
        and node["from_table"]["type"] == "BASE_TABLE"
        and not any(node["from_table"][part] for part in _TABLE_PARTS)
        and not any(node[part] for part in ("group_expressions", "having", "qualify", "modifiers", "sample"))
        and node["aggregate_handling"] == "STANDARD_HANDLING"
        and not _ctes(node)
    )


def _table(table: Tree) -> str:
    """A table's name in lower case, its schema before it if the query gives one."""
    return ".".join(str(table[part]).lower() for part in ("schema_name", "table_name") if table[part])


def _ctes(node: Any) -> list[Tree]:
    return [entry for n in nodes(node) if "cte_map" in n for entry in n["cte_map"]["map"]]


_TABLE_PARTS = ("sample", "column_name_alias", "at_clause")
