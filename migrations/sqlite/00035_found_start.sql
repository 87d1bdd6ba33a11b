-- +goose Up

INSERT INTO schema_programs (version, min_program) VALUES (35, 7);

-- How the name of an unmanaged token's owner begins: see the migration before.
CREATE INDEX found_tokens_search_start ON found_tokens (tenant, substr(search, 1, 64));
