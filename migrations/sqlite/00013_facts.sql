-- +goose Up

-- A program before version 6 does not write what letters and pages read here.
INSERT INTO schema_programs (version, min_program) VALUES (13, 6);

-- What only the details of the audit log had: they are evidence and may be erased,
-- and nothing may depend on them. Codes and ids stand with their objects.
ALTER TABLE grants ADD COLUMN sponsor_was TEXT;
ALTER TABLE grants ADD COLUMN gap_why TEXT NOT NULL DEFAULT '';
ALTER TABLE grants ADD COLUMN turned_down TEXT;
ALTER TABLE requests ADD COLUMN returned_why TEXT NOT NULL DEFAULT '';
ALTER TABLE incidents ADD COLUMN after_end INTEGER NOT NULL DEFAULT 0;

-- People's own words: of an object one row of each kind, which can be emptied. An
-- erased one holds the character SUBSTITUTE, as erased words in other tables do.
CREATE TABLE quotes (
    tenant TEXT NOT NULL REFERENCES tenants (id),
    object TEXT NOT NULL,
    kind TEXT NOT NULL,
    words TEXT NOT NULL,
    PRIMARY KEY (tenant, object, kind)
) STRICT;

-- Who stood for a token that has no sponsor, and who said no since: the events
-- have it, without their details.
UPDATE grants SET gap_why = COALESCE((
    SELECT CASE e.action WHEN 'grant.lose_sponsor' THEN 'lost' ELSE 'ended' END FROM audit_events e
    WHERE e.tenant = grants.tenant AND e.object = grants.id AND e.action IN ('grant.lose_sponsor', 'grant.end_sponsorship')
    ORDER BY e.seq DESC LIMIT 1), '')
WHERE gap_until IS NOT NULL;
UPDATE grants SET sponsor_was = CASE gap_why
    WHEN 'ended' THEN (
        SELECT e.actor FROM audit_events e
        WHERE e.tenant = grants.tenant AND e.object = grants.id AND e.action = 'grant.end_sponsorship'
        ORDER BY e.seq DESC LIMIT 1)
    WHEN 'lost' THEN COALESCE((
        SELECT e.actor FROM audit_events e
        WHERE e.tenant = grants.tenant AND e.object = grants.id AND e.action = 'grant.take_over'
        ORDER BY e.seq DESC LIMIT 1), (
        SELECT r.sponsor FROM requests r WHERE r.tenant = grants.tenant AND r.id = grants.request_id))
    END,
    turned_down = (
        SELECT e.actor FROM audit_events e
        WHERE e.tenant = grants.tenant AND e.object = grants.id AND e.action = 'grant.turn_down' AND e.actor <> 'system'
            AND e.seq > (SELECT MAX(l.seq) FROM audit_events l WHERE l.tenant = grants.tenant AND l.object = grants.id
                AND l.action IN ('grant.lose_sponsor', 'grant.end_sponsorship'))
        ORDER BY e.seq DESC LIMIT 1)
WHERE gap_until IS NOT NULL;
UPDATE grants SET sponsor_was = (SELECT p.merged_into FROM people p WHERE p.tenant = grants.tenant AND p.id = grants.sponsor_was)
WHERE EXISTS (SELECT 1 FROM people p WHERE p.tenant = grants.tenant AND p.id = grants.sponsor_was AND p.merged_into IS NOT NULL);
UPDATE grants SET turned_down = (SELECT p.merged_into FROM people p WHERE p.tenant = grants.tenant AND p.id = grants.turned_down)
WHERE EXISTS (SELECT 1 FROM people p WHERE p.tenant = grants.tenant AND p.id = grants.turned_down AND p.merged_into IS NOT NULL);
UPDATE grants SET gap_why = 'not_recorded' WHERE gap_until IS NOT NULL AND sponsor_was IS NULL;

-- Why a token was not kept, which only the details told.
UPDATE requests SET returned_why = COALESCE((
    SELECT CASE WHEN d.event_id IS NOT NULL THEN json_extract(d.data, '$.trouble') WHEN e.detail_sum IS NOT NULL THEN 'adopt.not_recorded' END
    FROM audit_events e LEFT JOIN audit_details d ON d.event_id = e.id
    WHERE e.tenant = requests.tenant AND e.object = requests.id AND e.action = 'request.return'
    ORDER BY e.seq DESC LIMIT 1), '')
WHERE adopts IS NOT NULL;

-- Leaks of tokens that had ended when they were reported.
UPDATE incidents SET after_end = 1 WHERE EXISTS (
    SELECT 1 FROM audit_events o JOIN audit_events e ON e.tenant = o.tenant AND e.seq < o.seq
    WHERE o.tenant = incidents.tenant AND o.object = incidents.id AND o.action = 'incident.open'
        AND e.object = incidents.grant_id AND e.to_state IN ('revoked', 'expired', 'unclaimed', 'void'));

-- The words that remain, the last of each kind. Where the details are gone and
-- there must have been words, they were erased. What a mass revocation says stands
-- with it.
INSERT INTO quotes (tenant, object, kind, words)
SELECT tenant, object, kind, words FROM (
    SELECT e.tenant, e.object,
        CASE e.action WHEN 'grant.revoke' THEN 'end' WHEN 'grant.end_sponsorship' THEN 'sponsorship' WHEN 'found.remove' THEN 'removal' ELSE 'note' END AS kind,
        CASE WHEN d.event_id IS NOT NULL THEN COALESCE(json_extract(d.data, '$.quote'), json_extract(d.data, '$.note'))
            WHEN e.detail_sum IS NOT NULL AND (g.id IS NULL OR e.action <> 'grant.revoke' OR g.cause IN ('sponsor', 'reviewer', 'misuse')) THEN char(26) END AS words,
        ROW_NUMBER() OVER (PARTITION BY e.tenant, e.object, e.action ORDER BY e.seq DESC) AS nth
    FROM audit_events e
        LEFT JOIN audit_details d ON d.event_id = e.id
        LEFT JOIN grants g ON g.tenant = e.tenant AND g.id = e.object
    WHERE e.action IN ('grant.revoke', 'grant.end_sponsorship', 'found.remove', 'incident.clear') AND COALESCE(g.cause, '') <> 'mass') AS said
WHERE nth = 1 AND words <> '';
