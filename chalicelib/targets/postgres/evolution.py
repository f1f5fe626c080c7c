"""Evolution: an existing table brought to where the plan says that its contract takes it, within the publish."""

from collections.abc import Iterator, Mapping, Sequence

import pg8000.exceptions

from chalicelib.core.drift import TypeChange
from chalicelib.core.errors import Held, PlanStale
from chalicelib.core.plan import CatalogueColumn, Plan, TableShape
from chalicelib.core.types import ColumnType
from chalicelib.postgres.connection import Connection, server_facts
from chalicelib.postgres.identifiers import quote
from chalicelib.targets.postgres.catalogue import relation, shape

#: SQLSTATEs of a table that cannot be changed so: a view reads the column, its index or key wants it as it is.
_FORBIDDEN = ("0A000", "2BP01", "42804", "42P16", "42883", "22023")


def evolves(plan: Plan) -> bool:
    """Whether publish alters the table, and so must be alone with it."""
    contract, drift = plan.pipeline.target.contract, plan.drift
    words = (contract.new_columns, drift.new), (contract.missing_columns, drift.missing), _change(plan)
    return any(word == "evolve" and found for word, found in words)


def rehashes(plan: Plan) -> bool:
    """Whether values get another type, so that the table's hash begins anew with a full scan."""
    word, found = _change(plan)
    return word == "evolve" and bool(found)


def evolve(connection: Connection, plan: Plan, now: TableShape) -> TableShape:
    """Alter the table as planned and return its new shape; what another run did already is left as it is.

    Raises:
        PlanStale: if a column that this run writes is another one than it was for the plan.
        Held: if PostgreSQL allows no such change.
    """
    clauses = list(_pending(plan, {column.name: column for column in now.columns}))
    if clauses:
        _alter(connection, plan, clauses)
        now = shape(connection, plan.table) or now
    _verify(plan, now)
    return now


def _change(plan: Plan) -> tuple[str, tuple[TypeChange, ...]]:
    return plan.pipeline.target.contract.type_change, plan.drift.changed


def _pending(plan: Plan, there: Mapping[str, CatalogueColumn]) -> Iterator[str]:
    """The clauses of ALTER TABLE that are still to do."""
    contract, drift = plan.pipeline.target.contract, plan.drift
    if contract.new_columns == "evolve":
        yield from (f"ADD COLUMN {quote(new.name)} {new.type}" for new in drift.new if new.name not in there)
    if contract.missing_columns == "evolve":
        demanded = {name for name, column in there.items() if column.required}
        dropped = (missing.name for missing in drift.missing if missing.required and missing.name in demanded)
        yield from (f"ALTER COLUMN {quote(name)} DROP NOT NULL" for name in dropped)
    if contract.type_change == "evolve":
        for change in drift.changed:
            if change.name in there and _kind(there[change.name]) == change.before:
                name = quote(change.name)
                yield f"ALTER COLUMN {name} TYPE {change.after} USING {name}::{change.after}"


def _alter(connection: Connection, plan: Plan, clauses: Sequence[str]) -> None:
    """One ALTER TABLE; what becomes text becomes it in ISO form and UTC, whoever asks."""
    connection.run("SET LOCAL DateStyle = 'ISO, YMD'")
    connection.run("SET LOCAL TimeZone = 'UTC'")
    try:
        connection.run(f"ALTER TABLE {relation(plan.table)} {', '.join(clauses)}")
    except pg8000.exceptions.DatabaseError as error:
        facts = server_facts(error)
        if facts.get("C") not in _FORBIDDEN:
            raise
        told = "; ".join(filter(None, (facts.get("M"), facts.get("D"))))
        diff = "\n".join(plan.drift.lines())
        raise Held(
            f"{plan.table} cannot follow its data: PostgreSQL says {told}; nothing was published. Change what depends "
            f"on the column, or say reject or ignore in the target's contract\n{diff}"
        ) from error


def _verify(plan: Plan, now: TableShape) -> None:
    there = {column.name: column for column in now.columns}
    for column in plan.columns:
        found = there.get(column.name)
        if found is None or _kind(found) != column.type:
            is_now = f"is {found.type} now" if found else "is gone"
            raise PlanStale(
                f"{plan.table}: column {column.name} {is_now}; it changed since the plan, start the run again"
            )


def _kind(column: CatalogueColumn) -> ColumnType | None:
    try:
        return ColumnType.parse(column.type)
    except ValueError:
        return None
