-- +goose Up

INSERT INTO schema_programs (version, min_program) VALUES (2, 1);

-- One-time links for LTI Dynamic Registration. Of the code in the link only
-- its SHA-256 is kept.
CREATE TABLE invites (
    hash            bytea PRIMARY KEY,
    id              text COLLATE "C" NOT NULL UNIQUE,
    platform        text COLLATE "C" NOT NULL UNIQUE, -- the id that its platform will have
    state           text NOT NULL CHECK (state IN ('open', 'taken', 'spent')),
    name            text NOT NULL,
    canvas_urls     text NOT NULL,
    credential      bytea,
    credential_kind text NOT NULL,
    actor           text NOT NULL,
    reason          text NOT NULL,
    created_at      timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL,
    taken_at        timestamptz
);
CREATE INDEX invites_expires_at ON invites (expires_at);

-- At any time one of the tool's keys has no end, and rotation gives it one:
-- two replicas that make a key at once cannot both succeed. A database in which
-- they did keeps the one that signs; the others stay published for a day.
UPDATE tool_keys SET retired_at = now() + interval '1 day'
WHERE retired_at IS NULL
  AND id <> (SELECT id FROM tool_keys WHERE retired_at IS NULL ORDER BY signs_from DESC, id DESC LIMIT 1);
CREATE UNIQUE INDEX tool_keys_one_unended ON tool_keys ((retired_at IS NULL)) WHERE retired_at IS NULL;
