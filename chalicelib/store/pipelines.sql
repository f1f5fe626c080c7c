-- Statements about pipelines and their versions.

-- name: lock
-- Two who apply the same pipeline go one after the other.
SELECT pg_advisory_xact_lock(hashtextextended(:name, 7304))

-- name: version_of
SELECT number FROM etl.pipeline_versions WHERE name = :name AND digest = :digest

-- name: newest_number
SELECT coalesce(max(number), 0) FROM etl.pipeline_versions WHERE name = :name

-- name: save_pipeline
INSERT INTO etl.pipelines (name, number) VALUES (:name, :number)
ON CONFLICT (name) DO UPDATE SET number = excluded.number, applied_at = now()

-- name: add_version
INSERT INTO etl.pipeline_versions (name, number, digest, document) VALUES (:name, :number, :digest, :document)

-- name: current
SELECT p.number, v.digest, v.document, p.created_at, p.applied_at
FROM etl.pipelines p JOIN etl.pipeline_versions v USING (name, number)
WHERE cast(:name AS text) IS NULL OR p.name = :name
ORDER BY p.name

-- name: document
SELECT document FROM etl.pipeline_versions WHERE name = :name AND digest = :digest
