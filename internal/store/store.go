// Package store keeps everything Tokendesk remembers, in SQLite or PostgreSQL:
// tenants, people, requests, grants, the audit log, jobs, sessions.
//
// It is the only package that knows gorm, a database driver or a table. What
// it promises: a state changes together with its audit event and the jobs that
// follow, or not at all; a change of something that somebody else changed first
// is access.ErrConflict; a row that does not exist, or belongs to another
// tenant, is access.ErrNotFound; times come back as they went in, in UTC and
// whole microseconds.
package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

// Options say how to open a store. Its zero value works.
type Options struct {
	Log      *slog.Logger // nil: nothing is logged
	MaxConns int          // 0: 16
	// Now is the clock of bookkeeping that decides nothing (when a notice was
	// marked as sent); nil: time.Now.
	Now func() time.Time
	// Statement is told of every statement before it goes to the database, with
	// its values, from whatever goroutine says it; nil: nobody is. It is for tests
	// that count statements and read their plans.
	Statement func(statement string, args []any)
}

// Store is one database. It is safe for concurrent use, in any number of
// processes where it is PostgreSQL; SQLite is for one machine.
type Store struct {
	db   *gorm.DB
	sql  *sql.DB
	pool *pgxpool.Pool // what sql's connections are taken from; nil for SQLite
	log  *slog.Logger
	now  func() time.Time
	path string // of the SQLite file; empty for PostgreSQL
	// writer admits one write transaction of this process at a time to SQLite,
	// which has one writer; waiting here is fair, its own busy handler is not.
	writer chan struct{}
	// policies are the published versions that were read: policyKey to policy.Policy.
	policies sync.Map
	// sites are what the texts of platforms were parsed to: the platform's id to *parsedSite.
	sites  sync.Map
	known  knownTrigrams
	walked int // mostWalked; fewer in tests
}

const defaultConns = 16

// Open opens the database named by url: "sqlite:PATH" (the file is created,
// readable by its owner only) or "postgres://…". It checks that the database
// answers, but not its schema: see Migrate and Ready.
func Open(ctx context.Context, url string, o Options) (*Store, error) {
	s := &Store{log: o.Log, now: o.Now, walked: mostWalked}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.now == nil {
		s.now = time.Now
	}
	conns := o.MaxConns
	if conns <= 0 {
		conns = defaultConns
	}
	conns = max(conns, 2) // Migrate needs two: one holds the lock
	var dialect gorm.Dialector
	var err error
	switch scheme, rest, _ := strings.Cut(url, ":"); scheme {
	case "sqlite":
		s.writer = make(chan struct{}, 1)
		s.path = rest
		s.sql, dialect, err = openSQLite(rest, conns, o.Statement)
	case "postgres", "postgresql":
		s.pool, s.sql, dialect, err = openPostgres(ctx, url, conns, o.Statement)
	default:
		// The URL may carry a password: name its scheme only.
		err = fmt.Errorf("a database URL starts with sqlite: or postgres://, not with %q", scheme+":")
	}
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	if err := s.again(ctx, func() error { return fail(ctx, "open database", s.sql.PingContext(ctx)) }); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.db, err = gorm.Open(dialect, &gorm.Config{
		Logger:                 logger.Discard, // statements hold names and free text
		SkipDefaultTransaction: true,
		DisableAutomaticPing:   true,
	})
	if err != nil {
		return nil, errors.Join(fail(ctx, "open database", err), s.Close())
	}
	return s, nil
}

// Close closes the database.
func (s *Store) Close() error {
	err := s.sql.Close()
	if s.pool != nil {
		s.pool.Close()
	}
	return fail(context.Background(), "close database", err)
}

// Tx is one transaction. Its methods are the only way to data; they must not be
// used concurrently, nor after the function that got the Tx has returned.
//
// Objects read inside InTx stay locked until it ends, where the database can
// lock rows; SQLite admits one writer at a time.
type Tx struct {
	ctx   context.Context //nolint:containedctx // a Tx lives exactly as long as one call
	s     *Store
	db    *gorm.DB
	plain conn
	write bool
	// told are the audit events of this transaction. They are written last, so
	// that the head of a tenant's chain is locked last and shortly.
	told []telling
	// published: it holds a version of a policy that others do not see yet.
	published bool
	// broken is the first error of a statement. After one, PostgreSQL refuses
	// the rest of a transaction; so does InTx, on both engines.
	broken error
}

// How often a transaction that lost to another one is run again, and how long
// SQLite is asked while another process writes.
const (
	retries   = 3
	busyLimit = 10 * time.Second
)

