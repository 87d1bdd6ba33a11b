-- +goose Up

-- A program before version 3 would make a token for somebody whose leak is not
-- cleared, and does not know what frozen is: it may not run here.
INSERT INTO schema_programs (version, min_program) VALUES (3, 3);

-- SQLite cannot change a CHECK: the table is made anew.
CREATE TABLE grants_new (
    id           TEXT PRIMARY KEY,
    tenant       TEXT NOT NULL REFERENCES tenants (id),
    request_id   TEXT NOT NULL,
    version      INTEGER NOT NULL CHECK (version >= 1),
    state        TEXT NOT NULL CHECK (state IN ('minting', 'recovering', 'handed_over', 'active', 'freezing', 'frozen',
                     'replacing', 'revoking', 'revoked', 'expired', 'unclaimed', 'void')),
    owner        TEXT NOT NULL,
    title        TEXT NOT NULL,
    canvas_user  TEXT NOT NULL,
    canvas_id    TEXT NOT NULL,
    hint         TEXT NOT NULL,
    digest       BLOB,
    attempt      INTEGER NOT NULL,
    lease_until  TEXT,
    wanted       TEXT,
    expires      TEXT,
    created_at   TEXT NOT NULL,
    updated_at   TEXT NOT NULL,
    shown_at     TEXT,
    activate_by  TEXT,
    activated_at TEXT,
    last_used_at TEXT,
    checked_at   TEXT,
    replaced     INTEGER NOT NULL,
    cause        TEXT NOT NULL,
    ended_by     TEXT,
    revoking_at  TEXT,
    trouble      TEXT NOT NULL,
    tries        INTEGER NOT NULL,
    next_try     TEXT,
    ended_at     TEXT,
    sponsor       TEXT,
    sponsor_asked TEXT,
    gap_until     TEXT,
    since         TEXT,
    renews        TEXT,
    successor     TEXT,
    retire_at     TEXT,
    frozen_at     TEXT,
    frozen_by     TEXT,
    thawed_by     TEXT,
    drift         TEXT NOT NULL DEFAULT '',
    drift_at      TEXT,
    found_id      TEXT,
    marked_at     TEXT,
    UNIQUE (tenant, id),
    FOREIGN KEY (tenant, request_id) REFERENCES requests (tenant, id),
    FOREIGN KEY (tenant, owner) REFERENCES people (tenant, id),
    FOREIGN KEY (tenant, ended_by) REFERENCES people (tenant, id),
    FOREIGN KEY (tenant, sponsor) REFERENCES people (tenant, id),
    FOREIGN KEY (tenant, sponsor_asked) REFERENCES people (tenant, id),
    FOREIGN KEY (tenant, frozen_by) REFERENCES people (tenant, id),
    FOREIGN KEY (tenant, thawed_by) REFERENCES people (tenant, id),
    CONSTRAINT nobody_stands_for_themselves CHECK (sponsor <> owner AND sponsor_asked <> owner),
    CONSTRAINT thawed_by_somebody_else CHECK (thawed_by <> owner)
) STRICT;
INSERT INTO grants_new (id, tenant, request_id, version, state, owner, title, canvas_user, canvas_id, hint, digest, attempt, lease_until, wanted, expires, created_at, updated_at, shown_at, activate_by, activated_at, last_used_at, checked_at, replaced, cause, ended_by, revoking_at, trouble, tries, next_try, ended_at, sponsor, since)
SELECT g.id, g.tenant, g.request_id, g.version, g.state, g.owner, g.title, g.canvas_user, g.canvas_id, g.hint, g.digest, g.attempt, g.lease_until, g.wanted, g.expires, g.created_at, g.updated_at, g.shown_at, g.activate_by, g.activated_at, g.last_used_at, g.checked_at, g.replaced, g.cause, g.ended_by, g.revoking_at, g.trouble, g.tries, g.next_try, g.ended_at,
    (SELECT r.sponsor FROM requests r WHERE r.id = g.request_id), g.created_at
FROM grants g;
DROP TABLE grants;
ALTER TABLE grants_new RENAME TO grants;
-- One request, one live grant.
CREATE UNIQUE INDEX grants_one_live ON grants (request_id)
    WHERE state NOT IN ('revoked', 'expired', 'unclaimed', 'void');
CREATE INDEX grants_request ON grants (tenant, request_id, created_at);
CREATE INDEX grants_state ON grants (tenant, state, created_at);
CREATE INDEX grants_owner ON grants (tenant, owner, created_at);
CREATE INDEX grants_canvas_id ON grants (tenant, canvas_id) WHERE canvas_id <> '';
CREATE INDEX grants_canvas_user ON grants (tenant, canvas_user);

