package launchtest

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/lti"
)

// fetches is how often the key set was asked for.
func (s *school) fetches() int { return s.cv.Count(http.MethodGet, keySetRoute) }

// fetchInterval is the shortest time between two fetches of one key set
// (lti.KeySets.MinInterval).
const fetchInterval = 5 * time.Second

// TestUnknownKid is the certification suite's launch whose kid names no key.
func TestUnknownKid(t *testing.T) {
	each(t, func(s *school) {
		m, p := s.spoil(s.t, "maya", s.course("bio201"), func(l *canvastest.SignedLaunch) { l.Header["kid"] = "2018-06-18T22:33:20Z" })
		if l := m.refused(p, lti.ReasonKeyUnknown); l.text("kid") != "2018-06-18T22:33:20Z" {
			s.t.Errorf("the log names the kid %q", l.text("kid"))
		}
	})
}

// TestRotation of the platform's keys never fails a launch.
func TestRotation(t *testing.T) {
	each(t, func(s *school) {
		s.browser("maya").open(s.course("bio201")).is(http.StatusOK, home)

		// The key that signs next has been public before.
		under := s.browser("luca").begin(s.course("bio201")).logIn().authorize()
		s.cv.Rotate()
		s.browser("maya").open(s.course("bio201")).is(http.StatusOK, home)
		under.finish().is(http.StatusOK, home)
		if n := s.fetches(); n != 1 {
			s.t.Errorf("%d fetches for keys that were all public", n)
		}

		// Then comes one that nobody here has seen, for many people at once, just
		// after the set was fetched: they wait for its turn together.
		s.cv.Rotate()
		var wg sync.WaitGroup
		pages := make([]*page, 8)
		for i := range pages {
			l := s.browser([]string{"maya", "luca", "ana", "tom"}[i%4]).begin(s.course("bio201")).logIn().authorize()
			wg.Go(func() { pages[i] = l.finish() })
		}
		s.clock.AwaitSleepers(s.t, len(pages))
		s.clock.Advance(fetchInterval)
		wg.Wait()
		for _, p := range pages {
			p.is(http.StatusOK, home)
		}
		if n := s.fetches(); n != 2 {
			s.t.Errorf("%d fetches for one new key", n)
		}
	})
}

// TestKidFlood: whoever makes kids up causes next to no fetch, and holds nobody
// else up.
func TestKidFlood(t *testing.T) {
	t.Parallel()
	s := newDesk(t, "sqlite:"+t.TempDir()+"/flood.db", 1).school("Northfield")
	s.browser("maya").open(s.course("bio201")).is(http.StatusOK, home)
	forged := make([]*launching, 40)
	for i := range forged {
		remove := s.cv.OnLaunch(token(func(l *canvastest.SignedLaunch) string {
			return sign(s.t, map[string]any{"alg": "RS256", "kid": fmt.Sprintf("made-up-%d", i)}, l.Claims, byRSA(s.t, attacker()))
		}))
		forged[i] = s.browser("luca").begin(s.course("bio201")).logIn().authorize()
		remove()
	}
	mark := s.logs.len()
	var wg sync.WaitGroup
	pages := make([]*page, len(forged))
	for i, l := range forged {
		wg.Go(func() { pages[i] = l.deliver() })
	}
	s.clock.AwaitSleepers(s.t, len(forged)) // until the set may be fetched again
	s.clock.Advance(fetchInterval - 1)
	for range 3 { // meanwhile nobody else waits, or they would sleep as well
		s.browser("maya").open(s.course("bio201")).is(http.StatusOK, home)
	}
	if n := s.fetches(); n != 1 {
		s.t.Errorf("%d fetches within the interval", n)
	}
	s.clock.Advance(1)
	wg.Wait()
	for _, p := range pages {
		p.is(http.StatusUnauthorized, "Canvas could not open Tokendesk")
	}
	for _, l := range lines(s.t, s.logs.since(mark), "lti request refused") {
		if l.text("reason") != string(lti.ReasonKeyUnknown) {
			s.t.Errorf("refused as %q", l.text("reason"))
		}
	}
	if n := s.fetches(); n != 2 {
		s.t.Errorf("%d fetches for %d keys that were made up, want one more", n, len(forged))
	}
	if n := s.count("sessions"); n != 4 {
		s.t.Errorf("%d sessions", n)
	}
}

// TestKeySetDown: known keys go on verifying; unknown ones are our trouble and
// not the launch's, and the same post works once the platform answers. The
// databases do not matter here.
func TestKeySetDown(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]canvastest.Fault{
		"an error":       {Status: http.StatusServiceUnavailable},
		"a page":         {Status: http.StatusOK, ContentType: "text/html", Body: "<h1>Maintenance</h1>"},
		"an empty set":   {Status: http.StatusOK, Body: `{"keys":[]}`},
		"a huge answer":  {Status: http.StatusOK, Body: `{"keys":[],"x":"` + strings.Repeat("x", 8<<20) + `"}`},
		"a cut-off line": {CutBody: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newDesk(t, "sqlite:"+t.TempDir()+"/keys.db", 1).school("Northfield")
			fault.Route, fault.Times = keySetRoute, -1
			withdraw := s.cv.Fail(fault)
			maya := s.browser("maya")
			l := maya.begin(s.course("bio201")).logIn().authorize()
			refused := func(l *launching) {
				t.Helper()
				m := maya.mark("maya")
				m.knows(l)
				m.refused(l.deliver(), lti.ReasonKeySet)
			}
			for range 5 { // nobody asks again before the interval is over
				refused(l)
			}
			s.clock.Advance(fetchInterval - 1)
			refused(l)
			if n := s.fetches(); n != 1 {
				t.Errorf("%d fetches within the interval", n)
			}
			withdraw()
			refused(l)
			s.clock.Advance(1)
			l.deliver().is(http.StatusOK, home)

			// Down again: what is known goes on.
			s.cv.Fail(fault)
			maya.open(s.course("bio201")).is(http.StatusOK, home)
			s.cv.Rotate()
			maya.open(s.course("bio201")).is(http.StatusOK, home)
			s.cv.Rotate()
			l = maya.begin(s.course("bio201")).logIn().authorize()
			go func() {
				s.clock.AwaitSleepers(t, 1)
				s.clock.Advance(fetchInterval)
			}()
			refused(l)
			if n := s.fetches(); n != 3 {
				t.Errorf("%d fetches, want one for the key that is new", n)
			}
		})
	}
}
