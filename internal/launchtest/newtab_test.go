package launchtest

import (
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
	"github.com/tokendesk/tokendesk/lti"
)

// TestEveryRefusalOffersANewTab that works, also before any signature was
// checked: at the only Canvas there is, or at the one that the login's issuer
// and client id name.
func TestEveryRefusalOffersANewTab(t *testing.T) {
	evil := func(l *canvastest.SignedLaunch) {
		l.Claims[claim+"launch_presentation"] = map[string]any{"return_url": "https://evil.example/courses/1/external_content/success"}
		l.Claims[claim+"target_link_uri"] = "https://evil.example/lti/launch"
	}
	cases := map[string]struct {
		fail func(s *school, b *browser) (*mark, *page)
		want lti.Reason
	}{
		"a login without its issuer": {func(s *school, b *browser) (*mark, *page) {
			l := b.begin(s.course("bio201"))
			l.login.Del("iss")
			return b.mark("maya"), l.sendLogin()
		}, lti.ReasonMissingField},
		"a login that leads elsewhere": {func(s *school, b *browser) (*mark, *page) {
			l := b.begin(s.course("bio201"))
			l.login.Set("target_link_uri", "https://evil.example/lti/launch")
			return b.mark("maya"), l.sendLogin()
		}, lti.ReasonTarget},
		"a login of an unknown deployment": {func(s *school, b *browser) (*mark, *page) {
			l := b.begin(s.course("bio201"))
			l.login.Set("lti_deployment_id", "666:evil")
			return b.mark("maya"), l.sendLogin()
		}, lti.ReasonDeployment},
		"a launch without a login": {func(s *school, b *browser) (*mark, *page) {
			l := b.begin(s.course("bio201")).logIn().authorize()
			l.form.Set("state", random())
			return b.mark("maya"), l.deliver()
		}, lti.ReasonStateUnknown},
		"a launch twice": {func(s *school, b *browser) (*mark, *page) {
			l := b.begin(s.course("bio201")).logIn().authorize()
			l.deliver()
			return b.mark("maya"), l.deliver()
		}, lti.ReasonStateSpent},
		"a forged token with addresses": {func(s *school, b *browser) (*mark, *page) {
			l := b.begin(s.course("bio201")).logIn()
			remove := s.cv.OnLaunch(evil)
			l.authorize()
			remove()
			token := l.form.Get("id_token")
			l.form.Set("id_token", token[:len(token)-8]+"AAAAAAAA")
			return b.mark("maya"), l.deliver()
		}, lti.ReasonSignature},
		"a signed token that leads elsewhere": {func(s *school, _ *browser) (*mark, *page) {
			return s.spoil(s.t, "maya", s.course("bio201"), evil)
		}, lti.ReasonTargetLink},
		"a token for another version": {func(s *school, _ *browser) (*mark, *page) {
			return s.spoil(s.t, "maya", s.course("bio201"), with(claim+"version", "1.1"))
		}, lti.ReasonVersion},
	}
	each(t, func(s *school) {
		for name, c := range cases {
			s.run(name, func(t *testing.T) {
				s := s.in(t)
				m, p := c.fail(s, s.browser("maya"))
				m.refused(p, c.want)
				if strings.Contains(p.body, "evil") {
					t.Errorf("the page has an address of the request: %s", p.body)
				}
				m.relaunches(p)
			})
		}
	})
}

// TestNoNewTabWhereNoneIsKnown: of two Canvases nobody can say which one an
// unknown login is for; the page says what to do instead.
func TestNoNewTabWhereNoneIsKnown(t *testing.T) {
	t.Parallel()
	storetest.EachURL(t, func(t *testing.T, dsn string) {
		t.Parallel()
		d := newDesk(t, dsn, 1)
		north, south := d.school("Northfield"), d.school("Southfield", func(s *school) { s.install(func(t *canvastest.Tool) { t.ClientID = "1" }) })
		b := north.browser("maya")
		l := b.begin(north.course("bio201")).logIn().authorize()
		l.form.Set("state", random())
		m := b.mark("maya")
		p := l.deliver()
		m.refused(p, lti.ReasonStateUnknown)
		if to := p.link("Open in a new tab"); to != "" {
			t.Errorf("the page offers %q", to)
		}
		p.says("Open Tokendesk again from the Canvas menu.")
		// One that is for the second goes there.
		b = south.browser("maya")
		l = b.begin(south.course("bio201")).logIn().authorize()
		l.form.Set("id_token", "e30.e30.AAAA")
		m = b.mark("maya")
		p = l.deliver()
		m.refused(p, lti.ReasonAlgorithm)
		m.relaunches(p)
	})
}
