package canvastest

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// registrationBody is a complete registration of a tool.
func registrationBody(tool string) map[string]any {
	return map[string]any{
		"application_type": "web", "grant_types": []string{"client_credentials", "implicit"}, "response_types": []string{"id_token"},
		"initiate_login_uri": tool + "/lti/login", "redirect_uris": []string{tool + "/lti/launch"}, "client_name": "Desk",
		"jwks_uri": tool + "/lti/jwks.json", "token_endpoint_auth_method": "private_key_jwt", "scope": ScopeNamesAndRoles,
		toolConfigurationMember: map[string]any{
			"domain": "127.0.0.1", "target_link_uri": tool + "/lti/launch", "claims": []string{"name", "email"},
			"custom_parameters": map[string]string{"id": "$Canvas.user.id"},
			"messages": []any{map[string]any{
				"type": "LtiResourceLinkRequest", "label": "Desk here",
				"placements": []string{"course_navigation", canvasMember + "account_navigation"},
			}},
		},
	}
}

// register walks a registration up to the tool's post and returns the answer.
func register(r *launchRig, change func(map[string]any)) (id string, got answer) {
	r.t.Helper()
	open, id, err := r.s.StartRegistration("dana", r.tool.URL+"/lti/register?invite=1")
	if err != nil {
		r.t.Fatal(err)
	}
	u, err := url.Parse(open)
	if err != nil {
		r.t.Fatal(err)
	}
	token := u.Query().Get("registration_token")
	r.must(u.Query().Get("invite") == "1" && token != "", "opened %s", open)
	configuration := decode[map[string]any](r.get(u.Query().Get("openid_configuration"), "").want(200))
	body := registrationBody(r.tool.URL)
	if change != nil {
		change(body)
	}
	caller := r.with(token)
	return id, caller.do("POST", configuration["registration_endpoint"].(string), body)
}

func TestRegistrationFromConfigurationToLaunch(t *testing.T) {
	t.Parallel()
	r := newLaunchRig(t, nil)
	id, got := register(r, nil)
	answer := decode[struct {
		ClientID     string `json:"client_id"`
		DeploymentID string `json:"deployment_id"`
		ClientName   string `json:"client_name"`
	}](got.want(200))
	made, found := r.s.Registration(id)
	if !found || answer.ClientID != made.ClientID || answer.DeploymentID != made.ID || answer.ClientName != "Desk" {
		t.Fatalf("answer %s", got.raw)
	}
	// Nothing works before the review.
	r.at = made
	maya := r.inBrowser("maya", "canvas")
	q := r.authParamsFor(r.login(maya, r.inCourse("bio201")))
	if form := formIn(t, r.authorize(maya, q).want(200).raw, ""); form.values.Get("error") != "unauthorized_client" {
		t.Errorf("before the review: %v", form.values)
	}

	dana := r.inBrowser("dana", "canvas")
	review := "/accounts/" + r.w.Account("root").ID.String() + "/registrations/" + id
	r.must(strings.Contains(dana.do("GET", review, nil).want(200).raw, ScopeNamesAndRoles), "the review shows the scope")
	r.inBrowser("lena", "canvas").do("GET", review, nil).want(401)
	kept := url.Values{"name": {"Campus desk"}, "privacy": {PrivacyNameOnly}, "placement": {CourseNavigation}}
	dana.do("POST", review, kept.Encode()).want(http.StatusSeeOther)
	tool, _ := r.s.ToolConfiguration(made.ClientID)
	if tool.Name != "Campus desk" || tool.PrivacyLevel != PrivacyNameOnly || len(tool.Scopes) != 0 || len(tool.Placements) != 1 {
		t.Errorf("after the review: %+v", tool)
	}
	l := r.launch(maya, r.inCourse("bio201"))
	if l.claims["aud"] != made.ClientID || l.custom("id") == nil || l.claims[namesClaim] != nil || l.claims["email"] != nil {
		t.Errorf("claims %v", l.claims)
	}
	if err := r.s.EnableRegistration(id, nil); err == nil {
		t.Error("a registration was reviewed twice")
	}
}

