-- +goose Up

-- Texts only: older programs may run on this schema.
INSERT INTO schema_programs (version, min_program) VALUES (9, 3);

-- Names and titles from Canvas are cleaned on the way in. Those that were stored
-- before lose what nobody sees here: control characters, bidirectional overrides
-- and isolates, zero-width spaces, deprecated format characters and
-- tags. Line breaks and tabs become spaces.
-- +goose StatementBegin
CREATE FUNCTION text_seen(s text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT btrim(regexp_replace(regexp_replace(s, '[\t\n\r\u0085\u2028\u2029]', ' ', 'g'),
        '[\u0001-\u001F\u007F-\u009F\u200B\u202A-\u202E\u2060\u2066-\u206F\uFEFF\uFFF9-\uFFFB\U000E0000-\U000E007F]', '', 'g'))
$$;
-- +goose StatementEnd
UPDATE people SET name = text_seen(name), short_name = text_seen(short_name), search = text_seen(search),
    locale = text_seen(locale), time_zone = text_seen(time_zone), email = text_seen(email)
    WHERE (name, short_name, search, locale, time_zone, email) <> (text_seen(name), text_seen(short_name),
        text_seen(search), text_seen(locale), text_seen(time_zone), text_seen(email));
UPDATE requests SET course_name = text_seen(course_name), course_code = text_seen(course_code), search = text_seen(search),
    sponsor_lost = text_seen(sponsor_lost)
    WHERE (course_name, course_code, search, sponsor_lost) <> (text_seen(course_name), text_seen(course_code),
        text_seen(search), text_seen(sponsor_lost));
UPDATE found_tokens SET owner_name = text_seen(owner_name), purpose = text_seen(purpose), search = text_seen(search)
    WHERE (owner_name, purpose, search) <> (text_seen(owner_name), text_seen(purpose), text_seen(search));
DROP FUNCTION text_seen(text);
