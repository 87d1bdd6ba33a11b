package launchtest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/lti"
)

// from posts a form to the tool as if it came from that address.
func (d *desk) from(address, path string, form url.Values) *httptest.ResponseRecorder {
	req := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
	req.RemoteAddr = address
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	d.apps[0].Handler().ServeHTTP(w, req)
	return w
}

// TestAFloodOfLoginsKeepsNobodyOut: logins need no right, so anybody can begin any
// number of them and complete none. Here 500 come from ten networks and 250 from
// the address that everybody in this test has, each with an error response and a
// forged launch behind it. What matters is not their number: not one cell of the
// database is another after them, so that the ten thousandth costs what the first one
// did (BenchmarkFlood).
// Then two people launch from that same address, and a login from elsewhere is
// answered as ever.
func TestAFloodOfLoginsKeepsNobodyOut(t *testing.T) {
	each(t, func(s *school) {
		b := s.browser("maya")
		form := b.begin(s.course("bio201")).login
		m, before := b.mark("maya"), s.cells()
		for i := range 750 {
			address := "127.0.0.1:7"
			if i < 500 {
				address = fmt.Sprintf("[2001:db8:%x::%x]:7", i%10, i+1)
			}
			if i%5 == 0 {
				form.Set("lti_storage_target", "post_message_forwarding")
			} else {
				form.Del("lti_storage_target")
			}
			w := s.from(address, "/lti/login", form)
			if w.Code >= http.StatusBadRequest {
				s.t.Fatalf("login %d answers %d", i, w.Code)
			}
			next, err := url.Parse(w.Header().Get("Location"))
			if err != nil || i%5 == 0 {
				continue
			}
			state := next.Query().Get("state")
			for _, post := range []url.Values{{"error": {"login_required"}, "state": {state}}, {"id_token": {"e30.e30.AAAA"}, "state": {state}}} {
				if w := s.from(address, "/lti/launch", post); w.Code != http.StatusUnauthorized {
					s.t.Fatalf("a post that nobody signed answers %d", w.Code)
				}
			}
		}
		s.unchanged(before)
		for _, l := range lines(t, m.logs.since(m.log), "lti request refused") {
			if r := l.text("reason"); r != string(lti.ReasonPlatformLogin) && r != string(lti.ReasonAlgorithm) {
				s.t.Fatalf("refused as %q", r)
			}
		}
		for _, who := range []string{"maya", "luca"} {
			b := s.browser(who)
			l := b.begin(s.course("bio201")).logIn().authorize()
			m = b.mark(who)
			m.launched(l.finish())
		}
		if n := s.count("lti_nonces"); n != 2 {
			s.t.Errorf("%d nonces for two launches", n)
		}
		w := s.from("203.0.113.9:7", "/lti/login", b.begin(s.course("bio201")).login)
		if w.Code >= http.StatusBadRequest {
			s.t.Errorf("a newcomer's login answers %d", w.Code)
		}
	})
}

// TestStatesAreShortAndOpaque: a state travels in Canvas's addresses, and says
// nothing to whoever reads them.
func TestStatesAreShortAndOpaque(t *testing.T) {
	each(t, func(s *school) {
		l := s.browser("maya").begin(s.course("bio201")).logIn()
		if n := len(l.state()); n > 400 {
			s.t.Errorf("a state of %d characters", n)
		}
		if n := len(l.next); n > 2000 {
			s.t.Errorf("an address of %d characters", n)
		}
		for _, told := range []string{s.platform.ID, s.tool.ID, "launch", "frame"} {
			if strings.Contains(l.state(), told) || strings.Contains(l.state(), b64([]byte(told))[:6]) {
				s.t.Errorf("the state tells %q", told)
			}
		}
	})
}

// TestALoginSurvivesARestart: what a login remembers is with the browser, so
// another process of the same master key goes on with it, and one of another
// master key does not.
func TestALoginSurvivesARestart(t *testing.T) {
	each(t, func(s *school) {
		cfg := configuration(t, s.dsn, s.url)
		other := cfg.MasterKeyFile
		b := s.browser("maya")
		l := b.begin(s.course("bio201")).logIn().authorize()
		cfg.MasterKeyFile = s.keyFile
		s.serve(0, cfg)
		m := b.mark("maya")
		m.launched(l.finish())

		l = b.begin(s.course("bio201")).logIn().authorize()
		cfg.MasterKeyFile = other
		s.serve(0, cfg)
		m = b.mark("maya")
		m.refused(l.deliver(), lti.ReasonStateUnknown)
	})
}
