-- +goose Up

-- Which programs may run on this schema.
CREATE TABLE schema_programs (
    version     integer PRIMARY KEY,
    min_program integer NOT NULL
);
INSERT INTO schema_programs (version, min_program) VALUES (1, 1);

CREATE TABLE tenants (
    id               text COLLATE "C" PRIMARY KEY,
    name             text NOT NULL,
    platform_guid    text NOT NULL,
    canvas_account   text NOT NULL,
    school           text NOT NULL,
    learned_cap_days integer NOT NULL CHECK (learned_cap_days >= 0),
    last_number      integer NOT NULL,
    version          integer NOT NULL CHECK (version >= 1),
    created_at       timestamptz NOT NULL
);

CREATE TABLE platforms (
    id              text COLLATE "C" PRIMARY KEY,
    tenant          text COLLATE "C" NOT NULL REFERENCES tenants (id),
    name            text NOT NULL UNIQUE,
    issuer          text NOT NULL,
    client_id       text NOT NULL,
    auth_url        text NOT NULL,
    token_url       text NOT NULL,
    key_set_url     text NOT NULL,
    roster_hosts    text NOT NULL,
    frame_origins   text NOT NULL,
    canvas_urls     text NOT NULL,
    allow_private   boolean NOT NULL,
    disabled        boolean NOT NULL,
    credential      bytea,
    credential_kind text NOT NULL,
    created_at      timestamptz NOT NULL
);
CREATE INDEX platforms_login ON platforms (issuer, client_id);

-- The allow-list of deployments, in the operator's order.
CREATE TABLE platform_deployments (
    platform      text COLLATE "C" NOT NULL REFERENCES platforms (id),
    position      integer NOT NULL,
    issuer        text NOT NULL,
    client_id     text NOT NULL,
    deployment_id text NOT NULL,
    root          boolean NOT NULL,
    PRIMARY KEY (platform, position),
    UNIQUE (issuer, client_id, deployment_id)
);

CREATE TABLE people (
    id          text COLLATE "C" PRIMARY KEY,
    tenant      text COLLATE "C" NOT NULL REFERENCES tenants (id),
    canvas_user text COLLATE "C" NOT NULL,
    name        text NOT NULL,
    short_name  text NOT NULL,
    search      text NOT NULL,
    locale      text NOT NULL,
    time_zone   text NOT NULL,
    email       text NOT NULL,
    merged_into text COLLATE "C",
    seen_at     timestamptz,
    created_at  timestamptz NOT NULL,
    UNIQUE (tenant, id),
    FOREIGN KEY (tenant, merged_into) REFERENCES people (tenant, id),
    CHECK (merged_into <> id)
);
-- One person for one Canvas user; a person who was merged away keeps the number.
CREATE UNIQUE INDEX people_canvas_user ON people (tenant, canvas_user)
    WHERE canvas_user <> '' AND merged_into IS NULL;

CREATE TABLE person_subs (
    tenant text COLLATE "C" NOT NULL,
    sub    text COLLATE "C" NOT NULL,
    person text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, sub),
    FOREIGN KEY (tenant, person) REFERENCES people (tenant, id)
);
CREATE INDEX person_subs_person ON person_subs (tenant, person);

