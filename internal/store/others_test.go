package store_test

import (
	"slices"
	"testing"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
)

// What lists read of many at once, and what sponsors' lists and searches find, is a
// tenant's own, also for who knows the ids of another's.
func TestSetsOfAnotherTenant(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		t.Parallel()
		seed(t, s)
		f := found("fnd_a", "7")
		f.State = access.FoundTold
		discover(t, s, f)
		in(t, s, func(tx *store.Tx) error {
			for n, r := range []access.Request{{ID: "req_a", State: access.Fulfilled}, {ID: "req_b", State: access.AwaitingSponsor},
				{ID: "req_c", State: access.Denied}, {ID: "req_d", State: access.InReview, Renews: "grt_a"}, {ID: "req_e", State: access.Fulfilled}} {
				r.Tenant, r.Version, r.Number, r.Requester, r.Sponsor, r.PolicyVersion, r.CreatedAt, r.UpdatedAt = north, 1, n+1, ana, ben, 1, base, base
				if err := tx.CreateRequest(r, told(audit.RequestCreate, r.ID, "", string(r.State), 1), nil); err != nil {
					return err
				}
				if r.State != access.Fulfilled {
					continue
				}
				g := access.NewGrant("grt_"+r.ID[4:], r, "100", at(100), base)
				if g.ID == "grt_e" {
					g.Renews = "grt_a"
				}
				if err := tx.CreateGrant(g, told(audit.GrantCreate, g.ID, "", string(g.State), 1), nil); err != nil {
					return err
				}
			}
			i := leak("inc_a", "grt_a")
			return tx.CreateIncident(i, opened(i), nil)
		})
		liveGrants := slices.DeleteFunc(slices.Clone(access.GrantStates), access.GrantState.Final)
		asked := map[string]func(tx *store.Tx, t access.TenantID) (int, error){
			"found tokens": func(tx *store.Tx, t access.TenantID) (int, error) {
				got, err := tx.FoundByID(t, []string{"fnd_a"})
				return len(got), err
			},
			"incidents": func(tx *store.Tx, t access.TenantID) (int, error) {
				got, err := tx.IncidentsByID(t, []string{"inc_a"})
				return len(got), err
			},
			"open incidents": func(tx *store.Tx, t access.TenantID) (int, error) {
				got, err := tx.OpenIncidentsOf(t, []access.PersonID{ana})
				return len(got), err
			},
			"renewals": func(tx *store.Tx, t access.TenantID) (int, error) {
				got, err := tx.RenewalsOf(t, []string{"grt_a"}, []access.RequestState{access.InReview})
				return len(got), err
			},
			"renewed": func(tx *store.Tx, t access.TenantID) (int, error) {
				got, err := tx.RenewedBy(t, []string{"grt_a"}, liveGrants)
				return len(got), err
			},
			"people": func(tx *store.Tx, t access.TenantID) (int, error) {
				got, err := tx.People(t, []access.PersonID{ana})
				return len(got), err
			},
			"concerned": func(tx *store.Tx, t access.TenantID) (int, error) {
				got, err := tx.Concerned(t, liveGrants, []access.RequestState{access.InReview}, "", 5)
				return len(got), err
			},
			"counts of a sponsor": func(tx *store.Tx, t access.TenantID) (int, error) {
				waiting, standing, err := tx.CountSponsored(t, ben)
				return waiting * standing, err
			},
			"tokens searched": func(tx *store.Tx, t access.TenantID) (int, error) {
				return tx.CountGrantsTo(store.GrantQuery{Tenant: t, Search: "ana åb", SponsorText: "oko"}, 5)
			},
			"requests searched": func(tx *store.Tx, t access.TenantID) (int, error) {
				return tx.CountRequestsTo(store.RequestQuery{Tenant: t, Search: "ana åb"}, 5)
			},
			"requests of many": func(tx *store.Tx, t access.TenantID) (int, error) {
				got, err := tx.Requests(store.RequestQuery{Tenant: t, Search: "ana åb", Many: true, Limit: 1})
				return len(got), err
			},
			"tokens of many": func(tx *store.Tx, t access.TenantID) (int, error) {
				got, err := tx.Grants(store.GrantQuery{Tenant: t, Search: "ana åb", Many: true, Limit: 1})
				return len(got), err
			},
			"found tokens searched": func(tx *store.Tx, t access.TenantID) (int, error) {
				return tx.CountFoundTo(store.FoundQuery{Tenant: t, Search: "script"}, 5)
			},
		}
		for _, list := range []store.SponsorList{store.SponsorWaiting, store.SponsorStanding, store.SponsorPast} {
			asked["a sponsor's list "+string(list)] = func(tx *store.Tx, t access.TenantID) (int, error) {
				got, err := tx.Sponsored(store.SponsorQuery{Tenant: t, Sponsor: ben, List: list})
				return len(got), err
			}
		}
		for name, ask := range asked {
			err := s.Read(t.Context(), func(tx *store.Tx) error {
				own, err := ask(tx, north)
				if err != nil {
					return err
				}
				others, err := ask(tx, south)
				if own == 0 || others != 0 {
					t.Errorf("%s: the tenant is given %d, another %d", name, own, others)
				}
				return err
			})
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}
