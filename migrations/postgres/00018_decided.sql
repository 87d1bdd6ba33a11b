-- +goose NO TRANSACTION
-- +goose Up

-- When somebody decided last, on every page of the queue: not by its requests, of which
-- nearly all have ended.
DROP INDEX CONCURRENTLY IF EXISTS votes_decided;
CREATE INDEX CONCURRENTLY votes_decided ON votes (tenant, at) WHERE stage > 0 AND verdict IN ('yes', 'no') AND object >= 'req_' AND object < 'req`';

INSERT INTO schema_programs (version, min_program) VALUES (18, 7) ON CONFLICT (version) DO NOTHING;
