package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/glebarez/sqlite"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tokendesk/tokendesk/internal/access"
)

func TestAgain(t *testing.T) {
	t.Parallel()
	busy := fail(t.Context(), "begin", &pgconn.PgError{Code: pgDeadlock})
	mine := errors.New("mine")
	tests := map[string]struct {
		path     string
		outcomes []error // the last one repeats
		runs     int
		want     error
	}{
		"success at once":                     {"", []error{nil}, 1, nil},
		"a real error is not mended":          {"", []error{mine}, 1, mine},
		"lost twice, then won":                {"", []error{busy, fmt.Errorf("deep down: %w", busy), nil}, 3, nil},
		"lost once, then failed":              {"", []error{busy, mine}, 2, mine},
		"PostgreSQL gives up after four runs": {"", []error{busy}, 4, busy},
		"SQLite is asked for longer":          {"x.db", []error{busy, busy, busy, busy, busy, busy, nil}, 7, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &Store{path: tt.path, log: slog.New(slog.DiscardHandler)}
				runs := 0
				err := s.again(t.Context(), func() error {
					err := tt.outcomes[min(runs, len(tt.outcomes)-1)]
					runs++
					return err
				})
				if runs != tt.runs || !errors.Is(err, tt.want) {
					t.Errorf("%d runs, %v; want %d, %v", runs, err, tt.runs, tt.want)
				}
			})
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	s := &Store{path: "x.db", log: slog.New(slog.DiscardHandler)}
	if err := s.again(ctx, func() error { cancel(); return busy }); !errors.Is(err, context.Canceled) {
		t.Errorf("when the context ends meanwhile: %v", err)
	}
}

// busySQLite is what the driver says of a database in which another writes.
func busySQLite(t *testing.T) error {
	t.Helper()
	dsn := fileURL(filepath.Join(t.TempDir(), "busy.db")) + "?_pragma=busy_timeout(0)&_txlock=immediate"
	db, err := sql.Open(sqlite.DriverName, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	writer, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = writer.Rollback() })
	_, err = db.BeginTx(t.Context(), nil)
	return err
}

// SQLite is asked for ten seconds after it was found busy, and not a moment more:
// then it is away, for whoever asked.
func TestAgainEnds(t *testing.T) {
	t.Parallel()
	busy := fail(t.Context(), "begin", busySQLite(t))
	for _, tt := range []struct {
		busy   time.Duration
		failed bool
	}{{9 * time.Second, false}, {11 * time.Second, true}} {
		synctest.Test(t, func(t *testing.T) {
			s := &Store{path: "x.db", log: slog.New(slog.DiscardHandler)}
			begun := time.Now()
			err := s.again(t.Context(), func() error {
				if time.Since(begun) < tt.busy {
					return busy
				}
				return nil
			})
			if took := time.Since(begun); (err != nil) != tt.failed || (tt.failed && took != 10*time.Second) || errors.Is(err, access.ErrUnavailable) != tt.failed {
				t.Errorf("busy for %v: %v after %v", tt.busy, err, took)
			}
		})
	}
}

// A writer waits for its turn no longer than its context lasts.
func TestTurnToWrite(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &Store{path: "x.db", log: slog.New(slog.DiscardHandler), writer: make(chan struct{}, 1)}
		release, err := s.admit(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		begun := time.Now()
		err = s.InTx(ctx, func(*Tx) error { t.Error("it ran out of turn"); return nil })
		if waited := time.Since(begun); !errors.Is(err, context.DeadlineExceeded) || waited != time.Minute {
			t.Errorf("waiting for one's turn beyond the deadline: %v after %v", err, waited)
		}
		release()
		if release, err = s.admit(t.Context()); err != nil {
			t.Fatal(err)
		}
		release()
	})
}

func TestFail(t *testing.T) {
	t.Parallel()
	over, cancel := context.WithCancel(t.Context())
	cancel()
	tests := map[string]struct {
		ctx   context.Context
		err   error
		want  error
		again bool
	}{
		"a unique key":            {t.Context(), &pgconn.PgError{Code: "23505"}, access.ErrConflict, false},
		"a foreign key":           {t.Context(), &pgconn.PgError{Code: "23503"}, access.ErrNotFound, false},
		"a check":                 {t.Context(), &pgconn.PgError{Code: "23514"}, nil, false},
		"a serialisation failure": {t.Context(), &pgconn.PgError{Code: "40001"}, nil, true},
		"a deadlock":              {t.Context(), &pgconn.PgError{Code: "40P01"}, nil, true},
		"a lock not had in time":  {t.Context(), &pgconn.PgError{Code: "55P03"}, nil, true},
		"whatever, too late":      {over, errors.New("interrupted"), context.Canceled, false},
		"a deadlock, too late":    {over, &pgconn.PgError{Code: "40P01"}, context.Canceled, false},
		"a deadline of the pool":  {t.Context(), fmt.Errorf("connect: %w", context.DeadlineExceeded), context.DeadlineExceeded, false},
		"anything else":           {t.Context(), errors.New("disk full"), nil, false},

		"too many connections":      {t.Context(), &pgconn.PgError{Code: "53300"}, access.ErrUnavailable, false},
		"the server shuts down":     {t.Context(), &pgconn.PgError{Code: "57P01"}, access.ErrUnavailable, false},
		"the server crashed":        {t.Context(), &pgconn.PgError{Code: "57P02"}, access.ErrUnavailable, false},
		"the server starts":         {t.Context(), &pgconn.PgError{Code: "57P03"}, access.ErrUnavailable, false},
		"another server leads":      {t.Context(), &pgconn.PgError{Code: "25006"}, access.ErrUnavailable, false},
		"the connection failed":     {t.Context(), &pgconn.PgError{Code: "08006"}, access.ErrUnavailable, false},
		"the connection is refused": {t.Context(), fmt.Errorf("begin: %w", &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}), access.ErrUnavailable, false},
		"the connection broke":      {t.Context(), fmt.Errorf("receive: %w", io.ErrUnexpectedEOF), access.ErrUnavailable, false},
		"a connection gone bad":     {t.Context(), driver.ErrBadConn, access.ErrUnavailable, false},
		"the store is closed":       {t.Context(), errors.New("sql: database is closed"), access.ErrUnavailable, false},
		"the statement's time":      {t.Context(), &pgconn.PgError{Code: "57014"}, nil, false},
	}
	kinds := []error{access.ErrUnavailable, access.ErrConflict, access.ErrNotFound, context.Canceled, context.DeadlineExceeded}
	for name, tt := range tests {
		err := fail(tt.ctx, "op", tt.err)
		for _, kind := range kinds {
			if errors.Is(err, kind) != (kind == tt.want) { //nolint:errorlint // the very kind
				t.Errorf("%s: %v is %v", name, err, kind)
			}
		}
		if mendable(err) != tt.again || errors.Is(err, tt.err) {
			t.Errorf("%s: %#v", name, err)
		}
	}
	if fail(t.Context(), "op", nil) != nil {
		t.Error("nil is a failure")
	}
}
