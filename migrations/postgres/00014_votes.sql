-- +goose Up

-- A program before version 7 keeps who decided in columns that go here, and does
-- not know the state in_review: it may not run here.
INSERT INTO schema_programs (version, min_program) VALUES (14, 7);

-- Until now every review had one stage, in which one reviewer decided.
UPDATE policies SET document = jsonb_set(document::jsonb, '{stages}', '[{"name": "", "by": "reviewer", "votes": 1}]')::text;

-- What one person said in one stage of a decision about an object. The last line
-- of the separation of duties: nobody votes on what is their own, nor says two
-- things in one round.
CREATE TABLE votes (
    tenant      text COLLATE "C" NOT NULL REFERENCES tenants (id),
    object      text COLLATE "C" NOT NULL,
    owner       text COLLATE "C" NOT NULL,
    round       integer NOT NULL CHECK (round >= 0),
    stage       integer NOT NULL CHECK (stage >= 0),
    part        text COLLATE "C" NOT NULL,
    person      text COLLATE "C" NOT NULL,
    verdict     text COLLATE "C" NOT NULL,
    at          timestamptz NOT NULL,
    reason      text NOT NULL,
    conditions  text NOT NULL,
    alternative text NOT NULL,
    alt_text    text NOT NULL,
    ends_at     timestamptz,
    UNIQUE (object, round, stage, part, person),
    FOREIGN KEY (tenant, person) REFERENCES people (tenant, id),
    CONSTRAINT nobody_votes_on_their_own CHECK (person <> owner)
);
CREATE UNIQUE INDEX votes_one_word ON votes (object, round, person) WHERE verdict <> 'claim';
CREATE UNIQUE INDEX votes_one_claim ON votes (object, round, stage) WHERE verdict = 'claim';
CREATE INDEX votes_person ON votes (tenant, person, object);
CREATE INDEX votes_at ON votes (tenant, verdict, at);

-- Sponsors who said yes, and who said no.
INSERT INTO votes (tenant, object, owner, round, stage, part, person, verdict, at, reason, conditions, alternative, alt_text)
SELECT tenant, id, requester, 0, 0, 'sponsor', endorsed_by, 'yes', COALESCE(endorsed_at, updated_at), sponsor_note, '', '', ''
FROM requests WHERE endorsed_by IS NOT NULL;
INSERT INTO votes (tenant, object, owner, round, stage, part, person, verdict, at, reason, conditions, alternative, alt_text)
SELECT tenant, id, requester, 0, 0, 'sponsor', sponsor, 'no', COALESCE(closed_at, updated_at), reason, '', alternative, alt_text
FROM requests WHERE state = 'sponsor_declined' AND sponsor IS NOT NULL AND endorsed_by IS NULL;
-- Reviewers who hold a request, who approved it, and who denied it.
INSERT INTO votes (tenant, object, owner, round, stage, part, person, verdict, at, reason, conditions, alternative, alt_text)
SELECT tenant, id, requester, 0, 1, 'reviewer', claimed_by, 'claim', COALESCE(claimed_at, updated_at), '', '', '', ''
FROM requests WHERE state = 'awaiting_review' AND claimed_by IS NOT NULL AND claimed_by <> requester;
INSERT INTO votes (tenant, object, owner, round, stage, part, person, verdict, at, reason, conditions, alternative, alt_text)
SELECT tenant, id, requester, 0, 1, 'reviewer', decided_by, CASE state WHEN 'denied' THEN 'no' ELSE 'yes' END, COALESCE(decided_at, updated_at),
    reason, conditions, alternative, alt_text
FROM requests WHERE decided_by IS NOT NULL AND state <> 'rescinded' AND decided_by <> COALESCE(endorsed_by, '');
-- Of an approval that was taken back only the event tells who had given it.
INSERT INTO votes (tenant, object, owner, round, stage, part, person, verdict, at, reason, conditions, alternative, alt_text)
SELECT r.tenant, r.id, r.requester, 0, 1, 'reviewer', COALESCE(p.merged_into, p.id), 'yes', e.at, '', r.conditions, '', ''
FROM requests r
    JOIN audit_events e ON e.tenant = r.tenant AND e.object = r.id AND e.seq = (
        SELECT MAX(a.seq) FROM audit_events a WHERE a.tenant = r.tenant AND a.object = r.id AND a.action = 'request.approve')
    JOIN people p ON p.tenant = r.tenant AND p.id = e.actor
WHERE r.state = 'rescinded' AND COALESCE(p.merged_into, p.id) NOT IN (r.requester, COALESCE(r.endorsed_by, ''));
-- The first of two who thaw; both who put a token on the allow-list.
INSERT INTO votes (tenant, object, owner, round, stage, part, person, verdict, at, reason, conditions, alternative, alt_text)
SELECT tenant, id, owner, 0, 1, 'reviewer', thawed_by, 'yes', COALESCE((
    SELECT MAX(e.at) FROM audit_events e WHERE e.tenant = grants.tenant AND e.object = grants.id AND e.action = 'grant.thaw'), updated_at), '', '', '', ''
