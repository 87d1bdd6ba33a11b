// Package migrations holds the database schema as numbered SQL files, one
// folder for each engine. A file that was released never changes: an undo or a
// correction is a new file.
//
// Every file inserts one row into schema_programs: its own number, and the
// oldest store.ProgramVersion that may still run on the schema it leaves. Files
// first expand (old programs go on running), and contract only after the last
// program that needs the old shape is gone; where one cannot wait for that, it
// names this program as the oldest, and store.Migrate refuses to run it under an
// older one. An index that is built on a table with rows is a file of its own, which
// PostgreSQL runs outside a transaction and without keeping others from writing: it
// first drops what an earlier run left unfinished, and may run twice. What needs the
// audit chain is a migration in Go (store/inreview.go).
package migrations

import "embed"

// FS holds the folders sqlite and postgres.
//
//go:embed sqlite/*.sql postgres/*.sql
var FS embed.FS
