-- +goose Up

INSERT INTO schema_programs (version, min_program) VALUES (33, 7);

-- A text as its trigrams are indexed: each character as one ASCII letter or digit,
-- always the same. What an extension takes for a letter depends on the database's
-- locale, and in C nothing beyond ASCII is one; this is the same in each, and a
-- space or a sign counts as every other character does
-- (docs/adr/0019-search-by-trigrams.md). Different characters may become the same
-- one: who compares these compares the texts themselves, too.
-- +goose StatementBegin
CREATE FUNCTION search_letters(t text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    IF octet_length(t) <> length(t) THEN
        t := (SELECT string_agg(CASE WHEN ascii(c) < 128 THEN c
                      ELSE substr('0123456789abcdefghijklmnopqrstuvwxyz', ascii(c) % 36 + 1, 1) END, '' ORDER BY n)
              FROM unnest(string_to_array(t, NULL)) WITH ORDINALITY AS each_one (c, n));
    END IF;
    -- Ten times as fast as translate, which looks at each sign for each character.
    t := replace(replace(replace(replace(replace(replace(t, ' ', '0'), E'\n', '1'), '-', '2'), '.', '3'), ',', '4'), ':', '5');
    t := replace(replace(replace(replace(replace(replace(t, ';', '6'), '/', '7'), '(', '8'), ')', '9'), '''', 'j'), '"', 'q');
    t := replace(replace(replace(replace(replace(replace(t, '_', 'x'), '@', 'z'), '+', 'k'), '#', 'v'), '&', 'w'), '!', 'y');
    t := replace(replace(replace(replace(replace(replace(t, '?', 'f'), '%', 'h'), '*', 'j'), '<', 'q'), '>', 'x'), '=', 'z');
    t := replace(replace(replace(replace(replace(replace(t, '[', 'k'), ']', 'v'), '{', 'w'), '}', 'y'), '|', 'f'), '~', 'h');
    t := replace(replace(replace(replace(t, '$', 'b'), '^', 'c'), '`', 'd'), '\', 'g');
    RETURN t;
END
$$;
-- +goose StatementEnd
