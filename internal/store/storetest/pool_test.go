package storetest

import (
	"crypto/rand"
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// fill writes rows that others refer to, and one that nobody may delete.
const fill = `INSERT INTO tenants (id, name, platform_guid, canvas_account, school, learned_cap_days, last_number, version, created_at)
		VALUES ('ten_1', 'A school', '', '', '{}', 0, 0, 1, now());
	INSERT INTO audit_events (tenant, seq, id, at, actor, action, object, from_state, to_state, version, related, prev, hash)
		VALUES ('ten_1', 1, 'aud_1', now(), 'system', 'request.submitted', 'req_1', '', '', 1, '', '', '')`

// A database that a test was done with comes back without its rows, and not at all
// if its schema or the rows of its migrations are not what they were.
func TestADatabaseOfATestBefore(t *testing.T) {
	t.Parallel()
	admin := server(t)
	template := templateDatabase(t, admin)
	for what, tt := range map[string]struct {
		do      string
		changed bool
	}{
		"nothing":                      {do: "SELECT 1"},
		"rows":                         {do: fill},
		"another column":               {do: "ALTER TABLE tenants ADD COLUMN x text", changed: true},
		"a column that came and went":  {do: "ALTER TABLE tenants ADD COLUMN x text; ALTER TABLE tenants DROP COLUMN x", changed: true},
		"a trigger switched off":       {do: "ALTER TABLE audit_details DISABLE TRIGGER ALL", changed: true},
		"another table":                {do: "CREATE TABLE x (y text)", changed: true},
		"another function":             {do: "CREATE FUNCTION x() RETURNS int LANGUAGE sql AS 'SELECT 1'", changed: true},
		"a lost constraint":            {do: "ALTER TABLE grants DROP CONSTRAINT grants_pkey CASCADE", changed: true},
		"a row of the migrations gone": {do: "DELETE FROM schema_programs WHERE version = 2", changed: true},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			bare, err := connect(freshDatabase(t, admin, template))
			if err != nil {
				t.Fatal(err)
			}
			defer bare.Close(t.Context())
			if err := empty(bare); !errors.Is(err, errChanged) {
				t.Fatalf("a database of which nobody wrote what it is: %v", err)
			}
			name := "tokendesk_test_" + strings.ToLower(rand.Text()[:16])
			database := withDatabase(t, admin, name)
			c, err := remake(admin, template, name, database)
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := errors.Join(c.Close(t.Context()), run(admin, "DROP DATABASE "+name+" WITH (FORCE)")); err != nil {
					t.Error(err)
				}
			}()
			left, err := pgx.Connect(t.Context(), database)
			if err != nil {
				t.Fatal(err)
			}
			defer left.Close(t.Context())
			for _, statement := range []string{tt.do, "BEGIN; LOCK TABLE tenants IN ACCESS EXCLUSIVE MODE"} {
				if _, err := left.Exec(t.Context(), statement); err != nil {
					t.Fatal(err)
				}
			}
			if err := empty(c); (err != nil) != tt.changed {
				t.Fatalf("emptied: %v, want changed: %v", err, tt.changed)
			}
			if tt.changed {
				return
			}
			DumpURL(t, database, func(table, column, cell string) {
				if table != "goose_db_version" && table != "schema_programs" {
					t.Errorf("%s.%s still has %q", table, column, cell)
				}
			})
		})
	}
}

// Two tests never have one database, and the next has what one gave back.
func TestADatabaseIsOneTestsAlone(t *testing.T) {
	admin := server(t)
	first := takeDatabase(t, admin)
	var second string
	t.Run("beside it", func(t *testing.T) {
		if second = takeDatabase(t, admin); second == first {
			t.Errorf("two tests have %s", second)
		}
		if c, err := pgx.Connect(t.Context(), second); err != nil {
			t.Error(err)
		} else if _, err := c.Exec(t.Context(), fill); err != nil {
			t.Error(err)
		}
	})
	t.Run("after it", func(t *testing.T) {
		s := OpenPostgres(t)
		Dump(t, s, func(table, column, cell string) {
			if table == "tenants" {
				t.Errorf("%s.%s of the test before: %q", table, column, cell)
			}
		})
	})
}
