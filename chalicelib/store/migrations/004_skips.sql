-- Why a run was skipped for another: what older runs only told in an event.

ALTER TABLE etl.runs ADD COLUMN skipped_because text;

UPDATE etl.runs AS r SET skipped_because = CASE
    WHEN EXISTS (SELECT FROM etl.run_events e WHERE e.run_id = r.run_id AND e.message LIKE 'superseded:%') THEN 'superseded'
    WHEN EXISTS (SELECT FROM etl.run_events e WHERE e.run_id = r.run_id AND e.message LIKE 'the object belongs%') THEN 'claimed'
    ELSE 'duplicate'
END
WHERE status = 'skipped';
