package store

import (
	"context"
	"database/sql"
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

// InUse returns how many connections are in use now.
func (s *Store) InUse() int { return s.sql.Stats().InUse }

// LockMigrations holds the lock that Migrate takes.
func (s *Store) LockMigrations(ctx context.Context) (func() error, error) {
	return s.lockMigrations(ctx)
}
