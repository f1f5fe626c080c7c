"""The catalogue: what an existing table is, read from PostgreSQL itself; and the DDL of a new one."""

from chalicelib.core.pipeline import HISTORY
from chalicelib.core.plan import CatalogueColumn, Plan, TableShape
from chalicelib.core.table import TableName
from chalicelib.core.writing import history_columns
from chalicelib.postgres.connection import Connection
from chalicelib.postgres.identifiers import quote

PROVENANCE = (("_etl_run", "bigint"), ("_etl_object", "integer"), ("_etl_line", "bigint"))
_NAMES = {name for name, _ in PROVENANCE}

_COLUMNS = """
SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.atthasdef OR a.attidentity <> '',
       a.attgenerated <> '' OR a.attidentity = 'a', c.relkind
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
_UNIQUE = """
SELECT array_agg(a.attname::text) FROM pg_index i
JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k (attnum, place)
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
WHERE n.nspname = :schema AND c.relname = :name AND i.indisunique AND i.indisvalid AND i.indpred IS NULL
  AND i.indexprs IS NULL AND k.place <= i.indnkeyatts
GROUP BY i.indexrelid ORDER BY i.indexrelid
"""
#: The first reason why a table of the same make cannot take the table's place under its name.
_UNSWAPPABLE = """
SELECT CASE
  WHEN c.relkind <> 'r' OR c.relispartition THEN 'is partitioned'
  WHEN EXISTS (SELECT FROM pg_inherits WHERE c.oid IN (inhrelid, inhparent)) THEN 'inherits, or is inherited from'
  WHEN c.relpersistence <> 'p' OR c.reltablespace <> 0 OR c.reloftype <> 0 OR c.relreplident <> 'd'
    OR c.relam <> (SELECT oid FROM pg_am WHERE amname = current_setting('default_table_access_method'))
    THEN 'is stored in its own way'
  WHEN NOT pg_has_role(c.relowner, 'USAGE') THEN 'belongs to another user'
  WHEN NOT has_schema_privilege(n.oid, 'CREATE') THEN 'is in a schema where this user may create nothing'
  WHEN c.relrowsecurity OR c.relforcerowsecurity OR EXISTS (SELECT FROM pg_policy WHERE polrelid = c.oid)
    THEN 'has row security'
  WHEN EXISTS (SELECT FROM pg_publication_rel WHERE prrelid = c.oid)
    OR EXISTS (SELECT FROM pg_publication_namespace WHERE pnnspid = n.oid)
    OR EXISTS (SELECT FROM pg_publication WHERE puballtables) THEN 'is in a publication'
  WHEN EXISTS (SELECT FROM pg_subscription_rel WHERE srrelid = c.oid) THEN 'is filled by a subscription'
  WHEN EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype IN ('e', 'x'))
    THEN 'belongs to an extension'
  WHEN EXISTS (SELECT FROM pg_seclabel WHERE classoid = 'pg_class'::regclass AND objoid = c.oid)
    THEN 'has a security label'
  WHEN EXISTS (SELECT FROM pg_index WHERE indrelid = c.oid AND NOT indisvalid) THEN 'has an index that is not valid'
  WHEN EXISTS (SELECT FROM pg_trigger WHERE tgrelid = c.oid AND tgenabled <> 'O')
    THEN 'has foreign keys that are disabled'
  WHEN EXISTS (SELECT FROM pg_statistic_ext WHERE stxrelid = c.oid) THEN 'has extended statistics'
  WHEN EXISTS (SELECT FROM pg_rewrite WHERE ev_class = c.oid) THEN 'has rules'
  WHEN EXISTS (SELECT FROM pg_constraint WHERE confrelid = c.oid) THEN 'is referenced by a foreign key'
  WHEN EXISTS (SELECT FROM pg_depend d JOIN pg_class q ON q.oid = d.objid AND q.relkind = 'S'
    WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid)
    THEN 'owns a sequence'
  WHEN EXISTS (SELECT FROM pg_depend d WHERE d.deptype = 'n' AND NOT (
      d.classid = 'pg_attrdef'::regclass AND d.objid IN (SELECT oid FROM pg_attrdef WHERE adrelid = c.oid)
      OR d.classid = 'pg_constraint'::regclass AND d.objid IN (SELECT oid FROM pg_constraint WHERE conrelid = c.oid)
      OR d.classid = 'pg_class'::regclass AND d.objid IN (SELECT indexrelid FROM pg_index WHERE indrelid = c.oid)
    ) AND (
      d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid
      OR d.refclassid = 'pg_type'::regclass
        AND d.refobjid IN (SELECT y.oid FROM pg_type y WHERE y.oid = c.reltype OR y.typelem = c.reltype)))
    THEN 'has views or functions that depend on it'
END
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = :schema AND c.relname = :name
"""


def relation(table: TableName) -> str:
    """The table's name as SQL."""
    return f"{quote(table.schema)}.{quote(table.name)}"


def shape(connection: Connection, table: TableName) -> TableShape | None:
    """The table as the catalogue knows it, or None when there is no relation of that name."""
    rows = connection.run(_COLUMNS, schema=table.schema, name=table.name)
    if not rows:
        return None
    named = {"schema": table.schema, "name": table.name}
    triggers = connection.run(_TRIGGERS, **named)
    columns = [CatalogueColumn(*row[:5]) for row in rows if row[0] is not None]
    return TableShape(
        columns=tuple(column for column in columns if column.name not in _NAMES),
        has_provenance={column.name for column in columns} >= _NAMES,
        is_table=rows[0][5] in ("r", "p"),
        triggers=tuple(row[0] for row in triggers),
        unique=tuple(tuple(row[0]) for row in connection.run(_UNIQUE, **named)),
        unswappable=(connection.one(_UNSWAPPABLE, **named) or [None])[0],
    )


def create_table(plan: Plan) -> list[str]:
    """The statements that create the plan's table, and its schema if that is missing; keys are its primary key."""
    target = plan.pipeline.target
    made = [*plan.columns, *(history_columns() if target.write == "scd2" else ())]
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
