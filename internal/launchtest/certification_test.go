package launchtest

import (
	"net/http"
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/lti"
)

const (
	claim     = "https://purl.imsglobal.org/spec/lti/claim/"
	placement = "https://www.instructure.com/placement"
)

// spoil opens the tool while the platform changes what it signs.
func (s *school) spoil(t testing.TB, user, place string, change func(*canvastest.SignedLaunch)) (*mark, *page) {
	t.Helper()
	b := s.browser(user)
	l := b.begin(place).logIn()
	remove := s.cv.OnLaunch(change)
	l.authorize()
	remove()
	m := b.mark(user)
	m.knows(l)
	return m, l.finish()
}

// without removes claims.
func without(names ...string) func(*canvastest.SignedLaunch) {
	return func(l *canvastest.SignedLaunch) {
		for _, n := range names {
			delete(l.Claims, n)
		}
	}
}

// with sets a claim.
func with(name string, value any) func(*canvastest.SignedLaunch) {
	return func(l *canvastest.SignedLaunch) { l.Claims[name] = value }
}

// The certification suite's bad launches (1EdTech LTI Advantage Conformance
// Certification Guide 1.3, §6.1), each after a full login. That a kid names no
// key is in keys_test.go: it waits for the key set.
func TestKnownBadLaunches(t *testing.T) {
	cases := []struct {
		name   string
		change func(*canvastest.SignedLaunch)
		want   lti.Reason
	}{
		{"the header has no kid", func(l *canvastest.SignedLaunch) { delete(l.Header, "kid") }, lti.ReasonKeyIDMissing},
		{"the version is wrong", with(claim+"version", "1.2.0"), lti.ReasonVersion},
		{"the version is missing", without(claim + "version"), lti.ReasonVersion},
		{"the payload is JSON but no LTI launch", func(l *canvastest.SignedLaunch) { l.Claims = map[string]any{"hello": "world"} }, lti.ReasonIssuer},
		{"the payload is OpenID Connect but no LTI launch", func(l *canvastest.SignedLaunch) {
			for name := range l.Claims {
				if strings.HasPrefix(name, "https://") {
					delete(l.Claims, name)
				}
			}
		}, lti.ReasonVersion},
		{"the required LTI claims are missing", without(claim+"deployment_id", claim+"roles", claim+"resource_link", claim+"target_link_uri"), lti.ReasonDeploymentID},
		{"the target_link_uri is missing", without(claim + "target_link_uri"), lti.ReasonTargetLink},
		{"exp is long past", with("exp", 1_500_000_000), lti.ReasonExpired},
		{"exp is missing", without("exp"), lti.ReasonExpired},
		{"exp is a word", with("exp", "tomorrow"), lti.ReasonClaims},
		{"iat is missing", without("iat"), lti.ReasonIssuedAt},
		{"iat is long past", with("iat", 1_500_000_000), lti.ReasonIssuedAt},
		{"iat and exp are nonsense", func(l *canvastest.SignedLaunch) { l.Claims["iat"], l.Claims["exp"] = -1, -2 }, lti.ReasonExpired},
		{"the message_type is missing", without(claim + "message_type"), lti.ReasonMessageType},
		{"the roles are missing", without(claim + "roles"), lti.ReasonRoles},
		{"the deployment_id is missing", without(claim + "deployment_id"), lti.ReasonDeploymentID},
		{"the resource_link has no id", with(claim+"resource_link", map[string]any{"title": "Tokendesk"}), lti.ReasonResourceLink},
		{"the resource_link is missing", without(claim + "resource_link"), lti.ReasonResourceLink},
		{"sub is missing", without("sub"), lti.ReasonAnonymous},
	}
	each(t, func(s *school) {
		for _, c := range cases {
			s.run(c.name, func(t *testing.T) {
				m, p := s.in(t).spoil(t, "maya", s.course("bio201"), c.change)
				l := m.refused(p, c.want)
				if l.text("registration") != s.platform.ID {
					t.Errorf("the log names the registration %q", l.text("registration"))
				}
				if kid := l.text("kid"); c.want != lti.ReasonKeyIDMissing && kid != s.cv.SigningKeyID() {
					t.Errorf("the log names the kid %q", kid)
				}
			})
		}
		if n := s.count("sessions"); n != 0 {
			s.t.Errorf("%d sessions after bad launches only", n)
		}
	})
}

// The nine launches that must be accepted, as instructor and as student.
func TestValidLaunches(t *testing.T) {
	noNames := without("name", "given_name", "family_name")
	role := map[string]string{"ana": "Instructor", "maya": "Learner"}
	cases := []struct {
		name   string
		change func(user string) func(*canvastest.SignedLaunch)
		rights bool // the roles still say what the person is here
	}{
		{"everything Canvas has", func(string) func(*canvastest.SignedLaunch) { return func(*canvastest.SignedLaunch) {} }, true},
		{"several roles", func(user string) func(*canvastest.SignedLaunch) {
			return with(claim+"roles", []string{lti.RoleContentDeveloper, "http://purl.imsglobal.org/vocab/lis/v2/membership#" + role[user], lti.RoleSystemUser})
		}, true},
		{"a short role", func(user string) func(*canvastest.SignedLaunch) { return with(claim+"roles", []string{role[user]}) }, false},
		{"an unknown role", func(string) func(*canvastest.SignedLaunch) {
			return with(claim+"roles", []string{"https://example.edu/roles#Wizard"})
		}, false},
		{"no role at all", func(string) func(*canvastest.SignedLaunch) { return with(claim+"roles", []string{}) }, false},
		{"only the e-mail address", func(string) func(*canvastest.SignedLaunch) {
			return func(l *canvastest.SignedLaunch) {
				noNames(l)
				without("picture", claim+"lis")(l)
			}
		}, true},
		{"only names", func(string) func(*canvastest.SignedLaunch) { return without("email", "picture", claim+"lis") }, true},
		{"no personal data", func(string) func(*canvastest.SignedLaunch) {
			return func(l *canvastest.SignedLaunch) {
				noNames(l)
				without("email", "picture", claim+"lis")(l)
			}
		}, true},
		{"an e-mail address but no context", func(string) func(*canvastest.SignedLaunch) { return without(claim + "context") }, false},
	}
	each(t, func(s *school) {
		for _, user := range []string{"ana", "maya"} {
			for _, c := range cases {
				s.run(user+" with "+c.name, func(t *testing.T) {
					m, p := s.in(t).spoil(t, user, s.course("bio201"), c.change(user))
					m.launched(p).is(http.StatusOK, "My API tokens")
					// A sponsor's page is offered by the membership role of this course
					// and by nothing else.
					want := user == "ana" && c.rights
					if got := strings.Contains(p.tabs(), "Sponsorships"); got != want {
						t.Errorf("the sponsor's page is offered: %v (%s)", got, p.tabs())
					}
					m.get(p, "/").is(http.StatusOK, "My API tokens")
				})
			}
		}
	})
}