func TestConfigurationDescribesThePlatform(t *testing.T) {
	t.Parallel()
	r := newLaunchRig(t, nil)
	open, _, err := r.s.StartRegistration("dana", r.tool.URL+"/lti/register")
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(open)
	body := decode[map[string]any](r.get(u.Query().Get("openid_configuration"), "").want(200))
	for name, want := range map[string]string{
		"issuer": DefaultIssuer, "authorization_endpoint": r.s.SSOURL() + "/api/lti/authorize_redirect",
		"jwks_uri": r.s.SSOURL() + "/api/lti/security/jwks", "token_endpoint": r.s.SSOURL() + "/login/oauth2/token",
		"registration_endpoint": r.s.InstitutionURL() + "/api/lti/registrations",
	} {
		if body[name] != want {
			t.Errorf("%s = %v, want %s", name, body[name], want)
		}
	}
	platform, _ := body[platformConfigurationMember].(map[string]any)
	if platform["product_family_code"] != "canvas" || platform[canvasMember+"account_lti_guid"] != r.w.Account("root").GUID {
		t.Errorf("platform %v", platform)
	}
	address := r.s.InstitutionURL() + "/api/lti/security/openid-configuration"
	r.get(address, "").want(401)
	r.get(address+"?registration_token=x", "").want(401)
	r.w.Clock.Advance(time.Hour)
	r.get(u.Query().Get("openid_configuration"), "").want(401)
	if _, _, err := r.s.StartRegistration("dana", "javascript:alert(1)"); err == nil {
		t.Error("a registration URL that is none")
	}
}

func TestRegistrationRefusals(t *testing.T) {
	t.Parallel()
	r := newLaunchRig(t, nil)
	for sentence, change := range map[string]func(map[string]any){
		"another application type": func(b map[string]any) { b["application_type"] = "native" },
		"a grant left out":         func(b map[string]any) { b["grant_types"] = []string{"implicit"} },
		"another response type":    func(b map[string]any) { b["response_types"] = []string{"code"} },
		"another method":           func(b map[string]any) { b["token_endpoint_auth_method"] = "client_secret_post" },
		"no key set":               func(b map[string]any) { delete(b, "jwks_uri") },
		"an unknown scope":         func(b map[string]any) { b["scope"] = "openid" },
		"no redirect":              func(b map[string]any) { b["redirect_uris"] = []string{} },
		"a redirect that is none":  func(b map[string]any) { b["redirect_uris"] = []string{"/launch"} },
		"an unknown placement": func(b map[string]any) {
			b[toolConfigurationMember].(map[string]any)["messages"] = []any{map[string]any{"placements": []string{"nowhere"}}}
		},
	} {
		_, got := register(r, change)
		if got.status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d %s", sentence, got.status, got.raw)
		}
	}
	r.with("x").do("POST", "/api/lti/registrations", registrationBody(r.tool.URL)).want(401)
	open, _, _ := r.s.StartRegistration("dana", r.tool.URL)
	u, _ := url.Parse(open)
	once := r.with(u.Query().Get("registration_token"))
	once.do("POST", "/api/lti/registrations", registrationBody(r.tool.URL)).want(200)
	once.do("POST", "/api/lti/registrations", registrationBody(r.tool.URL)).want(401)
}

