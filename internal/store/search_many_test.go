package store_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
)

// What many have is found by walking the list, and counted no farther than is shown.
// Neither changes what is found: not the rows, not their order, not how many they are,
// however few rows a walk may see.
func TestManyAreFoundAsFewAre(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		largeSchool(t, s, 400)
		for _, table := range []string{"requests", "grants"} { // times as the store writes them
			exec(t, s, "UPDATE "+table+" SET created_at = '2026-01-01 00:00:00+00:00', updated_at = '2026-01-01 00:00:00+00:00'")
		}
		exec(t, s, "UPDATE grants SET wanted = '2027-01-01 00:00:00+00:00', expires = '2027-01-01 00:00:00+00:00'")
		// Orders by something that is not the order of insertion, with ties.
		exec(t, s, "UPDATE requests SET review_due = CASE WHEN number % 3 = 0 THEN NULL ELSE created_at END, affiliation = CASE WHEN number % 4 = 0 THEN 'staff' ELSE 'student' END")
		exec(t, s, "UPDATE requests SET sponsor = 'per_x1' WHERE number % 7 = 0 AND requester <> 'per_x1'")
		exec(t, s, "UPDATE people SET search = 'maria ' || search WHERE canvas_user LIKE '%1'")
		exec(t, s, "UPDATE requests SET search = search || ' maria' WHERE number % 3 = 0")
		word := vocabulary[6*7 : 6*7+6]
		texts := []string{"maria", "ma", "req-1", word, vocabulary[:3], "1", "1193", "nobody at all"}
		requests := []store.RequestQuery{
			{States: []access.RequestState{access.InReview}, Order: store.ReviewDue},
			{States: []access.RequestState{access.Denied}, Order: store.ReviewDue},
			{States: []access.RequestState{access.Denied, access.Fulfilled}},
			{Affiliation: policy.Staff, Order: store.ReviewDue},
			{Order: store.Updated},
		}
		grants := []store.GrantQuery{
			{States: live, Order: store.Ends},
			{States: []access.GrantState{access.Revoked}, Order: store.Ends},
			{Affiliation: policy.Staff, Order: store.Ends},
			{},
		}
		found, walked := 0, 0
		same := func(what string, all []string, count func(most int) (int, error), many func() []string) {
			t.Helper()
			found += len(all)
			for _, far := range []int{1, 60, 100_000} {
				s.Walk(far)
				got := many()
				if walked += len(got); !slices.Equal(got, all) {
					t.Errorf("%s, walking %d rows, finds %v, want %v", what, far, got, all)
				}
			}
			for _, most := range []int{0, 1, 5, len(all) - 1, len(all), 1000} {
				if n, err := count(max(most, 0)); err != nil || n != min(len(all), max(most, 0)+1) {
					t.Errorf("%s: %d up to %d of %d, %v", what, n, most, len(all), err)
				}
			}
		}
		err := s.Read(t.Context(), func(tx *store.Tx) error {
			for _, typed := range texts {
				for i, q := range requests {
					q.Tenant, q.Search, q.Limit = north, typed, pageOf
					all := func(many bool) []string {
						return pages(t, func(after store.Cursor) ([]string, store.Cursor) {
							of := q
							of.After, of.Many = after, many
							return list(t, of, tx.Requests, func(r access.Request) string { return r.ID })
						})
					}
					same(fmt.Sprintf("%q in requests %d", typed, i), all(false), func(most int) (int, error) { return tx.CountRequestsTo(q, most) }, func() []string { return all(true) })
				}
				for i, q := range grants {
					q.Tenant, q.Search, q.Limit = north, typed, pageOf
					all := func(many bool) []string {
						return pages(t, func(after store.Cursor) ([]string, store.Cursor) {
							of := q
							of.After, of.Many = after, many
							return list(t, of, tx.Grants, func(g access.Grant) string { return g.ID })
						})
					}
					same(fmt.Sprintf("%q in grants %d", typed, i), all(false), func(most int) (int, error) { return tx.CountGrantsTo(q, most) }, func() []string { return all(true) })
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if found < 1000 || walked != 3*found {
			t.Errorf("%d rows found, %d walked", found, walked)
		}
	})
}

const pageOf = 9

// pages are the rows of all pages of a list. One that is not full is the last.
func pages(t *testing.T, page func(after store.Cursor) ([]string, store.Cursor)) (all []string) {
	t.Helper()
	for after := store.Cursor(""); ; {
		ids, next := page(after)
		all = append(all, ids...)
		if len(ids) < pageOf {
			return all
		}
		after = next
	}
}

// list is a page of a list, and the place behind it.
func list[Q interface{ Next(R) store.Cursor }, R any](t *testing.T, q Q, read func(Q) ([]R, error), id func(R) string) (ids []string, next store.Cursor) {
	t.Helper()
	rows, err := read(q)
	if err != nil {
		t.Fatal(fmt.Errorf("%+v: %w", q, err))
	}
	for _, r := range rows {
		ids, next = append(ids, id(r)), q.Next(r)
	}
	return ids, next
}
