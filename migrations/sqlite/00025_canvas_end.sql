-- +goose Up

INSERT INTO schema_programs (version, min_program) VALUES (25, 7);

-- What is due, four times: a minute costs what is over, and not what lives. First the
-- end in Canvas.
CREATE INDEX grants_canvas_end ON grants (tenant, (COALESCE(expires, wanted)), id) WHERE open;
