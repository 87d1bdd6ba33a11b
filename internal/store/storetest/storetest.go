// Package storetest opens fresh stores for tests: on SQLite always, and on
// PostgreSQL where TEST_DATABASE_URL names a server on which databases may be
// created.
package storetest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/migrations"
)

// The environment of the PostgreSQL half.
const (
	// URLVar names a PostgreSQL server whose user may create databases.
	URLVar = "TEST_DATABASE_URL"
	// TemplateVar names a file in which the test binaries of one run share a migrated
	// SQLite database: the first makes it. With the race detector it takes
	// seconds to make, and there are dozens of them.
	TemplateVar = "TEST_SQLITE_TEMPLATE"
	// RequireVar, set to 1, turns an absent server from a skip into a failure.
	RequireVar = "TOKENDESK_REQUIRE_POSTGRES"
)

// Each runs test on a fresh store of each engine, as subtests named sqlite and
// postgres. Without a server the latter is skipped, visibly, or fails if
// RequireVar says so.
func Each(t *testing.T, test func(t *testing.T, s *store.Store)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, Open(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, OpenPostgres(t)) })
}

// EachURL is Each for tests that open stores of their own: it hands them the
// URL of an empty database, without any schema.
func EachURL(t *testing.T, test func(t *testing.T, url string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, "sqlite:"+filepath.Join(t.TempDir(), "test.db")) })
	t.Run("postgres", func(t *testing.T) { test(t, freshDatabase(t, server(t), "template0")) })
}

// Open returns a fresh store on SQLite, migrated, closed when the test ends.
func Open(tb testing.TB) *store.Store {
	tb.Helper()
	return open(tb, liteFile(tb))
}

// liteFile is the address of a fresh SQLite database, migrated.
func liteFile(tb testing.TB) string {
	tb.Helper()
	file := filepath.Join(tb.TempDir(), "test.db")
	if err := os.WriteFile(file, template(tb), 0o600); err != nil {
		tb.Fatal(err)
	}
	return "sqlite:" + file
}

// OpenPostgres returns a fresh store on PostgreSQL, migrated, whose database
// belongs to the test until it ends. Without a server it skips the test, or
// fails it.
func OpenPostgres(tb testing.TB) *store.Store {
	tb.Helper()
	return open(tb, takeDatabase(tb, server(tb)))
}

func open(tb testing.TB, databaseURL string) *store.Store {
	tb.Helper()
	return openWith(tb, databaseURL, store.Options{})
}

func openWith(tb testing.TB, databaseURL string, o store.Options) *store.Store {
	tb.Helper()
	s, err := store.Open(tb.Context(), databaseURL, o)
	if err != nil {
		tb.Fatal(err)
	}
	opened.Store(s, databaseURL)
	tb.Cleanup(func() {
		opened.Delete(s)
		if err := s.Close(); err != nil {
			tb.Errorf("close: %v", err)
		}
	})
	return s
}

// template is a migrated SQLite file, made once for each test binary, or for all.
func template(tb testing.TB) []byte {
	tb.Helper()
	b, err := templateFile()
	if err != nil {
		tb.Fatalf("make a SQLite database: %v", err)
	}
	return b
}

