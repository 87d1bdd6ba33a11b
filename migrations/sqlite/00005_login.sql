-- +goose Up

-- A program before version 5 keeps its logins in lti_states.
INSERT INTO schema_programs (version, min_program) VALUES (5, 5);

DROP TABLE lti_states;

-- Nonces of launches that were let through. A row makes its launch work once.
CREATE TABLE lti_nonces (
    registration_id TEXT NOT NULL,
    hash            TEXT NOT NULL,     -- of the nonce
    expires_at      TEXT NOT NULL,
    PRIMARY KEY (registration_id, hash)
) STRICT;
CREATE INDEX lti_nonces_expires_at ON lti_nonces (expires_at);

-- The newest forwarded header that came from an address which is no trusted
-- proxy. There is one row at most, which doctor reads.
CREATE TABLE untrusted_forwards (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    peer    TEXT NOT NULL,             -- who connected
    header  TEXT NOT NULL,
    seen_at TEXT NOT NULL
) STRICT;
