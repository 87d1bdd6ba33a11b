package launchtest

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
)

const home = "My API tokens"

// TestAuthority: what each capacity is offered by its first page, from each
// door, and what it gets by asking for more. Canvas's own gate is open, so that
// the tool alone decides.
func TestAuthority(t *testing.T) {
	forged := map[string]string{"is_root_admin": "true", "permissions": "create_access_tokens"}
	cases := []persona{
		{name: "a root admin in account navigation", user: "dana", place: inAccount("root"), h1: "Review queue",
			tabs: "My API tokens, Review queue (1), Tokens, Leaks, Unmanaged tokens", says: []string{"REQ-0001", "Canvas admin"}},
		{name: "a root admin in account navigation of a sub-account", user: "dana", place: inAccount("sciences"), h1: home,
			queue: notReviewer, approve: notFound, status: http.StatusNotFound},
		{name: "a root admin in a course", user: "dana", place: inCourse("bio201"), h1: home,
			queue: otherDoor, approve: notFound, status: http.StatusNotFound},
		{name: "a root admin in their own settings", user: "dana", place: inSettings("dana"), h1: home,
			queue: otherDoor, approve: notFound, status: http.StatusNotFound},
		{name: "a root admin who asks for user navigation in an account", user: "dana", place: withQuery(inAccount("root"), "placement=user_navigation"), h1: home,
			queue: otherDoor, approve: notFound, status: http.StatusNotFound},
		{name: "a root admin who asks for account navigation in a course", user: "dana", place: withQuery(inCourse("bio201"), "placement=account_navigation"), h1: home,
			queue: otherDoor, approve: notFound, status: http.StatusNotFound},

		{name: "a root admin of a role without the permission", user: "lena", place: inAccount("root"), h1: home, says: []string{noRole},
			queue: notReviewer, approve: notFound, status: http.StatusNotFound},
		{name: "a sub-account admin at the root", user: "ingrid", place: inAccount("root"), h1: home,
			queue: notReviewer, approve: notFound, status: http.StatusNotFound},
		{name: "a sub-account admin in their account", user: "ingrid", place: inAccount("sciences"), h1: home,
			queue: notReviewer, approve: notFound, status: http.StatusNotFound},
		{name: "an admin two levels down, at the root", user: "pavel", place: inAccount("root"), h1: home,
			queue: notReviewer, approve: notFound, status: http.StatusNotFound},
		{name: "an admin two levels down, in their account", user: "pavel", place: inAccount("biology"), h1: home,
			queue: notReviewer, approve: notFound, status: http.StatusNotFound},
		{name: "the vendor's site admin", user: "site-admin", place: inAccount("root"), h1: home,
			queue: notReviewer, approve: notFound, status: http.StatusNotFound},
		{name: "a teacher with a sub-account role", user: "victor", place: inCourse("chem110"), h1: home, tabs: "My API tokens, Sponsorships",
			says: []string{accountRole}, queue: otherDoor, approve: notFound, status: http.StatusNotFound},

		{name: "a student who opens account navigation by its address", user: "luca", place: inAccount("root"), h1: home, says: []string{"Student"},
			queue: notReviewer, approve: notFound, status: http.StatusNotFound},
		{name: "a student who opens account navigation of a department", user: "luca", place: inAccount("biology"), h1: home,
			queue: notReviewer, approve: notFound, status: http.StatusNotFound},
		{name: "a student who asks for account navigation in a course", user: "luca", place: withQuery(inCourse("bio201"), "launch_type=account_navigation"), h1: home,
			queue: otherDoor, approve: notFound, status: http.StatusNotFound},
		{name: "the requester in account navigation", user: "maya", place: inAccount("root"), h1: home, says: []string{"In review"}, queue: notReviewer},
		{name: "the sponsor in account navigation", user: "ana", place: inAccount("root"), h1: home, tabs: "My API tokens, Sponsorships", queue: notReviewer},

		{name: "a teacher of the course", user: "ana", place: inCourse("bio201"), h1: home, tabs: "My API tokens, Sponsorships", queue: otherDoor},
		{name: "a teacher of another course", user: "helen", place: inCourse("chem110"), h1: home, tabs: "My API tokens, Sponsorships",
			queue: otherDoor, approve: notFound, status: http.StatusNotFound},
		{name: "an assistant", user: "tom", place: inCourse("bio201"), h1: home, says: []string{"Teaching assistant"},
			queue: otherDoor, approve: notFound, status: http.StatusNotFound},
		{name: "a designer", user: "grace", place: inCourse("bio201"), h1: home, says: []string{"Staff"},
			queue: otherDoor, approve: notFound, status: http.StatusNotFound},
		{name: "an observer of the requester", user: "omar", place: inCourse("bio201"), h1: home, says: []string{noRole},
			queue: otherDoor, approve: notFound, status: http.StatusNotFound},
		{name: "a student with a sandbox of their own", user: "noor", place: inCourse("sandbox-noor"), h1: home, says: []string{"Student"},
			queue: otherDoor, approve: notFound, status: http.StatusNotFound},
		{name: "a student without a SIS id", user: "kofi", place: inCourse("chem110"), h1: home, says: []string{"Student", "CHEM 110"},
			queue: otherDoor, approve: notFound, status: http.StatusNotFound},
		{name: "somebody without any part", user: "sam", place: inSettings("sam"), h1: home, says: []string{noRole},
			queue: otherDoor, approve: notFound, status: http.StatusNotFound},

		{name: "a teacher with forged customs in a resource link", user: "ana", h1: home, says: []string{fromLink},
			place: func(s *school) string {
				return s.course("bio201") + "?resource_link_lookup_uuid=" + s.link("bio201", forged)
			},
			queue: otherDoor, approve: otherDoor, status: http.StatusForbidden},
		{name: "a student through that teacher's link", user: "luca", h1: home, says: []string{fromLink},
			place: func(s *school) string { return s.course("bio201") + "?resource_link_id=" + s.link("bio201", forged) },
			queue: otherDoor, approve: otherDoor, status: http.StatusForbidden},
		{name: "a root admin through that teacher's link", user: "dana", h1: home, says: []string{fromLink},
			place: func(s *school) string {
				return s.course("bio201") + "?placement=account_navigation&resource_link_lookup_uuid=" + s.link("bio201", forged)
			}, queue: otherDoor, approve: otherDoor, status: http.StatusForbidden},
	}
	each(t, func(s *school) {
		s.inReview()
		s.ungated()
		for _, c := range cases {
			s.run(c.name, func(t *testing.T) { c.check(t, s.in(t)) })
		}
	})
}

