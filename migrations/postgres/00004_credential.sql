-- +goose Up

-- A program before version 4 keeps its access tokens to itself, and may use a
-- refresh token that Canvas has replaced. It only needs to ask again then.
INSERT INTO schema_programs (version, min_program) VALUES (4, 3);

-- What replicas share about the credential for a platform's API: the access
-- token that its refresh token gave, whose turn it is to ask for one, and how
-- the credential stands. Tokens are sealed by the master key. A row is about
-- the credential whose digest it holds, and says nothing about another one.
CREATE TABLE credential_states (
    platform     text COLLATE "C" PRIMARY KEY REFERENCES platforms (id),
    about        bytea NOT NULL,       -- SHA-256 of the platform's sealed credential
    access_token bytea,                -- sealed
    access_until timestamptz,
    refresh      bytea,                -- sealed: what Canvas gave in the refresh token's place
    lease_owner  text NOT NULL,
    leased_until timestamptz,          -- while somebody asks Canvas
    refused_at   timestamptz,          -- since when Canvas does not accept it
    ends_at      timestamptz,          -- end of an admin's token, where it has one
    checked_at   timestamptz
);
