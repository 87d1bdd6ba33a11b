package web_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/app"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/config"
	"github.com/tokendesk/tokendesk/internal/secret"
	"github.com/tokendesk/tokendesk/internal/session"
	"github.com/tokendesk/tokendesk/internal/web"
	"github.com/tokendesk/tokendesk/internal/web/webtest"
)

// routes lists every address, with its parameters filled in.
func routes(r *webtest.Rig) (gets, posts []string) {
	server, ok := r.App.Handler().(*web.Server)
	if !ok {
		r.T.Fatal("the handler is no web.Server")
	}
	for _, line := range server.Routes() {
		method, path, _ := strings.Cut(line, " ")
		path = strings.NewReplacer("/requests/:id", "/requests/REQ-0001", "/go/:id", "/go/REQ-0001", "/tokens/:id", "/tokens/grt_X", "/revocations/:id", "/revocations/mas_X", "/leaks/:id", "/leaks/inc_X", "/found/:id", "/found/fnd_X", "*file", "x.css").Replace(path)
		if strings.Contains(path, ":") {
			r.T.Fatalf("a parameter that this test does not know: %s", line)
		}
		switch method {
		case http.MethodGet:
			gets = append(gets, path)
		case http.MethodPost:
			posts = append(posts, path)
		}
	}
	if len(gets) < 30 || len(posts) < 20 {
		r.T.Fatalf("%d pages and %d posts: routes are missing", len(gets), len(posts))
	}
	return gets, posts
}

// What pages say that refuse, each by its problem.
const (
	over      = "Open Tokendesk again"
	forAdmins = "This page is for Canvas admins of "
	fromLink  = "You opened Tokendesk from a link in a course."
)

var nonceForm = regexp.MustCompile(`'nonce-([A-Z2-7]{26})'`)

// checkHeaders fails unless an answer carries every defence that every answer
// has, and a page those of pages.
func checkHeaders(t *testing.T, b *webtest.Browser, framers string) {
	t.Helper()
	for name, want := range map[string]string{
		"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
		"Permissions-Policy": "clipboard-write=(self), camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
	} {
		if got := b.Header.Get(name); got != want {
			t.Errorf("%s: %s is %q", b.Path, name, got)
		}
	}
	if b.Header.Get("X-Frame-Options") != "" || b.Header.Get("Strict-Transport-Security") != "" || b.Header.Get("Server") != "" {
		t.Errorf("%s: a header that must not be there: %v", b.Path, b.Header)
	}
	csp := b.Header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "base-uri 'none'"} {
		if !strings.Contains(csp, want) {
			t.Errorf("%s: the policy %q lacks %q", b.Path, csp, want)
		}
	}
	for _, bad := range []string{"unsafe", "*", "data:", "http:;", "https:;"} {
		if strings.Contains(csp, bad) {
			t.Errorf("%s: the policy %q has %q", b.Path, csp, bad)
		}
	}
	if !strings.HasPrefix(b.Header.Get("Content-Type"), "text/html") {
		// What is no page is shown in no frame, sends no form, and is kept
		// nowhere, but for files that are the same for everybody.
		if got, want := csp, "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"; got != want {
			t.Errorf("%s: the policy is %q", b.Path, got)
		}
		if got := b.Header.Get("Cache-Control"); got != "no-store" && (got != "no-cache" || b.Path != "/lti/config.json") && (!strings.HasPrefix(got, "public, max-age=") || b.Path != "/lti/jwks.json") {
			t.Errorf("%s: it may be cached: %q", b.Path, got)
		}
		return
	}
	if got := b.Header.Get("Vary"); b.Header.Get("Vary") != session.Header+", Cookie" {
		t.Errorf("%s: the page is told apart by %q", b.Path, got)
	}
	for _, want := range []string{"script-src 'self';", "font-src 'self'", "img-src 'self'", "connect-src 'self'", "form-action 'self'", "frame-ancestors " + framers} {
		if !strings.Contains(csp, want) {
			t.Errorf("%s: the page's policy %q lacks %q", b.Path, csp, want)
		}
	}
	if !strings.Contains(b.Header.Get("Cache-Control"), "no-store") {
		t.Errorf("%s: a page may be cached: %q", b.Path, b.Header.Get("Cache-Control"))
	}
	if m := nonceForm.FindStringSubmatch(csp); m != nil && strings.Contains(b.Body, "<style") && !strings.Contains(b.Body, `nonce="`+m[1]+`"`) {
		t.Errorf("%s: the page has another nonce than its policy", b.Path)
	}
}

