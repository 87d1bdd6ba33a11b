package bulk

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"strings"

	_ "github.com/glebarez/sqlite" // the driver "sqlite"
	"github.com/jackc/pgx/v5"

	"github.com/tokendesk/tokendesk/internal/access"
)

// writer is a connection to the database, past the store.
type writer struct {
	pg   *pgx.Conn
	lite *sql.DB
}

func open(ctx context.Context, databaseURL string) (*writer, error) {
	if file, ok := strings.CutPrefix(databaseURL, "sqlite:"); ok {
		// What is lost when the machine stops is made again.
		db, err := sql.Open("sqlite", "file:"+file+"?_pragma=busy_timeout(10000)&_pragma=synchronous(OFF)&_pragma=cache_size(-400000)&_pragma=temp_store(2)&_pragma=foreign_keys(0)")
		if err != nil {
			return nil, err
		}
		db.SetMaxOpenConns(1)
		return &writer{lite: db}, nil
	}
	pg, err := pgx.Connect(ctx, databaseURL)
	if err != nil {
		return nil, err
	}
	// Without the triggers that look up what each row refers to.
	if _, err := pg.Exec(ctx, "SET session_replication_role = replica; SET synchronous_commit = off; SET maintenance_work_mem = '256MB'"); err != nil {
		return nil, errors.Join(err, pg.Close(ctx))
	}
	return &writer{pg: pg}, nil
}

func (w *writer) close(ctx context.Context) error {
	if w.pg != nil {
		return w.pg.Close(ctx)
	}
	return w.lite.Close()
}

func (w *writer) exec(ctx context.Context, q string, args ...any) error {
	if w.pg != nil {
		_, err := w.pg.Exec(ctx, q, args...)
		return err
	}
	_, err := w.lite.ExecContext(ctx, q, args...)
	return err
}

func (w *writer) one(ctx context.Context, q string, arg any, to ...any) error {
	if w.pg != nil {
		return w.pg.QueryRow(ctx, q+"$1", arg).Scan(to...)
	}
	return w.lite.QueryRowContext(ctx, q+"$1", arg).Scan(to...)
}

func (w *writer) number(ctx context.Context, q string, tenant access.TenantID) (n int, err error) {
	err = w.one(ctx, q, string(tenant), &n)
	return n, err
}

func (w *writer) chain(ctx context.Context, tenant access.TenantID) (seq int, head []byte, err error) {
	err = w.one(ctx, "SELECT seq, hash FROM audit_heads WHERE tenant = ", string(tenant), &seq, &head)
	return seq, head, err
}

// settle writes how far the tenant's numbers and its chain have come.
func (w *writer) settle(ctx context.Context, tenant access.TenantID, last, seq int, head []byte) error {
	return errors.Join(
		w.exec(ctx, "UPDATE tenants SET last_number = $1 WHERE id = $2", last, string(tenant)),
		w.exec(ctx, "UPDATE audit_heads SET seq = $1, hash = $2 WHERE tenant = $3", seq, head, string(tenant)))
}

func (w *writer) analyze(ctx context.Context) error {
	if w.pg != nil {
		// The map of what everybody sees, too, without which an index is never enough.
		return w.exec(ctx, "VACUUM (ANALYZE)")
	}
	return errors.Join(w.exec(ctx, "ANALYZE"), w.exec(ctx, "PRAGMA wal_checkpoint(TRUNCATE)"))
}

func (w *writer) load(ctx context.Context, t table) error {
	if w.pg != nil {
		next, stop := iter.Pull(t.rows)
		defer stop()
		_, err := w.pg.CopyFrom(ctx, pgx.Identifier{t.name}, t.columns, pgx.CopyFromFunc(func() ([]any, error) {
			row, _ := next()
			return row, nil
		}))
		return err
	}
	tx, err := w.lite.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if err := insert(ctx, tx, t); err != nil {
		return err
	}
	return tx.Commit()
}

const rowsAtOnce = 100

func insert(ctx context.Context, tx *sql.Tx, t table) error {
	one := "(" + strings.TrimSuffix(strings.Repeat("?, ", len(t.columns)), ", ") + ")"
	into := fmt.Sprintf("INSERT INTO %s (%s) VALUES ", t.name, strings.Join(t.columns, ", "))
	many, err := tx.PrepareContext(ctx, into+strings.TrimSuffix(strings.Repeat(one+", ", rowsAtOnce), ", "))
	if err != nil {
		return err
	}
	defer many.Close()
	args := make([]any, 0, rowsAtOnce*len(t.columns))
	for row := range t.rows {
		if args = append(args, row...); len(args) < cap(args) {
			continue
		}
		if _, err := many.ExecContext(ctx, args...); err != nil {
			return err
		}
		args = args[:0]
	}
	if len(args) == 0 {
		return nil
	}
	_, err = tx.ExecContext(ctx, into+strings.TrimSuffix(strings.Repeat(one+", ", len(args)/len(t.columns)), ", "), args...)
	return err
}
