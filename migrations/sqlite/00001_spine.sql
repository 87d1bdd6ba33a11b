-- +goose Up

-- Times are text in UTC, "2006-01-02 15:04:05.999999+00:00", which sorts as it
-- reads; booleans are 0 and 1.

-- Which programs may run on this schema.
CREATE TABLE schema_programs (
    version     INTEGER PRIMARY KEY,
    min_program INTEGER NOT NULL
) STRICT;
INSERT INTO schema_programs (version, min_program) VALUES (1, 1);

CREATE TABLE tenants (
    id               TEXT PRIMARY KEY,
    name             TEXT NOT NULL,
    platform_guid    TEXT NOT NULL,
    canvas_account   TEXT NOT NULL,
    school           TEXT NOT NULL,
    learned_cap_days INTEGER NOT NULL CHECK (learned_cap_days >= 0),
    last_number      INTEGER NOT NULL,
    version          INTEGER NOT NULL CHECK (version >= 1),
    created_at       TEXT NOT NULL
) STRICT;

CREATE TABLE platforms (
    id              TEXT PRIMARY KEY,
    tenant          TEXT NOT NULL REFERENCES tenants (id),
    name            TEXT NOT NULL UNIQUE,
    issuer          TEXT NOT NULL,
    client_id       TEXT NOT NULL,
    auth_url        TEXT NOT NULL,
    token_url       TEXT NOT NULL,
    key_set_url     TEXT NOT NULL,
    roster_hosts    TEXT NOT NULL,
    frame_origins   TEXT NOT NULL,
    canvas_urls     TEXT NOT NULL,
    allow_private   INTEGER NOT NULL,
    disabled        INTEGER NOT NULL,
    credential      BLOB,
    credential_kind TEXT NOT NULL,
    created_at      TEXT NOT NULL
) STRICT;
CREATE INDEX platforms_login ON platforms (issuer, client_id);

-- The allow-list of deployments, in the operator's order.
CREATE TABLE platform_deployments (
    platform      TEXT NOT NULL REFERENCES platforms (id),
    position      INTEGER NOT NULL,
    issuer        TEXT NOT NULL,
    client_id     TEXT NOT NULL,
    deployment_id TEXT NOT NULL,
    root          INTEGER NOT NULL,
    PRIMARY KEY (platform, position),
    UNIQUE (issuer, client_id, deployment_id)
) STRICT;

CREATE TABLE people (
    id          TEXT PRIMARY KEY,
    tenant      TEXT NOT NULL REFERENCES tenants (id),
    canvas_user TEXT NOT NULL,
    name        TEXT NOT NULL,
    short_name  TEXT NOT NULL,
    search      TEXT NOT NULL,
    locale      TEXT NOT NULL,
    time_zone   TEXT NOT NULL,
    email       TEXT NOT NULL,
    merged_into TEXT,
    seen_at     TEXT,
    created_at  TEXT NOT NULL,
    UNIQUE (tenant, id),
    FOREIGN KEY (tenant, merged_into) REFERENCES people (tenant, id),
    CHECK (merged_into <> id)
) STRICT;
-- One person for one Canvas user; a person who was merged away keeps the number.
CREATE UNIQUE INDEX people_canvas_user ON people (tenant, canvas_user)
    WHERE canvas_user <> '' AND merged_into IS NULL;

CREATE TABLE person_subs (
    tenant TEXT NOT NULL,
    sub    TEXT NOT NULL,
    person TEXT NOT NULL,
    PRIMARY KEY (tenant, sub),
    FOREIGN KEY (tenant, person) REFERENCES people (tenant, id)
) STRICT;
CREATE INDEX person_subs_person ON person_subs (tenant, person);

