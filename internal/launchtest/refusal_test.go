package launchtest

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/tokendesk/tokendesk/internal/desk/authority"
	"github.com/tokendesk/tokendesk/internal/session"
	"github.com/tokendesk/tokendesk/lti"
)

// mark remembers how things stood, so that what a refused launch left behind
// can be told.
type mark struct {
	*browser
	log, sessions, held int
	secrets             []string // must be in no log and on no page
}

// mark begins to look. People whose browser it is, and whatever else is named,
// must not be written down.
func (b *browser) mark(users ...string) *mark {
	b.t.Helper()
	m := &mark{browser: b, log: b.logs.len(), sessions: b.count("sessions"), held: b.count("lti_held")}
	for _, key := range users {
		u := b.w.User(key)
		m.secrets = append(m.secrets, u.Name, u.Email, u.LTIID, u.LTI11ID)
	}
	return m
}

// knows adds what a launch consists of to what must not be written down.
func (m *mark) knows(l *launching) {
	for _, form := range []url.Values{l.login, l.form} {
		for name, values := range form {
			for _, v := range values {
				switch name {
				case "id_token":
					// Any piece of it would be too much; the header is public.
					for i, segment := range strings.Split(v, ".") {
						if i > 0 && len(segment) > 20 {
							m.secrets = append(m.secrets, segment[:20], segment[len(segment)-20:])
						}
					}
				case "state", "login_hint", "lti_message_hint", "authenticity_token":
					m.secrets = append(m.secrets, v)
				}
			}
		}
	}
	if l.next != "" {
		m.secrets = append(m.secrets, l.state(), l.nonce())
	}
	if l.stored != nil {
		m.secrets = append(m.secrets, l.stored.Value, l.stored.Own)
	}
}

var referenceForm = regexp.MustCompile(`Reference ([0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4})`)

// refused fails unless the page refuses the launch for that reason, in words,
// with a reference under which the log has the reason too, and left nothing
// behind: no session, no held launch, and in the log nothing of the launch. It
// returns the log's line.
func (m *mark) refused(p *page, want lti.Reason) line {
	m.t.Helper()
	return m.explained(p, want.Status(), "lti request refused", string(want))
}

// unadmitted is refused for a launch that verified and still gives no session.
func (m *mark) unadmitted(p *page, status int, want authority.AdmitReason) line {
	m.t.Helper()
	l := m.explained(p, status, "launch not admitted", string(want))
	if l.text("registration") != m.platform.ID || l.text("kid") == "" {
		m.t.Errorf("the log does not say whose launch it was: %v", l)
	}
	return l
}

func (m *mark) explained(p *page, status int, message, reason string) line {
	m.t.Helper()
	p.is(status, "Canvas could not open Tokendesk")
	if got := len(p.text()); got < 100 || got > 700 {
		m.t.Errorf("the page has %d characters: %s", got, p.text())
	}
	var l line
	all := lines(m.t, m.logs.since(m.log), message)
	if len(all) != 1 {
		m.t.Errorf("refusals in the log: %v", all)
	} else {
		l = all[0]
	}
	ref := referenceForm.FindStringSubmatch(p.text())
	if ref == nil || l.text("reference") != ref[1] {
		m.t.Errorf("the page's reference is %q, the log's %q", ref, l.text("reference"))
	}
	if got := l.text("reason"); got != reason {
		m.t.Errorf("refused as %q (%s), want %q", got, l.text("error"), reason)
	}
	for _, bad := range m.secrets {
		if bad != "" && strings.Contains(p.body, bad) {
			m.t.Errorf("the page shows %q", bad)
		}
	}
	if got := p.header.Get("Cache-Control"); !strings.Contains(got, "no-store") {
		m.t.Errorf("the page may be cached: %q", got)
	}
	for n := range p.nodes().Descendants() {
		if to := attr(n, "href"); n.Data == "a" && !strings.HasPrefix(to, m.cv.InstitutionURL()+"/") && !strings.HasPrefix(to, "#") {
			m.t.Errorf("the page leads to %q", to)
		}
	}
	m.nothing(p)
	return l
}

// nothing fails if a session or a held launch appeared, or if the log says more
// than it should.
func (m *mark) nothing(p *page) {
	m.t.Helper()
	if n := m.count("sessions"); n != m.sessions {
		m.t.Errorf("%d sessions, %d before", n, m.sessions)
	}
	if n := m.count("lti_held"); n != m.held {
		m.t.Errorf("%d held launches, %d before", n, m.held)
	}
	for _, set := range p.header.Values("Set-Cookie") {
		if strings.HasPrefix(set, session.Cookie+"=") {
			m.t.Error("a session cookie is set")
		}
	}
	if p.handle() != "" {
		m.t.Error("the page carries a handle")
	}
	m.clean()
}

// clean fails if the log has anything of the launch in it.
func (m *mark) clean() {
	m.t.Helper()
	written := m.logs.since(m.log)
	for _, bad := range m.secrets {
		if bad != "" && strings.Contains(written, bad) {
			m.t.Errorf("the log has %q:\n%s", bad, written)
		}
	}
}

// launched fails unless the page is the first one of a new session.
func (m *mark) launched(p *page) *page {
	m.t.Helper()
	if p.status != http.StatusOK || p.handle() == "" {
		m.t.Errorf("%s answers %d %q: %s\n%s", p.path, p.status, p.h1(), p.text(), m.logs.since(m.log))
	}
	if n := m.sessionsOf(p.handle()); n != 1 {
		m.t.Errorf("%d sessions have the page's handle", n)
	}
	m.clean()
	return p
}
