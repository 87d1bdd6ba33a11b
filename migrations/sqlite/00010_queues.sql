-- +goose Up

INSERT INTO schema_programs (version, min_program) VALUES (10, 5);

-- Jobs wait in named queues, and the schools of a queue take turns. A kind of job
-- belongs to one queue; which one, the running program says. So the claim goes
-- from school to school of each kind: one step of this index for each, however
-- many jobs wait.
DROP INDEX jobs_due;
CREATE INDEX jobs_waiting ON jobs (kind, tenant, run_at, id) WHERE state = 'due';
CREATE INDEX jobs_leased ON jobs (kind, leased_until) WHERE state = 'leased';
