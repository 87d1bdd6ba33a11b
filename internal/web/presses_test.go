package web_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/internal/access"
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
	own              bool // whoever sends it does it with what is their own
	ended            bool // what it ends has ended: whoever sees it is told so
	again            bool // sent twice, it is noted twice; nobody is told twice, and no right stands on that
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
	lucas := r.MakeTokens(4)
	maya, value := r.Collected()
	token := webtest.LinkOn(t, maya.Get("/").Body, "/tokens/")
	w.Enroll("helen", "bio201", canvastest.TeacherEnrollment)
	w.Enroll("kofi", "bio201", canvastest.StudentEnrollment)
	// Each request stands where a press finds it.
	ana, admin := r.Launch("ana", r.Course("bio201")), r.Launch("dana", r.Account("root"))
	for i, state := range []access.RequestState{access.InReview, access.AwaitingSponsor, access.AwaitingSponsor, access.InReview, access.Approved, access.Approved} {
		code, asks := fmt.Sprintf("REQ-%04d", i+2), maya
		if i >= 3 {
			asks = r.Launch("kofi", r.Course("bio201"))
		}
		asks.Post("/requests", webtest.AnswersFor(r, "Another helper, which counts in its way the pages that I read: "+code)).Want(http.StatusOK, "Request "+code)
		if state != access.AwaitingSponsor {
			ana.Post("/requests/"+code+"/endorse", nil).Want(http.StatusOK, "Request "+code)
		}
		if state == access.Approved {
			admin.Post("/requests/"+code+"/approve", nil).Want(http.StatusOK, "Request "+code)
		}
	}
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

	s := &scene{rig: r, value: value, places: map[string]string{"maya": r.Course("bio201"), "ana": r.Course("bio201"), "helen": r.Course("bio201"), "kofi": r.Course("bio201"), "dana": r.Account("root")},
		ids: map[string]string{"request": "REQ-0001", "token": strings.TrimPrefix(token, "/tokens/"), "found": found,
			"leak": strings.TrimPrefix(leak, "/leaks/"), "mass": strings.TrimPrefix(mass, "/revocations/"), "draft": sent.Get("draft")}}
	reason := url.Values{"reason": {"Because."}}
	names := func(who string) url.Values { return url.Values{"sponsor": {w.User(who).ID.String()}} }
	request, tok, fnd := "/requests/:id", "/tokens/:id", "/found/:id"
	s.presses = []press{
		{who: "maya", route: request + "/discard", path: "/requests/" + sent.Get("draft") + "/discard"},
		{who: "maya", route: request + "/sponsor", path: "/requests/REQ-0003/sponsor", fields: names("helen")},
		{who: "helen", route: request + "/endorse", path: "/requests/REQ-0003/endorse", fresh: true},
		{who: "helen", route: request + "/end-sponsorship", path: "/requests/REQ-0003/end-sponsorship", fields: reason},
		{who: "maya", route: request + "/withdraw", path: "/requests/REQ-0003/withdraw"},
		{who: "ana", route: request + "/decline", path: "/requests/REQ-0004/decline", fields: reason},
		{who: "maya", route: request + "/refile", path: "/requests/REQ-0004/refile"},
		{who: "maya", route: "/requests", path: "/requests", fields: webtest.AnswersFor(r, "One helper more, that prints my calendar by course."), own: true},
		{who: "maya", route: "/requests", path: "/requests", fields: draft, own: true, again: true},
		{who: "maya", route: "/requests/keep", path: "/requests/keep", fields: webtest.Answers(r), silent: true, own: true},
		{who: "dana", route: request + "/claim", path: "/requests/REQ-0002/claim", again: true},
		{who: "dana", route: request + "/release", path: "/requests/REQ-0002/release"},
		{who: "dana", route: request + "/approve", path: "/requests/REQ-0002/approve", fresh: true},
		{who: "dana", route: request + "/deny", path: "/requests/REQ-0005/deny", fields: url.Values{"reason": {"No."}, "alternative": {"export"}}, fresh: true},
		{who: "dana", route: request + "/rescind", path: "/requests/REQ-0006/rescind", fields: reason},
		{who: "kofi", route: request + "/collect", path: "/requests/REQ-0007/collect", fresh: true},
		{who: "kofi", route: request + "/collect/check", path: "/requests/REQ-0007/collect/check"},
		{who: "kofi", route: request + "/replace", path: "/requests/REQ-0007/replace", fresh: true},
		{who: "maya", route: tok + "/renew", path: token + "/renew"},
		{who: "ana", route: tok + "/end-sponsorship", path: token + "/end-sponsorship"},
		{who: "maya", route: tok + "/sponsor", path: token + "/sponsor", fields: names("helen")},
		{who: "helen", route: tok + "/turn-down", path: token + "/turn-down"},
		{who: "maya", route: tok + "/sponsor", path: token + "/sponsor", fields: names("helen")},
		{who: "helen", route: tok + "/take-over", path: token + "/take-over", fresh: true},
		{who: "dana", route: tok + "/freeze", path: token + "/freeze", fields: reason},
		{who: "dana", route: tok + "/thaw", path: token + "/thaw", fresh: true},
		{who: "helen", route: tok + "/misuse", path: token + "/misuse", fields: reason},
		{who: "dana", route: tok + "/revoke", path: "/tokens/" + lucas[2] + "/revoke", fields: reason},
		{who: "dana", route: tok + "/leak", path: "/tokens/" + lucas[3] + "/leak"},
		{who: "dana", route: tok + "/leak/seen", path: "/tokens/" + lucas[3] + "/leak/seen", fields: url.Values{"seen": {"In a chat."}}, again: true},
		// The token has ended: whoever sees it is told so.
		{who: "maya", route: tok + "/leak", path: token + "/leak"},
		{who: "helen", route: tok + "/leak", path: token + "/leak", ended: true},
		{who: "dana", route: tok + "/leak", path: token + "/leak", ended: true},
		{who: "maya", route: tok + "/leak/seen", path: token + "/leak/seen", fields: url.Values{"seen": {"In a chat."}}, again: true},
		{who: "helen", route: tok + "/leak/seen", path: token + "/leak/seen", fields: url.Values{"seen": {"In a chat."}}, again: true},
		{who: "dana", route: tok + "/leak/seen", path: token + "/leak/seen", fields: url.Values{"seen": {"In a chat."}}, again: true},
		{who: "maya", route: tok + "/revoke", path: token + "/revoke", ended: true},
		{who: "helen", route: tok + "/revoke", path: token + "/revoke", fields: reason, ended: true},
		{who: "dana", route: "/tokens/export", path: "/tokens/export", reads: true},
		{who: "dana", route: "/leaks/check", path: "/leaks/check", fields: url.Values{"suspect": {strings.Repeat("Zy9xW8vU", 8)}}, again: true},
		{who: "dana", route: "/leaks/:id/clear", path: leak + "/clear", fields: reason, fresh: true},
		{who: "dana", route: "/unmanaged/check", path: "/unmanaged/check"},
		{who: "dana", route: "/unmanaged/pick", path: "/unmanaged/pick", fields: url.Values{"do": {"remove"}, "pick": {found}}},
		{who: "dana", route: "/unmanaged/tell", path: "/unmanaged/tell", fields: url.Values{"pick": {found}, "due_at": {"2026-12-24"}}, fresh: true, again: true},
		{who: "dana", route: "/unmanaged/adopt", path: "/unmanaged/adopt", fields: url.Values{"pick": {found}, "end": {"2026-12-12"}}, fresh: true},
		{who: "dana", route: "/unmanaged/allow", path: "/unmanaged/allow", fields: url.Values{"pick": {found}, "reason": {"x"}, "review_at": {"2026-12-24"}}, fresh: true},
		{who: "dana", route: fnd + "/disallow", path: "/found/" + found + "/disallow"},
		{who: "maya", route: fnd + "/keep", path: "/found/" + found + "/keep"},
		{who: "dana", route: "/unmanaged/remove", path: "/unmanaged/remove", fields: url.Values{"pick": {found}, "reason": {"x"}, "number": {"1"}}, fresh: true},
		{who: "maya", route: fnd + "/remove", path: "/found/" + found + "/remove"},
		{who: "dana", route: fnd + "/remove", path: "/found/" + found + "/remove", fields: reason},
		{who: "dana", route: "/revocations", path: "/revocations", fields: url.Values{"do": {"matching"}}, again: true},
		{who: "dana", route: "/revocations", path: "/revocations", fields: url.Values{"do": {"chosen"}, "grant": {lucas[0]}}, again: true},
		{who: "dana", route: "/revocations/:id", path: mass, fields: url.Values{"count": {"1"}, "reason": {"A breach."}}, fresh: true},
		{who: "dana", route: "/revocations/:id/export", path: mass + "/export", reads: true},
	}
	for _, line := range s.routes() {
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

// routes are all addresses, as "METHOD /path/:id".
func (s *scene) routes() []string {
	s.rig.T.Helper()
	server, ok := s.rig.App.Handler().(*web.Server)
	if !ok {
		s.rig.T.Fatal("the handler is no web.Server")
	}
	return server.Routes()
}

// path is an address with the id of what the school has there.
func (s *scene) path(route string) string {
	s.rig.T.Helper()
	path := strings.NewReplacer("/requests/:id", "/requests/"+s.ids["request"], "/go/:id", "/go/"+s.ids["request"], "/tokens/:id", "/tokens/"+s.ids["token"],
		"/revocations/:id", "/revocations/"+s.ids["mass"], "/leaks/:id", "/leaks/"+s.ids["leak"], "/found/:id", "/found/"+s.ids["found"], "*file", "x.css").Replace(route)
	if strings.Contains(path, ":") {
		s.rig.T.Fatalf("a parameter that the scene does not know: %s", route)
	}
	return path
}

// launch opens the tool for all people of the scene.
func (s *scene) launch() map[string]*opened {
	all := map[string]*opened{}
	for who, at := range s.places {
		all[who] = s.open(who, at)
	}
	return all
}

// open opens the tool for somebody who may come in.
func (s *scene) open(who, at string) *opened {
	s.rig.T.Helper()
	b := s.rig.Launch(who, at)
	if b.Status != http.StatusOK || b.Handle() == "" {
		s.rig.T.Fatalf("%s at %s is answered %d: %s", who, at, b.Status, webtest.Text(b.Body))
	}
	return &opened{Browser: b, page: b.Body, handle: b.Handle()}
}

// rows are those of AllRows, but for what somebody typed and has not sent.
func (s *scene) rows() []string {
	return slices.DeleteFunc(s.rig.AllRows(), func(row string) bool { return strings.HasPrefix(row, "kept.") })
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

// formOf is what press sends.
func (o *opened) formOf(p press) url.Values { return o.Rig.Filled(p.path, p.fields) }

// mayPress reports whether somebody is named as who may send a press's form.
func (s *scene) mayPress(who string, p press) bool {
	return p.own || slices.ContainsFunc(s.presses, func(q press) bool { return q.who == who && q.path == p.path })
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
		req.AddCookie(&http.Cookie{Name: name, Value: value})
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
