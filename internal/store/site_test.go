package store_test

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/session"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
	"github.com/tokendesk/tokendesk/lti"
)

// withSite adds a platform with three deployments, a tenant that has something in every
// list, a person who is linked to a sub, and a session of theirs.
func withSite(tb testing.TB, s *store.Store) {
	tb.Helper()
	seed(tb, s)
	p := platform("plt_a", "a", "10", lti.Deployment{ID: "1:b", Root: true}, lti.Deployment{ID: "-0:a*"}, lti.Deployment{ID: "2:c"})
	p.CanvasURLs, p.Credential, p.CredentialKind = []string{"https://canvas.example.edu", "https://other.example.edu"}, []byte{1}, "token"
	p.Registration.RosterHosts, p.Registration.FrameOrigins = []string{"canvas.example.edu"}, []string{"https://canvas.example.edu"}
	in(tb, s, func(tx *store.Tx) error {
		t, err := tx.Tenant(north)
		t.PlatformGUID, t.Version = "guid", t.Version+1
		t.School = store.School{CanvasTeam: "the team", Rules: []string{"one"}, StaffList: []string{"5"}, Supervisors: []string{"6"}, Exempt: []string{"7"},
			NonAcademicAccounts: []string{"8"}}
		return errors.Join(err, tx.SaveTenant(t, operator(audit.PlatformChange, string(north)), nil), tx.SavePlatform(p, operator(audit.PlatformAdd, p.ID), nil),
			tx.LinkSub(north, "sub-ana", ana, operator(audit.PersonLink, string(ana)), nil), tx.SaveSession(session1("s", ana)))
	})
}

// every way in which a request reads the platform that it begins with, by name.
func ways(ctx context.Context, s *store.Store) map[string]func() (lti.Registration, store.Platform, store.Tenant, error) {
	return map[string]func() (lti.Registration, store.Platform, store.Tenant, error){
		"a launch": func() (r lti.Registration, p store.Platform, t store.Tenant, err error) {
			a, err := s.Arrival(ctx, "plt_a", "sub-ana")
			return a.Platform.Registration, a.Platform, a.Tenant, err
		},
		"a page": func() (r lti.Registration, p store.Platform, t store.Tenant, err error) {
			ctx := store.Visiting(ctx)
			if _, err := s.FindSession(ctx, hash("s"), base); err != nil {
				return r, p, t, err
			}
			p, t, ok, err := s.VisitedPlatform(ctx)
			if !ok {
				err = errors.Join(err, errors.New("nothing was read beside the session"))
			}
			return p.Registration, p, t, err
		},
		"what is decided": func() (r lti.Registration, p store.Platform, t store.Tenant, err error) {
			p, t, err = s.PlatformAndTenant(ctx, "plt_a")
			return p.Registration, p, t, err
		},
	}
}

