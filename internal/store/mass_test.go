package store_test

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
)

// massGrant adds a request and its grant, as a test changes them.
func massGrant(tb testing.TB, s *store.Store, n int, change func(r *access.Request, g *access.Grant)) access.Grant {
	tb.Helper()
	r := waiting(fmt.Sprintf("req_%03d", n), n)
	g := grant(fmt.Sprintf("grt_%03d", n), r)
	g.State, g.ShownAt = access.Active, at(2)
	if change != nil {
		change(&r, &g)
	}
	g.Owner = r.Requester
	in(tb, s, func(tx *store.Tx) error {
		create := told(audit.RequestCreate, r.ID, "", string(r.State), 1)
		if err := tx.CreateRequest(r, create, nil); err != nil {
			return err
		}
		return tx.CreateGrant(g, told(audit.GrantCreate, g.ID, "", string(g.State), 1), nil)
	})
	return g
}

func massPlan(id string) (access.Mass, audit.Event) {
	m := access.Mass{ID: id, Tenant: north, Version: 1, State: access.MassPlanned, By: "operator:root", PlannedAt: at(10), Filter: access.MassFilter{All: true}}
	return m, told(audit.MassPlan, id, "", string(access.MassPlanned), 1)
}

func planAll(tb testing.TB, s *store.Store, id string) access.Mass {
	tb.Helper()
	m, e := massPlan(id)
	in(tb, s, func(tx *store.Tx) error {
		var err error
		m, err = tx.PlanMass(m, store.MassQuery(north, m.Filter, at(10)), e, nil)
		return err
	})
	return m
}

func startMass(tb testing.TB, s *store.Store, m access.Mass) access.Mass {
	tb.Helper()
	m.State, m.Version, m.StartedAt = access.MassRunning, m.Version+1, at(11)
	in(tb, s, func(tx *store.Tx) error {
		return tx.SaveMass(m, told(audit.MassStart, m.ID, "planned", "running", m.Version), nil)
	})
	return m
}

