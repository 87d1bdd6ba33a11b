package canvastest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// registration is one LTI Dynamic Registration on its way: started by an
// admin, filled in by the tool, reviewed by the admin.
type registration struct {
	id         string
	account    ID
	admin      ID
	state      string // "started", "submitted" or "enabled"
	clientID   string
	deployment Deployment
	origin     string // of the tool, whose close message counts
}

const (
	registrationStarted   = "started"
	registrationSubmitted = "submitted"
	registrationEnabled   = "enabled"
)

const (
	toolConfigurationMember     = "https://purl.imsglobal.org/spec/lti-tool-configuration"
	platformConfigurationMember = "https://purl.imsglobal.org/spec/lti-platform-configuration"
	canvasMember                = "https://canvas.instructure.com/lti/"
)

// knownScopes are what a tool may ask for here.
var knownScopes = []string{
	ScopeNamesAndRoles, ScopeLineItem, "https://purl.imsglobal.org/spec/lti-ags/scope/lineitem.readonly",
	ScopeResult, ScopeScore, ScopeNotices,
}

var knownPlacements = []string{CourseNavigation, AccountNavigation, UserNavigation, GlobalNavigation, LinkSelection}

// StartRegistration begins a dynamic registration of the tool whose
// registration URL is given, as an admin of the root account does, and returns
// the address that Canvas opens in a frame: it carries openid_configuration
// and registration_token. The token lives one hour and for one registration.
func (s *Server) StartRegistration(admin, registrationURL string) (open string, id string, err error) {
	u, err := url.Parse(registrationURL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", "", fmt.Errorf("%q is not an absolute web address", registrationURL)
	}
	user := s.world.User(admin).ID
	return s.startRegistration(user, u)
}

func (s *Server) startRegistration(admin ID, u *url.URL) (open, id string, err error) {
	defer s.lockBoth()()
	root := s.world.rootLocked()
	now := s.world.Clock.Now()
	reg := &registration{id: randomUUID(), account: root.ID, admin: admin, state: registrationStarted, origin: u.Scheme + "://" + u.Host}
	s.platform.reviews[reg.id] = reg
	canvas := s.InstitutionURL()
	token := signHS256(s.platform.secrets.form, map[string]any{
		"uuid": reg.id, "initiated_at": now.Format(time.RFC3339), "user_id": s.world.globalLocked(admin).String(),
		"root_account_global_id": s.world.globalLocked(root.ID).String(), "root_account_domain": hostOf(canvas),
		"registration_url": u.String(), "exp": now.Add(time.Hour).Unix(),
	})
	q := u.Query()
	// Canvas puts the token into the configuration's own address as well.
	q.Set("openid_configuration", canvas+"/api/lti/security/openid-configuration?registration_token="+url.QueryEscape(token))
	q.Set("registration_token", token)
	full := *u
	full.RawQuery = q.Encode()
	return full.String(), reg.id, nil
}

func hostOf(origin string) string {
	if u, err := url.Parse(origin); err == nil {
		return u.Host
	}
	return ""
}

// registrationOf opens the token of a request: a bearer header, or the query
// of the configuration's address.
func (s *Server) registrationOf(r *http.Request) (*registration, bool) {
	token, sent := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !sent {
		token = r.URL.Query().Get("registration_token")
	}
	claims, valid := openHS256(s.platform.secrets.form, token, s.world.Clock.Now())
	if !valid {
		return nil, false
	}
	id, _ := claims["uuid"].(string)
	s.platform.mu.Lock()
	defer s.platform.mu.Unlock()
	reg, found := s.platform.reviews[id]
	return reg, found
}

