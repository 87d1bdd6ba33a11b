-- +goose NO TRANSACTION
-- +goose Up

-- How a name begins: for searches of one or two characters, and for all where there
-- are no trigrams.
DROP INDEX CONCURRENTLY IF EXISTS people_search_start;
CREATE INDEX CONCURRENTLY people_search_start ON people (tenant, substr(search, 1, 64) text_pattern_ops);
INSERT INTO schema_programs (version, min_program) VALUES (34, 7) ON CONFLICT DO NOTHING;
