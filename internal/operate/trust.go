package operate

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/tokendesk/tokendesk/lti"
	"github.com/tokendesk/tokendesk/lti/loopback"
)

// hostedCanvas are the hosts that every school on Instructure's Canvas shares:
// the issuers, and the sign-on hosts with the authentication, key-set and token
// endpoints (doc/api/lti_launch_overview.md). A Canvas of one's own often keeps
// the hosted issuer.
var hostedCanvas = []string{
	"canvas.instructure.com", "canvas.beta.instructure.com", "canvas.test.instructure.com",
	"sso.canvaslms.com", "sso.beta.canvaslms.com", "sso.test.canvaslms.com",
}

// trust is which hosts an invite lets take part in a registration.
type trust struct {
	own      []*url.URL // the institution's origins, as the operator wrote them
	loopback bool       // all of them are on this machine: the demo and tests
}

func trustOf(canvasURLs []string) (trust, error) {
	t := trust{loopback: true}
	for _, raw := range canvasURLs {
		u, err := url.Parse(raw)
		if err != nil {
			return trust{}, errors.New("an invite's address is not a URL")
		}
		t.own = append(t.own, u)
		t.loopback = t.loopback && loopback.Host(u.Hostname())
	}
	return t, nil
}

// host decides for any URL of a platform's configuration, of the school's own
// hosts at any port. Loopback is trusted
// if the whole invite is about it; then so are names under .test, which lead
// nowhere (RFC 6761) and serve as issuers.
func (t trust) host(host string) bool {
	name := (&url.URL{Host: host}).Hostname()
	switch {
	case slices.Contains(hostedCanvas, host), slices.ContainsFunc(t.own, func(u *url.URL) bool { return u.Hostname() == name }):
		return true
	case t.loopback:
		return loopback.Host(host) || strings.HasSuffix(name, ".test")
	}
	return false
}

// isOwn reports whether a URL leads to the institution's own Canvas. What names
// a school among all that share the hosted hosts must: the configuration, and
// the endpoint that takes the registration. Otherwise the link would also serve
// an admin of another school.
func (t trust) isOwn(raw string) bool {
	u, err := url.Parse(raw)
	return err == nil && u.User == nil && slices.ContainsFunc(t.own, func(o *url.URL) bool { return sameOrigin(o, u) })
}

func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && portOf(a) == portOf(b)
}

func portOf(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}

// check holds what a platform says about itself against the invite.
func (t trust) check(cfg lti.PlatformConfiguration) error {
	switch {
	case !t.isOwn(cfg.RegistrationEndpoint):
		return errors.New("the registration endpoint is not at the invite's Canvas")
	case cfg.AccountDomain != "" && !slices.ContainsFunc(t.own, func(o *url.URL) bool {
		return strings.EqualFold(o.Host, cfg.AccountDomain) || strings.EqualFold(o.Hostname(), cfg.AccountDomain)
	}):
		return fmt.Errorf("the account's domain %q is not the invite's Canvas", cfg.AccountDomain)
	case len(cfg.AccountGUID) > 255 || strings.ContainsFunc(cfg.AccountGUID, func(r rune) bool { return r <= ' ' || r > '~' }):
		return errors.New("the account's guid is malformed")
	}
	return nil
}
