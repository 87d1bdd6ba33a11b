-- +goose Up

INSERT INTO schema_programs (version, min_program) VALUES (26, 7);

-- What was to be activated by then.
CREATE INDEX grants_activate_by ON grants (tenant, state, activate_by, id) WHERE open AND activate_by IS NOT NULL;
