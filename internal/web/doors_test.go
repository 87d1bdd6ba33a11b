package web_test

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/session"
	"github.com/tokendesk/tokendesk/internal/web/webtest"
)

// refused fails unless a press was refused with the status, and nothing but its
// refusal can be read from the answer.
func refused(t *testing.T, who string, p press, b *webtest.Browser, statuses ...int) {
	t.Helper()
	if p.silent {
		if b.Status != http.StatusOK || !strings.Contains(b.Body, "could not be saved") {
			t.Errorf("%s: POST %s answers %d: %s", who, p.path, b.Status, webtest.Text(b.Body))
		}
		return
	}
	if !slices.Contains(statuses, b.Status) || webtest.ValueShown(t, b.Body) {
		t.Errorf("%s: POST %s answers %d, %q: %.300s", who, p.path, b.Status, webtest.Heading(t, b.Body), webtest.Text(b.Body))
	}
}

// Every form of the pages, as it would do what it is for, without a session, with
// the cookie alone, with the handle alone once the browser has shown its cookie, and
// after the session has ended.
func TestNoFormWithoutALiveSession(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	r := s.rig
	people := s.launch()
	before := r.AllRows()
	send := func(how string, b *webtest.Browser, p press, handle string) {
		t.Helper()
		all := url.Values{}
		for name, values := range p.fields {
			all[name] = values
		}
		if handle != "" {
			all.Set(session.Field, handle)
		}
		refused(t, how, p, b.Send(http.MethodPost, p.path, all, webtest.SameOrigin()), http.StatusUnauthorized)
	}
	for _, p := range s.presses {
		o := people[p.who]
		visitor := &webtest.Browser{Rig: r, Cookies: map[string]string{}}
		send("nobody", visitor, p, "")
		send("a handle that nobody has", visitor, p, strings.Repeat("A", len(o.handle)))
		send("the cookie alone", o.Browser, p, "")
		o.Body = o.page
		o.Get("/").Want(http.StatusOK, "My API tokens") // and the cookie has come back
		send("the handle without its cookie", visitor, p, o.handle)
	}
	r.Clock.Advance(session.Idle + time.Second)
	for _, p := range s.presses {
		send("the session ended", people[p.who].Browser, p, people[p.who].handle)
	}
	r.Unchanged(before)
}

// Every form in its turn, where it would do what it is for: whoever has no part in it
// is refused and writes nothing, whoever has one is let in. So nothing is refused only
// because it came too early or too late.
func TestEveryFormIsOfWhoeverMaySendIt(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	r := s.rig
	people := s.launch()
	others := map[string]*opened{"another student": s.open("noor", r.Course("bio201")), "an assistant": s.open("tom", r.Course("bio201")),
		"a reviewer by a course's door": s.open("dana", r.Course("bio201")), "a reviewer by their own door": s.open("dana", "/users/"+r.Canvas.World().User("dana").ID.String()+"/external_tools/"+r.Tool.ToolID.String())}
	for who, o := range people {
		others[who] = o
	}
	for _, p := range s.presses {
		before := s.rows()
		for who, o := range others {
			if s.mayPress(who, p) {
				continue
			}
			o.press(p)
			if !p.ended || o.Status != http.StatusOK {
				refused(t, who, p, o.Browser, http.StatusForbidden, http.StatusNotFound)
			}
		}
		if !slices.Equal(before, s.rows()) {
			t.Errorf("POST %s wrote, by somebody who has no part in it", p.path)
		}
		if b := people[p.who].press(p); b.Status != http.StatusOK {
			t.Errorf("%s: POST %s answers %d, %q: %s", p.who, p.path, b.Status, webtest.Heading(t, b.Body), webtest.Text(b.Body))
		}
	}
}

