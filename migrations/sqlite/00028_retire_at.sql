-- +goose Up

INSERT INTO schema_programs (version, min_program) VALUES (28, 7);

-- What gives way to a successor.
CREATE INDEX grants_retire_at ON grants (tenant, retire_at, id) WHERE open AND retire_at IS NOT NULL;
