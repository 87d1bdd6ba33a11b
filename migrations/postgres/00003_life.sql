-- +goose Up

-- A program before version 3 would make a token for somebody whose leak is not
-- cleared, and does not know what frozen is: it may not run here.
INSERT INTO schema_programs (version, min_program) VALUES (3, 3);

ALTER TABLE grants
    DROP CONSTRAINT grants_state_check,
    ADD CONSTRAINT grants_state_check CHECK (state IN ('minting', 'recovering', 'handed_over', 'active', 'freezing', 'frozen',
        'replacing', 'revoking', 'revoked', 'expired', 'unclaimed', 'void')),
    ADD COLUMN sponsor text COLLATE "C",
    ADD COLUMN sponsor_asked text COLLATE "C",
    ADD COLUMN gap_until timestamptz,
    ADD COLUMN since timestamptz,
    ADD COLUMN renews text COLLATE "C",
    ADD COLUMN successor text COLLATE "C",
    ADD COLUMN retire_at timestamptz,
    ADD COLUMN frozen_at timestamptz,
    ADD COLUMN frozen_by text COLLATE "C",
    ADD COLUMN thawed_by text COLLATE "C",
    ADD COLUMN drift text NOT NULL DEFAULT '',
    ADD COLUMN drift_at timestamptz,
    ADD COLUMN found_id text COLLATE "C",
    ADD COLUMN marked_at timestamptz,
    ADD FOREIGN KEY (tenant, sponsor) REFERENCES people (tenant, id),
    ADD FOREIGN KEY (tenant, sponsor_asked) REFERENCES people (tenant, id),
    ADD FOREIGN KEY (tenant, frozen_by) REFERENCES people (tenant, id),
    ADD FOREIGN KEY (tenant, thawed_by) REFERENCES people (tenant, id),
    ADD CONSTRAINT nobody_stands_for_themselves CHECK (sponsor <> owner AND sponsor_asked <> owner),
    ADD CONSTRAINT thawed_by_somebody_else CHECK (thawed_by <> owner);
UPDATE grants SET sponsor = r.sponsor, since = grants.created_at FROM requests r WHERE r.id = grants.request_id;
CREATE INDEX grants_sponsor ON grants (tenant, sponsor) WHERE sponsor IS NOT NULL;
CREATE INDEX grants_sponsor_asked ON grants (tenant, sponsor_asked) WHERE sponsor_asked IS NOT NULL;
CREATE INDEX grants_renews ON grants (tenant, renews) WHERE renews IS NOT NULL;
CREATE INDEX grants_digest ON grants (tenant, digest) WHERE digest IS NOT NULL;

ALTER TABLE requests
    ADD COLUMN renews text COLLATE "C",
    ADD COLUMN since timestamptz,
    ADD COLUMN adopts text COLLATE "C",
    ADD COLUMN vendor text NOT NULL DEFAULT ''; -- the maker's name in lower case, for selecting by company
UPDATE requests SET vendor = LOWER(COALESCE(answers::jsonb ->> 'maker_name', ''));
CREATE INDEX requests_renews ON requests (tenant, renews) WHERE renews IS NOT NULL;
CREATE INDEX requests_adopts ON requests (tenant, adopts) WHERE adopts IS NOT NULL;

-- Leaks that were reported or recognised. While one of a person is open no
-- token is made for them.
CREATE TABLE incidents (
    id          text COLLATE "C" PRIMARY KEY,
    tenant      text COLLATE "C" NOT NULL REFERENCES tenants (id),
    version     integer NOT NULL CHECK (version >= 1),
    grant_id    text COLLATE "C",
    owner       text COLLATE "C" NOT NULL,
    reported_by text COLLATE "C",
    how         text NOT NULL CHECK (how IN ('owner', 'sponsor', 'reviewer', 'intake')),
    opened_at   timestamptz NOT NULL,
    cleared_at  timestamptz,
    cleared_by  text COLLATE "C",
    UNIQUE (tenant, id),
    FOREIGN KEY (tenant, grant_id) REFERENCES grants (tenant, id),
    FOREIGN KEY (tenant, owner) REFERENCES people (tenant, id),
    FOREIGN KEY (tenant, reported_by) REFERENCES people (tenant, id),
    FOREIGN KEY (tenant, cleared_by) REFERENCES people (tenant, id),
    CONSTRAINT cleared_by_somebody_else CHECK (cleared_by <> owner)
);
CREATE INDEX incidents_open ON incidents (tenant, owner) WHERE cleared_at IS NULL;
CREATE UNIQUE INDEX incidents_one_open ON incidents (tenant, grant_id) WHERE cleared_at IS NULL AND grant_id IS NOT NULL;
CREATE INDEX incidents_opened ON incidents (tenant, opened_at);
CREATE INDEX incidents_grant ON incidents (tenant, grant_id) WHERE grant_id IS NOT NULL;
CREATE INDEX incidents_owner ON incidents (tenant, owner);

-- Readings of all tokens of a Canvas by its account report.
CREATE TABLE inventories (
    id         text COLLATE "C" PRIMARY KEY,
    tenant     text COLLATE "C" NOT NULL REFERENCES tenants (id),
    version    integer NOT NULL CHECK (version >= 1),
    state      text NOT NULL CHECK (state IN ('running', 'done', 'failed')),
    report_id  text NOT NULL,
    asked_by   text NOT NULL,
    started_at timestamptz NOT NULL,
    read_at    timestamptz, -- the report was read to its end
    ended_at   timestamptz,
    tokens     integer NOT NULL, -- made by people, in the report
    ours       integer NOT NULL, -- of these, known to a grant
    others     integer NOT NULL, -- of these, not
    trouble    text NOT NULL
);
CREATE INDEX inventories_started ON inventories (tenant, started_at);
CREATE UNIQUE INDEX inventories_one_running ON inventories (tenant) WHERE state = 'running';