FROM grants WHERE thawed_by IS NOT NULL;
INSERT INTO votes (tenant, object, owner, round, stage, part, person, verdict, at, reason, conditions, alternative, alt_text, ends_at)
SELECT tenant, id, CASE WHEN owner IN (allowed_by, confirmed_by) THEN '' ELSE COALESCE(owner, '') END, 0, 1, 'reviewer', allowed_by, 'yes',
    COALESCE(allowed_at, updated_at), reason, '', '', '', review_at
FROM found_tokens WHERE allowed_by IS NOT NULL;
INSERT INTO votes (tenant, object, owner, round, stage, part, person, verdict, at, reason, conditions, alternative, alt_text)
SELECT tenant, id, CASE WHEN owner IN (allowed_by, confirmed_by) THEN '' ELSE COALESCE(owner, '') END, 0, 1, 'reviewer', confirmed_by, 'yes', COALESCE((
    SELECT MAX(e.at) FROM audit_events e WHERE e.tenant = found_tokens.tenant AND e.object = found_tokens.id AND e.action = 'found.allow'), updated_at),
    '', '', '', ''
FROM found_tokens WHERE confirmed_by IS NOT NULL AND confirmed_by <> COALESCE(allowed_by, '');

-- Which states there are, the program knows; a row says whether its life goes on.
ALTER TABLE requests
    DROP CONSTRAINT requests_state_check, DROP CONSTRAINT numbered, DROP CONSTRAINT nobody_sponsors_themselves,
    DROP CONSTRAINT nobody_decides_for_themselves, DROP CONSTRAINT approved_by_somebody_else,
    ADD COLUMN open boolean NOT NULL DEFAULT false,
    ADD COLUMN stage integer NOT NULL DEFAULT 0,
    ADD COLUMN round integer NOT NULL DEFAULT 0,
    ADD COLUMN ended_by text COLLATE "C",
    ADD FOREIGN KEY (tenant, ended_by) REFERENCES people (tenant, id),
    ADD CONSTRAINT nobody_sponsors_themselves CHECK (sponsor <> requester);
ALTER TABLE requests RENAME COLUMN reason TO remark;
ALTER TABLE grants
    DROP CONSTRAINT grants_state_check, DROP CONSTRAINT thawed_by_somebody_else,
    ADD COLUMN open boolean NOT NULL DEFAULT false,
    ADD COLUMN round integer NOT NULL DEFAULT 0;
ALTER TABLE found_tokens
    DROP CONSTRAINT found_tokens_state_check, DROP CONSTRAINT allowed_by_two,
    ADD COLUMN open boolean NOT NULL DEFAULT false,
    ADD COLUMN round integer NOT NULL DEFAULT 0;
UPDATE requests SET stage = 1 WHERE state = 'awaiting_review';
UPDATE requests SET ended_by = decided_by WHERE state = 'rescinded';
UPDATE requests SET remark = '' WHERE state = 'sponsor_declined' OR (decided_by IS NOT NULL AND state <> 'rescinded');
UPDATE requests SET open = true WHERE state IN ('awaiting_sponsor', 'awaiting_review', 'approved', 'collecting');
UPDATE grants SET open = true WHERE state NOT IN ('revoked', 'expired', 'unclaimed', 'void');
UPDATE found_tokens SET open = true WHERE state NOT IN ('adopted', 'removed', 'gone');
ALTER TABLE requests ADD CONSTRAINT numbered CHECK (number > 0 OR NOT open);
DROP INDEX grants_one_live;
CREATE UNIQUE INDEX grants_one_live ON grants (request_id) WHERE open;
DROP INDEX found_tokens_one;
CREATE UNIQUE INDEX found_tokens_one ON found_tokens (tenant, canvas_user, canvas_id) WHERE open;
DROP INDEX requests_endorsed_by;
ALTER TABLE requests DROP COLUMN endorsed_at, DROP COLUMN endorsed_by, DROP COLUMN sponsor_note, DROP COLUMN claimed_by, DROP COLUMN claimed_at,
    DROP COLUMN decided_by, DROP COLUMN decided_at, DROP COLUMN alternative, DROP COLUMN alt_text, DROP COLUMN conditions;
ALTER TABLE grants DROP COLUMN thawed_by;
ALTER TABLE found_tokens DROP COLUMN allowed_by, DROP COLUMN allowed_at, DROP COLUMN confirmed_by, DROP COLUMN reason;

-- Which programs run on this database; a row that is a minute old is of none.
CREATE TABLE replicas (
    id      text COLLATE "C" PRIMARY KEY,
    program integer NOT NULL,
    seen_at timestamptz NOT NULL
);
