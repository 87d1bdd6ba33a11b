package canvastest

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/lestrrat-go/jwx/v3/jwk"
)

// Placement names that the stand-in draws or launches.
const (
	CourseNavigation  = "course_navigation"
	AccountNavigation = "account_navigation"
	UserNavigation    = "user_navigation"
	GlobalNavigation  = "global_navigation"
	LinkSelection     = "link_selection"
)

// Privacy levels of a tool (doc/lti/16_privacy_level.md).
const (
	PrivacyAnonymous = "anonymous"
	PrivacyNameOnly  = "name_only"
	PrivacyEmailOnly = "email_only"
	PrivacyPublic    = "public"
)

// Scopes of the LTI services that the stand-in knows.
const (
	ScopeNamesAndRoles = "https://purl.imsglobal.org/spec/lti-nrps/scope/contextmembership.readonly"
	ScopeLineItem      = "https://purl.imsglobal.org/spec/lti-ags/scope/lineitem"
	ScopeScore         = "https://purl.imsglobal.org/spec/lti-ags/scope/score"
	ScopeResult        = "https://purl.imsglobal.org/spec/lti-ags/scope/result.readonly"
	ScopeNotices       = "https://purl.imsglobal.org/spec/lti/scope/noticehandlers"
)

// Tool is an LTI 1.3 tool as a Canvas admin configures it: a developer key
// with its configuration.
type Tool struct {
	Name        string
	Description string
	// ClientID is the developer key's global id in decimal; empty lets the
	// stand-in number it as Canvas does, from 10000000000002 on.
	ClientID      string
	LoginURL      string // oidc_initiation_url
	RedirectURIs  []string
	TargetLinkURI string
	// Domain is the host that launch_url must match; empty means the host of
	// TargetLinkURI.
	Domain string
	// JWKSURL is fetched on every token request, as Canvas does, without a
	// cache. PublicJWKS is used instead if it is not empty: a JWK or JWK set.
	JWKSURL      string
	PublicJWKS   []byte
	Placements   []Placement
	CustomFields map[string]string
	Scopes       []string
	// PrivacyLevel defaults to PrivacyAnonymous, as in Canvas.
	PrivacyLevel string
}

// Placement is one place where Canvas offers the tool.
type Placement struct {
	Name string
	// Text is the link's label; empty means the tool's name.
	Text string
	// Visibility is "public" (default), "members" or "admins". Without
	// RequiredPermissions it only hides the link.
	Visibility string
	// RequiredPermissions is a comma-separated list; all must be granted, and
	// then Visibility is enforced at launch too.
	RequiredPermissions string
	// DisabledByDefault hides the link until somebody enables it.
	DisabledByDefault bool
	TargetLinkURI     string // empty means the tool's
	CustomFields      map[string]string
	// DisplayType is Canvas's display_type; "borderless" has no frame.
	DisplayType string
	// NewWindow is windowTarget _blank.
	NewWindow bool
	// RootAccountOnly hides an account_navigation link below the root.
	RootAccountOnly bool
}

// Deployment is one installation of a tool in an account or course.
type Deployment struct {
	ID       string // the deployment_id claim: TOOL:CONTEXT
	ToolID   ID     // the external tool id in launch URLs
	ClientID string
}

// developerKey is a Tool and whether the account switched its key on.
type developerKey struct {
	tool   Tool
	active bool
}

// deployedTool is a ContextExternalTool: a deployment in an account or course.
type deployedTool struct {
	id       ID
	clientID string
	place    place
	custom   map[string]string // what the installer there edited
	deleted  bool
}

// place is where something is installed or launched: a course, an account, or
// a person's own settings.
type place struct {
	kind string // "course", "account" or "user"
	id   ID
}

func (p place) path() string { return "/" + p.kind + "s/" + p.id.String() }

// InstallTool makes a developer key for t, switches it on and deploys it at
// the root account. It refuses a tool that Canvas would refuse.
func (s *Server) InstallTool(t Tool) (Deployment, error) {
	defer s.lockBoth()()
	key, err := s.platform.addKeyLocked(t)
	if err != nil {
		return Deployment{}, fmt.Errorf("install tool %q: %w", t.Name, err)
	}
	key.active = true
	return s.deployLocked(key.tool.ClientID, place{"account", s.world.rootLocked().ID}, nil), nil
}

func (p *platform) addKeyLocked(t Tool) (*developerKey, error) {
	if t.ClientID == "" {
		t.ClientID = strconv.FormatInt(p.nextClient, 10)
		p.nextClient++
	}
	if _, taken := p.developers[t.ClientID]; taken {
		return nil, fmt.Errorf("client id %s is taken", t.ClientID)
	}
	t, err := t.checked()
	if err != nil {
		return nil, err
	}
	key := &developerKey{tool: t}
	p.developers[t.ClientID] = key
	return key, nil
}

func (t Tool) checked() (Tool, error) {
	if t.Name == "" || t.LoginURL == "" || t.TargetLinkURI == "" {
		return t, errors.New("name, login URL and target link URI are required")
	}
	if len(t.RedirectURIs) == 0 {
		return t, errors.New("a redirect URI is required")
	}
	for _, raw := range append([]string{t.LoginURL, t.TargetLinkURI}, t.RedirectURIs...) {
		if u, err := url.Parse(raw); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return t, fmt.Errorf("%q is not an absolute web address", raw)
		}
	}
	switch t.PrivacyLevel {
	case "":
		t.PrivacyLevel = PrivacyAnonymous
	case PrivacyAnonymous, PrivacyNameOnly, PrivacyEmailOnly, PrivacyPublic:
	default:
		return t, fmt.Errorf("privacy level %q is unknown", t.PrivacyLevel)
	}
	if len(t.PublicJWKS) > 0 {
		if _, err := jwk.Parse(t.PublicJWKS); err != nil {
			return t, fmt.Errorf("public keys: %w", err)
		}
	}
	if t.Domain == "" {
		u, _ := url.Parse(t.TargetLinkURI)
		t.Domain = u.Host
	}
	t.RedirectURIs = slices.Clone(t.RedirectURIs)
	t.Placements = slices.Clone(t.Placements)
	t.CustomFields = maps.Clone(t.CustomFields)
	return t, nil
}

