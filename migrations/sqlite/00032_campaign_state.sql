-- +goose Up

INSERT INTO schema_programs (version, min_program) VALUES (32, 7);

-- What became of a campaign's tokens is counted on every page of them. It serves where
-- the index without the state did.
CREATE INDEX found_tokens_campaign_state ON found_tokens (tenant, campaign, state) WHERE campaign IS NOT NULL;
DROP INDEX found_tokens_campaign;
