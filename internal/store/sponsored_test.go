package store_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
)

// With years of requests and tokens, one sponsor's and everybody's, no part of a
// sponsor's list reads a table, and what they stand for and stood for comes by the
// index that tells what is open.
func TestASponsorsListIsReadByItsIndex(t *testing.T) {
	t.Parallel()
	storetest.EachHeard(t, func(t *testing.T, s *store.Store, heard *storetest.Statements) {
		t.Parallel()
		seed(t, s)
		const past = 4000
		in(t, s, func(tx *store.Tx) error {
			r := access.Request{ID: "req_a", Tenant: north, Version: 1, Number: 1, State: access.Fulfilled, Requester: ana, Sponsor: ben, PolicyVersion: 1, CreatedAt: base, UpdatedAt: base}
			if err := tx.CreateRequest(r, told(audit.RequestCreate, r.ID, "", string(r.State), 1), nil); err != nil {
				return err
			}
			g := access.NewGrant("grt_a", r, "100", at(100), base)
			g.State = access.Revoked
			return tx.CreateGrant(g, told(audit.GrantCreate, g.ID, "", string(g.State), 1), nil)
		})
		// One in twenty is the sponsor's, and much goes on, most of it others'.
		sponsor, open := "CASE WHEN n % 20 = 0 THEN sponsor ELSE 'per_cleo' END", "CASE WHEN n % 4 = 1 OR n % 100 = 0 THEN TRUE ELSE FALSE END"
		copyRows(t, s, "requests", past, map[string]string{"id": "'req_' || n", "number": "n + 10", "sponsor": sponsor, "open": open,
			"state": "CASE WHEN n % 4 <> 1 AND n % 100 <> 0 THEN state WHEN n % 8 = 1 THEN 'awaiting_sponsor' ELSE 'in_review' END"})
		copyRows(t, s, "grants", past, map[string]string{"id": "'grt_' || n", "request_id": "'req_' || n", "sponsor": sponsor, "open": open,
			"state": "CASE WHEN n % 4 <> 1 AND n % 100 <> 0 THEN state ELSE 'active' END"})
		exec(t, s, "ANALYZE") //nolint:misspell // as the engines spell it
		var rows []store.SponsorRow
		said := heard.During(func() {
			err := s.Read(t.Context(), func(tx *store.Tx) (err error) {
				for _, list := range []store.SponsorList{store.SponsorWaiting, store.SponsorStanding, store.SponsorPast} {
					if rows, err = tx.Sponsored(store.SponsorQuery{Tenant: north, Sponsor: ben, List: list, Limit: 26}); err != nil {
						return err
					}
				}
				_, _, err = tx.CountSponsored(north, ben)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		})
		if len(said) != 4 || len(rows) != 26 {
			t.Fatalf("%d statements, %d rows of the past", len(said), len(rows))
		}
		for i, st := range said {
			plan := explained(t, s, st) + "\n"
			for _, table := range []string{"requests", "grants"} {
				if strings.Contains(plan, "Seq Scan on "+table) || strings.Contains(plan, "SCAN "+table+"\n") {
					t.Errorf("all %s are read:\n%s\n%s", table, st.SQL, plan)
				}
				// What waits may as well be found among all that waits.
				if i > 0 && !strings.Contains(plan, table+"_sponsored") {
					t.Errorf("%s are not read by what is open:\n%s\n%s", table, st.SQL, plan)
				}
			}
		}
	})
}

// copyRows adds n copies of the only row of a table, with some columns made from the
// number of the copy.
func copyRows(t *testing.T, s *store.Store, table string, n int, change map[string]string) {
	t.Helper()
	head, err := s.Raw().QueryContext(t.Context(), "SELECT * FROM "+table+" WHERE 1 = 0")
	if err != nil {
		t.Fatal(err)
	}
	columns, err := head.Columns()
	if err != nil || head.Close() != nil || head.Err() != nil {
		t.Fatal(err)
	}
	values := slices.Clone(columns)
	for i, c := range columns {
		if v, ok := change[c]; ok {
			values[i] = v
		}
	}
	exec(t, s, fmt.Sprintf("INSERT INTO %s (%s) WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < %d) SELECT %s FROM %s, numbers",
		table, strings.Join(columns, ", "), n, strings.Join(values, ", "), table))
}

// explained is how the database runs a statement, with its values.
func explained(t *testing.T, s *store.Store, st storetest.Statement) string {
	t.Helper()
	explain := "EXPLAIN QUERY PLAN "
	if s.Postgres() {
		explain = "EXPLAIN "
	}
	rows, err := s.Raw().QueryContext(t.Context(), explain+st.SQL, st.Args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for rows.Next() {
		var step string
		places := make([]any, len(columns))
		for i := range places {
			places[i] = new(any)
		}
		places[len(places)-1] = &step
		if err := rows.Scan(places...); err != nil {
			t.Fatal(err)
		}
		out = append(out, step)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return strings.Join(out, "\n")
}
