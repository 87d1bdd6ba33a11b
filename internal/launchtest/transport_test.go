package launchtest

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/lti"
)

// TestBadPosts are launches whose token is good and whose post is not.
func TestBadPosts(t *testing.T) {
	encoded := func(l *launching, body string) *page {
		req := l.request(http.MethodPost, l.action, url.Values{})
		req.Body, req.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
		return l.send(req)
	}
	cases := []struct {
		name string
		post func(l *launching) *page
		want lti.Reason
	}{
		{"id_token twice", func(l *launching) *page { return encoded(l, l.form.Encode()+"&id_token=x") }, lti.ReasonDuplicateField},
		{"state twice, the same", func(l *launching) *page { return encoded(l, l.form.Encode()+"&state="+l.state()) }, lti.ReasonDuplicateField},
		{"an unknown field twice", func(l *launching) *page { return encoded(l, l.form.Encode()+"&x=1&x=2") }, lti.ReasonDuplicateField},
		{"no id_token", func(l *launching) *page { l.form.Del("id_token"); return l.deliver() }, lti.ReasonTokenMissing},
		{"an empty id_token", func(l *launching) *page { l.form.Set("id_token", ""); return l.deliver() }, lti.ReasonTokenMissing},
		{"no state", func(l *launching) *page { l.form.Del("state"); return l.deliver() }, lti.ReasonStateUnknown},
		{"a state that nobody sealed", func(l *launching) *page {
			l.form.Set("state", strings.Repeat("A", len(l.state())))
			return l.deliver()
		}, lti.ReasonStateUnknown},
		{"a state cut short", func(l *launching) *page {
			l.form.Set("state", l.state()[:len(l.state())-4])
			return l.deliver()
		}, lti.ReasonStateUnknown},
		{"something else that the tool sealed", func(l *launching) *page {
			l.form.Set("state", b64(l.apps[0].Box.Seal([]byte(l.state()), "lti state")))
			return l.deliver()
		}, lti.ReasonStateUnknown},
		{"a state in the address only", func(l *launching) *page {
			l.action += "?state=" + l.state()
			l.form.Del("state")
			return l.deliver()
		}, lti.ReasonStateUnknown},
		{"a token of one megabyte", func(l *launching) *page {
			l.form.Set("id_token", strings.Repeat("A", 1<<20))
			return l.deliver()
		}, lti.ReasonTooLarge},
		{"a token of one megabyte that does not say so", func(l *launching) *page {
			l.form.Set("id_token", strings.Repeat("A", 1<<20))
			req := l.request(http.MethodPost, l.action, url.Values{})
			req.Body, req.ContentLength = io.NopCloser(strings.NewReader(l.form.Encode())), -1
			return l.send(req)
		}, lti.ReasonTooLarge},
		{"a token just above what is read", func(l *launching) *page {
			l.form.Set("id_token", l.form.Get("id_token")+strings.Repeat("A", 256<<10))
			return l.deliver()
		}, lti.ReasonTooLarge},
		{"JSON", func(l *launching) *page {
			req := l.request(http.MethodPost, l.action, l.form)
			req.Header.Set("Content-Type", "application/json")
			return l.send(req)
		}, lti.ReasonForm},
		{"no content type", func(l *launching) *page {
			req := l.request(http.MethodPost, l.action, l.form)
			req.Header.Del("Content-Type")
			return l.send(req)
		}, lti.ReasonForm},
		{"broken encoding", func(l *launching) *page { return encoded(l, "state=%zz&id_token=%") }, lti.ReasonForm},
	}
	each(t, func(s *school) {
		for _, c := range cases {
			s.run(c.name, func(t *testing.T) {
				b := s.in(t).browser("maya")
				l := b.begin(s.course("bio201")).logIn().authorize()
				good := url.Values{}
				for k, v := range l.form {
					good[k] = v
				}
				m := b.mark("maya")
				m.knows(l)
				m.refused(c.post(l), c.want)
				// A bad post of somebody else does not spend the launch.
				l.action, l.form = s.url+"/lti/launch", good
				m = b.mark("maya")
				m.launched(l.finish())
			})
		}
	})
}

