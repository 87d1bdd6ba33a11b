-- +goose Up

INSERT INTO schema_programs (version, min_program) VALUES (2, 1);

-- One-time links for LTI Dynamic Registration. Of the code in the link only
-- its SHA-256 is kept.
CREATE TABLE invites (
    hash            BLOB PRIMARY KEY,
    id              TEXT NOT NULL UNIQUE,
    platform        TEXT NOT NULL UNIQUE, -- the id that its platform will have
    state           TEXT NOT NULL CHECK (state IN ('open', 'taken', 'spent')),
    name            TEXT NOT NULL,
    canvas_urls     TEXT NOT NULL,
    credential      BLOB,
    credential_kind TEXT NOT NULL,
    actor           TEXT NOT NULL,
    reason          TEXT NOT NULL,
    created_at      TEXT NOT NULL,
    expires_at      TEXT NOT NULL,
    taken_at        TEXT
) STRICT;
CREATE INDEX invites_expires_at ON invites (expires_at);

-- At any time one of the tool's keys has no end, and rotation gives it one:
-- two replicas that make a key at once cannot both succeed. A database in which
-- they did keeps the one that signs; the others stay published for a day.
UPDATE tool_keys SET retired_at = strftime('%Y-%m-%d %H:%M:%f+00:00', 'now', '+1 day')
WHERE retired_at IS NULL
  AND id <> (SELECT id FROM tool_keys WHERE retired_at IS NULL ORDER BY signs_from DESC, id DESC LIMIT 1);
CREATE UNIQUE INDEX tool_keys_one_unended ON tool_keys ((retired_at IS NULL)) WHERE retired_at IS NULL;
