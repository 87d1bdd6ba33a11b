package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"

	gosqlite "github.com/glebarez/go-sqlite"
	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm"

	"github.com/tokendesk/tokendesk/internal/access"
)

// problem is an error of the database, in this package's own words. It carries
// the text of the driver's error and nothing of its type.
type problem struct {
	op    string
	text  string
	kind  error // access.ErrNotFound, access.ErrConflict, access.ErrUnavailable, a context's error, or nil
	again bool  // the same transaction, run again, may well succeed
}

func (e *problem) Error() string {
	if e.text == "" {
		return fmt.Sprintf("%s: %v", e.op, e.kind)
	}
	if e.kind == access.ErrUnavailable { //nolint:errorlint // the very kind
		return e.kind.Error() + ": " + e.op + ": " + e.text
	}
	return e.op + ": " + e.text
}

// Is makes a problem match its kind.
func (e *problem) Is(target error) bool { return e.kind != nil && target == e.kind }

// SQLSTATE codes and SQLite result codes that mean something to us.
const (
	pgUnique        = "23505"
	pgForeignKey    = "23503"
	pgSerialization = "40001"
	pgDeadlock      = "40P01"
	pgLockTimeout   = "55P03"
	pgConnection    = "08" // a class

	sqliteBusy       = 5
	sqliteLocked     = 6
	sqliteUnique     = 2067
	sqlitePrimaryKey = 1555
	sqliteForeignKey = 787
)

// pgAway are: too many connections; shut down by an admin; crashed; not started yet;
// read-only, as a server is that another one has taken over from.
var pgAway = []string{"53300", "57P01", "57P02", "57P03", "25006"}

// fail turns an error of gorm or a driver into a *problem. It is the only place
// where their errors are looked at. nil stays nil.
func fail(ctx context.Context, op string, err error) error {
	if err == nil {
		return nil
	}
	p := &problem{op: op, text: err.Error()}
	var pg *pgconn.PgError
	var lite *gosqlite.Error
	switch {
	case errors.Is(err, gorm.ErrRecordNotFound), errors.Is(err, sql.ErrNoRows):
		p.kind, p.text = access.ErrNotFound, ""
	case ctx.Err() != nil:
		p.kind = ctx.Err()
	case away(err):
		p.kind = access.ErrUnavailable
		p.again = pgconn.SafeToRetry(err) // nothing had been sent: the connection was gone
	case errors.Is(err, context.Canceled):
		p.kind = context.Canceled
	case errors.Is(err, context.DeadlineExceeded):
		p.kind = context.DeadlineExceeded
	case errors.As(err, &pg):
		switch pg.Code {
		case pgUnique:
			p.kind = access.ErrConflict
		case pgForeignKey:
			p.kind = access.ErrNotFound
		case pgSerialization, pgDeadlock, pgLockTimeout:
			p.again = true
		}
	case errors.As(err, &lite):
		switch code := lite.Code(); {
		case code == sqliteUnique, code == sqlitePrimaryKey:
			p.kind = access.ErrConflict
		case code == sqliteForeignKey:
			p.kind = access.ErrNotFound
		case code&0xff == sqliteBusy, code&0xff == sqliteLocked:
			p.kind, p.again = access.ErrUnavailable, true // if it stays so
		}
	}
	return p
}

// away reports whether an error says that the database cannot be reached or takes
// no work: no connection, one that broke, none left to be had, a server that
// starts, stops or may not write any more.
func away(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return strings.HasPrefix(pg.Code, pgConnection) || slices.Contains(pgAway, pg.Code)
	}
	var connect *pgconn.ConnectError
	var network net.Error
	switch {
	case errors.As(err, &connect), errors.As(err, &network) && !errors.Is(err, context.DeadlineExceeded), pgconn.SafeToRetry(err):
		return true
	case errors.Is(err, driver.ErrBadConn), errors.Is(err, sql.ErrConnDone), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return true
	}
	return slices.Contains(closedWords, err.Error())
}

// closedWords are errors that database/sql and pgx tell by their text only.
var closedWords = []string{"sql: database is closed", "conn closed", "closed pool"}

// missing is access.ErrNotFound with the words of what was looked for.
func missing(op string) error { return fmt.Errorf("%s: %w", op, access.ErrNotFound) }

// lost is access.ErrConflict with the words of what was tried.
func lost(op string) error { return fmt.Errorf("%s: %w", op, access.ErrConflict) }
