package launchtest

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/lti"
)

// storage switches whether Canvas offers its storage.
func (s *school) storage(on bool) {
	s.cv.SetSwitches(func(w *canvastest.Switches) { w.NoStorageTarget = !on })
}

// TestBrowserThatBegan: every kind of browser that began a launch gets in, and
// one that cannot prove itself is offered a tab of its own, where it can.
func TestBrowserThatBegan(t *testing.T) {
	cases := []struct {
		name    string
		offered bool // Canvas announces storage
		browser func(b *browser)
		proof   bool // the tool had to ask the storage
		refused lti.Reason
	}{
		{name: "cookies return, no storage"},
		{name: "cookies return, storage offered", offered: true},
		{name: "cookies return, storage offered and silent", offered: true, browser: func(b *browser) { b.bucket = nil }},
		{name: "no cookies, storage answers", offered: true, browser: func(b *browser) { b.noCookies = true }, proof: true},
		{name: "no cookies, no storage of our own, Canvas's answers", offered: true, browser: func(b *browser) { b.noCookies, b.own = true, nil }, proof: true},
		{name: "no cookies, no storage", browser: func(b *browser) { b.noCookies = true }, refused: lti.ReasonNotBound},
		{name: "no cookies, storage offered and silent", offered: true, browser: func(b *browser) { b.noCookies, b.bucket = true, nil }, proof: true, refused: lti.ReasonStorageSilent},
	}
	each(t, func(s *school) {
		for _, c := range cases {
			s.run(c.name, func(t *testing.T) {
				s := s.in(t)
				s.storage(c.offered)
				b := s.browser("maya")
				if c.browser != nil {
					c.browser(b)
				}
				l := b.begin(s.course("bio201")).logIn().authorize()
				m := b.mark("maya")
				m.knows(l)
				p := l.deliver()
				if d := p.proof(); (d != nil) != c.proof {
					t.Fatalf("asked for the storage proof: %v", d != nil)
				} else if d != nil {
					m.held++
					m.asksWithoutTelling(p)
					m.held--
					p = l.fromTool(d.Post, l.proofForm(d))
				}
				if c.refused != "" {
					m.refused(p, c.refused)
					m.relaunches(p)
					return
				}
				m.launched(p).is(http.StatusOK, "My API tokens")
				if b.noCookies {
					b.get(p, "/requests/new").is(http.StatusOK, "Request an API token")
				}
			})
		}
	})
}

// asksWithoutTelling fails if a page before the proof shows whom or what the
// launch concerns, or if a session exists already.
func (m *mark) asksWithoutTelling(p *page) {
	m.t.Helper()
	p.is(http.StatusOK, "Opening Tokendesk")
	for _, bad := range append(m.secrets, m.w.Course("bio201").Name, m.w.Course("bio201").Code) {
		if bad != "" && strings.Contains(p.body, bad) {
			m.t.Errorf("the page before the proof has %q", bad)
		}
	}
	m.nothing(p)
}

// relaunches follows "Open in a new tab": there the tool is on top, and its
// cookies are first-party.
func (m *mark) relaunches(p *page) {
	m.t.Helper()
	to := p.link("Open in a new tab")
	place, ours := strings.CutPrefix(to, m.cv.InstitutionURL())
	if !ours {
		m.t.Fatalf("the page offers %q:\n%s", to, p.text())
	}
	m.noCookies = false
	l := m.beginAlone(place).logIn().authorize()
	again := m.mark()
	again.launched(l.finish())
}

// beginAlone is begin for a page that Canvas shows without a frame of its own.
func (b *browser) beginAlone(place string) *launching {
	b.t.Helper()
	p := b.visit(b.cv.InstitutionURL() + place)
	l := &launching{browser: b}
	l.loginURL, l.login = p.form("")
	return l
}

// TestNewTabFromEveryDoor: whoever is refused for their browser's sake can open
// the tool from the same place in a tab of its own.
func TestNewTabFromEveryDoor(t *testing.T) {
	each(t, func(s *school) {
		for name, c := range map[string]struct{ user, place, h1 string }{
			"a course":          {"maya", s.course("bio201"), "My API tokens"},
			"the root account":  {"dana", s.account("root"), "Review queue"},
			"one's own profile": {"maya", s.settings("maya"), "My API tokens"},
		} {
			s.run(name, func(t *testing.T) {
				s := s.in(t)
				b := s.browser(c.user)
				b.noCookies, b.bucket = true, nil
				l := b.begin(c.place).logIn().authorize()
				m := b.mark(c.user)
				p := l.finish()
				m.refused(p, lti.ReasonStorageSilent)
				m.relaunches(p)
			})
		}
	})
}

