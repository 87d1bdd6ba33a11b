package lti_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"time"

	"github.com/tokendesk/tokendesk/lti"
)

// platform is a small learning management system for the examples: one course,
// with a teacher who opens the tool, on a loopback address of its own.
type platform struct {
	*httptest.Server
	key *rsa.PrivateKey
}

const (
	exampleClient = "desk"
	exampleClaim  = "https://purl.imsglobal.org/spec/lti/claim/"
)

// Generating an RSA key is slow: the examples share one.
var exampleKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func startPlatform() *platform {
	p := &platform{key: exampleKey()}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		set, _ := lti.KeySet(lti.PublicKey{ID: "2026", Key: &p.key.PublicKey})
		_, _ = w.Write(set)
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		answer(w, http.StatusOK, map[string]any{
			"access_token": "service", "token_type": "bearer", "expires_in": 3600, "scope": r.PostFormValue("scope"),
		})
	})
	mux.HandleFunc("GET /members", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer service" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/vnd.ims.lti-nrps.v2.membershipcontainer+json")
		_ = json.NewEncoder(w).Encode(map[string]any{"members": []any{
			map[string]any{"user_id": "u1", "status": "Active", "name": "Grace Hopper", "roles": []string{lti.RoleInstructor}},
			map[string]any{"user_id": "u2", "status": "Active", "name": "Maya Chen", "roles": []string{lti.RoleLearner}},
		}})
	})
	mux.HandleFunc("GET /configuration", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, p.configuration()) })
	mux.HandleFunc("POST /register", func(w http.ResponseWriter, r *http.Request) {
		var tool map[string]any
		body, _ := io.ReadAll(r.Body)
		if json.Unmarshal(body, &tool) != nil || r.Header.Get("Authorization") != "Bearer one-time" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		tool["client_id"], tool["deployment_id"] = exampleClient, "course-1"
		answer(w, http.StatusOK, tool)
	})
	p.Server = httptest.NewServer(mux)
	return p
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func (p *platform) configuration() map[string]any {
	rs256 := []string{"RS256"}
	return map[string]any{
		"issuer": p.URL, "authorization_endpoint": p.URL + "/auth", "token_endpoint": p.URL + "/token",
		"jwks_uri": p.URL + "/keys", "registration_endpoint": p.URL + "/register",
		"scopes_supported": []string{lti.ScopeNamesRoles}, "response_types_supported": []string{"id_token"},
		"token_endpoint_auth_methods_supported":            []string{"private_key_jwt"},
		"token_endpoint_auth_signing_alg_values_supported": rs256, "id_token_signing_alg_values_supported": rs256,
		"https://purl.imsglobal.org/spec/lti-platform-configuration": map[string]any{
			"product_family_code": "example", "version": "1",
			"messages_supported": []any{map[string]any{"type": "LtiResourceLinkRequest"}},
		},
	}
}

// registration is what the tool knows about this platform.
func (p *platform) registration() lti.Registration {
	host, _ := url.Parse(p.URL)
	return lti.Registration{
		ID: "college", Issuer: p.URL, ClientID: exampleClient,
		AuthURL: p.URL + "/auth", TokenURL: p.URL + "/token", KeySetURL: p.URL + "/keys",
		Deployments: []lti.Deployment{{ID: "course-1", Root: true}}, RosterHosts: []string{host.Host},
	}
}

// login is what the platform posts when somebody opens the tool.
func (p *platform) login(target string) url.Values {
	return url.Values{
		"iss": {p.URL}, "client_id": {exampleClient}, "lti_deployment_id": {"course-1"},
		"login_hint": {"u1"}, "target_link_uri": {target},
	}
}

// launch answers an authentication request of the tool, as the form that the
// platform has the browser post.
func (p *platform) launch(request *url.URL) url.Values {
	q := request.Query()
	now := time.Now()
	payload, err := json.Marshal(map[string]any{
		"iss": p.URL, "aud": q.Get("client_id"), "azp": q.Get("client_id"), "sub": q.Get("login_hint"), "nonce": q.Get("nonce"),
		"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(), "name": "Grace Hopper",
		exampleClaim + "message_type": "LtiResourceLinkRequest", exampleClaim + "version": "1.3.0",
		exampleClaim + "deployment_id": "course-1", exampleClaim + "target_link_uri": "https://tool.example.edu/",
		exampleClaim + "roles":         []string{lti.RoleInstructor},
		exampleClaim + "context":       map[string]any{"id": "1", "title": "Compilers", "type": []string{lti.ContextCourse}},
		exampleClaim + "resource_link": map[string]any{"id": "7"},
	})
	if err != nil {
		panic(err)
	}
	input := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256","kid":"2026"}`)) + "." + base64.RawURLEncoding.EncodeToString(payload)
	sum := sha256.Sum256([]byte(input))
	signature, err := rsa.SignPKCS1v15(rand.Reader, p.key, crypto.SHA256, sum[:])
	if err != nil {
		panic(err)
	}
	return url.Values{"state": {q.Get("state")}, "id_token": {fmt.Sprintf("%s.%s", input, base64.RawURLEncoding.EncodeToString(signature))}}
}
