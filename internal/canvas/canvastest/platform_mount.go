package canvastest

import (
	"net/http"
	"sync"
	"time"
)

// platform is the LTI side of the stand-in: developer keys, deployments,
// signing keys, launches under way and the pages' own settings. Whoever needs
// both mutexes takes the world's first (lockBoth): API actions run under it.
type platform struct {
	mu          sync.Mutex
	switches    Switches
	developers  map[string]*developerKey // by client id
	tools       table[deployedTool]
	links       map[string]*ResourceLink // by lookup uuid
	launches    map[string]*pendingLaunch
	hooks       []func(*SignedLaunch)
	brand       map[string]string
	preferences map[ID]Preferences
	nextClient  int64
	read        map[readMark]int
	reviews     map[string]*registration
	startPage   http.Handler

	keys    keyring
	secrets struct {
		hint    []byte // signs lti_message_hint
		service []byte // signs access tokens of LTI services
		form    []byte // keys the anti-forgery tokens of pages
	}
}

// launchLife is how long a launch waits for the tool to answer the login:
// Canvas keeps its body in Redis for this long (lib/lti/redis_message_client.rb).
const launchLife = 5 * time.Minute

// routePlatform mounts the LTI platform and the pages on both hosts.
func (s *Server) routePlatform() {
	p := &s.platform
	p.developers = map[string]*developerKey{}
	p.links = map[string]*ResourceLink{}
	p.launches = map[string]*pendingLaunch{}
	p.preferences = map[ID]Preferences{}
	p.read = map[readMark]int{}
	p.reviews = map[string]*registration{}
	p.nextClient = 10_000_000_000_002
	p.secrets.hint, p.secrets.service, p.secrets.form = randomBytes(32), randomBytes(32), randomBytes(32)
	p.keys.now = s.world.Clock.Now

	for _, host := range []*router{s.institution, s.sso} {
		host.handle("POST /login/oauth2/token", s.serveServiceToken)
		host.handle("GET /api/lti/security/jwks", s.serveJWKS)
		host.handle("GET /api/lti/authorize_redirect", s.serveAuthorizeRedirect)
		host.handle("POST /api/lti/authorize_redirect", s.serveAuthorizeRedirect)
		host.handle("GET /api/lti/security/openid-configuration", s.serveOpenIDConfiguration)
	}
	s.sso.handle("GET /post_message_forwarding", s.serveForwarder)
	s.institution.handle("GET /api/lti/authorize", s.serveAuthorize)
	s.institution.handle("POST /api/lti/authorize", s.serveAuthorize)
	s.institution.handle("GET /api/lti/courses/{id}/names_and_roles", s.serveNamesAndRoles)
	s.institution.handle("POST /api/lti/registrations", s.serveRegistration)
	s.api("POST", "/api/v1/courses/:course_id/lti_resource_links", createResourceLink)
	s.routeAssets()
	s.routeRegistration()
	s.routePages()
}

// lockBoth locks the world and the platform and returns what unlocks them.
func (s *Server) lockBoth() (unlock func()) {
	s.world.mu.Lock()
	s.platform.mu.Lock()
	return func() {
		s.platform.mu.Unlock()
		s.world.mu.Unlock()
	}
}
