-- +goose Up

-- A program before version 7 reads neither.
INSERT INTO schema_programs (version, min_program) VALUES (16, 7);

-- The questions of the form stand in the document, with their own limits.
UPDATE policies SET document = json_remove(json_set(document, '$.questions', json_set(
    '[{"key":"purpose","kind":"choice","options":[{"key":"coursework"},{"key":"teaching"},{"key":"own_data"},{"key":"research"},{"key":"administration"},{"key":"other"}],"required":true,"section":"what"},{"key":"build","kind":"paragraph","least":30,"most":2000,"required":true,"section":"what"},{"key":"maker","kind":"choice","options":[{"key":"self"},{"key":"school"},{"key":"company"}],"required":true,"section":"what"},{"key":"maker_name","kind":"text","least":0,"most":200,"required":true,"section":"what","when":{"answer":"company","question":"maker"}},{"key":"maker_link","kind":"link","least":0,"most":500,"required":false,"section":"what","when":{"answer":"company","question":"maker"}},{"key":"ai","kind":"choice","options":[{"key":"no"},{"key":"yes"}],"required":true,"section":"what"},{"key":"ai_service","kind":"text","least":0,"most":200,"required":true,"section":"what","when":{"answer":"yes","question":"ai"}},{"key":"ai_data","kind":"paragraph","least":0,"most":1000,"required":true,"section":"what","when":{"answer":"yes","question":"ai"}},{"key":"data","kind":"choices","options":[{"key":"own"},{"key":"content"},{"key":"people","others":true},{"key":"grades","others":true},{"key":"messages","others":true}],"required":true,"section":"reach"},{"key":"storage","kind":"choice","options":[{"key":"password_manager"},{"key":"encrypted_config"},{"key":"school_server"},{"key":"repository","refused":true},{"key":"chat","refused":true},{"key":"document","refused":true}],"required":true,"section":"reach"},{"key":"end","kind":"end","section":"end"},{"key":"sponsor","kind":"sponsor","section":"end"},{"key":"accepted","kind":"rules","section":"rules"}]',
    '$[1].least', json_extract(document, '$.limits.build_least'), '$[1].most', json_extract(document, '$.limits.build_most'),
    '$[3].most', json_extract(document, '$.limits.short'), '$[4].most', json_extract(document, '$.limits.link'),
    '$[6].most', json_extract(document, '$.limits.short'), '$[7].most', json_extract(document, '$.limits.note'))), '$.limits');

-- An answer is a value, or a list of them, under its question's key. What was not
-- answered is not there.
UPDATE requests SET answers = (
    SELECT json_group_object(name, json(answer)) FROM (
        SELECT CASE WHEN a.key IN ('end_date', 'end_typed') THEN 'end' ELSE a.key END AS name,
            CASE a.type WHEN 'true' THEN '"yes"' ELSE requests.answers -> a.fullkey END AS answer
        FROM json_each(requests.answers) a
        WHERE a.type = 'true' OR (a.type = 'array' AND a.value <> '[]') OR (a.type = 'text' AND a.value <> ''
            AND (a.key <> 'end_typed' OR COALESCE(json_extract(requests.answers, '$.end_date'), '') = ''))) AS now);
UPDATE kept SET data = (
    SELECT json_group_object(name, json(answer)) FROM (
        SELECT CASE WHEN a.key IN ('end_date', 'end_typed') THEN 'end' ELSE a.key END AS name,
            CASE a.type WHEN 'true' THEN '"yes"' ELSE kept.data -> a.fullkey END AS answer
        FROM json_each(kept.data) a
        WHERE a.type = 'true' OR (a.type = 'array' AND a.value <> '[]') OR (a.type = 'text' AND a.value <> ''
            AND (a.key <> 'end_typed' OR COALESCE(json_extract(kept.data, '$.end_date'), '') = ''))) AS now)
WHERE form = 'request' AND json_type(data) = 'object';
