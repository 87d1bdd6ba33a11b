package store

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"time"

	"github.com/glebarez/sqlite"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// sqliteDSN names the file and what every connection to it needs. busy_timeout
// comes first, since switching to WAL may have to wait; it is short, since that
// waiting heeds no context (see Store.again). Transactions begin
// immediate: one that first reads and then writes would fail in WAL, whatever
// the timeout, if another wrote in between. secure_delete, because erased details
// must be gone from the file too. cache_size is in KiB for each connection: a page of
// a large school reads more than the 2 MiB that SQLite keeps otherwise, and would
// read them again each time.
func sqliteDSN(path string) string {
	q := url.Values{
		"_pragma": {"busy_timeout(1000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)",
			"secure_delete(1)", "trusted_schema(0)", "cache_size(-8192)"},
		"_txlock": {"immediate"},
	}
	return fileURL(path) + "?" + q.Encode()
}

func fileURL(path string) string { return "file:" + (&url.URL{Path: path}).EscapedPath() }

func openSQLite(path string, conns int, of observer) (*sql.DB, gorm.Dialector, error) {
	if path == "" || path == ":memory:" {
		return nil, nil, errors.New("a SQLite database needs a file: sqlite:PATH")
	}
	if err := ownerOnly(path); err != nil {
		return nil, nil, err
	}
	db, err := sql.Open(sqlite.DriverName, sqliteDSN(path))
	if err != nil {
		return nil, nil, err
	}
	if of != nil {
		if db, err = observedSQLite(db, sqliteDSN(path), of); err != nil {
			return nil, nil, err
		}
	}
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	return db, &sqlite.Dialector{Conn: db}, nil
}

// ownerOnly creates the file, if it is not there, readable by its owner only.
// SQLite gives the files beside it the same permissions.
func ownerOnly(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // the operator names the database
	if err != nil {
		return err
	}
	return f.Close()
}

// openPostgres makes the pool of connections, and a database/sql on top of it for
// gorm and the migrations. Nothing is connected yet.
func openPostgres(ctx context.Context, rawURL string, conns int, of observer) (*pgxpool.Pool, *sql.DB, gorm.Dialector, error) {
	c, err := pgxpool.ParseConfig(rawURL)
	if err != nil {
		// pgx masks passwords in this error, but only those that it recognises.
		return nil, nil, nil, errors.New("the PostgreSQL URL cannot be read: postgres://user:password@host:port/database")
	}
	c.ConnConfig.RuntimeParams["timezone"] = "UTC"
	if c.ConnConfig.RuntimeParams["application_name"] == "" {
		c.ConnConfig.RuntimeParams["application_name"] = "tokendesk"
	}
	if of != nil {
		c.ConnConfig.Tracer = of
	}
	c.MaxConns, c.MinConns, c.MinIdleConns = int32(conns), 0, 0 //nolint:gosec // a handful
	c.MaxConnIdleTime = 5 * time.Minute
	c.MaxConnLifetime = time.Hour // follow a server that moved
	pool, err := pgxpool.NewWithConfig(ctx, c)
	if err != nil {
		return nil, nil, nil, err
	}
	db := stdlib.OpenDBFromPool(pool)
	return pool, db, postgres.New(postgres.Config{Conn: db}), nil
}

// locked adds a row lock to a read inside InTx. NO KEY UPDATE, because keys
// never change, and rows that refer to this one may be added meanwhile. SQLite
// has no row locks and needs none: it has one writer.
func (tx *Tx) locked() *gorm.DB {
	if !tx.write {
		return tx.db
	}
	return tx.db.Clauses(clause.Locking{Strength: "NO KEY UPDATE"})
}

// skipLocked is the clause that lets several claimers pass each other.
func (s *Store) skipLocked() string {
	if s.path != "" {
		return ""
	}
	return "FOR UPDATE SKIP LOCKED"
}

// anyOf is a list of values as text, for an SQL list of parameters.
func anyOf[T ~string](vs []T) []string {
	out := make([]string, len(vs))
	for i, v := range vs {
		out[i] = string(v)
	}
	return out
}
