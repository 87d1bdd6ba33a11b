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
	"github.com/tokendesk/tokendesk/lti"
)

func TestTenant(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		var x store.Tenant
		n := 0
		fill(reflect.ValueOf(&x).Elem(), &n)
		x.ID, x.Version = "ten_full", 1
		in(t, s, func(tx *store.Tx) error { return tx.CreateTenant(x) })
		check := func(want store.Tenant) {
			t.Helper()
			rounded(reflect.ValueOf(&want).Elem())
			err := s.Read(t.Context(), func(tx *store.Tx) error {
				got, err := tx.Tenant(x.ID)
				if !reflect.DeepEqual(got, want) {
					t.Errorf("got  %+v\nwant %+v", got, want)
				}
				all, err2 := tx.Tenants()
				if len(all) != 1 || !reflect.DeepEqual(all[0], want) {
					t.Errorf("all tenants: %+v", all)
				}
				return errors.Join(err, err2)
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		x.PolicyVersion = 1 // whatever the caller said
		check(x)
		y := store.Tenant{ID: x.ID, Name: "renamed", LearnedCapDays: 60, PolicyVersion: 1, Version: 2, CreatedAt: x.CreatedAt}
		save := func(t store.Tenant) func(tx *store.Tx) error {
			return func(tx *store.Tx) error {
				return tx.SaveTenant(t, operator(audit.CapLearned, string(x.ID)), nil)
			}
		}
		in(t, s, save(y))
		check(y)
		if n := verify(t, s, x.ID); n != 1 {
			t.Errorf("%d audit rows", n)
		}
		z := y
		z.ID = "ten_none"
		for name, tt := range map[string]struct {
			do   func(tx *store.Tx) error
			want error
		}{
			"saving an old version":        {save(y), access.ErrConflict},
			"saving one that is not there": {save(z), access.ErrNotFound},
			"creating one twice":           {func(tx *store.Tx) error { return tx.CreateTenant(x) }, access.ErrConflict},
			"creating at version 2":        {func(tx *store.Tx) error { return tx.CreateTenant(y) }, nil},
			"reading one that is not there": {func(tx *store.Tx) error {
				_, err := tx.Tenant("ten_none")
				return err
			}, access.ErrNotFound},
			"saving with an unknown action": {func(tx *store.Tx) error {
				n := y
				n.Version = 3
				return tx.SaveTenant(n, operator("tenant.whatever", string(x.ID)), nil)
			}, nil},
		} {
			if err := s.InTx(t.Context(), tt.do); err == nil || (tt.want != nil && !errors.Is(err, tt.want)) {
				t.Errorf("%s: %v, want %v", name, err, tt.want)
			}
		}
		check(y)
	})
}

func TestPerson(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seed(t, s)
		var p store.Person
		n := 0
		fill(reflect.ValueOf(&p).Elem(), &n)
		p.ID, p.Tenant, p.MergedInto = "per_full", north, ben
		save := func(p store.Person) error {
			return s.InTx(t.Context(), func(tx *store.Tx) error { return tx.SavePerson(p) })
		}
		get := func(fn func(tx *store.Tx) (store.Person, error)) (p store.Person, err error) {
			err = s.Read(t.Context(), func(tx *store.Tx) (err error) {
				p, err = fn(tx)
				return err
			})
			return p, err
		}
		byID := func(tx *store.Tx) (store.Person, error) { return tx.Person(north, p.ID) }
		for _, want := range []store.Person{p, {ID: p.ID, Tenant: north, Name: "emptied", CreatedAt: p.CreatedAt}} {
			if err := save(want); err != nil {
				t.Fatal(err)
			}
			rounded(reflect.ValueOf(&want).Elem())
			if got, err := get(byID); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%v\ngot  %+v\nwant %+v", err, got, want)
			}
		}
		// One person for a Canvas user; who was merged away keeps the number.
		twin := store.Person{ID: "per_twin", Tenant: north, CanvasUser: "100", Name: "Ana again", CreatedAt: base}
		if err := save(twin); !errors.Is(err, access.ErrConflict) {
			t.Errorf("a second person with a Canvas user: %v", err)
		}
		twin.MergedInto = ana
		if err := save(twin); err != nil {
			t.Errorf("one who was merged: %v", err)
		}
		gone := store.Person{ID: "per_gone", Tenant: north, CanvasUser: "77", MergedInto: ana, CreatedAt: base}
		if err := save(gone); err != nil {
			t.Fatal(err)
		}
		if got, err := get(func(tx *store.Tx) (store.Person, error) { return tx.PersonByCanvas(north, "77") }); !errors.Is(err, access.ErrNotFound) {
			t.Errorf("Canvas user 77, who was merged, is %s, %v", got.ID, err)
		}
		if got, err := get(func(tx *store.Tx) (store.Person, error) { return tx.PersonByCanvas(north, "100") }); err != nil || got.ID != ana {
			t.Errorf("Canvas user 100 is %s, %v", got.ID, err)
		}
		if got, err := get(func(tx *store.Tx) (store.Person, error) { return tx.PersonByCanvas(south, "100") }); err != nil || got.ID != zoe {
			t.Errorf("elsewhere Canvas user 100 is %s, %v", got.ID, err)
		}
		for name, p := range map[string]store.Person{
			"no id": {Tenant: north, CreatedAt: base}, "no tenant": {ID: "per_x", CreatedAt: base}, "no time": {ID: "per_x", Tenant: north},
		} {
			if save(p) == nil {
				t.Errorf("%s: accepted", name)
			}
		}
		for name, tt := range map[string]struct {
			err  error
			want error
		}{
			"moving to another tenant":        {save(store.Person{ID: ana, Tenant: south, CreatedAt: base}), access.ErrConflict},
			"of a tenant that is not there":   {save(store.Person{ID: "per_x", Tenant: "ten_x", CreatedAt: base}), access.ErrNotFound},
			"merged into another tenant's":    {save(store.Person{ID: "per_x", Tenant: north, MergedInto: zoe, CreatedAt: base}), access.ErrNotFound},
			"another tenant's":                {second(get(func(tx *store.Tx) (store.Person, error) { return tx.Person(south, ana) })), access.ErrNotFound},
			"no Canvas user":                  {second(get(func(tx *store.Tx) (store.Person, error) { return tx.PersonByCanvas(north, "") })), access.ErrNotFound},
			"a Canvas user nobody has":        {second(get(func(tx *store.Tx) (store.Person, error) { return tx.PersonByCanvas(north, "9") })), access.ErrNotFound},
			"a sub nobody has":                {second(get(func(tx *store.Tx) (store.Person, error) { return tx.PersonBySub(north, "s") })), access.ErrNotFound},
			"locking one who is not there":    {s.InTx(t.Context(), func(tx *store.Tx) error { return tx.LockPerson(north, "per_none") }), access.ErrNotFound},
			"locking another tenant's person": {s.InTx(t.Context(), func(tx *store.Tx) error { return tx.LockPerson(south, ana) }), access.ErrNotFound},
		} {
			if !errors.Is(tt.err, tt.want) {
				t.Errorf("%s: %v, want %v", name, tt.err, tt.want)
			}
		}
		err := s.Read(t.Context(), func(tx *store.Tx) error {
			ps, err := tx.People(north, []access.PersonID{ana, ben, zoe, "per_none"})
			if len(ps) != 2 || ps[ana].Name != "Ana Åberg" || ps[ben].CanvasUser != "101" {
				t.Errorf("people: %+v", ps)
			}
			many := make([]access.PersonID, 40_000) // beyond both engines' limit of parameters
			for i := range many {
				many[i] = access.PersonID(fmt.Sprint("per_", i))
			}
			many[len(many)-1] = cleo
			ps, err2 := tx.People(north, many)
			if len(ps) != 1 || ps[cleo].ID != cleo {
				t.Errorf("among many: %+v", ps)
			}
			none, err3 := tx.People(north, nil)
			if len(none) != 0 {
				t.Errorf("none asked: %+v", none)
			}
			return errors.Join(err, err2, err3)
		})
		if err != nil {
			t.Error(err)
		}
	})
}