// TestMovedToAnotherBrowser: an attacker keeps their own launch back, and a
// victim's browser delivers it. In no mode is the victim signed in as them.
func TestMovedToAnotherBrowser(t *testing.T) {
	each(t, func(s *school) {
		moved := func(t *testing.T, storage bool, change func(attacker *launching, victim *browser)) (*mark, *launching) {
			s := s.in(t)
			s.storage(storage)
			attacker := s.browser("luca").begin(s.course("bio201")).logIn().authorize()
			victim := s.browser("maya")
			if change != nil {
				change(attacker, victim)
			}
			l := &launching{browser: victim, action: attacker.action, form: attacker.form, next: attacker.next, login: attacker.login}
			m := victim.mark("luca", "maya")
			m.knows(l)
			return m, l
		}
		cookie := func(b *browser, name, value string) {
			at, err := url.Parse(s.url)
			if err != nil {
				s.t.Fatal(err)
			}
			b.jar.SetCookies(secured(at), []*http.Cookie{{Name: name, Value: value, Path: "/", Secure: true}})
		}
		own := func(l *launching) *http.Cookie {
			at, err := url.Parse(s.url)
			if err != nil {
				s.t.Fatal(err)
			}
			for _, c := range l.jar.Cookies(secured(at)) {
				if strings.HasPrefix(c.Name, "__Host-lti_") {
					return c
				}
			}
			s.t.Fatal("the login set no cookie")
			return nil
		}

		s.run("without storage", func(t *testing.T) {
			m, l := moved(t, false, nil)
			m.refused(l.finish(), lti.ReasonNotBound)
		})
		s.run("without storage, with the victim's own login under way", func(t *testing.T) {
			m, l := moved(t, false, func(_ *launching, victim *browser) { victim.begin(s.course("bio201")).logIn() })
			m.refused(l.finish(), lti.ReasonNotBound)
		})
		s.run("with a cookie of the right name and another value", func(t *testing.T) {
			m, l := moved(t, false, func(a *launching, victim *browser) { cookie(victim, own(a).Name, strings.Repeat("A", 43)) })
			m.refused(l.finish(), lti.ReasonOtherBrowser)
		})
		s.run("with storage that knows nothing", func(t *testing.T) {
			m, l := moved(t, true, nil)
			m.refused(l.finish(), lti.ReasonStorageSilent)
		})
		s.run("with the value planted in Canvas's storage", func(t *testing.T) {
			m, l := moved(t, true, func(a *launching, victim *browser) {
				victim.bucket[a.stored.Key] = a.stored.Value
			})
			m.refused(l.finish(), lti.ReasonOtherBrowser)
		})
		s.run("with another value planted in Canvas's storage", func(t *testing.T) {
			m, l := moved(t, true, func(a *launching, victim *browser) {
				victim.bucket[a.stored.Key], victim.own = a.stored.Own, nil
			})
			m.refused(l.finish(), lti.ReasonOtherBrowser)
		})
		s.run("with a proof that another site posts", func(t *testing.T) {
			m, l := moved(t, true, nil)
			d := l.deliver().proof()
			if d == nil {
				t.Fatal("no proof asked for")
			}
			form := url.Values{"held": {d.Held}, "value": {"x"}, "own": {""}, "outcome": {"ok"}}
			m.held++
			m.refused(l.fromCanvas(d.Post, form), lti.ReasonCrossOrigin)
			// Nor one that hides where it comes from.
			m.log = m.logs.len()
			m.refused(l.send(l.request(http.MethodPost, d.Post, form)), lti.ReasonCrossOrigin)
		})
		s.run("with the attacker's proof in the attacker's browser", func(t *testing.T) {
			s := s.in(t)
			s.storage(true)
			a := s.browser("luca")
			a.noCookies = true
			l := a.begin(s.course("bio201")).logIn().authorize()
			d := l.deliver().proof()
			form := a.proofForm(d)
			form.Set("value", strings.Repeat("A", 43))
			m := a.mark()
			m.held--
			m.refused(l.fromTool(d.Post, form), lti.ReasonOtherBrowser)
			// A wrong value uses the launch up: there is nothing to guess.
			m = a.mark()
			m.refused(l.fromTool(d.Post, form), lti.ReasonHeldUnknown)
		})
	})
}

