package lti

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func testProfile() Profile {
	return Profile{
		Title: "Token Desk", Description: "API tokens", ToolID: "token-desk",
		PublicURL: "https://tool.example.edu", LoginURL: "https://tool.example.edu/lti/login",
		RedirectURIs: []string{"https://tool.example.edu/lti/launch"}, TargetLinkURI: "https://tool.example.edu/",
		KeySetURL: "https://tool.example.edu/lti/jwks.json", IconURL: "https://tool.example.edu/icon.svg",
		Scopes: []string{ScopeNamesRoles, "https://purl.imsglobal.org/spec/lti/scope/noticehandlers"}, PrivacyLevel: "public",
		CustomFields: map[string]string{"user_id": "$Canvas.user.id", "is_root_admin": "$Canvas.user.isRootAccountAdmin"},
		Placements: []Placement{
			{
				Name: CourseNavigation, Text: "API tokens", Labels: map[string]string{"de": "API-Schlüssel"}, Visibility: VisibleToMembers,
				Hidden: true, CustomFields: map[string]string{"course_id": "$Canvas.course.id"},
			},
			{
				Name: AccountNavigation, Visibility: VisibleToAdmins, RequiredPermissions: []string{"create_access_tokens", "manage_account_settings"},
				RootAccountOnly: true, TargetLinkURI: "https://tool.example.edu/admin",
			},
			{Name: UserNavigation},
		},
	}
}

func TestConfiguration(t *testing.T) {
	t.Parallel()
	body, err := testProfile().Configuration()
	if err != nil {
		t.Fatal(err)
	}
	want := `{
		"title":"Token Desk","description":"API tokens","oidc_initiation_url":"https://tool.example.edu/lti/login",
		"target_link_uri":"https://tool.example.edu/","public_jwk_url":"https://tool.example.edu/lti/jwks.json",
		"scopes":["https://purl.imsglobal.org/spec/lti-nrps/scope/contextmembership.readonly","https://purl.imsglobal.org/spec/lti/scope/noticehandlers"],
		"custom_fields":{"user_id":"$Canvas.user.id","is_root_admin":"$Canvas.user.isRootAccountAdmin"},
		"extensions":[{"platform":"canvas.instructure.com","domain":"tool.example.edu","tool_id":"token-desk","privacy_level":"public",
			"settings":{"text":"Token Desk","icon_url":"https://tool.example.edu/icon.svg","placements":[
				{"placement":"course_navigation","enabled":true,"message_type":"LtiResourceLinkRequest","text":"API tokens","labels":{"de":"API-Schlüssel"},
				 "target_link_uri":"https://tool.example.edu/","display_type":"full_width_in_context","visibility":"members","default":"disabled",
				 "custom_fields":{"course_id":"$Canvas.course.id"}},
				{"placement":"account_navigation","enabled":true,"message_type":"LtiResourceLinkRequest","text":"Token Desk",
				 "target_link_uri":"https://tool.example.edu/admin","display_type":"full_width_in_context","visibility":"admins",
				 "required_permissions":"create_access_tokens,manage_account_settings","root_account_only":true},
				{"placement":"user_navigation","enabled":true,"message_type":"LtiResourceLinkRequest","text":"Token Desk",
				 "target_link_uri":"https://tool.example.edu/","display_type":"full_width_in_context"}]}}]}`
	sameJSON(t, body, want)

	bare, err := Profile{
		Title: "T", Description: "D", PublicURL: "https://t.example", LoginURL: "https://t.example/l", KeySetURL: "https://t.example/k",
		TargetLinkURI: "https://t.example/", RedirectURIs: []string{"https://t.example/r"}, PrivacyLevel: "anonymous",
	}.Configuration()
	if err != nil || !strings.Contains(string(bare), `"scopes": []`) || !strings.Contains(string(bare), `"custom_fields": {}`) {
		t.Errorf("%v: %s", err, bare)
	}
}

func sameJSON(t *testing.T, got []byte, want string) {
	t.Helper()
	var g, w any
	if err := json.Unmarshal(got, &g); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(g, w) {
		t.Errorf("got %s\nwant %s", mustJSON(t, g), mustJSON(t, w))
	}
}

