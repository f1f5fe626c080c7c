"""Append: every record is a new row; on request, a newer version of an object takes the rows of the older ones away."""

from chalicelib.core.counts import Written
from chalicelib.core.ledger import NO_ROWS, TableHash
from chalicelib.targets.postgres.claims import older_objects
from chalicelib.targets.postgres.modes.writing import Change, Writing


def append(writing: Writing) -> Change:
    """Insert all that is staged."""
    taken = NO_ROWS
    if writing.plan.pipeline.target.on_new_version == "replace":
        writing.lock()
        taken = _take_older_versions(writing)
    added = writing.insert(writing.staged())
    return Change(Written(loaded=added.rows, removed=taken.rows), added=added, taken=taken)


def _take_older_versions(writing: Writing) -> TableHash:
    """Delete what this pipeline loaded from other versions of the run's objects, with before-images."""
    older = older_objects(writing.connection, writing.plan, list(writing.objects.values()))
    if not older:
        return NO_ROWS
    key = {"table_name": str(writing.plan.table), "pipeline": writing.plan.pipeline.name}
    mine = "SELECT number FROM etl_target.ledger WHERE table_name = :table_name AND pipeline = :pipeline"
    rows = f"{writing.table} AS t WHERE t._etl_object = ANY(cast(:older AS int[])) AND t._etl_run IN ({mine})"
    taken = writing.images.keep(rows, "d", older=older, **key)
    writing.connection.run(f"DELETE FROM {rows}", older=older, **key)
    writing.prove("deleted", taken.rows, int(writing.connection.row_count))
    return taken
