-- Pipelines and their versions, what asks for runs, and the tokens of the API.

-- A version is immutable. document: the canonical text, whose SHA-256 is the digest; text, because key order has a meaning.
CREATE TABLE etl.pipelines (
    name       text PRIMARY KEY,
    number     integer NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    applied_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE etl.pipeline_versions (
    name       text NOT NULL REFERENCES etl.pipelines,
    number     integer NOT NULL,
    digest     text NOT NULL,
    document   text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (name, number),
    UNIQUE (name, digest)
);

-- The objects that a run was queued for; a run without any reads what its source's pattern finds.
-- version: what S3 calls versionId, or etag:... where versioning is off.
CREATE TABLE etl.run_objects (
    pipeline   text NOT NULL,
    bucket     text NOT NULL,
    key        text NOT NULL,
    version    text NOT NULL,
    run_id     uuid NOT NULL REFERENCES etl.runs,
    PRIMARY KEY (pipeline, bucket, key, version)
);
CREATE INDEX ON etl.run_objects (run_id);

-- Messages of the queue that were taken, so that one that comes again starts nothing twice.
CREATE TABLE etl.deliveries (
    id       text NOT NULL,
    pipeline text NOT NULL,
    run_id   uuid NOT NULL REFERENCES etl.runs,
    taken_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (id, pipeline)
);

CREATE INDEX ON etl.runs (status) WHERE status IN ('queued', 'running');

-- Tokens of the API, as SHA-256: a token of 256 random bits needs no slow hash.
CREATE TABLE etl.tokens (
    name       text PRIMARY KEY,
    sha256     text NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now()
);
