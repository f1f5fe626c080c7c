"""Steps: each word of ``transforms`` compiles to one level of the engine's SELECT. Pure.

A new step is one file here, one model in ``core/pipeline`` and one line in ``STEPS``.
"""

from collections.abc import Callable, Mapping
from typing import Any

from chalicelib.core.pipeline import Derive, Filter, Rename, Sql, Trim
from chalicelib.ports import SqlParser
from chalicelib.relations.relation import Relation
from chalicelib.transforms.derive import compile_derive
from chalicelib.transforms.filter import compile_filter
from chalicelib.transforms.rename import compile_rename
from chalicelib.transforms.sql import compile_sql
from chalicelib.transforms.trim import compile_trim

STEPS: Mapping[type, Callable[[Any, Relation, SqlParser, str], Relation]] = {
    Trim: compile_trim,
    Rename: compile_rename,
    Derive: compile_derive,
    Filter: compile_filter,
    Sql: compile_sql,
}
