-- +goose NO TRANSACTION
-- +goose Up

-- What is due, four times: a minute costs what is over, and not what lives. First the
-- end in Canvas.
DROP INDEX CONCURRENTLY IF EXISTS grants_canvas_end;
CREATE INDEX CONCURRENTLY grants_canvas_end ON grants (tenant, (COALESCE(expires, wanted)), id) WHERE open;

INSERT INTO schema_programs (version, min_program) VALUES (25, 7) ON CONFLICT (version) DO NOTHING;
