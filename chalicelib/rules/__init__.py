"""Checks: each rule of the document compiles to SQL for the engine, or judges the run's totals. Pure.

A new rule of record scope is one function and one line in ``RECORD_RULES``; one on the run as a whole has its line in
``run``. ``verdict`` puts together what all of them say.
"""

from collections.abc import Callable, Mapping
from typing import Any

from chalicelib.core.pipeline import DateOrder, Expr, In, Length, NotNull, Range, Regex
from chalicelib.ports import SqlParser
from chalicelib.relations.relation import Broken, Relation
from chalicelib.rules.record import compile_expr, compile_in, compile_not_null
from chalicelib.rules.values import compile_date_order, compile_length, compile_range, compile_regex

RECORD_RULES: Mapping[type, Callable[[Any, Relation, SqlParser, str], list[Broken]]] = {
    NotNull: compile_not_null,
    In: compile_in,
    Range: compile_range,
    Length: compile_length,
    Regex: compile_regex,
    DateOrder: compile_date_order,
    Expr: compile_expr,
}

__all__ = ["RECORD_RULES"]
