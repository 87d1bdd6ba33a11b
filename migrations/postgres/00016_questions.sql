-- +goose Up

-- A program before version 7 reads neither.
INSERT INTO schema_programs (version, min_program) VALUES (16, 7);

-- The questions of the form stand in the document, with their own limits.
UPDATE policies SET document = ((document::jsonb - 'limits') || jsonb_build_object('questions', jsonb_set(jsonb_set(jsonb_set(jsonb_set(jsonb_set(jsonb_set(
    '[{"key":"purpose","kind":"choice","options":[{"key":"coursework"},{"key":"teaching"},{"key":"own_data"},{"key":"research"},{"key":"administration"},{"key":"other"}],"required":true,"section":"what"},{"key":"build","kind":"paragraph","least":30,"most":2000,"required":true,"section":"what"},{"key":"maker","kind":"choice","options":[{"key":"self"},{"key":"school"},{"key":"company"}],"required":true,"section":"what"},{"key":"maker_name","kind":"text","least":0,"most":200,"required":true,"section":"what","when":{"answer":"company","question":"maker"}},{"key":"maker_link","kind":"link","least":0,"most":500,"required":false,"section":"what","when":{"answer":"company","question":"maker"}},{"key":"ai","kind":"choice","options":[{"key":"no"},{"key":"yes"}],"required":true,"section":"what"},{"key":"ai_service","kind":"text","least":0,"most":200,"required":true,"section":"what","when":{"answer":"yes","question":"ai"}},{"key":"ai_data","kind":"paragraph","least":0,"most":1000,"required":true,"section":"what","when":{"answer":"yes","question":"ai"}},{"key":"data","kind":"choices","options":[{"key":"own"},{"key":"content"},{"key":"people","others":true},{"key":"grades","others":true},{"key":"messages","others":true}],"required":true,"section":"reach"},{"key":"storage","kind":"choice","options":[{"key":"password_manager"},{"key":"encrypted_config"},{"key":"school_server"},{"key":"repository","refused":true},{"key":"chat","refused":true},{"key":"document","refused":true}],"required":true,"section":"reach"},{"key":"end","kind":"end","section":"end"},{"key":"sponsor","kind":"sponsor","section":"end"},{"key":"accepted","kind":"rules","section":"rules"}]'::jsonb,
    '{1,least}', COALESCE(document::jsonb #> '{limits,build_least}', 'null')),
    '{1,most}', COALESCE(document::jsonb #> '{limits,build_most}', 'null')),
    '{3,most}', COALESCE(document::jsonb #> '{limits,short}', 'null')),
    '{4,most}', COALESCE(document::jsonb #> '{limits,link}', 'null')),
    '{6,most}', COALESCE(document::jsonb #> '{limits,short}', 'null')),
    '{7,most}', COALESCE(document::jsonb #> '{limits,note}', 'null'))))::text;

-- An answer is a value, or a list of them, under its question's key. What was not
-- answered is not there.
UPDATE requests SET answers = (
    SELECT COALESCE(json_object_agg(name, answer)::text, '{}') FROM (
        SELECT CASE WHEN a.key IN ('end_date', 'end_typed') THEN 'end' ELSE a.key END AS name,
            CASE json_typeof(a.value) WHEN 'boolean' THEN '"yes"'::json ELSE a.value END AS answer
        FROM json_each(requests.answers::json) a
        WHERE a.value::text = 'true' OR (json_typeof(a.value) = 'array' AND a.value::text <> '[]') OR (json_typeof(a.value) = 'string' AND a.value::text <> '""'
            AND (a.key <> 'end_typed' OR COALESCE(requests.answers::json ->> 'end_date', '') = ''))) AS now);
UPDATE kept SET data = (
    SELECT COALESCE(json_object_agg(name, answer)::text, '{}') FROM (
        SELECT CASE WHEN a.key IN ('end_date', 'end_typed') THEN 'end' ELSE a.key END AS name,
            CASE json_typeof(a.value) WHEN 'boolean' THEN '"yes"'::json ELSE a.value END AS answer
        FROM json_each(kept.data::json) a
        WHERE a.value::text = 'true' OR (json_typeof(a.value) = 'array' AND a.value::text <> '[]') OR (json_typeof(a.value) = 'string' AND a.value::text <> '""'
            AND (a.key <> 'end_typed' OR COALESCE(kept.data::json ->> 'end_date', '') = ''))) AS now)
WHERE form = 'request' AND json_typeof(data::json) = 'object';
