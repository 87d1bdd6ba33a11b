-- +goose Up

INSERT INTO schema_programs (version, min_program) VALUES (34, 7);

-- How a name begins: for searches of one or two characters, and for all where there
-- are no trigrams.
CREATE INDEX people_search_start ON people (tenant, substr(search, 1, 64));
