-- Write modes: what a publish replaced is kept, so that it can be undone, and counted, so that it stays within bounds.

-- kept: the table of etl_target that holds it (before_<id> or kept_<number>); NULL when there is none, or no longer.
-- notes: what people should know of the publish, as a JSON array of sentences.
ALTER TABLE etl_target.ledger ADD COLUMN kept text, ADD COLUMN kept_bytes bigint, ADD COLUMN notes jsonb;
CREATE INDEX ON etl_target.ledger (table_name, number DESC) WHERE kept IS NOT NULL;

-- One row a table of before-images, etl_target.before_<id>. It has the columns that its table had then, not its row
-- type, so that an owner may alter and drop the table as before; a table that got other columns gets another one.
CREATE TABLE etl_target.images (
    id         integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    table_name text NOT NULL,
    columns    jsonb NOT NULL
);
