package store_test

import (
	"errors"
	"fmt"
	"reflect"
	"testing"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
)

func leak(id, grantID string) access.Incident {
	return access.Incident{ID: id, Tenant: north, Version: 1, GrantID: grantID, Owner: ana, ReportedBy: ana, How: access.LeakByOwner, OpenedAt: at(3)}
}

func opened(i access.Incident) audit.Event {
	return told(audit.IncidentOpen, i.ID, "", store.IncidentOpened, 1)
}

func cleared(i access.Incident) (access.Incident, audit.Event) {
	i.Version, i.ClearedAt, i.ClearedBy = i.Version+1, at(9), cleo
	return i, told(audit.IncidentClear, i.ID, store.IncidentOpened, store.IncidentCleared, i.Version)
}

func TestIncidentOpensAndIsCleared(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seed(t, s)
		r := waiting("req_a", 1)
		create(t, s, r)
		g := grant("grt_a", r)
		i := leak("inc_a", g.ID)
		in(t, s, func(tx *store.Tx) error {
			if err := tx.CreateGrant(g, minted(g), nil); err != nil {
				return err
			}
			return tx.CreateIncident(i, opened(i), nil)
		})
		same := func(when string, want access.Incident) {
			t.Helper()
			want.OpenedAt = kept(want.OpenedAt)
			if !want.ClearedAt.IsZero() {
				want.ClearedAt = kept(want.ClearedAt)
			}
			err := s.Read(t.Context(), func(tx *store.Tx) error {
				one, err := tx.Incident(north, i.ID)
				of, err2 := tx.IncidentOfGrant(north, g.ID)
				if err != nil || err2 != nil || !reflect.DeepEqual(one, want) || !reflect.DeepEqual(of, want) {
					t.Errorf("%s: %v, %v\ngot  %+v\nand  %+v\nwant %+v", when, err, err2, one, of, want)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		count := func(want int, tenant access.TenantID, p access.PersonID) {
			t.Helper()
			in(t, s, func(tx *store.Tx) error {
				if n, err := tx.OpenIncidents(tenant, p); err != nil || n != want {
					t.Errorf("%d open (%v), want %d", n, err, want)
				}
				return nil
			})
		}
		same("opened", i)
		count(1, north, ana)
		count(1, north, "")
		count(0, north, ben)
		count(0, south, "")
		if err := s.InTx(t.Context(), func(tx *store.Tx) error { j := leak("inc_b", g.ID); return tx.CreateIncident(j, opened(j), nil) }); !errors.Is(err, access.ErrConflict) {
			t.Errorf("a second open incident of one grant: %v", err)
		}
		after, e := cleared(i)
		in(t, s, func(tx *store.Tx) error { return tx.SaveIncident(after, e, nil) })
		same("cleared", after)
		count(0, north, ana)
		again, e := cleared(i)
		if err := s.InTx(t.Context(), func(tx *store.Tx) error { return tx.SaveIncident(again, e, nil) }); !errors.Is(err, access.ErrConflict) {
			t.Errorf("cleared twice: %v", err)
		}
		// The next report of the same token is an incident of its own.
		next := leak("inc_c", g.ID)
		next.OpenedAt = at(20)
		in(t, s, func(tx *store.Tx) error { return tx.CreateIncident(next, opened(next), nil) })
		count(1, north, ana)
		if n := verify(t, s, north); n != 5 {
			t.Errorf("%d audit rows, want 5", n)
		}
	})
}

func TestIncidentRefusals(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seed(t, s)
		i := leak("inc_a", "")
		in(t, s, func(tx *store.Tx) error { return tx.CreateIncident(i, opened(i), nil) })
		done, doneTold := cleared(i)
		for name, tt := range map[string]struct {
			do   func(tx *store.Tx) error
			want any // an error, or a part of what it says
		}{
			"a grant that is not there": {func(tx *store.Tx) error { j := leak("inc_b", "grt_none"); return tx.CreateIncident(j, opened(j), nil) }, access.ErrNotFound},
			"an owner of another tenant": {func(tx *store.Tx) error {
				j := leak("inc_b", "")
				j.Owner = zoe
				return tx.CreateIncident(j, opened(j), nil)
			}, access.ErrNotFound},
			"born cleared": {func(tx *store.Tx) error {
				j := done
				j.ID, j.Version = "inc_b", 1
				return tx.CreateIncident(j, opened(j), nil)
			}, "comes from no state, at version 1"},
			"born with the event of another": {func(tx *store.Tx) error { return tx.CreateIncident(leak("inc_b", ""), opened(i), nil) }, "names the object \"inc_a\""},
			"a way nobody knows": {func(tx *store.Tx) error {
				j := leak("inc_b", "")
				j.How = "rumour"
				return tx.CreateIncident(j, opened(j), nil)
			}, "how"},
			"cleared by its owner":      {func(tx *store.Tx) error { j := done; j.ClearedBy = ana; return tx.SaveIncident(j, doneTold, nil) }, "cleared_by_somebody_else"},
			"cleared in another tenant": {func(tx *store.Tx) error { j := done; j.Tenant = south; return tx.SaveIncident(j, doneTold, nil) }, access.ErrNotFound},
			"told otherwise":            {func(tx *store.Tx) error { return tx.SaveIncident(done, opened(i), nil) }, "tells of \"open\""},
			"read in another tenant":    {func(tx *store.Tx) error { _, err := tx.Incident(south, i.ID); return err }, access.ErrNotFound},
			"of a grant without":        {func(tx *store.Tx) error { _, err := tx.IncidentOfGrant(north, "grt_none"); return err }, access.ErrNotFound},
			"a list of no tenant":       {func(tx *store.Tx) error { _, err := tx.Incidents(store.IncidentQuery{}); return err }, "a query needs a tenant"},
			"a state nobody knows": {func(tx *store.Tx) error {
				_, err := tx.Incidents(store.IncidentQuery{Tenant: north, State: "x"})
				return err
			}, "no state \"x\""},
			"a forged place": {func(tx *store.Tx) error {
				_, err := tx.Incidents(store.IncidentQuery{Tenant: north, After: "n1.x"})
				return err
			}, access.ErrInvalid},
		} {
			t.Run(name, func(t *testing.T) {
				if err := s.InTx(t.Context(), tt.do); !refused(err, tt.want) {
					t.Errorf("%v, want %v", err, tt.want)
				}
			})
		}
		if err := s.Read(t.Context(), func(tx *store.Tx) error { return tx.SaveIncident(done, doneTold, nil) }); err == nil {
			t.Error("written in a read")
		}
		if n := verify(t, s, north); n != 1 {
			t.Errorf("%d audit rows, want 1", n)
		}
	})
}

