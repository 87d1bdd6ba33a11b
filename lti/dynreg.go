package lti

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Names of LTI dynamic registration 1.0, and of Canvas's extensions to it.
const (
	toolConfigKey   = "https://purl.imsglobal.org/spec/lti-tool-configuration"
	canvasExtension = "https://canvas.instructure.com/lti/"
)

// DynamicRegistration speaks the tool's side of LTI dynamic registration. The
// caller serves the registration URL, and must ask for an invitation of its own
// there: the URL is public, and what it is given says whom to call.
type DynamicRegistration struct {
	// Client makes the calls; a plain http.Client if nil. Its transport must
	// refuse private addresses. Redirects are never followed.
	Client *http.Client
	// TrustHost decides, for every URL of the platform's configuration and for
	// the configuration's own, whether its host may be a platform of ours. The
	// issuer, the account's host and the sign-on host of a hosted Canvas all
	// differ, so equality cannot decide. The host is written as the package writes
	// hosts. It is required.
	TrustHost func(host string) bool
}

// PlatformConfiguration is a platform's openid-configuration, checked.
type PlatformConfiguration struct {
	Issuer               string
	AuthURL              string
	TokenURL             string
	KeySetURL            string
	RegistrationEndpoint string
	AuthorizationServer  string   // whom an assertion must name instead of TokenURL; often empty
	Scopes               []string // that the platform supports
	ProductFamily        string   // "canvas"
	Version              string
	Variables            []string // custom variables that it can expand; empty if it lists none
	Placements           []PlacementName
	AccountName          string // Canvas: of the root account
	AccountGUID          string // Canvas: the tool_platform.guid of its launches
	AccountDomain        string // Canvas: the institution's own host
}

// RegistrationError is a platform's refusal of a registration. Canvas answers
// 422 to what fails its validation and 401 to a token it does not know.
type RegistrationError struct {
	Status int
	Detail string // the platform's text, shortened
}

// Error returns status and detail.
func (e *RegistrationError) Error() string {
	return fmt.Sprintf("lti: platform refused the registration: status %d: %s", e.Status, e.Detail)
}

// Discover fetches and checks the configuration at configURL, both parameters
// as the platform gave them to the registration URL. The query of configURL is
// kept, since Canvas repeats the token there; neither is ever in an error.
func (d *DynamicRegistration) Discover(ctx context.Context, configURL, token string) (PlatformConfiguration, error) {
	var none PlatformConfiguration
	u, err := d.trusted("openid_configuration", configURL)
	if err != nil {
		return none, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return none, errors.New("lti: openid_configuration is not a URL")
	}
	got, err := d.call(req, token)
	if err != nil {
		return none, err
	}
	if got.status != http.StatusOK {
		return none, fmt.Errorf("lti: openid_configuration: status %d", got.status)
	}
	return d.readConfiguration(got.body)
}

type platformDocument struct {
	Issuer       string   `json:"issuer"`
	Auth         string   `json:"authorization_endpoint"`
	Token        string   `json:"token_endpoint"`
	KeySet       string   `json:"jwks_uri"`
	Registration string   `json:"registration_endpoint"`
	AuthServer   string   `json:"authorization_server"`
	Scopes       []string `json:"scopes_supported"`
	Responses    []string `json:"response_types_supported"`
	AuthMethods  []string `json:"token_endpoint_auth_methods_supported"`
	TokenAlgs    []string `json:"token_endpoint_auth_signing_alg_values_supported"`
	IDTokenAlgs  []string `json:"id_token_signing_alg_values_supported"`
	Platform     *struct {
		Family   string `json:"product_family_code"`
		Version  string `json:"version"`
		Messages []struct {
			Type       string   `json:"type"`
			Placements []string `json:"placements"`
		} `json:"messages_supported"`
		Variables []string `json:"variables"`
		Name      string   `json:"https://canvas.instructure.com/lti/account_name"`
		GUID      string   `json:"https://canvas.instructure.com/lti/account_lti_guid"`
		Domain    string   `json:"https://canvas.instructure.com/lti/account_domain"`
	} `json:"https://purl.imsglobal.org/spec/lti-platform-configuration"`
}