// link stores a resource link in a course, as a teacher may.
func (s *school) link(course string, custom map[string]string) string {
	return s.cv.AddResourceLink(course, canvastest.ResourceLink{ToolID: s.tool.ToolID, Title: "Attendance", Custom: custom})
}

func withQuery(place func(*school) string, query string) func(*school) string {
	return func(s *school) string { return place(s) + "?" + query }
}

// TestCanvasOwnGate: required_permissions stand on account navigation only, and
// hold where a person types the address.
func TestCanvasOwnGate(t *testing.T) {
	each(t, func(s *school) {
		for _, user := range []string{"maya", "ana", "lena", "ingrid", "pavel"} {
			b := s.browser(user)
			if p := b.visit(s.cv.InstitutionURL() + s.account("root")); p.status != http.StatusUnauthorized {
				s.t.Errorf("Canvas answers %s with %d", user, p.status)
			}
		}
		s.browser("dana").open(s.account("root")).is(http.StatusOK, "Review queue")
		s.browser("maya").open(s.course("bio201")).is(http.StatusOK, home)
		s.browser("sam").open(s.settings("sam")).is(http.StatusOK, home)
		if n := s.count("sessions"); n != 3 {
			s.t.Errorf("%d sessions", n)
		}
	})
}

// TestForgedLinkClaims: whatever a resource link says of its user, even that it
// is somebody else, or that nobody acts, is not believed.
func TestForgedLinkClaims(t *testing.T) {
	each(t, func(s *school) {
		id := s.link("bio201", map[string]string{
			"canvas_user_id": s.w.User("dana").ID.String(), "acting_user_id": "$Canvas.masqueradingUser.id", "canvas_course_id": s.w.Course("chem110").ID.String(),
			"time_zone": "Asia/Tokyo", "student_view": "false", "locale": "xx",
		})
		b := s.browser("luca")
		p := b.open(s.course("bio201")+"?resource_link_lookup_uuid="+id).is(http.StatusOK, home).says("Luca Moretti").says(fromLink)
		if strings.Contains(p.text(), "CHEM 110") || strings.Contains(p.text(), "Dana") {
			s.t.Errorf("the page believes the link: %s", p.text())
		}
		if q := b.post(p, "/requests", s.application("ana")); q.status != http.StatusForbidden {
			s.t.Errorf("a request through a link answers %d: %s", q.status, q.text())
		}
		if n := s.count("requests"); n != 0 {
			s.t.Errorf("%d requests", n)
		}
		var known int
		row := s.db.QueryRowContext(s.t.Context(), fmt.Sprintf("SELECT COUNT(*) FROM people WHERE canvas_user = '%s'", s.w.User("dana").ID))
		if err := row.Scan(&known); err != nil || known != 0 {
			s.t.Errorf("the link's claim made a person: %d, %v", known, err)
		}
	})
}

