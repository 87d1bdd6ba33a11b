-- +goose NO TRANSACTION
-- +goose Up

-- The requests with a company's software: for the tokens that a company has.
DROP INDEX CONCURRENTLY IF EXISTS requests_vendor;
CREATE INDEX CONCURRENTLY requests_vendor ON requests (tenant, vendor) WHERE vendor <> '';
INSERT INTO schema_programs (version, min_program) VALUES (37, 7) ON CONFLICT DO NOTHING;
