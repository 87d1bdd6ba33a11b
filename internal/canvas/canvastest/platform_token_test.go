package canvastest

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jws"
)

func TestServiceTokenRefusals(t *testing.T) {
	t.Parallel()
	for sentence, c := range map[string]struct {
		assertion   func(*launchRig) func(map[string]any)
		form        func(url.Values)
		before      func(*launchRig)
		host        func(*Server) string
		code, words string
	}{
		"another grant": {form: func(f url.Values) { f.Set("grant_type", "password") }, code: "unsupported_grant_type", words: "grant_type"},
		"another kind of assertion": {
			form: func(f url.Values) { f.Set("client_assertion_type", "x") }, code: "invalid_request", words: "client_assertion_type",
		},
		"no assertion": {form: func(f url.Values) { f.Del("client_assertion") }, code: "invalid_request", words: "Could not decode"},
		"claims left out": {
			assertion: func(*launchRig) func(map[string]any) {
				return func(c map[string]any) { delete(c, "aud"); delete(c, "jti") }
			}, code: "invalid_request", words: "the following assertions are missing: aud,jti",
		},
		"an audience that is not the host called": {
			host: (*Server).InstitutionURL, code: "invalid_request", words: "the 'aud' is invalid",
		},
		"an old and expired assertion": {
			before: func(r *launchRig) { r.w.Clock.Advance(-10 * time.Minute) },
			assertion: func(r *launchRig) func(map[string]any) {
				return func(map[string]any) { r.w.Clock.Advance(10 * time.Minute) }
			}, code: "invalid_request", words: "the JWT has expired | the 'iat' must be less than 5 minutes old",
		},
		"an assertion from the future": {
			assertion: func(r *launchRig) func(map[string]any) {
				return func(c map[string]any) { c["iat"] = r.w.Clock.Now().Add(31 * time.Second).Unix() }
			}, code: "invalid_request", words: "the 'iat' must not be in the future",
		},
		"an unknown client": {
			assertion: func(*launchRig) func(map[string]any) { return func(c map[string]any) { c["sub"] = "10000000000999" } },
			code:      "invalid_request", words: "unknown or inactive client",
		},
		"a key that is switched off": {
			before: func(r *launchRig) { r.s.SetKeyActive(r.at.ClientID, false) },
			code:   "invalid_request", words: "unknown or inactive client",
		},
		"a key set that is no JSON": {
			before: func(r *launchRig) { r.keys = func() []byte { return []byte("<html>") } },
			code:   "invalid_request", words: "JWK Error: Invalid JSON",
		},
		"a key set that does not answer": {
			// Its port stays taken: a closed one may be somebody else's by now.
			before: func(r *launchRig) { r.keys = func() []byte { panic(http.ErrAbortHandler) } }, code: "invalid_request", words: "JWK Error",
		},
		"a key set without the key": {
			before: func(r *launchRig) { r.keys = func() []byte { return []byte(`{"keys":[]}`) } },
			code:   "invalid_request", words: "JWS signature invalid.",
		},
		"a scope that was not granted": {
			form: func(f url.Values) { f.Set("scope", ScopeNamesAndRoles+" "+ScopeScore) }, code: "invalid_scope", words: "not granted: " + ScopeScore,
		},
		"no scope": {form: func(f url.Values) { f.Del("scope") }, code: "invalid_scope", words: "scope"},
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			r := newLaunchRig(t, nil)
			if c.before != nil {
				c.before(r)
			}
			var change func(map[string]any)
			if c.assertion != nil {
				change = c.assertion(r)
			}
			form := r.tokenForm(r.assert(change), ScopeNamesAndRoles)
			if c.form != nil {
				c.form(form)
			}
			host := r.s.SSOURL()
			if c.host != nil {
				host = c.host(r.s)
			}
			a := r.nobody().do("POST", host+"/login/oauth2/token", form.Encode()).want(http.StatusBadRequest)
			body := decode[struct {
				Error       string
				Description string `json:"error_description"`
			}](a)
			if body.Error != c.code || !strings.Contains(body.Description, c.words) {
				t.Errorf("answered %s", a.raw)
			}
		})
	}
}

func TestServiceTokenSignatures(t *testing.T) {
	t.Parallel()
	r := newLaunchRig(t, nil)
	claims := r.assert(nil)
	ask := func(assertion string) answer {
		return r.nobody().do("POST", r.s.SSOURL()+"/login/oauth2/token", r.tokenForm(assertion, ScopeNamesAndRoles).Encode())
	}
	ask(claims).want(200)
	head, rest, _ := strings.Cut(claims, ".")
	body, _, _ := strings.Cut(rest, ".")
	ask(head + "." + body + ".AAAA").want(400)
	parsed, err := jws.Parse([]byte(claims))
	if err != nil {
		t.Fatal(err)
	}
	other, err := jws.Sign(parsed.Payload(), jws.WithKey(jwa.PS256(), r.key))
	if err != nil {
		t.Fatal(err)
	}
	if a := ask(string(other)).want(400); !strings.Contains(a.raw, "JWS signature invalid.") {
		t.Errorf("PS256: %s", a.raw)
	}
}

func TestServiceTokenOnEitherHostAndWithPastedKeys(t *testing.T) {
	t.Parallel()
	var pasted []byte
	r := newLaunchRig(t, nil)
	pasted = r.keys()
	institution := r.s.InstitutionURL() + "/login/oauth2/token"
	assertion := r.assert(func(c map[string]any) { c["aud"] = []string{institution, "https://elsewhere.example"} })
	r.nobody().do("POST", institution, r.tokenForm(assertion, ScopeNamesAndRoles).Encode()).want(200)
	if err := r.s.UpdateTool(r.at.ClientID, func(tool *Tool) { tool.JWKSURL, tool.PublicJWKS = "", pasted }); err != nil {
		t.Fatal(err)
	}
	token := r.serviceToken()
	r.get(r.rosterURL("bio201"), token).want(200)
	// Such a token opens no REST call.
	r.get(r.s.InstitutionURL()+"/api/v1/users/self", token).want(401)
}
