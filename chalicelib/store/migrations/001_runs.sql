-- Runs, what happened to them, and the records they turned away.

-- broken: records by the rule that they broke, warnings among them. in_process: one process carries the run out and
-- holds a lock as long as it lives.
CREATE TABLE etl.runs (
    run_id          uuid PRIMARY KEY,
    pipeline        text NOT NULL,
    pipeline_digest text NOT NULL,
    table_name      text NOT NULL,
    trigger         text NOT NULL,
    status          text NOT NULL,
    counts          jsonb NOT NULL,
    broken          jsonb NOT NULL,
    in_process      boolean NOT NULL DEFAULT false,
    table_hash      text,
    ledger_number   bigint,
    failure         jsonb,
    skipped_for     text,
    created_at      timestamptz NOT NULL,
    started_at      timestamptz,
    finished_at     timestamptz
);
CREATE INDEX ON etl.runs (pipeline, run_id);

CREATE TABLE etl.run_events (
    run_id  uuid NOT NULL REFERENCES etl.runs,
    number  bigint GENERATED ALWAYS AS IDENTITY,
    at      timestamptz NOT NULL DEFAULT now(),
    action  text NOT NULL,
    message text NOT NULL,
    PRIMARY KEY (run_id, number)
);

CREATE TABLE etl.rejects (
    run_id       uuid NOT NULL REFERENCES etl.runs,
    number       bigint NOT NULL,
    batch        integer NOT NULL,
    object       text NOT NULL,
    record       bigint,
    byte_start   bigint,
    byte_end     bigint,
    raw          bytea NOT NULL,
    reasons      jsonb NOT NULL,
    PRIMARY KEY (run_id, number)
);
