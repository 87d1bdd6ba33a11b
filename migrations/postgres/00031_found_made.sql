-- +goose NO TRANSACTION
-- +goose Up

-- When somebody last made a token by themselves, on every page of an admin.
DROP INDEX CONCURRENTLY IF EXISTS found_tokens_made;
CREATE INDEX CONCURRENTLY found_tokens_made ON found_tokens (tenant, made_at) WHERE NOT account_role AND marker = '';

INSERT INTO schema_programs (version, min_program) VALUES (31, 7) ON CONFLICT (version) DO NOTHING;
