-- +goose Up

INSERT INTO schema_programs (version, min_program) VALUES (27, 7);

-- What nobody stands for.
CREATE INDEX grants_gap_until ON grants (tenant, gap_until, id) WHERE open AND gap_until IS NOT NULL;
