-- +goose NO TRANSACTION
-- +goose Up

-- The newest tokens that live: their courses and companies are offered in filters.
DROP INDEX CONCURRENTLY IF EXISTS grants_newest;
CREATE INDEX CONCURRENTLY grants_newest ON grants (tenant, created_at) WHERE open;
INSERT INTO schema_programs (version, min_program) VALUES (38, 7) ON CONFLICT DO NOTHING;
