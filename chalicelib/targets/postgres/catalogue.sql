-- Statements about an existing table, asked of PostgreSQL's own catalogue; every value is bound.

-- name: columns
-- The columns; one row without a name where there are none, no row where there is no relation.
SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.atthasdef OR a.attidentity <> '',
       a.attgenerated <> '' OR a.attidentity = 'a', c.relkind
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE n.nspname = :schema AND c.relname = :name
ORDER BY a.attnum

-- name: triggers
-- The user triggers of the table and of all that is below it (partitions, tables that inherit), the table's own first.
WITH RECURSIVE below AS (
  SELECT c.oid, 0 AS depth FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = :schema AND c.relname = :name
  UNION
  SELECT i.inhrelid, b.depth + 1 FROM below b JOIN pg_inherits i ON i.inhparent = b.oid
)
SELECT t.tgname || CASE depth WHEN 0 THEN '' ELSE format(' (on its part %s)', t.tgrelid::regclass) END
FROM below b JOIN pg_trigger t ON t.tgrelid = b.oid
WHERE NOT t.tgisinternal ORDER BY depth, t.tgname, t.tgrelid::regclass::text

-- name: references
-- The foreign keys that do something of their own where a row of the table, or of what is below it, goes or changes.
-- Of one that PostgreSQL repeats for each part, the first; the columns are those that it refers to.
WITH RECURSIVE below AS (
  SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = :schema AND c.relname = :name
  UNION
  SELECT i.inhrelid FROM below b JOIN pg_inherits i ON i.inhparent = b.oid
), actions (letter, words) AS (VALUES ('c', 'CASCADE'), ('n', 'SET NULL'), ('d', 'SET DEFAULT'))
SELECT f.conrelid::regclass::text, f.conname, d.words, u.words, array_agg(a.attname::text)
FROM below b JOIN pg_constraint f ON f.confrelid = b.oid AND f.contype = 'f'
LEFT JOIN actions d ON d.letter = f.confdeltype::text LEFT JOIN actions u ON u.letter = f.confupdtype::text
JOIN pg_attribute a ON a.attrelid = f.confrelid AND a.attnum = ANY (f.confkey)
WHERE d.words IS NOT NULL OR u.words IS NOT NULL
GROUP BY f.oid, d.words, u.words ORDER BY f.conparentid <> 0, 1, 2

-- name: unique
-- The columns of each unique index that holds for all rows.
SELECT array_agg(a.attname::text) FROM pg_index i
JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k (attnum, place)
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
WHERE n.nspname = :schema AND c.relname = :name AND i.indisunique AND i.indisvalid AND i.indpred IS NULL
  AND i.indexprs IS NULL AND k.place <= i.indnkeyatts
GROUP BY i.indexrelid ORDER BY i.indexrelid

-- name: unswappable
-- The first reason why a table of the same make cannot take the table's place under its name.
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
