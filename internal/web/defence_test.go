package web_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/session"
	"github.com/tokendesk/tokendesk/internal/web"
)

// routes lists every address, with its parameters filled in.
func routes(r *rig) (gets, posts []string) {
	server, ok := r.app.Handler().(*web.Server)
	if !ok {
		r.t.Fatal("the handler is no web.Server")
	}
	for _, line := range server.Routes() {
		method, path, _ := strings.Cut(line, " ")
		path = strings.NewReplacer("/requests/:id", "/requests/REQ-0001", "/go/:id", "/go/REQ-0001", "/tokens/:id", "/tokens/grt_X", "/revocations/:id", "/revocations/mas_X", "/leaks/:id", "/leaks/inc_X", "/found/:id", "/found/fnd_X", "*file", "x.css").Replace(path)
		if strings.Contains(path, ":") {
			r.t.Fatalf("a parameter that this test does not know: %s", line)
		}
		switch method {
		case http.MethodGet:
			gets = append(gets, path)
		case http.MethodPost:
			posts = append(posts, path)
		}
	}
	if len(gets) < 30 || len(posts) < 20 {
		r.t.Fatalf("%d pages and %d posts: routes are missing", len(gets), len(posts))
	}
	return gets, posts
}

var nonceForm = regexp.MustCompile(`'nonce-([A-Z2-7]{26})'`)

// checkHeaders fails unless an answer carries every defence that every answer
// has, and a page those of pages.
func checkHeaders(t *testing.T, b *browser, framers string) {
	t.Helper()
	for name, want := range map[string]string{
		"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin",
		"Permissions-Policy": "clipboard-write=(self), camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
	} {
		if got := b.header.Get(name); got != want {
			t.Errorf("%s: %s is %q", b.path, name, got)
		}
	}
	if b.header.Get("X-Frame-Options") != "" || b.header.Get("Strict-Transport-Security") != "" || b.header.Get("Server") != "" {
		t.Errorf("%s: a header that must not be there: %v", b.path, b.header)
	}
	csp := b.header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "base-uri 'none'"} {
		if !strings.Contains(csp, want) {
			t.Errorf("%s: the policy %q lacks %q", b.path, csp, want)
		}
	}
	for _, bad := range []string{"unsafe", "*", "data:", "http:;", "https:;"} {
		if strings.Contains(csp, bad) {
			t.Errorf("%s: the policy %q has %q", b.path, csp, bad)
		}
	}
	if !strings.HasPrefix(b.header.Get("Content-Type"), "text/html") {
		return
	}
	for _, want := range []string{"script-src 'self';", "font-src 'self'", "img-src 'self'", "connect-src 'self'", "form-action 'self'", "frame-ancestors " + framers} {
		if !strings.Contains(csp, want) {
			t.Errorf("%s: the page's policy %q lacks %q", b.path, csp, want)
		}
	}
	if !strings.Contains(b.header.Get("Cache-Control"), "no-store") {
		t.Errorf("%s: a page may be cached: %q", b.path, b.header.Get("Cache-Control"))
	}
	if m := nonceForm.FindStringSubmatch(csp); m != nil && strings.Contains(b.body, "<style") && !strings.Contains(b.body, `nonce="`+m[1]+`"`) {
		t.Errorf("%s: the page has another nonce than its policy", b.path)
	}
}

func TestEveryAnswerIsDefended(t *testing.T) {
	r := newRig(t)
	gets, posts := routes(r)
	framers := r.cv.InstitutionURL()
	visitor := &browser{r: r, cookies: map[string]string{}}
	maya := r.launch("maya", r.course("bio201"))
	page := maya.body
	checkHeaders(t, maya, framers)
	for _, path := range append(gets, "/nowhere", "/requests/req_nobodys", "/%2e%2e/etc/passwd") {
		checkHeaders(t, visitor.send(http.MethodGet, path, nil, nil), framers)
		maya.body = page
		checkHeaders(t, maya.get(path), framers)
		checkHeaders(t, visitor.send(http.MethodDelete, path, nil, nil), framers)
	}
	for _, path := range posts {
		checkHeaders(t, visitor.send(http.MethodPost, path, url.Values{"x": {"y"}}, nil), framers)
		checkHeaders(t, visitor.send(http.MethodPost, path, url.Values{"x": {"y"}}, http.Header{"Sec-Fetch-Site": {"cross-site"}}), framers)
	}
}

func TestHTTPSIsRequiredForYears(t *testing.T) {
	h := secured(t)
	if got := h.Get("Strict-Transport-Security"); got != "max-age=31536000" {
		t.Errorf("Strict-Transport-Security is %q", got)
	}
}