// TestLiteralsGiveNothing: a variable that Canvas did not expand is no answer.
func TestLiteralsGiveNothing(t *testing.T) {
	cases := []struct {
		name   string
		change func(custom map[string]any)
		queue  bool
	}{
		{"as Canvas sends them", func(map[string]any) {}, true},
		{"the root-admin variable unexpanded", func(c map[string]any) { c["is_root_admin"] = "$Canvas.user.isRootAccountAdmin" }, false},
		{"the root-admin variable null", func(c map[string]any) { c["is_root_admin"] = nil }, false},
		{"the root-admin variable missing", func(c map[string]any) { delete(c, "is_root_admin") }, false},
		{"the root-admin variable TRUE", func(c map[string]any) { c["is_root_admin"] = "TRUE" }, false},
		{"the root-admin variable 1", func(c map[string]any) { c["is_root_admin"] = 1 }, false},
		{"the root-admin variable an object", func(c map[string]any) { c["is_root_admin"] = map[string]any{"true": true} }, false},
		{"the permissions unexpanded", func(c map[string]any) { c["permissions"] = "$Canvas.membership.permissions<>" }, false},
		{"the permissions null", func(c map[string]any) { c["permissions"] = nil }, false},
		{"the permissions missing", func(c map[string]any) { delete(c, "permissions") }, false},
		{"the permissions empty", func(c map[string]any) { c["permissions"] = "" }, false},
		{"the permissions an array", func(c map[string]any) { c["permissions"] = []string{"create_access_tokens"} }, false},
		{"another permission that contains the name", func(c map[string]any) { c["permissions"] = "no_create_access_tokens,create_access_tokens_x" }, false},
	}
	each(t, func(s *school) {
		s.inReview()
		for _, c := range cases {
			s.run(c.name, func(t *testing.T) {
				s := s.in(t)
				_, p := s.spoil(t, "dana", s.account("root"), func(l *canvastest.SignedLaunch) {
					c.change(l.Claims[claim+"custom"].(map[string]any))
				})
				want := home
				if c.queue {
					want = "Review queue"
				}
				p.is(http.StatusOK, want)
			})
		}
		s.run("the acting variable", func(t *testing.T) {
			s := s.in(t)
			for value, says := range map[any]string{
				"$Canvas.masqueradingUser.id": "", nil: "", "": unknownAct, "$Canvas.user.id": unknownAct, false: unknownAct,
				s.w.User("dana").ID.String(): actingAs,
			} {
				_, p := s.spoil(t, "luca", s.course("bio201"), func(l *canvastest.SignedLaunch) {
					l.Claims[claim+"custom"].(map[string]any)["acting_user_id"] = value
				})
				p.is(http.StatusOK, home)
				if says != "" {
					p.says(says)
				} else if strings.Contains(p.text(), "acting") || strings.Contains(p.text(), "acts") {
					t.Errorf("%v: %s", value, p.text())
				}
			}
			_, p := s.spoil(t, "luca", s.course("bio201"), func(l *canvastest.SignedLaunch) {
				delete(l.Claims[claim+"custom"].(map[string]any), "acting_user_id")
			})
			p.is(http.StatusOK, home).says(unknownAct)
		})
	})
}

// TestJSONValues: older Canvas sends JSON booleans, and null where nobody acts.
func TestJSONValues(t *testing.T) {
	each(t, func(s *school) {
		s.cv.SetSwitches(func(w *canvastest.Switches) { w.JSONValues = true })
		s.inReview()
		dana := s.browser("dana")
		p := dana.open(s.account("root")).is(http.StatusOK, "Review queue")
		dana.post(p, "/requests/REQ-0001/approve", url.Values{"conditions": {""}}).is(http.StatusOK, "Request REQ-0001").says("Approved until")
		s.ungated()
		s.browser("lena").open(s.account("root")).is(http.StatusOK, home)
	})
}