func (d *DynamicRegistration) readConfiguration(body []byte) (PlatformConfiguration, error) {
	var doc platformDocument
	if err := json.Unmarshal(body, &doc); err != nil {
		return PlatformConfiguration{}, errors.New("lti: openid_configuration is not JSON of the expected shape")
	}
	if doc.Platform == nil {
		return PlatformConfiguration{}, errors.New("lti: openid_configuration is not that of an LTI platform")
	}
	for _, f := range []struct{ name, raw string }{
		{"issuer", doc.Issuer}, {"authorization_endpoint", doc.Auth}, {"token_endpoint", doc.Token},
		{"jwks_uri", doc.KeySet}, {"registration_endpoint", doc.Registration},
	} {
		if _, err := d.trusted(f.name, f.raw); err != nil {
			return PlatformConfiguration{}, err
		}
	}
	for _, f := range []struct {
		name, want string
		have       []string
	}{
		{"response_types_supported", "id_token", doc.Responses},
		{"token_endpoint_auth_methods_supported", "private_key_jwt", doc.AuthMethods},
		{"token_endpoint_auth_signing_alg_values_supported", "RS256", doc.TokenAlgs},
		{"id_token_signing_alg_values_supported", "RS256", doc.IDTokenAlgs},
	} {
		if !slices.Contains(f.have, f.want) {
			return PlatformConfiguration{}, fmt.Errorf("lti: openid_configuration: %s lacks %s", f.name, f.want)
		}
	}
	if !plain(doc.AuthServer, 512) {
		return PlatformConfiguration{}, errors.New("lti: openid_configuration: authorization_server is malformed")
	}
	cfg := PlatformConfiguration{
		Issuer: doc.Issuer, AuthURL: doc.Auth, TokenURL: doc.Token, KeySetURL: doc.KeySet,
		RegistrationEndpoint: doc.Registration, AuthorizationServer: doc.AuthServer, Scopes: doc.Scopes,
		ProductFamily: doc.Platform.Family, Version: doc.Platform.Version, Variables: doc.Platform.Variables,
		AccountName: doc.Platform.Name, AccountGUID: doc.Platform.GUID, AccountDomain: doc.Platform.Domain,
	}
	for _, m := range doc.Platform.Messages {
		if m.Type == messageResourceLink {
			cfg.Placements = append(cfg.Placements, placementNames(m.Placements)...)
		}
	}
	return cfg, nil
}

// placementNames takes off the prefix that newer Canvas writes.
func placementNames(raw []string) []PlacementName {
	names := make([]PlacementName, 0, len(raw))
	for _, name := range raw {
		names = append(names, PlacementName(strings.TrimPrefix(name, canvasExtension)))
	}
	return names
}

// trusted checks a URL that the platform gave. Errors name the member, not the
// URL, whose query may hold the token.
func (d *DynamicRegistration) trusted(name, raw string) (*url.URL, error) {
	u, err := endpoint(raw)
	if err != nil {
		return nil, fmt.Errorf("lti: %s %w", name, err)
	}
	if host := HostOf(u); d.TrustHost == nil || !d.TrustHost(host) {
		return nil, fmt.Errorf("lti: %s: host %q is not a trusted platform", name, host)
	}
	return u, nil
}

func (d *DynamicRegistration) call(req *http.Request, token string) (answer, error) {
	req.Header.Set("Accept", "application/json")
	if token != "" {
		if !plain(token, 8<<10) || strings.ContainsAny(token, " \t") {
			return answer{}, errors.New("lti: registration_token is malformed")
		}
		req.Header.Set("Authorization", "Bearer "+token)
	}
	got, err := call(d.Client, req, false)
	if err != nil {
		return answer{}, fmt.Errorf("lti: registration: %w", err)
	}
	return got, nil
}

