-- +goose NO TRANSACTION
-- +goose Up

-- What gives way to a successor.
DROP INDEX CONCURRENTLY IF EXISTS grants_retire_at;
CREATE INDEX CONCURRENTLY grants_retire_at ON grants (tenant, retire_at, id) WHERE open AND retire_at IS NOT NULL;

INSERT INTO schema_programs (version, min_program) VALUES (28, 7) ON CONFLICT (version) DO NOTHING;