func second[T any](_ T, err error) error { return err }

func TestLinkSub(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seed(t, s)
		link := func(tenant access.TenantID, sub string, p access.PersonID) error {
			return s.InTx(t.Context(), func(tx *store.Tx) error {
				return tx.LinkSub(tenant, sub, p, told(audit.PersonLink, string(p), "", "", 0), nil)
			})
		}
		who := func(tenant access.TenantID, sub string) (id access.PersonID) {
			if err := s.Read(t.Context(), func(tx *store.Tx) error {
				p, err := tx.PersonBySub(tenant, sub)
				id = p.ID
				return err
			}); err != nil {
				t.Errorf("sub %s: %v", sub, err)
			}
			return id
		}
		for _, l := range []struct {
			tenant access.TenantID
			p      access.PersonID
		}{{north, ana}, {south, zoe}, {north, ben}} {
			if err := link(l.tenant, "sub-1", l.p); err != nil {
				t.Fatal(err)
			}
		}
		if a, b := who(north, "sub-1"), who(south, "sub-1"); a != ben || b != zoe {
			t.Errorf("sub-1 is %s and, elsewhere, %s", a, b)
		}
		for name, tt := range map[string]struct{ err, want error }{
			"to nobody":                  {link(north, "sub-2", "per_none"), access.ErrNotFound},
			"to another tenant's person": {link(north, "sub-2", zoe), access.ErrNotFound},
		} {
			if !errors.Is(tt.err, tt.want) {
				t.Errorf("%s: %v", name, tt.err)
			}
		}
		if link(north, "", ana) == nil {
			t.Error("an empty sub was linked")
		}
		if a, b := verify(t, s, north), verify(t, s, south); a != 2 || b != 1 {
			t.Errorf("%d and %d audit rows", a, b)
		}
	})
}

