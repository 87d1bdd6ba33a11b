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

		// Then comes one that nobody here has seen, for many people at once.
		s.cv.Rotate()
		var wg sync.WaitGroup
		pages := make([]*page, 8)
		for i := range pages {
			l := s.browser([]string{"maya", "luca", "ana", "tom"}[i%4]).begin(s.course("bio201")).logIn().authorize()
			wg.Go(func() { pages[i] = l.finish() })
		}
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
	began := time.Now()
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
	for range 3 {
		before := time.Now()
		s.browser("maya").open(s.course("bio201")).is(http.StatusOK, home)
		if took := time.Since(before); took > fetchInterval-time.Second {
			s.t.Errorf("an honest launch waited %s", took)
		}
	}
	wg.Wait()
	for _, p := range pages {
		p.is(http.StatusUnauthorized, "Canvas could not open Tokendesk")
	}
	for _, l := range lines(s.t, s.logs.since(mark), "lti request refused") {
		if l.text("reason") != string(lti.ReasonKeyUnknown) {
			s.t.Errorf("refused as %q", l.text("reason"))
		}
	}
	if n, most := s.fetches(), 2+int(time.Since(began)/fetchInterval); n > most {
		s.t.Errorf("%d fetches in %s, at most %d expected", n, time.Since(began), most)
	}
	if n := s.count("sessions"); n != 4 {
		s.t.Errorf("%d sessions", n)
	}
}

// TestKeySetDown: known keys go on verifying; unknown ones are our trouble and
// not the launch's, and the same post works once the platform answers. The
// databases do not matter here; the intervals of the five are waited out at once.
func TestKeySetDown(t *testing.T) {
	t.Parallel()
	type down struct {
		*browser
		name     string
		fault    canvastest.Fault
		withdraw func()
		l        *launching
	}
	all := []*down{
		{name: "an error", fault: canvastest.Fault{Status: http.StatusServiceUnavailable}},
		{name: "a page", fault: canvastest.Fault{Status: http.StatusOK, ContentType: "text/html", Body: "<h1>Maintenance</h1>"}},
		{name: "an empty set", fault: canvastest.Fault{Status: http.StatusOK, Body: `{"keys":[]}`}},
		{name: "a huge answer", fault: canvastest.Fault{Status: http.StatusOK, Body: `{"keys":[],"x":"` + strings.Repeat("x", 8<<20) + `"}`}},
		{name: "a cut-off line", fault: canvastest.Fault{CutBody: true}},
	}
	for _, d := range all {
		s := newDesk(t, "sqlite:"+t.TempDir()+"/keys.db", 1).school("Northfield")
		d.fault.Route, d.fault.Times = keySetRoute, -1
		d.withdraw = s.cv.Fail(d.fault)
		d.browser = s.browser("maya")
		d.l = d.begin(s.course("bio201")).logIn().authorize()
		for range 5 { // nobody asks again before the interval is over
			m := d.mark("maya")
			m.knows(d.l)
			m.refused(d.l.deliver(), lti.ReasonKeySet)
		}
		if n := d.fetches(); n != 1 {
			t.Errorf("%s: %d fetches within the interval", d.name, n)
		}
		d.withdraw()
	}
	for _, d := range all {
		p := d.l.deliver()
		for end := time.Now().Add(2 * fetchInterval); p.status == lti.ReasonKeySet.Status() && time.Now().Before(end); p = d.l.deliver() {
			time.Sleep(200 * time.Millisecond) // the interval is the real clock's
		}
		p.is(http.StatusOK, home)

		// Down again: what is known goes on.
		d.withdraw = d.cv.Fail(d.fault)
		d.open(d.course("bio201")).is(http.StatusOK, home)
		d.cv.Rotate()
		d.open(d.course("bio201")).is(http.StatusOK, home)
		d.cv.Rotate()
		d.l = d.begin(d.course("bio201")).logIn().authorize()
	}
	var wg sync.WaitGroup
	for _, d := range all {
		wg.Go(func() {
			began := time.Now()
			m := d.mark("maya")
			m.knows(d.l)
			m.refused(d.l.deliver(), lti.ReasonKeySet)
			if took := time.Since(began); took > 2*fetchInterval {
				t.Errorf("%s: an unknown key took %s to refuse", d.name, took)
			}
		})
	}
	wg.Wait()
}