// serveOpenIDConfiguration describes the platform to a tool that registers
// (app/controllers/security_controller.rb).
func (s *Server) serveOpenIDConfiguration(w http.ResponseWriter, r *http.Request) {
	if _, valid := s.registrationOf(r); !valid {
		reply{status: http.StatusUnauthorized, body: object{"errorMessage": "Invalid registration token"}}.write(w, false)
		return
	}
	canvas, sso := s.InstitutionURL(), s.SSOURL()
	root := s.world.Account("root")
	placements := make([]string, len(knownPlacements))
	for i, name := range knownPlacements {
		placements[i] = canvasMember + name
	}
	names := make([]string, 0, len(variables))
	for name := range variables {
		names = append(names, name)
	}
	slices.Sort(names)
	sendJSON(w, http.StatusOK, map[string]any{
		"issuer": s.issuer, "authorization_endpoint": sso + "/api/lti/authorize_redirect",
		"registration_endpoint": canvas + "/api/lti/registrations", "jwks_uri": sso + "/api/lti/security/jwks",
		"token_endpoint":                                   s.tokenURL(sso),
		"token_endpoint_auth_methods_supported":            []string{"private_key_jwt"},
		"token_endpoint_auth_signing_alg_values_supported": []string{"RS256"},
		"scopes_supported":                                 knownScopes,
		"response_types_supported":                         []string{"id_token"},
		"id_token_signing_alg_values_supported":            []string{"RS256"},
		"claims_supported":                                 []string{"sub", "picture", "email", "name", "given_name", "family_name", "locale"},
		"subject_types_supported":                          []string{"public"},
		"authorization_server":                             hostOf(sso),
		platformConfigurationMember: map[string]any{
			"product_family_code": "canvas", "version": "OpenSource",
			"messages_supported": []any{map[string]any{"type": "LtiResourceLinkRequest", "placements": placements}},
			"variables":          names, "notice_types_supported": []string{},
			canvasMember + "account_name": root.Name, canvasMember + "account_lti_guid": root.GUID,
			canvasMember + "account_domain": hostOf(canvas),
		},
	})
}

// registrationForm is what a tool posts.
type registrationForm struct {
	ApplicationType  string   `json:"application_type"`
	GrantTypes       []string `json:"grant_types"`
	ResponseTypes    []string `json:"response_types"`
	InitiateLoginURI string   `json:"initiate_login_uri"`
	RedirectURIs     []string `json:"redirect_uris"`
	ClientName       string   `json:"client_name"`
	JWKSURI          string   `json:"jwks_uri"`
	AuthMethod       string   `json:"token_endpoint_auth_method"`
	Scope            string   `json:"scope"`
	Tool             toolForm `json:"https://purl.imsglobal.org/spec/lti-tool-configuration"`
}

type toolForm struct {
	Domain           string            `json:"domain"`
	Description      string            `json:"description"`
	TargetLinkURI    string            `json:"target_link_uri"`
	CustomParameters map[string]string `json:"custom_parameters"`
	Claims           []string          `json:"claims"`
	Messages         []messageForm     `json:"messages"`
	PrivacyLevel     string            `json:"https://canvas.instructure.com/lti/privacy_level"`
}

type messageForm struct {
	Type             string            `json:"type"`
	TargetLinkURI    string            `json:"target_link_uri"`
	Label            string            `json:"label"`
	CustomParameters map[string]string `json:"custom_parameters"`
	Placements       []string          `json:"placements"`
	DefaultEnabled   *bool             `json:"https://canvas.instructure.com/lti/course_navigation/default_enabled"`
	Visibility       string            `json:"https://canvas.instructure.com/lti/visibility"`
	DisplayType      string            `json:"https://canvas.instructure.com/lti/display_type"`
}