// InTx runs fn in a transaction: everything fn did through tx happens if fn
// returns nil, and nothing otherwise. A transaction that loses to another one
// (deadlock, serialisation failure) is run again up to three times, and one that
// finds SQLite busy for ten seconds, so fn must have no effect but through tx, and
// do nothing slow. InTx must not be called inside fn.
func (s *Store) InTx(ctx context.Context, fn func(tx *Tx) error) error {
	return s.again(ctx, func() error { return s.once(ctx, true, fn) })
}

// Read runs fn in a read-only transaction that sees one state of the database.
// Methods that write refuse to work in it.
func (s *Store) Read(ctx context.Context, fn func(tx *Tx) error) error {
	return s.again(ctx, func() error { return s.once(ctx, false, fn) })
}

// again runs do until it succeeds, fails for good, or lost too often. SQLite is
// busy only before anything was done, so there it is time that counts: its own
// waiting would not end with ctx.
func (s *Store) again(ctx context.Context, do func() error) error {
	err := do()
	if !mendable(err) {
		return err
	}
	limit, cancel := context.WithTimeout(ctx, busyLimit)
	defer cancel()
	for n := 0; mendable(err) && (n < retries || s.path != ""); n++ {
		s.log.DebugContext(ctx, "transaction runs again", "times", n+1, "error", err)
		select {
		case <-limit.Done():
			if ctx.Err() == nil {
				return err // what it is stays known
			}
			return fail(ctx, "wait", err)
		case <-time.After(pause(min(n, retries))):
		}
		err = do()
	}
	return err
}

// mendable reports whether another run may succeed.
func mendable(err error) bool {
	var p *problem
	return errors.As(err, &p) && p.again
}

// pause spreads the next tries of transactions that met each other.
func pause(n int) time.Duration {
	most := int64(20*time.Millisecond) << n
	j, err := rand.Int(rand.Reader, big.NewInt(most))
	if err != nil {
		return time.Duration(most)
	}
	return time.Duration(j.Int64())
}

func (s *Store) once(ctx context.Context, write bool, fn func(tx *Tx) error) (err error) {
	if write {
		release, err := s.admit(ctx)
		if err != nil {
			return err
		}
		defer release()
	}
	// One connection, which gorm and the plain statements share.
	on, err := s.sql.Conn(ctx)
	if err != nil {
		return fail(ctx, "begin", err)
	}
	defer func() { _ = on.Close() }()
	db := s.db.WithContext(ctx)
	db.Statement.ConnPool = on
	if db = db.Begin(s.txOptions(write)); db.Error != nil {
		return fail(ctx, "begin", db.Error)
	}
	tx := &Tx{ctx: ctx, s: s, db: db, write: write, plain: txConn{on}}
	if s.pool == nil {
		tx.plain = liteConn{db.Statement.ConnPool}
	}
	done := false
	defer func() {
		if !done { // an error, or a panic in fn
			db.Rollback()
		}
	}()
	if err := fn(tx); err != nil {
		return err
	}
	if err := tx.writeAudit(); err != nil {
		return err
	}
	done = true
	if err := db.Commit().Error; err != nil {
		return fail(ctx, "commit", err)
	}
	return nil
}

// admit waits for this process's turn to write, where there are turns.
func (s *Store) admit(ctx context.Context) (release func(), err error) {
	if s.writer == nil {
		return func() {}, nil
	}
	select {
	case s.writer <- struct{}{}:
		return func() { <-s.writer }, nil
	case <-ctx.Done():
		return nil, fail(ctx, "wait to write", ctx.Err())
	}
}

func (s *Store) txOptions(write bool) *sql.TxOptions {
	o := &sql.TxOptions{ReadOnly: !write}
	if !write && s.path == "" {
		o.Isolation = sql.LevelRepeatableRead
	}
	return o
}

// statement runs one statement outside a transaction.
func (s *Store) statement(ctx context.Context, do func(db *gorm.DB) error) error {
	return s.again(ctx, func() error {
		release, err := s.admit(ctx)
		if err != nil {
			return err
		}
		defer release()
		return do(s.db.WithContext(ctx))
	})
}

// fail reports a failed statement and remembers that the transaction is broken.
func (tx *Tx) fail(op string, err error) error {
	if err == nil {
		return nil
	}
	out := fail(tx.ctx, op, err)
	if tx.broken == nil && !errors.Is(err, gorm.ErrRecordNotFound) {
		tx.broken = out
	}
	return out
}

var errReadOnly = errors.New("a read-only transaction cannot write")

// may refuses to write in a read-only transaction.
func (tx *Tx) may(op string) error {
	if tx.write {
		return nil
	}
	return fmt.Errorf("%s: %w", op, errReadOnly)
}

// NewID makes a random id with 130 bits: prefix, an underscore, 26 characters
// of A–Z and 2–7.
func NewID(prefix string) string { return prefix + "_" + rand.Text() }
