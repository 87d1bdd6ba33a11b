-- +goose Up

-- A program before version 5 keeps its logins in lti_states.
INSERT INTO schema_programs (version, min_program) VALUES (5, 5);

DROP TABLE lti_states;

-- Nonces of launches that were let through. A row makes its launch work once.
CREATE TABLE lti_nonces (
    registration_id text COLLATE "C" NOT NULL,
    hash            text COLLATE "C" NOT NULL, -- of the nonce
    expires_at      timestamptz NOT NULL,
    PRIMARY KEY (registration_id, hash)
);
CREATE INDEX lti_nonces_expires_at ON lti_nonces (expires_at);

-- The newest forwarded header that came from an address which is no trusted
-- proxy. There is one row at most, which doctor reads.
CREATE TABLE untrusted_forwards (
    id      integer PRIMARY KEY CHECK (id = 1),
    peer    text NOT NULL,             -- who connected
    header  text NOT NULL,
    seen_at timestamptz NOT NULL
);
