package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

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
	kind  error // access.ErrNotFound, access.ErrConflict, a context's error, or nil
	again bool  // the same transaction, run again, may well succeed
}

func (e *problem) Error() string {
	if e.text == "" {
		return fmt.Sprintf("%s: %v", e.op, e.kind)
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

	sqliteBusy       = 5
	sqliteLocked     = 6
	sqliteUnique     = 2067
	sqlitePrimaryKey = 1555
	sqliteForeignKey = 787
)

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
			p.again = true
		}
	case pgconn.SafeToRetry(err): // nothing had been sent: the connection was gone
		p.again = true
	}
	return p
}

// missing is access.ErrNotFound with the words of what was looked for.
func missing(op string) error { return fmt.Errorf("%s: %w", op, access.ErrNotFound) }

// lost is access.ErrConflict with the words of what was tried.
func lost(op string) error { return fmt.Errorf("%s: %w", op, access.ErrConflict) }
