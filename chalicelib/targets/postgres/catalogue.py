"""The catalogue: what an existing table is, read from PostgreSQL itself; and the DDL of a new one."""

from chalicelib.core.plan import CatalogueColumn, Plan, TableShape
from chalicelib.core.table import TableName
from chalicelib.postgres.connection import Connection
from chalicelib.postgres.identifiers import quote

PROVENANCE = (("_etl_run", "bigint"), ("_etl_object", "integer"), ("_etl_line", "bigint"))
_NAMES = {name for name, _ in PROVENANCE}

_COLUMNS = """
SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.atthasdef OR a.attidentity <> '',
       a.attgenerated <> '', c.relkind
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE n.nspname = :schema AND c.relname = :name
ORDER BY a.attnum
"""
_TRIGGERS = """
SELECT t.tgname FROM pg_trigger t
JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = :schema AND c.relname = :name AND NOT t.tgisinternal ORDER BY t.tgname
"""


def relation(table: TableName) -> str:
    """The table's name as SQL."""
    return f"{quote(table.schema)}.{quote(table.name)}"


def shape(connection: Connection, table: TableName) -> TableShape | None:
    """The table as the catalogue knows it, or None when there is no relation of that name."""
    rows = connection.run(_COLUMNS, schema=table.schema, name=table.name)
    if not rows:
        return None
    triggers = connection.run(_TRIGGERS, schema=table.schema, name=table.name)
    columns = [CatalogueColumn(*row[:5]) for row in rows if row[0] is not None]
    return TableShape(
        columns=tuple(column for column in columns if column.name not in _NAMES),
        has_provenance={column.name for column in columns} >= _NAMES,
        is_table=rows[0][5] in ("r", "p"),
        triggers=tuple(row[0] for row in triggers),
    )


def create_table(plan: Plan) -> list[str]:
    """The statements that create the plan's table, and its schema if that is missing."""
    columns = [f"{quote(column.name)} {column.type}{' NOT NULL' if column.required else ''}" for column in plan.columns]
    if plan.pipeline.target.provenance:
        columns += [f"{name} {kind}" for name, kind in PROVENANCE]
    return [
        f"CREATE SCHEMA IF NOT EXISTS {quote(plan.table.schema)}",
        f"CREATE TABLE {relation(plan.table)} ({', '.join(columns)})",
    ]


def add_provenance(plan: Plan) -> str:
    """The statement that gives an existing table the provenance columns; no row is rewritten."""
    added = ", ".join(f"ADD COLUMN IF NOT EXISTS {name} {kind}" for name, kind in PROVENANCE)
    return f"ALTER TABLE {relation(plan.table)} {added}"