// IsCanvas reports whether the platform says that it is Canvas.
func (c PlatformConfiguration) IsCanvas() bool { return c.ProductFamily == "canvas" }

// Registration returns what a RegistrationStore needs to know of the platform
// once Register succeeded; id is the caller's own key for it. Roster and frames
// are at the host that took the registration. No deployment is marked as the
// root's, and where the platform named none, every launch is refused until the
// caller adds one.
func (c PlatformConfiguration) Registration(id string, got Registered) (Registration, error) {
	u, err := endpoint(c.RegistrationEndpoint)
	if err != nil {
		return Registration{}, fmt.Errorf("lti: registration_endpoint %w", err)
	}
	r := Registration{
		ID: id, Issuer: c.Issuer, ClientID: got.ClientID, Canvas: c.IsCanvas(),
		AuthURL: c.AuthURL, TokenURL: c.TokenURL, KeySetURL: c.KeySetURL, Audience: c.AuthorizationServer,
		PlatformGUID: c.AccountGUID, RosterHosts: []string{HostOf(u)}, FrameOrigins: []string{origin(u)},
	}
	if r.Canvas { // which names a bare host there, and refuses an assertion for it
		r.Audience = ""
	}
	if got.DeploymentID != "" {
		r.Deployments = []Deployment{{ID: got.DeploymentID}}
	}
	return r, r.ValidateWaiting()
}

// Registered is a platform's answer: what it made of our registration. The
// admin has yet to review and enable it, and may take scopes and placements
// away or lower the privacy level, so nothing of it is a promise.
type Registered struct {
	ClientID     string
	DeploymentID string // empty on older Canvas: then it is learnt by the admin
	Scopes       []string
	Placements   []PlacementName
	ConfigURL    string // Canvas: where the registration can be read back
}

// Register posts the profile as a registration to the platform.
func (d *DynamicRegistration) Register(ctx context.Context, cfg PlatformConfiguration, token string, p Profile) (Registered, error) {
	if _, err := d.trusted("registration_endpoint", cfg.RegistrationEndpoint); err != nil {
		return Registered{}, err
	}
	body, err := p.Registration(cfg)
	if err != nil {
		return Registered{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, cfg.RegistrationEndpoint, bytes.NewReader(body))
	if err != nil {
		return Registered{}, errors.New("lti: registration_endpoint is not a URL")
	}
	req.Header.Set("Content-Type", "application/json")
	got, err := d.call(req, token)
	if err != nil {
		return Registered{}, err
	}
	if got.status != http.StatusOK && got.status != http.StatusCreated {
		detail := string(got.body)
		if token != "" { // some errors repeat what was sent
			detail = strings.ReplaceAll(detail, token, "[token]")
		}
		return Registered{}, &RegistrationError{Status: got.status, Detail: printable(detail, 300)}
	}
	return readRegistered(got.body)
}

func readRegistered(body []byte) (Registered, error) {
	var doc struct {
		ClientID     idText `json:"client_id"`
		DeploymentID idText `json:"deployment_id"`
		Scope        string `json:"scope"`
		Tool         struct {
			DeploymentID idText `json:"deployment_id"`
			ConfigURL    string `json:"https://canvas.instructure.com/lti/registration_config_url"`
			Messages     []struct {
				Placements []string `json:"placements"`
			} `json:"messages"`
		} `json:"https://purl.imsglobal.org/spec/lti-tool-configuration"`
	}
	if err := json.Unmarshal(body, &doc); err != nil {
		return Registered{}, errors.New("lti: registration answer is not JSON of the expected shape")
	}
	out := Registered{
		ClientID: string(doc.ClientID), DeploymentID: string(doc.DeploymentID),
		Scopes: strings.Fields(doc.Scope), ConfigURL: doc.Tool.ConfigURL,
	}
	if out.DeploymentID == "" {
		out.DeploymentID = string(doc.Tool.DeploymentID) // where the specification puts it
	}
	if !shortASCII(out.ClientID) || out.DeploymentID != "" && !shortASCII(out.DeploymentID) {
		return Registered{}, errors.New("lti: registration answer has no usable client id")
	}
	for _, m := range doc.Tool.Messages {
		out.Placements = append(out.Placements, placementNames(m.Placements)...)
	}
	return out, nil
}

// idText is an id that some platforms write as a number.
type idText string

func (t *idText) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, (*string)(t))
	}
	var n json.Number
	if err := json.Unmarshal(b, &n); err != nil {
		return err
	}
	*t = idText(n)
	return nil
}

