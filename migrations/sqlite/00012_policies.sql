-- +goose Up

INSERT INTO schema_programs (version, min_program) VALUES (12, 6);

-- Every version of a tenant's policy that was ever published; none changes.
CREATE TABLE policies (
    tenant       TEXT NOT NULL REFERENCES tenants (id),
    version      INTEGER NOT NULL CHECK (version >= 1),
    document     TEXT NOT NULL,
    published_at TEXT NOT NULL,
    published_by TEXT NOT NULL,
    reason       TEXT NOT NULL,
    PRIMARY KEY (tenant, version)
) STRICT;
-- The version by which what begins now is judged; 0 for none.
ALTER TABLE tenants ADD COLUMN policy_version INTEGER NOT NULL DEFAULT 0 CHECK (policy_version >= 0);
-- Until now every school had the policy that was part of the program, and its
-- requests name it as version 1.
INSERT INTO policies (tenant, version, document, published_at, published_by, reason)
SELECT id, 1, '{"calendar":{"holidays":[],"work_days":["monday","tuesday","wednesday","thursday","friday"]},"limits":{"build_least":30,"build_most":2000,"link":500,"note":1000,"short":200},"quotas":{"live_tokens":2,"open_requests":3},"roles":{"faculty":{"longest_life":"180d","longest_total":"730d","rule":"open"},"staff":{"longest_life":"180d","longest_total":"730d","rule":"open"},"student":{"longest_life":"119d","longest_total":"365d","rule":"sponsor"}},"windows":{"activation":"7d","allow_list":"365d","campaign_answer":"30d","claim":"1d","collect":"14d","draft":"30d","grace":"14d","overlap":"3d","renewal":"30d","replacement":"1d","review_days":5,"sponsor_answer":"14d","sponsor_gap":"14d"}}', created_at, 'system', ''
FROM tenants;
UPDATE tenants SET policy_version = 1;
