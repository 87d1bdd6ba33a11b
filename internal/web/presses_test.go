package web_test

import (
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/web"
	"github.com/tokendesk/tokendesk/internal/web/webtest"
)

// press is one form of the pages, filled in so that it would do what it is for:
// who may send it, at which address.
type press struct {
	who, route, path string
	fields           url.Values
	fresh            bool // it needs a launch of the last minutes
	reads            bool // it writes nothing but that it was done
	silent           bool // sent by the page's script, which leaves the page as it is
}

// scene is a school in which every form of the pages has something to act on.
type scene struct {
	rig     *webtest.Rig
	places  map[string]string // where each of its people opens the tool
	presses []press
	value   string // of Maya's token
	ids     map[string]string
}

// protocol are the posts that no room registers and that need no session: those of
// a launch, which is proven by its signature.
var protocol = []string{"/lti/login", "/lti/launch", "/lti/proof"}

// newScene fails unless its presses name every address that takes a form.
func newScene(t *testing.T) *scene {
	t.Helper()
	r := webtest.New(t)
	w := r.Canvas.World()
	lucas := r.MakeTokens(2)
	maya, value := r.Collected()
	token := webtest.LinkOn(t, maya.Get("/").Body, "/tokens/")
	asks := func(code, build string) {
		t.Helper()
		maya.Post("/requests", webtest.AnswersFor(r, build)).Want(http.StatusOK, "Request "+code)
	}
	asks("REQ-0002", "A second helper, which colours my calendar by course.")
	ana := r.Launch("ana", r.Course("bio201"))
	ana.Post("/requests/REQ-0002/endorse", nil).Want(http.StatusOK, "Request REQ-0002")
	asks("REQ-0003", "A third helper, which counts the pages that I read.")
	draft := webtest.AnswersFor(r, "A fourth one that is not thought through yet, only begun.")
	draft.Set("do", "draft")
	maya.Post("/requests", draft).Want(http.StatusOK, "Request an API token")
	_, sent := webtest.FormOf(t, maya.Body)
	w.SeedToken("maya", canvastest.TokenSpec{Purpose: "my own script", CreatedAt: r.Clock.Now().AddDate(0, -1, 0), ExpiresAt: r.Clock.Now().AddDate(0, 1, 0)})
	dana := r.Launch("dana", r.Account("root"))
	r.CheckTokens(dana)
	found := webtest.FoundID.FindStringSubmatch(dana.Says("my own script").Body)[1]
	dana.Open(r.Account("root")).Post("/tokens/"+lucas[1]+"/leak", nil).Want(http.StatusOK, "Report a leak")
	leak := webtest.LinkOn(t, dana.Get("/leaks").Want(http.StatusOK, "Leaks").Body, "/leaks/")
	dana.Post("/revocations", url.Values{"do": {"chosen"}, "grant": {lucas[0]}}).Want(http.StatusOK, "Revoke 1 token?")
	mass := "/revocations/" + webtest.MassAddress.FindStringSubmatch(dana.Body)[1]

	s := &scene{rig: r, value: value, places: map[string]string{"maya": r.Course("bio201"), "ana": r.Course("bio201"), "dana": r.Account("root")},
		ids: map[string]string{"request": "REQ-0001", "token": strings.TrimPrefix(token, "/tokens/"), "found": found,
			"leak": strings.TrimPrefix(leak, "/leaks/"), "mass": strings.TrimPrefix(mass, "/revocations/"), "draft": sent.Get("draft")}}
	reason := url.Values{"reason": {"Because."}}
	sponsor := url.Values{"sponsor": {w.User("ana").ID.String()}}
	request, tok, fnd := "/requests/:id", "/tokens/:id", "/found/:id"
	s.presses = []press{
		{who: "maya", route: "/requests", path: "/requests", fields: webtest.Answers(r)},
		{who: "maya", route: "/requests", path: "/requests", fields: draft},
		{who: "maya", route: "/requests/keep", path: "/requests/keep", fields: webtest.Answers(r), silent: true},
		{who: "maya", route: request + "/sponsor", path: "/requests/REQ-0003/sponsor", fields: sponsor},
		{who: "ana", route: request + "/endorse", path: "/requests/REQ-0003/endorse", fresh: true},
		{who: "ana", route: request + "/decline", path: "/requests/REQ-0003/decline", fields: reason},
		{who: "ana", route: request + "/end-sponsorship", path: "/requests/REQ-0003/end-sponsorship", fields: reason},
		{who: "maya", route: request + "/withdraw", path: "/requests/REQ-0003/withdraw"},
		{who: "maya", route: request + "/refile", path: "/requests/REQ-0003/refile"},
		{who: "maya", route: request + "/discard", path: "/requests/" + sent.Get("draft") + "/discard"},
		{who: "dana", route: request + "/claim", path: "/requests/REQ-0002/claim"},
		{who: "dana", route: request + "/release", path: "/requests/REQ-0002/release"},
		{who: "dana", route: request + "/deny", path: "/requests/REQ-0002/deny", fields: url.Values{"reason": {"No."}, "alternative": {"export"}}, fresh: true},
		{who: "dana", route: request + "/approve", path: "/requests/REQ-0002/approve", fresh: true},
		{who: "dana", route: request + "/rescind", path: "/requests/REQ-0002/rescind", fields: reason},
		{who: "maya", route: request + "/collect", path: "/requests/REQ-0001/collect", fresh: true},
		{who: "maya", route: request + "/collect/check", path: "/requests/REQ-0001/collect/check"},
		{who: "maya", route: request + "/replace", path: "/requests/REQ-0001/replace", fresh: true},
		{who: "maya", route: tok + "/renew", path: token + "/renew"},
		{who: "maya", route: tok + "/sponsor", path: token + "/sponsor", fields: sponsor},
		{who: "ana", route: tok + "/take-over", path: token + "/take-over", fresh: true},
		{who: "ana", route: tok + "/turn-down", path: token + "/turn-down"},
		{who: "ana", route: tok + "/end-sponsorship", path: token + "/end-sponsorship"},
		{who: "dana", route: tok + "/freeze", path: token + "/freeze", fields: reason},
		{who: "dana", route: tok + "/thaw", path: token + "/thaw", fresh: true},
		{who: "ana", route: tok + "/misuse", path: token + "/misuse", fields: reason},
		{who: "maya", route: tok + "/leak/seen", path: token + "/leak/seen", fields: url.Values{"seen": {"In a chat."}}},
		{who: "maya", route: tok + "/leak", path: token + "/leak"},
		{who: "ana", route: tok + "/leak", path: token + "/leak"},
		{who: "dana", route: tok + "/leak", path: token + "/leak"},
		{who: "maya", route: tok + "/revoke", path: token + "/revoke"},
		{who: "ana", route: tok + "/revoke", path: token + "/revoke", fields: reason},
		{who: "dana", route: tok + "/revoke", path: token + "/revoke", fields: reason},
		{who: "dana", route: "/tokens/export", path: "/tokens/export", reads: true},
		{who: "dana", route: "/leaks/check", path: "/leaks/check", fields: url.Values{"suspect": {strings.Repeat("Zy9xW8vU", 8)}}},
		{who: "dana", route: "/leaks/:id/clear", path: leak + "/clear", fields: reason, fresh: true},
		{who: "dana", route: "/unmanaged/check", path: "/unmanaged/check"},
		{who: "dana", route: "/unmanaged/pick", path: "/unmanaged/pick", fields: url.Values{"do": {"remove"}, "pick": {found}}},
		{who: "dana", route: "/unmanaged/tell", path: "/unmanaged/tell", fields: url.Values{"pick": {found}, "due_at": {"2026-12-24"}}},
		{who: "dana", route: "/unmanaged/adopt", path: "/unmanaged/adopt", fields: url.Values{"pick": {found}, "end": {"2026-12-12"}}, fresh: true},
		{who: "dana", route: "/unmanaged/allow", path: "/unmanaged/allow", fields: url.Values{"pick": {found}, "reason": {"x"}, "review_at": {"2026-12-24"}}, fresh: true},
		{who: "dana", route: fnd + "/disallow", path: "/found/" + found + "/disallow"},
		{who: "maya", route: fnd + "/keep", path: "/found/" + found + "/keep"},
		{who: "dana", route: "/unmanaged/remove", path: "/unmanaged/remove", fields: url.Values{"pick": {found}, "reason": {"x"}, "number": {"1"}}},
		{who: "maya", route: fnd + "/remove", path: "/found/" + found + "/remove"},
		{who: "dana", route: fnd + "/remove", path: "/found/" + found + "/remove", fields: reason},
		{who: "dana", route: "/revocations", path: "/revocations", fields: url.Values{"do": {"matching"}}, fresh: true},
		{who: "dana", route: "/revocations", path: "/revocations", fields: url.Values{"do": {"chosen"}, "grant": {lucas[0]}}, fresh: true},
		{who: "dana", route: "/revocations/:id", path: mass, fields: url.Values{"count": {"1"}, "reason": {"A breach."}}, fresh: true},
		{who: "dana", route: "/revocations/:id/export", path: mass + "/export", reads: true},
	}
	server, ok := r.App.Handler().(*web.Server)
	if !ok {
		t.Fatal("the handler is no web.Server")
	}
	for _, line := range server.Routes() {
		method, route, _ := strings.Cut(line, " ")
		if method == http.MethodGet || method == http.MethodHead || method == http.MethodPost && slices.Contains(protocol, route) {
			continue
		}
		if method != http.MethodPost || !slices.ContainsFunc(s.presses, func(p press) bool { return p.route == route }) {
			t.Errorf("no press of %s: nothing tells who may not send it", line)
		}
	}
	if len(s.presses) < 45 {
		t.Errorf("%d presses: the table has lost some", len(s.presses))
	}
	return s
}