// Registration returns the document that Register posts: scopes and placements
// are those of the profile that the platform supports, if it says. Source:
// Canvas app/models/lti/ims/registration.rb.
func (p Profile) Registration(cfg PlatformConfiguration) ([]byte, error) {
	if err := p.validate(); err != nil {
		return nil, err
	}
	scopes := slices.DeleteFunc(slices.Clone(p.Scopes), func(s string) bool {
		return len(cfg.Scopes) > 0 && !slices.Contains(cfg.Scopes, s)
	})
	messages := make([]any, 0, len(p.Placements))
	for _, pl := range p.Placements {
		if len(cfg.Placements) > 0 && !slices.Contains(cfg.Placements, pl.Name) {
			continue
		}
		messages = append(messages, p.message(pl))
	}
	tool := map[string]any{
		"domain":                          p.domain(),
		"description":                     p.Description,
		"target_link_uri":                 p.TargetLinkURI,
		"custom_parameters":               fields(p.CustomFields),
		"claims":                          p.claims(),
		"messages":                        messages,
		canvasExtension + "privacy_level": p.PrivacyLevel,
	}
	if p.ToolID != "" {
		tool[canvasExtension+"tool_id"] = p.ToolID
	}
	doc := map[string]any{ //nolint:gosec // names of OAuth parameters, no credentials
		"application_type":           "web",
		"grant_types":                []string{"client_credentials", "implicit"},
		"response_types":             []string{"id_token"},
		"initiate_login_uri":         p.LoginURL,
		"redirect_uris":              p.RedirectURIs,
		"client_name":                p.Title,
		"jwks_uri":                   p.KeySetURL,
		"token_endpoint_auth_method": "private_key_jwt",
		"scope":                      strings.Join(scopes, " "),
		toolConfigKey:                tool,
	}
	if p.IconURL != "" {
		doc["logo_uri"] = p.IconURL
	}
	return json.Marshal(doc)
}

// claims names what the privacy level asks for; older Canvas infers the level
// from it.
func (p Profile) claims() []string {
	claims := []string{"iss", "sub", "locale"}
	if p.PrivacyLevel == "name_only" || p.PrivacyLevel == "public" {
		claims = append(claims, "name", "given_name", "family_name")
	}
	if p.PrivacyLevel == "email_only" || p.PrivacyLevel == "public" {
		claims = append(claims, "email")
	}
	return claims
}

func (p Profile) message(pl Placement) map[string]any {
	m := map[string]any{
		"type":                           messageResourceLink,
		"target_link_uri":                p.target(pl),
		"label":                          p.text(pl),
		"placements":                     []string{string(pl.Name)},
		"custom_parameters":              fields(pl.CustomFields),
		canvasExtension + "display_type": "full_width_in_context",
	}
	if p.IconURL != "" {
		m["icon_uri"] = p.IconURL
	}
	if pl.Visibility != "" {
		m[canvasExtension+"visibility"] = string(pl.Visibility)
	}
	if pl.Name == CourseNavigation {
		m[canvasExtension+"course_navigation/default_enabled"] = !pl.Hidden
	}
	return m
}