var templateFile = sync.OnceValues(func() (b []byte, err error) {
	shared, folder := os.Getenv(TemplateVar), ""
	if shared != "" {
		folder = filepath.Dir(shared)                  // where it can be renamed to
		if b, err := os.ReadFile(shared); err == nil { //nolint:gosec // a file of ./test
			return b, nil
		}
	}
	dir, err := os.MkdirTemp(folder, "tokendesk-storetest-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	file := filepath.Join(dir, "template.db")
	if err := migrate("sqlite:" + file); err != nil {
		return nil, err
	}
	b, err = os.ReadFile(file) //nolint:gosec // a temporary file of this package; closing the last connection folded the log into it
	if err == nil && shared != "" {
		err = os.Rename(file, shared) // whole, or not there
	}
	return b, err
})

func migrate(databaseURL string) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	s, err := store.Open(ctx, databaseURL, store.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return s.Migrate(ctx)
}

// server returns the server's URL, or skips or fails the test.
func server(tb testing.TB) string {
	tb.Helper()
	u := os.Getenv(URLVar)
	if u != "" {
		return u
	}
	if os.Getenv(RequireVar) == "1" {
		tb.Fatalf("%s=1, but %s names no PostgreSQL server", RequireVar, URLVar)
	}
	tb.Skipf("PostgreSQL skipped: %s names no server", URLVar)
	return ""
}

// freshDatabase creates a database from a template and drops it when the test
// ends. It returns its URL.
func freshDatabase(tb testing.TB, admin, from string) string {
	tb.Helper()
	name := "tokendesk_test_" + strings.ToLower(rand.Text()[:16])
	if err := run(admin, fmt.Sprintf("CREATE DATABASE %s TEMPLATE %s ENCODING 'UTF8'", name, from)); err != nil {
		tb.Fatalf("create a PostgreSQL database: %v", err)
	}
	tb.Cleanup(func() {
		if err := run(admin, fmt.Sprintf("DROP DATABASE %s WITH (FORCE)", name)); err != nil {
			tb.Errorf("drop the PostgreSQL database: %v", err)
		}
	})
	return withDatabase(tb, admin, name)
}

func withDatabase(tb testing.TB, raw, name string) string {
	tb.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		tb.Fatalf("%s is not a URL", URLVar)
	}
	u.Path = "/" + name
	return u.String()
}

func run(admin string, statements ...string) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, err := pgx.Connect(ctx, admin)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close(ctx)) }()
	for _, s := range statements {
		if _, err := c.Exec(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// templateDatabase returns the name of a migrated database to copy, made once
// for each server and schema. Its name tells the schema, so that an old one is
// never used for a new schema.
func templateDatabase(tb testing.TB, admin string) string {
	tb.Helper()
	name, err := templateOnce(admin)
	if err != nil {
		tb.Fatalf("make the PostgreSQL template: %v", err)
	}
	return name
}

var templates struct {
	sync.Mutex
	name string
	err  error
}

func templateOnce(admin string) (string, error) {
	templates.Lock()
	defer templates.Unlock()
	if templates.name == "" && templates.err == nil {
		templates.name, templates.err = makeTemplate(admin)
	}
	return templates.name, templates.err
}

func makeTemplate(admin string) (name string, err error) {
	sum, err := schemaSum()
	if err != nil {
		return "", err
	}
	name = "tokendesk_template_" + sum
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, err := pgx.Connect(ctx, admin)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, c.Close(ctx)) }()
	// Several test binaries may start at once: one makes it, the rest wait.
	lock := fnv.New64a()
	lock.Write([]byte(name))
	if _, err := c.Exec(ctx, "SELECT pg_advisory_lock($1)", int64(lock.Sum64()>>1)); err != nil { // any number does
		return "", err
	}
	var exists bool
	if err := c.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = $1)", name).Scan(&exists); err != nil || exists {
		return name, err
	}
	raw := name + "_new" // it gets its name once it is complete
	for _, s := range []string{"DROP DATABASE IF EXISTS " + raw + " WITH (FORCE)", "CREATE DATABASE " + raw + " TEMPLATE template0 ENCODING 'UTF8'"} {
		if _, err := c.Exec(ctx, s); err != nil {
			return "", err
		}
	}
	u, err := url.Parse(admin)
	if err != nil {
		return "", errors.New(URLVar + " is not a URL")
	}
	u.Path = "/" + raw
	if err := migrate(u.String()); err != nil {
		return "", err
	}
	return name, rename(ctx, c, raw, name)
}

// rename waits for the connections to raw to be gone, which a client's close
// does not.
func rename(ctx context.Context, c *pgx.Conn, raw, name string) error {
	for {
		_, err := c.Exec(ctx, fmt.Sprintf("ALTER DATABASE %s RENAME TO %s", raw, name))
		var pg *pgconn.PgError
		if err == nil || !errors.As(err, &pg) || pg.Code != "55006" { // object_in_use
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func schemaSum() (string, error) {
	h := sha256.New()
	err := fs.WalkDir(migrations.FS, "postgres", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := migrations.FS.ReadFile(path)
		if err != nil {
			return err
		}
		fmt.Fprintf(h, "%s %d\n", path, len(b))
		h.Write(b)
		return nil
	})
	return hex.EncodeToString(h.Sum(nil))[:16], err
}
