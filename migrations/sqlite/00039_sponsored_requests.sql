-- +goose Up

-- A sponsor's list finds what is open, and what is past changed last first, without
-- reading all that the person ever stood for. It serves where the index without
-- these columns did.
CREATE INDEX requests_sponsored ON requests (tenant, sponsor, open, updated_at DESC, id DESC) WHERE sponsor IS NOT NULL;
DROP INDEX IF EXISTS requests_sponsor;

INSERT INTO schema_programs (version, min_program) VALUES (39, 7);
