-- +goose NO TRANSACTION
-- +goose Up

-- A sponsor's list finds what is open, and what is past changed last first, without
-- reading all that the person ever stood for. It serves where the index without
-- these columns did.
DROP INDEX CONCURRENTLY IF EXISTS grants_sponsored;
CREATE INDEX CONCURRENTLY grants_sponsored ON grants (tenant, sponsor, open, updated_at DESC, id DESC) WHERE sponsor IS NOT NULL;
DROP INDEX CONCURRENTLY IF EXISTS grants_sponsor;

INSERT INTO schema_programs (version, min_program) VALUES (40, 7) ON CONFLICT DO NOTHING;
