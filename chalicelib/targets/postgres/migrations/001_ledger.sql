-- The ledger and what it hangs on. It lives beside the tables it describes: exactly-once is decided here.

CREATE TABLE etl_target.objects (
    id            integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    bucket        text NOT NULL,
    key           text NOT NULL,
    version       text NOT NULL,
    size_bytes    bigint NOT NULL,
    last_modified timestamptz NOT NULL,
    UNIQUE (bucket, key, version)
);

-- One row a table that we publish into: its hash now, moved by every publish.
CREATE TABLE etl_target.tables (
    name       text PRIMARY KEY,
    relation   oid NOT NULL,  -- another one under the same name is another table, adopted anew
    version    bigint NOT NULL,
    hash       text NOT NULL,
    row_count  bigint NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now()
);

-- One row a publish. Its number is the _etl_run of the rows it wrote; numbers are given at the start of a publish,
-- table_version at its end, under the lock of the table's row, so that is the order in which publishes became visible.
CREATE TABLE etl_target.ledger (
    number          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id          uuid NOT NULL UNIQUE,
    pipeline        text NOT NULL,
    pipeline_digest text NOT NULL,
    table_name      text NOT NULL,
    write_mode      text NOT NULL,
    table_version   bigint,
    rows_written    bigint,
    hash_written    text,
    hash_after      text,
    rows_after      bigint,
    counts          jsonb,
    published_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON etl_target.ledger (table_name, number);

-- One object version is loaded once into a table by a pipeline: this key says so.
CREATE TABLE etl_target.ledger_objects (
    table_name    text NOT NULL,
    pipeline      text NOT NULL,
    object_id     integer NOT NULL REFERENCES etl_target.objects,
    ledger_number bigint NOT NULL REFERENCES etl_target.ledger,
    PRIMARY KEY (table_name, pipeline, object_id)
);
CREATE INDEX ON etl_target.ledger_objects (ledger_number);

-- Staging tables are UNLOGGED and so are their markers: a crash of the database empties both together.
CREATE SCHEMA IF NOT EXISTS etl_stage;
CREATE UNLOGGED TABLE etl_stage.batches (
    run_id    uuid NOT NULL,
    batch     integer NOT NULL,
    row_count bigint,
    PRIMARY KEY (run_id, batch)
);
