-- +goose NO TRANSACTION
-- +goose Up

-- How the name of an unmanaged token's owner begins: see the migration before.
DROP INDEX CONCURRENTLY IF EXISTS found_tokens_search_start;
CREATE INDEX CONCURRENTLY found_tokens_search_start ON found_tokens (tenant, substr(search, 1, 64) text_pattern_ops);
INSERT INTO schema_programs (version, min_program) VALUES (35, 7) ON CONFLICT DO NOTHING;