func TestProfileValidate(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(*Profile){
		"no title":              func(p *Profile) { p.Title = "" },
		"no description":        func(p *Profile) { p.Description = "" },
		"no redirect URI":       func(p *Profile) { p.RedirectURIs = nil },
		"a privacy level":       func(p *Profile) { p.PrivacyLevel = "secret" },
		"a login URL of http":   func(p *Profile) { p.LoginURL = "http://tool.example.edu/lti/login" },
		"no key set URL":        func(p *Profile) { p.KeySetURL = "" },
		"a relative target":     func(p *Profile) { p.TargetLinkURI = "/" },
		"a nameless placement":  func(p *Profile) { p.Placements[0].Name = "" },
		"a redirect that is no": func(p *Profile) { p.RedirectURIs = []string{"x"} },
	} {
		p := testProfile()
		edit(&p)
		if _, err := p.Configuration(); err == nil {
			t.Errorf("%s: configured", name)
		}
		if _, err := p.Registration(PlatformConfiguration{}); err == nil {
			t.Errorf("%s: registered", name)
		}
	}
}

// registrar is Canvas's side of dynamic registration.
type registrar struct {
	*httptest.Server
	config map[string]any
	got    []byte
	answer func(http.ResponseWriter, map[string]any)
}

const registrationToken = "eyJ.registration.token"

func newRegistrar(t *testing.T) (*registrar, *DynamicRegistration) {
	t.Helper()
	s := &registrar{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/lti/security/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+registrationToken || r.URL.Query().Get("registration_token") != registrationToken {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		writeJSON(w, http.StatusOK, s.config)
	})
	mux.HandleFunc("POST /api/lti/registrations", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+registrationToken || r.Header.Get("Content-Type") != "application/json" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		s.got, _ = io.ReadAll(r.Body)
		var echo map[string]any
		_ = json.Unmarshal(s.got, &echo)
		s.answer(w, echo)
	})
	s.Server = httptest.NewTLSServer(mux)
	t.Cleanup(s.Close)
	s.answer = func(w http.ResponseWriter, echo map[string]any) {
		echo["client_id"] = "10000000000007"
		echo["deployment_id"] = testDeployment
		echo[toolConfigKey].(map[string]any)[canvasExtension+"registration_config_url"] = s.URL + "/api/lti/registrations/5"
		writeJSON(w, http.StatusOK, echo)
	}
	s.config = map[string]any{
		"issuer": "https://canvas.example.edu", "authorization_endpoint": "https://sso.example.edu/api/lti/authorize_redirect",
		"registration_endpoint": s.URL + "/api/lti/registrations", "jwks_uri": "https://sso.example.edu/api/lti/security/jwks",
		"token_endpoint": "https://sso.example.edu/login/oauth2/token", "token_endpoint_auth_methods_supported": []any{"private_key_jwt"},
		"token_endpoint_auth_signing_alg_values_supported": []any{"RS256"}, "scopes_supported": []any{"openid", ScopeNamesRoles},
		"response_types_supported": []any{"id_token"}, "id_token_signing_alg_values_supported": []any{"RS256"},
		"claims_supported": []any{"sub"}, "subject_types_supported": []any{"public"}, "authorization_server": "sso.example.edu",
		"https://purl.imsglobal.org/spec/lti-platform-configuration": map[string]any{
			"product_family_code": "canvas", "version": "vCloud", "variables": []any{"Canvas.user.id"},
			"messages_supported": []any{
				map[string]any{"type": "LtiResourceLinkRequest", "placements": []any{
					"https://canvas.instructure.com/lti/course_navigation", "account_navigation", "https://canvas.instructure.com/lti/wiki_page_menu",
				}},
				map[string]any{"type": "LtiDeepLinkingRequest", "placements": []any{"ContentArea", "user_navigation"}},
			},
			canvasExtension + "account_name": "Example College", canvasExtension + "account_lti_guid": testGUID,
			canvasExtension + "account_domain": "canvas.example.edu",
		},
	}
	d := &DynamicRegistration{
		Client: s.Client(),
		TrustHost: func(host string) bool {
			return host == strings.TrimPrefix(s.URL, "https://") || host == "example.edu" || strings.HasSuffix(host, ".example.edu")
		},
	}
	return s, d
}

func (s *registrar) configURL() string {
	return s.URL + "/api/lti/security/openid-configuration?registration_token=" + registrationToken
}