// TestDemotedBetweenLaunchAndDecision: Canvas is asked again when it counts.
func TestDemotedBetweenLaunchAndDecision(t *testing.T) {
	cases := []struct {
		name   string
		before func(s *school)
	}{
		{"the admin row is gone", func(s *school) { s.w.RemoveAdmin("dana", "root") }},
		{"the role lost the permission", func(s *school) { s.w.SetPermission("account-admin", canvastest.PermCreateTokens, false) }},
		{"the admin has a lesser role now", func(s *school) {
			s.w.RemoveAdmin("dana", "root")
			s.w.AddAdmin("dana", "root", "help-desk")
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			each(t, func(s *school) {
				s.inReview()
				dana := s.browser("dana")
				p := dana.open(s.account("root")).is(http.StatusOK, "Review queue")
				c.before(s)
				q := dana.forge(p)
				if q.status != http.StatusForbidden || !strings.Contains(q.text(), notReviewer) {
					s.t.Errorf("approve answers %d: %s", q.status, q.text())
				}
				// From now on the pages know it too.
				if q := dana.get(p, "/queue"); q.status != http.StatusForbidden {
					s.t.Errorf("the queue answers %d", q.status)
				}
				s.ungated()
				dana.open(s.account("root")).is(http.StatusOK, home)
			})
		})
	}
}

// TestDecisionNeedsFreshLaunch: a session can look for hours, and decide for
// fifteen minutes.
func TestDecisionNeedsFreshLaunch(t *testing.T) {
	each(t, func(s *school) {
		s.inReview()
		dana := s.browser("dana")
		p := dana.open(s.account("root"))
		s.clock.Advance(15*time.Minute + time.Second)
		before := s.state()
		dana.post(p, "/requests/REQ-0001/approve", url.Values{"conditions": {""}}).is(http.StatusForbidden, "Request REQ-0001").says("open Tokendesk again")
		if s.state() != before {
			s.t.Error("a stale launch decided")
		}
		p = dana.open(s.account("root"))
		dana.post(p, "/requests/REQ-0001/approve", url.Values{"conditions": {""}}).is(http.StatusOK, "Request REQ-0001").says("Approved until")
	})
}

// TestMasquerade: an admin who acts as somebody sees what they see, and writes
// nothing.
func TestMasquerade(t *testing.T) {
	each(t, func(s *school) {
		s.inReview()
		act := func(t *testing.T, target string) *browser {
			b := s.in(t).browser("priya")
			p := b.visit(s.cv.InstitutionURL() + "/users/" + s.w.User(target).ID.String() + "/masquerade")
			action, fields := p.form("/masquerade")
			b.send(b.request(http.MethodPost, s.cv.InstitutionURL()+action, fields))
			return b
		}
		for user, place := range map[string]string{"maya": s.course("bio201"), "ana": s.course("bio201"), "dana": s.account("root"), "luca": s.settings("luca")} {
			s.run("as "+user, func(t *testing.T) {
				b := act(t, user)
				p := b.open(place)
				if p.status != http.StatusOK {
					t.Fatalf("%d: %s", p.status, p.text())
				}
				p.says(actingAs).says(s.w.User(user).Name)
				if q := b.forge(p); q.status != http.StatusForbidden && q.status != http.StatusNotFound {
					t.Errorf("approve answers %d", q.status)
				}
				requests, kept := s.count("requests"), s.count("kept")
				q := b.post(p, "/requests", s.application("ana"))
				if q.status != http.StatusForbidden {
					t.Errorf("a request answers %d: %s", q.status, q.text())
				}
				b.post(p, "/requests/keep", s.application("ana"))
				if s.count("requests") != requests || s.count("kept") != kept {
					t.Error("a request or a draft was written")
				}
			})
		}
		// The person themselves is not locked in with their impersonator.
		s.browser("luca").open(s.settings("luca")).is(http.StatusOK, home)
		if n := s.count("sessions WHERE place LIKE '%:acting'"); n != 4 {
			s.t.Errorf("%d sessions act", n)
		}
	})
}

// TestTestStudent: a teacher in student view.
func TestTestStudent(t *testing.T) {
	each(t, func(s *school) {
		s.asked()
		b := s.browser("ana")
		action, fields := b.visit(s.cv.InstitutionURL() + "/courses/" + s.w.Course("bio201").ID.String()).form("/student_view")
		b.send(b.request(http.MethodPost, s.cv.InstitutionURL()+action, fields))
		p := b.open(s.course("bio201")).is(http.StatusOK, home).says(testStudent)
		if strings.Contains(p.text(), "Request a token") || strings.Contains(p.tabs(), "Sponsorships") {
			s.t.Errorf("the page offers more: %s", p.text())
		}
		if q := b.forge(p); q.status != http.StatusForbidden && q.status != http.StatusNotFound {
			s.t.Errorf("approve answers %d", q.status)
		}
		if q := b.post(p, "/requests", s.application("ana")); q.status != http.StatusForbidden {
			s.t.Errorf("a request answers %d: %s", q.status, q.text())
		}
	})
}
