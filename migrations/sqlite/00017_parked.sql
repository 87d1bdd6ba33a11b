-- +goose Up

INSERT INTO schema_programs (version, min_program) VALUES (17, 7);

-- How many jobs wait for a person is counted each time the figures are read.
CREATE INDEX jobs_parked ON jobs (kind) WHERE state = 'parked';