// TestBadLogins never get as far as Canvas, and no address in them is followed.
func TestBadLogins(t *testing.T) {
	set := func(name, value string) func(*launching) {
		return func(l *launching) { l.login.Set(name, value) }
	}
	cases := []struct {
		name   string
		change func(l *launching)
		want   lti.Reason
	}{
		{"an issuer nobody registered", set("iss", "https://evil.example"), lti.ReasonRegistration},
		{"an issuer with a slash at the end", func(l *launching) { l.login.Set("iss", l.login.Get("iss")+"/") }, lti.ReasonRegistration},
		{"a client nobody registered", set("client_id", "10000000000099"), lti.ReasonRegistration},
		{"no issuer", func(l *launching) { l.login.Del("iss") }, lti.ReasonMissingField},
		{"no login_hint", func(l *launching) { l.login.Del("login_hint") }, lti.ReasonMissingField},
		{"no target_link_uri", func(l *launching) { l.login.Del("target_link_uri") }, lti.ReasonMissingField},
		{"a deployment that is not allow-listed", set("lti_deployment_id", "99:abc"), lti.ReasonDeployment},
		{"two deployments that differ", set("deployment_id", "99:abc"), lti.ReasonBadField},
		{"a target on another host", set("target_link_uri", "https://evil.example/lti/launch"), lti.ReasonTarget},
		{"a target that only begins like ours", func(l *launching) { l.login.Set("target_link_uri", l.url+".evil.example/lti/launch") }, lti.ReasonTarget},
		{"a target with our host as the user", func(l *launching) {
			l.login.Set("target_link_uri", "http://"+strings.TrimPrefix(l.url, "http://")+"@evil.example/lti/launch")
		}, lti.ReasonTarget},
		{"a target that is no page of ours", func(l *launching) { l.login.Set("target_link_uri", l.url+"/admin") }, lti.ReasonTarget},
		{"a target that climbs", func(l *launching) { l.login.Set("target_link_uri", l.url+"/go/../admin") }, lti.ReasonTarget},
		{"a target with an encoded slash", func(l *launching) { l.login.Set("target_link_uri", l.url+"/go%2fREQ-0001") }, lti.ReasonTarget},
		{"a script for a target", set("target_link_uri", "javascript:alert(1)"), lti.ReasonTarget},
		{"a line break in the hint", set("login_hint", "a\r\nSet-Cookie: x=y"), lti.ReasonBadField},
		{"a hint of twenty kilobytes", set("lti_message_hint", strings.Repeat("h", 20<<10)), lti.ReasonBadField},
		{"an issuer twice", func(l *launching) { l.login.Add("iss", "https://evil.example") }, lti.ReasonDuplicateField},
		{"a hundred kilobytes", set("x", strings.Repeat("x", 100<<10)), lti.ReasonTooLarge},
	}
	each(t, func(s *school) {
		for _, c := range cases {
			s.run(c.name, func(t *testing.T) {
				s := s.in(t)
				b := s.browser("maya")
				l := b.begin(s.course("bio201"))
				c.change(l)
				before := s.cells()
				m := b.mark("maya")
				p := l.sendLogin()
				m.refused(p, c.want)
				if l.next != "" || len(p.header.Values("Set-Cookie")) > 0 {
					t.Errorf("the browser is sent to %q with cookies %q", l.next, p.header.Values("Set-Cookie"))
				}
				s.unchanged(before)
			})
		}
	})
}

// TestLoginForms are the ways in which Canvas and other platforms begin.
func TestLoginForms(t *testing.T) {
	cases := []struct {
		name   string
		before func(*canvastest.Switches)
		change func(l *launching)
		get    bool
	}{
		{name: "the deployment as deployment_id", before: func(w *canvastest.Switches) { w.LoginDeployment = canvastest.SendDeploymentID }},
		{name: "the deployment under both names", before: func(w *canvastest.Switches) { w.LoginDeployment = canvastest.SendBoth }},
		{name: "no deployment", before: func(w *canvastest.Switches) { w.LoginDeployment = canvastest.SendNone }},
		{name: "no client id", change: func(l *launching) { l.login.Del("client_id") }},
		{name: "by GET", get: true},
		{name: "no storage", before: func(w *canvastest.Switches) { w.NoStorageTarget = true }},
	}
	each(t, func(s *school) {
		for _, c := range cases {
			s.run(c.name, func(t *testing.T) {
				s := s.in(t)
				defer s.cv.SetSwitches(func(w *canvastest.Switches) { *w = canvastest.Switches{} })
				if c.before != nil {
					s.cv.SetSwitches(c.before)
				}
				b := s.browser("maya")
				l := b.begin(s.course("bio201"))
				if c.change != nil {
					c.change(l)
				}
				if c.get {
					l.took(l.send(l.request(http.MethodGet, l.loginURL+"?"+l.login.Encode(), nil)))
				} else {
					l.logIn()
				}
				m := b.mark("maya")
				m.launched(l.authorize().finish())
			})
		}
	})
}

