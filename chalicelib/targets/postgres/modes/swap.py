"""Swap: a table of the same make takes another's place under its name.

``LIKE ... INCLUDING ALL`` copies columns, defaults, checks, indexes, storage, compression and their comments. What it
leaves out is carried over here: owner, grants, storage parameters of the table and of its TOAST table, statistics
targets and options of columns, foreign keys, comments on the table and on constraints, the clustering, and the names of
the indexes (PostgreSQL makes them in the order of the old ones). A check that was NOT VALID is valid, for each of the
new rows passed it. A table with more than that is not swapped (``catalogue``).
"""

from chalicelib.core.table import TableName
from chalicelib.postgres.connection import Connection
from chalicelib.postgres.identifiers import quote
from chalicelib.targets.postgres.catalogue import relation

_INDEXES = """
SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE i.indrelid = cast(:relation AS regclass) ORDER BY i.indexrelid
"""
#: The statements that give the new table what LIKE leaves out, in their order.
_CARRIED = """
WITH n AS (
    SELECT cast(:new AS text) AS name, cast(:old AS regclass)::oid AS old, cast(:new AS regclass)::oid AS new
), acls AS (
    SELECT c.oid, '' AS columns, a.*
    FROM n, pg_class c, aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) AS a
    WHERE c.oid IN (n.old, n.new)
    UNION ALL
    SELECT n.old, format('(%I)', t.attname), a.* FROM n, pg_attribute t, aclexplode(t.attacl) AS a
    WHERE t.attrelid = n.old AND t.attnum > 0 AND NOT t.attisdropped
), rights AS (
    SELECT *, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END AS who,
        CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END AS passing_on FROM acls
)
SELECT format('ALTER TABLE %s OWNER TO %I', n.name, pg_get_userbyid(c.relowner)), 0
FROM n, pg_class c WHERE c.oid = n.old AND c.relowner <> (SELECT relowner FROM pg_class WHERE oid = n.new)
UNION ALL
SELECT format('ALTER TABLE %s SET (%s)', n.name, array_to_string(c.reloptions, ', ')), 1
FROM n, pg_class c WHERE c.oid = n.old AND c.reloptions IS NOT NULL
UNION ALL
SELECT format('ALTER TABLE %s SET (toast.%s)', n.name, array_to_string(o.reloptions, ', toast.')), 1
FROM n, pg_class c JOIN pg_class o ON o.oid = c.reltoastrelid WHERE c.oid = n.old AND o.reloptions IS NOT NULL
UNION ALL
SELECT format('ALTER TABLE %s ALTER COLUMN %I SET STATISTICS %s', n.name, t.attname, t.attstattarget), 1
FROM n, pg_attribute t WHERE t.attrelid = n.old AND t.attnum > 0 AND NOT t.attisdropped AND t.attstattarget >= 0
UNION ALL
SELECT format('ALTER TABLE %s ALTER COLUMN %I SET (%s)', n.name, t.attname, array_to_string(t.attoptions, ', ')), 1
FROM n, pg_attribute t WHERE t.attrelid = n.old AND t.attnum > 0 AND NOT t.attisdropped AND t.attoptions IS NOT NULL
UNION ALL
SELECT format('COMMENT ON TABLE %s IS %L', n.name, obj_description(n.old, 'pg_class')), 1
FROM n WHERE obj_description(n.old, 'pg_class') IS NOT NULL
UNION ALL
SELECT format('ALTER TABLE %s ADD CONSTRAINT %I %s', n.name, conname, pg_get_constraintdef(oid)), 1
FROM n, pg_constraint WHERE conrelid = n.old AND contype = 'f'
UNION ALL
SELECT DISTINCT format('REVOKE ALL ON %s FROM %s', n.name, r.who), 2 FROM n, rights r WHERE r.oid = n.new
UNION ALL
SELECT format('GRANT %s %s ON %s TO %s%s', r.privilege_type, r.columns, n.name, r.who, r.passing_on), 3
FROM n, rights r WHERE r.oid = n.old
ORDER BY 2
"""
#: The statements that give it the rest once it has the names of the old one.
_NAMED = """
WITH n AS (SELECT cast(:old AS text) AS name, cast(:old AS regclass)::oid AS old)
SELECT format('ALTER INDEX %s ALTER COLUMN %s SET STATISTICS %s', i.indexrelid::regclass, t.attnum, t.attstattarget)
FROM n JOIN pg_index i ON i.indrelid = n.old JOIN pg_attribute t ON t.attrelid = i.indexrelid AND t.attstattarget >= 0
UNION ALL
SELECT format('ALTER TABLE %s CLUSTER ON %I', n.name, c.relname)
FROM n JOIN pg_index i ON i.indrelid = n.old AND i.indisclustered JOIN pg_class c ON c.oid = i.indexrelid
UNION ALL
SELECT format('COMMENT ON CONSTRAINT %I ON %s IS %L', conname, n.name, obj_description(oid, 'pg_constraint'))
FROM n JOIN pg_constraint ON conrelid = n.old AND obj_description(oid, 'pg_constraint') IS NOT NULL
"""


