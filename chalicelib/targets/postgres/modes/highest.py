"""The highest record of each key stands; the others of the run gave way to it."""

from collections.abc import Sequence

from chalicelib.core.plan import LINE
from chalicelib.targets.postgres.modes.writing import Writing
from chalicelib.targets.postgres.staging import unstaged

#: The types of keys that are sorted fast.
_SORTED = frozenset(
    {"smallint", "integer", "bigint", "date", "timestamp with time zone", "timestamp without time zone", "uuid"}
)


def keep_highest(writing: Writing, by: Sequence[str]) -> tuple[int, int]:
    """Delete all staged records but the highest of each ``by`` (SQL over ``s``); return how many stand and gave way.

    Higher is what has the higher ``order_by`` (NULL is lowest), then what stands in the later object, then in the later
    record. Records that a run-scope step made have no number; there the later one is higher.

    Raises:
        BrokenLaw: if not as many were deleted as are lower.
    """
    keys = ", ".join(by)
    several = f"SELECT {keys} FROM {writing.staging} AS s GROUP BY {keys} HAVING count(*) > 1"
    records, lower = map(int, writing.connection.one(_lower(writing, by)) or (0, 0))
    if lower == 0:
        return records, 0
    order_by = writing.plan.pipeline.target.order_by
    order = [f"{unstaged(writing.column(order_by))} DESC NULLS LAST"] if order_by else []
    order += ["s._etl_batch DESC", f"s.{LINE} DESC NULLS LAST", "s.ctid DESC"]
    writing.connection.run(
        f"DELETE FROM {writing.staging} AS lower USING ("
        f"SELECT s.ctid AS place, row_number() OVER (PARTITION BY {keys} ORDER BY {', '.join(order)}) AS rank"
        f" FROM {writing.staging} AS s WHERE ({keys}) IN ({several})"
        ") AS ranked WHERE lower.ctid = ranked.place AND ranked.rank > 1"
    )
    writing.prove("deduplicated", lower, int(writing.connection.row_count))
    return records - lower, lower


def _lower(writing: Writing, by: Sequence[str]) -> str:
    """The statement that counts the staged records, and those of them that are not the first of their ``by``.

    The values of one column are sorted in less than half the time that groups of them take; texts are not.
    """
    target = writing.plan.pipeline.target
    if len(by) == 1 and writing.column(target.keys[0]).type.base in _SORTED:
        return f"SELECT count(*), count(*) - count(DISTINCT {by[0]}) FROM {writing.staging} AS s"
    groups = f"SELECT count(*) AS records FROM {writing.staging} AS s GROUP BY {', '.join(by)}"
    return f"SELECT coalesce(sum(records), 0), coalesce(sum(records - 1), 0) FROM ({groups}) AS groups"