// TestPlatformErrors are what Canvas posts instead of a token.
func TestPlatformErrors(t *testing.T) {
	each(t, func(s *school) {
		run := func(name string, want lti.Reason, prepare func(l *launching)) {
			s.run(name, func(t *testing.T) {
				s := s.in(t)
				b := s.browser("maya")
				l := b.begin(s.course("bio201")).logIn()
				prepare(l)
				if l.form == nil {
					l.authorize()
				}
				if l.form.Get("error") == "" {
					t.Fatalf("Canvas posts %v", l.form)
				}
				m := b.mark("maya")
				m.knows(l)
				before := s.cells()
				m.refused(l.finish(), want)
				// Nobody signed that: it is written nowhere, and ends nothing.
				s.unchanged(before)
				l.form.Del("error")
				l.form.Set("id_token", "x")
				m = b.mark("maya")
				m.refused(l.finish(), lti.ReasonMalformed)
			})
		}
		run("the launch was used before", lti.ReasonPlatformConsumed, func(l *launching) { l.authorize().authorize() })
		run("Canvas does not know who is signed in", lti.ReasonPlatformLogin, func(l *launching) {
			s.cv.SetSwitches(func(w *canvastest.Switches) { w.PostLoginRequired = true })
			defer s.cv.SetSwitches(func(w *canvastest.Switches) { w.PostLoginRequired = false })
			jar := l.jar
			l.jar = s.stranger().jar
			l.authorize()
			l.jar = jar
		})
		run("the developer key is off", lti.ReasonPlatformClient, func(l *launching) {
			s.cv.SetKeyActive(s.tool.ClientID, false)
			defer s.cv.SetKeyActive(s.tool.ClientID, true)
			l.authorize()
		})
		run("a parameter got lost", lti.ReasonPlatformRequest, func(l *launching) {
			next := l.next
			l.next = strings.Replace(next, "&nonce="+l.nonce(), "", 1)
			l.authorize()
			l.next = next
		})
		run("an error that nobody specified", lti.ReasonPlatformOther, func(l *launching) {
			l.authorize()
			l.form = url.Values{"error": {"teapot"}, "error_description": {"short and stout"}, "state": {l.state()}}
		})

		s.run("an error with nobody's state", func(t *testing.T) {
			b := s.in(t).stranger()
			m := b.mark()
			m.secrets = []string{"forged line", "teapot"}
			p := b.fromCanvas(s.url+"/lti/launch", url.Values{"error": {"teapot"}, "error_description": {"forged line"}, "state": {strings.Repeat("A", 43)}})
			m.refused(p, lti.ReasonPlatformOther)
		})
		s.run("markup for an error", func(t *testing.T) {
			b := s.in(t).browser("maya")
			l := b.begin(s.course("bio201")).logIn()
			m := b.mark()
			p := b.fromCanvas(s.url+"/lti/launch", url.Values{"error": {"<script>alert(1)</script>"}, "state": {l.state()}})
			m.refused(p, lti.ReasonPlatformOther)
			if strings.Contains(p.body, "alert(1)") {
				t.Error("the page repeats the platform's text")
			}
		})
	})
}

// TestLaunchByGET: a reload, a bookmark, a crawler.
func TestLaunchByGET(t *testing.T) {
	each(t, func(s *school) {
		for _, path := range []string{"/lti/launch", "/lti/proof"} {
			b := s.stranger()
			m := b.mark()
			p := b.send(b.request(http.MethodGet, s.url+path+"?id_token=x&state=y", nil)).is(http.StatusUnauthorized, "Open Tokendesk again")
			m.nothing(p)
		}
		b := s.browser("maya")
		first := b.open(s.course("bio201"))
		b.get(first, "/lti/launch").is(http.StatusOK, "My API tokens")
		for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodPatch} {
			m := b.mark()
			p := b.send(b.request(method, s.url+"/lti/launch", nil))
			if p.status < 400 {
				s.t.Errorf("%s answers %d", method, p.status)
			}
			m.nothing(p)
		}
	})
}
