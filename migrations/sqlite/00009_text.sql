-- +goose Up

-- Texts only: older programs may run on this schema.
INSERT INTO schema_programs (version, min_program) VALUES (9, 3);

-- Names and titles from Canvas are cleaned on the way in. Those that were stored
-- before lose what nobody sees here: control characters, bidirectional overrides
-- and isolates, zero-width spaces, deprecated format characters and
-- tags. Line breaks and tabs become spaces.
CREATE TEMP TABLE unseen (n INTEGER PRIMARY KEY, c TEXT NOT NULL, put TEXT NOT NULL);
WITH RECURSIVE
    ranges (first, last, put) AS (VALUES (9, 10, ' '), (13, 13, ' '), (0x85, 0x85, ' '), (0x2028, 0x2029, ' '),
        (1, 8, ''), (11, 12, ''), (14, 31, ''), (0x7F, 0x84, ''), (0x86, 0x9F, ''), (0x200B, 0x200B, ''), (0x202A, 0x202E, ''),
        (0x2060, 0x2060, ''), (0x2066, 0x206F, ''), (0xFEFF, 0xFEFF, ''), (0xFFF9, 0xFFFB, ''), (0xE0000, 0xE007F, '')),
    one (at, last, put) AS (SELECT first, last, put FROM ranges UNION ALL SELECT at + 1, last, put FROM one WHERE at < last)
INSERT INTO unseen (c, put) SELECT char(at), put FROM one;
UPDATE people SET name = (
    WITH RECURSIVE strip (s, n) AS (SELECT people.name, 1 UNION ALL SELECT replace(s, c, put), strip.n + 1 FROM strip JOIN unseen USING (n))
    SELECT trim(s) FROM strip ORDER BY n DESC LIMIT 1)
    WHERE name GLOB '*[' || char(1, 45, 31, 127, 45, 159, 8203, 8232, 45, 8238, 8288, 8294, 45, 8303, 65279, 65529, 45, 65531, 917504, 45, 917631) || ']*';
UPDATE people SET short_name = (
    WITH RECURSIVE strip (s, n) AS (SELECT people.short_name, 1 UNION ALL SELECT replace(s, c, put), strip.n + 1 FROM strip JOIN unseen USING (n))
    SELECT trim(s) FROM strip ORDER BY n DESC LIMIT 1)
    WHERE short_name GLOB '*[' || char(1, 45, 31, 127, 45, 159, 8203, 8232, 45, 8238, 8288, 8294, 45, 8303, 65279, 65529, 45, 65531, 917504, 45, 917631) || ']*';
UPDATE people SET search = (
    WITH RECURSIVE strip (s, n) AS (SELECT people.search, 1 UNION ALL SELECT replace(s, c, put), strip.n + 1 FROM strip JOIN unseen USING (n))
    SELECT trim(s) FROM strip ORDER BY n DESC LIMIT 1)
    WHERE search GLOB '*[' || char(1, 45, 31, 127, 45, 159, 8203, 8232, 45, 8238, 8288, 8294, 45, 8303, 65279, 65529, 45, 65531, 917504, 45, 917631) || ']*';
UPDATE people SET locale = (
    WITH RECURSIVE strip (s, n) AS (SELECT people.locale, 1 UNION ALL SELECT replace(s, c, put), strip.n + 1 FROM strip JOIN unseen USING (n))
    SELECT trim(s) FROM strip ORDER BY n DESC LIMIT 1)
    WHERE locale GLOB '*[' || char(1, 45, 31, 127, 45, 159, 8203, 8232, 45, 8238, 8288, 8294, 45, 8303, 65279, 65529, 45, 65531, 917504, 45, 917631) || ']*';
UPDATE people SET time_zone = (
    WITH RECURSIVE strip (s, n) AS (SELECT people.time_zone, 1 UNION ALL SELECT replace(s, c, put), strip.n + 1 FROM strip JOIN unseen USING (n))
    SELECT trim(s) FROM strip ORDER BY n DESC LIMIT 1)
    WHERE time_zone GLOB '*[' || char(1, 45, 31, 127, 45, 159, 8203, 8232, 45, 8238, 8288, 8294, 45, 8303, 65279, 65529, 45, 65531, 917504, 45, 917631) || ']*';
