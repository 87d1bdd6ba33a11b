package store_test

import (
	"errors"
	"testing"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
)

// A merge moves what is one person's, leaves what would put one person in two
// parts, and happens once, within one tenant.
func TestMergePerson(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seed(t, s)
		merged := func(tenant access.TenantID, from, into access.PersonID) error {
			e := told(audit.PersonMerge, string(from), "", "", 0)
			e.Tenant = string(tenant)
			return s.InTx(t.Context(), func(tx *store.Tx) error { return tx.MergePerson(tenant, from, into, e, nil) })
		}
		// ana asks; ben sponsors the first, cleo the second.
		a, b := waiting("req_a", 1), waiting("req_b", 2)
		a.Sponsor, b.Sponsor = ben, cleo
		create(t, s, a, b)
		g := grant("grt_a", b)
		g.Sponsor = cleo
		in(t, s, func(tx *store.Tx) error { return tx.CreateGrant(g, minted(g), nil) })
		for name, err := range map[string]error{
			"of somebody unknown":   merged(north, "per_nobody", ana),
			"into somebody unknown": merged(north, ana, "per_nobody"),
			"of another tenant":     merged(north, ana, zoe),
		} {
			if !errors.Is(err, access.ErrNotFound) {
				t.Errorf("a merge %s: %v", name, err)
			}
		}
		if err := merged(north, ana, ana); err == nil {
			t.Error("merged into themselves")
		}
		if err := merged(north, ana, ben); err != nil {
			t.Fatal(err)
		}
		in(t, s, func(tx *store.Tx) error {
			one, err := tx.Request(north, "req_a")
			if err != nil || one.Requester != ana {
				t.Errorf("their own request became ben's, who sponsors it: %s, %v", one.Requester, err)
			}
			two, err := tx.Request(north, "req_b")
			if err != nil || two.Requester != ben {
				t.Errorf("the other request is %s's, %v", two.Requester, err)
			}
			held, err := tx.Grant(north, "grt_a")
			if err != nil || held.Owner != ben || held.Sponsor != cleo {
				t.Errorf("the grant is %s's for %s, %v", held.Owner, held.Sponsor, err)
			}
			p, err := tx.Person(north, ana)
			if err != nil || p.MergedInto != ben {
				t.Errorf("ana was merged into %q, %v", p.MergedInto, err)
			}
			return nil
		})
		if err := merged(north, ana, cleo); !errors.Is(err, access.ErrNotFound) {
			t.Errorf("merged a second time: %v", err)
		}
	})
}