// DeployToAccount deploys a known tool once more, at the account with this
// key, with custom fields edited by whoever installs it there.
func (s *Server) DeployToAccount(clientID, account string, custom map[string]string) (Deployment, error) {
	return s.deployAt(clientID, place{"account", s.world.Account(account).ID}, custom)
}

// DeployToCourse is DeployToAccount for a course.
func (s *Server) DeployToCourse(clientID, course string, custom map[string]string) (Deployment, error) {
	return s.deployAt(clientID, place{"course", s.world.Course(course).ID}, custom)
}

func (s *Server) deployAt(clientID string, at place, custom map[string]string) (Deployment, error) {
	defer s.lockBoth()()
	if s.platform.developers[clientID] == nil {
		return Deployment{}, fmt.Errorf("no developer key %s", clientID)
	}
	return s.deployLocked(clientID, at, custom), nil
}

// deployLocked needs both locks.
func (s *Server) deployLocked(clientID string, at place, custom map[string]string) Deployment {
	w := s.world
	id := w.newIDLocked("tool")
	tool := &deployedTool{id: id, clientID: clientID, place: at, custom: maps.Clone(custom)}
	s.platform.tools.put(id, tool)
	return Deployment{ID: w.deploymentIDLocked(tool), ToolID: id, ClientID: clientID}
}

// deploymentIDLocked joins the tool's id with the opaque id of the account or
// course that it is installed in.
func (w *World) deploymentIDLocked(t *deployedTool) string {
	if t.place.kind == "course" {
		return t.id.String() + ":" + w.courses.get(t.place.id).ContextID
	}
	return t.id.String() + ":" + w.accounts.get(t.place.id).ContextID
}

// RemoveDeployment uninstalls one deployment. Its launches answer 404.
func (s *Server) RemoveDeployment(toolID ID) {
	p := &s.platform
	p.mu.Lock()
	defer p.mu.Unlock()
	if t := p.tools.get(toolID); t != nil {
		t.deleted = true
	}
}

// SetKeyActive switches a developer key on or off. With the key off, launches
// end in unauthorized_client and service tokens are refused.
func (s *Server) SetKeyActive(clientID string, active bool) {
	p := &s.platform
	p.mu.Lock()
	defer p.mu.Unlock()
	if key := p.developers[clientID]; key != nil {
		key.active = active
	}
}

// UpdateTool changes a tool's configuration as an admin does on the key form.
// It refuses what InstallTool would refuse and then changes nothing.
func (s *Server) UpdateTool(clientID string, change func(*Tool)) error {
	p := &s.platform
	p.mu.Lock()
	defer p.mu.Unlock()
	key := p.developers[clientID]
	if key == nil {
		return fmt.Errorf("no developer key %s", clientID)
	}
	t := key.tool
	change(&t)
	t.ClientID = clientID
	t, err := t.checked()
	if err != nil {
		return fmt.Errorf("update tool %s: %w", clientID, err)
	}
	key.tool = t
	return nil
}

// ToolConfiguration returns the tool behind a client id.
func (s *Server) ToolConfiguration(clientID string) (Tool, bool) {
	key, found := s.developer(clientID)
	return key.tool, found
}

// developer returns a copy of the developer key.
func (s *Server) developer(clientID string) (developerKey, bool) {
	s.platform.mu.Lock()
	defer s.platform.mu.Unlock()
	key := s.platform.developers[clientID]
	if key == nil {
		return developerKey{}, false
	}
	return *key, true
}

// Deployments lists the deployments of a client, in order of installation.
func (s *Server) Deployments(clientID string) []Deployment {
	defer s.lockBoth()()
	var list []Deployment
	for t := range s.platform.tools.all {
		if t.clientID == clientID && !t.deleted {
			list = append(list, Deployment{ID: s.world.deploymentIDLocked(t), ToolID: t.id, ClientID: clientID})
		}
	}
	return list
}

// placement returns the tool's placement of this name.
func (t Tool) placement(name string) (Placement, bool) {
	for _, p := range t.Placements {
		if p.Name == name {
			return p, true
		}
	}
	return Placement{}, false
}

// keysOf returns the tool's public keys. A key set URL is fetched every time.
func (s *Server) keysOf(r *http.Request, t Tool) (jwk.Set, error) {
	raw := t.PublicJWKS
	if len(raw) == 0 {
		var err error
		if raw, err = s.fetch(r.Context(), t.JWKSURL); err != nil {
			return nil, fmt.Errorf("JWK Error: %w", err)
		}
	}
	if !json.Valid(raw) {
		return nil, errors.New("JWK Error: Invalid JSON")
	}
	set, err := jwk.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("JWK Error: %w", err)
	}
	return set, nil
}

// matchesDomain says whether a launch_url may be used: its host is the tool's
// domain or below it (ExternalToolsController).
func (t Tool) matchesDomain(raw string) bool {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return false
	}
	host, domain := strings.ToLower(u.Host), strings.ToLower(t.Domain)
	return host == domain || strings.HasSuffix(host, "."+domain) || strings.EqualFold(u.Hostname(), domain)
}
