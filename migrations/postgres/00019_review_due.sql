-- +goose NO TRANSACTION
-- +goose Up

-- The queue in its order, and every list by one state: it serves where the index by
-- state and time of making did.
DROP INDEX CONCURRENTLY IF EXISTS requests_review_due;
CREATE INDEX CONCURRENTLY requests_review_due ON requests (tenant, state, (COALESCE(review_due, '9999-01-01 00:00:00+00:00')), id);
DROP INDEX CONCURRENTLY IF EXISTS requests_state;

INSERT INTO schema_programs (version, min_program) VALUES (19, 7) ON CONFLICT (version) DO NOTHING;