func TestNothingOpensWithoutASession(t *testing.T) {
	r := newRig(t)
	gets, posts := routes(r)
	open := regexp.MustCompile(`^/(lti/(login|register|jwks\.json|config\.json)|healthz|readyz|static/.*)$`)
	visitor := &browser{r: r, cookies: map[string]string{}}
	for _, path := range gets {
		if open.MatchString(path) {
			continue
		}
		want := http.StatusUnauthorized
		if path == "/requests/REQ-0001/collect/status" || path == "/revocations/mas_X/status" {
			want = 286 // htmx's "stop asking"; the page stays as it is
		}
		if visitor.send(http.MethodGet, path, nil, nil); visitor.status != want {
			t.Errorf("GET %s answers %d to nobody", path, visitor.status)
		}
	}
	maya := r.launch("maya", r.course("bio201"))
	cookie, handle, page := maya.cookies[session.Cookie], maya.handle(), maya.body
	if cookie != handle {
		t.Error("the first session's cookie is not its handle")
	}
	for _, path := range posts {
		if strings.HasPrefix(path, "/lti/") || path == "/requests/keep" {
			continue
		}
		for name, q := range map[string]struct {
			fields url.Values
			target string
		}{
			"nobody":                  {url.Values{"do": {"submit"}}, path},
			"a handle in the address": {url.Values{"do": {"submit"}}, path + "?tool_session=" + handle},
		} {
			if visitor.send(http.MethodPost, q.target, q.fields, sameOrigin()); visitor.status != http.StatusUnauthorized {
				t.Errorf("POST %s answers %d to %s", path, visitor.status, name)
			}
		}
		maya.body = page
		if maya.send(http.MethodPost, path, url.Values{"do": {"submit"}}, sameOrigin()); maya.status != http.StatusUnauthorized {
			t.Errorf("POST %s answers %d to the cookie alone", path, maya.status)
		}
		all := url.Values{session.Field: {handle}, "do": {"submit"}}
		if maya.send(http.MethodPost, path, all, http.Header{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://evil.example"}}); maya.status != http.StatusForbidden {
			t.Errorf("POST %s answers %d to another site", path, maya.status)
		}
		if maya.send(http.MethodPost, path, all, http.Header{"Origin": {"https://evil.example"}}); maya.status != http.StatusForbidden {
			t.Errorf("POST %s answers %d to another site's old browser", path, maya.status)
		}
	}
	if len(r.requests()) != 0 {
		t.Errorf("something was made: %v", r.requests())
	}
}

func TestBodiesAreLimited(t *testing.T) {
	r := newRig(t)
	maya := r.launch("maya", r.course("bio201"))
	page := maya.body
	maya.post("/requests", url.Values{"do": {"draft"}, "build": {strings.Repeat("x", 60<<10)}}).want(http.StatusOK, "Request an API token")
	maya.body = page
	maya.post("/requests", url.Values{"do": {"draft"}, "build": {strings.Repeat("x", 65<<10)}})
	if maya.status != http.StatusRequestEntityTooLarge {
		t.Errorf("a form of 65 KiB answers %d", maya.status)
	}
	maya.send(http.MethodPost, "/lti/launch", url.Values{"id_token": {strings.Repeat("x", 600<<10)}, "state": {"x"}}, nil)
	if maya.status != http.StatusRequestEntityTooLarge {
		t.Errorf("a launch of 600 KiB answers %d", maya.status)
	}
	for name, kind := range map[string]string{"JSON": "application/json", "multipart": "multipart/form-data; boundary=x"} {
		h := sameOrigin()
		h.Set("Content-Type", kind)
		h.Set(session.Header, meta(t, page, "tool-session"))
		if maya.send(http.MethodPost, "/requests", url.Values{"do": {"submit"}}, h); maya.status != http.StatusBadRequest {
			t.Errorf("a body of %s answers %d", name, maya.status)
		}
	}
	maya.body = page
	maya.post("/requests", url.Values{"do": {"draft", "submit"}})
	if maya.status != http.StatusBadRequest {
		t.Errorf("a field that comes twice answers %d", maya.status)
	}
}

// TestNoHandleInAnyAddressOrLog opens everything a person can open and looks
// for their handle where it must not be.
func TestNoHandleInAnyAddressOrLog(t *testing.T) {
	r := newRig(t)
	maya := r.launch("maya", r.course("bio201"))
	handle := maya.handle()
	page := maya.body
	gets, posts := routes(r)
	look := func() {
		t.Helper()
		if maya.status < 300 && strings.HasPrefix(maya.header.Get("Content-Type"), "text/html") && strings.Count(maya.body, handle) == 0 && strings.Contains(maya.body, "<html") {
			t.Errorf("%s: the page carries no handle, so its links lead nowhere", maya.path)
		}
		for n := range parse(t, maya.body).Descendants() {
			for _, a := range n.Attr {
				ours := n.Data == "meta" && attr(n, "name") == "tool-session" || n.Data == "input" && attr(n, "name") == session.Field
				if strings.Contains(a.Val, handle) && !ours {
					t.Errorf("%s: the handle is in <%s %s>", maya.path, n.Data, a.Key)
				}
			}
		}
		if strings.Contains(maya.header.Get("Location"), handle) || strings.Contains(maya.header.Get("Hx-Push-Url"), handle) {
			t.Errorf("%s: the handle is in a header", maya.path)
		}
	}
	for _, path := range gets {
		maya.body = page
		maya.get(path)
		look()
	}
	for _, path := range posts {
		if strings.HasPrefix(path, "/lti/") {
			continue
		}
		maya.body = page
		maya.post(path, asked(r))
		look()
	}
	maya.send(http.MethodGet, "/queue?q=my+secret+words&tool_session="+handle, nil, http.Header{session.Header: {handle}})
	for what, bad := range map[string]string{"the handle": handle, "what was searched for": "secret+words", "what was written": "assignments are due", "a name": "Maya Chen"} {
		if strings.Contains(r.logs.String(), bad) {
			t.Errorf("%s is in the log", what)
		}
	}
	if !strings.Contains(r.logs.String(), `"route":"/requests/:id/collect"`) {
		t.Error("the log does not tell routes")
	}
}

// acting changes every launch into one that tells of acting as described.
func acting(r *rig, value any) func() {
	return r.cv.OnLaunch(func(l *canvastest.SignedLaunch) {
		custom, ok := l.Claims["https://purl.imsglobal.org/spec/lti/claim/custom"].(map[string]any)
		if !ok {
			r.t.Error("a launch without custom fields")
			return
		}
		if value == nil {
			delete(custom, "acting_user_id")
			return
		}
		custom["acting_user_id"] = value
	})
}

func TestWhoeverActsForSomebodyOnlyLooks(t *testing.T) {
	r := newRig(t)
	maya := r.launch("maya", r.course("bio201"))
	maya.post("/requests", asked(r)).want(http.StatusOK, "Request REQ-0001")
	before := r.requests()
	for name, value := range map[string]any{"acting": "4711", "nobody knows": nil, "something else": "x"} {
		undo := acting(r, value)
		ghost := r.launch("maya", r.course("bio201")).want(http.StatusOK, "My API tokens")
		page := ghost.body
		_, posts := routes(r)
		for _, path := range posts {
			if strings.HasPrefix(path, "/lti/") || path == "/requests/keep" {
				continue
			}
			ghost.body = page
			ghost.post(path, asked(r))
			if ghost.status != http.StatusForbidden && ghost.status != http.StatusNotFound {
				t.Errorf("%s: POST %s answers %d\n%s", name, path, ghost.status, text(ghost.body))
			}
			if valueShown(t, ghost.body) {
				t.Errorf("%s: POST %s shows a secret", name, path)
			}
		}
		ghost.body = page
		ghost.get("/requests/REQ-0001").want(http.StatusOK, "Request REQ-0001")
		ghost.post("/requests/REQ-0001/withdraw", nil)
		if ghost.status != http.StatusForbidden {
			t.Errorf("%s: withdraw answers %d", name, ghost.status)
		}
		undo()
	}
	if after := r.requests(); len(after) != len(before) || after["REQ-0001"] != before["REQ-0001"] {
		t.Errorf("something changed: %v, then %v", before, after)
	}
	maya.open(r.course("bio201"))
	maya.get("/requests/REQ-0001").want(http.StatusOK, "Request REQ-0001")
	maya.post("/requests/REQ-0001/withdraw", nil).want(http.StatusOK, "Request REQ-0001").says("Withdrawn")
}

func TestALaunchThroughAResourceLinkSeesItsHomeOnly(t *testing.T) {
	r := newRig(t)
	r.launch("maya", r.course("bio201")).post("/requests", asked(r)).want(http.StatusOK, "Request REQ-0001")
	defer r.cv.OnLaunch(func(l *canvastest.SignedLaunch) {
		l.Claims["https://purl.imsglobal.org/spec/lti/claim/resource_link"] = map[string]any{"id": "b6d1d3f0-0000-4000-8000-000000000000"}
	})()
	maya := r.launch("maya", r.course("bio201")).want(http.StatusOK, "My API tokens").
		says("You opened Tokendesk from a link in a course. To use it, open it from the Canvas menu.").says("REQ-0001")
	page := maya.body
	// What she has is there to read, and nothing leads on to what would be refused.
	for _, bad := range []string{`href="/requests`, `action="/`, "Request a token", "Withdraw"} {
		if strings.Contains(page, bad) {
			t.Errorf("the home of a resource link has %q", bad)
		}
	}
	gets, _ := routes(r)
	for _, path := range gets {
		if strings.HasPrefix(path, "/lti/") || strings.HasPrefix(path, "/static/") || strings.HasSuffix(path, "z") || path == "/" || strings.HasSuffix(path, "/status") {
			continue
		}
		maya.body = page
		if maya.get(path); maya.status != http.StatusForbidden {
			t.Errorf("GET %s answers %d", path, maya.status)
		}
	}
}

func TestTestStudent(t *testing.T) {
	r := newRig(t)
	defer r.cv.OnLaunch(func(l *canvastest.SignedLaunch) {
		custom := l.Claims["https://purl.imsglobal.org/spec/lti/claim/custom"].(map[string]any)
		custom["student_view"] = "true"
	})()
	b := r.launch("maya", r.course("bio201")).want(http.StatusOK, "My API tokens").says("test student")
	b.post("/requests", asked(r))
	if b.status != http.StatusForbidden {
		t.Errorf("the test student's request answers %d", b.status)
	}
}