CREATE TABLE requests (
    id             TEXT PRIMARY KEY,
    tenant         TEXT NOT NULL REFERENCES tenants (id),
    number         INTEGER NOT NULL,
    version        INTEGER NOT NULL CHECK (version >= 1),
    state          TEXT NOT NULL CHECK (state IN ('draft', 'discarded', 'awaiting_sponsor', 'awaiting_review', 'approved',
                       'collecting', 'fulfilled', 'sponsor_declined', 'denied', 'withdrawn', 'lapsed', 'rescinded')),
    requester      TEXT NOT NULL,
    affiliation    TEXT NOT NULL,
    course_id      TEXT NOT NULL,
    course_name    TEXT NOT NULL,
    course_code    TEXT NOT NULL,
    answers        TEXT NOT NULL,
    purpose        TEXT NOT NULL,
    maker          TEXT NOT NULL,
    ai             TEXT NOT NULL,
    search         TEXT NOT NULL,
    sponsor        TEXT,
    sponsor_lost   TEXT NOT NULL,
    policy_version INTEGER NOT NULL,
    rules_version  TEXT NOT NULL,
    asked          TEXT,
    ends_at        TEXT,
    end_cause      TEXT NOT NULL,
    created_at     TEXT NOT NULL,
    updated_at     TEXT NOT NULL,
    submitted_at   TEXT,
    sponsor_due    TEXT,
    endorsed_at    TEXT,
    endorsed_by    TEXT,
    sponsor_note   TEXT NOT NULL,
    review_since   TEXT,
    review_due     TEXT,
    claimed_by     TEXT,
    claimed_at     TEXT,
    decided_by     TEXT,
    decided_at     TEXT,
    reason         TEXT NOT NULL,
    alternative    TEXT NOT NULL,
    alt_text       TEXT NOT NULL,
    conditions     TEXT NOT NULL,
    collect_by     TEXT,
    closed_at      TEXT,
    refiled_from   TEXT,
    UNIQUE (tenant, id),
    FOREIGN KEY (tenant, requester) REFERENCES people (tenant, id),
    FOREIGN KEY (tenant, sponsor) REFERENCES people (tenant, id),
    FOREIGN KEY (tenant, endorsed_by) REFERENCES people (tenant, id),
    FOREIGN KEY (tenant, claimed_by) REFERENCES people (tenant, id),
    FOREIGN KEY (tenant, decided_by) REFERENCES people (tenant, id),
    FOREIGN KEY (tenant, refiled_from) REFERENCES requests (tenant, id),
    CONSTRAINT numbered CHECK (number > 0 OR (number = 0 AND state IN ('draft', 'discarded'))),
    -- The last line of the separation of duties; the core refuses long before.
    CONSTRAINT nobody_sponsors_themselves CHECK (sponsor <> requester AND endorsed_by <> requester),
    CONSTRAINT nobody_decides_for_themselves CHECK (decided_by <> requester),
    CONSTRAINT approved_by_somebody_else CHECK (state NOT IN ('approved', 'collecting', 'fulfilled')
        OR (decided_by IS NOT NULL AND (endorsed_by IS NULL OR decided_by <> endorsed_by)))
) STRICT;
CREATE UNIQUE INDEX requests_number ON requests (tenant, number) WHERE number > 0;
CREATE INDEX requests_state ON requests (tenant, state, created_at);
CREATE INDEX requests_requester ON requests (tenant, requester, created_at);
CREATE INDEX requests_sponsor ON requests (tenant, sponsor) WHERE sponsor IS NOT NULL;
CREATE INDEX requests_endorsed_by ON requests (tenant, endorsed_by) WHERE endorsed_by IS NOT NULL;

CREATE TABLE grants (
    id           TEXT PRIMARY KEY,
    tenant       TEXT NOT NULL REFERENCES tenants (id),
    request_id   TEXT NOT NULL,
    version      INTEGER NOT NULL CHECK (version >= 1),
    state        TEXT NOT NULL CHECK (state IN ('minting', 'recovering', 'handed_over', 'active', 'replacing',
                     'revoking', 'revoked', 'expired', 'unclaimed', 'void')),
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
    UNIQUE (tenant, id),
    FOREIGN KEY (tenant, request_id) REFERENCES requests (tenant, id),
    FOREIGN KEY (tenant, owner) REFERENCES people (tenant, id),
    FOREIGN KEY (tenant, ended_by) REFERENCES people (tenant, id)
) STRICT;
-- One request, one live grant.
CREATE UNIQUE INDEX grants_one_live ON grants (request_id)
    WHERE state NOT IN ('revoked', 'expired', 'unclaimed', 'void');
CREATE INDEX grants_request ON grants (tenant, request_id, created_at);
CREATE INDEX grants_state ON grants (tenant, state, created_at);
CREATE INDEX grants_owner ON grants (tenant, owner, created_at);
CREATE INDEX grants_canvas_id ON grants (tenant, canvas_id) WHERE canvas_id <> '';
CREATE INDEX grants_canvas_user ON grants (tenant, canvas_user);

-- Where each tenant's chain ends; locked by whoever appends.
CREATE TABLE audit_heads (
    tenant TEXT PRIMARY KEY REFERENCES tenants (id),
    seq    INTEGER NOT NULL,
    hash   BLOB NOT NULL
) STRICT;

CREATE TABLE audit_events (
    tenant     TEXT NOT NULL REFERENCES tenants (id),
    seq        INTEGER NOT NULL CHECK (seq >= 1),
    id         TEXT NOT NULL UNIQUE,
    at         TEXT NOT NULL,
    actor      TEXT NOT NULL,
    action     TEXT NOT NULL,
    object     TEXT NOT NULL,
    from_state TEXT NOT NULL,
    to_state   TEXT NOT NULL,
    version    INTEGER NOT NULL,
    related    TEXT NOT NULL,
    detail_sum BLOB,
    prev       BLOB NOT NULL,
    hash       BLOB NOT NULL,
    PRIMARY KEY (tenant, seq)
) STRICT;
CREATE INDEX audit_events_object ON audit_events (tenant, object, seq);
CREATE INDEX audit_events_related ON audit_events (tenant, related, seq) WHERE related <> '';

