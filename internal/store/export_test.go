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
