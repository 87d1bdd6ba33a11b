package store_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
	"github.com/tokendesk/tokendesk/migrations"
)

func openURL(tb testing.TB, url string) *store.Store {
	tb.Helper()
	s, err := store.Open(tb.Context(), url, store.Options{MaxConns: 4})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

func TestFourReplicasMigrateAtOnce(t *testing.T) {
	t.Parallel()
	storetest.EachURL(t, func(t *testing.T, url string) {
		var done sync.WaitGroup
		for range 4 {
			s := openURL(t, url)
			done.Go(func() {
				if err := s.Migrate(t.Context()); err != nil {
					t.Error(err)
				}
				if err := s.Ready(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		done.Wait()
		s := openURL(t, url)
		files, err := fs.Glob(migrations.FS, "sqlite/*.sql")
		if err != nil {
			t.Fatal(err)
		}
		if got, n := counts(t, s, "schema_programs", "goose_db_version"), len(files)+store.GoMigrations; got[0] != n || got[1] != n+1 { // goose begins with a row 0
			t.Errorf("%v rows tell of migrations, there are %d", got, n)
		}
		seed(t, s)
	})
}

// Who migrates while another does waits for its turn, and no longer than its
// context lasts.
func TestMigrateWaitsForItsTurn(t *testing.T) {
	t.Parallel()
	storetest.EachURL(t, func(t *testing.T, url string) {
		a, b := openURL(t, url), openURL(t, url)
		unlock, err := a.LockMigrations(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		waited := make(chan error, 1)
		go func() { waited <- b.Migrate(ctx) }()
		if a.Postgres() {
			awaitSessions(t, a, 2, askingToMigrate, waited)
		}
		cancel()
		if err := <-waited; !errors.Is(err, context.Canceled) {
			t.Errorf("while another migrates: %v", err)
		}
		var behind *store.SchemaError
		if err := b.Ready(t.Context()); !errors.As(err, &behind) || behind.Version != 0 {
			t.Errorf("it migrated without its turn: %v", err)
		}
		go func() { waited <- b.Migrate(t.Context()) }()
		if a.Postgres() {
			awaitSessions(t, a, 2, askingToMigrate, waited)
		}
		if err := unlock(); err != nil {
			t.Fatal(err)
		}
		if err := <-waited; err != nil {
			t.Error(err)
		}
	})
}

func TestReady(t *testing.T) {
	t.Parallel()
	newest := newestFile(t)
	storetest.EachURL(t, func(t *testing.T, url string) {
		s := openURL(t, url)
		problem := func() *store.SchemaError {
			t.Helper()
			err := s.Ready(t.Context())
			var e *store.SchemaError
			if err != nil && !errors.As(err, &e) {
				t.Fatalf("Ready = %v", err)
			}
			return e
		}
		if e := problem(); e == nil || !e.Behind || e.TooNew || !strings.Contains(e.Error(), "tokendesk migrate") {
			t.Errorf("an empty database: %v", e)
		}
		for range 2 { // the second time there is nothing to do
			if err := s.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			if e := problem(); e != nil {
				t.Errorf("a migrated database: %v", e)
			}
		}
		// A newer migration that still admits this program.
		exec(t, s, fmt.Sprintf("INSERT INTO schema_programs (version, min_program) VALUES (%d, %d)", newest+1, store.ProgramVersion))
		if e := problem(); e != nil {
			t.Errorf("a newer database that admits this program: %v", e)
		}
		if err := s.Migrate(t.Context()); err != nil {
			t.Errorf("migrating a newer database: %v", err)
		}
		// And one that does not.
		exec(t, s, fmt.Sprintf("INSERT INTO schema_programs (version, min_program) VALUES (%d, %d)", newest+2, store.ProgramVersion+1))
		if e := problem(); e == nil || !e.TooNew || e.Behind || !strings.Contains(e.Error(), "newer") {
			t.Errorf("a newer database: %v", e)
		}
		exec(t, s, fmt.Sprintf("DELETE FROM schema_programs WHERE version >= %d", newest))
		if e := problem(); e == nil || !e.Behind {
			t.Errorf("a database that lacks a migration: %v", e)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.Ready(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("Ready without time: %v", err)
		}
	})
}

func newestFile(t *testing.T) int {
	t.Helper()
	newest := store.InReviewMigration
	for _, v := range versions(t, "sqlite") {
		newest = max(newest, v)
	}
	return newest
}

// versions returns the numbers of a folder's files, each of which must say
// which programs may run on the schema it leaves.
func versions(t *testing.T, folder string) (out []int) {
	t.Helper()
	files, err := fs.Glob(migrations.FS, folder+"/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		digits, _, _ := strings.Cut(filepath.Base(f), "_")
		n, err := strconv.Atoi(digits)
		if err != nil || len(digits) != 5 || !strings.HasSuffix(f, ".sql") {
			t.Errorf("%s: a migration is named 00001_subject.sql", f)
		}
		b, err := migrations.FS.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(b), fmt.Sprintf("INSERT INTO schema_programs (version, min_program) VALUES (%d, ", n)) {
			t.Errorf("%s does not say which programs may run on it", f)
		}
		out = append(out, n)
	}
	return out
}

func TestBothEnginesHaveTheSameMigrations(t *testing.T) {
	t.Parallel()
	a, b := versions(t, "sqlite"), versions(t, "postgres")
	if !slices.Equal(a, b) || len(a) == 0 {
		t.Errorf("sqlite has %v, postgres %v", a, b)
	}
	all := append(slices.Clone(a), store.InReviewMigration)
	slices.Sort(all)
	for i, n := range all {
		if n != i+1 {
			t.Errorf("migration %d is missing", i+1)
		}
	}
}

func TestBothEnginesHaveTheSameSchema(t *testing.T) {
	t.Parallel()
	lite, pg := storetest.Open(t), storetest.OpenPostgres(t)
	read := func(s *store.Store, query string) (out []string) {
		rows, err := s.Raw().QueryContext(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var line string
			if err := rows.Scan(&line); err != nil {
				t.Fatal(err)
			}
			out = append(out, line)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		slices.Sort(out)
		return out
	}
	a := read(lite, `SELECT m.name || '.' || c.name || CASE WHEN c."notnull" = 1 OR c.pk > 0 THEN ' not null' ELSE '' END
		FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'goose%' AND m.name NOT LIKE 'sqlite%'
			AND m.name NOT LIKE '%\_search' ESCAPE '\' AND m.name NOT LIKE '%\_search\_%' ESCAPE '\'`)
	b := read(pg, `SELECT table_name || '.' || column_name || CASE is_nullable WHEN 'NO' THEN ' not null' ELSE '' END
		FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT LIKE 'goose%'`)
	if !slices.Equal(a, b) {
		for _, line := range a {
			if !slices.Contains(b, line) {
				t.Errorf("only sqlite has %s", line)
			}
		}
		for _, line := range b {
			if !slices.Contains(a, line) {
				t.Errorf("only postgres has %s", line)
			}
		}
	}
	// Named indexes, too, but for those of trigrams, which are tables of SQLite.
	a = read(lite, `SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL`)
	b = read(pg, `SELECT indexname FROM pg_indexes WHERE schemaname = 'public' AND tablename NOT LIKE 'goose%' AND indexname NOT LIKE '%\_key' AND indexname NOT LIKE '%\_pkey'
		AND indexname NOT LIKE '%\_trigrams'`)
	if !slices.Equal(a, b) {
		t.Errorf("indexes\nsqlite   %v\npostgres %v", a, b)
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, url := range map[string]string{
		"no scheme":               "tokendesk.db",
		"another engine":          "mysql://root:hunter2@localhost/db",
		"no file":                 "sqlite:",
		"memory":                  "sqlite::memory:",
		"a folder that is absent": "sqlite:" + filepath.Join(dir, "none", "a.db"),
		"a folder":                "sqlite:" + dir,
		"an unreadable URL":       "postgres://user:hunter2@[::1/db",
		"nobody there":            "postgres://user:hunter2@127.0.0.1:1/db?sslmode=disable",
	} {
		s, err := store.Open(t.Context(), url, store.Options{})
		if err == nil {
			t.Errorf("%s: opened (%v)", name, s.Close())
			continue
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error carries the password: %v", name, err)
		}
	}
	notADatabase := filepath.Join(dir, "text.db")
	if err := os.WriteFile(notADatabase, []byte(strings.Repeat("this is no database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := store.Open(t.Context(), "sqlite:"+notADatabase, store.Options{}); err == nil {
		t.Errorf("a text file was opened (%v)", s.Close())
	}
}

func TestSQLiteFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "odd ?#%41 name.db")
	s := openURL(t, "sqlite:"+path)
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has permissions %v", f.Name(), info.Mode())
		}
		found = found || f.Name() == filepath.Base(path)
		if !strings.HasPrefix(f.Name(), filepath.Base(path)) {
			t.Errorf("a file of another name: %s", f.Name())
		}
	}
	if !found {
		t.Error("the file has another name")
	}
	for pragma, want := range map[string]string{"journal_mode": "wal", "foreign_keys": "1", "synchronous": "2", "secure_delete": "1"} {
		var got string
		if err := s.Raw().QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %s, %v; want %s", pragma, got, err, want)
		}
	}
}
