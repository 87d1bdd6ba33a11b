package store

import (
	"context"
	"database/sql"
	"strings"
	"testing"
)

// Exec runs SQL behind the store's back.
func (s *Store) Exec(ctx context.Context, statement string, args ...any) error {
	_, err := s.sql.ExecContext(ctx, statement, args...)
	return err
}

// Raw is the database behind the store's back.
func (s *Store) Raw() *sql.DB { return s.sql }

// Postgres reports which engine it is.
func (s *Store) Postgres() bool { return s.path == "" }

// Walk has lists walked no farther than so many rows for what many have.
func (s *Store) Walk(rows int) { s.walked = rows }

// InUse returns how many connections are in use now.
func (s *Store) InUse() int {
	n := s.sql.Stats().InUse
	if s.pool != nil {
		n += int(s.pool.Stat().AcquiredConns())
	}
	return n
}

// AfterTheEnd says a plain statement on a transaction's connection when the
// transaction is over. PostgreSQL only.
func (s *Store) AfterTheEnd(ctx context.Context) error {
	c, err := s.sql.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	return txConn{c}.exec(ctx, say("DELETE FROM sessions WHERE tenant <> ?"), "")
}

// LockMigrations holds the lock that Migrate takes.
func (s *Store) LockMigrations(ctx context.Context) (func() error, error) {
	return s.lockMigrations(ctx)
}

// MigrateTo applies the migrations up to one.
func (s *Store) MigrateTo(ctx context.Context, version int64) error {
	p, err := s.provider()
	if err == nil {
		_, err = p.UpTo(ctx, version)
	}
	return err
}

// Schema is the newest migration and the oldest program that it admits.
func (s *Store) Schema(ctx context.Context) (version, program int, err error) { return s.schema(ctx) }

// NotDone is the statement that counts the jobs that are not done, with its values.
var NotDone = strings.NewReplacer("%[1]s", "<> ''", "@now", "'2026-01-01 00:00:00+00:00'").Replace(notDone)

// Claimable is the statement that looks for jobs of a queue, with its values.
var Claimable = strings.NewReplacer("%[1]s", "IN ('', 'notice')", "@now", "'2026-01-01 00:00:00+00:00'").Replace(claimable)

// The migrations that are no files.
const (
	GoMigrations      = 1
	InReviewMigration = inReviewMigration
)

// NeededFor is the program that the migrations after a version need.
func NeededFor(tb testing.TB, s *Store, version int) int {
	tb.Helper()
	p, err := s.provider()
	if err != nil {
		tb.Fatal(err)
	}
	n, err := needed(p, version)
	if err != nil {
		tb.Fatal(err)
	}
	return n
}

// RefuseOlder asks as Migrate does on a database at that version.
func (s *Store) RefuseOlder(ctx context.Context, version int) error {
	p, err := s.provider()
	if err != nil {
		return err
	}
	return s.refuseOlder(ctx, p, version)
}
