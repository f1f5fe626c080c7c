-- How large the objects of a run are, so that others may join it while there is room.

ALTER TABLE etl.run_objects ADD COLUMN size_bytes bigint NOT NULL DEFAULT 0;