CREATE INDEX grants_sponsor ON grants (tenant, sponsor) WHERE sponsor IS NOT NULL;
CREATE INDEX grants_sponsor_asked ON grants (tenant, sponsor_asked) WHERE sponsor_asked IS NOT NULL;
CREATE INDEX grants_renews ON grants (tenant, renews) WHERE renews IS NOT NULL;
CREATE INDEX grants_digest ON grants (tenant, digest) WHERE digest IS NOT NULL;

ALTER TABLE requests ADD COLUMN renews TEXT;
ALTER TABLE requests ADD COLUMN since TEXT;
ALTER TABLE requests ADD COLUMN adopts TEXT;
-- The maker's name in lower case, for selecting by company.
ALTER TABLE requests ADD COLUMN vendor TEXT NOT NULL DEFAULT '';
UPDATE requests SET vendor = LOWER(COALESCE(json_extract(answers, '$.maker_name'), ''));
CREATE INDEX requests_renews ON requests (tenant, renews) WHERE renews IS NOT NULL;
CREATE INDEX requests_adopts ON requests (tenant, adopts) WHERE adopts IS NOT NULL;

-- Leaks that were reported or recognised. While one of a person is open no
-- token is made for them.
CREATE TABLE incidents (
    id          TEXT PRIMARY KEY,
    tenant      TEXT NOT NULL REFERENCES tenants (id),
    version     INTEGER NOT NULL CHECK (version >= 1),
    grant_id    TEXT,
    owner       TEXT NOT NULL,
    reported_by TEXT,
    how         TEXT NOT NULL CHECK (how IN ('owner', 'sponsor', 'reviewer', 'intake')),
    opened_at   TEXT NOT NULL,
    cleared_at  TEXT,
    cleared_by  TEXT,
    UNIQUE (tenant, id),
    FOREIGN KEY (tenant, grant_id) REFERENCES grants (tenant, id),
    FOREIGN KEY (tenant, owner) REFERENCES people (tenant, id),
    FOREIGN KEY (tenant, reported_by) REFERENCES people (tenant, id),
    FOREIGN KEY (tenant, cleared_by) REFERENCES people (tenant, id),
    CONSTRAINT cleared_by_somebody_else CHECK (cleared_by <> owner)
) STRICT;
CREATE INDEX incidents_open ON incidents (tenant, owner) WHERE cleared_at IS NULL;
CREATE UNIQUE INDEX incidents_one_open ON incidents (tenant, grant_id) WHERE cleared_at IS NULL AND grant_id IS NOT NULL;
CREATE INDEX incidents_opened ON incidents (tenant, opened_at);
CREATE INDEX incidents_grant ON incidents (tenant, grant_id) WHERE grant_id IS NOT NULL;
CREATE INDEX incidents_owner ON incidents (tenant, owner);

-- Readings of all tokens of a Canvas by its account report.
CREATE TABLE inventories (
    id         TEXT PRIMARY KEY,
    tenant     TEXT NOT NULL REFERENCES tenants (id),
    version    INTEGER NOT NULL CHECK (version >= 1),
    state      TEXT NOT NULL CHECK (state IN ('running', 'done', 'failed')),
    report_id  TEXT NOT NULL,
    asked_by   TEXT NOT NULL,
    started_at TEXT NOT NULL,
    read_at    TEXT, -- the report was read to its end
    ended_at   TEXT,
    tokens     INTEGER NOT NULL, -- made by people, in the report
    ours       INTEGER NOT NULL, -- of these, known to a grant
    others     INTEGER NOT NULL, -- of these, not
    trouble    TEXT NOT NULL
) STRICT;
CREATE INDEX inventories_started ON inventories (tenant, started_at);
CREATE UNIQUE INDEX inventories_one_running ON inventories (tenant) WHERE state = 'running';

-- What owners of found tokens were told together, and by when to answer.
CREATE TABLE campaigns (
    id         TEXT PRIMARY KEY,
    tenant     TEXT NOT NULL REFERENCES tenants (id),
    message    TEXT NOT NULL,
    started_at TEXT NOT NULL,
    started_by TEXT NOT NULL,
    due_at     TEXT NOT NULL,
    tokens     INTEGER NOT NULL,
    people     INTEGER NOT NULL
) STRICT;
CREATE INDEX campaigns_started ON campaigns (tenant, started_at);

