package launchtest

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
)

// Sentences by which the tool refuses.
const (
	otherDoor   = "This page opens from another place in Canvas."
	notReviewer = "This page is for Canvas admins of Northfield."
	notFound    = "It may have ended, or it is not yours."
	fromLink    = "You opened Tokendesk from a link in a course."
	noRole      = "Your role cannot have tokens here."
	accountRole = "People with an admin role in Canvas cannot get a token yet."
	actingAs    = "You are acting as"
	unknownAct  = "Canvas does not tell whether somebody acts for"
	testStudent = "The test student cannot have tokens."
	unconfirmed = "Canvas does not confirm who you are."
)

// application is a request form that is good.
func (s *school) application(sponsor string) url.Values {
	return url.Values{
		"purpose": {"coursework"}, "build": {"A small helper that tells me which assignments are due this week."}, "maker": {"self"},
		"ai": {"no"}, "data": {"own"}, "storage": {"password_manager"}, "end": {"2026-12-12"},
		"sponsor": {s.w.User(sponsor).ID.String()}, "accepted": {"1"}, "draft": {""}, "do": {"submit"},
	}
}

// asked is Maya's request REQ-0001, which waits for Ana.
func (s *school) asked() {
	s.t.Helper()
	maya := s.browser("maya")
	maya.post(maya.open(s.course("bio201")), "/requests", s.application("ana")).is(http.StatusOK, "Request REQ-0001").says("Sent to Ana Ruiz")
}

// inReview is the same request once Ana endorsed it.
func (s *school) inReview() {
	s.t.Helper()
	s.asked()
	ana := s.browser("ana")
	ana.post(ana.open(s.course("bio201")).is(http.StatusOK, "Sponsorships"), "/requests/REQ-0001/endorse", url.Values{"reason": {"Fits."}}).says("Thank you")
}

// ungated takes Canvas's own gate away from every placement, as when the tool
// was registered by itself (dynamic registration has no required permissions)
// and shows it everywhere.
func (s *school) ungated() {
	s.t.Helper()
	err := s.cv.UpdateTool(s.tool.ClientID, func(t *canvastest.Tool) {
		for i := range t.Placements {
			t.Placements[i].RequiredPermissions, t.Placements[i].Visibility, t.Placements[i].RootAccountOnly = "", "public", false
		}
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// state is everything that a forged post could have changed, but the audit log.
func (s *school) state() string {
	s.t.Helper()
	var all []string
	for _, q := range []string{
		"SELECT id || ' ' || state || ' ' || CAST(version AS text) || ' ' || COALESCE(sponsor, '') FROM requests ORDER BY id",
		"SELECT object || ' ' || person || ' ' || verdict FROM votes ORDER BY object, round, stage, person",
		"SELECT id || ' ' || state || ' ' || CAST(version AS text) FROM grants ORDER BY id",
	} {
		rows, err := s.db.QueryContext(s.t.Context(), q)
		if err != nil {
			s.t.Fatal(err)
		}
		for rows.Next() {
			var row string
			if err := rows.Scan(&row); err != nil {
				s.t.Fatal(err)
			}
			all = append(all, row)
		}
		if err := rows.Err(); err != nil {
			s.t.Fatal(err)
		}
		_ = rows.Close()
	}
	for _, u := range s.w.Users() {
		for _, t := range s.w.Tokens(u.Key) {
			all = append(all, u.Key+" "+t.ID.String()+" "+t.State)
		}
	}
	return strings.Join(all, "\n")
}

// forge posts every move there is, as no page offered it, and fails if one of
// them changed anything. It returns what approve answered.
func (b *browser) forge(on *page) (approve *page) {
	b.t.Helper()
	before := b.school.state()
	for _, move := range []string{
		"approve", "deny", "claim", "release", "rescind", "endorse", "decline", "withdraw", "collect", "replace", "refile", "sponsor", "discard", "end-sponsorship",
	} {
		p := b.post(on, "/requests/REQ-0001/"+move, url.Values{
			"reason": {"Because."}, "conditions": {""}, "alternative": {"other"}, "sponsor": {b.w.User("helen").ID.String()},
		})
		if move == "approve" {
			approve = p
		}
		if p.status < 400 && strings.Contains(p.text(), "Success,") {
			b.t.Errorf("%s answers %d: %s", move, p.status, p.text())
		}
	}
	if after := b.school.state(); after != before {
		b.t.Errorf("a forged post changed\n%s\ninto\n%s", before, after)
	}
	return approve
}

// persona is a person, the place they open the tool from, what the first page
// offers, and how what is not for them is answered.
type persona struct {
	name, user string
	place      func(s *school) string
	open       func(s *school, b *browser, place string) *page // b.open(place) if nil
	h1, tabs   string
	says       []string
	queue      string // why the review queue is refused; "" opens it
	approve    string // why an approval is refused
	status     int    // of that refusal
}

func (c persona) check(t *testing.T, s *school) {
	t.Helper()
	b := s.browser(c.user)
	var p *page
	if c.open != nil {
		p = c.open(s, b, c.place(s))
	} else {
		p = b.open(c.place(s))
	}
	p.is(http.StatusOK, c.h1)
	if got := p.tabs(); got != c.tabs {
		t.Errorf("the navigation offers %q, want %q", got, c.tabs)
	}
	for _, w := range c.says {
		p.says(w)
	}
	for _, path := range []string{"/queue", "/tokens"} {
		if q := b.get(p, path); c.queue == "" {
			if q.status != http.StatusOK {
				t.Errorf("%s answers %d: %s", path, q.status, q.text())
			}
		} else if q.status != http.StatusForbidden || !strings.Contains(q.text(), c.queue) {
			t.Errorf("%s answers %d, want 403 %q: %s", path, q.status, c.queue, q.text())
		}
	}
	if c.approve == "" {
		return
	}
	if q := b.forge(p); q.status != c.status || !strings.Contains(q.text(), c.approve) {
		t.Errorf("a forged approval answers %d, want %d %q: %s", q.status, c.status, c.approve, q.text())
	}
}

func inCourse(key string) func(*school) string {
	return func(s *school) string { return s.course(key) }
}

func inAccount(key string) func(*school) string {
	return func(s *school) string { return s.account(key) }
}

func inSettings(user string) func(*school) string {
	return func(s *school) string { return s.settings(user) }
}
