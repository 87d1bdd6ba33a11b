-- +goose NO TRANSACTION
-- +goose Up

-- The same of one state: it serves where the index by state and time of finding did.
DROP INDEX CONCURRENTLY IF EXISTS found_tokens_state_rank;
CREATE INDEX CONCURRENTLY found_tokens_state_rank ON found_tokens (tenant, state, ((CASE WHEN account_role THEN 0 ELSE 2 END + CASE WHEN expires IS NULL THEN 0 ELSE 1 END)), (COALESCE(made_at, found_at)), id);
DROP INDEX CONCURRENTLY IF EXISTS found_tokens_state;

INSERT INTO schema_programs (version, min_program) VALUES (30, 7) ON CONFLICT (version) DO NOTHING;
