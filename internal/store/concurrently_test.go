package store_test

import (
	"context"
	"database/sql"
	"net/url"
	"os"
	osexec "os/exec"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
)

// beforeIndexes is the last migration before those that build an index while others
// write.
const beforeIndexes = 17

// What sessions of PostgreSQL are at.
const (
	askingToMigrate = `query LIKE 'SELECT pg_try_advisory_lock(%'` // or were, last
	building        = `query LIKE 'CREATE INDEX CONCURRENTLY%' AND wait_event_type = 'Lock'`
)

// awaitSessions returns once n sessions of this PostgreSQL database are at something,
// or what should not end before has ended.
func awaitSessions(t *testing.T, s *store.Store, n int, at string, ended <-chan error) {
	t.Helper()
	for found := 0; found < n && len(ended) == 0; {
		if err := s.Raw().QueryRowContext(t.Context(), `SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND `+at).Scan(&found); err != nil {
			t.Fatal(err)
		}
	}
}

// beforeTheIndexes is a PostgreSQL database that lacks the migrations that build
// indexes, opened by the test, and a transaction of somebody who has written to the
// table of the first of them.
func beforeTheIndexes(t *testing.T, test func(t *testing.T, url string, see *store.Store, writes *sql.Tx)) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		if strings.HasPrefix(url, "sqlite:") {
			return // it has one writer, whatever is built
		}
		see := openURL(t, url)
		if err := see.MigrateTo(t.Context(), beforeIndexes); err != nil {
			t.Fatal(err)
		}
		writes, err := see.Raw().BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := writes.ExecContext(t.Context(), "DELETE FROM votes"); err != nil {
			t.Fatal(err)
		}
		test(t, url, see, writes)
	})
}

// as is the URL with a name by which the sessions are known.
func as(t *testing.T, raw, name string) string {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("application_name", name)
	u.RawQuery = q.Encode()
	return u.String()
}

// wellIndexed reports what is wrong with the indexes of a migrated database.
func wellIndexed(t *testing.T, s *store.Store) {
	t.Helper()
	if err := s.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	if n := invalid(t, s); n != 0 {
		t.Errorf("%d indexes are not valid", n)
	}
	if n := number(t, s, "SELECT COUNT(*) FROM pg_indexes WHERE indexname = 'votes_decided'"); n != 1 {
		t.Errorf("%d indexes of the name", n)
	}
}

func invalid(t *testing.T, s *store.Store) int {
	t.Helper()
	return number(t, s, "SELECT COUNT(*) FROM pg_index WHERE NOT indisvalid")
}

func number(t *testing.T, s *store.Store, query string) (n int) {
	t.Helper()
	if err := s.Raw().QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// While an index is built others write to its table, and a second process that
// migrates waits without being waited for.
func TestIndexesAreBuiltWhileOthersWrite(t *testing.T) {
	t.Parallel()
	beforeTheIndexes(t, func(t *testing.T, url string, see *store.Store, writes *sql.Tx) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // it would wait for ever
		defer cancel()
		var ended [2]chan error
		for i, at := range []string{building, askingToMigrate + " AND application_name = 'second'"} {
			s := openURL(t, as(t, url, []string{"first", "second"}[i]))
			ended[i] = make(chan error, 1)
			go func() { ended[i] <- s.Migrate(ctx) }()
			awaitSessions(t, see, 1, at, ended[i])
		}
		exec(t, see, "SET lock_timeout = '10s'; DELETE FROM votes")
		if len(ended[0])+len(ended[1]) > 0 {
			t.Error("somebody did not wait")
		}
		if err := writes.Commit(); err != nil {
			t.Error(err)
		}
		for i := range ended {
			if err := <-ended[i]; err != nil {
				t.Error(err)
			}
		}
		wellIndexed(t, see)
	})
}

// What a migration that was cut off has left unfinished, the next one tidies up.
func TestTheNextMigrationFinishes(t *testing.T) {
	t.Parallel()
	beforeTheIndexes(t, func(t *testing.T, url string, see *store.Store, writes *sql.Tx) {
		ended := make(chan error, 1)
		first := openURL(t, url)
		go func() { ended <- first.Migrate(t.Context()) }()
		awaitSessions(t, see, 1, building, ended)
		exec(t, see, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND "+building)
		if err := <-ended; err == nil {
			t.Error("it was cut off and reports nothing")
		}
		if n := invalid(t, see); n != 1 {
			t.Errorf("%d indexes were left unfinished", n)
		}
		if err := writes.Rollback(); err != nil {
			t.Error(err)
		}
		if err := openURL(t, url).Migrate(t.Context()); err != nil {
			t.Error(err)
		}
		wellIndexed(t, see)
	})
}

// migrateVar names the database that TestMigrateInAProcess migrates.
const migrateVar = "TOKENDESK_TEST_MIGRATE"

// TestMigrateInAProcess is the process that TestAKilledProcessThatMigrates kills.
func TestMigrateInAProcess(t *testing.T) {
	url := os.Getenv(migrateVar)
	if url == "" {
		return
	}
	if err := openURL(t, url).Migrate(t.Context()); err != nil {
		t.Error(err)
	}
}

// The server goes on building for a process that was killed. The next one waits for
// that, without being waited for, and then makes it anew.
func TestAKilledProcessThatMigrates(t *testing.T) {
	t.Parallel()
	beforeTheIndexes(t, func(t *testing.T, url string, see *store.Store, writes *sql.Tx) {
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		child := startMigrating(t, self, url)
		awaitSessions(t, see, 1, building, nil)
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = child.Wait() // it was killed
		ended := make(chan error, 1)
		next := openURL(t, as(t, url, "next"))
		go func() { ended <- next.Migrate(t.Context()) }()
		// Its two connections: of who migrates, and of the work.
		awaitSessions(t, see, 2, "("+askingToMigrate+" OR wait_event_type = 'Lock') AND application_name = 'next'", ended)
		if n := number(t, see, "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND application_name = 'next'"); n != 0 {
			t.Error("the next one waits in a statement")
		}
		if n := number(t, see, "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND "+building); n != 1 {
			t.Errorf("%d build while the next one waits", n)
		}
		if err := writes.Rollback(); err != nil {
			t.Error(err)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
		wellIndexed(t, see)
	})
}

func startMigrating(t *testing.T, self, url string) *osexec.Cmd {
	t.Helper()
	child := osexec.CommandContext(t.Context(), self, "-test.run=^TestMigrateInAProcess$")
	child.Env = append(os.Environ(), migrateVar+"="+url)
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	return child
}
