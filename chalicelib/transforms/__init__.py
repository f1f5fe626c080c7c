"""Steps: each word of ``transforms`` compiles to one level of the engine's SELECT, or to a query over a table. Pure.

A new step is one file here, one model in ``core/pipeline/steps`` and one line: in ``STEPS`` if it takes each record as
it comes, in ``GATHERED`` if it must have them in a table, and in ``RUN_SCOPE`` if that table must hold the whole run.
(``cast`` shares its code with the way into the target's types and stands in ``engine/fitting``.)
"""

from collections.abc import Callable, Mapping
from typing import Any

from chalicelib.core.pipeline import (
    Aggregate,
    Deduplicate,
    Derive,
    Filter,
    Hash,
    Mask,
    Pivot,
    Rename,
    Split,
    Sql,
    Trim,
    Unpivot,
)
from chalicelib.ports import SqlParser
from chalicelib.relations.gathered import Compile
from chalicelib.relations.relation import Relation
from chalicelib.transforms.aggregate import gather_aggregate
from chalicelib.transforms.deduplicate import gather_deduplicate
from chalicelib.transforms.derive import compile_derive
from chalicelib.transforms.filter import compile_filter
from chalicelib.transforms.hash import compile_hash
from chalicelib.transforms.mask import compile_mask
from chalicelib.transforms.pivot import gather_pivot
from chalicelib.transforms.rename import compile_rename
from chalicelib.transforms.split import compile_split, gather_split
from chalicelib.transforms.sql import compile_sql, gather_sql
from chalicelib.transforms.trim import compile_trim
from chalicelib.transforms.unpivot import gather_unpivot

STEPS: Mapping[type, Callable[[Any, Relation, SqlParser, str], Relation]] = {
    Trim: compile_trim,
    Rename: compile_rename,
    Derive: compile_derive,
    Filter: compile_filter,
    Split: compile_split,
    Mask: compile_mask,
    Hash: compile_hash,
    Sql: compile_sql,
}
#: A ``sql`` step stands in both, its parse decides; a ``split`` too, whether it has columns to split into.
GATHERED: Mapping[type, Compile] = {
    Deduplicate: gather_deduplicate,
    Split: gather_split,
    Aggregate: gather_aggregate,
    Pivot: gather_pivot,
    Unpivot: gather_unpivot,
    Sql: gather_sql,
}
RUN_SCOPE: tuple[type, ...] = (Deduplicate, Aggregate, Pivot, Sql)
