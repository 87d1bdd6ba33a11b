package store_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
)

var (
	usableStates = []access.GrantState{access.HandedOver, access.Active, access.Frozen}
	goneStates   = []access.GrantState{access.Revoked, access.Expired}
	openFound    = []access.FoundState{access.FoundNew, access.FoundTold}
)

// Lists, what is due and what the navigation tells come out of an index in their
// order, by plans that are kept for whatever values: nothing that has ended is read,
// and nothing sorted. Of another place in a list, too.
func TestWhatIsReadComesInTheOrderOfAnIndex(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	r := access.Request{ID: "req_a", ReviewDue: now}
	g := access.Grant{ID: "grt_a", Expires: now}
	f := access.Found{ID: "fnd_a", MadeAt: now, Expires: now}
	requests := func(q store.RequestQuery) func(*store.Tx) error {
		return func(tx *store.Tx) error { q.Tenant = "ten_a"; _, err := tx.Requests(q); return err }
	}
	grants := func(q store.GrantQuery) func(*store.Tx) error {
		return func(tx *store.Tx) error { q.Tenant = "ten_a"; _, err := tx.Grants(q); return err }
	}
	found := func(q store.FoundQuery) func(*store.Tx) error {
		return func(tx *store.Tx) error { q.Tenant = "ten_a"; _, err := tx.FoundTokens(q); return err }
	}
	review := store.RequestQuery{States: []access.RequestState{access.InReview}, Order: store.ReviewDue}
	laterReview := review
	laterReview.After = review.Next(r)
	live := store.GrantQuery{States: usableStates, Order: store.Ends}
	laterLive := live
	laterLive.After = live.Next(g)
	due := func(q store.GrantQuery, states ...access.GrantState) func(*store.Tx) error {
		q.States, q.Order = states, store.Due
		return grants(q)
	}
	unmanaged := store.FoundQuery{States: openFound}
	for _, c := range []struct {
		name, index string
		read        func(*store.Tx) error
	}{
		{"the queue", "requests_review_due", requests(review)},
		{"the queue behind a place", "requests_review_due", requests(laterReview)},
		{"what is overdue", "requests_review_due", func(tx *store.Tx) error {
			_, err := tx.CountRequests(store.RequestQuery{Tenant: "ten_a", States: review.States, DueField: store.DueReview, DueBefore: now})
			return err
		}},
		{"the last decision", "votes_decided", func(tx *store.Tx) error { _, err := tx.LastDecision("ten_a"); return err }},
		{"live tokens", "grants_live_ends", grants(live)},
		{"live tokens behind a place", "grants_live_ends", grants(laterLive)},
		{"live tokens by their end", "grants_live_ends", due(store.GrantQuery{EndsBefore: now}, usableStates...)},
		{"live tokens of students", "grants_live_ends", grants(store.GrantQuery{States: usableStates, Order: store.Ends, Affiliation: "student", AI: "yes"})},
		{"ended tokens", "grants_past_ends", grants(store.GrantQuery{States: goneStates, Order: store.Ends})},
		{"tokens of one state", "grants_state_ends", grants(store.GrantQuery{States: []access.GrantState{access.Unclaimed}, Order: store.Ends})},
		{"whose end in Canvas is over", "grants_canvas_end", due(store.GrantQuery{CanvasEndBefore: now}, usableStates...)},
		{"what was not activated", "grants_activate_by", due(store.GrantQuery{ActivateBefore: now}, access.HandedOver)},
		{"what nobody stands for", "grants_gap_until", due(store.GrantQuery{GapBefore: now}, usableStates...)},
		{"what gives way", "grants_retire_at", due(store.GrantQuery{RetireBefore: now}, usableStates...)},
		{"tokens that were found", "found_tokens_rank", found(unmanaged)},
		{"tokens that were found, behind a place", "found_tokens_rank", found(store.FoundQuery{States: openFound, After: unmanaged.Next(f)})},
		{"found tokens of admins", "found_tokens_rank", found(store.FoundQuery{States: openFound, AccountRole: true})},
		{"found tokens without an end", "found_tokens_rank", found(store.FoundQuery{States: openFound, NeverEnds: true})},
		{"found tokens of one state", "found_tokens_state_rank", found(store.FoundQuery{States: []access.FoundState{access.FoundGone}})},
		{"found tokens of people", "found_tokens_one", found(store.FoundQuery{States: openFound, CanvasUsers: []string{"7"}})},
		{"a person's found tokens", "found_tokens_one", func(tx *store.Tx) error { _, err := tx.FoundOf("ten_a", "7", 50); return err }},
		{"the last token made", "found_tokens_made", func(tx *store.Tx) error { _, err := tx.LastMade("ten_a", now); return err }},
		{"what became of a campaign", "found_tokens_campaign_state", func(tx *store.Tx) error { _, err := tx.Progress("ten_a", "cam_a"); return err }},
		{"people concerned", "grants_live_owner requests_open_requester", concerned},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			storetest.EachHeard(t, func(t *testing.T, s *store.Store, heard *storetest.Statements) {
				said := heard.During(func() {
					if err := s.Read(t.Context(), c.read); err != nil {
						t.Fatal(err)
					}
				})
				if len(said) == 0 {
					t.Fatal("no statement was heard")
				}
				if c.index == "found_tokens_campaign_state" {
					said = said[:1] // the second looks at requests, too
				}
				for _, st := range said {
					indexes := strings.Fields(c.index)
					all := planOf(t, s, st, indexes...)
					whole := strings.Contains(all, "Seq Scan") || strings.Contains(all, "SCAN requests\n") || strings.Contains(all, "SCAN grants\n")
					// A person's few found tokens are sorted, and people of two lists, and groups are made of states.
					sorts := strings.Contains(all, "Sort") || strings.Contains(all, "TEMP B-TREE FOR ORDER BY")
					few := c.index == "found_tokens_one" || c.index == "found_tokens_campaign_state" || strings.HasPrefix(c.name, "people")
					if whole || (sorts && !few) || slices.ContainsFunc(indexes, func(index string) bool { return !strings.Contains(all, index) }) {
						t.Errorf("not by %s:\n%s\n%s", c.index, st.SQL, all)
					}
				}
			})
		})
	}
}

