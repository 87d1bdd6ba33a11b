-- +goose NO TRANSACTION
-- +goose Up

-- The requests of a course: for the tokens of a course.
DROP INDEX CONCURRENTLY IF EXISTS requests_course;
CREATE INDEX CONCURRENTLY requests_course ON requests (tenant, course_id) WHERE course_id <> '';
INSERT INTO schema_programs (version, min_program) VALUES (36, 7) ON CONFLICT DO NOTHING;
