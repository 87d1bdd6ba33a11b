-- +goose NO TRANSACTION
-- +goose Up

-- What was to be activated by then.
DROP INDEX CONCURRENTLY IF EXISTS grants_activate_by;
CREATE INDEX CONCURRENTLY grants_activate_by ON grants (tenant, state, activate_by, id) WHERE open AND activate_by IS NOT NULL;

INSERT INTO schema_programs (version, min_program) VALUES (26, 7) ON CONFLICT (version) DO NOTHING;
