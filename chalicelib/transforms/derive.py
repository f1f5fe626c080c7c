"""Derive: compute columns from the columns that are there."""

from chalicelib.core.pipeline import Derive
from chalicelib.core.reject import Reason
from chalicelib.ports import SqlParser
from chalicelib.relations.expression import computed_expression
from chalicelib.relations.names import distinct
from chalicelib.relations.numbers import fitting
from chalicelib.relations.relation import Broken, Column, Relation, failed, quoted, value_of


def compile_derive(step: Derive, relation: Relation, parser: SqlParser, place: str) -> Relation:
    """Add each column, or replace the one of that name; all see the columns as they were before the step.

    A record for which an expression fails (a cast, an overflow) is rejected by the rule ``derive``.
    """
    tried = {name: f"_etl_try_{i}" for i, name in enumerate(step.derive)}
    written = {name: computed_expression(sql, relation, parser, f"{place}.{name}") for name, sql in step.derive.items()}
    relation = fitting(relation, dict.fromkeys(each for one in written.values() for each in one.wide), "derive")
    level = relation.compute([(tried[name], one.sql, f"{place}.{name}") for name, one in written.items()], parser)
    level = level.reject(
        [
            Broken(failed(temp), Reason("derive", f"{name}: {step.derive[name]} fails for this record", name))
            for name, temp in tried.items()
        ],
    )
    types = {c.name: c.type for c in level.columns}
    made = {name: (Column(name, types[temp]), value_of(temp)) for name, temp in tried.items()}
    outputs = {c.name: (c, quoted(c.name)) for c in relation.columns} | made
    distinct(outputs, place)
    return level.select(list(outputs.values()))