// TestTwoTabs: two launches of one browser at once, finished crosswise.
func TestTwoTabs(t *testing.T) {
	each(t, func(s *school) {
		for name, prepare := range map[string]func(b *browser){
			"by cookies": func(*browser) {}, "by storage": func(b *browser) { b.noCookies = true },
		} {
			s.run(name, func(t *testing.T) {
				s := s.in(t)
				b := s.browser("maya")
				prepare(b)
				one, two := b.begin(s.course("bio201")), b.begin(s.course("stat510"))
				one.logIn()
				two.logIn().authorize()
				one.authorize()
				m := b.mark()
				second := m.launched(two.finish()).says("STAT 510")
				first := m.launched(one.finish()).says("BIO 201")
				for _, p := range []*page{first, second} {
					b.get(p, "/").is(http.StatusOK, "My API tokens")
				}
			})
		}
	})
}

// TestWhatStorageHolds: nothing that enters the platform's bucket leads to the
// state, the nonce, the cookie or the session.
func TestWhatStorageHolds(t *testing.T) {
	each(t, func(s *school) {
		b := s.browser("maya")
		l := b.begin(s.course("bio201")).logIn()
		at, err := url.Parse(s.url)
		if err != nil {
			s.t.Fatal(err)
		}
		cookies := b.jar.Cookies(secured(at))
		p := l.authorize().finish()
		if len(b.bucket) != 1 {
			s.t.Fatalf("the bucket holds %v", b.bucket)
		}
		secrets := []string{l.state(), l.nonce(), l.stored.Own, p.handle()}
		for _, c := range cookies {
			secrets = append(secrets, c.Value)
		}
		for key, value := range b.bucket {
			for _, bad := range secrets {
				if bad != "" && (strings.Contains(key, bad) || strings.Contains(value, bad)) {
					s.t.Errorf("the bucket holds %q", bad)
				}
			}
			if n := len(key) + len(value); n > 200 {
				s.t.Errorf("one login takes %d of the bucket's 4096 characters", n)
			}
		}
		// The first page clears it.
		if forget := p.data("lti-data"); !strings.Contains(forget, `"forget"`) || !strings.Contains(forget, l.stored.Key) {
			s.t.Errorf("the first page forgets %q", forget)
		}
		// And it is of no use to anybody afterwards.
		m := b.mark()
		m.refused(l.fromTool(s.url+"/lti/proof", url.Values{"held": {strings.Repeat("A", 43)}, "value": {l.stored.Value}, "outcome": {"ok"}}), lti.ReasonHeldUnknown)
	})
}

// TestWaitingEnds: neither a login nor a held launch waits for ever.
func TestWaitingEnds(t *testing.T) {
	each(t, func(s *school) {
		b := s.browser("maya")
		l := b.begin(s.course("bio201")).logIn().authorize()
		s.clock.Advance(10*time.Minute + time.Second)
		m := b.mark("maya")
		m.knows(l)
		m.refused(l.finish(), lti.ReasonStateExpired)

		b.noCookies = true
		l = b.begin(s.course("bio201")).logIn().authorize()
		d := l.deliver().proof()
		s.clock.Advance(5*time.Minute + time.Second)
		m = b.mark("maya")
		m.held--
		m.refused(l.fromTool(d.Post, l.proofForm(d)), lti.ReasonHeldUnknown)

		// What nobody comes back for is purged.
		for range 3 {
			l := b.begin(s.course("bio201")).logIn().authorize()
			if d := l.deliver().proof(); d == nil {
				s.t.Fatal("no proof asked for")
			}
			b.begin(s.course("bio201")).logIn()
		}
		s.clock.Advance(time.Hour)
		if _, err := s.apps[0].Store.PurgeStates(s.t.Context(), s.clock.Now()); err != nil {
			s.t.Fatal(err)
		}
		if nonces, held := s.count("lti_nonces"), s.count("lti_held"); nonces != 0 || held != 0 {
			s.t.Errorf("%d nonces and %d held launches are kept", nonces, held)
		}
	})
}

// TestMobileApp: Canvas's apps open the tool on its own, without storage.
func TestMobileApp(t *testing.T) {
	each(t, func(s *school) {
		s.cv.SetSwitches(func(w *canvastest.Switches) { w.Mobile = true })
		b := s.browser("maya")
		l := b.beginAlone(s.course("bio201")).logIn().authorize()
		m := b.mark()
		m.launched(l.finish())
	})
}
