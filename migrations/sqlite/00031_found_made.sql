-- +goose Up

INSERT INTO schema_programs (version, min_program) VALUES (31, 7);

-- When somebody last made a token by themselves, on every page of an admin.
CREATE INDEX found_tokens_made ON found_tokens (tenant, made_at) WHERE NOT account_role AND marker = '';
