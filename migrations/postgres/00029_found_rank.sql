-- +goose NO TRANSACTION
-- +goose Up

-- The tokens that the tool did not make, in their order.
DROP INDEX CONCURRENTLY IF EXISTS found_tokens_rank;
CREATE INDEX CONCURRENTLY found_tokens_rank ON found_tokens (tenant, ((CASE WHEN account_role THEN 0 ELSE 2 END + CASE WHEN expires IS NULL THEN 0 ELSE 1 END)), (COALESCE(made_at, found_at)), id) WHERE open;

INSERT INTO schema_programs (version, min_program) VALUES (29, 7) ON CONFLICT (version) DO NOTHING;
