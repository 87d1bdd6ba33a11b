package storetest

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync"
	"testing"

	_ "github.com/glebarez/sqlite"     // the driver "sqlite"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"github.com/tokendesk/tokendesk/internal/store"
)

// opened remembers the database behind each store of this package.
var opened sync.Map // *store.Store → URL

// Dump gives every cell of every table of s as text to see, for searching all
// that is stored. It reads the database past the store, so that no column is
// left out.
func Dump(tb testing.TB, s *store.Store, see func(table, column, cell string)) {
	tb.Helper()
	raw, _ := opened.Load(s)
	databaseURL, ok := raw.(string)
	if !ok {
		tb.Fatal("storetest: this store was not opened here")
	}
	DumpURL(tb, databaseURL, see)
}

// DumpURL is Dump for a database that was opened elsewhere.
func DumpURL(tb testing.TB, databaseURL string, see func(table, column, cell string)) {
	tb.Helper()
	if err := dump(tb.Context(), databaseURL, see); err != nil {
		tb.Fatalf("storetest: dump: %v", err)
	}
}

func dump(ctx context.Context, databaseURL string, see func(table, column, cell string)) error {
	driver, dsn := "pgx", databaseURL
	tables := `SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()`
	if file, ok := strings.CutPrefix(databaseURL, "sqlite:"); ok {
		driver, dsn = "sqlite", file
		tables = `SELECT name FROM sqlite_master WHERE type = 'table'`
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return err
	}
	defer db.Close()
	names, err := db.QueryContext(ctx, tables)
	if err != nil {
		return err
	}
	defer names.Close()
	var all []string
	for names.Next() {
		var n string
		if err := names.Scan(&n); err != nil {
			return err
		}
		all = append(all, n)
	}
	if err := names.Err(); err != nil {
		return err
	}
	if len(all) == 0 {
		return fmt.Errorf("no tables")
	}
	for _, table := range all {
		if err := dumpTable(ctx, db, table, see); err != nil {
			return fmt.Errorf("%s: %w", table, err)
		}
	}
	return nil
}

func dumpTable(ctx context.Context, db *sql.DB, table string, see func(table, column, cell string)) error {
	rows, err := db.QueryContext(ctx, `SELECT * FROM "`+table+`"`) //nolint:gosec // a name that the database gave
	if err != nil {
		return err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	cells, places := make([]any, len(columns)), make([]any, len(columns))
	for i := range cells {
		places[i] = &cells[i]
	}
	for rows.Next() {
		if err := rows.Scan(places...); err != nil {
			return err
		}
		for i, v := range cells {
			if b, ok := v.([]byte); ok {
				v = string(b)
			}
			see(table, columns[i], fmt.Sprint(v))
		}
	}
	return rows.Err()
}
