-- +goose NO TRANSACTION
-- +goose Up

-- Who has a token that lives.
DROP INDEX CONCURRENTLY IF EXISTS grants_live_owner;
CREATE INDEX CONCURRENTLY grants_live_owner ON grants (tenant, owner, state) WHERE open;

INSERT INTO schema_programs (version, min_program) VALUES (23, 7) ON CONFLICT (version) DO NOTHING;
