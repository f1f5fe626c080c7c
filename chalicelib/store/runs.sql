-- Statements about runs.

-- name: save_run
INSERT INTO etl.runs (run_id, pipeline, pipeline_digest, table_name, trigger, status, counts, broken, table_hash,
                      ledger_number, failure, skipped_for, skipped_because, created_at, started_at, finished_at)
VALUES (:run_id, :pipeline, :digest, :table_name, :trigger, :status, cast(:counts AS jsonb), cast(:broken AS jsonb), :table_hash,
        :ledger_number, cast(:failure AS jsonb), :skipped_for, :skipped_because, :created_at, :started_at, :finished_at)
ON CONFLICT (run_id) DO UPDATE SET
    status = excluded.status, counts = excluded.counts, broken = excluded.broken, table_hash = excluded.table_hash,
    ledger_number = excluded.ledger_number, failure = excluded.failure, skipped_for = excluded.skipped_for,
    skipped_because = excluded.skipped_because, started_at = excluded.started_at, finished_at = excluded.finished_at

-- name: add_event
INSERT INTO etl.run_events (run_id, action, message) VALUES (:run_id, :action, :message)

-- name: runs
-- The newest runs, of one pipeline or of all.
SELECT run_id::text, pipeline, pipeline_digest, table_name, trigger, status, counts, broken, table_hash, ledger_number, failure,
       skipped_for, skipped_because, created_at, started_at, finished_at
FROM etl.runs
WHERE cast(:pipeline AS text) IS NULL OR pipeline = :pipeline
ORDER BY run_id DESC
LIMIT :limit

-- name: rule_counts
-- What the newest runs of a pipeline that counted a rule, or any, counted under it.
WITH counted AS (
    SELECT run_id, created_at, status, counts, broken FROM etl.runs
    WHERE pipeline = :pipeline AND CASE WHEN cast(:rule AS text) IS NULL THEN broken <> '{}' ELSE broken ? :rule END
    ORDER BY run_id DESC
    LIMIT :limit
)
SELECT run_id::text, created_at, status, key, cast(counts ->> 'records_read' AS bigint), cast(value AS bigint)
FROM counted, jsonb_each_text(broken)
WHERE cast(:rule AS text) IS NULL OR key = :rule
ORDER BY run_id DESC, key

-- name: find_runs
-- The runs whose id begins with the given text.
SELECT run_id::text, pipeline, pipeline_digest, table_name, trigger, status, counts, broken, table_hash, ledger_number, failure,
       skipped_for, skipped_because, created_at, started_at, finished_at
FROM etl.runs
WHERE starts_with(run_id::text, :prefix)
ORDER BY run_id DESC
LIMIT 2

-- name: events
SELECT at, action, message FROM etl.run_events WHERE run_id = :run_id ORDER BY number

-- name: forget_rejects
DELETE FROM etl.rejects WHERE run_id = :run_id

-- name: rejects
SELECT batch, object, record, byte_start, byte_end, raw, reasons
FROM etl.rejects WHERE run_id = :run_id ORDER BY batch, record, number
LIMIT :limit OFFSET :offset

-- name: rejects_by_reason
-- How many records each rule turned away.
SELECT r ->> 'rule', r ->> 'column', min(r ->> 'message'), count(DISTINCT number)
FROM etl.rejects, jsonb_array_elements(reasons) AS r
WHERE run_id = :run_id
GROUP BY 1, 2 ORDER BY 4 DESC, 1, 2

-- name: hold
-- The lock lives as long as this session, so whoever gets it knows that the process is gone.
SELECT pg_advisory_lock(hashtextextended(cast(:run_id AS text), 7303))

-- name: mark_held
UPDATE etl.runs SET in_process = true WHERE run_id = :run_id

-- name: ended
SELECT run_id::text FROM etl.runs
WHERE run_id = ANY(cast(:run_ids AS uuid[])) AND status NOT IN ('queued', 'running')

-- name: running_in_process
SELECT run_id::text FROM etl.runs WHERE in_process AND status = 'running'

-- name: is_orphan
-- The lock is kept until the end of this transaction, so that only one process closes the run.
SELECT pg_try_advisory_xact_lock(hashtextextended(cast(:run_id AS text), 7303))