func TestEveryAnswerIsDefended(t *testing.T) {
	r := webtest.New(t)
	gets, posts := routes(r)
	framers := r.Canvas.InstitutionURL()
	visitor := &webtest.Browser{Rig: r, Cookies: map[string]string{}}
	maya := r.Launch("maya", r.Course("bio201"))
	page := maya.Body
	checkHeaders(t, maya, framers)
	for _, path := range append(gets, "/nowhere", "/requests/req_nobodys", "/%2e%2e/etc/passwd") {
		checkHeaders(t, visitor.Send(http.MethodGet, path, nil, nil), framers)
		maya.Body = page
		checkHeaders(t, maya.Get(path), framers)
		checkHeaders(t, visitor.Send(http.MethodDelete, path, nil, nil), framers)
	}
	for _, path := range posts {
		checkHeaders(t, visitor.Send(http.MethodPost, path, url.Values{"x": {"y"}}, nil), framers)
		checkHeaders(t, visitor.Send(http.MethodPost, path, url.Values{"x": {"y"}}, http.Header{"Sec-Fetch-Site": {"cross-site"}}), framers)
	}
}

func TestHTTPSIsRequiredForYears(t *testing.T) {
	h := webtest.Secured(t)
	if got := h.Get("Strict-Transport-Security"); got != "max-age=31536000" {
		t.Errorf("Strict-Transport-Security is %q", got)
	}
}

