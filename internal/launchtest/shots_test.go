package launchtest

import (
	"crypto/rand"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
)

// shots makes launches that can be posted at once, in any number: each has a
// login of its own and a token that the platform signed.
type shots struct {
	*school
	claims map[string]any
}

// shot is one of them.
type shot struct {
	body   string
	cookie string
}

// newShots walks one launch of a student the long way and keeps what Canvas
// signed.
func newShots(tb testing.TB, dsn string) *shots {
	tb.Helper()
	s := &shots{school: newDeskAt(tb, dsn, 1, canvastest.NewClock()).school("Northfield")}
	remove := s.cv.OnLaunch(func(l *canvastest.SignedLaunch) { s.claims = maps.Clone(l.Claims) })
	s.browser("maya").open(s.course("bio201")).is(http.StatusOK, home)
	remove()
	return s
}

// token signs the launch once more.
func (s *shots) token(nonce string) string {
	now := time.Now()
	c := maps.Clone(s.claims)
	c["nonce"], c["iat"], c["exp"] = nonce, now.Unix(), now.Add(time.Hour).Unix()
	token, err := s.cv.SignWithPlatformKey(c, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return token
}

func random() string {
	var b [32]byte
	rand.Read(b[:])
	return b64(b[:])
}

// make makes n launches.
func (s *shots) make(n int) []shot {
	s.t.Helper()
	all := make([]shot, n)
	var wg sync.WaitGroup
	for i := range runtime.NumCPU() {
		wg.Go(func() {
			for ; i < n; i += runtime.NumCPU() {
				all[i] = s.one()
			}
		})
	}
	wg.Wait()
	return all
}

func (s *shots) one() shot {
	state, nonce, cookie := s.login()
	form := url.Values{"utf8": {"✓"}, "authenticity_token": {random()}, "id_token": {s.token(nonce)}, "state": {state}}
	return shot{form.Encode(), cookie}
}

// loginForm is what the platform sends to begin a launch.
func (s *shots) loginForm() string {
	return url.Values{
		"iss": {s.cv.Issuer()}, "client_id": {s.tool.ClientID}, "lti_deployment_id": {s.tool.ID},
		"login_hint": {"x"}, "target_link_uri": {s.url + "/lti/launch"},
	}.Encode()
}

// login asks the product for a login, and returns what the browser then has.
func (s *shots) login() (state, nonce, cookie string) {
	req := httptest.NewRequest(http.MethodPost, "/lti/login", strings.NewReader(s.loginForm()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	s.apps[0].Handler().ServeHTTP(w, req)
	next, err := url.Parse(w.Header().Get("Location"))
	if err != nil || w.Code != http.StatusSeeOther {
		s.t.Errorf("a login answers %d %v", w.Code, err)
		return "", "", ""
	}
	cookie, _, _ = strings.Cut(w.Header().Get("Set-Cookie"), ";")
	return next.Query().Get("state"), next.Query().Get("nonce"), cookie
}

// fire posts the launches from a number of clients at once and fails for each
// that is not let in.
func (s *shots) fire(at *served, all []shot, clients int) {
	s.t.Helper()
	s.post(at, "/lti/launch", http.StatusOK, all, clients)
}

// logins begins n launches, and fails for each login that is not answered.
func (s *shots) logins(at *served, n, clients int) {
	s.t.Helper()
	s.post(at, "/lti/login", http.StatusSeeOther, slices.Repeat([]shot{{body: s.loginForm()}}, n), clients)
}

func (s *shots) post(at *served, path string, want int, all []shot, clients int) {
	s.t.Helper()
	next := make(chan shot)
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			for x := range next {
				if status := s.answer(at, path, x); status != want {
					s.t.Errorf("%s answers %s with %d", at.kind, path, status)
				}
			}
		})
	}
	for _, x := range all {
		next <- x
	}
	close(next)
	wg.Wait()
}

// answer posts one login or launch as Canvas's page does and returns the status.
func (s *shots) answer(at *served, path string, x shot) int {
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, at.at+path, strings.NewReader(x.body))
	if err != nil {
		s.t.Error(err)
		return 0
	}
	req.Host = strings.TrimPrefix(s.url, "http://")
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", s.cv.InstitutionURL())
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	if x.cookie != "" {
		req.Header.Set("Cookie", x.cookie)
	}
	res, err := at.client.Do(req)
	if err != nil {
		s.t.Error(err)
		return 0
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	return res.StatusCode
}

// used is how long this process has kept a processor busy.
func used(tb testing.TB) time.Duration {
	tb.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
