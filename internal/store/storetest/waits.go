package storetest

import (
	"database/sql"
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/internal/store"
)

// AwaitLocked returns when n connections to the database of s wait for a lock
// that somebody holds. SQLite has no such locks: there it returns at once.
func AwaitLocked(tb testing.TB, s *store.Store, n int) {
	tb.Helper()
	raw, _ := opened.Load(s)
	databaseURL, ok := raw.(string)
	if !ok {
		tb.Fatal("storetest: this store was not opened here")
	}
	if strings.HasPrefix(databaseURL, "sqlite:") {
		return
	}
	db, err := sql.Open("pgx", databaseURL)
	if err != nil {
		tb.Fatalf("storetest: await: %v", err)
	}
	defer db.Close()
	for waiting := 0; waiting < n; {
		err := db.QueryRowContext(tb.Context(), `SELECT COUNT(*) FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&waiting)
		if err != nil {
			tb.Fatalf("storetest: await: %v", err)
		}
	}
}
