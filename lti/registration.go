package lti

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/tokendesk/tokendesk/lti/loopback"
)

// Registration is what this tool knows about one platform: a client id at an
// issuer, with the platform's endpoints. The endpoints belong together and are
// never inferred from the issuer or from one another: all hosted Canvas
// institutions share one issuer, and self-hosted ones often present it too.
type Registration struct {
	ID       string // the caller's own key for it, opaque to this package
	Issuer   string // compared byte for byte with the token's iss
	ClientID string // kept as text: Canvas's global ids exceed 32 bits

	// Canvas declares that this platform is Canvas. Some things in a launch mean
	// what they mean there only (Launch.CustomTrusted, Launch.AtDeployment), and
	// look the same by chance elsewhere. Nothing in a launch can set it.
	Canvas bool

	AuthURL   string // OIDC authentication endpoint
	TokenURL  string // OAuth token endpoint
	KeySetURL string // JSON Web Key Set that signs id_tokens

	// Audience is what our assertions at the token endpoint name as theirs, where
	// the platform wants something else than TokenURL there: the
	// authorization_server of its dynamic registration. Canvas publishes one too,
	// but takes its token URL only; it stays empty there.
	Audience string

	Deployments []Deployment // the allow-list; a launch of any other is refused

	// PlatformGUID is the remembered tool_platform.guid, the institution's
	// fingerprint. If it is set, a launch that says otherwise (or nothing) is
	// refused. If it is empty, the caller remembers Launch.PlatformGUID.
	PlatformGUID string

	// RosterHosts are the hosts (as the package writes hosts) to which the
	// names-and-roles client may send a token. No host is ever learnt from a claim.
	RosterHosts []string

	// FrameOrigins are the origins of the platform's own pages (scheme and host),
	// tried as the parent of our frame where the announced storage frame does not
	// answer. Without any there is no such second try.
	FrameOrigins []string
}

// Deployment is one allow-listed placement of the tool inside a platform.
type Deployment struct {
	ID string
	// Root marks the deployment that is installed at the root account. A teacher
	// or sub-account admin can deploy the same client id again, with custom
	// fields of their own; only the root deployment speaks for the institution.
	Root bool
}

// Deployment returns the allow-listed deployment with that id.
func (r Registration) Deployment(id string) (Deployment, bool) {
	i := slices.IndexFunc(r.Deployments, func(d Deployment) bool { return d.ID == id })
	if i < 0 {
		return Deployment{}, false
	}
	return r.Deployments[i], true
}

// At returns r with that deployment alone on its allow-list, or none if it is
// not on it. A service that is called for a launch's sake is called with
// At(Launch.DeploymentID): an assertion names the deployment if r has one.
func (r Registration) At(deploymentID string) Registration {
	d, ok := r.Deployment(deploymentID)
	if r.Deployments = nil; ok {
		r.Deployments = []Deployment{d}
	}
	return r
}

// Validate reports what makes r unusable: a missing field, an endpoint that is
// not an absolute https URL (http is allowed for loopback hosts only), a
// repeated deployment, a host or frame origin in another notation.
func (r Registration) Validate() error {
	if len(r.Deployments) == 0 {
		return errors.New("lti: registration has no deployment")
	}
	return r.ValidateWaiting()
}