-- Tokens in Canvas that the tool did not make, or does not remember.
CREATE TABLE found_tokens (
    id           TEXT PRIMARY KEY,
    tenant       TEXT NOT NULL REFERENCES tenants (id),
    version      INTEGER NOT NULL CHECK (version >= 1),
    state        TEXT NOT NULL CHECK (state IN ('found', 'told', 'allowing', 'allowed', 'removing', 'adopted', 'removed', 'gone')),
    canvas_user  TEXT NOT NULL,
    canvas_id    TEXT NOT NULL,
    owner        TEXT,
    owner_name   TEXT NOT NULL,
    account_role INTEGER NOT NULL,
    hint         TEXT NOT NULL,
    purpose      TEXT NOT NULL,
    marker       TEXT NOT NULL,
    search       TEXT NOT NULL,
    made_at      TEXT,
    expires      TEXT,
    last_used_at TEXT,
    found_at     TEXT NOT NULL,
    seen_at      TEXT NOT NULL,
    updated_at   TEXT NOT NULL,
    campaign     TEXT,
    told_at      TEXT,
    due_at       TEXT,
    request_id   TEXT,
    grant_id     TEXT,
    allowed_by   TEXT,
    allowed_at   TEXT,
    confirmed_by TEXT,
    review_at    TEXT,
    reason       TEXT NOT NULL,
    ended_by     TEXT,
    removing_at  TEXT,
    tries        INTEGER NOT NULL,
    next_try     TEXT,
    trouble      TEXT NOT NULL,
    ended_at     TEXT,
    UNIQUE (tenant, id),
    FOREIGN KEY (tenant, owner) REFERENCES people (tenant, id),
    FOREIGN KEY (tenant, allowed_by) REFERENCES people (tenant, id),
    FOREIGN KEY (tenant, confirmed_by) REFERENCES people (tenant, id),
    FOREIGN KEY (tenant, ended_by) REFERENCES people (tenant, id),
    CONSTRAINT allowed_by_two CHECK (state <> 'allowed' OR (allowed_by IS NOT NULL AND confirmed_by IS NOT NULL AND allowed_by <> confirmed_by))
) STRICT;
CREATE UNIQUE INDEX found_tokens_one ON found_tokens (tenant, canvas_user, canvas_id) WHERE state NOT IN ('adopted', 'removed', 'gone');
CREATE INDEX found_tokens_state ON found_tokens (tenant, state, found_at);
CREATE INDEX found_tokens_owner ON found_tokens (tenant, owner) WHERE owner IS NOT NULL;
CREATE INDEX found_tokens_campaign ON found_tokens (tenant, campaign) WHERE campaign IS NOT NULL;
CREATE INDEX found_tokens_seen ON found_tokens (tenant, seen_at);

-- Mass revocations: the plan, and each token of it.
CREATE TABLE mass_revocations (
    id         TEXT PRIMARY KEY,
    tenant     TEXT NOT NULL REFERENCES tenants (id),
    version    INTEGER NOT NULL CHECK (version >= 1),
    state      TEXT NOT NULL CHECK (state IN ('planned', 'running', 'done')),
    filter     TEXT NOT NULL,
    reason     TEXT NOT NULL,
    actor      TEXT NOT NULL,
    planned_at TEXT NOT NULL,
    started_at TEXT,
    ended_at   TEXT,
    tokens     INTEGER NOT NULL,
    people     INTEGER NOT NULL,
    estimate   INTEGER NOT NULL, -- seconds that its deletions were expected to take
    -- Whoever works on it now. In one tenant only one works at a time: its calls
    -- to Canvas go one after the other.
    leased_by    TEXT NOT NULL,
    leased_until TEXT,
    UNIQUE (tenant, id)
) STRICT;
CREATE INDEX mass_revocations_leased ON mass_revocations (tenant, leased_until) WHERE leased_until IS NOT NULL;
CREATE INDEX mass_revocations_planned ON mass_revocations (tenant, planned_at);

CREATE TABLE mass_items (
    mass     TEXT NOT NULL REFERENCES mass_revocations (id),
    grant_id TEXT NOT NULL REFERENCES grants (id),
    state    TEXT NOT NULL CHECK (state IN ('waiting', 'ending', 'gone', 'ended_before')),
    trouble  TEXT NOT NULL,
    tries    INTEGER NOT NULL,
    next_try TEXT,
    proof    TEXT NOT NULL,
    ended_at TEXT,
    PRIMARY KEY (mass, grant_id)
) STRICT;
CREATE INDEX mass_items_state ON mass_items (mass, state, next_try, grant_id);
CREATE INDEX mass_items_grant ON mass_items (grant_id);