// Two replicas on one database: whatever one of them changes of a platform, of its
// deployments and of its tenant, the other one's very next login, launch and page
// go by, though it has read and parsed them before. And nobody who was given a list
// changes what the next one is given.
func TestAPlatformIsReadAnewOnEveryReplica(t *testing.T) {
	t.Parallel()
	storetest.EachURL(t, func(t *testing.T, url string) {
		t.Parallel()
		var two [2]*store.Store
		for i := range two {
			s, err := store.Open(t.Context(), url, store.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close() })
			two[i] = s
		}
		here, there := two[0], two[1]
		if err := there.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		withSite(t, there)
		check := func(when string) {
			t.Helper()
			var want store.Platform
			var tenant store.Tenant
			in(t, there, func(tx *store.Tx) (err error) {
				if want, err = tx.Platform("plt_a"); err == nil {
					tenant, err = tx.Tenant(north)
				}
				return err
			})
			for name, read := range ways(t.Context(), here) {
				reg, p, of, err := read()
				if err != nil || !reflect.DeepEqual(p, want) || !reflect.DeepEqual(reg, want.Registration) || !reflect.DeepEqual(of, tenant) {
					t.Errorf("%s: %s reads, %v\n%+v\n%+v\nwant\n%+v\n%+v", when, name, err, p, of, want, tenant)
				}
				for _, list := range [][]string{p.CanvasURLs, reg.RosterHosts, reg.FrameOrigins, of.School.Rules, of.School.StaffList,
					of.School.Supervisors, of.School.Exempt, of.School.NonAcademicAccounts} {
					for i := range list {
						list[i] = "spoilt"
					}
					_ = append(list, "spoilt")
				}
				for i := range reg.Deployments {
					reg.Deployments[i] = lti.Deployment{ID: "spoilt"}
				}
			}
			for name, find := range map[string]func() (lti.Registration, error){
				"a login": func() (lti.Registration, error) {
					return here.FindRegistration(t.Context(), want.Registration.Issuer, "10", "")
				},
				"without client": func() (lti.Registration, error) {
					return here.FindRegistration(t.Context(), want.Registration.Issuer, "", "")
				},
				"a launch's form": func() (lti.Registration, error) { return here.Registration(t.Context(), "plt_a") },
			} {
				reg, err := find()
				if want.Disabled && errors.Is(err, lti.ErrUnknownRegistration) {
					continue
				}
				if err != nil || want.Disabled || !reflect.DeepEqual(reg, want.Registration) {
					t.Errorf("%s: %s finds %+v, %v; want %+v", when, name, reg, err, want.Registration)
				}
			}
		}
		check("at first")
		check("read once more")
		told := operator(audit.PlatformChange, "plt_a")
		change := func(do func(*store.Platform)) func(tx *store.Tx) error {
			return func(tx *store.Tx) error {
				p, err := tx.Platform("plt_a")
				do(&p)
				return errors.Join(err, tx.SavePlatform(p, told, nil))
			}
		}
		for _, step := range []struct {
			name string
			do   func(tx *store.Tx) error
		}{
			{"a deployment removed", func(tx *store.Tx) error { return tx.DropDeployment("plt_a", "2:c", told, nil) }},
			{"the root's removed", func(tx *store.Tx) error { return tx.DropDeployment("plt_a", "1:b", told, nil) }},
			{"another one the root's", func(tx *store.Tx) error { return tx.ConfirmRoot("plt_a", "-0:a*", told, nil) }},
			{"one added", func(tx *store.Tx) error { return tx.SaveDeployment("plt_a", lti.Deployment{ID: "3:d"}, told, nil) }},
			{"another key set", change(func(p *store.Platform) { p.Registration.KeySetURL = "https://sso.example.edu/new" })},
			{"other lists", change(func(p *store.Platform) {
				p.CanvasURLs, p.Registration.RosterHosts, p.Registration.FrameOrigins = []string{"https://b.example.edu"}, []string{"b.example.edu"}, nil
			})},
			{"another credential", func(tx *store.Tx) error { return tx.SaveCredential("plt_a", []byte{9}, "oauth", told, nil) }},
			{"another school", func(tx *store.Tx) error {
				n, err := tx.Tenant(north)
				n.School.Supervisors, n.School.Rules, n.Version = []string{"9", "10"}, nil, n.Version+1
				return errors.Join(err, tx.SaveTenant(n, told, nil))
			}},
			{"another guid", func(tx *store.Tx) error {
				n, err := tx.Tenant(north)
				n.PlatformGUID, n.Version = "other", n.Version+1
				return errors.Join(err, tx.SaveTenant(n, told, nil))
			}},
			{"switched off", change(func(p *store.Platform) { p.Disabled = true })},
			{"switched on", change(func(p *store.Platform) { p.Disabled = false })},
			{"no deployment left", func(tx *store.Tx) error {
				return errors.Join(tx.DropDeployment("plt_a", "-0:a*", told, nil), tx.DropDeployment("plt_a", "3:d", told, nil))
			}},
		} {
			in(t, there, step.do)
			check(step.name)
		}
	})
}

// A launch's sub names a person of the platform's own tenant, or nobody.
func TestArrival(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		withSite(t, s)
		elsewhere := platform("plt_z", "z", "20", lti.Deployment{ID: "1:z"})
		elsewhere.Tenant = south
		in(t, s, func(tx *store.Tx) error {
			e := operator(audit.PersonLink, string(zoe))
			return errors.Join(tx.SavePlatform(elsewhere, operator(audit.PlatformAdd, "plt_z"), nil), tx.LinkSub(south, "sub-zoe", zoe, e, nil))
		})
		for _, tt := range []struct {
			platform, sub string
			want          access.PersonID
		}{{"plt_a", "sub-ana", ana}, {"plt_a", "sub-zoe", ""}, {"plt_a", "", ""}, {"plt_z", "sub-zoe", zoe}, {"plt_z", "sub-ana", ""}} {
			a, err := s.Arrival(t.Context(), tt.platform, tt.sub)
			if err != nil || a.Person.ID != tt.want || a.Platform.ID != tt.platform {
				t.Errorf("%s, %q: %+v, %v", tt.platform, tt.sub, a, err)
				continue
			}
			known, err := s.PersonBySub(t.Context(), a.Tenant.ID, tt.sub)
			if (tt.want == "") != errors.Is(err, access.ErrNotFound) || known != a.Person {
				t.Errorf("%s, %q: %+v, by the sub alone %+v, %v", tt.platform, tt.sub, a.Person, known, err)
			}
		}
		if _, err := s.Arrival(t.Context(), "plt_none", "sub-ana"); !errors.Is(err, access.ErrNotFound) {
			t.Errorf("an unknown platform: %v", err)
		}
	})
}

