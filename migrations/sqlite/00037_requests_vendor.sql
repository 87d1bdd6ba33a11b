-- +goose Up

INSERT INTO schema_programs (version, min_program) VALUES (37, 7);

-- The requests with a company's software: for the tokens that a company has.
CREATE INDEX requests_vendor ON requests (tenant, vendor) WHERE vendor <> '';
