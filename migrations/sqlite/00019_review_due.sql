-- +goose Up

INSERT INTO schema_programs (version, min_program) VALUES (19, 7);

-- The queue in its order, and every list by one state: it serves where the index by
-- state and time of making did.
CREATE INDEX requests_review_due ON requests (tenant, state, (COALESCE(review_due, '9999-01-01 00:00:00+00:00')), id);
DROP INDEX requests_state;
