-- +goose Up

INSERT INTO schema_programs (version, min_program) VALUES (38, 7);

-- The newest tokens that live: their courses and companies are offered in filters.
CREATE INDEX grants_newest ON grants (tenant, created_at) WHERE open;