func concerned(tx *store.Tx) error {
	_, err := tx.Concerned("ten_a", usableStates, []access.RequestState{access.InReview}, "per_a", 10)
	return err
}

// planOf is the plan of a statement. On PostgreSQL, whose tables without rows make
// every plan as good as another, it is the one that is kept for whatever values where
// there are only these indexes, and neither reading all nor sorting is liked.
func planOf(t *testing.T, s *store.Store, st storetest.Statement, indexes ...string) string {
	t.Helper()
	if !s.Postgres() {
		return strings.Join(lastColumn(t, s, "EXPLAIN QUERY PLAN "+st.SQL, st.Args...), "\n") + "\n"
	}
	tx, err := s.Raw().BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }() // the indexes come back
	say := []string{"SET LOCAL enable_seqscan = off", "SET LOCAL enable_bitmapscan = off", "SET LOCAL enable_sort = off", "SET LOCAL plan_cache_mode = force_generic_plan"}
	for _, other := range lastColumnOf(t, tx, `SELECT indexname FROM pg_indexes WHERE schemaname = 'public'
		AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = indexname::regclass)`) {
		if !slices.Contains(indexes, other) {
			say = append(say, "DROP INDEX "+other)
		}
	}
	for _, do := range append(say, "PREPARE it AS "+st.SQL) {
		if _, err := tx.ExecContext(t.Context(), do); err != nil {
			t.Fatalf("%s: %v", do, err)
		}
	}
	defer func() { _, _ = tx.ExecContext(t.Context(), "DEALLOCATE it") }()
	n := 0
	for strings.Contains(st.SQL, fmt.Sprintf("$%d", n+1)) {
		n++
	}
	return strings.Join(lastColumnOf(t, tx, "EXPLAIN EXECUTE it("+strings.TrimSuffix(strings.Repeat("NULL, ", n), ", ")+")"), "\n")
}
