package launchtest

import (
	"net/http"
	"net/url"
	"sync"
	"testing"

	"github.com/tokendesk/tokendesk/internal/store/storetest"
	"github.com/tokendesk/tokendesk/lti"
)

// replicated runs a test with two replicas on one PostgreSQL, and with one on
// SQLite, which is for one process.
func replicated(t *testing.T, test func(s *school)) {
	t.Helper()
	t.Parallel()
	storetest.EachURL(t, func(t *testing.T, dsn string) {
		t.Parallel()
		replicas := 2
		if dsn[:6] == "sqlite" {
			replicas = 1
		}
		test(newDesk(t, dsn, replicas).school("Northfield"))
	})
}

// together sends the same post n times at once, in turn to every replica.
func (l *launching) together(n int, action string, form url.Values) []*page {
	pages := make([]*page, n)
	gate := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			b := *l.browser
			b.replica = i % len(l.clients)
			<-gate
			if action == l.action {
				pages[i] = b.fromCanvas(action, form)
			} else {
				pages[i] = b.fromTool(action, form)
			}
		})
	}
	close(gate)
	wg.Wait()
	return pages
}

// oneOf fails unless exactly one page is the first of a session, and the others
// refuse for one of the reasons, each with its line in the log.
func (m *mark) oneOf(pages []*page, reasons ...lti.Reason) {
	m.t.Helper()
	in := 0
	for _, p := range pages {
		if p.status == http.StatusOK && p.handle() != "" {
			in++
			if m.sessionsOf(p.handle()) != 1 {
				m.t.Error("the first page's session is not in the database")
			}
		} else if p.is(reasons[0].Status(), "Canvas could not open Tokendesk"); p.handle() != "" {
			m.t.Error("a refusal carries a handle")
		}
	}
	if in != 1 {
		m.t.Errorf("%d of %d posts got a session", in, len(pages))
	}
	if n := m.count("sessions"); n != m.sessions+1 {
		m.t.Errorf("%d sessions, %d before", n, m.sessions)
	}
	refused := lines(m.t, m.logs.since(m.log), "lti request refused")
	if len(refused) != len(pages)-1 {
		m.t.Errorf("%d refusals in the log", len(refused))
	}
	for _, l := range refused {
		known := false
		for _, r := range reasons {
			known = known || l.text("reason") == string(r)
		}
		if !known {
			m.t.Errorf("refused as %q", l.text("reason"))
		}
	}
	m.clean()
}

// TestReplay: of sixteen simultaneous posts of one launch, exactly one gets a
// session; none later does.
func TestReplay(t *testing.T) {
	replicated(t, func(s *school) {
		for range 5 {
			b := s.browser("maya")
			l := b.begin(s.course("bio201")).logIn().authorize()
			m := b.mark("maya")
			m.knows(l)
			nonces := s.count("lti_nonces")
			m.oneOf(l.together(16, l.action, l.form), lti.ReasonStateSpent)
			if n := s.count("lti_nonces"); n != nonces+1 {
				s.t.Errorf("%d nonces, %d before", n, nonces)
			}
			m = b.mark("maya")
			m.refused(l.deliver(), lti.ReasonStateSpent)
		}
	})
}

// TestReplayOfProof is the same for the last step of a launch without cookies.
func TestReplayOfProof(t *testing.T) {
	replicated(t, func(s *school) {
		for range 3 {
			b := s.browser("maya")
			b.noCookies = true
			l := b.begin(s.course("bio201")).logIn().authorize()
			d := l.deliver().proof()
			if d == nil {
				s.t.Fatal("no proof asked for")
			}
			m := b.mark("maya")
			m.oneOf(l.together(16, d.Post, b.proofForm(d)), lti.ReasonHeldUnknown)
			if n := s.count("lti_held"); n != 0 {
				s.t.Errorf("%d held launches wait", n)
			}
		}
	})
}

// TestFirstSightTogether: the first launches of one person, in many tabs at
// once, make one person.
func TestFirstSightTogether(t *testing.T) {
	replicated(t, func(s *school) {
		const n = 8
		all := make([]*launching, n)
		for i := range all {
			all[i] = s.browser("maya").begin(s.course("bio201")).logIn().authorize()
		}
		var wg sync.WaitGroup
		pages := make([]*page, n)
		for i, l := range all {
			wg.Go(func() {
				l.replica = i % len(s.clients)
				pages[i] = l.finish()
			})
		}
		wg.Wait()
		for _, p := range pages {
			p.is(http.StatusOK, "My API tokens")
		}
		if people, subs, sessions := s.count("people"), s.count("person_subs"), s.count("sessions"); people != 1 || subs != 1 || sessions != n {
			s.t.Errorf("%d people, %d subs, %d sessions", people, subs, sessions)
		}
	})
}

// TestReplicasShareALaunch: each step of one launch is answered by another
// replica, and so is the session.
func TestReplicasShareALaunch(t *testing.T) {
	replicated(t, func(s *school) {
		next := func(b *browser) { b.replica = (b.replica + 1) % len(s.clients) }
		b := s.browser("maya")
		b.noCookies = true
		l := b.begin(s.course("bio201")).logIn()
		next(b)
		d := l.authorize().deliver().proof()
		next(b)
		p := l.fromTool(d.Post, l.proofForm(d)).is(http.StatusOK, "My API tokens")
		next(b)
		b.get(p, "/requests/new").is(http.StatusOK, "Request an API token")
	})
}

// TestReplayedPieces: a used token with a fresh login, a fresh token with a used
// login, and the pieces of two launches exchanged.
func TestReplayedPieces(t *testing.T) {
	each(t, func(s *school) {
		fresh := func(b *browser) *launching { return b.begin(s.course("bio201")).logIn().authorize() }
		exchange := func(name string, want lti.Reason, pieces func(b *browser) *launching) {
			s.run(name, func(t *testing.T) {
				b := s.in(t).browser("maya")
				l := pieces(b)
				m := b.mark("maya")
				m.knows(l)
				m.refused(l.deliver(), want)
			})
		}
		exchange("a used token with a fresh state", lti.ReasonNonce, func(b *browser) *launching {
			used, l := fresh(b), fresh(b)
			used.finish()
			l.form.Set("id_token", used.form.Get("id_token"))
			return l
		})
		exchange("a fresh token with a used state", lti.ReasonNonce, func(b *browser) *launching {
			used, l := fresh(b), fresh(b)
			used.finish()
			l.form.Set("state", used.state())
			return l
		})
		exchange("one tab's token with the other's state", lti.ReasonNonce, func(b *browser) *launching {
			one, two := fresh(b), fresh(b)
			one.form.Set("state", two.state())
			return one
		})
		exchange("one's own token with another person's state", lti.ReasonNonce, func(b *browser) *launching {
			l, other := fresh(b), fresh(s.browser("luca"))
			l.form.Set("state", other.state())
			return l
		})
	})
}
