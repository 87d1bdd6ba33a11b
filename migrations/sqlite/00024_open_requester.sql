-- +goose Up

INSERT INTO schema_programs (version, min_program) VALUES (24, 7);

-- Who has a request that is open.
CREATE INDEX requests_open_requester ON requests (tenant, requester, state) WHERE open;
