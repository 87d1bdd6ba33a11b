package launchtest

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
	"github.com/tokendesk/tokendesk/lti"
)

// pages are those that a person can open, with whatever stands in their address.
var pages = []string{"/", "/requests/new", "/requests/REQ-0001", "/requests/REQ-0001/withdraw", "/sponsorships", "/queue", "/tokens", "/leaks", "/unmanaged",
	"/go/REQ-0001"}

// TestStatementsOfAVisit: a visit asks the database for its platform, with tenant and
// deployments, once for each request that decides by it, and for nothing that the
// first page has not got. The numbers are exact: one more is a decision.
func TestStatementsOfAVisit(t *testing.T) {
	t.Parallel()
	storetest.EachURL(t, func(t *testing.T, dsn string) {
		if strings.HasPrefix(dsn, "sqlite:") {
			return // statements are read on their way to PostgreSQL; they are the same on both
		}
		t.Parallel()
		w := listen(t, dsn)
		s := newDesk(t, w.url, 1).school("Northfield")
		says := func(name string, n int, do func() *page) *page {
			t.Helper()
			w.statements()
			p := do()
			said := w.statements()
			if len(said) != n {
				t.Errorf("%s says %d statements, not %d:\n  %s", name, len(said), n, strings.Join(said, "\n  "))
			}
			if n == 1 && !strings.HasPrefix(strings.Join(said, ""), "SELECT ") {
				t.Errorf("%s does more than to read: %q", name, said)
			}
			return p
		}
		b := s.browser("luca")
		b.open(s.course("bio201")).is(http.StatusOK, home) // whatever is read once is read now
		l := b.begin(s.course("bio201"))
		says("a login", 1, l.sendLogin)
		first := says("a launch", 6, l.authorize().finish).is(http.StatusOK, home)
		b.get(first, "/") // which notes that the cookie came back
		says("the home of somebody who has nothing", 2, func() *page { return b.get(first, "/") }).is(http.StatusOK, home)

		b.noCookies = true
		l = b.begin(s.course("bio201"))
		says("a login of a browser that keeps no cookies", 1, l.sendLogin)
		p := says("its launch", 3, l.authorize().deliver)
		d := p.proof()
		if d == nil {
			t.Fatalf("no proof is asked for: %s", p.text())
		}
		says("its proof", 6, func() *page { return l.fromTool(d.Post, b.proofForm(d)) }).is(http.StatusOK, home)

		s.inReview()
		for user, place := range map[string]string{"luca": s.course("bio201"), "maya": s.course("bio201"), "ana": s.course("bio201"), "dana": s.account("root")} {
			b := s.browser(user)
			on := b.open(place)
			opened := 0
			for _, path := range pages {
				w.statements()
				if b.get(on, path).status == http.StatusOK {
					opened++
				}
				n := 0
				for _, q := range w.statements() {
					n += strings.Count(q, " platforms p") + strings.Count(q, `"platforms"`)
				}
				if n != 1 {
					t.Errorf("%s of %s reads the platform %d times", path, user, n)
				}
			}
			if opened < 3 {
				t.Errorf("%s opened %d pages", user, opened)
			}
		}
	})
}