func TestKeyConfigurationIsReadAsCanvasReadsIt(t *testing.T) {
	t.Parallel()
	config := func(change func(map[string]any)) []byte {
		c := map[string]any{
			"title": "Campus Desk", "description": "d", "target_link_uri": "https://tool.example/lti/launch",
			"oidc_initiation_url": "https://tool.example/lti/login", "public_jwk_url": "https://tool.example/lti/jwks.json",
			"scopes": []string{ScopeNamesAndRoles}, "custom_fields": map[string]string{"a": "$Canvas.user.id"},
			"extensions": []any{
				map[string]any{"platform": "other.example", "settings": map[string]any{}},
				map[string]any{
					"platform": "canvas.instructure.com", "domain": "tool.example", "privacy_level": "public",
					"settings": map[string]any{"text": "Desk", "placements": []any{
						map[string]any{
							"placement": "course_navigation", "default": "disabled", "visibility": "members",
							"custom_fields": map[string]string{"b": "$Canvas.course.id"},
						},
						map[string]any{"placement": "account_navigation", "text": "Admin", "required_permissions": "manage_account_settings"},
						map[string]any{"placement": "user_navigation", "enabled": false},
					}},
				},
			},
		}
		if change != nil {
			change(c)
		}
		raw, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	tool, err := ToolFromConfig(config(nil), []string{"https://tool.example/lti/launch"})
	if err != nil {
		t.Fatal(err)
	}
	course, _ := tool.placement(CourseNavigation)
	account, _ := tool.placement(AccountNavigation)
	if tool.Name != "Campus Desk" || tool.PrivacyLevel != PrivacyPublic || len(tool.Placements) != 2 ||
		course.Text != "Desk" || !course.DisabledByDefault || course.Visibility != "members" || course.CustomFields["b"] == "" ||
		account.Text != "Admin" || account.RequiredPermissions != "manage_account_settings" {
		t.Errorf("read %+v", tool)
	}
	for sentence, change := range map[string]func(map[string]any){
		"no title":         func(c map[string]any) { delete(c, "title") },
		"an unknown scope": func(c map[string]any) { c["scopes"] = []string{"x"} },
		"no key":           func(c map[string]any) { delete(c, "public_jwk_url") },
		"a pasted key without alg": func(c map[string]any) {
			c["public_jwk"] = map[string]any{"kty": "RSA", "e": "AQAB", "n": "x", "kid": "k", "use": "sig"}
		},
		"settings without placements": func(c map[string]any) {
			c["extensions"] = []any{map[string]any{"platform": "canvas.instructure.com", "settings": map[string]any{}}}
		},
		"an unknown visibility": func(c map[string]any) {
			c["extensions"] = []any{map[string]any{"platform": "canvas.instructure.com", "settings": map[string]any{
				"placements": []any{map[string]any{"placement": "course_navigation", "visibility": "everybody"}},
			}}}
		},
	} {
		if _, err := ToolFromConfig(config(change), []string{"https://tool.example/lti/launch"}); err == nil {
			t.Errorf("%s was accepted", sentence)
		}
	}
	if _, err := ToolFromConfig(config(nil), nil); err == nil {
		t.Error("no redirect URI was accepted")
	}
	if _, err := ToolFromConfig([]byte("["), nil); err == nil {
		t.Error("half a document was accepted")
	}
}

func TestAdminPastesAKeyConfiguration(t *testing.T) {
	t.Parallel()
	r := newLaunchRig(t, nil)
	page := "/accounts/" + r.w.Account("root").ID.String() + "/developer_keys"
	dana := r.inBrowser("dana", "canvas")
	bad := dana.do("POST", page, url.Values{"config": {`{"title":"<b>"}`}, "redirect_uris": {"x"}}.Encode()).want(422)
	r.must(strings.Contains(bad.raw, "is required") && strings.Contains(bad.raw, "{&#34;title&#34;:&#34;&lt;b&gt;&#34;}"), "what was typed is kept")
	config, err := json.Marshal(map[string]any{
		"title": "Pasted", "description": "d", "target_link_uri": r.tool.URL, "oidc_initiation_url": r.tool.URL, "public_jwk_url": r.tool.URL,
		"extensions": []any{map[string]any{"platform": "canvas.instructure.com", "settings": map[string]any{"placements": []any{
			map[string]any{"placement": "account_navigation"},
		}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	dana.do("POST", page, url.Values{"config": {string(config)}, "redirect_uris": {r.tool.URL}}.Encode()).want(http.StatusSeeOther)
	shown := dana.do("GET", page, nil).want(200).raw
	r.must(strings.Contains(shown, "Pasted") && strings.Contains(shown, "10000000000003"), "the key is listed")
	dana.do("POST", page+"/10000000000003/state", "state=off").want(http.StatusSeeOther)
	r.must(!strings.Contains(dana.do("GET", "/accounts/"+r.w.Account("root").ID.String(), nil).raw, ">Pasted<"), "a key that is off is in no menu")
	r.inBrowser("lena", "canvas").do("POST", page, url.Values{"config": {string(config)}}.Encode()).want(401)
}
