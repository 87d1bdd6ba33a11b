-- +goose NO TRANSACTION
-- +goose Up

-- What is counted of the tokens that live, and what the newest of them offer to filters,
-- is all in one index: SQLite reads no row for it. It serves where the one without these
-- columns did.
DROP INDEX CONCURRENTLY IF EXISTS grants_live_newest;
CREATE INDEX CONCURRENTLY grants_live_newest ON grants (tenant, created_at, state, request_id, open) WHERE open;
DROP INDEX CONCURRENTLY IF EXISTS grants_newest;

INSERT INTO schema_programs (version, min_program) VALUES (41, 7) ON CONFLICT DO NOTHING;