func TestDynamicRegistration(t *testing.T) {
	t.Parallel()
	s, d := newRegistrar(t)
	cfg, err := d.Discover(t.Context(), s.configURL(), registrationToken)
	if err != nil {
		t.Fatal(err)
	}
	want := PlatformConfiguration{
		Issuer: "https://canvas.example.edu", AuthURL: "https://sso.example.edu/api/lti/authorize_redirect",
		TokenURL: "https://sso.example.edu/login/oauth2/token", KeySetURL: "https://sso.example.edu/api/lti/security/jwks",
		RegistrationEndpoint: s.URL + "/api/lti/registrations", AuthorizationServer: "sso.example.edu", Scopes: []string{"openid", ScopeNamesRoles},
		ProductFamily: "canvas", Version: "vCloud", Variables: []string{"Canvas.user.id"},
		Placements:  []PlacementName{CourseNavigation, AccountNavigation, "wiki_page_menu"},
		AccountName: "Example College", AccountGUID: testGUID, AccountDomain: "canvas.example.edu",
	}
	if !reflect.DeepEqual(cfg, want) {
		t.Errorf("got %+v, want %+v", cfg, want)
	}
	reg, err := d.Register(t.Context(), cfg, registrationToken, testProfile())
	if err != nil {
		t.Fatal(err)
	}
	if reg.ClientID != "10000000000007" || reg.DeploymentID != testDeployment || !slices.Equal(reg.Scopes, []string{ScopeNamesRoles}) ||
		!slices.Equal(reg.Placements, []PlacementName{CourseNavigation, AccountNavigation}) || reg.ConfigURL == "" {
		t.Errorf("registered %+v", reg)
	}
	sameJSON(t, s.got, `{
		"application_type":"web","grant_types":["client_credentials","implicit"],"response_types":["id_token"],
		"initiate_login_uri":"https://tool.example.edu/lti/login","redirect_uris":["https://tool.example.edu/lti/launch"],
		"client_name":"Token Desk","jwks_uri":"https://tool.example.edu/lti/jwks.json","token_endpoint_auth_method":"private_key_jwt",
		"logo_uri":"https://tool.example.edu/icon.svg","scope":"https://purl.imsglobal.org/spec/lti-nrps/scope/contextmembership.readonly",
		"https://purl.imsglobal.org/spec/lti-tool-configuration":{
			"domain":"tool.example.edu","description":"API tokens","target_link_uri":"https://tool.example.edu/",
			"custom_parameters":{"user_id":"$Canvas.user.id","is_root_admin":"$Canvas.user.isRootAccountAdmin"},
			"claims":["iss","sub","locale","name","given_name","family_name","email"],
			"https://canvas.instructure.com/lti/privacy_level":"public","https://canvas.instructure.com/lti/tool_id":"token-desk",
			"messages":[
				{"type":"LtiResourceLinkRequest","target_link_uri":"https://tool.example.edu/","label":"API tokens","icon_uri":"https://tool.example.edu/icon.svg",
				 "placements":["course_navigation"],"custom_parameters":{"course_id":"$Canvas.course.id"},
				 "https://canvas.instructure.com/lti/course_navigation/default_enabled":false,
				 "https://canvas.instructure.com/lti/visibility":"members","https://canvas.instructure.com/lti/display_type":"full_width_in_context"},
				{"type":"LtiResourceLinkRequest","target_link_uri":"https://tool.example.edu/admin","label":"Token Desk","icon_uri":"https://tool.example.edu/icon.svg",
				 "placements":["account_navigation"],"custom_parameters":{},
				 "https://canvas.instructure.com/lti/visibility":"admins","https://canvas.instructure.com/lti/display_type":"full_width_in_context"}]}}`)
}

func TestRegistrationAnswers(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		edit   func(map[string]any)
		client string
		deploy string
	}{
		"a client id that is a number": {set("client_id", 10000000000007), "10000000000007", testDeployment},
		"no deployment id":             {del("deployment_id"), "10000000000007", ""},
		"a deployment id of null":      {set("deployment_id", nil), "10000000000007", ""},
		"the specification's deployment id": {func(c map[string]any) {
			delete(c, "deployment_id")
			c[toolConfigKey].(map[string]any)["deployment_id"] = "8:x"
		}, "10000000000007", "8:x"},
		"everything stripped by the admin":  {func(c map[string]any) { c["scope"] = ""; delete(c, toolConfigKey) }, "10000000000007", testDeployment},
		"no client id":                      {del("client_id"), "", ""},
		"a client id that is an object":     {set("client_id", map[string]any{}), "", ""},
		"a deployment id that is not ASCII": {set("deployment_id", "ü"), "", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, d := newRegistrar(t)
			s.answer = func(w http.ResponseWriter, echo map[string]any) {
				echo["client_id"], echo["deployment_id"] = "10000000000007", testDeployment
				tt.edit(echo)
				writeJSON(w, http.StatusCreated, echo)
			}
			reg, err := d.Register(t.Context(), PlatformConfiguration{RegistrationEndpoint: s.URL + "/api/lti/registrations"}, registrationToken, testProfile())
			if (err != nil) != (tt.client == "") || reg.ClientID != tt.client || reg.DeploymentID != tt.deploy {
				t.Errorf("%+v, %v", reg, err)
			}
		})
	}
	t.Run("a refusal", func(t *testing.T) {
		t.Parallel()
		s, d := newRegistrar(t)
		s.answer = func(w http.ResponseWriter, _ map[string]any) {
			http.Error(w, "unknown scope, token "+registrationToken, http.StatusUnprocessableEntity)
		}
		_, err := d.Register(t.Context(), PlatformConfiguration{RegistrationEndpoint: s.URL + "/api/lti/registrations"}, registrationToken, testProfile())
		var refused *RegistrationError
		if !errors.As(err, &refused) || refused.Status != 422 || !strings.Contains(refused.Detail, "unknown scope") || strings.Contains(err.Error(), registrationToken) {
			t.Errorf("%v", err)
		}
	})
	t.Run("rubbish", func(t *testing.T) {
		t.Parallel()
		s, d := newRegistrar(t)
		s.answer = func(w http.ResponseWriter, _ map[string]any) { _, _ = io.WriteString(w, "<html>") }
		if _, err := d.Register(t.Context(), PlatformConfiguration{RegistrationEndpoint: s.URL + "/api/lti/registrations"}, registrationToken, testProfile()); err == nil {
			t.Error("registered")
		}
	})
}

