package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// trigramIndexes are PostgreSQL's indexes of what is searched. They are no
// migrations: they need an extension that this program may not be allowed to make,
// and a database without them works, with poorer searches. SQLite has the like in
// tables of its migrations.
var trigramIndexes = []struct{ name, table string }{
	{"people_search_trigrams", "people"},
	{"requests_search_trigrams", "requests"},
	{"found_tokens_search_trigrams", "found_tokens"},
}

// Search is how a database is searched.
type Search struct {
	// Anywhere: three characters and more are found anywhere in a text. Otherwise
	// requests are found by their number, and people by how their name begins.
	Anywhere bool
	// Extension: what Anywhere needs is there, but Migrate has not built on it yet.
	Extension bool
	// Database is the name of the PostgreSQL database.
	Database string
}

// Search returns how the database is searched now.
func (s *Store) Search(ctx context.Context) (Search, error) {
	if s.path != "" {
		return Search{Anywhere: true, Extension: true}, nil
	}
	var out Search
	err := s.sql.QueryRowContext(ctx, "SELECT current_database(), EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'pg_trgm')").Scan(&out.Database, &out.Extension)
	if err == nil {
		err = s.sql.QueryRowContext(ctx, allTrigrams).Scan(&out.Anywhere)
	}
	return out, fail(ctx, "read how the database is searched", err)
}

// allTrigrams tells whether all of trigramIndexes are there, and whole.
var allTrigrams = func() string {
	q := "SELECT COUNT(*) = " + fmt.Sprint(len(trigramIndexes)) + " FROM pg_index WHERE indisvalid AND indexrelid IN ("
	for i, x := range trigramIndexes {
		if i > 0 {
			q += ", "
		}
		q += "to_regclass('" + x.name + "')"
	}
	return q + ")"
}()

// knownTrigrams is what was last read of the database's trigrams, and when.
type knownTrigrams struct {
	sync.Mutex
	at  time.Time
	are bool
}

// trigramsFor is how long a process believes what it read: after that, Migrate may
// have made them, or somebody may have dropped them.
const trigramsFor = time.Minute

func (tx *Tx) postgres() bool { return tx.s.path == "" }

// trigrams reports whether the database finds a text by any three characters of it.
func (tx *Tx) trigrams() (bool, error) {
	if !tx.postgres() {
		return true, nil
	}
	known, now := &tx.s.known, tx.s.now()
	known.Lock()
	defer known.Unlock()
	if age := now.Sub(known.at); !known.at.IsZero() && age >= 0 && age < trigramsFor {
		return known.are, nil
	}
	var are bool
	if err := tx.db.Raw(allTrigrams).Scan(&are).Error; err != nil {
		return false, tx.fail("look for trigrams", err)
	}
	known.at, known.are = now, are
	return are, nil
}

// makeTrigrams makes what is missing of trigramIndexes, without a lock that stops a
// running program, and drops what a killed run left invalid. Where the extension is
// missing and this program may not make it, that is logged, and no error: Search
// tells.
func (s *Store) makeTrigrams(ctx context.Context) error {
	if s.path != "" {
		return nil
	}
	schema, err := s.trigramSchema(ctx)
	if err != nil || schema == "" {
		return err
	}
	made := false
	for _, x := range trigramIndexes {
		var valid bool
		err := s.sql.QueryRowContext(ctx, "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass($1)", x.name).Scan(&valid)
		switch {
		case err == nil && valid:
			continue
		case err == nil:
			_, err = s.sql.ExecContext(ctx, "DROP INDEX CONCURRENTLY "+x.name)
		case errors.Is(err, sql.ErrNoRows):
			err = nil
		}
		if err != nil {
			return fail(ctx, "look for "+x.name, err)
		}
		began := s.now()
		// What was written last waits in a list that each search reads: a short one.
		_, err = s.sql.ExecContext(ctx, "CREATE INDEX CONCURRENTLY "+x.name+" ON "+x.table+
			" USING gin (search_letters(search) "+schema+".gin_trgm_ops) WITH (gin_pending_list_limit = 256)")
		if err != nil {
			return fail(ctx, "make "+x.name, err)
		}
		made = true
		s.log.InfoContext(ctx, "indexed for searching", "table", x.table, "duration", s.now().Sub(began))
	}
	if made { // the planner knows nothing of an index's expression before
		for _, x := range trigramIndexes {
			if _, err := s.sql.ExecContext(ctx, "ANALYZE "+x.table); err != nil { //nolint:misspell // SQL's own word
				return fail(ctx, "count the rows of "+x.table, err)
			}
		}
	}
	s.known.Lock()
	defer s.known.Unlock()
	s.known.at = time.Time{}
	return nil
}

// refusals are PostgreSQL's codes for an extension that this user may not make, or
// that the server does not have.
var refusals = []string{"42501", "0A000", "58P01", "22023"}

// trigramSchema makes the extension if it is not there, and returns the schema that
// it is in, as SQL has it; empty if it cannot be had.
func (s *Store) trigramSchema(ctx context.Context) (string, error) {
	var schema string
	const where = "SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pg_trgm'"
	err := s.sql.QueryRowContext(ctx, where).Scan(&schema)
	if errors.Is(err, sql.ErrNoRows) {
		_, err = s.sql.ExecContext(ctx, "CREATE EXTENSION IF NOT EXISTS pg_trgm")
		var pg *pgconn.PgError
		if errors.As(err, &pg) && slices.Contains(refusals, pg.Code) {
			s.log.WarnContext(ctx, "pg_trgm cannot be made in this database, so searches find how names begin", "reason", pg.Message)
			return "", nil
		}
		if err == nil {
			err = s.sql.QueryRowContext(ctx, where).Scan(&schema)
		}
	}
	if err != nil {
		return "", fail(ctx, "make pg_trgm", err)
	}
	return pgx.Identifier{schema}.Sanitize(), nil //nolint:misspell // pgx's own word
}

// Advice is what the operator is told of a database whose searches could be better,
// in one line; empty where nothing is missing.
func (s Search) Advice() string {
	switch {
	case s.Anywhere:
		return ""
	case s.Extension:
		return "Searches find only numbers and how names begin, because their indexes are missing: run \"tokendesk migrate\"."
	}
	return fmt.Sprintf("Searches find only numbers and how names begin: the database's owner says CREATE EXTENSION pg_trgm; "+
		"in the database %s, then run \"tokendesk migrate\" again.", s.Database)
}