// Each key of the filter selects what it says, and nothing else.
func TestMassFilterSelects(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seed(t, s)
		massGrant(t, s, 1, func(r *access.Request, _ *access.Grant) {
			r.Affiliation, r.Course = policy.Student, access.Course{ID: "42", Code: "BIO 201", Name: "Biology"}
			r.Answers.Set("ai", "yes")
			r.Answers.Set("maker_name", "ACME École & 100% Sons")
		})
		massGrant(t, s, 2, func(r *access.Request, g *access.Grant) {
			r.Affiliation, r.Requester, g.CanvasUser = policy.Faculty, ben, "101"
			r.Answers.Set("ai", "no")
			g.ShownAt = at(2).AddDate(0, 0, -50)
		})
		massGrant(t, s, 3, func(_ *access.Request, g *access.Grant) {
			g.Sponsor, g.State = cleo, access.HandedOver
			g.ShownAt, g.LastUsedAt = at(2).AddDate(0, 0, -50), at(2).AddDate(0, 0, -1)
		})
		massGrant(t, s, 4, func(_ *access.Request, g *access.Grant) { g.State, g.ShownAt = access.Minting, time.Time{} })
		for i, st := range []access.GrantState{access.Revoking, access.Revoked, access.Expired, access.Unclaimed, access.Void} {
			massGrant(t, s, 10+i, func(_ *access.Request, g *access.Grant) { g.State, g.ShownAt = st, time.Time{} })
		}
		in(t, s, func(tx *store.Tx) error { // of another tenant, which nothing may reach
			r := waiting("req_zoe", 1)
			r.Tenant, r.Requester = south, zoe
			e := told(audit.RequestCreate, r.ID, "", string(r.State), 1)
			if err := tx.CreateRequest(r, e, nil); err != nil {
				return err
			}
			g := grant("grt_zoe", r)
			g.State = access.Active
			return tx.CreateGrant(g, told(audit.GrantCreate, g.ID, "", string(g.State), 1), nil)
		})
		for filter, want := range map[string][]int{
			"all=yes": {1, 2, 3, 4}, "role=student": {1}, "role=faculty": {2}, "course=42": {1}, "course=4": nil, "ai=yes": {1}, "ai=no": {2},
			"vendor=acme": {1}, "vendor=école": {1}, "vendor=100%": {1}, "vendor=%": {1}, "vendor=_": nil, "sponsor=102": {3}, "sponsor=100": nil,
			"owner=101": {2}, "idle-days=30": {2}, "idle-days=60": nil, "issued-before=2026-03-01": {2, 3}, "issued-before=2026-03-02": {2, 3},
			"issued-before=2026-03-03": {1, 2, 3, 4}, "role=student,ai=no": nil, "role=student,vendor=sons,ai=yes,course=42": {1},
		} {
			f, err := access.ParseMassFilter(filter)
			if err != nil {
				t.Fatal(err)
			}
			var got []int
			err = s.Read(t.Context(), func(tx *store.Tx) error {
				gs, err := tx.Grants(store.MassQuery(north, f, at(10)))
				for _, g := range gs {
					var n int
					_, _ = fmt.Sscanf(g.ID, "grt_%d", &n)
					got = append(got, n)
				}
				return err
			})
			slices.Sort(got)
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%s selects %v, want %v (%v)", filter, got, want, err)
			}
		}
		for name, q := range map[string]store.GrantQuery{
			"the zero filter": store.MassQuery(north, access.MassFilter{}, at(10)),
			"no ids":          {Tenant: north, IDs: []string{}},
			"another's id":    {Tenant: north, IDs: []string{"grt_zoe"}},
		} {
			err := s.Read(t.Context(), func(tx *store.Tx) error {
				if n, err := tx.CountGrants(q); err != nil || n != 0 {
					t.Errorf("%s selects %d (%v)", name, n, err)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		// What people type on the page.
		for name, tt := range map[string]struct {
			q    store.GrantQuery
			want int
		}{
			"a course": {store.GrantQuery{Course: "42"}, 1}, "another": {store.GrantQuery{Course: "4"}, 0},
			"a company": {store.GrantQuery{Company: "acme ÉCOLE & 100% Sons"}, 1}, "a part of it": {store.GrantQuery{Company: "acme"}, 0},
			"a sponsor's name": {store.GrantQuery{SponsorText: "cleo"}, 1}, "their id": {store.GrantQuery{SponsorText: "102"}, 1}, "nobody": {store.GrantQuery{SponsorText: "zoe"}, 0},
		} {
			tt.q.Tenant = north
			err := s.Read(t.Context(), func(tx *store.Tx) error {
				if n, err := tx.CountGrants(tt.q); err != nil || n != tt.want {
					t.Errorf("%s: %d (%v), want %d", name, n, err, tt.want)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestMassPlanComesBackAsItWent(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seed(t, s)
		for n := range 3 {
			massGrant(t, s, n+1, func(r *access.Request, g *access.Grant) {
				if n == 2 {
					r.Requester, g.CanvasUser = ben, "101"
				}
				r.Affiliation, r.Course.Code = []policy.Affiliation{policy.Student, policy.Faculty, policy.Student}[n], "BIO 201"
				r.Answers.Set("maker_name", []string{"Acme", "", "ACME"}[n])
			})
		}
		m, e := massPlan("mas_a")
		m.Filter, m.Reason, m.Estimate = access.MassFilter{Role: policy.Student, IdleDays: 0}, "breach", 90*time.Second
		in(t, s, func(tx *store.Tx) error {
			var err error
			m, err = tx.PlanMass(m, store.MassQuery(north, m.Filter, at(10)), e, nil)
			return err
		})
		if m.Tokens != 2 || m.People != 2 {
			t.Fatalf("%d tokens of %d people", m.Tokens, m.People)
		}
		all := planAll(t, s, "mas_b")
		if all.Tokens != 3 || all.People != 2 {
			t.Fatalf("%d tokens of %d people", all.Tokens, all.People)
		}
		m.State, m.Version, m.StartedAt, m.EndedAt, m.By = access.MassRunning, 2, at(12), at(13), "per_cleo"
		job := jobs.Insert{Kind: "mass.run", Key: "k", RunAt: at(12), Tenant: string(north)}
		in(t, s, func(tx *store.Tx) error {
			return tx.SaveMass(m, told(audit.MassStart, m.ID, "planned", "running", 2), audit.NewDetail(map[string]string{"filter": m.Filter.String()}), job)
		})
		err := s.Read(t.Context(), func(tx *store.Tx) error {
			got, err := tx.Mass(north, "mas_a")
			want := m
			rounded(reflect.ValueOf(&want).Elem())
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%v\ngot  %+v\nwant %+v", err, got, want)
			}
			if _, err := tx.Mass(south, "mas_a"); !errors.Is(err, access.ErrNotFound) {
				t.Errorf("another tenant reads it: %v", err)
			}
			for _, tt := range []struct {
				states []access.MassState
				want   int
			}{{nil, 2}, {[]access.MassState{access.MassRunning}, 1}, {[]access.MassState{access.MassDone}, 0}} {
				if ms, err := tx.Masses(north, 9, tt.states...); err != nil || len(ms) != tt.want {
					t.Errorf("%v: %d (%v)", tt.states, len(ms), err)
				}
			}
			if ms, err := tx.Masses(south, 9); err != nil || len(ms) != 0 {
				t.Errorf("another tenant lists %d (%v)", len(ms), err)
			}
			for by, want := range map[store.MassBy][]store.MassGroup{
				store.MassByRole:   {{Word: "student", Tokens: 2}, {Word: "faculty", Tokens: 1}},
				store.MassByVendor: {{Word: "acme", Tokens: 2}, {Word: "", Tokens: 1}},
				store.MassByCourse: {{Word: "BIO 201", Tokens: 3}},
			} {
				if got, err := tx.MassGroups("mas_b", by, 5); err != nil || !slices.Equal(got, want) {
					t.Errorf("by %s: %+v (%v)", by, got, err)
				}
			}
			if _, err := tx.MassGroups("mas_b", "1; --", 5); err == nil {
				t.Error("grouped by a word of the caller's")
			}
			if tokens, people, err := tx.CountMass(store.MassQuery(north, access.MassFilter{All: true}, at(10))); err != nil || tokens != 3 || people != 2 {
				t.Errorf("%d tokens of %d people (%v)", tokens, people, err)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		worked := func(grant string, since int, want error) {
			t.Helper()
			in(t, s, func(tx *store.Tx) error {
				if got, err := tx.RunningMassOf(north, grant, at(since)); !errors.Is(err, want) || (want == nil && (err != nil || got.ID != "mas_a")) {
					t.Errorf("%s since %d: %s, %v", grant, since, got.ID, err)
				}
				return nil
			})
		}
		worked("grt_001", 0, access.ErrNotFound) // nobody has begun
		in(t, s, func(tx *store.Tx) error { return tx.LeaseMass(north, "mas_a", "w", at(12), at(14)) })
		worked("grt_001", 12, nil)
		in(t, s, func(tx *store.Tx) error { return tx.ReleaseMass(north, "mas_a", "w", at(13)) })
		worked("grt_001", 12, nil)
		worked("grt_001", 13, access.ErrNotFound)
		worked("grt_002", 12, access.ErrNotFound) // a plan that is not running
		if n := counts(t, s, "jobs")[0]; n != 1 {
			t.Errorf("%d jobs", n)
		}
		verify(t, s, north)
	})
}

func TestMassRefusals(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seed(t, s)
		massGrant(t, s, 1, nil)
		m := planAll(t, s, "mas_a")
		do := func(fn func(tx *store.Tx) error) error { return s.InTx(t.Context(), fn) }
		next := m
		next.State, next.Version = access.MassRunning, 2
		start := told(audit.MassStart, m.ID, "planned", "running", 2)
		q := store.MassQuery(north, m.Filter, at(10))
		for name, err := range map[string]error{
			"a plan that starts running": do(func(tx *store.Tx) error {
				x := next
				x.ID, x.Version = "mas_x", 1
				_, err := tx.PlanMass(x, q, told(audit.MassPlan, "mas_x", "", "running", 1), nil)
				return err
			}),
			"a plan over another tenant": do(func(tx *store.Tx) error {
				x, e := massPlan("mas_x")
				_, err := tx.PlanMass(x, store.MassQuery(south, x.Filter, at(10)), e, nil)
				return err
			}),
			"told of another": do(func(tx *store.Tx) error {
				return tx.SaveMass(next, told(audit.MassStart, "mas_b", "planned", "running", 2), nil)
			}),
			"a skipped version": do(func(tx *store.Tx) error {
				x := next
				x.Version = 3
				return tx.SaveMass(x, told(audit.MassStart, m.ID, "planned", "running", 3), nil)
			}),
			"another tenant's": do(func(tx *store.Tx) error {
				x := next
				x.Tenant = south
				return tx.SaveMass(x, start, nil)
			}),
			"a lease on a plan": do(func(tx *store.Tx) error { return tx.LeaseMass(north, m.ID, "a", at(0), at(2)) }),
		} {
			if err == nil {
				t.Errorf("%s is not refused", name)
			}
		}
		if err := do(func(tx *store.Tx) error { return tx.SaveMass(next, start, nil) }); err != nil {
			t.Fatal(err)
		}
		if err := do(func(tx *store.Tx) error { return tx.SaveMass(next, start, nil) }); !errors.Is(err, access.ErrConflict) {
			t.Errorf("started twice: %v", err)
		}
		if err := do(func(tx *store.Tx) error {
			x := next
			x.Version = 3
			_, err := tx.ReplanMass(x, q, told(audit.MassPlan, m.ID, "running", "running", 3), nil)
			return err
		}); err == nil {
			t.Error("a running one was planned anew")
		}
		item := access.MassItem{Mass: m.ID, Grant: "grt_001", State: access.MassGone}
		if err := do(func(tx *store.Tx) error { return tx.SaveMassItem(item, access.MassEnding) }); !errors.Is(err, access.ErrConflict) {
			t.Errorf("an item in another state: %v", err)
		}
		for name, write := range map[string]func(tx *store.Tx) error{
			"plan": func(tx *store.Tx) error { x, e := massPlan("mas_r"); _, err := tx.PlanMass(x, q, e, nil); return err },
			"save": func(tx *store.Tx) error { return tx.SaveMass(next, start, nil) }, "item": func(tx *store.Tx) error { return tx.SaveMassItem(item, access.MassWaiting) },
			"lease": func(tx *store.Tx) error { return tx.LeaseMass(north, m.ID, "a", at(0), at(2)) }, "release": func(tx *store.Tx) error { return tx.ReleaseMass(north, m.ID, "a", at(0)) },
			"purge": func(tx *store.Tx) error { _, err := tx.PurgeMassPlans(at(0)); return err },
		} {
			if err := s.Read(t.Context(), write); err == nil || !strings.Contains(err.Error(), "read-only") {
				t.Errorf("%s in a read-only transaction: %v", name, err)
			}
		}
	})
}

// The work on the mass revocations of a tenant belongs to one at a time.
func TestMassLease(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seed(t, s)
		massGrant(t, s, 1, nil)
		a, b := startMass(t, s, planAll(t, s, "mas_a")), startMass(t, s, planAll(t, s, "mas_b"))
		lease := func(m access.Mass, who string, from, to int) error {
			return s.InTx(t.Context(), func(tx *store.Tx) error { return tx.LeaseMass(north, m.ID, who, at(from), at(to)) })
		}
		for i, step := range []struct {
			m        access.Mass
			who      string
			from, to int
			lost     bool
		}{{a, "one", 0, 2, false}, {a, "one", 1, 3, false}, {a, "two", 2, 4, true}, {b, "two", 2, 4, true}, {b, "two", 4, 6, false}, {a, "one", 5, 7, true}} {
			if err := lease(step.m, step.who, step.from, step.to); errors.Is(err, access.ErrConflict) != step.lost || (!step.lost && err != nil) {
				t.Errorf("step %d: %v", i, err)
			}
		}
		in(t, s, func(tx *store.Tx) error { return tx.ReleaseMass(north, b.ID, "one", at(4)) }) // not theirs
		if err := lease(a, "one", 5, 7); !errors.Is(err, access.ErrConflict) {
			t.Errorf("after somebody else's release: %v", err)
		}
		in(t, s, func(tx *store.Tx) error { return tx.ReleaseMass(north, b.ID, "two", at(5)) })
		for round := range 20 {
			now := 10 + 10*round
			var won atomic.Int32
			var wg sync.WaitGroup
			begin := make(chan struct{})
			for i := range 8 { // at once, on two masses
				wg.Go(func() {
					m := a
					if i%2 == 1 {
						m = b
					}
					<-begin
					if err := lease(m, fmt.Sprint("worker ", i), now, now+2); err == nil {
						won.Add(1)
					} else if !errors.Is(err, access.ErrConflict) {
						t.Error(err)
					}
				})
			}
			close(begin)
			wg.Wait()
			if n := won.Load(); n != 1 {
				t.Errorf("round %d: %d hold the lease", round, n)
			}
		}
	})
}

func TestMassItems(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seed(t, s)
		for n := range 4 {
			massGrant(t, s, n+1, func(r *access.Request, g *access.Grant) {
				if n%2 == 0 {
					r.Requester, g.CanvasUser = ben, "101"
				} else {
					g.Sponsor = cleo
				}
			})
		}
		m := planAll(t, s, "mas_a")
		next := func(st access.MassItemState, minute, limit int) (ids []string) {
			in(t, s, func(tx *store.Tx) error {
				ids = nil
				ws, err := tx.MassNext(m.ID, st, at(minute), limit)
				for _, w := range ws {
					if w.Item.Grant != w.Grant.ID {
						t.Errorf("%s comes with %s", w.Item.Grant, w.Grant.ID)
					}
					ids = append(ids, strings.TrimPrefix(w.Grant.ID, "grt_00"))
				}
				return err
			})
			return ids
		}
		put := func(n int, st, from access.MassItemState, change func(*access.MassItem)) {
			i := access.MassItem{Mass: m.ID, Grant: fmt.Sprintf("grt_%03d", n), State: st}
			if change != nil {
				change(&i)
			}
			in(t, s, func(tx *store.Tx) error { return tx.SaveMassItem(i, from) })
		}
		count := func() (c store.MassCounts) {
			in(t, s, func(tx *store.Tx) error {
				var err error
				c, err = tx.MassCounts(m.ID)
				return err
			})
			return c
		}
		if got := next(access.MassWaiting, 0, 9); !slices.Equal(got, []string{"2", "4", "1", "3"}) {
			t.Errorf("owners do not stand together: %v", got)
		}
		if got := next(access.MassWaiting, 0, 2); len(got) != 2 {
			t.Errorf("a limit of 2 gives %v", got)
		}
		if c := count(); c != (store.MassCounts{Waiting: 4, Untried: 4}) || c.Left() != 4 || c.Total() != 4 {
			t.Errorf("%+v", c)
		}
		for n := 1; n <= 4; n++ {
			put(n, access.MassEnding, access.MassWaiting, nil)
		}
		put(2, access.MassEnding, access.MassEnding, func(i *access.MassItem) { i.Tries, i.NextTry, i.Trouble = 1, at(20), "mint.canvas_down" })
		if got := next(access.MassEnding, 19, 9); !slices.Equal(got, []string{"4", "1", "3"}) {
			t.Errorf("before its next try: %v", got)
		}
		if got := next(access.MassEnding, 20, 9); !slices.Equal(got, []string{"4", "1", "3", "2"}) {
			t.Errorf("what was tried comes last: %v", got)
		}
		put(1, access.MassGone, access.MassEnding, func(i *access.MassItem) { i.Proof, i.EndedAt = "Canvas says so", at(21) })
		for _, st := range []access.MassItemState{access.MassEnding, access.MassWaiting} {
			put(3, st, access.MassEnding, nil)
			in(t, s, func(tx *store.Tx) error {
				if owners, err := tx.MassOwners(m.ID); err != nil || len(owners) != 0 {
					t.Errorf("while one of ben's is %s: owners %+v (%v)", st, owners, err)
				}
				return nil
			})
		}
		put(3, access.MassGone, access.MassWaiting, nil)
		put(4, access.MassEndedBefore, access.MassEnding, nil)
		if c := count(); c.Ending != 1 || c.Retrying != 1 || c.Untried != 0 || c.Gone != 2 || c.EndedBefore != 1 || !c.NextTry.Equal(kept(at(20))) || c.Total() != 4 {
			t.Errorf("%+v", c)
		}
		in(t, s, func(tx *store.Tx) error {
			owners, err := tx.MassOwners(m.ID)
			if err != nil || !slices.Equal(owners, []store.MassPerson{{Person: ben, Gone: 2}}) { // one of ana's may still work
				t.Errorf("owners %+v (%v)", owners, err)
			}
			if gone, left, err := tx.MassOf(m.ID, ana); err != nil || gone != 0 || left != 1 {
				t.Errorf("ana: %d gone, %d left (%v)", gone, left, err)
			}
			if gone, left, err := tx.MassOf(m.ID, ben); err != nil || gone != 2 || left != 0 {
				t.Errorf("ben: %d gone, %d left (%v)", gone, left, err)
			}
			sponsors, err := tx.MassSponsors(m.ID)
			if err != nil || len(sponsors) != 0 {
				t.Errorf("sponsors %+v (%v)", sponsors, err)
			}
			return nil
		})
		put(2, access.MassGone, access.MassEnding, nil)
		in(t, s, func(tx *store.Tx) error {
			owners, err := tx.MassOwners(m.ID)
			if err != nil || !slices.Equal(owners, []store.MassPerson{{Person: ana, Gone: 1}, {Person: ben, Gone: 2}}) {
				t.Errorf("owners %+v (%v)", owners, err)
			}
			sponsors, err := tx.MassSponsors(m.ID)
			if err != nil || !slices.Equal(sponsors, []store.MassPerson{{Person: cleo, Gone: 1}}) {
				t.Errorf("sponsors %+v (%v)", sponsors, err)
			}
			first, err := tx.MassItems(m.ID, "", 3)
			if err != nil || len(first) != 3 {
				t.Fatalf("%+v (%v)", first, err)
			}
			if got, want := first[0].Item, (access.MassItem{Mass: m.ID, Grant: "grt_001", State: access.MassGone, Proof: "Canvas says so", EndedAt: kept(at(21))}); got != want {
				t.Errorf("the first item is %+v, want %+v", got, want)
			}
			rest, err := tx.MassItems(m.ID, first[2].Grant.ID, 3)
			if err != nil || len(rest) != 1 {
				t.Errorf("%+v (%v)", rest, err)
			}
			return nil
		})
	})
}

// A plan is compared with what its filter selects now, and made anew.
func TestMassIsPlannedAnew(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seed(t, s)
		massGrant(t, s, 1, nil)
		g := massGrant(t, s, 2, nil)
		m := planAll(t, s, "mas_a")
		q := store.MassQuery(north, m.Filter, at(10))
		same := func(want bool, wantNow int) {
			t.Helper()
			in(t, s, func(tx *store.Tx) error {
				if got, now, err := tx.SameMass(m, q); err != nil || got != want || now != wantNow {
					t.Errorf("same: %v, %d now (%v); want %v, %d", got, now, err, want, wantNow)
				}
				return nil
			})
		}
		same(true, 2)
		massGrant(t, s, 3, nil)
		same(false, 3)
		ended := g
		ended.State, ended.Version = access.Revoking, 2
		in(t, s, func(tx *store.Tx) error {
			return tx.MoveGrant(ended, told(audit.GrantRevoke, g.ID, "active", "revoking", 2), nil)
		})
		same(false, 2) // the same number, but others
		m.Version = 2
		in(t, s, func(tx *store.Tx) error {
			var err error
			m, err = tx.ReplanMass(m, q, told(audit.MassPlan, m.ID, "planned", "planned", 2), nil)
			return err
		})
		same(true, 2)
		verify(t, s, north)

		startMass(t, s, planAll(t, s, "mas_b"))
		in(t, s, func(tx *store.Tx) error {
			if n, err := tx.PurgeMassPlans(at(10)); err != nil || n != 0 {
				t.Errorf("purged %d (%v)", n, err)
			}
			n, err := tx.PurgeMassPlans(at(11))
			if err != nil || n != 1 {
				t.Errorf("purged %d (%v)", n, err)
			}
			return nil
		})
		if got := counts(t, s, "mass_revocations", "mass_items"); got[0] != 1 || got[1] != 2 {
			t.Errorf("left after the purge: %v; what runs stays", got)
		}
	})
}

