-- +goose Up

-- A program before version 7 keeps who decided in columns that go here, and does
-- not know the state in_review: it may not run here.
INSERT INTO schema_programs (version, min_program) VALUES (14, 7);

-- Until now every review had one stage, in which one reviewer decided.
UPDATE policies SET document = json_set(document, '$.stages', json('[{"name":"","by":"reviewer","votes":1}]'));

-- What one person said in one stage of a decision about an object. The last line
-- of the separation of duties: nobody votes on what is their own, nor says two
-- things in one round.
CREATE TABLE votes (
    tenant      TEXT NOT NULL REFERENCES tenants (id),
    object      TEXT NOT NULL,
    owner       TEXT NOT NULL,
    round       INTEGER NOT NULL CHECK (round >= 0),
    stage       INTEGER NOT NULL CHECK (stage >= 0),
    part        TEXT NOT NULL,
    person      TEXT NOT NULL,
    verdict     TEXT NOT NULL,
    at          TEXT NOT NULL,
    reason      TEXT NOT NULL,
    conditions  TEXT NOT NULL,
    alternative TEXT NOT NULL,
    alt_text    TEXT NOT NULL,
    ends_at     TEXT,
    UNIQUE (object, round, stage, part, person),
    FOREIGN KEY (tenant, person) REFERENCES people (tenant, id),
    CONSTRAINT nobody_votes_on_their_own CHECK (person <> owner)
) STRICT;
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
-- SQLite takes a constraint out of a table only by its text (sqlite.org,
-- lang_altertable.html, 7); what is stored is not touched by that.
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(replace(replace(replace(replace(replace(replace(sql,
    ' CHECK (state IN (''draft'', ''discarded'', ''awaiting_sponsor'', ''awaiting_review'', ''approved'',
                       ''collecting'', ''fulfilled'', ''sponsor_declined'', ''denied'', ''withdrawn'', ''lapsed'', ''rescinded''))', ''),
    '
    FOREIGN KEY (tenant, endorsed_by) REFERENCES people (tenant, id),', ''),
    '
    FOREIGN KEY (tenant, claimed_by) REFERENCES people (tenant, id),', ''),
    '
    FOREIGN KEY (tenant, decided_by) REFERENCES people (tenant, id),', ''),
    'CONSTRAINT numbered CHECK (number > 0 OR (number = 0 AND state IN (''draft'', ''discarded'')))', 'CONSTRAINT numbered CHECK (number >= 0)'),
    'CHECK (sponsor <> requester AND endorsed_by <> requester),
    CONSTRAINT nobody_decides_for_themselves CHECK (decided_by <> requester),
    CONSTRAINT approved_by_somebody_else CHECK (state NOT IN (''approved'', ''collecting'', ''fulfilled'')
        OR (decided_by IS NOT NULL AND (endorsed_by IS NULL OR decided_by <> endorsed_by)))', 'CHECK (sponsor <> requester)'),
    '
    -- The last line of the separation of duties; the core refuses long before.', '')
WHERE type = 'table' AND name = 'requests';
UPDATE sqlite_schema SET sql = replace(replace(replace(sql,
    ' CHECK (state IN (''minting'', ''recovering'', ''handed_over'', ''active'', ''freezing'', ''frozen'',
                     ''replacing'', ''revoking'', ''revoked'', ''expired'', ''unclaimed'', ''void''))', ''),
    '
    FOREIGN KEY (tenant, thawed_by) REFERENCES people (tenant, id),', ''),
    ',
    CONSTRAINT thawed_by_somebody_else CHECK (thawed_by <> owner)', '')
WHERE type = 'table' AND name = 'grants';
UPDATE sqlite_schema SET sql = replace(replace(replace(replace(sql,
    ' CHECK (state IN (''found'', ''told'', ''allowing'', ''allowed'', ''removing'', ''adopted'', ''removed'', ''gone''))', ''),
    '
    FOREIGN KEY (tenant, allowed_by) REFERENCES people (tenant, id),', ''),
    '
    FOREIGN KEY (tenant, confirmed_by) REFERENCES people (tenant, id),', ''),
    ',
    CONSTRAINT allowed_by_two CHECK (state <> ''allowed'' OR (allowed_by IS NOT NULL AND confirmed_by IS NOT NULL AND allowed_by <> confirmed_by))', '')
WHERE type = 'table' AND name = 'found_tokens';
PRAGMA writable_schema = RESET;
ALTER TABLE requests ADD COLUMN open INTEGER NOT NULL DEFAULT 0;
ALTER TABLE requests ADD COLUMN stage INTEGER NOT NULL DEFAULT 0;
ALTER TABLE requests ADD COLUMN round INTEGER NOT NULL DEFAULT 0;
ALTER TABLE requests ADD COLUMN ended_by TEXT;
ALTER TABLE requests RENAME COLUMN reason TO remark;
ALTER TABLE grants ADD COLUMN open INTEGER NOT NULL DEFAULT 0;
ALTER TABLE grants ADD COLUMN round INTEGER NOT NULL DEFAULT 0;
ALTER TABLE found_tokens ADD COLUMN open INTEGER NOT NULL DEFAULT 0;
ALTER TABLE found_tokens ADD COLUMN round INTEGER NOT NULL DEFAULT 0;
UPDATE requests SET stage = 1 WHERE state = 'awaiting_review';
UPDATE requests SET ended_by = decided_by WHERE state = 'rescinded';
UPDATE requests SET remark = '' WHERE state = 'sponsor_declined' OR (decided_by IS NOT NULL AND state <> 'rescinded');
UPDATE requests SET open = 1 WHERE state IN ('awaiting_sponsor', 'awaiting_review', 'approved', 'collecting');
UPDATE grants SET open = 1 WHERE state NOT IN ('revoked', 'expired', 'unclaimed', 'void');
UPDATE found_tokens SET open = 1 WHERE state NOT IN ('adopted', 'removed', 'gone');
DROP INDEX grants_one_live;
CREATE UNIQUE INDEX grants_one_live ON grants (request_id) WHERE open;
DROP INDEX found_tokens_one;
CREATE UNIQUE INDEX found_tokens_one ON found_tokens (tenant, canvas_user, canvas_id) WHERE open;
DROP INDEX requests_endorsed_by;
ALTER TABLE requests DROP COLUMN endorsed_at;
ALTER TABLE requests DROP COLUMN endorsed_by;
ALTER TABLE requests DROP COLUMN sponsor_note;
ALTER TABLE requests DROP COLUMN claimed_by;
ALTER TABLE requests DROP COLUMN claimed_at;
ALTER TABLE requests DROP COLUMN decided_by;
ALTER TABLE requests DROP COLUMN decided_at;
ALTER TABLE requests DROP COLUMN alternative;
ALTER TABLE requests DROP COLUMN alt_text;
ALTER TABLE requests DROP COLUMN conditions;
ALTER TABLE grants DROP COLUMN thawed_by;
ALTER TABLE found_tokens DROP COLUMN allowed_by;
ALTER TABLE found_tokens DROP COLUMN allowed_at;
ALTER TABLE found_tokens DROP COLUMN confirmed_by;
ALTER TABLE found_tokens DROP COLUMN reason;
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql, 'CONSTRAINT numbered CHECK (number >= 0)',
    'FOREIGN KEY (tenant, ended_by) REFERENCES people (tenant, id),
    CONSTRAINT numbered CHECK (number > 0 OR NOT open)')
WHERE type = 'table' AND name = 'requests';
PRAGMA writable_schema = RESET;

-- Which programs run on this database; a row that is a minute old is of none.
CREATE TABLE replicas (
    id      TEXT PRIMARY KEY,
    program INTEGER NOT NULL,
    seen_at TEXT NOT NULL
) STRICT;
