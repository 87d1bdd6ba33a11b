-- +goose Up

INSERT INTO schema_programs (version, min_program) VALUES (11, 5);

-- When a token ends sooner than Canvas says, and why; and the last change of it in
-- Canvas of which is known what it was.
ALTER TABLE grants ADD COLUMN ends_by TEXT;
ALTER TABLE grants ADD COLUMN ends_why TEXT NOT NULL DEFAULT '';
ALTER TABLE grants ADD COLUMN change_seen TEXT;
-- Until now only the audit log had the day that was told when a course was over.
UPDATE grants SET ends_by = (
    SELECT CASE json_extract(d.data, '$.course') WHEN 'over' THEN replace(replace(json_extract(d.data, '$.stops'), 'T', ' '), 'Z', '+00:00') END
    FROM audit_events e JOIN audit_details d ON d.event_id = e.id
    WHERE e.tenant = grants.tenant AND e.object = grants.id AND e.action = 'grant.observed' AND json_extract(d.data, '$.course') IS NOT NULL
    ORDER BY e.seq DESC LIMIT 1)
WHERE state IN ('handed_over', 'active', 'freezing', 'frozen', 'replacing');
UPDATE grants SET ends_why = 'course_over' WHERE ends_by IS NOT NULL;