// launch opens the tool for all people of the scene.
func (s *scene) launch() map[string]*opened {
	all := map[string]*opened{}
	for who, at := range s.places {
		b := s.rig.Launch(who, at)
		all[who] = &opened{Browser: b, page: b.Body, handle: b.Handle()}
	}
	return all
}

// opened is somebody's browser and the page that it opened first, whose forms it sends.
type opened struct {
	*webtest.Browser
	page, handle string
}

// press sends a form of the first page.
func (o *opened) press(p press) *webtest.Browser {
	o.Body = o.page
	return o.Post(p.path, p.fields)
}

// TestPressesAreThePeoplesOwn is what the table of presses is worth: whoever it
// names is let in to what they send.
func TestPressesAreThePeoplesOwn(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	people := s.launch()
	for _, p := range s.presses {
		b := people[p.who].press(p)
		t.Logf("%s %s: %d %s", p.who, p.path, b.Status, webtest.Heading(t, b.Body))
	}
}

// sendBody posts a body as it stands.
func sendBody(b *webtest.Browser, path, body string, header http.Header) *webtest.Browser {
	b.Rig.T.Helper()
	req, err := http.NewRequestWithContext(b.Rig.T.Context(), http.MethodPost, b.Rig.URL+path, strings.NewReader(body))
	if err != nil {
		b.Rig.T.Fatal(err)
	}
	req.Header = header
	for name, value := range b.Cookies {
		req.AddCookie(&http.Cookie{Name: name, Value: value}) //nolint:gosec // what a browser sends has no attributes
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		b.Rig.T.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	all, err := io.ReadAll(res.Body)
	if err != nil {
		b.Rig.T.Fatal(err)
	}
	b.Path, b.Status, b.Header, b.Body = path, res.StatusCode, res.Header, string(all)
	return b
}
