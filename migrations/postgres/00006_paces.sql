-- +goose Up

-- A program before version 4 does not keep to these paces, and reads account
-- roles from Canvas for each person. It breaks nothing.
INSERT INTO schema_programs (version, min_program) VALUES (6, 3);

-- What one person has caused of a kind, about what, and until when that counts:
-- each once, however many presses and replicas. Rows that are over are purged.
CREATE TABLE paces (
    tenant text COLLATE "C" NOT NULL REFERENCES tenants (id),
    person text COLLATE "C" NOT NULL,
    kind   text COLLATE "C" NOT NULL,
    about  text COLLATE "C" NOT NULL,
    until  timestamptz NOT NULL,
    PRIMARY KEY (tenant, person, kind, about)
);
CREATE INDEX paces_until ON paces (until);

-- When the list of a Canvas's accounts below its root was read (account ''),
-- and the list of each account's admins. Never is NULL.
CREATE TABLE account_reads (
    tenant  text COLLATE "C" NOT NULL REFERENCES tenants (id),
    account text COLLATE "C" NOT NULL,
    read_at timestamptz,
    PRIMARY KEY (tenant, account)
);

-- Who holds a role in which account below the root, by Canvas's ids.
CREATE TABLE account_roles (
    tenant      text COLLATE "C" NOT NULL,
    account     text COLLATE "C" NOT NULL,
    canvas_user text COLLATE "C" NOT NULL,
    role        text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, account, canvas_user, role),
    FOREIGN KEY (tenant, account) REFERENCES account_reads (tenant, account) ON DELETE CASCADE
);
CREATE INDEX account_roles_user ON account_roles (tenant, canvas_user);