// Every form in a launch that is too old to decide: what decides or makes a token is
// refused by that name and writes nothing; what removes access is not.
func TestOldLaunchesDecideNothing(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	people := s.launch()
	s.rig.Clock.Advance(access.Freshness + time.Second)
	for _, p := range s.presses {
		if p.route == "/requests/:id/replace" {
			p.who, p.path = "maya", "/requests/REQ-0001/replace" // no other token was made
		}
		before := s.rows()
		b := people[p.who].press(p)
		stale := b.Status == http.StatusForbidden && strings.Contains(webtest.Text(b.Body), "It takes a second and keeps your text.")
		if stale != p.fresh {
			t.Errorf("%s: POST %s answers %d, %q: %s", p.who, p.path, b.Status, webtest.Heading(t, b.Body), webtest.Text(b.Body))
		}
		if p.fresh && (!slices.Equal(before, s.rows()) || webtest.ValueShown(t, b.Body)) {
			t.Errorf("%s: POST %s wrote", p.who, p.path)
		}
	}
}

// Every address with the ids of one school, by everybody of another, whose Canvas has
// the same people under the same ids, and by another student of the first: nothing of
// it is there for them.
func TestNothingOfOthers(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	r := s.rig
	other := r.Beside()
	other.Canvas.World().Enroll("helen", "bio201", canvastest.TeacherEnrollment)
	other.Canvas.World().Enroll("kofi", "bio201", canvastest.StudentEnrollment)
	words := regexp.MustCompile(`(?i)another helper|small helper|fourth one|my own script|HYPERLINK\(`)
	there := map[string]*opened{}
	for who, at := range s.places {
		b := other.Launch(who, strings.ReplaceAll(at, "/external_tools/"+r.Tool.ToolID.String(), "/external_tools/"+other.Tool.ToolID.String()))
		there[who] = &opened{Browser: b, page: b.Body, handle: b.Handle()}
	}
	there["another student"] = s.open("noor", r.Course("bio201"))
	there["maya"].Says("You have no API tokens.")
	if !words.MatchString(webtest.Text(r.Launch("maya", s.places["maya"]).Body)) {
		t.Fatal("the words are not those of the school: the check sees nothing")
	}
	const ownList = "/tokens/:id/turn-down" // reloads the list of whoever asks
	before := s.rows()
	look := func(who, what string, b *webtest.Browser, about bool) {
		t.Helper()
		if words.MatchString(b.Body) || webtest.ValueShown(t, b.Body) {
			t.Errorf("%s: %s tells of what is not theirs: %s", who, what, webtest.Text(b.Body))
		}
		if about && !slices.Contains([]int{http.StatusForbidden, http.StatusNotFound, 286}, b.Status) { // 286 ends a poll
			t.Errorf("%s: %s answers %d, %q", who, what, b.Status, webtest.Heading(t, b.Body))
		}
	}
	for _, line := range s.routes() {
		method, route, _ := strings.Cut(line, " ")
		if method != http.MethodGet || strings.HasPrefix(route, "/lti/") || strings.HasPrefix(route, "/static/") {
			continue
		}
		for who, o := range there {
			o.Body = o.page
			look(who, line, o.Get(s.path(route)), strings.Contains(route, ":") && route != ownList)
		}
	}
	for _, p := range s.presses {
		for who, o := range there {
			if about := strings.Contains(p.route, ":"); about || p.fields.Has("pick") || p.fields.Has("grant") {
				look(who, "POST "+p.path, o.press(p), about)
			}
		}
	}
	dana := there["dana"]
	look("dana", "a pasted value", dana.press(press{path: "/leaks/check", fields: url.Values{"suspect": {s.value}}}).Says("This is not one of ours."), false)
	if !slices.Equal(before, s.rows()) {
		t.Error("somebody who has no part in it wrote")
	}
}

// The test student of a course looks, and writes nothing, by whatever form.
func TestTheTestStudentWritesNothing(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	undo := s.rig.Canvas.OnLaunch(func(l *canvastest.SignedLaunch) {
		if custom, ok := l.Claims["https://purl.imsglobal.org/spec/lti/claim/custom"].(map[string]any); ok {
			custom["student_view"] = "true"
		}
	})
	people := s.launch()
	undo()
	before := s.rows()
	for _, p := range s.presses {
		if p.reads {
			continue
		}
		if p.who == "helen" {
			p.who = "ana" // who stands for it until she does
		}
		refused(t, "the test student", p, people[p.who].press(p), http.StatusForbidden)
	}
	if !slices.Equal(before, s.rows()) {
		t.Error("the test student wrote")
	}
}