// Who counts and then adds does not exceed the limit, however many try at once.
func TestLockPerson(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seed(t, s)
		errFull := errors.New("full")
		results := make(chan error, 8)
		for i := range cap(results) {
			go func() {
				results <- s.InTx(t.Context(), func(tx *store.Tx) error {
					if err := tx.LockPerson(north, ana); err != nil {
						return err
					}
					n, err := tx.CountRequests(store.RequestQuery{Tenant: north, Requester: ana})
					if err != nil {
						return err
					}
					if n >= 3 {
						return errFull
					}
					r := draft(fmt.Sprint("req_", i))
					return tx.CreateRequest(r, told(audit.RequestCreate, r.ID, "", "draft", 1), nil)
				})
			}()
		}
		full := 0
		for range cap(results) {
			if err := <-results; errors.Is(err, errFull) {
				full++
			} else if err != nil {
				t.Error(err)
			}
		}
		if full != 5 {
			t.Errorf("%d were refused, want 5 of 8", full)
		}
	})
}

func TestPlatform(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seed(t, s)
		save := func(p store.Platform) error {
			return s.InTx(t.Context(), func(tx *store.Tx) error {
				return tx.SavePlatform(p, operator(audit.PlatformAdd, p.ID), nil)
			})
		}
		a := platform("plt_a", "north", "10000000000042", lti.Deployment{ID: "1:root", Root: true}, lti.Deployment{ID: "2:course"})
		a.Registration.RosterHosts, a.Registration.FrameOrigins = []string{"canvas.example.edu"}, []string{"https://canvas.example.edu"}
		a.CanvasURLs, a.AllowPrivate, a.Credential, a.CredentialKind = []string{"https://canvas.example.edu"}, true, []byte{1, 2, 0}, "token"
		if err := save(a); err != nil {
			t.Fatal(err)
		}
		in(t, s, func(tx *store.Tx) error {
			return tx.SaveTenant(store.Tenant{ID: north, Name: "North", PlatformGUID: "guid-north", Version: 2}, operator(audit.PlatformChange, string(north)), nil)
		})
		check := func(want store.Platform) {
			t.Helper()
			want.Registration.ID, want.Registration.PlatformGUID = want.ID, "guid-north"
			rounded(reflect.ValueOf(&want).Elem())
			err := s.Read(t.Context(), func(tx *store.Tx) error {
				for how, get := range map[string]func() (store.Platform, error){
					"id": func() (store.Platform, error) { return tx.Platform(want.ID) }, "name": func() (store.Platform, error) { return tx.PlatformNamed(want.Name) },
				} {
					if got, err := get(); err != nil || !reflect.DeepEqual(got, want) {
						t.Errorf("by %s: %v\ngot  %+v\nwant %+v", how, err, got, want)
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		check(a)
		a.Registration.Deployments = []lti.Deployment{{ID: "9:other"}, {ID: "1:root", Root: true}}
		a.Name, a.Disabled, a.AllowPrivate, a.Credential, a.CredentialKind = "renamed", true, false, nil, ""
		a.Registration.RosterHosts, a.CanvasURLs = nil, nil
		if err := save(a); err != nil {
			t.Fatal(err)
		}
		check(a)

		b := platform("plt_b", "other", "10000000000042", lti.Deployment{ID: "3:root", Root: true})
		if err := save(b); err != nil {
			t.Fatal(err)
		}
		for name, tt := range map[string]struct {
			change func(*store.Platform)
			want   error
		}{
			"a taken name":               {func(p *store.Platform) { p.Name = "renamed" }, access.ErrConflict},
			"a taken deployment":         {func(p *store.Platform) { p.Registration.Deployments = []lti.Deployment{{ID: "9:other"}} }, access.ErrConflict},
			"a URL in the clear":         {func(p *store.Platform) { p.Registration.AuthURL = "http://sso.example.edu/" }, access.ErrInvalid},
			"a registration of another":  {func(p *store.Platform) { p.Registration.ID = "plt_z" }, nil},
			"a tenant that is not there": {func(p *store.Platform) { p.ID, p.Name, p.Tenant = "plt_c", "c", "ten_none" }, access.ErrNotFound},
			"a move to another tenant":   {func(p *store.Platform) { p.Tenant = south }, access.ErrConflict},
		} {
			bad := b
			tt.change(&bad)
			if err := save(bad); err == nil || (tt.want != nil && !errors.Is(err, tt.want)) {
				t.Errorf("%s: %v, want %v", name, err, tt.want)
			}
		}
		err := s.Read(t.Context(), func(tx *store.Tx) error {
			all, err := tx.Platforms()
			if len(all) != 2 || all[0].ID != "plt_a" || all[1].ID != "plt_b" || len(all[1].Registration.Deployments) != 1 {
				t.Errorf("platforms: %+v", all)
			}
			_, noID := tx.Platform("plt_none")
			_, noName := tx.PlatformNamed("north")
			if !errors.Is(noID, access.ErrNotFound) || !errors.Is(noName, access.ErrNotFound) {
				t.Errorf("platforms that are not there: %v, %v", noID, noName)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
		if n := verify(t, s, north); n != 4 {
			t.Errorf("%d audit rows", n)
		}
	})
}

func TestRegistrations(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seed(t, s)
		const canvas = "https://canvas.instructure.com"
		for _, p := range []store.Platform{
			platform("plt_a", "a", "one", lti.Deployment{ID: "1:a"}),
			platform("plt_b", "b", "two", lti.Deployment{ID: "1:b"}),
			platform("plt_c", "c", "two", lti.Deployment{ID: "1:c"}),
			func() store.Platform {
				p := platform("plt_off", "off", "three", lti.Deployment{ID: "1:off"})
				p.Disabled = true
				return p
			}(),
		} {
			in(t, s, func(tx *store.Tx) error { return tx.SavePlatform(p, operator(audit.PlatformAdd, p.ID), nil) })
		}
		for _, tt := range []struct{ issuer, client, deployment, want string }{
			{canvas, "one", "", "plt_a"},
			{canvas, "one", "1:unlisted", "plt_a"}, // a hint only; the launch refuses
			{canvas, "two", "1:c", "plt_c"},
			{canvas, "two", "", ""},
			{canvas, "two", "1:a", ""},
			{canvas, "", "1:b", "plt_b"},
			{canvas, "", "", ""},
			{canvas, "three", "1:off", ""},
			{canvas, "", "1:off", ""},
			{"https://elsewhere.test", "one", "1:a", ""},
		} {
			got, err := s.FindRegistration(t.Context(), tt.issuer, tt.client, tt.deployment)
			if got.ID != tt.want || (tt.want == "") != errors.Is(err, lti.ErrUnknownRegistration) {
				t.Errorf("login %s %q %q: %q, %v; want %q", tt.issuer, tt.client, tt.deployment, got.ID, err, tt.want)
			}
		}
		if got, err := s.Registration(t.Context(), "plt_b"); err != nil || got.ClientID != "two" || len(got.Deployments) != 1 || got.Validate() != nil {
			t.Errorf("plt_b is %+v, %v", got, err)
		}
		for _, id := range []string{"plt_off", "plt_none"} {
			if _, err := s.Registration(t.Context(), id); !errors.Is(err, lti.ErrUnknownRegistration) {
				t.Errorf("%s: %v", id, err)
			}
		}
	})
}
