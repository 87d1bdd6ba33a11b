-- +goose Up

INSERT INTO schema_programs (version, min_program) VALUES (36, 7);

-- The requests of a course: for the tokens of a course.
CREATE INDEX requests_course ON requests (tenant, course_id) WHERE course_id <> '';
