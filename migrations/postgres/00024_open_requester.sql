-- +goose NO TRANSACTION
-- +goose Up

-- Who has a request that is open.
DROP INDEX CONCURRENTLY IF EXISTS requests_open_requester;
CREATE INDEX CONCURRENTLY requests_open_requester ON requests (tenant, requester, state) WHERE open;

INSERT INTO schema_programs (version, min_program) VALUES (24, 7) ON CONFLICT (version) DO NOTHING;
