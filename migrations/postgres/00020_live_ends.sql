-- +goose NO TRANSACTION
-- +goose Up

-- The tokens that live, the end soonest first.
DROP INDEX CONCURRENTLY IF EXISTS grants_live_ends;
CREATE INDEX CONCURRENTLY grants_live_ends ON grants (tenant, (COALESCE(CASE WHEN ends_by < COALESCE(expires, wanted, ends_by) OR COALESCE(expires, wanted) IS NULL THEN ends_by ELSE COALESCE(expires, wanted) END, '9999-01-01 00:00:00+00:00')), id) WHERE open;

INSERT INTO schema_programs (version, min_program) VALUES (20, 7) ON CONFLICT (version) DO NOTHING;
