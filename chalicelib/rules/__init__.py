"""Checks: each rule of the document compiles to SQL for the engine, or judges the run's totals. Pure.

A new rule of record scope is one function and one line in ``RECORD_RULES``.
"""

from collections.abc import Callable, Mapping
from typing import Any

from chalicelib.core.counts import Counts
from chalicelib.core.pipeline import Expr, In, NotNull, RejectRatio, RowCount
from chalicelib.ports import SqlParser
from chalicelib.relations.relation import Broken, Relation
from chalicelib.rules.record import compile_expr, compile_in, compile_not_null
from chalicelib.rules.run import check_default_ratio, check_reject_ratio, check_row_count

RECORD_RULES: Mapping[type, Callable[[Any, Relation, SqlParser, str], list[Broken]]] = {
    NotNull: compile_not_null,
    In: compile_in,
    Expr: compile_expr,
}
RUN_RULES: Mapping[type, Callable[[Any, Counts], str | None]] = {
    RowCount: check_row_count,
    RejectRatio: check_reject_ratio,
}

__all__ = ["RECORD_RULES", "RUN_RULES", "check_default_ratio"]
