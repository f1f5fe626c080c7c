"""Numbers: what SQL computes with where a column's numeric is longer than the engine's own numbers.

A ``numeric`` without a precision, or of more than 38 digits, travels as text, so that every digit arrives. Text has
another order than numbers, so where people's SQL, or a step, looks at such a column, it sees a ``NUMBER``: exact, or
the record is a reject. What nobody looks at stays text. A cast and ``||`` read the text itself.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from chalicelib.core.reject import Reason, Severity
from chalicelib.ports import SqlParser
from chalicelib.relations.relation import NUMBER, Broken, Column, Relation, quoted
from chalicelib.relations.tree import Tree, nodes

_PLACES = 10
_MOST = f"more than {38 - _PLACES} digits before the point, or {_PLACES} after it"
#: What reads a column's text, or only whether there is one.
_TESTS = frozenset({"OPERATOR_IS_NULL", "OPERATOR_IS_NOT_NULL"})
_TEXTS = frozenset({"||", "concat", "concat_ws", "count"})
_WAY_OUT = "declare it as numeric(38,20) or double precision, or cast it within the SQL"


def spelled_out(text: str) -> str:
    """The SQL of a number without its exponent, the point moved: only such a text becomes a DECIMAL exactly."""
    exponent = f"CAST(regexp_extract({text}, '[eE](.*?)\\s*$', 1) AS INTEGER)"
    zeros = f"repeat('0', abs({exponent}))"
    whole, part = (f"regexp_extract({text}, '([0-9]*)\\.?([0-9]*)[eE]', {i})" for i in (1, 2))
    digits, point = f"concat({zeros}, {whole}, {part}, {zeros})", f"abs({exponent}) + length({whole}) + {exponent}"
    sign = f"regexp_extract({text}, '^[^0-9]*-')"
    return f"concat({sign}, left({digits}, {point}), '.', substr({digits}, {point} + 1))"


def number(name: str) -> str:
    """The SQL of a wide column's value as a ``NUMBER``; NULL where it has more digits. Few texts need the patterns."""
    text = quoted(name)
    usual = f"strlen({text}) < 12 AND NOT contains({text}, 'e') AND NOT contains({text}, 'E')"
    plain = _plain(text)
    exact = f"CASE WHEN NOT regexp_matches({plain}, '\\.[0-9]{{{_PLACES}}}[0-9]*[1-9]') THEN {plain} END"
    return f"TRY_CAST(CASE WHEN {usual} THEN {text} ELSE {exact} END AS {NUMBER})"


def unfit(name: str, rule: str, severity: Severity = Severity.REJECT) -> Broken:
    """That a wide column's value has more digits than a ``NUMBER``."""
    told = f"{name} has {_MOST}, the most that SQL computes with; {_WAY_OUT}"
    return Broken(f"{number(name)} IS NULL AND {quoted(name)} IS NOT NULL", Reason(rule, told, name, severity))


def fitting(relation: Relation, names: Iterable[str], rule: str) -> Relation:
    """The relation with the records rejected whose values in some wide columns are no ``NUMBER``."""
    return relation.reject([unfit(name, rule) for name in names])


def numbered(relation: Relation, names: Iterable[str], rule: str) -> Relation:
    """The relation with those of the columns ``names`` that are wide as numbers; a value that is none is a reject."""
    chosen = _wide(relation, {name.lower() for name in names})
    if not chosen:
        return relation
    level = fitting(relation, chosen, rule)
    return level.select([
        (Column(c.name, NUMBER, None, c.type_cause), number(c.name)) if c.name in chosen else (c, quoted(c.name))
        for c in level.columns
    ])  # fmt: skip


def wide(relation: Relation) -> tuple[str, ...]:
    """The columns whose numbers travel as text."""
    return tuple(column.name for column in relation.columns if column.is_wide)


def named_in(tree: Any) -> set[str]:
    """The names of all columns that a tree refers to, as far as one can tell, in lower case."""
    return {str(name).lower() for node in nodes(tree) for name in node.get("column_names") or ()}


def computed(tree: Tree, relation: Relation, parser: SqlParser) -> tuple[Tree, tuple[str, ...]]:
    """A copy of an expression's tree with numbers in the place of wide columns, and the columns that it computes with.

    What only asks for NULL, joins text or casts reads a column's text, so it takes values of any length.
    """
    chosen = _wide(relation, named_in(tree))
    numbers = {name.lower(): _tree(number(name), parser) for name in chosen}
    plain = {name.lower(): _tree(_plain(quoted(name)), parser) for name in chosen}
    found: set[str] = set()
    put: Tree = _replaced(tree, _Trees(numbers, plain, found))
    return put, tuple(name for name in chosen if name.lower() in found)


@dataclass(frozen=True, slots=True)
class _Trees:
    """What stands for a wide column, by its name in lower case: a number, or its text for a cast to read."""

    numbers: Mapping[str, Tree]
    plain: Mapping[str, Tree]
    found: set[str]

    def without(self, names: set[str]) -> "_Trees":
        """These trees where some names are a lambda's own."""
        return replace(self, numbers={name: tree for name, tree in self.numbers.items() if name not in names})


def _wide(relation: Relation, lowered: set[str]) -> tuple[str, ...]:
    return tuple(name for name in wide(relation) if name.lower() in lowered)


def _plain(text: str) -> str:
    return f"CASE WHEN regexp_matches({text}, '[eE]') THEN {spelled_out(text)} ELSE {text} END"


def _tree(sql: str, parser: SqlParser) -> Tree:
    (item,) = parser.tree(f"SELECT {sql}")["statements"][0]["node"]["select_list"]
    result: Tree = item
    return result


def _replaced(item: Any, trees: _Trees) -> Any:
    if isinstance(item, list):
        return [_replaced(each, trees) for each in item]
    if not isinstance(item, dict):
        return item
    name = _column(item)
    if name in trees.numbers:
        trees.found.add(name)
        return {**trees.numbers[name], "alias": item.get("alias", "")}
    if item.get("class") == "LAMBDA":
        trees = trees.without(named_in(item["lhs"]))
    if item.get("class") == "CAST" and _column(item["child"]) in trees.numbers:
        is_text = item["type_expr"].get("type_name") == "VARCHAR"
        return item if is_text else {**item, "child": trees.plain[_column(item["child"])]}
    if item.get("type") in _TESTS or item.get("function_name") in _TEXTS:
        return {key: _left(value, trees) for key, value in item.items()}
    return {key: _replaced(value, trees) for key, value in item.items()}


def _left(value: Any, trees: _Trees) -> Any:
    """The operands of what reads text: columns stay, all else is replaced within."""
    if not isinstance(value, list):
        return _replaced(value, trees)
    return [each if _column(each.get("expression") or each) else _replaced(each, trees) for each in value]


def _column(item: Tree) -> str:
    """The name of the column that a node refers to, in lower case; empty if it does to none."""
    names = [str(name).lower() for name in item.get("column_names") or ()]
    refers = item.get("class") == "COLUMN_REF" and (len(names) == 1 or names[:-1] == ["input"])
    return names[-1] if refers else ""
