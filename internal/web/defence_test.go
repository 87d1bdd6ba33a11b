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
	"github.com/tokendesk/tokendesk/internal/store/storetest"
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

// What pages say that refuse, each by its problem.
const (
	notThere   = "We cannot find that"
	notAllowed = "You cannot open this page"
	noForm     = "We could not read that form"
	over       = "Open Tokendesk again"

	wrongDoor  = "This page opens from another place in Canvas."
	forAdmins  = "This page is for Canvas admins of "
	actingAs   = "You are acting as somebody else. You can look, but not change anything here."
	anySite    = "You cannot do this." // nothing is told to another site
	fromLink   = "You opened Tokendesk from a link in a course."
	notWhere   = "It may have ended, or it is not yours."
	nothingNew = "Nothing was changed."
)

var nonceForm = regexp.MustCompile(`'nonce-([A-Z2-7]{26})'`)

// checkHeaders fails unless an answer carries every defence that every answer
// has, and a page those of pages.
func checkHeaders(t *testing.T, b *browser, framers string) {
	t.Helper()
	for name, want := range map[string]string{
		"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
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
		// What is no page is shown in no frame, sends no form, and is kept
		// nowhere, but for files that are the same for everybody.
		if got, want := csp, "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"; got != want {
			t.Errorf("%s: the policy is %q", b.path, got)
		}
		if got := b.header.Get("Cache-Control"); got != "no-store" && (got != "no-cache" || b.path != "/lti/config.json") && (!strings.HasPrefix(got, "public, max-age=") || b.path != "/lti/jwks.json") {
			t.Errorf("%s: it may be cached: %q", b.path, got)
		}
		return
	}
	if got := b.header.Get("Vary"); b.header.Get("Vary") != session.Header+", Cookie" {
		t.Errorf("%s: the page is told apart by %q", b.path, got)
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
		visitor.send(http.MethodGet, path, nil, nil)
		if path == "/requests/REQ-0001/collect/status" || path == "/revocations/mas_X/status" {
			visitor.stopsAsking()
			continue
		}
		visitor.want(http.StatusUnauthorized, over)
	}
	maya := r.launch("maya", r.course("bio201"))
	cookie, handle, page := maya.cookies[session.Cookie], maya.handle(), maya.body
	if cookie != handle {
		t.Error("the first session's cookie is not its handle")
	}
	for _, path := range posts {
		if strings.HasPrefix(path, "/lti/") {
			continue
		}
		// The script's silent save changes no page, whatever comes.
		signedOut := func(b *browser) { t.Helper(); b.want(http.StatusUnauthorized, over) }
		if path == "/requests/keep" {
			signedOut = func(b *browser) { t.Helper(); b.want(http.StatusOK, "").says("could not be saved") }
		}
		signedOut(visitor.send(http.MethodPost, path, url.Values{"do": {"submit"}}, sameOrigin()))
		signedOut(visitor.send(http.MethodPost, path+"?tool_session="+handle, url.Values{"do": {"submit"}}, sameOrigin())) // a handle in the address
		maya.body = page
		signedOut(maya.send(http.MethodPost, path, url.Values{"do": {"submit"}}, sameOrigin())) // the cookie alone
		all := url.Values{session.Field: {handle}, "do": {"submit"}}
		maya.send(http.MethodPost, path, all, http.Header{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://evil.example"}}).want(http.StatusForbidden, notAllowed).says(anySite)
		maya.send(http.MethodPost, path, all, http.Header{"Origin": {"https://evil.example"}}).want(http.StatusForbidden, notAllowed).says(anySite)
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
	maya.post("/requests", url.Values{"do": {"draft"}, "build": {strings.Repeat("x", 65<<10)}}).want(http.StatusRequestEntityTooLarge, noForm).says(nothingNew)
	maya.send(http.MethodPost, "/lti/launch", url.Values{"id_token": {strings.Repeat("x", 600<<10)}, "state": {"x"}}, nil).
		want(http.StatusRequestEntityTooLarge, "Canvas could not open Tokendesk").says("something that Tokendesk cannot accept")
	// A launch carries the school's brand: it may be larger than a form, and is
	// refused for what it says.
	maya.send(http.MethodPost, "/lti/launch", url.Values{"id_token": {strings.Repeat("x", 200<<10)}, "state": {"x"}}, nil).
		want(http.StatusUnauthorized, "Canvas could not open Tokendesk").says("was used already, or took too long")
	for name, kind := range map[string]string{"JSON": "application/json", "multipart": "multipart/form-data; boundary=x"} {
		h := sameOrigin()
		h.Set("Content-Type", kind)
		h.Set(session.Header, meta(t, page, "tool-session"))
		t.Log(name)
		maya.send(http.MethodPost, "/requests", url.Values{"do": {"submit"}}, h).want(http.StatusBadRequest, noForm).says(nothingNew)
	}
	maya.body = page
	maya.post("/requests", url.Values{"do": {"draft", "submit"}}).want(http.StatusBadRequest, noForm).says(nothingNew)
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
	if !regexp.MustCompile(`"msg":"request","method":"GET","route":"/queue","status":403,[^\n]*"client":"127.0.0.1","reference":"[0-9A-Z-]{9}","actor":"per_`).MatchString(r.logs.String()) {
		t.Error("the log does not tell who came")
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

// rows is what the database has of requests and tokens, and of what was written
// about them.
func (r *rig) rows() []string {
	r.t.Helper()
	var out []string
	storetest.DumpURL(r.t, r.db, func(table, column, cell string) {
		if slices.Contains([]string{"requests", "grants", "found_tokens", "campaigns", "incidents", "mass_revocations", "mass_items", "kept"}, table) {
			out = append(out, table+"."+column+" "+cell)
		}
	})
	return out
}

// unchanged fails unless the rows are what they were.
func (r *rig) unchanged(before []string) {
	r.t.Helper()
	for i, now := range r.rows() {
		if i >= len(before) || now != before[i] {
			r.t.Fatalf("something was written: %s", now)
		}
	}
}

// Every verb of the pages, by somebody who could use it: whoever acts for them
// is refused, by name, and writes nothing.
func TestWhoeverActsForSomebodyOnlyLooks(t *testing.T) {
	r := newRig(t)
	w := r.cv.World()
	lucas := r.tokens(2)
	maya, _ := r.collected()
	token := linkOn(t, maya.get("/").body, "/tokens/")
	maya.post("/requests", askedFor(r, "A second helper, which colours my calendar by course.")).want(http.StatusOK, "Request REQ-0002")
	r.launch("ana", r.course("bio201")).post("/requests/REQ-0002/endorse", nil).want(http.StatusOK, "Request REQ-0002")
	maya.post("/requests", askedFor(r, "A third helper, which counts the pages that I read.")).want(http.StatusOK, "Request REQ-0003")
	draft := askedFor(r, "A fourth one that is not thought through yet, only begun.")
	draft.Set("do", "draft")
	maya.post("/requests", draft).want(http.StatusOK, "Request an API token")
	_, sent := formOf(t, maya.body)
	w.SeedToken("maya", canvastest.TokenSpec{Purpose: "my own script", CreatedAt: r.clock.Now().AddDate(0, -1, 0), ExpiresAt: r.clock.Now().AddDate(0, 1, 0)})
	dana := r.launch("dana", r.account("root"))
	r.checked(dana)
	found := foundID.FindStringSubmatch(dana.says("my own script").body)[1]
	dana.open(r.account("root")).post("/tokens/"+lucas[1]+"/leak", nil).want(http.StatusOK, "Report a leak")
	leak := linkOn(t, dana.get("/leaks").want(http.StatusOK, "Leaks").body, "/leaks/")
	dana.post("/revocations", url.Values{"do": {"chosen"}, "grant": {lucas[0]}}).want(http.StatusOK, "Revoke 1 token?")
	mass := "/revocations/" + massAddress.FindStringSubmatch(dana.body)[1]
	before := r.rows()

	reason := url.Values{"reason": {"Because."}}
	verbs := []struct {
		who, path string
		fields    url.Values
	}{
		{"maya", "/requests", asked(r)}, {"maya", "/requests", draft},
		{"maya", "/requests/REQ-0003/withdraw", nil}, {"maya", "/requests/REQ-0003/sponsor", url.Values{"sponsor": {w.User("ana").ID.String()}}},
		{"maya", "/requests/" + sent.Get("draft") + "/discard", nil}, {"maya", "/requests/REQ-0001/collect", nil}, {"maya", "/requests/REQ-0001/collect/check", nil},
		{"maya", "/requests/REQ-0001/replace", nil}, {"maya", token + "/renew", nil}, {"maya", token + "/revoke", nil}, {"maya", token + "/leak", nil},
		{"maya", token + "/leak/seen", url.Values{"seen": {"In a chat."}}}, {"maya", token + "/sponsor", url.Values{"sponsor": {w.User("ana").ID.String()}}},
		{"maya", "/found/" + found + "/keep", nil}, {"maya", "/found/" + found + "/remove", nil},
		{"ana", "/requests/REQ-0003/endorse", nil}, {"ana", "/requests/REQ-0003/decline", reason}, {"ana", "/requests/REQ-0003/end-sponsorship", reason}, {"ana", token + "/end-sponsorship", nil}, {"ana", token + "/misuse", reason},
		{"ana", token + "/revoke", reason}, {"ana", token + "/leak", nil}, {"ana", token + "/take-over", nil}, {"ana", token + "/turn-down", nil},
		{"dana", "/requests/REQ-0002/claim", nil}, {"dana", "/requests/REQ-0002/approve", nil}, {"dana", "/requests/REQ-0002/release", nil},
		{"dana", "/requests/REQ-0002/deny", url.Values{"reason": {"No."}, "alternative": {"export"}}}, {"dana", token + "/revoke", reason}, {"dana", token + "/freeze", reason},
		{"dana", token + "/thaw", nil}, {"dana", token + "/leak", nil}, {"dana", "/leaks/check", url.Values{"suspect": {strings.Repeat("Zy9xW8vU", 8)}}}, {"dana", leak + "/clear", reason},
		{"dana", "/revocations", url.Values{"do": {"matching"}}}, {"dana", "/revocations", url.Values{"do": {"chosen"}, "grant": {lucas[0]}}},
		{"dana", mass, url.Values{"count": {"1"}, "reason": {"A breach."}}},
		{"dana", "/unmanaged/check", nil}, {"dana", "/unmanaged/pick", url.Values{"do": {"remove"}, "pick": {found}}},
		{"dana", "/unmanaged/tell", url.Values{"pick": {found}, "due_at": {"2026-12-24"}}}, {"dana", "/unmanaged/adopt", url.Values{"pick": {found}, "end": {"2026-12-12"}}},
		{"dana", "/unmanaged/allow", url.Values{"pick": {found}, "reason": {"x"}, "review_at": {"2026-12-24"}}},
		{"dana", "/unmanaged/remove", url.Values{"pick": {found}, "reason": {"x"}, "number": {"1"}}}, {"dana", "/found/" + found + "/remove", reason},
		{"dana", "/found/" + found + "/disallow", nil},
	}
	place := map[string]string{"maya": r.course("bio201"), "ana": r.course("bio201"), "dana": r.account("root")}
	for name, tc := range map[string]struct {
		value any
		says  string
	}{
		"acting": {"4711", actingAs}, "nobody knows": {nil, "Canvas does not tell whether somebody acts for you."}, "something else": {"x", "Canvas does not tell whether somebody acts for you."},
	} {
		own := r.launch("maya", r.course("bio201"))
		undo := acting(r, tc.value)
		ghosts, pages := map[string]*browser{}, map[string]string{}
		for who, at := range place {
			ghosts[who] = r.launch(who, at)
			pages[who] = ghosts[who].body
		}
		undo()
		for _, v := range verbs {
			ghost := ghosts[v.who]
			ghost.body = pages[v.who]
			if ghost.post(v.path, v.fields); ghost.status != http.StatusForbidden || !strings.Contains(text(ghost.body), tc.says) || valueShown(t, ghost.body) {
				t.Errorf("%s: %s's POST %s answers %d\n%s", name, v.who, v.path, ghost.status, text(ghost.body))
			}
		}
		// Whoever acts has a session beside the person's own, and so has a launch of
		// which nobody knows whether it acts: neither shows that a right was lost.
		own.get("/").want(http.StatusOK, "My API tokens").says("REQ-0003")
		maya := ghosts["maya"]
		maya.body = pages["maya"]
		maya.post("/requests/keep", asked(r)).want(http.StatusOK, "").says("could not be saved")
		maya.body = pages["maya"]
		maya.get("/requests/REQ-0003").want(http.StatusOK, "Request REQ-0003")
	}
	r.unchanged(before)
	maya.open(r.course("bio201"))
	maya.post("/requests/REQ-0003/withdraw", nil).want(http.StatusOK, "Request REQ-0003").says("Withdrawn")
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
	// Where its link leads, it leads home as well.
	r.launch("maya", r.course("bio201")+"?launch_url="+url.QueryEscape(r.url+"/go/REQ-0001")).want(http.StatusOK, "My API tokens").says(fromLink)
	// What she has is there to read, and nothing leads on to what would be refused.
	for _, bad := range []string{`href="/requests`, `action="/`, "Request a token", "Withdraw"} {
		if strings.Contains(page, bad) {
			t.Errorf("the home of a resource link has %q", bad)
		}
	}
	if ana := r.launch("ana", r.course("bio201")).want(http.StatusOK, "My API tokens").says(fromLink); strings.Contains(ana.body, `href="/sponsorships"`) {
		t.Error("a sponsor is led on from the home of a resource link")
	}
	before := r.rows()
	gets, posts := routes(r)
	for _, path := range gets {
		if strings.HasPrefix(path, "/lti/") || strings.HasPrefix(path, "/static/") || strings.HasSuffix(path, "z") || path == "/" {
			continue
		}
		maya.body = page
		maya.get(path)
		if strings.HasSuffix(path, "/status") {
			maya.stopsAsking()
			continue
		}
		maya.want(http.StatusForbidden, notAllowed).says(wrongDoor)
	}
	for _, path := range posts {
		if strings.HasPrefix(path, "/lti/") {
			continue
		}
		maya.body = page
		maya.post(path, asked(r))
		if path == "/requests/keep" {
			maya.want(http.StatusOK, "").says("could not be saved")
			continue
		}
		maya.want(http.StatusForbidden, notAllowed).says(wrongDoor)
	}
	r.unchanged(before)
	// Its home loads again, also by the address that the launch was posted to.
	for _, path := range []string{"/", "/lti/launch", "/lti/proof"} {
		maya.body = page
		maya.get(path).want(http.StatusOK, "My API tokens").says(fromLink)
	}
}

func TestTestStudent(t *testing.T) {
	r := newRig(t)
	defer r.cv.OnLaunch(func(l *canvastest.SignedLaunch) {
		custom := l.Claims["https://purl.imsglobal.org/spec/lti/claim/custom"].(map[string]any)
		custom["student_view"] = "true"
	})()
	b := r.launch("maya", r.course("bio201")).want(http.StatusOK, "My API tokens").says("test student")
	b.post("/requests", asked(r)).want(http.StatusForbidden, "Request an API token").says("The test student cannot have tokens.")
	if len(r.requests()) != 0 {
		t.Errorf("something was made: %v", r.requests())
	}
}

// A page that htmx swaps in has no style of its own; the first one has the
// school's colours.
func TestTheSchoolsColoursComeOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.cv.SetBrand(map[string]string{"ic-brand-primary": "#8C1D40"})
	maya := r.launch("maya", r.course("bio201")).want(http.StatusOK, "My API tokens")
	if !strings.Contains(maya.body, "<style nonce=") || !strings.Contains(maya.body, "#8C1D40") {
		t.Error("the first page has not the school's colours")
	}
	if maya.get("/requests/new").want(http.StatusOK, "Request an API token"); strings.Contains(maya.body, "<style") {
		t.Error("a page that is swapped in has a style")
	}
}

func TestASessionLivesWhileItIsUsed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	maya := r.launch("maya", r.course("bio201"))
	for range 4 {
		r.clock.Advance(session.Idle * 2 / 3)
		maya.get("/").want(http.StatusOK, "My API tokens")
	}
	r.clock.Advance(session.Idle)
	maya.get("/").want(http.StatusUnauthorized, over)
}

// Behind a proxy that changes Host, and at addresses that are nearly ours.
func TestAddressesAndOrigins(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	maya := r.launch("maya", r.course("bio201"))
	page := maya.body
	send := func(host, origin string) *browser {
		maya.body = page
		return maya.send(http.MethodPost, "/requests", url.Values{session.Field: {maya.handle()}, "do": {"draft"}}, http.Header{"Host": {host}, "Origin": {origin}})
	}
	send("inside.example:8080", r.url).want(http.StatusOK, "Request an API token")
	send("inside.example:8080", "https://evil.example").want(http.StatusForbidden, notAllowed).says(anySite)
	for _, path := range []string{"/queue/", "/QUEUE", "//queue", "/tokens/export/"} {
		maya.body = page
		if maya.get(path).want(http.StatusNotFound, notThere).says(notWhere); maya.header.Get("Location") != "" {
			t.Errorf("%s leads to %s", path, maya.header.Get("Location"))
		}
	}
}

// What goes wrong on a post leaves what was typed on the page, whatever it was.
func TestWhatWasTypedStandsOnThePageOfAnError(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	server, ok := r.app.Handler().(*web.Server)
	if !ok {
		t.Fatalf("the handler is a %T", r.app.Handler())
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
		"no form":        {t.Context(), access.ErrInvalid, http.StatusBadRequest, noForm, true},
		"refused":        {t.Context(), access.Refuse(access.WhyRole), http.StatusForbidden, notAllowed, true},
		"Canvas":         {t.Context(), access.Refuse(access.WhyCanvas), http.StatusServiceUnavailable, "Canvas is not answering", true},
		"lost":           {t.Context(), access.ErrConflict, http.StatusConflict, "This changed in the meantime", true},
		"not there":      {t.Context(), access.ErrNotFound, http.StatusNotFound, notThere, false},
		"nobody waits":   {ended, context.Canceled, 499, "Something went wrong on our side", false},
		"ours, given up": {t.Context(), context.Canceled, http.StatusInternalServerError, "Something went wrong on our side", false},
	} {
		logged := len(r.logs.String())
		q := httptest.NewRequestWithContext(tc.ctx, http.MethodPost, "/requests", strings.NewReader("build=What+I+typed.&suspect=Never+this."))
		q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if err := q.ParseForm(); err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		server.Fail(w, q, tc.err)
		page := w.Body.String()
		if w.Code != tc.status || heading(t, page) != tc.h1 {
			t.Errorf("%s: %d, %q", name, w.Code, heading(t, page))
		}
		if got := strings.Contains(text(page), "What I typed."); got != tc.echo || strings.Contains(page, "Never this.") {
			t.Errorf("%s: what was typed is there: %v\n%s", name, got, text(page))
		}
		// Nobody without a session is offered to send it again.
		if strings.Contains(text(page), "Try again") && strings.Contains(page, "<form") {
			t.Errorf("%s: the page offers to post again", name)
		}
		if said := strings.Contains(r.logs.String()[logged:], "could not answer"); said != (tc.status == http.StatusInternalServerError) {
			t.Errorf("%s: the log tells of a fault: %v", name, said)
		}
	}
}

// The address of who came is what a trusted proxy tells, and nobody else; and
// questions about health do not fill the log.
func TestTheLogTellsWhoCame(t *testing.T) {
	t.Parallel()
	logs := &logs{}
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
