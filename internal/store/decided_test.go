package store_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
)

// The last decision is the newest vote that ended the review of a request: not one of
// a review that goes on, of a round that is over, of what was taken back, of a sponsor,
// nor about something else than a request.
func TestLastDecision(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seed(t, s)
		last := func(tenant access.TenantID) (at time.Time) {
			t.Helper()
			if err := s.Read(t.Context(), func(tx *store.Tx) (err error) {
				at, err = tx.LastDecision(tenant)
				return err
			}); err != nil {
				t.Fatal(err)
			}
			return at
		}
		said := func(round, when int, v access.Verdict) access.Vote {
			return access.Vote{Round: round, Stage: 1, Part: access.AsReviewer, Person: cleo, Verdict: v, At: at(when)}
		}
		n := 0
		decided := func(state access.RequestState, round int, votes ...access.Vote) {
			t.Helper()
			n++
			r := waiting(fmt.Sprintf("req_%d", n), n)
			r.State, r.Round, r.Votes = state, round, votes
			create(t, s, r)
		}
		if at := last(north); !at.IsZero() {
			t.Errorf("of none: %v", at)
		}
		decided(access.InReview, 0, said(0, 50, access.Yes))
		decided(access.Rescinded, 0, said(0, 51, access.Yes))
		decided(access.Lapsed, 0, said(0, 52, access.Yes))
		decided(access.InReview, 0, said(0, 53, access.Claimed))
		if at := last(north); !at.IsZero() {
			t.Errorf("nothing was decided: %v", at)
		}
		sponsor := endorsed(ben)
		sponsor.At = at(60)
		for _, c := range []struct {
			want  int
			state access.RequestState
			round int
			votes []access.Vote
		}{
			{2, access.Approved, 0, []access.Vote{said(0, 2, access.Yes), sponsor}},
			{10, access.Denied, 0, []access.Vote{said(0, 10, access.No)}},
			{10, access.Fulfilled, 0, []access.Vote{said(0, 9, access.Yes)}},
			{15, access.Approved, 1, []access.Vote{said(0, 30, access.Yes), said(1, 15, access.Yes)}},
		} {
			decided(c.state, c.round, c.votes...)
			if got := last(north); !got.Equal(kept(at(c.want))) {
				t.Errorf("behind one that is %s: %v, want %v", c.state, got, kept(at(c.want)))
			}
		}
		allowed := found("fnd_allowed", "7")
		allowed.State, allowed.Votes = access.FoundAllowing, access.Votes{said(0, 70, access.Yes)}
		in(t, s, func(tx *store.Tx) error {
			return tx.CreateFound(allowed, foundTold(audit.FoundDiscover, allowed, ""), nil)
		})
		in(t, s, func(tx *store.Tx) error {
			return tx.MoveFound(next(allowed), foundTold(audit.FoundAllow, next(allowed), allowed.State), nil)
		})
		if got := last(north); !got.Equal(kept(at(15))) {
			t.Errorf("behind a token that was allowed: %v", got)
		}
		if at := last(south); !at.IsZero() {
			t.Errorf("of another tenant: %v", at)
		}
	})
}

func next(f access.Found) access.Found {
	f.Version++
	return f
}

// Who is concerned comes once, in the order of their ids, whatever it is that concerns
// them, and page by page.
func TestConcerned(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seed(t, s)
		var all []access.PersonID
		in(t, s, func(tx *store.Tx) error {
			for i := range 9 {
				p := store.Person{ID: access.PersonID(fmt.Sprintf("per_%d", i)), Tenant: north, CanvasUser: fmt.Sprint(200 + i), Name: "P", CreatedAt: base}
				all = append(all, p.ID)
				if err := tx.SavePerson(p); err != nil {
					return err
				}
			}
			return nil
		})
		// 0 to 2 ask, 2 to 4 own, 5 draws up, 6 was denied, 7 owns what has ended, 8 has nothing.
		for i, state := range []access.RequestState{access.InReview, access.AwaitingSponsor, access.InReview, access.Fulfilled, access.Fulfilled, access.Draft, access.Denied, access.Fulfilled} {
			r := waiting(fmt.Sprintf("req_%d", i), i+1)
			r.Requester, r.State = all[i], state
			create(t, s, r)
			if i < 2 || i > 7 {
				continue
			}
			g := grant(fmt.Sprintf("grt_%d", i), r)
			g.State = map[int]access.GrantState{2: access.Active, 3: access.HandedOver, 4: access.Frozen, 7: access.Expired}[i]
			if g.State == "" {
				continue
			}
			in(t, s, func(tx *store.Tx) error {
				return tx.CreateGrant(g, told(audit.GrantCreate, g.ID, "", string(g.State), 1), nil)
			})
		}
		page := func(tenant access.TenantID, after access.PersonID, limit int) (out []access.PersonID) {
			t.Helper()
			if err := s.Read(t.Context(), func(tx *store.Tx) (err error) {
				out, err = tx.Concerned(tenant, usableStates, []access.RequestState{access.InReview, access.AwaitingSponsor}, after, limit)
				return err
			}); err != nil {
				t.Fatal(err)
			}
			return out
		}
		if got := page(north, "", 100); !slices.Equal(got, all[:5]) {
			t.Errorf("concerned are %v", got)
		}
		for i := range 5 {
			if got := page(north, all[i], 2); !slices.Equal(got, all[i+1:min(i+3, 5)]) {
				t.Errorf("behind %s: %v", all[i], got)
			}
		}
		if got := page(south, "", 100); len(got) > 0 {
			t.Errorf("of another tenant: %v", got)
		}
		for name, look := range map[string]func(tx *store.Tx) error{
			"a grant": func(tx *store.Tx) error { _, err := tx.Concerned(north, goneStates, nil, "", 1); return err },
			"a request": func(tx *store.Tx) error {
				_, err := tx.Concerned(north, nil, []access.RequestState{access.Draft}, "", 1)
				return err
			},
		} {
			if err := s.Read(t.Context(), look); err == nil {
				t.Errorf("%s that has ended was looked for", name)
			}
		}
	})
}
