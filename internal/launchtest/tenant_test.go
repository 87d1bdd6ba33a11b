package launchtest

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/desk/authority"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
	"github.com/tokendesk/tokendesk/lti"
)

// tenants lists the tenants of all sessions.
func (d *desk) tenants() string {
	d.t.Helper()
	rows, err := d.db.QueryContext(d.t.Context(), "SELECT DISTINCT tenant FROM sessions ORDER BY tenant")
	if err != nil {
		d.t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	var all []string
	for rows.Next() {
		var one string
		if err := rows.Scan(&one); err != nil {
			d.t.Fatal(err)
		}
		all = append(all, one)
	}
	if err := rows.Err(); err != nil {
		d.t.Fatal(err)
	}
	return strings.Join(all, " ")
}

// TestTenantByDeployment: two schools of one vendor share issuer and client id,
// as hosted Canvases do with an inherited key. Only the allow-listed deployment
// tells them apart, and no launch of one gets into the other.
func TestTenantByDeployment(t *testing.T) {
	t.Parallel()
	storetest.EachURL(t, func(t *testing.T, dsn string) {
		t.Parallel()
		d := newDesk(t, dsn, 1)
		north := d.school("Northfield")
		// The other Canvas is its twin, down to every id; only the tool was the
		// second one to be installed there.
		south := d.school("Southfield", func(s *school) { s.install(func(t *canvastest.Tool) { t.ClientID = "1" }) })
		if north.cv.Issuer() != south.cv.Issuer() || north.tool.ClientID != south.tool.ClientID || north.tool.ID == south.tool.ID {
			t.Fatalf("the schools are not alike: %v %v", north.tool, south.tool)
		}
		north.inReview()
		if got := d.tenants(); got != string(north.platform.Tenant) {
			t.Errorf("sessions of %q", got)
		}
		dana := south.browser("dana")
		p := dana.open(south.account("root")).is(http.StatusOK, "Review queue").says("Southfield")
		if strings.Contains(p.text(), "REQ-0001") {
			t.Error("the other school's request is in the queue")
		}
		dana.get(p, "/requests/REQ-0001").is(http.StatusNotFound, "We cannot find that")
		before := north.state()
		dana.post(p, "/requests/REQ-0001/approve", url.Values{"conditions": {""}}).is(http.StatusNotFound, "We cannot find that")
		if north.state() != before {
			t.Error("another school's admin changed a request")
		}

		// Where the login names no deployment, nobody knows which school it is.
		south.cv.SetSwitches(func(w *canvastest.Switches) { w.LoginDeployment = canvastest.SendNone })
		b := south.browser("maya")
		l := b.begin(south.course("bio201"))
		m := b.mark("maya")
		m.refused(l.sendLogin(), lti.ReasonRegistration)
		// Nor does a login that names the other school's deployment lead there:
		// it goes to that school's Canvas, which does not know the person.
		l.login.Set("lti_deployment_id", north.tool.ID)
		if p := l.sendLogin(); !strings.HasPrefix(l.next, north.cv.SSOURL()) {
			t.Errorf("the login answers %d and leads to %s", p.status, l.next)
		}
		// One school's token under the other's login names no key of that school.
		south.cv.SetSwitches(func(w *canvastest.Switches) { w.LoginDeployment = "" })
		theirs := south.browser("maya").begin(south.course("bio201")).logIn().authorize()
		ours := north.browser("maya").begin(north.course("bio201")).logIn().authorize()
		ours.form.Set("id_token", theirs.form.Get("id_token"))
		d.clock.Advance(fetchInterval) // the key set may be asked for once more
		m = ours.mark("maya")
		m.knows(ours)
		m.refused(ours.deliver(), lti.ReasonKeyUnknown)
	})
}

// TestLoginPinsRegistration: two registrations of one Canvas, with one key set.
// A token of one answers no login of the other.
func TestLoginPinsRegistration(t *testing.T) {
	each(t, func(s *school) {
		other := *s
		other.tool = s.install(func(t *canvastest.Tool) { t.Name = "Tokendesk again" })
		other.platform = other.registerTwice("Northfield again", other.tool)
		b := s.browser("maya")
		one, two := b.begin(s.course("bio201")).logIn(), b.begin(other.course("bio201")).logIn().authorize()
		remove := s.cv.OnLaunch(func(l *canvastest.SignedLaunch) { l.Claims["nonce"] = two.nonce() })
		one.authorize()
		remove()
		one.form.Set("state", two.state())
		m := b.mark("maya")
		m.knows(one)
		if l := m.refused(one.deliver(), lti.ReasonAudience); l.text("registration") != other.platform.ID {
			s.t.Errorf("measured against %q", l.text("registration"))
		}
		// The login was not spent by that.
		m = b.mark("maya")
		m.launched(two.finish())
		if got := s.tenants(); got != string(other.platform.Tenant) {
			s.t.Errorf("sessions of %q", got)
		}
	})
}

// TestDeployments: whoever may install tools in a sub-account or course can
// deploy the same client id again, with custom fields of their own.
func TestDeployments(t *testing.T) {
	forged := map[string]string{"is_root_admin": "true", "permissions": "create_access_tokens"}
	each(t, func(s *school) {
		s.ungated()
		sub, err := s.cv.DeployToAccount(s.tool.ClientID, "sciences", forged)
		if err != nil {
			s.t.Fatal(err)
		}
		course, err := s.cv.DeployToCourse(s.tool.ClientID, "bio201", forged)
		if err != nil {
			s.t.Fatal(err)
		}
		at := func(d canvastest.Deployment) *school {
			c := *s
			c.tool = d
			return &c
		}
		s.run("not on the allow-list", func(t *testing.T) {
			for _, c := range []struct{ user, place string }{{"ingrid", at(sub).account("sciences")}, {"ana", at(course).course("bio201")}} {
				b := s.in(t).browser(c.user)
				l := b.begin(c.place)
				m := b.mark(c.user)
				m.refused(l.sendLogin(), lti.ReasonDeployment)
				if l.next != "" {
					t.Errorf("the browser is sent to %s", l.next)
				}
			}
			s.cv.SetSwitches(func(w *canvastest.Switches) { w.LoginDeployment = canvastest.SendNone })
			defer s.cv.SetSwitches(func(w *canvastest.Switches) { w.LoginDeployment = "" })
			b := s.in(t).browser("ingrid")
			l := b.begin(at(sub).account("sciences")).logIn().authorize()
			m := b.mark("ingrid")
			m.knows(l)
			m.refused(l.finish(), lti.ReasonDeployment)
		})
		s.run("on the allow-list, but not the root's", func(t *testing.T) {
			c := *s
			c.tool = c.install(func(t *canvastest.Tool) {
				for i := range t.Placements {
					t.Placements[i].RequiredPermissions, t.Placements[i].Visibility, t.Placements[i].RootAccountOnly = "", "public", false
				}
			})
			sub, err := c.cv.DeployToAccount(c.tool.ClientID, "sciences", forged)
			if err != nil {
				t.Fatal(err)
			}
			again, err := c.cv.DeployToAccount(c.tool.ClientID, "root", forged)
			if err != nil {
				t.Fatal(err)
			}
			c.platform = c.registerTwice("Northfield and its colleges", c.tool, sub, again)
			here := c.in(t)
			here.browser("dana").open(c.account("root")).is(http.StatusOK, "Review queue")
			for name, p := range map[string]persona{
				"its own admin":                      {user: "ingrid", place: func(*school) string { return at(sub).account("sciences") }},
				"a student there":                    {user: "luca", place: func(*school) string { return at(sub).account("sciences") }},
				"a root admin there":                 {user: "dana", place: func(*school) string { return at(sub).account("sciences") }},
				"a root admin, deployed again above": {user: "dana", place: func(*school) string { return at(again).account("root") }},
			} {
				p.name, p.h1, p.queue = name, home, "This page is for Canvas admins of Northfield and its colleges."
				p.check(t, here)
			}
		})
	})
}

// TestSwitchedOffPlatform: from one moment to the next, also between the steps
// of a launch.
func TestSwitchedOffPlatform(t *testing.T) {
	each(t, func(s *school) {
		b := s.browser("maya")
		first := b.open(s.course("bio201")).is(http.StatusOK, home)
		one := b.begin(s.course("bio201")).logIn().authorize()
		b.noCookies = true
		two := b.begin(s.course("bio201")).logIn().authorize()
		d := two.deliver().proof()
		b.noCookies = false
		three := b.begin(s.course("bio201"))
		if err := s.apps[0].Operate.DisablePlatform(s.t.Context(), "Northfield", "closing"); err != nil {
			s.t.Fatal(err)
		}
		m := b.mark("maya")
		m.refused(one.deliver(), lti.ReasonRegistration)
		m = b.mark("maya")
		m.held--
		m.refused(two.fromTool(d.Post, two.proofForm(d)), lti.ReasonRegistration)
		m = b.mark("maya")
		m.refused(three.sendLogin(), lti.ReasonRegistration)
		if p := b.post(first, "/requests", s.application("ana")); p.status != http.StatusForbidden || s.count("requests") != 0 {
			s.t.Errorf("a session of before writes: %d %s", p.status, p.text())
		}
	})
}

// TestPlatformGUID is remembered at the first launch of a school.
func TestPlatformGUID(t *testing.T) {
	each(t, func(s *school) {
		// A first launch without one leaves nothing to remember it by.
		m, p := s.spoil(s.t, "maya", s.course("bio201"), without(claim+"tool_platform"))
		m.unadmitted(p, http.StatusForbidden, authority.AdmitGUID)
		s.browser("maya").open(s.course("bio201")).is(http.StatusOK, home)
		var guid string
		if err := s.db.QueryRowContext(s.t.Context(), "SELECT platform_guid FROM tenants").Scan(&guid); err != nil || guid != s.w.Account("root").GUID {
			s.t.Errorf("remembered %q, %v", guid, err)
		}
		m, p = s.spoil(s.t, "dana", s.account("root"), with(claim+"tool_platform", map[string]any{"guid": guid + "x"}))
		m.refused(p, lti.ReasonPlatformGUID)
	})
}

// TestMergedUser: after a merge Canvas shows the older id in some courses, and
// its API does not know that id any more. There the course's roster tells who it
// is; where it does not, such a launch proves nobody.
func TestMergedUser(t *testing.T) {
	each(t, func(s *school) {
		b := s.browser("rosa")
		b.open(s.course("chem110")).is(http.StatusOK, home).says("Rosa Delgado")
		people := s.count("people")
		withhold := s.cv.Fail(canvastest.Fault{Route: "/api/lti/courses/:id/names_and_roles", Status: http.StatusUnauthorized, Times: -1})
		m := b.mark("rosa")
		p := b.open(s.course("bio201")).says("two Canvas accounts of one person were joined").says("write to the Canvas team: give the reference")
		m.unadmitted(p, http.StatusForbidden, authority.AdmitUnconfirmed)
		// Their own menu is a place in which Canvas shows who they are now.
		m.relaunches(p)
		withhold()
		p = b.open(s.course("bio201")).is(http.StatusOK, home).says("Rosa Delgado")
		if s.count("people") != people {
			s.t.Error("the older id made a person")
		}
		b.post(p, "/requests", s.application("ana")).is(http.StatusOK, "Request REQ-0001")
		b.open(s.course("chem110")).is(http.StatusOK, home)

		// Merged after the tool had met both: Canvas tells of the merge, and the two
		// are one from then on.
		s.browser("luca").open(s.course("bio201")).is(http.StatusOK, home)
		kofi := s.browser("kofi")
		kofi.open(s.course("chem110")).is(http.StatusOK, home)
		if err := s.w.MergeUsers("luca", "kofi"); err != nil {
			s.t.Fatal(err)
		}
		kofi.open(s.course("bio201")).is(http.StatusOK, home).says("Kofi Mensah")
		if n := s.count("people WHERE merged_into IS NOT NULL"); n != 1 {
			s.t.Errorf("%d people were merged", n)
		}
		kofi.open(s.course("chem110")).is(http.StatusOK, home).says("Kofi Mensah")
	})
}

// TestClaimedUser: the numeric id is proven by API, never by the claim.
func TestClaimedUser(t *testing.T) {
	each(t, func(s *school) {
		claims := func(id string) func(*canvastest.SignedLaunch) {
			return func(l *canvastest.SignedLaunch) { l.Claims[claim+"custom"].(map[string]any)["canvas_user_id"] = id }
		}
		dana := s.w.User("dana").ID.String()
		m, p := s.spoil(s.t, "luca", s.course("bio201"), claims(dana))
		m.unadmitted(p, http.StatusForbidden, authority.AdmitOther)
		s.browser("luca").open(s.course("bio201")).is(http.StatusOK, home)
		m, p = s.spoil(s.t, "luca", s.course("bio201"), claims(dana))
		m.unadmitted(p, http.StatusForbidden, authority.AdmitOther)
		_, p = s.spoil(s.t, "luca", s.course("bio201"), claims("$Canvas.user.id"))
		p.is(http.StatusOK, home).says("Luca Moretti")

		// Somebody who is met for the first time while Canvas does not answer is
		// asked to wait; somebody known is not.
		defer s.cv.Fail(canvastest.Fault{Route: "/api/v1/users/:id", Status: http.StatusServiceUnavailable, Times: -1})()
		b := s.browser("maya")
		m = b.mark("maya")
		p = b.open(s.course("bio201"))
		m.unadmitted(p, http.StatusServiceUnavailable, authority.AdmitSilent)
		p.says("Try again in a few minutes.")
		s.browser("luca").open(s.course("bio201")).is(http.StatusOK, home)
	})
}

// TestAnAddressThatIsNoCanvas: a platform of another make was registered. It
// signs good launches, and its address knows nothing of Canvas's API.
func TestAnAddressThatIsNoCanvas(t *testing.T) {
	each(t, func(s *school) {
		const users = "/api/v1/users/:id"
		for name, f := range map[string]canvastest.Fault{
			"a page of another program": {Route: users, Status: http.StatusNotFound, Body: "<!doctype html><title>Moodle</title>", Times: -1},
			"its front page":            {Route: users, Status: http.StatusOK, Body: "<!doctype html><title>Moodle</title>", ContentType: "text/html", Times: -1},
			"its sign-in":               {Route: users, Status: http.StatusFound, Body: "<a href=/login>", Times: -1},
		} {
			heal := s.cv.Fail(f)
			b := s.browser("maya")
			m := b.mark("maya")
			p := b.open(s.course("bio201"))
			m.unadmitted(p, http.StatusServiceUnavailable, authority.AdmitNotCanvas)
			p.says("This address does not answer as Canvas.")
			for _, no := range []string{"Try again in a few minutes", "external_tools"} {
				if strings.Contains(p.body, no) {
					s.t.Errorf("%s: the page says %q", name, no)
				}
			}
			heal()
		}
	})
}

// TestChosenTarget: anybody chooses where their launch leads, and nothing but
// routing follows from it.
func TestChosenTarget(t *testing.T) {
	each(t, func(s *school) {
		s.inReview()
		to := func(place, target string) string { return place + "?launch_url=" + url.QueryEscape(target) }
		s.browser("maya").open(to(s.course("bio201"), s.url+"/go/REQ-0001")).is(http.StatusOK, "Request REQ-0001").says("In review")
		s.browser("dana").open(to(s.account("root"), s.url+"/go/REQ-0001")).is(http.StatusOK, "Request REQ-0001").says("Check before you decide")
		for _, user := range []string{"luca", "tom"} {
			b := s.browser(user)
			p := b.open(to(s.course("bio201"), s.url+"/go/REQ-0001")).is(http.StatusNotFound, "We cannot find that")
			b.forge(p)
		}
		s.browser("luca").open(to(s.course("bio201"), s.url+"/go/REQ-9999")).is(http.StatusNotFound, "We cannot find that")
		for _, target := range []string{"/queue", "/admin", "/tokens", "/requests/REQ-0001/approve", "/go/REQ-0001/approve", "/go/../queue", "/static/app.css", "//evil.example/"} {
			b := s.browser("luca")
			l := b.begin(to(s.course("bio201"), s.url+target))
			m := b.mark("luca")
			m.refused(l.sendLogin(), lti.ReasonTarget)
		}
		if p := s.browser("luca").visit(s.cv.InstitutionURL() + to(s.course("bio201"), "https://evil.example/lti/launch")); p.status == http.StatusOK {
			s.t.Error("Canvas launches another host")
		}
		// The person in front of the browser changes the login itself.
		b := s.browser("luca")
		l := b.begin(s.course("bio201"))
		l.login.Set("target_link_uri", s.url+"/go/REQ-0001")
		l.logIn().authorize()
		m := b.mark("luca")
		m.knows(l)
		m.refused(l.finish(), lti.ReasonTargetLink)
	})
}

// TestTeacherElsewhere: teaching another course is nothing here, whatever the
// institution's roles say.
func TestTeacherElsewhere(t *testing.T) {
	each(t, func(s *school) {
		s.w.UpdateCourse("bio201", func(c *canvastest.Course) { c.Public = true })
		s.asked()
		helen := s.browser("helen")
		p := helen.open(s.course("bio201")).is(http.StatusOK, home)
		if got := p.tabs(); got != "" {
			s.t.Errorf("the navigation offers %q", got)
		}
		if q := helen.forge(p); q.status != http.StatusNotFound {
			s.t.Errorf("approve answers %d", q.status)
		}
		// Nor can she be named, and an assistant cannot either.
		maya := s.browser("maya")
		on := maya.open(s.course("bio201"))
		for _, sponsor := range []string{"helen", "tom", "grace", "luca", "dana", "maya"} {
			q := maya.post(on, "/requests", s.application(sponsor))
			if q.status != http.StatusUnprocessableEntity || s.count("requests WHERE state <> 'draft'") != 1 {
				s.t.Errorf("%s as the sponsor: %d %s", sponsor, q.status, q.text())
			}
		}
	})
}

// TestPublicVisitor: nobody is signed in, and the launch names nobody.
func TestPublicVisitor(t *testing.T) {
	each(t, func(s *school) {
		s.w.UpdateCourse("bio201", func(c *canvastest.Course) { c.Public = true })
		b := s.stranger()
		l := b.begin(s.course("bio201")).logIn().authorize()
		m := b.mark()
		m.knows(l)
		m.refused(l.finish(), lti.ReasonAnonymous)
	})
}
