-- +goose Up

INSERT INTO schema_programs (version, min_program) VALUES (7, 5);

-- Why a token was frozen is what two people agree about before it goes on: it
-- stands with the token. The audit log keeps it as evidence, which may be erased.
ALTER TABLE grants ADD COLUMN freeze_reason text NOT NULL DEFAULT '';
UPDATE grants SET freeze_reason = COALESCE((
    SELECT d.data::json ->> 'quote' FROM audit_events e JOIN audit_details d ON d.event_id = e.id
    WHERE e.tenant = grants.tenant AND e.object = grants.id AND e.action = 'grant.freeze'
    ORDER BY e.seq DESC LIMIT 1), '')
WHERE state IN ('freezing', 'frozen');