-- What owners of found tokens were told together, and by when to answer.
CREATE TABLE campaigns (
    id         text COLLATE "C" PRIMARY KEY,
    tenant     text COLLATE "C" NOT NULL REFERENCES tenants (id),
    message    text NOT NULL,
    started_at timestamptz NOT NULL,
    started_by text NOT NULL,
    due_at     timestamptz NOT NULL,
    tokens     integer NOT NULL,
    people     integer NOT NULL
);
CREATE INDEX campaigns_started ON campaigns (tenant, started_at);

-- Tokens in Canvas that the tool did not make, or does not remember.
CREATE TABLE found_tokens (
    id           text COLLATE "C" PRIMARY KEY,
    tenant       text COLLATE "C" NOT NULL REFERENCES tenants (id),
    version      integer NOT NULL CHECK (version >= 1),
    state        text NOT NULL CHECK (state IN ('found', 'told', 'allowing', 'allowed', 'removing', 'adopted', 'removed', 'gone')),
    canvas_user  text COLLATE "C" NOT NULL,
    canvas_id    text COLLATE "C" NOT NULL,
    owner        text COLLATE "C",
    owner_name   text NOT NULL,
    account_role boolean NOT NULL,
    hint         text NOT NULL,
    purpose      text NOT NULL,
    marker       text NOT NULL,
    search       text NOT NULL,
    made_at      timestamptz,
    expires      timestamptz,
    last_used_at timestamptz,
    found_at     timestamptz NOT NULL,
    seen_at      timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    campaign     text COLLATE "C",
    told_at      timestamptz,
    due_at       timestamptz,
    request_id   text COLLATE "C",
    grant_id     text COLLATE "C",
    allowed_by   text COLLATE "C",
    allowed_at   timestamptz,
    confirmed_by text COLLATE "C",
    review_at    timestamptz,
    reason       text NOT NULL,
    ended_by     text COLLATE "C",
    removing_at  timestamptz,
    tries        integer NOT NULL,
    next_try     timestamptz,
    trouble      text NOT NULL,
    ended_at     timestamptz,
    UNIQUE (tenant, id),
    FOREIGN KEY (tenant, owner) REFERENCES people (tenant, id),
    FOREIGN KEY (tenant, allowed_by) REFERENCES people (tenant, id),
    FOREIGN KEY (tenant, confirmed_by) REFERENCES people (tenant, id),
    FOREIGN KEY (tenant, ended_by) REFERENCES people (tenant, id),
    CONSTRAINT allowed_by_two CHECK (state <> 'allowed' OR (allowed_by IS NOT NULL AND confirmed_by IS NOT NULL AND allowed_by <> confirmed_by))
);
CREATE UNIQUE INDEX found_tokens_one ON found_tokens (tenant, canvas_user, canvas_id) WHERE state NOT IN ('adopted', 'removed', 'gone');
CREATE INDEX found_tokens_state ON found_tokens (tenant, state, found_at);
CREATE INDEX found_tokens_owner ON found_tokens (tenant, owner) WHERE owner IS NOT NULL;
CREATE INDEX found_tokens_campaign ON found_tokens (tenant, campaign) WHERE campaign IS NOT NULL;
CREATE INDEX found_tokens_seen ON found_tokens (tenant, seen_at);

-- Mass revocations: the plan, and each token of it.
CREATE TABLE mass_revocations (
    id         text COLLATE "C" PRIMARY KEY,
    tenant     text COLLATE "C" NOT NULL REFERENCES tenants (id),
    version    integer NOT NULL CHECK (version >= 1),
    state      text NOT NULL CHECK (state IN ('planned', 'running', 'done')),
    filter     text NOT NULL,
    reason     text NOT NULL,
    actor      text NOT NULL,
    planned_at timestamptz NOT NULL,
    started_at timestamptz,
    ended_at   timestamptz,
    tokens     integer NOT NULL,
    people     integer NOT NULL,
    estimate   integer NOT NULL, -- seconds that its deletions were expected to take
    -- Whoever works on it now. In one tenant only one works at a time: its calls
    -- to Canvas go one after the other.
    leased_by    text NOT NULL,
    leased_until timestamptz,
    UNIQUE (tenant, id)
);
CREATE INDEX mass_revocations_leased ON mass_revocations (tenant, leased_until) WHERE leased_until IS NOT NULL;
CREATE INDEX mass_revocations_planned ON mass_revocations (tenant, planned_at);

CREATE TABLE mass_items (
    mass     text COLLATE "C" NOT NULL REFERENCES mass_revocations (id),
    grant_id text COLLATE "C" NOT NULL REFERENCES grants (id),
    state    text NOT NULL CHECK (state IN ('waiting', 'ending', 'gone', 'ended_before')),
    trouble  text NOT NULL,
    tries    integer NOT NULL,
    next_try timestamptz,
    proof    text NOT NULL,
    ended_at timestamptz,
    PRIMARY KEY (mass, grant_id)
);
CREATE INDEX mass_items_state ON mass_items (mass, state, next_try, grant_id);
CREATE INDEX mass_items_grant ON mass_items (grant_id);
