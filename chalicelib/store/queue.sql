-- Statements about runs that wait, the objects that they are for, and the deliveries that asked for them.

-- name: lock
-- Deliveries for one pipeline are judged one transaction after the other.
SELECT pg_advisory_xact_lock(hashtextextended(:pipeline, 7305))

-- name: delivered
-- The runs that these messages asked for when they came before, with those that still wait.
SELECT d.id, d.run_id::text, r.status = 'queued'
FROM etl.deliveries d JOIN etl.runs r USING (run_id)
WHERE d.pipeline = :pipeline AND d.id = ANY (cast(:ids AS text[]))

-- name: holder
-- The run that an object version belongs to; one that failed holds nothing.
SELECT o.run_id::text
FROM etl.run_objects o JOIN etl.runs r USING (run_id)
WHERE o.pipeline = :pipeline AND o.bucket = :bucket AND o.key = :key AND o.version = :version
  AND r.status NOT IN ('failed', 'cancelled')

-- name: was_found
-- Whether the sweep found the object before its message came.
SELECT 1 FROM etl.deliveries WHERE pipeline = :pipeline AND id = :found

-- name: claim
INSERT INTO etl.run_objects (pipeline, bucket, key, version, run_id, size_bytes)
VALUES (:pipeline, :bucket, :key, :version, :run_id, :size_bytes)
ON CONFLICT (pipeline, bucket, key, version) DO UPDATE SET run_id = excluded.run_id, size_bytes = excluded.size_bytes

-- name: joinable
-- The newest run that waits for its first stage, and how large its objects are. Its row stays locked: plan moves a run
-- out of queued before it reads its objects, so it waits for ours; a run that plan is just moving is passed over. One
-- that has waited for long does not get on, and may be closed.
SELECT r.run_id::text, (SELECT coalesce(sum(o.size_bytes), 0)::bigint FROM etl.run_objects o WHERE o.run_id = r.run_id)
FROM etl.runs r
WHERE r.pipeline = :pipeline AND r.pipeline_digest = :digest AND r.trigger = 'object'
  AND r.status = 'queued' AND r.created_at > cast(:at AS timestamptz) - interval '1 minute'
ORDER BY r.run_id DESC LIMIT 1
FOR UPDATE OF r SKIP LOCKED

-- name: add_delivery
INSERT INTO etl.deliveries (id, pipeline, run_id) VALUES (:id, :pipeline, :run_id)

-- name: objects_of
SELECT bucket, key, version FROM etl.run_objects WHERE run_id = :run_id ORDER BY key, version

-- name: claimed
SELECT bucket, key, version FROM etl.run_objects WHERE pipeline = :pipeline

-- name: unfinished
-- The runs that the state machine carries out and that have no final status, the oldest first.
SELECT run_id::text FROM etl.runs WHERE status IN ('queued', 'running') AND NOT in_process ORDER BY run_id
