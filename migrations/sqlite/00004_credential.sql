-- +goose Up

-- A program before version 4 keeps its access tokens to itself, and may use a
-- refresh token that Canvas has replaced. It only needs to ask again then.
INSERT INTO schema_programs (version, min_program) VALUES (4, 3);

-- What replicas share about the credential for a platform's API: the access
-- token that its refresh token gave, whose turn it is to ask for one, and how
-- the credential stands. Tokens are sealed by the master key. A row is about
-- the credential whose digest it holds, and says nothing about another one.
CREATE TABLE credential_states (
    platform     TEXT PRIMARY KEY REFERENCES platforms (id),
    about        BLOB NOT NULL,        -- SHA-256 of the platform's sealed credential
    access_token BLOB,                 -- sealed
    access_until TEXT,
    refresh      BLOB,                 -- sealed: what Canvas gave in the refresh token's place
    lease_owner  TEXT NOT NULL,
    leased_until TEXT,                 -- while somebody asks Canvas
    refused_at   TEXT,                 -- since when Canvas does not accept it
    ends_at      TEXT,                 -- end of an admin's token, where it has one
    checked_at   TEXT
) STRICT;