func TestDiscoverRefusals(t *testing.T) {
	t.Parallel()
	platformKey := "https://purl.imsglobal.org/spec/lti-platform-configuration"
	for name, edit := range map[string]func(map[string]any){
		"no issuer":                             del("issuer"),
		"an issuer elsewhere":                   set("issuer", "https://evil.example"),
		"an issuer of http":                     set("issuer", "http://canvas.example.edu"),
		"an authentication endpoint elsewhere":  set("authorization_endpoint", "https://evil.example/auth"),
		"a key set elsewhere":                   set("jwks_uri", "https://evil.example/jwks"),
		"a key set of http":                     set("jwks_uri", "http://sso.example.edu/jwks"),
		"a token endpoint elsewhere":            set("token_endpoint", "https://169.254.169.254/token"),
		"a registration endpoint elsewhere":     set("registration_endpoint", "https://example.edu.evil.example/r"),
		"a registration endpoint with a user":   set("registration_endpoint", "https://sso.example.edu@evil.example/r"),
		"no registration endpoint":              del("registration_endpoint"),
		"no LTI platform":                       del(platformKey),
		"another algorithm":                     set("id_token_signing_alg_values_supported", []any{"HS256"}),
		"another token endpoint authentication": set("token_endpoint_auth_methods_supported", []any{"client_secret_basic"}),
		"another assertion algorithm":           set("token_endpoint_auth_signing_alg_values_supported", []any{"ES256"}),
		"another response type":                 set("response_types_supported", []any{"code"}),
		"a list for an endpoint":                set("jwks_uri", []any{"x"}),
		"a key set at another port":             set("jwks_uri", "https://canvas.example.edu:8443/jwks"),
		"an authorization server of two lines":  set("authorization_server", "x\r\ny"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, d := newRegistrar(t)
			edit(s.config)
			if cfg, err := d.Discover(t.Context(), s.configURL(), registrationToken); err == nil {
				t.Errorf("accepted %+v", cfg)
			} else if strings.Contains(err.Error(), registrationToken) {
				t.Errorf("the error has the token: %v", err)
			}
		})
	}
	s, d := newRegistrar(t)
	for _, bad := range []string{"", "/x", "http://canvas.example.edu/", "https://evil.example/x", "file:///etc/passwd", "https://[::ffff:169.254.169.254]/"} {
		if _, err := d.Discover(t.Context(), bad, registrationToken); err == nil {
			t.Errorf("%q was fetched", bad)
		}
	}
	for _, bad := range []string{"other", "a b", "x\r\nHost: evil", strings.Repeat("x", 9000)} {
		if _, err := d.Discover(t.Context(), s.configURL(), bad); err == nil {
			t.Errorf("token %.20q", bad)
		}
	}
	if _, err := (&DynamicRegistration{Client: s.Client()}).Discover(t.Context(), s.configURL(), registrationToken); err == nil {
		t.Error("without TrustHost everything is trusted")
	}
}

func TestClaimsByPrivacyLevel(t *testing.T) {
	t.Parallel()
	for level, want := range map[string]string{
		"anonymous": "iss sub locale", "name_only": "iss sub locale name given_name family_name",
		"email_only": "iss sub locale email", "public": "iss sub locale name given_name family_name email",
	} {
		if got := strings.Join(Profile{PrivacyLevel: level}.claims(), " "); got != want {
			t.Errorf("%s: %s", level, got)
		}
	}
}