CREATE TABLE requests (
    id             text COLLATE "C" PRIMARY KEY,
    tenant         text COLLATE "C" NOT NULL REFERENCES tenants (id),
    number         integer NOT NULL,
    version        integer NOT NULL CHECK (version >= 1),
    state          text NOT NULL CHECK (state IN ('draft', 'discarded', 'awaiting_sponsor', 'awaiting_review', 'approved',
                       'collecting', 'fulfilled', 'sponsor_declined', 'denied', 'withdrawn', 'lapsed', 'rescinded')),
    requester      text COLLATE "C" NOT NULL,
    affiliation    text NOT NULL,
    course_id      text NOT NULL,
    course_name    text NOT NULL,
    course_code    text NOT NULL,
    answers        text NOT NULL,
    purpose        text NOT NULL,
    maker          text NOT NULL,
    ai             text NOT NULL,
    search         text NOT NULL,
    sponsor        text COLLATE "C",
    sponsor_lost   text NOT NULL,
    policy_version integer NOT NULL,
    rules_version  text NOT NULL,
    asked          timestamptz,
    ends_at        timestamptz,
    end_cause      text NOT NULL,
    created_at     timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL,
    submitted_at   timestamptz,
    sponsor_due    timestamptz,
    endorsed_at    timestamptz,
    endorsed_by    text COLLATE "C",
    sponsor_note   text NOT NULL,
    review_since   timestamptz,
    review_due     timestamptz,
    claimed_by     text COLLATE "C",
    claimed_at     timestamptz,
    decided_by     text COLLATE "C",
    decided_at     timestamptz,
    reason         text NOT NULL,
    alternative    text NOT NULL,
    alt_text       text NOT NULL,
    conditions     text NOT NULL,
    collect_by     timestamptz,
    closed_at      timestamptz,
    refiled_from   text COLLATE "C",
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
);
CREATE UNIQUE INDEX requests_number ON requests (tenant, number) WHERE number > 0;
CREATE INDEX requests_state ON requests (tenant, state, created_at);
CREATE INDEX requests_requester ON requests (tenant, requester, created_at);
CREATE INDEX requests_sponsor ON requests (tenant, sponsor) WHERE sponsor IS NOT NULL;
CREATE INDEX requests_endorsed_by ON requests (tenant, endorsed_by) WHERE endorsed_by IS NOT NULL;

CREATE TABLE grants (
    id           text COLLATE "C" PRIMARY KEY,
    tenant       text COLLATE "C" NOT NULL REFERENCES tenants (id),
    request_id   text COLLATE "C" NOT NULL,
    version      integer NOT NULL CHECK (version >= 1),
    state        text NOT NULL CHECK (state IN ('minting', 'recovering', 'handed_over', 'active', 'replacing',
                     'revoking', 'revoked', 'expired', 'unclaimed', 'void')),
    owner        text COLLATE "C" NOT NULL,
    title        text NOT NULL,
    canvas_user  text COLLATE "C" NOT NULL,
    canvas_id    text COLLATE "C" NOT NULL,
    hint         text NOT NULL,
    digest       bytea,
    attempt      integer NOT NULL,
    lease_until  timestamptz,
    wanted       timestamptz,
    expires      timestamptz,
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    shown_at     timestamptz,
    activate_by  timestamptz,
    activated_at timestamptz,
    last_used_at timestamptz,
    checked_at   timestamptz,
    replaced     integer NOT NULL,
    cause        text NOT NULL,
    ended_by     text COLLATE "C",
    revoking_at  timestamptz,
    trouble      text NOT NULL,
    tries        integer NOT NULL,
    next_try     timestamptz,
    ended_at     timestamptz,
    UNIQUE (tenant, id),
    FOREIGN KEY (tenant, request_id) REFERENCES requests (tenant, id),
    FOREIGN KEY (tenant, owner) REFERENCES people (tenant, id),
    FOREIGN KEY (tenant, ended_by) REFERENCES people (tenant, id)
);
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
    tenant text COLLATE "C" PRIMARY KEY REFERENCES tenants (id),
    seq    bigint NOT NULL,
    hash   bytea NOT NULL
);

CREATE TABLE audit_events (
    tenant     text COLLATE "C" NOT NULL REFERENCES tenants (id),
    seq        bigint NOT NULL CHECK (seq >= 1),
    id         text COLLATE "C" NOT NULL UNIQUE,
    at         timestamptz NOT NULL,
    actor      text NOT NULL,
    action     text NOT NULL,
    object     text COLLATE "C" NOT NULL,
    from_state text NOT NULL,
    to_state   text NOT NULL,
    version    integer NOT NULL,
    related    text COLLATE "C" NOT NULL,
    detail_sum bytea,
    prev       bytea NOT NULL,
    hash       bytea NOT NULL,
    PRIMARY KEY (tenant, seq)
);
CREATE INDEX audit_events_object ON audit_events (tenant, object, seq);
CREATE INDEX audit_events_related ON audit_events (tenant, related, seq) WHERE related <> '';

-- Names and free text beside the events; a row may be erased, never changed.
CREATE TABLE audit_details (
    event_id text COLLATE "C" PRIMARY KEY REFERENCES audit_events (id),
    tenant   text COLLATE "C" NOT NULL,
    salt     bytea NOT NULL,
    data     text NOT NULL
);