-- Names and free text beside the events; a row may be erased, never changed.
CREATE TABLE audit_details (
    event_id TEXT PRIMARY KEY REFERENCES audit_events (id),
    tenant   TEXT NOT NULL,
    salt     BLOB NOT NULL,
    data     TEXT NOT NULL
) STRICT;

-- +goose StatementBegin
CREATE TRIGGER audit_events_no_update BEFORE UPDATE ON audit_events
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_events_no_delete BEFORE DELETE ON audit_events
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_details_unchanged BEFORE UPDATE ON audit_details
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
-- +goose StatementEnd

CREATE TABLE jobs (
    id           TEXT PRIMARY KEY,
    kind         TEXT NOT NULL,
    key          TEXT NOT NULL,
    tenant       TEXT NOT NULL,
    data         TEXT NOT NULL,
    state        TEXT NOT NULL CHECK (state IN ('due', 'leased', 'done', 'parked')),
    run_at       TEXT NOT NULL,
    failures     INTEGER NOT NULL,
    claims       INTEGER NOT NULL,
    leased_by    TEXT NOT NULL,
    leased_until TEXT,
    trouble      TEXT NOT NULL,
    created_at   TEXT NOT NULL,
    settled_at   TEXT,
    UNIQUE (kind, key)
) STRICT;
CREATE INDEX jobs_due ON jobs (run_at, id) WHERE state IN ('due', 'leased');
CREATE INDEX jobs_settled ON jobs (settled_at) WHERE state = 'done';

CREATE TABLE sessions (
    hash        BLOB PRIMARY KEY,
    tenant      TEXT NOT NULL REFERENCES tenants (id),
    person      TEXT,
    platform    TEXT NOT NULL,
    place       TEXT NOT NULL,
    rights      TEXT NOT NULL,
    data        TEXT NOT NULL,
    created_at  TEXT NOT NULL,
    launched_at TEXT,
    seen_at     TEXT,
    idle_until  TEXT NOT NULL,
    ends_at     TEXT NOT NULL,
    cookie_seen INTEGER NOT NULL,
    FOREIGN KEY (tenant, person) REFERENCES people (tenant, id)
) STRICT;
CREATE INDEX sessions_person ON sessions (tenant, person);
CREATE INDEX sessions_idle_until ON sessions (idle_until);

CREATE TABLE kept (
    tenant     TEXT NOT NULL,
    person     TEXT NOT NULL,
    object     TEXT NOT NULL,
    form       TEXT NOT NULL,
    data       TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (tenant, person, object, form),
    FOREIGN KEY (tenant, person) REFERENCES people (tenant, id)
) STRICT;
CREATE INDEX kept_updated_at ON kept (updated_at);

CREATE TABLE notices (
    key     TEXT NOT NULL,
    way     TEXT NOT NULL,
    tenant  TEXT NOT NULL REFERENCES tenants (id),
    detail  TEXT NOT NULL,
    sent_at TEXT NOT NULL,
    PRIMARY KEY (key, way)
) STRICT;

CREATE TABLE tool_keys (
    id           TEXT PRIMARY KEY,
    sealed       BLOB NOT NULL,
    created_at   TEXT NOT NULL,
    published_at TEXT,
    signs_from   TEXT,
    retired_at   TEXT
) STRICT;

-- Logins that wait for their launch: digests only.
CREATE TABLE lti_states (
    hash            TEXT PRIMARY KEY,
    nonce_hash      TEXT NOT NULL,
    binder_hash     TEXT NOT NULL,
    registration_id TEXT NOT NULL,
    deployment_id   TEXT NOT NULL,
    target_link_uri TEXT NOT NULL,
    storage_target  TEXT NOT NULL,
    created_at      TEXT NOT NULL,
    expires_at      TEXT NOT NULL
) STRICT;
CREATE INDEX lti_states_waiting ON lti_states (registration_id, expires_at);
CREATE INDEX lti_states_expires_at ON lti_states (expires_at);

-- Launches that are verified while their browser has yet to prove itself.
CREATE TABLE lti_held (
    hash        TEXT PRIMARY KEY,
    binder_hash TEXT NOT NULL,
    launch      TEXT NOT NULL,
    expires_at  TEXT NOT NULL
) STRICT;
CREATE INDEX lti_held_expires_at ON lti_held (expires_at);
