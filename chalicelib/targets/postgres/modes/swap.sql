-- Statements of the swap: what LIKE leaves out, as statements that give it to the new table.

-- name: indexes
-- The indexes in the order in which they were made.
SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE i.indrelid = cast(:relation AS regclass) ORDER BY i.indexrelid

-- name: carried
-- The statements that give the new table what LIKE leaves out, in their order.
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

-- name: named
-- The statements that give it the rest once it has the names of the old one.
WITH n AS (SELECT cast(:old AS text) AS name, cast(:old AS regclass)::oid AS old)
SELECT format('ALTER INDEX %s ALTER COLUMN %s SET STATISTICS %s', i.indexrelid::regclass, t.attnum, t.attstattarget)
FROM n JOIN pg_index i ON i.indrelid = n.old JOIN pg_attribute t ON t.attrelid = i.indexrelid AND t.attstattarget >= 0
UNION ALL
SELECT format('ALTER TABLE %s CLUSTER ON %I', n.name, c.relname)
FROM n JOIN pg_index i ON i.indrelid = n.old AND i.indisclustered JOIN pg_class c ON c.oid = i.indexrelid
UNION ALL
SELECT format('COMMENT ON CONSTRAINT %I ON %s IS %L', conname, n.name, obj_description(oid, 'pg_constraint'))
FROM n JOIN pg_constraint ON conrelid = n.old AND obj_description(oid, 'pg_constraint') IS NOT NULL