func TestIncidentsArePagedByKey(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seed(t, s)
		in(t, s, func(tx *store.Tx) error {
			for n := range 5 {
				i := leak(fmt.Sprintf("inc_%d", n), "")
				i.OpenedAt = at(n / 2) // some at the same moment
				if err := tx.CreateIncident(i, opened(i), nil); err != nil {
					return err
				}
			}
			i := leak("inc_1", "")
			i.OpenedAt = at(0)
			done, e := cleared(i)
			if err := tx.SaveIncident(done, e, nil); err != nil {
				return err
			}
			again, e := cleared(done)
			if err := tx.SaveIncident(again, e, nil); !errors.Is(err, access.ErrConflict) {
				t.Errorf("cleared a second time: %v", err)
			}
			return nil
		})
		for state, want := range map[string]string{"": "[inc_4 inc_3 inc_2 inc_1 inc_0]", store.IncidentOpened: "[inc_4 inc_3 inc_2 inc_0]", store.IncidentCleared: "[inc_1]"} {
			q := store.IncidentQuery{Tenant: north, Owner: ana, State: state, Limit: 2}
			var got []string
			for range 5 {
				in(t, s, func(tx *store.Tx) error {
					is, err := tx.Incidents(q)
					for _, i := range is {
						got = append(got, i.ID)
						q.After = q.Next(i)
					}
					return err
				})
			}
			if fmt.Sprint(got) != want {
				t.Errorf("%q: %v, want %s", state, got, want)
			}
		}
	})
}

func TestGrantIsFoundByTheDigestOfItsValue(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seed(t, s)
		r := waiting("req_a", 1)
		unknown := waiting("req_b", 2)
		create(t, s, r, unknown)
		without := grant("grt_b", unknown)
		without.Digest = []byte{} // its value was never known
		in(t, s, func(tx *store.Tx) error { return tx.CreateGrant(without, minted(without), nil) })
		g := grant("grt_a", r)
		g.Digest = []byte("0123456789abcdef0123456789abcdef")
		in(t, s, func(tx *store.Tx) error { return tx.CreateGrant(g, minted(g), nil) })
		find := func(tenant access.TenantID, digests ...[]byte) (access.Grant, error) {
			var got access.Grant
			err := s.Read(t.Context(), func(tx *store.Tx) error {
				var err error
				got, err = tx.GrantByDigest(tenant, digests)
				return err
			})
			return got, err
		}
		if got, err := find(north, []byte("of a retired key"), g.Digest); err != nil || got.ID != g.ID {
			t.Errorf("%s, %v", got.ID, err)
		}
		for name, of := range map[string]func() (access.Grant, error){
			"another value": func() (access.Grant, error) { return find(north, []byte("0123456789abcdef0123456789abcdeX")) },
			"no value":      func() (access.Grant, error) { return find(north, nil) },
			"an empty one":  func() (access.Grant, error) { return find(north, []byte{}) },
			"none at all":   func() (access.Grant, error) { return find(north) },
			"other tenant":  func() (access.Grant, error) { return find(south, g.Digest) },
		} {
			if got, err := of(); !errors.Is(err, access.ErrNotFound) {
				t.Errorf("%s: %q, %v", name, got.ID, err)
			}
		}
	})
}
