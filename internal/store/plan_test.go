package store_test

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
)

// The statements that run all the time never read a whole table, however much
// of it is history.
func TestFrequentStatementsUseIndexes(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		explain := "EXPLAIN QUERY PLAN "
		if s.Postgres() {
			explain = "EXPLAIN "
			s.Raw().SetMaxOpenConns(1)
			exec(t, s, "SET enable_seqscan = off") // tables of this size are read whole otherwise
		}
		for name, statement := range map[string]string{
			"looking for jobs": store.Claimable,
			"counting jobs":    store.NotDone,
			"claiming a job": `SELECT id FROM jobs WHERE state = 'due' AND kind = 'notice' AND tenant = 'ten_a' AND run_at <= '2026-01-01 00:00:00+00:00'
				ORDER BY run_at, id LIMIT 1`,
			"the review queue":        `SELECT * FROM requests WHERE tenant = 'ten_a' AND state IN ('in_review') ORDER BY created_at DESC, id DESC LIMIT 50`,
			"the votes of requests":   `SELECT * FROM votes WHERE object IN ('req_a', 'req_b') ORDER BY object, round, at, stage, person`,
			"what a person voted on":  `SELECT object FROM votes WHERE tenant = 'ten_a' AND person IN ('per_a', 'per_b')`,
			"a person's requests":     `SELECT * FROM requests WHERE tenant = 'ten_a' AND requester = 'per_a'`,
			"a person's tokens":       `SELECT * FROM grants WHERE tenant = 'ten_a' AND owner = 'per_a'`,
			"the grant of a request":  `SELECT * FROM grants WHERE tenant = 'ten_a' AND request_id = 'req_a' ORDER BY CASE WHEN open THEN 0 WHEN state = 'void' THEN 2 ELSE 1 END, created_at DESC, id DESC LIMIT 1`,
			"the story of an object":  `SELECT * FROM audit_events WHERE tenant = 'ten_a' AND (object = 'req_a' OR (related = 'req_a' AND related <> '')) ORDER BY seq`,
			"the log behind a place":  `SELECT * FROM audit_events WHERE tenant = 'ten_a' AND seq > 5 ORDER BY seq LIMIT 50`,
			"a used nonce":            `SELECT 1 FROM lti_nonces WHERE registration_id = 'plt_a' AND hash = 'h'`,
			"purging nonces":          `SELECT hash FROM lti_nonces WHERE expires_at < '2026-01-01 00:00:00+00:00'`,
			"a person's sessions":     `SELECT * FROM sessions WHERE tenant = 'ten_a' AND person = 'per_a'`,
			"purging sessions":        `SELECT hash FROM sessions WHERE idle_until <= '2026-01-01 00:00:00+00:00'`,
			"the person of a sub":     `SELECT * FROM people WHERE tenant = 'ten_a' AND id = (SELECT person FROM person_subs WHERE tenant = 'ten_a' AND sub = 's')`,
			"a Canvas user's person":  `SELECT * FROM people WHERE tenant = 'ten_a' AND canvas_user = '1' AND canvas_user <> '' AND merged_into IS NULL`,
			"a person's open leaks":   `SELECT count(*) FROM incidents WHERE tenant = 'ten_a' AND owner = 'per_a' AND cleared_at IS NULL`,
			"the leak of a grant":     `SELECT * FROM incidents WHERE tenant = 'ten_a' AND grant_id = 'grt_a' ORDER BY opened_at DESC, id DESC LIMIT 1`,
			"a pasted value":          `SELECT * FROM grants WHERE tenant = 'ten_a' AND digest IN ('\x00', '\x01') ORDER BY created_at DESC, id DESC LIMIT 3`,
			"the platform of a login": `SELECT * FROM platforms WHERE issuer = 'i' AND client_id = 'c'`,
		} {
			plan := lastColumn(t, s, explain+statement)
			all := strings.Join(plan, "\n")
			if len(plan) == 0 || strings.Contains(all, "Seq Scan") {
				t.Errorf("%s reads a whole table:\n%s", name, all)
			}
			if name == "counting jobs" && (!strings.Contains(all, "jobs_waiting") || !strings.Contains(all, "jobs_leased") || !strings.Contains(all, "jobs_parked")) {
				t.Errorf("%s goes past an index of what is not done:\n%s", name, all)
			}
			for _, step := range plan { // SQLite: SCAN without an index
				if strings.HasPrefix(step, "SCAN") && !strings.Contains(step, "INDEX") && !slices.ContainsFunc([]string{"waiting", "CONSTANT", "kinds", "schools", "firsts"}, func(not string) bool { return strings.Contains(step, not) }) {
					t.Errorf("%s reads a whole table:\n%s", name, all)
				}
			}
		}
	})
}

// lastColumn runs a query and returns the last column of its rows, as text.
func lastColumn(t *testing.T, s *store.Store, query string, args ...any) []string {
	t.Helper()
	return lastColumnOf(t, s.Raw(), query, args...)
}

func lastColumnOf(t *testing.T, db interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}, query string, args ...any,
) (out []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	cells, places := make([]any, len(columns)), make([]any, len(columns))
	for i := range cells {
		places[i] = &cells[i]
	}
	for rows.Next() {
		if err := rows.Scan(places...); err != nil {
			t.Fatal(err)
		}
		out = append(out, fmt.Sprint(cells[len(cells)-1]))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}
