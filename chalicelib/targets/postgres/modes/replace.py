"""Replace: the run's records are the table's whole content afterwards.

Where nothing depends on the table, another one of the same make is filled beside it and takes its name; the old one
becomes ``etl_target.kept_<number>``. Else its rows are deleted, with before-images, and the new ones inserted.
"""

from chalicelib.core.counts import Written
from chalicelib.targets.postgres.catalogue import shape
from chalicelib.targets.postgres.images import note_kept
from chalicelib.targets.postgres.modes.swap import Swap
from chalicelib.targets.postgres.modes.writing import Change, Writing


def replace(writing: Writing) -> Change:
    """Make what is staged the content of the table."""
    writing.lock()
    found = shape(writing.connection, writing.plan.table)
    if found is None or found.unswappable:
        return _in_place(writing)
    rows = writing.connection.one(f"SELECT count(*) FROM {writing.table}")
    removed = int(rows[0]) if rows else 0
    if removed == 0:
        return _in_place(writing)
    swap = Swap(writing.connection, writing.plan.table, writing.plan.run_id, writing.number)
    swap.build()
    added = writing.insert(writing.staged(), into=swap.new)
    kept, size = swap.carry_out()
    note_kept(writing.connection, writing.number, kept, size)
    return Change(Written(loaded=added.rows, removed=removed), added=added, anew=True)


def _in_place(writing: Writing) -> Change:
    taken = writing.images.keep(f"{writing.table} AS t", "d")
    writing.connection.run(f"DELETE FROM {writing.table}")
    writing.prove("deleted", taken.rows, int(writing.connection.row_count))
    added = writing.insert(writing.staged())
    return Change(Written(loaded=added.rows, removed=taken.rows), added=added, anew=True)
