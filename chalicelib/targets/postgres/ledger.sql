-- Statements of the ledger; every name in them is ours, every value is bound.

-- name: add_object
-- Make an object version known, in a transaction of its own: two pipelines may load one object at the same time.
INSERT INTO etl_target.objects (bucket, key, version, size_bytes, last_modified)
VALUES (:bucket, :key, :version, :size_bytes, :last_modified)
ON CONFLICT DO NOTHING

-- name: object_id
SELECT id FROM etl_target.objects WHERE bucket = :bucket AND key = :key AND version = :version

-- name: add_entry
-- A second attempt of the same run waits here for the first, then gets no row.
INSERT INTO etl_target.ledger (run_id, pipeline, pipeline_digest, table_name, write_mode)
VALUES (:run_id, :pipeline, :digest, :table_name, :write_mode)
ON CONFLICT (run_id) DO NOTHING
RETURNING number

-- name: claim_object
-- Another run of the same object waits here for the first, then gets no row.
INSERT INTO etl_target.ledger_objects (table_name, pipeline, object_id, ledger_number)
VALUES (:table_name, :pipeline, :object_id, :number)
ON CONFLICT DO NOTHING
RETURNING object_id

-- name: loaded_by
-- The run that loaded an object version into a table for a pipeline.
SELECT l.run_id::text
FROM etl_target.ledger_objects lo
JOIN etl_target.ledger l ON l.number = lo.ledger_number
JOIN etl_target.objects o ON o.id = lo.object_id
WHERE lo.table_name = :table_name AND lo.pipeline = :pipeline
  AND o.bucket = :bucket AND o.key = :key AND o.version = :version

-- name: newer_version
-- The run that loaded a newer version of an object into a table for a pipeline.
SELECT l.run_id::text
FROM etl_target.ledger_objects lo
JOIN etl_target.ledger l ON l.number = lo.ledger_number
JOIN etl_target.objects o ON o.id = lo.object_id
WHERE lo.table_name = :table_name AND lo.pipeline = :pipeline
  AND o.bucket = :bucket AND o.key = :key AND o.last_modified > :last_modified
ORDER BY o.last_modified DESC, o.id DESC LIMIT 1

-- name: other_versions
-- The versions of an object that a pipeline loaded into a table before.
SELECT o.id FROM etl_target.ledger_objects lo
JOIN etl_target.objects o ON o.id = lo.object_id
JOIN etl_target.objects mine ON mine.bucket = o.bucket AND mine.key = o.key AND mine.id <> o.id
WHERE lo.table_name = :table_name AND lo.pipeline = :pipeline AND mine.id = ANY(cast(:objects AS int[]))

-- name: find_images
-- The newest table of before-images with these columns.
SELECT id FROM etl_target.images
WHERE table_name = :table_name AND columns = cast(:columns AS jsonb) ORDER BY id DESC LIMIT 1

-- name: add_images
INSERT INTO etl_target.images (table_name, columns) VALUES (:table_name, cast(:columns AS jsonb)) RETURNING id

-- name: note_kept
UPDATE etl_target.ledger SET kept = :kept, kept_bytes = coalesce(kept_bytes, 0) + :kept_bytes WHERE number = :number

-- name: beyond_bounds
-- The publishes of which too much is kept, the oldest first.
SELECT number, kept FROM (
    SELECT number, kept, row_number() OVER newest AS rank, sum(kept_bytes) OVER newest AS bytes
    FROM etl_target.ledger WHERE table_name = :table_name AND kept IS NOT NULL
    WINDOW newest AS (ORDER BY number DESC)
) AS held
WHERE rank > :runs OR bytes > :bytes
ORDER BY number

-- name: forget_kept
UPDATE etl_target.ledger SET kept = NULL, kept_bytes = NULL WHERE number = :number

-- name: entry_of_run
-- The ledger entry of a run that has published.
SELECT number, run_id::text, pipeline, table_name, rows_written, hash_after, rows_after, published_at, counts, notes
FROM etl_target.ledger
WHERE run_id = :run_id

-- name: complete_entry
-- What the publish did, written in its own transaction.
UPDATE etl_target.ledger
SET published_at = clock_timestamp(), table_version = :table_version, rows_written = :rows_written, hash_written = :hash_written, hash_after = :hash_after, rows_after = :rows_after,
    counts = cast(:counts AS jsonb), notes = cast(:notes AS jsonb)
WHERE number = :number
RETURNING number, run_id::text, pipeline, table_name, rows_written, hash_after, rows_after, published_at, counts, notes

-- name: table_hash
-- The table's hash as of the last publish. No row if another table stands under its name now.
SELECT hash, row_count, version FROM etl_target.tables
WHERE name = :table_name AND relation = cast(:relation AS regclass)::oid

-- name: forget_claims
-- A table that is made anew begins with no rows, so no object is loaded into it yet.
DELETE FROM etl_target.ledger_objects WHERE table_name = :table_name

-- name: lock_table_hash
-- The table's hash, locked until this publish commits.
SELECT hash, row_count, version FROM etl_target.tables
WHERE name = :table_name AND relation = cast(:relation AS regclass)::oid
FOR UPDATE

-- name: set_table_hash
INSERT INTO etl_target.tables (name, relation, version, hash, row_count)
VALUES (:table_name, cast(:relation AS regclass)::oid, :version, :hash, :row_count)
ON CONFLICT (name) DO UPDATE SET relation = excluded.relation, version = excluded.version, hash = excluded.hash,
    row_count = excluded.row_count, changed_at = clock_timestamp()

-- name: mark_batches
-- Two loads of one batch wait for each other here, the later one replaces the rows of the earlier.
INSERT INTO etl_stage.batches (run_id, batch)
SELECT cast(:run_id AS uuid), unnest(cast(:batches AS integer[])) ORDER BY 2
ON CONFLICT (run_id, batch) DO UPDATE SET row_count = NULL

-- name: count_batches
UPDATE etl_stage.batches AS b SET row_count = c.size
FROM unnest(cast(:batches AS integer[]), cast(:sizes AS bigint[])) AS c (batch, size)
WHERE b.run_id = :run_id AND b.batch = c.batch

-- name: staged_batches
SELECT batch, row_count FROM etl_stage.batches WHERE run_id = :run_id ORDER BY batch

-- name: staged_runs
-- The runs that have a staging table.
SELECT cast(substr(c.relname, 2) AS uuid)::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'etl_stage' AND c.relkind = 'r' AND c.relname ~ '^r[0-9a-f]{32}$'

-- name: forget_batches
DELETE FROM etl_stage.batches WHERE run_id = :run_id