-- +goose StatementBegin
CREATE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only';
END
$$;
-- +goose StatementEnd
CREATE TRIGGER audit_events_append_only BEFORE UPDATE OR DELETE ON audit_events
    FOR EACH ROW EXECUTE FUNCTION audit_append_only();
CREATE TRIGGER audit_events_no_truncate BEFORE TRUNCATE ON audit_events
    FOR EACH STATEMENT EXECUTE FUNCTION audit_append_only();
CREATE TRIGGER audit_details_unchanged BEFORE UPDATE ON audit_details
    FOR EACH ROW EXECUTE FUNCTION audit_append_only();

CREATE TABLE jobs (
    id           text COLLATE "C" PRIMARY KEY,
    kind         text NOT NULL,
    key          text NOT NULL,
    tenant       text COLLATE "C" NOT NULL,
    data         text NOT NULL,
    state        text NOT NULL CHECK (state IN ('due', 'leased', 'done', 'parked')),
    run_at       timestamptz NOT NULL,
    failures     integer NOT NULL,
    claims       integer NOT NULL,
    leased_by    text NOT NULL,
    leased_until timestamptz,
    trouble      text NOT NULL,
    created_at   timestamptz NOT NULL,
    settled_at   timestamptz,
    UNIQUE (kind, key)
);
CREATE INDEX jobs_due ON jobs (run_at, id) WHERE state IN ('due', 'leased');
CREATE INDEX jobs_settled ON jobs (settled_at) WHERE state = 'done';

CREATE TABLE sessions (
    hash        bytea PRIMARY KEY,
    tenant      text COLLATE "C" NOT NULL REFERENCES tenants (id),
    person      text COLLATE "C",
    platform    text COLLATE "C" NOT NULL,
    place       text NOT NULL,
    rights      text NOT NULL,
    data        text NOT NULL,
    created_at  timestamptz NOT NULL,
    launched_at timestamptz,
    seen_at     timestamptz,
    idle_until  timestamptz NOT NULL,
    ends_at     timestamptz NOT NULL,
    cookie_seen boolean NOT NULL,
    FOREIGN KEY (tenant, person) REFERENCES people (tenant, id)
);
CREATE INDEX sessions_person ON sessions (tenant, person);
CREATE INDEX sessions_idle_until ON sessions (idle_until);

CREATE TABLE kept (
    tenant     text COLLATE "C" NOT NULL,
    person     text COLLATE "C" NOT NULL,
    object     text COLLATE "C" NOT NULL,
    form       text NOT NULL,
    data       text NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, person, object, form),
    FOREIGN KEY (tenant, person) REFERENCES people (tenant, id)
);
CREATE INDEX kept_updated_at ON kept (updated_at);

CREATE TABLE notices (
    key     text COLLATE "C" NOT NULL,
    way     text NOT NULL,
    tenant  text COLLATE "C" NOT NULL REFERENCES tenants (id),
    detail  text NOT NULL,
    sent_at timestamptz NOT NULL,
    PRIMARY KEY (key, way)
);

CREATE TABLE tool_keys (
    id           text COLLATE "C" PRIMARY KEY,
    sealed       bytea NOT NULL,
    created_at   timestamptz NOT NULL,
    published_at timestamptz,
    signs_from   timestamptz,
    retired_at   timestamptz
);

-- Logins that wait for their launch: digests only.
CREATE TABLE lti_states (
    hash            text COLLATE "C" PRIMARY KEY,
    nonce_hash      text NOT NULL,
    binder_hash     text NOT NULL,
    registration_id text COLLATE "C" NOT NULL,
    deployment_id   text NOT NULL,
    target_link_uri text NOT NULL,
    storage_target  text NOT NULL,
    created_at      timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL
);
CREATE INDEX lti_states_waiting ON lti_states (registration_id, expires_at);
CREATE INDEX lti_states_expires_at ON lti_states (expires_at);

-- Launches that are verified while their browser has yet to prove itself.
CREATE TABLE lti_held (
    hash        text COLLATE "C" PRIMARY KEY,
    binder_hash text NOT NULL,
    launch      text NOT NULL,
    expires_at  timestamptz NOT NULL
);
CREATE INDEX lti_held_expires_at ON lti_held (expires_at);
