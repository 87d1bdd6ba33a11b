package storetest

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// To make a database of PostgreSQL takes ten times as long as to empty one. So the
// server keeps a few migrated ones, numbered, for all test binaries and runs: a
// test takes the first that nobody has, by an advisory lock that ends with the
// process at the latest, and empties it. One that is not as it was made, but for
// its rows, is made anew.

// taken are the numbers that tests of this binary have, the connection whose locks
// keep them, and the connections by which their databases were emptied before: a
// new one reads the catalogue first, which takes longer than all the rest.
var taken struct {
	sync.Mutex
	conn *pgx.Conn
	by   map[int32]bool
	into map[int32]*pgx.Conn
}

// takeDatabase returns the URL of a migrated database without rows that belongs
// to this test until it ends.
func takeDatabase(tb testing.TB, admin string) string {
	tb.Helper()
	template := templateDatabase(tb, admin)
	number, into, err := take(admin, template)
	if err != nil {
		tb.Fatalf("take a PostgreSQL database: %v", err)
	}
	name := fmt.Sprintf("%s_%d", template, number)
	url := withDatabase(tb, admin, name)
	tb.Cleanup(func() {
		if err := giveBack(template, number, into); err != nil {
			tb.Errorf("give the PostgreSQL database back: %v", err)
		}
	})
	if into == nil {
		into, _ = connect(url) // or it is not there
	}
	if into != nil && empty(into) == nil {
		return url
	}
	// It is not there, or not as it was made, or this user may not empty it.
	if into, err = remake(admin, template, name, url); err != nil {
		tb.Fatalf("make a PostgreSQL database: %v", err)
	}
	return url
}

// key is the first half of the advisory locks of a template's databases.
func key(template string) int32 {
	h := fnv.New32a()
	h.Write([]byte(template))
	return int32(h.Sum32() >> 1)
}

func take(admin, template string) (int32, *pgx.Conn, error) {
	taken.Lock()
	defer taken.Unlock()
	if taken.conn == nil {
		c, err := connect(admin)
		if err != nil {
			return 0, nil, err
		}
		taken.conn, taken.by, taken.into = c, map[int32]bool{}, map[int32]*pgx.Conn{}
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for n := int32(1); ; n++ {
		if taken.by[n] {
			continue // a session's second lock of the same number would succeed
		}
		var got bool
		if err := taken.conn.QueryRow(ctx, "SELECT pg_try_advisory_lock($1, $2)", key(template), n).Scan(&got); err != nil {
			return 0, nil, err
		}
		if got {
			taken.by[n] = true
			return n, taken.into[n], nil
		}
	}
}

func giveBack(template string, n int32, into *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	taken.Lock()
	defer taken.Unlock()
	delete(taken.by, n)
	taken.into[n] = into
	_, err := taken.conn.Exec(ctx, "SELECT pg_advisory_unlock($1, $2)", key(template), n)
	return err
}

func connect(url string) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return pgx.Connect(ctx, url)
}

// remake makes the database from the template, in place of what has its name, and
// writes into its comment what it is, for empty to compare.
func remake(admin, template, name, url string) (*pgx.Conn, error) {
	if err := run(admin, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)", "CREATE DATABASE "+name+" TEMPLATE "+template+" ENCODING 'UTF8'"); err != nil {
		return nil, err
	}
	c, err := connect(url)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	seeded, err := filled(ctx, c)
	if err != nil {
		return nil, err
	}
	sum, err := sumOf(ctx, c, seeded)
	if err != nil {
		return nil, err
	}
	_, err = c.Exec(ctx, fmt.Sprintf("COMMENT ON DATABASE %s IS '%s'", name, strings.Join(append([]string{sum}, seeded...), " ")))
	return c, err
}

// errChanged says that a database is not as it was made.
var errChanged = errors.New("the database is not as it was made")

// empty ends what the test before has left connected to c's database and deletes
// its rows. It returns errChanged for a database whose schema, or whose rows of
// the migrations, are not as they were made.
func empty(c *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var comment string
	if err := c.QueryRow(ctx, `SELECT COALESCE(shobj_description(oid, 'pg_database'), '') FROM pg_database WHERE datname = current_database()`).Scan(&comment); err != nil {
		return err
	}
	words := strings.Fields(comment)
	if len(words) == 0 {
		return errChanged
	}
	if _, err := c.Exec(ctx, `SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity
		WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'`); err != nil {
		return err
	}
	if sum, err := sumOf(ctx, c, words[1:]); err != nil || sum != words[0] {
		return errors.Join(err, errChanged)
	}
	left, err := filled(ctx, c)
	if err != nil {
		return err
	}
	// Without its triggers: the audit log refuses to be emptied.
	statements := []string{"SET session_replication_role = replica"}
	for _, table := range left {
		if !slices.Contains(words[1:], table) {
			statements = append(statements, "DELETE FROM "+table)
		}
	}
	_, err = c.Exec(ctx, strings.Join(statements, ";"))
	return err
}

// filled are the tables that take up room: those that have rows, or had some.
func filled(ctx context.Context, c *pgx.Conn) ([]string, error) {
	rows, err := c.Query(ctx, `SELECT quote_ident(relname) FROM pg_class
		WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND pg_relation_size(oid) > 0 ORDER BY 1`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// sumOf tells the schema and the rows of the named tables. A row of the catalogue
// is known by the transaction that wrote it: whatever a test changes there, even
// back again, leaves another.
func sumOf(ctx context.Context, c *pgx.Conn, names []string) (string, error) {
	parts := []string{
		"SELECT oid::text || xmin::text AS x FROM pg_class WHERE relnamespace = 'public'::regnamespace",
		"SELECT a.attrelid::text || '.' || a.attnum || a.xmin::text FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid WHERE c.relnamespace = 'public'::regnamespace",
		"SELECT oid::text || xmin::text FROM pg_constraint WHERE connamespace = 'public'::regnamespace",
		"SELECT oid::text || xmin::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
		"SELECT oid::text || xmin::text FROM pg_trigger",
	}
	for _, name := range names {
		parts = append(parts, "SELECT t::text FROM "+name+" t")
	}
	var sum string
	err := c.QueryRow(ctx, "SELECT md5(string_agg(x, ',' ORDER BY x)) FROM ("+strings.Join(parts, " UNION ALL ")+") of").Scan(&sum)
	return sum, err
}