// A plan over many grants is made by few statements, however many they are: ten
// thousand in the long form. How long that took is logged, and judged by nobody.
func TestMassOfTenThousand(t *testing.T) {
	t.Parallel()
	n := 1000
	if os.Getenv("TOKENDESK_LONG") != "" {
		n = 10_000
	}
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seed(t, s)
		g := massGrant(t, s, 1, nil)
		numbers := fmt.Sprintf("WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < %d) ", n)
		exec(t, s, numbers+fmt.Sprintf(`INSERT INTO requests (id, tenant, number, version, state, requester, affiliation, course_id, course_name, course_code, answers, purpose, maker, ai, search,
			sponsor_lost, policy_version, rules_version, end_cause, created_at, updated_at, remark)
			SELECT 'req_m' || i, tenant, i, version, state, requester, affiliation, course_id, course_name, course_code, answers, purpose, maker, ai, search,
			sponsor_lost, policy_version, rules_version, end_cause, created_at, updated_at, remark FROM requests, n WHERE id = '%s'`, g.RequestID))
		exec(t, s, numbers+fmt.Sprintf(`INSERT INTO grants (id, tenant, request_id, version, state, open, owner, title, canvas_user, canvas_id, hint, attempt, created_at, updated_at, replaced, cause, trouble, tries)
			SELECT 'grt_m' || i, tenant, 'req_m' || i, version, state, open, owner, title, canvas_user, canvas_id, hint, attempt, created_at, updated_at, replaced, cause, trouble, tries FROM grants, n WHERE id = '%s'`, g.ID))
		began := time.Now()
		m := planAll(t, s, "mas_a")
		took := time.Since(began)
		if m.Tokens != n || m.People != 1 {
			t.Errorf("%d tokens of %d people", m.Tokens, m.People)
		}
		t.Logf("%d items in %v", n, took)
	})
}