UPDATE people SET email = (
    WITH RECURSIVE strip (s, n) AS (SELECT people.email, 1 UNION ALL SELECT replace(s, c, put), strip.n + 1 FROM strip JOIN unseen USING (n))
    SELECT trim(s) FROM strip ORDER BY n DESC LIMIT 1)
    WHERE email GLOB '*[' || char(1, 45, 31, 127, 45, 159, 8203, 8232, 45, 8238, 8288, 8294, 45, 8303, 65279, 65529, 45, 65531, 917504, 45, 917631) || ']*';
UPDATE requests SET course_name = (
    WITH RECURSIVE strip (s, n) AS (SELECT requests.course_name, 1 UNION ALL SELECT replace(s, c, put), strip.n + 1 FROM strip JOIN unseen USING (n))
    SELECT trim(s) FROM strip ORDER BY n DESC LIMIT 1)
    WHERE course_name GLOB '*[' || char(1, 45, 31, 127, 45, 159, 8203, 8232, 45, 8238, 8288, 8294, 45, 8303, 65279, 65529, 45, 65531, 917504, 45, 917631) || ']*';
UPDATE requests SET course_code = (
    WITH RECURSIVE strip (s, n) AS (SELECT requests.course_code, 1 UNION ALL SELECT replace(s, c, put), strip.n + 1 FROM strip JOIN unseen USING (n))
    SELECT trim(s) FROM strip ORDER BY n DESC LIMIT 1)
    WHERE course_code GLOB '*[' || char(1, 45, 31, 127, 45, 159, 8203, 8232, 45, 8238, 8288, 8294, 45, 8303, 65279, 65529, 45, 65531, 917504, 45, 917631) || ']*';
UPDATE requests SET search = (
    WITH RECURSIVE strip (s, n) AS (SELECT requests.search, 1 UNION ALL SELECT replace(s, c, put), strip.n + 1 FROM strip JOIN unseen USING (n))
    SELECT trim(s) FROM strip ORDER BY n DESC LIMIT 1)
    WHERE search GLOB '*[' || char(1, 45, 31, 127, 45, 159, 8203, 8232, 45, 8238, 8288, 8294, 45, 8303, 65279, 65529, 45, 65531, 917504, 45, 917631) || ']*';
UPDATE requests SET sponsor_lost = (
    WITH RECURSIVE strip (s, n) AS (SELECT requests.sponsor_lost, 1 UNION ALL SELECT replace(s, c, put), strip.n + 1 FROM strip JOIN unseen USING (n))
    SELECT trim(s) FROM strip ORDER BY n DESC LIMIT 1)
    WHERE sponsor_lost GLOB '*[' || char(1, 45, 31, 127, 45, 159, 8203, 8232, 45, 8238, 8288, 8294, 45, 8303, 65279, 65529, 45, 65531, 917504, 45, 917631) || ']*';
UPDATE found_tokens SET owner_name = (
    WITH RECURSIVE strip (s, n) AS (SELECT found_tokens.owner_name, 1 UNION ALL SELECT replace(s, c, put), strip.n + 1 FROM strip JOIN unseen USING (n))
    SELECT trim(s) FROM strip ORDER BY n DESC LIMIT 1)
    WHERE owner_name GLOB '*[' || char(1, 45, 31, 127, 45, 159, 8203, 8232, 45, 8238, 8288, 8294, 45, 8303, 65279, 65529, 45, 65531, 917504, 45, 917631) || ']*';
UPDATE found_tokens SET purpose = (
    WITH RECURSIVE strip (s, n) AS (SELECT found_tokens.purpose, 1 UNION ALL SELECT replace(s, c, put), strip.n + 1 FROM strip JOIN unseen USING (n))
    SELECT trim(s) FROM strip ORDER BY n DESC LIMIT 1)
    WHERE purpose GLOB '*[' || char(1, 45, 31, 127, 45, 159, 8203, 8232, 45, 8238, 8288, 8294, 45, 8303, 65279, 65529, 45, 65531, 917504, 45, 917631) || ']*';
UPDATE found_tokens SET search = (
    WITH RECURSIVE strip (s, n) AS (SELECT found_tokens.search, 1 UNION ALL SELECT replace(s, c, put), strip.n + 1 FROM strip JOIN unseen USING (n))
    SELECT trim(s) FROM strip ORDER BY n DESC LIMIT 1)
    WHERE search GLOB '*[' || char(1, 45, 31, 127, 45, 159, 8203, 8232, 45, 8238, 8288, 8294, 45, 8303, 65279, 65529, 45, 65531, 917504, 45, 917631) || ']*';
DROP TABLE unseen;