// serveRegistration takes a tool's registration. The key exists from then on,
// but is off until an admin has reviewed it.
func (s *Server) serveRegistration(w http.ResponseWriter, r *http.Request) {
	reg, valid := s.registrationOf(r)
	if !valid {
		reply{status: http.StatusUnauthorized, body: object{"errorMessage": "Invalid registration token"}}.write(w, false)
		return
	}
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	var form registrationForm
	var echo map[string]any
	if err != nil || json.Unmarshal(raw, &form) != nil || json.Unmarshal(raw, &echo) != nil {
		registrationRefused("the body is not a registration").write(w, false)
		return
	}
	tool, err := form.tool()
	if err != nil {
		registrationRefused(err.Error()).write(w, false)
		return
	}
	unlock := s.lockBoth()
	defer unlock()
	if reg.state != registrationStarted {
		reply{status: http.StatusUnauthorized, body: object{"errorMessage": "This registration token was used"}}.write(w, false)
		return
	}
	key, err := s.platform.addKeyLocked(tool)
	if err != nil {
		registrationRefused(err.Error()).write(w, false)
		return
	}
	reg.state, reg.clientID = registrationSubmitted, key.tool.ClientID
	reg.deployment = s.deployLocked(key.tool.ClientID, place{"account", reg.account}, nil)
	echo["client_id"], echo["deployment_id"] = key.tool.ClientID, reg.deployment.ID
	if configuration, isObject := echo[toolConfigurationMember].(map[string]any); isObject {
		configuration[canvasMember+"registration_config_url"] = s.InstitutionURL() + "/api/lti/registrations/" + reg.id + "/view"
	}
	sendJSON(w, http.StatusOK, echo)
}

func registrationRefused(text string) reply {
	return reply{status: http.StatusUnprocessableEntity, body: object{"errors": []object{message(text)}}}
}

// tool checks a registration as app/models/lti/ims/registration.rb does. Roles
// and permissions cannot be asked for: a registered tool has no
// required_permissions until an admin adds them.
func (f registrationForm) tool() (Tool, error) {
	switch {
	case f.ApplicationType != "web":
		return Tool{}, fmt.Errorf("application_type must be web")
	case !slices.Contains(f.GrantTypes, "client_credentials") || !slices.Contains(f.GrantTypes, "implicit"):
		return Tool{}, fmt.Errorf("grant_types must include client_credentials and implicit")
	case !slices.Equal(f.ResponseTypes, []string{"id_token"}):
		return Tool{}, fmt.Errorf("response_types must be id_token")
	case f.AuthMethod != "private_key_jwt":
		return Tool{}, fmt.Errorf("token_endpoint_auth_method must be private_key_jwt")
	case f.JWKSURI == "":
		return Tool{}, fmt.Errorf("jwks_uri is required")
	}
	scopes := strings.Fields(f.Scope)
	for _, scope := range scopes {
		if !slices.Contains(knownScopes, scope) {
			return Tool{}, fmt.Errorf("scope %q is unknown", scope)
		}
	}
	t := Tool{
		Name: f.ClientName, Description: f.Tool.Description, LoginURL: f.InitiateLoginURI, RedirectURIs: f.RedirectURIs,
		TargetLinkURI: f.Tool.TargetLinkURI, Domain: f.Tool.Domain, JWKSURL: f.JWKSURI, Scopes: scopes,
		CustomFields: f.Tool.CustomParameters, PrivacyLevel: orElse(f.Tool.PrivacyLevel, inferredPrivacy(f.Tool.Claims)),
	}
	for _, m := range f.Tool.Messages {
		for _, name := range m.Placements {
			name = strings.TrimPrefix(name, canvasMember)
			if !slices.Contains(knownPlacements, name) {
				return Tool{}, fmt.Errorf("placement %q is unknown", name)
			}
			t.Placements = append(t.Placements, Placement{
				Name: name, Text: m.Label, TargetLinkURI: m.TargetLinkURI, CustomFields: m.CustomParameters,
				Visibility: m.Visibility, DisplayType: strings.TrimSuffix(m.DisplayType, "new_window"),
				NewWindow:         m.DisplayType == "new_window",
				DisabledByDefault: name == CourseNavigation && m.DefaultEnabled != nil && !*m.DefaultEnabled,
			})
		}
	}
	return t, nil
}

// inferredPrivacy is the level that Canvas reads from the claims if none is
// named; the docs say anonymous.
func inferredPrivacy(claims []string) string {
	names := slices.Contains(claims, "name") || slices.Contains(claims, "given_name") || slices.Contains(claims, "family_name")
	mail := slices.Contains(claims, "email")
	switch {
	case slices.Contains(claims, "picture") || names && mail:
		return PrivacyPublic
	case names:
		return PrivacyNameOnly
	case mail:
		return PrivacyEmailOnly
	}
	return PrivacyAnonymous
}
