package canvastest

import (
	"maps"
	"net/url"
)

// Switches choose between ways in which versions of Canvas, or its apps,
// differ. The zero value is a current Canvas in a browser.
type Switches struct {
	// LoginDeployment names the login parameter that carries the deployment:
	// SendLTIDeploymentID (default), SendDeploymentID, SendBoth or SendNone.
	LoginDeployment string
	// NoStorageTarget leaves lti_storage_target out of web launches.
	NoStorageTarget bool
	// StorageTarget replaces post_message_forwarding, for example by _parent.
	StorageTarget string
	// Mobile launches as Canvas's apps do: first-party, no storage target.
	Mobile bool
	// StorageNeverAnswers announces storage and never replies to a message.
	StorageNeverAnswers bool
	// LenientAuth checks only what Canvas checks at the authorization
	// endpoint. Without it response_type, response_mode and prompt must have
	// the specified values too.
	LenientAuth bool
	// PostLoginRequired posts login_required to the tool when no session
	// cookie is seen, as older versions do; newer ones retry once and then
	// show a 401 page.
	PostLoginRequired bool
	// JSONValues leaves booleans as JSON and nil as null in custom, as older
	// versions do; newer ones write strings and the literal $Name.
	JSONValues bool
	// Noise adds the errors and validation_context members of older builds to
	// the claim objects.
	Noise bool
}

// Values of Switches.LoginDeployment.
const (
	SendLTIDeploymentID = "lti_deployment_id"
	SendDeploymentID    = "deployment_id"
	SendBoth            = "both"
	SendNone            = "none"
)

// SetSwitches changes the switches for launches to come.
func (s *Server) SetSwitches(change func(*Switches)) {
	s.platform.mu.Lock()
	defer s.platform.mu.Unlock()
	change(&s.platform.switches)
}

// Switches returns the switches as they stand.
func (s *Server) Switches() Switches {
	s.platform.mu.Lock()
	defer s.platform.mu.Unlock()
	return s.platform.switches
}

// Preferences are settings of one person that Canvas passes on in launches.
type Preferences struct {
	HighContrast bool
	DyslexicFont bool
}

// SetPreferences stores the settings of the user with this key.
func (s *Server) SetPreferences(user string, p Preferences) {
	id := s.world.User(user).ID
	s.platform.mu.Lock()
	defer s.platform.mu.Unlock()
	s.platform.preferences[id] = p
}

// SetBrand replaces variables of the institution's theme ("ic-brand-primary":
// "#8C1D40"). Values are sent as they are: a school's theme file may hold
// anything. A nil map goes back to the default theme.
func (s *Server) SetBrand(variables map[string]string) {
	s.platform.mu.Lock()
	defer s.platform.mu.Unlock()
	s.platform.brand = maps.Clone(variables)
}

// SignedLaunch is a launch just before it is signed and posted to the tool. A
// hook may spoil it: that is how a tool is tested against a bad platform.
type SignedLaunch struct {
	Header map[string]any // protected header: typ, alg is RS256, kid
	Claims map[string]any
	// Token, if a hook sets it, is posted instead of a token signed here.
	Token string
	// Form holds further fields of the post; id_token in it wins over Token.
	Form url.Values
	// RedirectURI is where the form goes.
	RedirectURI string
}

// OnLaunch adds a hook that sees every launch at the authorization endpoint,
// after the nonce was put in. The returned function takes it away again.
func (s *Server) OnLaunch(hook func(*SignedLaunch)) (remove func()) {
	s.platform.mu.Lock()
	defer s.platform.mu.Unlock()
	i := len(s.platform.hooks)
	s.platform.hooks = append(s.platform.hooks, hook)
	return func() {
		s.platform.mu.Lock()
		defer s.platform.mu.Unlock()
		s.platform.hooks[i] = nil
	}
}

// SignWithPlatformKey signs claims as the platform would, for hooks that set
// SignedLaunch.Token. Members of header are added or replaced; a nil member is
// left out.
func (s *Server) SignWithPlatformKey(claims, header map[string]any) (string, error) {
	key := s.platform.keys.signer()
	protected := map[string]any{"typ": "JWT", "kid": key.kid}
	maps.Copy(protected, header)
	maps.DeleteFunc(protected, func(_ string, v any) bool { return v == nil })
	return key.signRS256(claims, protected)
}
