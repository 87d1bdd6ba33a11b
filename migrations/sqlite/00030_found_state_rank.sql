-- +goose Up

INSERT INTO schema_programs (version, min_program) VALUES (30, 7);

-- The same of one state: it serves where the index by state and time of finding did.
CREATE INDEX found_tokens_state_rank ON found_tokens (tenant, state, ((CASE WHEN account_role THEN 0 ELSE 2 END + CASE WHEN expires IS NULL THEN 0 ELSE 1 END)), (COALESCE(made_at, found_at)), id);
DROP INDEX found_tokens_state;
