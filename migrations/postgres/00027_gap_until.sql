-- +goose NO TRANSACTION
-- +goose Up

-- What nobody stands for.
DROP INDEX CONCURRENTLY IF EXISTS grants_gap_until;
CREATE INDEX CONCURRENTLY grants_gap_until ON grants (tenant, gap_until, id) WHERE open AND gap_until IS NOT NULL;

INSERT INTO schema_programs (version, min_program) VALUES (27, 7) ON CONFLICT (version) DO NOTHING;
