package store_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
)

// What is read of many requests at once is what is read of each: the grant that it
// stands for above all, whichever of its grants was made first, and nothing of
// another school.
func TestSetsAreWhatEachIs(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		t.Parallel()
		seed(t, s)
		random := rand.New(rand.NewPCG(4, 2))
		ended := slices.DeleteFunc(slices.Clone(access.GrantStates), access.GrantState.Live)
		live := slices.DeleteFunc(slices.Clone(access.GrantStates), access.GrantState.Final)
		var requests, grants []string
		for n := range 60 {
			in(t, s, func(tx *store.Tx) error {
				r := access.Request{ID: fmt.Sprintf("req_%d", n), Tenant: north, Version: 1, Number: n + 1, State: access.Fulfilled, Requester: ana, Sponsor: ben, PolicyVersion: 1,
					Votes: access.Votes{{Part: access.AsSponsor, Person: ben, Verdict: access.Yes, At: at(n)}}, CreatedAt: base, UpdatedAt: base}
				requests = append(requests, r.ID)
				if err := tx.CreateRequest(r, told(audit.RequestCreate, r.ID, "", string(r.State), 1), nil); err != nil {
					return err
				}
				lives := false
				for i := range random.IntN(5) {
					g := access.NewGrant(fmt.Sprintf("grt_%d_%d", n, random.IntN(1000)*10+i), r, "100", at(100), at(random.IntN(3)))
					g.State = ended[random.IntN(len(ended))]
					if !lives && random.IntN(3) == 0 {
						g.State, lives = live[random.IntN(len(live))], true
					}
					grants = append(grants, g.ID)
					if err := tx.CreateGrant(g, told(audit.GrantCreate, g.ID, "", string(g.State), 1), nil); err != nil {
						return err
					}
				}
				return nil
			})
		}
		read := func(tx *store.Tx) error {
			asked := append(slices.Clone(requests), "", "req_of_nobody", requests[0])
			got, err := tx.GrantsOfRequests(north, asked)
			if err != nil {
				return err
			}
			behind, err := tx.RequestsByID(north, asked)
			if err != nil {
				return err
			}
			byID, err := tx.GrantsByID(north, append(slices.Clone(grants), ""))
			if err != nil || len(byID) != len(grants) || len(behind) != len(requests) {
				return fmt.Errorf("%d grants, %d requests: %w", len(byID), len(behind), err)
			}
			for _, id := range requests {
				want, err := tx.GrantOfRequest(north, id)
				g, ok := got[id]
				if errors.Is(err, access.ErrNotFound) != !ok || !reflect.DeepEqual(g, want) {
					t.Errorf("%s stands for %s (%s), want %s (%s), %v", id, g.ID, g.State, want.ID, want.State, err)
				}
				if one, err := tx.Request(north, id); err != nil || !reflect.DeepEqual(one, behind[id]) || len(one.Votes) == 0 {
					t.Errorf("%+v, want %+v, %v", behind[id], one, err)
				}
			}
			for _, id := range grants {
				if one, err := tx.Grant(north, id); err != nil || !reflect.DeepEqual(one, byID[id]) {
					t.Errorf("%+v, want %+v, %v", byID[id], one, err)
				}
			}
			others, err := tx.GrantsOfRequests(south, requests)
			if err != nil || len(others) != 0 {
				t.Errorf("another school is given %d grants of requests, %v", len(others), err)
			}
			theirs, err := tx.RequestsByID(south, requests)
			if err != nil || len(theirs) != 0 {
				t.Errorf("another school is given %d requests, %v", len(theirs), err)
			}
			if others, err = tx.GrantsByID(south, grants); err != nil || len(others) != 0 {
				t.Errorf("another school is given %d grants, %v", len(others), err)
			}
			return nil
		}
		if err := s.Read(t.Context(), read); err != nil {
			t.Fatal(err)
		}
		in(t, s, read) // with its locks
	})
}

// Several versions of a policy are read as each is, and a version that cannot be
// used stands in nobody's way.
func TestPoliciesAreWhatEachIs(t *testing.T) {
	t.Parallel()
	storetest.EachHeard(t, func(t *testing.T, s *store.Store, heard *storetest.Statements) {
		t.Parallel()
		seed(t, s)
		for v := 2; v <= 4; v++ {
			in(t, s, func(tx *store.Tx) error {
				p, err := tx.NewestPolicy(north)
				if err != nil {
					return err
				}
				p.Version, p.Windows.ReviewDays = v, v
				return tx.PublishPolicy(store.Published{Tenant: north, Policy: p, At: at(v), By: "operator:test"})
			})
		}
		if err := s.Exec(t.Context(), "UPDATE policies SET document = '{}' WHERE version = 4"); err != nil {
			t.Fatal(err)
		}
		for range 2 { // from the database, and from memory
			said := heard.During(func() {
				err := s.Read(t.Context(), func(tx *store.Tx) error {
					good, bad, err := tx.Policies(north, []int{4, 2, 3, 9, 2})
					if err != nil {
						return err
					}
					if len(good) != 2 || good[2].Windows.ReviewDays != 2 || good[3].Windows.ReviewDays != 3 {
						t.Errorf("good: %v", slices.Sorted(maps.Keys(good)))
					}
					if len(bad) != 2 || bad[4] == nil || bad[4].Err == nil || bad[9] == nil || bad[9].Err != nil {
						t.Errorf("bad: %v", bad)
					}
					good, bad, err = tx.Policies(south, []int{4})
					if len(good) != 0 || len(bad) != 1 {
						t.Errorf("of another school: %v, %v", good, bad)
					}
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
			})
			if len(said) > 2 {
				t.Errorf("%d statements:\n%s", len(said), storetest.Texts(said))
			}
		}
	})
}
