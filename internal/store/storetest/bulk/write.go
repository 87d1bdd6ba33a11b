package bulk

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/store/storetest/lite"
)

// writer is a connection to the database, past the store.
type writer struct {
	pg   *pgx.Conn
	lite *lite.DB
}

func open(ctx context.Context, databaseURL string) (*writer, error) {
	if file, ok := strings.CutPrefix(databaseURL, "sqlite:"); ok {
		db, err := lite.Open(file)
		if err != nil {
			return nil, err
		}
		// What is lost when the machine stops is made again.
		for _, pragma := range []string{"busy_timeout = 10000", "synchronous = OFF", "cache_size = -400000", "temp_store = MEMORY"} {
			if err := db.Exec("PRAGMA " + pragma); err != nil {
				return nil, errors.Join(err, db.Close())
			}
		}
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
	return w.lite.Exec(q, args...)
}

// start is how far the tenant's numbers, its policy and its chain have come.
func (w *writer) start(ctx context.Context, tenant access.TenantID) (last, policy, seq int, head []byte, err error) {
	if w.pg != nil {
		err = w.pg.QueryRow(ctx, started, string(tenant)).Scan(&last, &policy, &seq, &head)
		return last, policy, seq, head, err
	}
	n := 0
	_, err = w.lite.Each(strings.Replace(started, "h.hash", "hex(h.hash)", 1), []any{string(tenant)}, func(column func(i int) string) {
		for i, to := range []*int{&last, &policy, &seq} {
			*to, _ = strconv.Atoi(column(i))
		}
		head, _ = hex.DecodeString(column(3))
		n++
	})
	if err == nil && n == 0 {
		err = fmt.Errorf("bulk: no tenant %s", tenant)
	}
	return last, policy, seq, head, err
}

const started = "SELECT t.last_number, t.policy_version, h.seq, h.hash FROM tenants t JOIN audit_heads h ON h.tenant = t.id WHERE t.id = $1"

// settle writes how far the tenant's numbers and its chain have come.
func (w *writer) settle(ctx context.Context, tenant access.TenantID, last, seq int, head []byte) error {
	return errors.Join(
		w.exec(ctx, "UPDATE tenants SET last_number = $1 WHERE id = $2", last, string(tenant)),
		w.exec(ctx, "UPDATE audit_heads SET seq = $1, hash = $2 WHERE tenant = $3", seq, head, string(tenant)))
}

// count has the database count its rows, by which it chooses its plans.
func (w *writer) count(ctx context.Context) error {
	if w.pg != nil {
		// Every row of the test's size is looked at, not some at random: the same rows
		// are to get the same plans. The map of what everybody sees is made, too, without
		// which an index is never enough.
		if err := w.exec(ctx, "SET default_statistics_target = 1000"); err != nil {
			return err
		}
		return w.exec(ctx, "VACUUM (ANALYZE)") //nolint:misspell // SQL's own word
	}
	return errors.Join(w.exec(ctx, "ANALYZE"), w.exec(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")) //nolint:misspell // SQL's own word
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
	one, err := w.lite.Prepare(fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", t.name, strings.Join(t.columns, ", "),
		strings.TrimSuffix(strings.Repeat("?, ", len(t.columns)), ", ")))
	if err != nil {
		return err
	}
	defer one.Close()
	if err := w.lite.Exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	for row := range t.rows {
		if _, err := one.Each(row, nil); err != nil {
			return err
		}
	}
	return w.lite.Exec("COMMIT")
}
