"""Merge: by keys, new records are inserted, changed ones update their row, equal ones leave it untouched.

The table is joined with staging once. What is to be done with each record is decided there and kept with the places of
both rows, so that the statements that follow find theirs by place, on every PostgreSQL alike.
"""

from chalicelib.core.counts import Written
from chalicelib.core.errors import Held
from chalicelib.postgres.identifiers import quote
from chalicelib.targets.postgres.modes.highest import keep_highest
from chalicelib.targets.postgres.modes.writing import Change, Op, Writing, comparable
from chalicelib.targets.postgres.staging import unstaged


def merge(writing: Writing) -> Change:
    """Merge what is staged into the table.

    Raises:
        Held: if the table holds a key of the data more than once.
        BrokenLaw: if a statement did not do what was decided.
    """
    keys = [unstaged(writing.column(name)) for name in writing.plan.pipeline.target.keys]
    writing.prepare()
    records, deduplicated = keep_highest(writing, keys)
    _decide(writing, records)
    count = writing.decided()
    updated, deleted, loaded = count[Op.UPDATE], count[Op.DELETE], count[Op.INSERT]
    staged = writing.staged(by=f"{writing.decisions} AS d")
    taken = writing.delete(deleted)
    replaced, added = writing.update(writing.values, staged, Op.UPDATE, updated)
    if loaded:
        new = writing.insert(f"{staged} WHERE d.op = '{Op.INSERT}'")
        writing.prove("inserted", loaded, new.rows)
        added += new
    writing.connection.run(f"DROP TABLE {writing.decisions}")
    written = Written(loaded, updated + deleted, count[Op.NOTHING], deduplicated, removed=deleted)
    return Change(written, added=added, taken=taken + replaced)


def _decide(writing: Writing, records: int) -> None:
    """Join the staged ``records`` with the table, and say what is to be done with each (``Op``)."""
    keys = writing.plan.pipeline.target.keys
    same = " AND ".join(f"t.{quote(name)} = {unstaged(writing.column(name))}" for name in keys)
    others = [column for column in writing.plan.columns if column.name not in keys]
    ours = ", ".join(comparable(f"t.{quote(column.name)}", column) for column in others)
    theirs = ", ".join(comparable(unstaged(column), column) for column in others)
    changed = f"ROW({ours}) IS DISTINCT FROM ROW({theirs})" if others else "false"
    writing.connection.run(
        f"CREATE UNLOGGED TABLE {writing.decisions} AS"
        " SELECT s.ctid AS staged, t.ctid AS place, t.tableoid AS relation,"
        f" cast(CASE WHEN t.ctid IS NULL AND {writing.gone} THEN '{Op.NOTHING}'"
        f" WHEN t.ctid IS NULL THEN '{Op.INSERT}'"
        f" WHEN {writing.gone} THEN '{Op.DELETE}' WHEN {changed} THEN '{Op.UPDATE}' ELSE '{Op.NOTHING}' END"
        ' AS "char") AS op'
        f" FROM {writing.staging} AS s LEFT JOIN {writing.table} AS t ON {same}"
    )
    if int(writing.connection.row_count) != records:
        raise Held(
            f"{writing.plan.table} holds a key ({', '.join(keys)}) of the data in more than one row; merge needs one:"
            " remove the others, and add a unique index; nothing was published"
        )
