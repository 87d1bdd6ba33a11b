-- +goose Up

-- An older program may run: a tenant that it makes has no place here, and is
-- found by its platform's row all the same.
INSERT INTO schema_programs (version, min_program) VALUES (8, 3);

-- Which Canvas a tenant is: the issuer of its tokens and the origin of its API,
-- which answers for one root account. No two tenants are the same. Where two
-- were made before, the one of the older registration that is on has the place,
-- the other none; doctor tells of both.
ALTER TABLE tenants ADD COLUMN canvas_issuer text COLLATE "C";
ALTER TABLE tenants ADD COLUMN canvas_origin text COLLATE "C";
UPDATE tenants SET canvas_issuer = p.issuer, canvas_origin = p.origin
FROM (SELECT tenant, issuer, (canvas_urls::json ->> 0) AS origin,
             ROW_NUMBER() OVER (PARTITION BY issuer, (canvas_urls::json ->> 0) ORDER BY disabled, created_at, id) AS among,
             ROW_NUMBER() OVER (PARTITION BY tenant ORDER BY disabled, created_at, id) AS own
      FROM platforms) AS p
WHERE p.tenant = tenants.id AND p.among = 1 AND p.own = 1 AND p.origin IS NOT NULL;
CREATE UNIQUE INDEX tenants_canvas ON tenants (canvas_issuer, canvas_origin) WHERE canvas_origin IS NOT NULL;
