-- +goose Up

INSERT INTO schema_programs (version, min_program) VALUES (21, 7);

-- The same of those that have ended.
CREATE INDEX grants_past_ends ON grants (tenant, (COALESCE(CASE WHEN ends_by < COALESCE(expires, wanted, ends_by) OR COALESCE(expires, wanted) IS NULL THEN ends_by ELSE COALESCE(expires, wanted) END, '9999-01-01 00:00:00+00:00')), id) WHERE NOT open;