class Swap:
    """The swap of ``table`` in the publish ``number`` of a run; all of it in the publish's own transaction."""

    def __init__(self, connection: Connection, table: TableName, run_id: str, number: int) -> None:
        self._connection, self._table = connection, table
        self._beside = "n" + run_id.replace("-", "")
        self._kept = f"kept_{number}"

    @property
    def new(self) -> str:
        """The new table before the swap, as SQL."""
        return f"etl_stage.{quote(self._beside)}"

    def build(self) -> None:
        """Make the new table, empty and of the same make; it is written to the log, as the old one was."""
        self._connection.run(f"CREATE TABLE {self.new} (LIKE {relation(self._table)} INCLUDING ALL)")

    def carry_out(self) -> tuple[str, int]:
        """Give the new table the old one's place; return the old one's new name in ``etl_target`` and its bytes.

        Readers wait from here to COMMIT, which is all that is left to do.
        """
        old = relation(self._table)
        for statement, _ in self._connection.run(_CARRIED, new=self.new, old=old):
            self._connection.run(statement)
        named = self._connection.run(_NAMED, old=old)
        self._connection.run(f"LOCK TABLE {old} IN ACCESS EXCLUSIVE MODE")
        names = [row[0] for row in self._connection.run(_INDEXES, relation=old)]
        made = [row[0] for row in self._connection.run(_INDEXES, relation=self.new)]
        schema = quote(self._table.schema)
        for place, name in enumerate(names, start=1):
            self._connection.run(f"ALTER INDEX {schema}.{quote(name)} RENAME TO {quote(f'{self._kept}_{place}')}")
        self._move(self._table, TableName("etl_target", self._kept))
        self._move(TableName("etl_stage", self._beside), self._table)
        for name, given in zip(names, made, strict=True):
            self._connection.run(f"ALTER INDEX {schema}.{quote(given)} RENAME TO {quote(name)}")
        for (statement,) in named:
            self._connection.run(statement)
        size = self._connection.one("SELECT pg_total_relation_size(:kept)", kept=f"etl_target.{self._kept}")
        return self._kept, int(size[0]) if size else 0

    def _move(self, table: TableName, to: TableName) -> None:
        """Move a table into another schema under another name, by a name that neither schema has."""
        between = TableName(table.schema, f"_etl_{self._beside}")
        self._connection.run(f"ALTER TABLE {relation(table)} RENAME TO {quote(between.name)}")
        self._connection.run(f"ALTER TABLE {relation(between)} SET SCHEMA {quote(to.schema)}")
        moved = relation(TableName(to.schema, between.name))
        self._connection.run(f"ALTER TABLE {moved} RENAME TO {quote(to.name)}")
