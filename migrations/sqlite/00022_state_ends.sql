-- +goose Up

INSERT INTO schema_programs (version, min_program) VALUES (22, 7);

-- The same of one state: it serves where the index by state and time of making did.
CREATE INDEX grants_state_ends ON grants (tenant, state, (COALESCE(CASE WHEN ends_by < COALESCE(expires, wanted, ends_by) OR COALESCE(expires, wanted) IS NULL THEN ends_by ELSE COALESCE(expires, wanted) END, '9999-01-01 00:00:00+00:00')), id);
DROP INDEX grants_state;