func TestNothingOpensWithoutASession(t *testing.T) {
	r := webtest.New(t)
	gets, posts := routes(r)
	open := regexp.MustCompile(`^/(lti/(login|register|jwks\.json|config\.json)|healthz|readyz|static/.*)$`)
	visitor := &webtest.Browser{Rig: r, Cookies: map[string]string{}}
	for _, path := range gets {
		if open.MatchString(path) {
			continue
		}
		visitor.Send(http.MethodGet, path, nil, nil)
		if path == "/requests/REQ-0001/collect/status" || path == "/revocations/mas_X/status" {
			visitor.StopsAsking()
			continue
		}
		visitor.Want(http.StatusUnauthorized, over)
	}
	maya := r.Launch("maya", r.Course("bio201"))
	cookie, handle, page := maya.Cookies[session.Cookie], maya.Handle(), maya.Body
	if cookie != handle {
		t.Error("the first session's cookie is not its handle")
	}
	for _, path := range posts {
		if strings.HasPrefix(path, "/lti/") {
			continue
		}
		// The script's silent save changes no page, whatever comes.
		signedOut := func(b *webtest.Browser) { t.Helper(); b.Want(http.StatusUnauthorized, over) }
		if path == "/requests/keep" {
			signedOut = func(b *webtest.Browser) { t.Helper(); b.Want(http.StatusOK, "").Says("could not be saved") }
		}
		signedOut(visitor.Send(http.MethodPost, path, url.Values{"do": {"submit"}}, webtest.SameOrigin()))
		signedOut(visitor.Send(http.MethodPost, path+"?tool_session="+handle, url.Values{"do": {"submit"}}, webtest.SameOrigin())) // a handle in the address
		maya.Body = page
		signedOut(maya.Send(http.MethodPost, path, url.Values{"do": {"submit"}}, webtest.SameOrigin())) // the cookie alone
		all := url.Values{session.Field: {handle}, "do": {"submit"}}
		maya.Send(http.MethodPost, path, all, http.Header{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://evil.example"}}).Want(http.StatusForbidden, webtest.NotAllowed).Says(webtest.AnySite)
		maya.Send(http.MethodPost, path, all, http.Header{"Origin": {"https://evil.example"}}).Want(http.StatusForbidden, webtest.NotAllowed).Says(webtest.AnySite)
	}
	if len(r.Requests()) != 0 {
		t.Errorf("something was made: %v", r.Requests())
	}
}

func TestBodiesAreLimited(t *testing.T) {
	r := webtest.New(t)
	maya := r.Launch("maya", r.Course("bio201"))
	page := maya.Body
	maya.Post("/requests", url.Values{"do": {"draft"}, "build": {strings.Repeat("x", 60<<10)}}).Want(http.StatusOK, "Request an API token")
	maya.Body = page
	maya.Post("/requests", url.Values{"do": {"draft"}, "build": {strings.Repeat("x", 65<<10)}}).Want(http.StatusRequestEntityTooLarge, webtest.NoForm).Says(webtest.NothingNew)
	maya.Send(http.MethodPost, "/lti/launch", url.Values{"id_token": {strings.Repeat("x", 600<<10)}, "state": {"x"}}, nil).
		Want(http.StatusRequestEntityTooLarge, "Canvas could not open Tokendesk").Says("something that Tokendesk cannot accept")
	// A launch carries the school's brand: it may be larger than a form, and is
	// refused for what it says.
	maya.Send(http.MethodPost, "/lti/launch", url.Values{"id_token": {strings.Repeat("x", 200<<10)}, "state": {"x"}}, nil).
		Want(http.StatusUnauthorized, "Canvas could not open Tokendesk").Says("was used already, or took too long")
	for name, kind := range map[string]string{"JSON": "application/json", "multipart": "multipart/form-data; boundary=x"} {
		h := webtest.SameOrigin()
		h.Set("Content-Type", kind)
		h.Set(session.Header, webtest.Meta(t, page, "tool-session"))
		t.Log(name)
		maya.Send(http.MethodPost, "/requests", url.Values{"do": {"submit"}}, h).Want(http.StatusBadRequest, webtest.NoForm).Says(webtest.NothingNew)
	}
	maya.Body = page
	maya.Post("/requests", url.Values{"do": {"draft", "submit"}}).Want(http.StatusBadRequest, webtest.NoForm).Says(webtest.NothingNew)
}

// TestNoHandleInAnyAddressOrLog opens everything a person can open and looks
// for their handle where it must not be.
func TestNoHandleInAnyAddressOrLog(t *testing.T) {
	r := webtest.New(t)
	maya := r.Launch("maya", r.Course("bio201"))
	handle := maya.Handle()
	page := maya.Body
	gets, posts := routes(r)
	look := func() {
		t.Helper()
		if maya.Status < 300 && strings.HasPrefix(maya.Header.Get("Content-Type"), "text/html") && strings.Count(maya.Body, handle) == 0 && strings.Contains(maya.Body, "<html") {
			t.Errorf("%s: the page carries no handle, so its links lead nowhere", maya.Path)
		}
		for n := range webtest.Parse(t, maya.Body).Descendants() {
			for _, a := range n.Attr {
				ours := n.Data == "meta" && webtest.Attr(n, "name") == "tool-session" || n.Data == "input" && webtest.Attr(n, "name") == session.Field
				if strings.Contains(a.Val, handle) && !ours {
					t.Errorf("%s: the handle is in <%s %s>", maya.Path, n.Data, a.Key)
				}
			}
		}
		if strings.Contains(maya.Header.Get("Location"), handle) || strings.Contains(maya.Header.Get("Hx-Push-Url"), handle) {
			t.Errorf("%s: the handle is in a header", maya.Path)
		}
	}
	for _, path := range gets {
		maya.Body = page
		maya.Get(path)
		look()
	}
	for _, path := range posts {
		if strings.HasPrefix(path, "/lti/") {
			continue
		}
		maya.Body = page
		maya.Post(path, webtest.Answers(r))
		look()
	}
	maya.Send(http.MethodGet, "/queue?q=my+secret+words&tool_session="+handle, nil, http.Header{session.Header: {handle}})
	for what, bad := range map[string]string{"the handle": handle, "what was searched for": "secret+words", "what was written": "assignments are due", "a name": "Maya Chen"} {
		if strings.Contains(r.Logs.String(), bad) {
			t.Errorf("%s is in the log", what)
		}
	}
	if !strings.Contains(r.Logs.String(), `"route":"/requests/:id/collect"`) {
		t.Error("the log does not tell routes")
	}
	if !regexp.MustCompile(`"msg":"request","method":"GET","route":"/queue","status":403,[^\n]*"client":"127.0.0.1","reference":"[0-9A-Z-]{9}","actor":"per_`).MatchString(r.Logs.String()) {
		t.Error("the log does not tell who came")
	}
}

// Every verb of the pages, by somebody who could use it: whoever acts for them
// is refused, by name, and writes nothing.
func TestWhoeverActsForSomebodyOnlyLooks(t *testing.T) {
	sc := newScene(t)
	r := sc.rig
	token := "/tokens/" + sc.ids["token"]
	presses := append(slices.Clone(sc.presses), press{who: "dana", path: token + "/revoke", fields: url.Values{"reason": {"Because."}}},
		press{who: "maya", path: "/requests/REQ-0001/collect"}, press{who: "maya", path: "/requests/REQ-0001/collect/check"}, press{who: "maya", path: "/requests/REQ-0001/replace"})
	before := r.AllRows()
	for name, tc := range map[string]struct {
		value any
		says  string
	}{
		"acting": {"4711", webtest.ActingAs}, "nobody knows": {nil, "Canvas does not tell whether somebody acts for you."}, "something else": {"x", "Canvas does not tell whether somebody acts for you."},
	} {
		own := r.Launch("maya", r.Course("bio201"))
		undo := webtest.ActAs(r, tc.value)
		ghosts, pages := map[string]*webtest.Browser{}, map[string]string{}
		for who, at := range sc.places {
			ghosts[who] = r.Launch(who, at)
			pages[who] = ghosts[who].Body
		}
		undo()
		for _, p := range presses {
			if p.reads {
				continue // what only reads is shown to whoever looks
			}
			who := p.who
			if who == "helen" {
				who = "ana" // who stands for it until she does
			}
			ghost := ghosts[who]
			ghost.Body = pages[who]
			ghost.Post(p.path, p.fields)
			if p.silent {
				ghost.Want(http.StatusOK, "").Says("could not be saved")
				continue
			}
			if ghost.Status != http.StatusForbidden || !strings.Contains(webtest.Text(ghost.Body), tc.says) || webtest.ValueShown(t, ghost.Body) {
				t.Errorf("%s: %s's POST %s answers %d\n%s", name, who, p.path, ghost.Status, webtest.Text(ghost.Body))
			}
		}
		// Whoever acts has a session beside the person's own, and so has a launch of
		// which nobody knows whether it acts: neither shows that a right was lost.
		own.Get("/").Want(http.StatusOK, "My API tokens").Says("REQ-0003")
		maya := ghosts["maya"]
		maya.Body = pages["maya"]
		maya.Get("/requests/REQ-0003").Want(http.StatusOK, "Request REQ-0003")
	}
	r.Unchanged(before)
	maya := r.Launch("maya", r.Course("bio201"))
	maya.Post("/requests/REQ-0003/withdraw", nil).Want(http.StatusOK, "Request REQ-0003").Says("Withdrawn")
}

func TestALaunchThroughAResourceLinkSeesItsHomeOnly(t *testing.T) {
	r := webtest.New(t)
	r.Launch("maya", r.Course("bio201")).Post("/requests", webtest.Answers(r)).Want(http.StatusOK, "Request REQ-0001")
	defer r.Canvas.OnLaunch(func(l *canvastest.SignedLaunch) {
		l.Claims["https://purl.imsglobal.org/spec/lti/claim/resource_link"] = map[string]any{"id": "b6d1d3f0-0000-4000-8000-000000000000"}
	})()
	maya := r.Launch("maya", r.Course("bio201")).Want(http.StatusOK, "My API tokens").
		Says("You opened Tokendesk from a link in a course. To use it, open it from the Canvas menu.").Says("REQ-0001")
	page := maya.Body
	// Where its link leads, it leads home as well.
	r.Launch("maya", r.Course("bio201")+"?launch_url="+url.QueryEscape(r.URL+"/go/REQ-0001")).Want(http.StatusOK, "My API tokens").Says(fromLink)
	// What she has is there to read, and nothing leads on to what would be refused.
	for _, bad := range []string{`href="/requests`, `action="/`, "Request a token", "Withdraw"} {
		if strings.Contains(page, bad) {
			t.Errorf("the home of a resource link has %q", bad)
		}
	}
	if ana := r.Launch("ana", r.Course("bio201")).Want(http.StatusOK, "My API tokens").Says(fromLink); strings.Contains(ana.Body, `href="/sponsorships"`) {
		t.Error("a sponsor is led on from the home of a resource link")
	}
	before := r.AllRows()
	gets, posts := routes(r)
	for _, path := range gets {
		if strings.HasPrefix(path, "/lti/") || strings.HasPrefix(path, "/static/") || strings.HasSuffix(path, "z") || path == "/" {
			continue
		}
		maya.Body = page
		maya.Get(path)
		if strings.HasSuffix(path, "/status") {
			maya.StopsAsking()
			continue
		}
		maya.Want(http.StatusForbidden, webtest.NotAllowed).Says(webtest.WrongDoor)
	}
	for _, path := range posts {
		if strings.HasPrefix(path, "/lti/") {
			continue
		}
		maya.Body = page
		maya.Post(path, webtest.Answers(r))
		if path == "/requests/keep" {
			maya.Want(http.StatusOK, "").Says("could not be saved")
			continue
		}
		maya.Want(http.StatusForbidden, webtest.NotAllowed).Says(webtest.WrongDoor)
	}
	r.Unchanged(before)
	// Its home loads again, also by the address that the launch was posted to.
	for _, path := range []string{"/", "/lti/launch", "/lti/proof"} {
		maya.Body = page
		maya.Get(path).Want(http.StatusOK, "My API tokens").Says(fromLink)
	}
}

func TestTestStudent(t *testing.T) {
	r := webtest.New(t)
	defer r.Canvas.OnLaunch(func(l *canvastest.SignedLaunch) {
		custom := l.Claims["https://purl.imsglobal.org/spec/lti/claim/custom"].(map[string]any)
		custom["student_view"] = "true"
	})()
	b := r.Launch("maya", r.Course("bio201")).Want(http.StatusOK, "My API tokens").Says("test student")
	b.Post("/requests", webtest.Answers(r)).Want(http.StatusForbidden, "Request an API token").Says("The test student cannot have tokens.")
	if len(r.Requests()) != 0 {
		t.Errorf("something was made: %v", r.Requests())
	}
}

// A page that htmx swaps in has no style of its own; the first one has the
// school's colours.
func TestTheSchoolsColoursComeOnce(t *testing.T) {
	t.Parallel()
	r := webtest.New(t)
	r.Canvas.SetBrand(map[string]string{"ic-brand-primary": "#8C1D40"})
	maya := r.Launch("maya", r.Course("bio201")).Want(http.StatusOK, "My API tokens")
	if !strings.Contains(maya.Body, "<style nonce=") || !strings.Contains(maya.Body, "#8C1D40") {
		t.Error("the first page has not the school's colours")
	}
	if maya.Get("/requests/new").Want(http.StatusOK, "Request an API token"); strings.Contains(maya.Body, "<style") {
		t.Error("a page that is swapped in has a style")
	}
}

func TestASessionLivesWhileItIsUsed(t *testing.T) {
	t.Parallel()
	r := webtest.New(t)
	maya := r.Launch("maya", r.Course("bio201"))
	for range 4 {
		r.Clock.Advance(session.Idle * 2 / 3)
		maya.Get("/").Want(http.StatusOK, "My API tokens")
	}
	r.Clock.Advance(session.Idle)
	maya.Get("/").Want(http.StatusUnauthorized, over)
}

// Behind a proxy that changes Host, and at addresses that are nearly ours.
func TestAddressesAndOrigins(t *testing.T) {
	t.Parallel()
	r := webtest.New(t)
	maya := r.Launch("maya", r.Course("bio201"))
	page := maya.Body
	send := func(host, origin string) *webtest.Browser {
		maya.Body = page
		return maya.Send(http.MethodPost, "/requests", url.Values{session.Field: {maya.Handle()}, "do": {"draft"}}, http.Header{"Host": {host}, "Origin": {origin}})
	}
	send("inside.example:8080", r.URL).Want(http.StatusOK, "Request an API token")
	send("inside.example:8080", "https://evil.example").Want(http.StatusForbidden, webtest.NotAllowed).Says(webtest.AnySite)
	for _, path := range []string{"/queue/", "/QUEUE", "//queue", "/tokens/export/"} {
		maya.Body = page
		if maya.Get(path).Want(http.StatusNotFound, webtest.NotThere).Says(webtest.NotWhere); maya.Header.Get("Location") != "" {
			t.Errorf("%s leads to %s", path, maya.Header.Get("Location"))
		}
	}
}

// What goes wrong on a post leaves what was typed on the page, whatever it was.
func TestWhatWasTypedStandsOnThePageOfAnError(t *testing.T) {
	t.Parallel()
	r := webtest.New(t)
	server, ok := r.App.Handler().(*web.Server)
	if !ok {
		t.Fatalf("the handler is a %T", r.App.Handler())
	}
	ended, end := context.WithCancel(t.Context())
	end()
	for name, tc := range map[string]struct {
		ctx    context.Context
		err    error
		status int
		h1     string
		echo   bool
	}{
		"signed out":     {t.Context(), session.ErrSignedOut, http.StatusUnauthorized, over, true},
		"no form":        {t.Context(), access.ErrInvalid, http.StatusBadRequest, webtest.NoForm, true},
		"refused":        {t.Context(), access.Refuse(access.WhyRole), http.StatusForbidden, webtest.NotAllowed, true},
		"Canvas":         {t.Context(), access.Refuse(access.WhyCanvas), http.StatusServiceUnavailable, "Canvas is not answering", true},
		"lost":           {t.Context(), access.ErrConflict, http.StatusConflict, "This changed in the meantime", true},
		"not there":      {t.Context(), access.ErrNotFound, http.StatusNotFound, webtest.NotThere, false},
		"nobody waits":   {ended, context.Canceled, 499, "Something went wrong on our side", false},
		"ours, given up": {t.Context(), context.Canceled, http.StatusInternalServerError, "Something went wrong on our side", false},
	} {
		logged := len(r.Logs.String())
		q := httptest.NewRequestWithContext(tc.ctx, http.MethodPost, "/requests", strings.NewReader("build=What+I+typed.&suspect=Never+this."))
		q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if err := q.ParseForm(); err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		server.Fail(w, q, tc.err)
		page := w.Body.String()
		if w.Code != tc.status || webtest.Heading(t, page) != tc.h1 {
			t.Errorf("%s: %d, %q", name, w.Code, webtest.Heading(t, page))
		}
		if got := strings.Contains(webtest.Text(page), "What I typed."); got != tc.echo || strings.Contains(page, "Never this.") {
			t.Errorf("%s: what was typed is there: %v\n%s", name, got, webtest.Text(page))
		}
		// Nobody without a session is offered to send it again.
		if strings.Contains(webtest.Text(page), "Try again") && strings.Contains(page, "<form") {
			t.Errorf("%s: the page offers to post again", name)
		}
		if said := strings.Contains(r.Logs.String()[logged:], "could not answer"); said != (tc.status == http.StatusInternalServerError) {
			t.Errorf("%s: the log tells of a fault: %v", name, said)
		}
	}
}

// The address of who came is what a trusted proxy tells, and nobody else; and
// questions about health do not fill the log.
func TestTheLogTellsWhoCame(t *testing.T) {
	t.Parallel()
	logs := &webtest.Logs{}
	cfg := config.Default()
	cfg.Database = secret.New("sqlite:" + t.TempDir() + "/web.db")
	cfg.PublicURL = "https://tokens.example.edu"
	cfg.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	a, err := app.New(t.Context(), cfg, app.Options{Migrate: true, Log: slog.New(slog.NewJSONHandler(logs, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	for _, tc := range []struct{ path, from, route, level, client string }{
		{"/queue", "192.0.2.7:1", "/queue", "INFO", "203.0.113.9"},
		{"/queue", "198.51.100.7:1", "/queue", "INFO", "198.51.100.7"},
		{"/healthz", "192.0.2.7:1", "/healthz", "DEBUG", "203.0.113.9"},
		{"/readyz", "192.0.2.7:1", "/readyz", "DEBUG", "203.0.113.9"},
		{"/static/x.css", "192.0.2.7:1", "/static/*file", "DEBUG", "203.0.113.9"},
		{"/a/name/that/nobody/has?q=secret", "192.0.2.7:1", "none", "INFO", "203.0.113.9"},
	} {
		before := len(logs.String())
		q := httptest.NewRequest(http.MethodGet, tc.path, nil)
		q.RemoteAddr = tc.from
		q.Header.Set("X-Forwarded-For", "203.0.113.9")
		a.Handler().ServeHTTP(httptest.NewRecorder(), q)
		line := logs.String()[before:]
		for _, want := range []string{`"level":"` + tc.level + `","msg":"request"`, `"route":"` + tc.route + `"`, `"client":"` + tc.client + `"`} {
			if !strings.Contains(line, want) {
				t.Errorf("%s from %s: the log lacks %s: %s", tc.path, tc.from, want, line)
			}
		}
		if strings.Contains(line, "secret") || strings.Contains(line, "nobody") {
			t.Errorf("the log holds an address: %s", line)
		}
	}
}
