package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/glebarez/sqlite"
	"github.com/pressly/goose/v3"

	"github.com/tokendesk/tokendesk/migrations"
)

// ProgramVersion is the number of this program as far as the schema is
// concerned. It rises when the program begins to need something of the schema
// that older ones did not, so that a migration can say who may still run.
const ProgramVersion = 7

// SchemaError says that this program may not run on this database.
type SchemaError struct {
	Behind bool // the database lacks migrations of this program
	TooNew bool // the database was migrated beyond what this program may use

	Version int // newest migration of the database, 0 for none
	Want    int // newest migration of this program
	Program int // oldest program that the database admits
}

func (e *SchemaError) Error() string {
	if e.TooNew {
		return fmt.Sprintf("the database (schema %d) is newer than this program may use: it needs a program of version %d or newer, this one is %d; "+
			"install the newer program", e.Version, e.Program, ProgramVersion)
	}
	return fmt.Sprintf("the database (schema %d) is behind this program (schema %d): run \"tokendesk migrate\"", e.Version, e.Want)
}

// Migrate brings the schema to this program's version. It waits while another
// process migrates, and does nothing to a database that is up to date, or newer.
// While a program works on the database that may not run on what it would become,
// it changes nothing and returns an *OlderError. On PostgreSQL it makes the indexes
// that a search needs, where it may; Search tells whether they are there.
func (s *Store) Migrate(ctx context.Context) (err error) {
	p, err := s.provider()
	if err != nil {
		return err
	}
	unlock, err := s.lockMigrations(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	// Read under the lock: another replica may just have done it all.
	version, _, err := s.schema(ctx)
	if err != nil {
		return err
	}
	if int64(version) > newest(p) {
		return nil // Ready judges whether this program may use it
	}
	if err := s.refuseOlder(ctx, p, version); err != nil {
		return err
	}
	done, err := p.Up(ctx)
	if err != nil {
		return fail(ctx, "migrate", err)
	}
	for _, m := range done {
		s.log.InfoContext(ctx, "migrated", "file", m.Source.Path, "duration", m.Duration)
	}
	return s.makeTrigrams(ctx)
}

// Ready returns nil if the database answers and its schema is one that this
// program may use, and a *SchemaError if it is not.
func (s *Store) Ready(ctx context.Context) error {
	p, err := s.provider()
	if err != nil {
		return err
	}
	version, program, err := s.schema(ctx)
	if err != nil {
		return err
	}
	e := &SchemaError{Version: version, Want: int(newest(p)), Program: program}
	switch {
	case program > ProgramVersion:
		e.TooNew = true
		return e
	case version < e.Want:
		e.Behind = true
		return e
	}
	return nil
}

// schema returns the database's newest migration and the oldest program version
// that may run on it; zeros for an empty database.
func (s *Store) schema(ctx context.Context) (version, program int, err error) {
	q := "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = 'schema_programs'"
	if s.path == "" {
		q = "SELECT COUNT(*) FROM (SELECT to_regclass('schema_programs') AS t) AS found WHERE t IS NOT NULL"
	}
	var tables int
	if err := s.sql.QueryRowContext(ctx, q).Scan(&tables); err != nil {
		return 0, 0, fail(ctx, "read schema", err)
	}
	if tables == 0 {
		return 0, 0, nil
	}
	err = s.sql.QueryRowContext(ctx, "SELECT COALESCE(MAX(version), 0), COALESCE(MAX(min_program), 0) FROM schema_programs").Scan(&version, &program)
	return version, program, fail(ctx, "read schema", err)
}

func (s *Store) provider() (*goose.Provider, error) {
	dialect, folder := goose.DialectSQLite3, "sqlite"
	if s.path == "" {
		dialect, folder = goose.DialectPostgres, "postgres"
	}
	files, err := fs.Sub(migrations.FS, folder)
	if err != nil {
		return nil, fmt.Errorf("migrations: %w", err)
	}
	options := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()),
		goose.WithGoMigrations(goose.NewGoMigration(inReviewMigration, &goose.GoFunc{RunTx: s.toInReview}, nil))}
	if s.path == "" {
		options = append(options, goose.WithSessionLocker(worker{}))
	}
	p, err := goose.NewProvider(dialect, s.sql, files, options...)
	if err != nil {
		return nil, fmt.Errorf("migrations: %w", err)
	}
	return p, nil
}

func newest(p *goose.Provider) int64 {
	var v int64
	for _, m := range p.ListSources() {
		v = max(v, m.Version)
	}
	return v
}

// The numbers of the advisory locks: of whoever migrates, "tokendsk" in ASCII, and
// of the connection on which that is done.
const (
	migrationLock = 0x746f6b656e64736b
	workLock      = migrationLock + 1
)

// lockPause is how long who waits to migrate waits before asking again.
const lockPause = 100 * time.Millisecond

// lockMigrations makes migrating processes wait for each other. The lock goes
// with the process that holds it, however that ends. On PostgreSQL it is an
// advisory lock of a connection; on SQLite, whose own lock cannot span several
// transactions, it is an exclusive transaction on an empty file beside the
// database.
func (s *Store) lockMigrations(ctx context.Context) (unlock func() error, err error) {
	if s.path != "" {
		return lockSQLiteMigrations(ctx, s.path+"-migrate")
	}
	conn, err := s.sql.Conn(ctx)
	if err != nil {
		return nil, fail(ctx, "lock migrations", err)
	}
	if err := takeLock(ctx, conn, migrationLock); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return func() error { return errors.Join(dropLock(ctx, conn, migrationLock), conn.Close()) }, nil
}

// takeLock takes an advisory lock of PostgreSQL for c. It asks again and again: a
// statement that waits holds a snapshot, and CREATE INDEX CONCURRENTLY, which whoever
// has the lock may be at, waits for the end of every older snapshot.
func takeLock(ctx context.Context, c *sql.Conn, lock int64) error {
	for {
		var taken bool
		if err := c.QueryRowContext(ctx, "SELECT pg_try_advisory_lock($1)", lock).Scan(&taken); err != nil || taken {
			return fail(ctx, "lock migrations", err)
		}
		select {
		case <-ctx.Done():
			return fail(ctx, "lock migrations", ctx.Err())
		case <-time.After(lockPause):
		}
	}
}

func dropLock(ctx context.Context, c *sql.Conn, lock int64) error {
	_, err := c.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", lock)
	return fail(ctx, "unlock migrations", err)
}

// worker locks the connection on which goose migrates, as its SessionLocker. The
// server goes on building an index for a process that was killed, and who tidied
// up after that one meanwhile would wait for it while it waits for them.
type worker struct{}

func (worker) SessionLock(ctx context.Context, c *sql.Conn) error { return takeLock(ctx, c, workLock) }

func (worker) SessionUnlock(ctx context.Context, c *sql.Conn) error {
	return dropLock(ctx, c, workLock)
}

func lockSQLiteMigrations(ctx context.Context, path string) (unlock func() error, err error) {
	if err := ownerOnly(path); err != nil {
		return nil, fmt.Errorf("lock migrations: %w", err)
	}
	db, err := sql.Open(sqlite.DriverName, fileURL(path)+"?_pragma=busy_timeout(250)&_txlock=exclusive")
	if err != nil {
		return nil, fail(ctx, "lock migrations", err)
	}
	for {
		tx, err := db.BeginTx(context.WithoutCancel(ctx), nil)
		if err == nil {
			return func() error { return errors.Join(tx.Rollback(), db.Close()) }, nil
		}
		err = fail(ctx, "lock migrations", err)
		if !mendable(err) {
			return nil, errors.Join(err, db.Close())
		}
	}
}
