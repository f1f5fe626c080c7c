"""Checks: each rule of the document compiles to SQL for the engine, or judges the run's totals. Pure.

A new rule of record scope is one function and one line in ``RECORD_RULES``.
"""

from collections.abc import Callable, Mapping
from typing import Any

from chalicelib.core.counts import Counts
from chalicelib.core.pipeline import DateOrder, Expr, In, Length, NotNull, Range, Regex, RejectRatio, RowCount
from chalicelib.ports import SqlParser
from chalicelib.relations.relation import Broken, Relation
from chalicelib.rules.record import compile_expr, compile_in, compile_not_null
from chalicelib.rules.run import check_default_ratio, check_reject_ratio, check_row_count
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
RUN_RULES: Mapping[type, Callable[[Any, Counts], str | None]] = {
    RowCount: check_row_count,
    RejectRatio: check_reject_ratio,
}

__all__ = ["RECORD_RULES", "RUN_RULES", "check_default_ratio"]
