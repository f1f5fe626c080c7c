-- Statements about the API's tokens.

-- name: keep
INSERT INTO etl.tokens (name, sha256) VALUES (:name, :sha256)
ON CONFLICT (name) DO UPDATE SET sha256 = excluded.sha256

-- name: knows
SELECT name FROM etl.tokens WHERE sha256 = :sha256
