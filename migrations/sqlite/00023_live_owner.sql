-- +goose Up

INSERT INTO schema_programs (version, min_program) VALUES (23, 7);

-- Who has a token that lives.
CREATE INDEX grants_live_owner ON grants (tenant, owner, state) WHERE open;
