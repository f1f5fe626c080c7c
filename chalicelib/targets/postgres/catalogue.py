"""The catalogue: what an existing table is, read from PostgreSQL itself; and the DDL of a new one."""

from chalicelib.core.pipeline import HISTORY
from chalicelib.core.plan import CatalogueColumn, Plan, Reference, TableShape
from chalicelib.core.table import TableName
from chalicelib.core.writing import made_columns
from chalicelib.postgres.connection import Connection
from chalicelib.postgres.identifiers import quote
from chalicelib.postgres.statements import statements

PROVENANCE = (("_etl_run", "bigint"), ("_etl_object", "integer"), ("_etl_line", "bigint"))
_NAMES = {name for name, _ in PROVENANCE}
SQL = statements("chalicelib.targets.postgres", "catalogue.sql")


def relation(table: TableName) -> str:
    """The table's name as SQL."""
    return f"{quote(table.schema)}.{quote(table.name)}"


def shape(connection: Connection, table: TableName) -> TableShape | None:
    """The table as the catalogue knows it, or None when there is no relation of that name."""
    rows = connection.run(SQL["columns"], schema=table.schema, name=table.name)
    if not rows:
        return None
    named = {"schema": table.schema, "name": table.name}
    columns = [CatalogueColumn(*row[:5]) for row in rows if row[0] is not None]
    return TableShape(
        columns=tuple(column for column in columns if column.name not in _NAMES),
        has_provenance={column.name for column in columns} >= _NAMES,
        is_table=rows[0][5] in ("r", "p"),
        triggers=tuple(row[0] for row in connection.run(SQL["triggers"], **named)),
        references=tuple(
            Reference(table, name, on_delete, on_update, tuple(columns))
            for table, name, on_delete, on_update, columns in connection.run(SQL["references"], **named)
        ),
        unique=tuple(tuple(row[0]) for row in connection.run(SQL["unique"], **named)),
        unswappable=(connection.one(SQL["unswappable"], **named) or [None])[0],
    )


def create_table(plan: Plan) -> list[str]:
    """The statements that create the plan's table, and its schema if that is missing; keys are its primary key."""
    target = plan.pipeline.target
    made = made_columns(target, plan.columns)
    columns = [f"{quote(column.name)} {column.type}{' NOT NULL' if column.required else ''}" for column in made]
    if target.provenance:
        columns += [f"{name} {kind}" for name, kind in PROVENANCE]
    if target.has_keys:
        key = [*target.keys, *(HISTORY[:1] if target.write == "scd2" else ())]
        columns.append(f"PRIMARY KEY ({', '.join(map(quote, key))})")
    return [
        f"CREATE SCHEMA IF NOT EXISTS {quote(plan.table.schema)}",
        f"CREATE TABLE {relation(plan.table)} ({', '.join(columns)})",
    ]


def add_provenance(plan: Plan) -> str:
    """The statement that gives an existing table the provenance columns; no row is rewritten."""
    added = ", ".join(f"ADD COLUMN IF NOT EXISTS {name} {kind}" for name, kind in PROVENANCE)
    return f"ALTER TABLE {relation(plan.table)} {added}"