// TestTheOtherReplicaKnows: what an operator changes of a platform, by whatever
// replica or command, holds for the very next request that any other answers: for a
// login, for a launch that had begun before, and for every page of a session.
func TestTheOtherReplicaKnows(t *testing.T) {
	replicated(t, func(s *school) {
		other := len(s.clients) - 1
		s.inReview()
		last := func(user, place string) (*browser, *page) {
			b := s.browser(user)
			b.replica = other
			return b, b.open(place)
		}
		maya, hers := last("maya", s.course("bio201"))
		dana, queue := last("dana", s.account("root"))
		queue.is(http.StatusOK, "Review queue")
		e := func() audit.Event {
			return audit.Event{ID: store.NewID("aud"), Tenant: string(s.platform.Tenant), At: s.clock.Now(), Actor: "operator:test", Action: audit.PlatformChange, Object: s.platform.ID}
		}
		change := func(do func(tx *store.Tx) error) {
			s.t.Helper()
			if err := s.apps[0].Store.InTx(s.t.Context(), do); err != nil {
				s.t.Fatal(err)
			}
		}
		platform := func(do func(*store.Platform)) {
			s.t.Helper()
			change(func(tx *store.Tx) error {
				p, err := tx.Platform(s.platform.ID)
				if err != nil {
					return err
				}
				do(&p)
				return tx.SavePlatform(p, e(), nil)
			})
		}
		// refused: of two launches that began before, one is posted, and a third begins.
		refused := func(name string, do, undo func(), login, launch lti.Reason) {
			s.t.Helper()
			begun, fresh := maya.begin(s.course("bio201")).logIn().authorize(), maya.begin(s.course("bio201"))
			do()
			m := maya.mark("maya")
			m.refused(begun.deliver(), launch)
			m = maya.mark("maya")
			if login != "" {
				m.refused(fresh.sendLogin(), login)
			} else {
				m.refused(fresh.logIn().authorize().deliver(), launch)
			}
			undo()
			if p := maya.open(s.course("bio201")); p.status != http.StatusOK {
				s.t.Errorf("%s, taken back: %d %s", name, p.status, p.text())
			}
		}
		root := lti.Deployment{ID: s.tool.ID, Root: true}
		refused("the deployment is taken off",
			func() {
				change(func(tx *store.Tx) error { return tx.DropDeployment(s.platform.ID, s.tool.ID, e(), nil) })
			},
			func() { change(func(tx *store.Tx) error { return tx.SaveDeployment(s.platform.ID, root, e(), nil) }) },
			lti.ReasonDeployment, lti.ReasonDeployment)
		elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"keys":[]}`))
		}))
		s.t.Cleanup(elsewhere.Close)
		was := s.platform.Registration.KeySetURL
		refused("another key set",
			func() {
				platform(func(p *store.Platform) {
					p.Registration.KeySetURL = strings.Replace(elsewhere.URL, "127.0.0.1", "localhost", 1)
				})
			},
			func() { platform(func(p *store.Platform) { p.Registration.KeySetURL = was }) }, "", lti.ReasonKeySet)
		refused("switched off",
			func() { platform(func(p *store.Platform) { p.Disabled = true }) },
			func() { platform(func(p *store.Platform) { p.Disabled = false }) }, lti.ReasonRegistration, lti.ReasonRegistration)

		platform(func(p *store.Platform) { p.Disabled = true })
		for _, path := range pages {
			for user, p := range map[string]*page{"maya": maya.get(hers, path), "dana": dana.get(queue, path)} {
				if p.status != http.StatusForbidden || strings.Contains(p.text(), "REQ-0001") {
					s.t.Errorf("%s of %s: %d %s", path, user, p.status, p.text())
				}
			}
		}
		before := s.state()
		for path, b := range map[string]*browser{"/requests/REQ-0001/withdraw": maya, "/requests/REQ-0001/approve": dana} {
			on := hers
			if b == dana {
				on = queue
			}
			if p := b.post(on, path, s.application("ana")); p.status != http.StatusForbidden {
				s.t.Errorf("%s: %d %s", path, p.status, p.text())
			}
		}
		kept := s.count("kept")
		if maya.post(hers, "/requests/keep", s.application("ana")); s.count("kept") != kept {
			s.t.Errorf("what was typed is kept: %d rows, %d before", s.count("kept"), kept)
		}
		if after := s.state(); after != before {
			s.t.Errorf("%s\nbecame\n%s", before, after)
		}
		platform(func(p *store.Platform) { p.Disabled = false })
		maya.get(hers, "/requests/REQ-0001").is(http.StatusOK, "Request REQ-0001")
	})
}