// ValidateWaiting is Validate for a registration that may still wait for its
// first deployment: until then all its launches are refused.
func (r Registration) ValidateWaiting() error {
	for _, f := range []struct{ name, value string }{
		{"id", r.ID}, {"issuer", r.Issuer}, {"client id", r.ClientID},
	} {
		if f.value == "" {
			return fmt.Errorf("lti: registration has no %s", f.name)
		}
	}
	for _, f := range []struct{ name, value string }{
		{"authentication URL", r.AuthURL}, {"token URL", r.TokenURL}, {"key set URL", r.KeySetURL},
	} {
		if _, err := endpoint(f.value); err != nil {
			return fmt.Errorf("lti: %s: %w", f.name, err)
		}
	}
	seen := make(map[string]bool, len(r.Deployments))
	for _, d := range r.Deployments {
		if !shortASCII(d.ID) {
			return errors.New("lti: a deployment id must be 1 to 255 ASCII characters")
		}
		if seen[d.ID] {
			return fmt.Errorf("lti: deployment %q is listed twice", d.ID)
		}
		seen[d.ID] = true
	}
	for _, h := range r.RosterHosts {
		if u, err := url.Parse("https://" + h); err != nil || u.Host != h || HostOf(u) != h || h == "" {
			return fmt.Errorf("lti: roster host %q must be a host only, in lower case, with its port unless that is the scheme's own", h)
		}
	}
	for _, o := range r.FrameOrigins {
		u, err := endpoint(o)
		if err != nil {
			return fmt.Errorf("lti: frame origin: %w", err)
		}
		if origin(u) != o {
			return fmt.Errorf("lti: frame origin %q must be scheme and host only, in lower case, with a port unless it is the scheme's own", o)
		}
	}
	return nil
}

// RegistrationStore finds registrations in the caller's database.
//
// Both methods return ErrUnknownRegistration for one that does not exist or is
// switched off, and any other error for a failure of the database.
type RegistrationStore interface {
	// FindRegistration returns the registration for an OIDC login request.
	// clientID may be empty, since the specification makes it optional; then the
	// registration must be the issuer's only one, or the only one that has
	// deploymentID. deploymentID is a hint and may be empty.
	FindRegistration(ctx context.Context, issuer, clientID, deploymentID string) (Registration, error)
	// Registration returns the registration with that Registration.ID.
	Registration(ctx context.Context, id string) (Registration, error)
}

// OnlyRegistration picks the one that FindRegistration must return among all that
// match issuer and client id: the only one, or else the only one that has
// deploymentID. It returns ErrUnknownRegistration where there is none, or none
// that is the only one.
func OnlyRegistration(matching []Registration, deploymentID string) (Registration, error) {
	var found Registration
	n := 0
	for _, r := range matching {
		if _, has := r.Deployment(deploymentID); len(matching) == 1 || has {
			found = r
			n++
		}
	}
	if n != 1 {
		return Registration{}, ErrUnknownRegistration
	}
	return found, nil
}

// ErrUnknownRegistration is returned by a RegistrationStore that has no usable
// registration for the question.
var ErrUnknownRegistration = errors.New("lti: unknown registration")

// endpoint parses an absolute URL that we may call or send a browser to: https,
// or http if the host is loopback; no user information, no fragment.
func endpoint(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		// url.Error repeats the whole text, which may carry a query secret.
		return nil, errors.New("is not a URL")
	case u.Scheme != "https" && u.Scheme != "http", u.Host == "", u.Opaque != "":
		return nil, errors.New("must be an absolute https URL")
	case u.User != nil, u.Fragment != "" || strings.HasSuffix(raw, "#"):
		return nil, errors.New("must have no user information and no fragment")
	case u.Scheme == "http" && !loopback.Host(u.Hostname()):
		return nil, errors.New("must be https (http is for loopback hosts only)")
	}
	return u, nil
}

// origin returns the web origin of u as browsers spell it: lower case, without
// the scheme's default port.
func origin(u *url.URL) string {
	host := strings.ToLower(u.Host)
	switch u.Scheme {
	case "https":
		host = strings.TrimSuffix(host, ":443")
	case "http":
		host = strings.TrimSuffix(host, ":80")
	}
	return u.Scheme + "://" + host
}

// HostOf returns the host of an absolute URL as this package writes hosts, in
// both directions: as in an origin, lower case, with the port unless that is the
// scheme's own.
func HostOf(u *url.URL) string { return strings.TrimPrefix(origin(u), u.Scheme+"://") }

// shortASCII reports whether s is an identifier as LTI core allows: 1 to 255
// printable ASCII characters.
func shortASCII(s string) bool {
	if s == "" || len(s) > 255 {
		return false
	}
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return true
}
