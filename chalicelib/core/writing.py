"""Writing: what a write mode asks of the columns that a run brings, decided by the plan."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from chalicelib.core.errors import Held, InvalidPipeline, Refused
from chalicelib.core.pipeline import HISTORY, Target
from chalicelib.core.plan import TableShape, TargetColumn
from chalicelib.core.types import ColumnType
from chalicelib.core.words import quoted, way_out

#: The types of the columns that scd2 keeps by itself.
HISTORY_TYPES = dict(zip(HISTORY, ("timestamp with time zone", "timestamp with time zone", "boolean"), strict=True))
#: What to do about a foreign key that acts by itself.
_WAY_OUT = "make it ON {} NO ACTION or RESTRICT, choose another write mode, or load elsewhere"
_BEGINS = ("date", "timestamp without time zone", "timestamp with time zone")


def keyed(target: Target, columns: Sequence[TargetColumn]) -> tuple[TargetColumn, ...]:
    """The columns, with each key and ``effective_at`` required: a record without them is a reject.

    Raises:
        InvalidPipeline: if the target names a column that the steps do not leave, or one of a type that cannot serve.
        Held: if the data brings a column that scd2 keeps by itself.
    """
    types = {column.name: column.type for column in columns}
    if not types:
        return ()
    for place, name in named_columns(target):
        if name not in types:
            raise InvalidPipeline(f"{place}: there is no column {quoted(name)}; {way_out(name, types)}")
        if types[name].base == "json":
            raise InvalidPipeline(f"{place}: {quoted(name)} is json, whose values cannot be compared; cast it to jsonb")
    begins = types.get(target.effective_at or "")
    if begins is not None and begins.base not in _BEGINS:
        raise InvalidPipeline(
            f"target.effective_at: {quoted(str(target.effective_at))} is {begins}; a date or a timestamp says when"
        )
    ours = [name for name in HISTORY if target.write == "scd2" and name in types]
    if ours:
        raise Held(f"{target.table}: the data has a column {ours[0]}, which scd2 keeps by itself; rename it in a step")
    required = {*target.keys, target.effective_at}
    return tuple(replace(column, required=column.required or column.name in required) for column in columns)


def named_columns(target: Target) -> Iterator[tuple[str, str]]:
    """The places and names of the columns that a target's keys, ``order_by`` and ``effective_at`` are."""
    yield from ((f"target.keys[{i}]", name) for i, name in enumerate(target.keys))
    for key in ("order_by", "effective_at"):
        if getattr(target, key) is not None:
            yield f"target.{key}", getattr(target, key)


def data_shape(target: Target, shape: TableShape) -> TableShape:
    """The table as the data sees it: without the columns that scd2 keeps by itself.

    Raises:
        Refused: if scd2 is to write into a table that lacks them.
    """
    if target.write != "scd2":
        return shape
    there = {column.name: column.type for column in shape.columns}
    for name, kind in HISTORY_TYPES.items():
        if there.get(name) != kind:
            found = f"is {there[name]}" if name in there else "is missing"
            cause = f"{target.table}: the column {name} {found}, scd2 keeps {kind} there"
            raise Refused(f"{cause}; add the columns {', '.join(HISTORY)}, or name another table")
    return replace(shape, columns=tuple(column for column in shape.columns if column.name not in HISTORY))


def made_columns(target: Target, columns: Sequence[TargetColumn]) -> tuple[TargetColumn, ...]:
    """The data columns of a table that a publish makes for the run's ``columns``: scd2 adds its own."""
    return (*columns, *(_history_columns() if target.write == "scd2" else ()))


def _history_columns() -> tuple[TargetColumn, ...]:
    return tuple(
        TargetColumn(name, ColumnType.parse(kind), required=name != "valid_to") for name, kind in HISTORY_TYPES.items()
    )


def check_alone(target: Target, shape: TableShape) -> None:
    """Check that the run's records become the table's rows, and that no other row changes with them.

    Raises:
        Refused: if a trigger could change them, or a foreign key would delete or change rows that refer to the table's.
    """
    table = target.table
    if shape.triggers:
        raise Refused(f"{table} has the trigger {shape.triggers[0]}, which could change what is loaded; load elsewhere")
    deletes, stays = _deletes(target), {*target.keys, *HISTORY[:1]}
    for found in shape.references:
        if deletes and found.on_delete:
            action = f"{deletes} deletes rows, and the foreign key {found.name} of {found.table} is ON DELETE"
            raise Refused(f"{table}: {action} {found.on_delete}, which changes rows there; {_WAY_OUT.format('DELETE')}")
        if target.has_keys and found.on_update and not stays.issuperset(found.columns):
            action = f"{target.write} updates rows, and the foreign key {found.name} of {found.table} is ON UPDATE"
            raise Refused(f"{table}: {action} {found.on_update}, which changes rows there; {_WAY_OUT.format('UPDATE')}")


def _deletes(target: Target) -> str | None:
    """What of the target's document deletes rows of the table, if something does."""
    if target.write == "replace":
        return "replace"
    if target.on_new_version == "replace":
        return "on_new_version: replace"
    return "delete_when" if target.delete_when is not None else None


def writing_notes(target: Target, shape: TableShape | None) -> list[str]:
    """What a person should know of how the run writes into the table as it is."""
    notes = []
    if target.write != "append":
        notes.append(f"write mode {target.write}" + (f" by {', '.join(target.keys)}" if target.has_keys else ""))
    if shape is None:
        return notes
    if target.write == "merge" and not any(set(index) <= set(target.keys) for index in shape.unique):
        notes.append(
            f"{target.table} has no unique index on {', '.join(target.keys)}: each publish compares the whole table,"
            " and only its lock keeps keys unique"
        )
    if target.write == "replace" and shape.unswappable:
        notes.append(f"{target.table} {shape.unswappable}: its rows are deleted and inserted, not swapped")
    return notes