// A page is let in by the session that FindSession alone would find, and has its
// platform only where it was.
func TestVisit(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		withSite(t, s)
		astray := session1("astray", ben)
		astray.Platform = "plt_none"
		in(t, s, func(tx *store.Tx) error {
			over := session1("over", ben)
			over.EndsAt = at(10) // before it is idle
			return errors.Join(tx.SaveSession(session1("b", ben)), tx.SaveSession(astray), tx.SaveSession(over))
		})
		for _, handle := range []string{"s", "b"} {
			alone, err := s.FindSession(t.Context(), hash(handle), at(1))
			ctx := store.Visiting(t.Context())
			if _, _, ok, err := s.VisitedPlatform(ctx); ok || err != nil {
				t.Errorf("%s: a platform before there is a session: %v", handle, err)
			}
			got, err2 := s.FindSession(ctx, hash(handle), at(1))
			if err != nil || err2 != nil || !reflect.DeepEqual(got, alone) {
				t.Errorf("%s: %v, %v\ngot  %+v\nwant %+v", handle, err, err2, got, alone)
			}
			if p, n, ok, err := s.VisitedPlatform(ctx); !ok || err != nil || p.ID != "plt_a" || n.ID != north {
				t.Errorf("%s: beside it %+v of %+v, %t, %v", handle, p, n, ok, err)
			}
		}
		for name, tt := range map[string]struct {
			handle string
			minute int
		}{"nobody's": {"x", 1}, "idle": {"s", 30}, "over": {"over", 10}, "a platform's that is not there": {"astray", 1}} {
			ctx := store.Visiting(t.Context())
			if _, err := s.FindSession(ctx, hash(tt.handle), at(tt.minute)); !errors.Is(err, session.ErrNone) {
				t.Errorf("%s: %v", name, err)
			}
			if _, _, ok, _ := s.VisitedPlatform(ctx); ok {
				t.Errorf("%s: its platform is given all the same", name)
			}
		}
	})
}

// What is read ahead is read when the session is made, for one person and once.
func TestReadAhead(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		withSite(t, s)
		keep := func(p access.PersonID) {
			in(t, s, func(tx *store.Tx) error {
				return tx.SaveText(store.SavedText{Tenant: north, Person: p, Object: "new", Form: "request", Data: []byte("{}"), UpdatedAt: at(1)})
			})
		}
		tally := func(ctx context.Context, p access.PersonID, want store.Tally) {
			t.Helper()
			if got, err := s.Tally(ctx, store.Whom{Tenant: north, Person: p}); err != nil || got != want {
				t.Errorf("%s: %+v, want %+v, %v", p, got, want, err)
			}
		}
		begin := func(ctx context.Context, handle string) {
			t.Helper()
			x := session1(handle, ana)
			differ, err := s.CreateSession(ctx, session.Record{Hash: x.Hash, Tenant: string(north), Person: string(ana), Platform: x.Platform, Place: x.Place,
				Rights: "teacher", Data: x.Data, CreatedAt: base, LaunchedAt: base, SeenAt: base, IdleUntil: at(30), EndsAt: at(480)})
			if err != nil || len(differ) != 1 || string(differ[0].Hash) != string(hash("s")) || differ[0].Rights != "learner" {
				t.Errorf("beside %s: %+v, %v", handle, differ, err)
			}
			if _, err := s.FindSession(ctx, x.Hash, at(1)); err != nil {
				t.Errorf("%s: %v", handle, err)
			}
		}
		ctx := store.Visiting(t.Context())
		store.ReadAhead(ctx, store.Whom{Tenant: north, Person: ana})
		tally(ctx, ana, store.Tally{}) // before there is a session nothing is read ahead
		begin(ctx, "one")
		keep(ana)
		tally(ctx, ben, store.Tally{})
		tally(ctx, ana, store.Tally{}) // as it was when the session was made
		tally(ctx, ana, store.Tally{Kept: true})
		begin(ctx, "two")
		tally(ctx, ana, store.Tally{Kept: true})

		ctx = store.Visiting(t.Context())
		begin(ctx, "three")
		tally(ctx, ana, store.Tally{Kept: true})
		store.ReadAhead(ctx, store.Whom{Tenant: north, Person: ben})
		begin(ctx, "four")
		keep(ben)
		tally(ctx, ana, store.Tally{Kept: true})
		tally(ctx, ben, store.Tally{})
		// Outside a visit there is nowhere to keep it.
		store.ReadAhead(t.Context(), store.Whom{Tenant: north, Person: ana})
		begin(t.Context(), "five")
		tally(t.Context(), ana, store.Tally{Kept: true})
	})
}
