-- +goose NO TRANSACTION
-- +goose Up

-- What became of a campaign's tokens is counted on every page of them. It serves where
-- the index without the state did.
DROP INDEX CONCURRENTLY IF EXISTS found_tokens_campaign_state;
CREATE INDEX CONCURRENTLY found_tokens_campaign_state ON found_tokens (tenant, campaign, state) WHERE campaign IS NOT NULL;
DROP INDEX CONCURRENTLY IF EXISTS found_tokens_campaign;

INSERT INTO schema_programs (version, min_program) VALUES (32, 7) ON CONFLICT (version) DO NOTHING;
