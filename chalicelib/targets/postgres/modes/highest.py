"""The highest record of each key stands; the others of the run gave way to it."""

from collections.abc import Sequence

from chalicelib.core.plan import LINE
from chalicelib.targets.postgres.modes.writing import Writing
from chalicelib.targets.postgres.staging import unstaged


def keep_highest(writing: Writing, by: Sequence[str]) -> int:
    """Delete all staged records but the highest of each ``by`` (SQL over ``s``); return how many.

    Higher is what has the higher ``order_by`` (NULL is lowest), then what stands in the later object, then in the later
    record. Records that a run-scope step made have no number; there the later one is higher.
    """
    keys = ", ".join(by)
    several = f"SELECT {keys} FROM {writing.staging} AS s GROUP BY {keys} HAVING count(*) > 1"
    if writing.connection.one(f"{several} LIMIT 1") is None:
        return 0
    order_by = writing.plan.pipeline.target.order_by
    order = [f"{unstaged(writing.column(order_by))} DESC NULLS LAST"] if order_by else []
    order += ["s._etl_batch DESC", f"s.{LINE} DESC NULLS LAST", "s.ctid DESC"]
    writing.connection.run(
        f"DELETE FROM {writing.staging} AS lower USING ("
        f"SELECT s.ctid AS place, row_number() OVER (PARTITION BY {keys} ORDER BY {', '.join(order)}) AS rank"
        f" FROM {writing.staging} AS s WHERE ({keys}) IN ({several})"
        ") AS ranked WHERE lower.ctid = ranked.place AND ranked.rank > 1"
    )
    return int(writing.connection.row_count)
