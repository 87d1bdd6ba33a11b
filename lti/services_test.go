package lti

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jws"
)

// fixedKeys are SigningKeys in memory.
type fixedKeys struct {
	current SigningKey
	fail    error
}

func (k fixedKeys) Current(context.Context) (SigningKey, error) { return k.current, k.fail }
func (k fixedKeys) Published(context.Context) ([]PublicKey, error) {
	return []PublicKey{k.current.Public()}, k.fail
}

func toolKeys(tb testing.TB) fixedKeys {
	tb.Helper()
	k, err := newSigningKey(keyB())
	if err != nil {
		tb.Fatal(err)
	}
	return fixedKeys{current: k}
}

// services is a platform's token endpoint and roster, with Canvas's rules.
type services struct {
	*httptest.Server
	t        testing.TB
	mu       sync.Mutex
	now      func() time.Time
	public   *rsa.PublicKey
	jtis     map[string]bool
	tokens   atomic.Int32
	audience string                                   // whom an assertion must name
	valid    string                                   // the token the roster takes
	refuse   func(http.ResponseWriter) bool           // answers instead of the token endpoint
	roster   func(http.ResponseWriter, *http.Request) // answers instead of the roster
	accepted []string                                 // Accept headers and queries the roster saw

	deployment string // that the last assertion named
}

func newServices(tb testing.TB) (*services, Registration) {
	tb.Helper()
	s := &services{t: tb, now: time.Now, public: &keyB().PublicKey, jtis: map[string]bool{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login/oauth2/token", s.token)
	mux.HandleFunc("GET /api/lti/courses/1/names_and_roles", s.members)
	s.Server = httptest.NewTLSServer(mux)
	tb.Cleanup(s.Close)
	s.audience = s.URL + "/login/oauth2/token"
	return s, Registration{
		ID: "reg_1", ClientID: testClient, TokenURL: s.URL + "/login/oauth2/token",
		RosterHosts: []string{strings.TrimPrefix(s.URL, "https://")},
	}
}

// token checks an assertion as Canvas's JwtValidator does.
func (s *services) token(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse != nil && s.refuse(w) {
		return
	}
	problem := func() string {
		if r.FormValue("grant_type") != "client_credentials" ||
			r.FormValue("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
			return "unsupported"
		}
		payload, err := jws.Verify([]byte(r.FormValue("client_assertion")), jws.WithKey(jwa.RS256(), s.public))
		if err != nil {
			return "JWS signature invalid."
		}
		var c struct {
			Iss, Sub, Aud, Jti string
			Iat, Exp           int64
			Deployment         string `json:"https://purl.imsglobal.org/spec/lti/claim/deployment_id"`
		}
		if err := json.Unmarshal(payload, &c); err != nil {
			return err.Error()
		}
		now := s.now().Unix()
		switch {
		case c.Iss != testClient || c.Sub != testClient:
			return "the client is unknown"
		case c.Aud != s.audience:
			return "the 'aud' is invalid"
		case c.Iat < now-300 || c.Iat > now+30 || c.Exp <= now:
			return "the JWT has expired"
		case c.Jti == "" || s.jtis[c.Jti]:
			return "the 'jti' is invalid"
		}
		s.jtis[c.Jti] = true
		s.deployment = c.Deployment
		return ""
	}()
	if problem != "" {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": "invalid_request", "error_description": problem})
		return
	}
	s.valid = fmt.Sprintf("eyJ.access.%d", s.tokens.Add(1))
	writeJSON(w, http.StatusOK, map[string]any{
		"access_token": s.valid, "token_type": "Bearer", "expires_in": 3600, "scope": r.FormValue("scope"),
	})
}

// members answers with 120 people in pages of 50.
func (s *services) members(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accepted = append(s.accepted, r.Header.Get("Accept")+" "+r.URL.RawQuery)
	if r.Header.Get("Authorization") != "Bearer "+s.valid || s.valid == "" {
		writeJSON(w, http.StatusUnauthorized, map[string]any{"errors": map[string]any{"type": "refused"}})
		return
	}
	if s.roster != nil {
		s.roster(w, r)
		return
	}
	page := 1
	_, _ = fmt.Sscanf(r.URL.Query().Get("page"), "%d", &page)
	people := []map[string]any{}
	for i := (page - 1) * 50; i < min(page*50, 120); i++ {
		role := RoleLearner
		if i%40 == 0 {
			role = RoleInstructor
		}
		if want := r.URL.Query().Get("role"); want != "" && want != role {
			continue
		}
		people = append(people, map[string]any{
			"status": "Active", "user_id": fmt.Sprintf("user-%d", i), "roles": []string{role}, "name": fmt.Sprint("P ", i),
			"lti11_legacy_user_id": "x", "picture": nil,
		})
	}
	if page*50 < 120 {
		q := r.URL.Query()
		q.Set("page", fmt.Sprint(page+1))
		w.Header().Set("Link", fmt.Sprintf(`<%s%s?page=1>; rel="current", <%s%s?%s>; rel="next"`, s.URL, r.URL.Path, s.URL, r.URL.Path, q.Encode()))
	}
	w.Header().Set("Content-Type", mediaRoster+"; charset=utf-8")
	_ = json.NewEncoder(w).Encode(map[string]any{"id": s.URL + r.URL.String(), "context": map[string]any{"id": "c"}, "members": people})
}

func (s *services) rosterURL() string { return s.URL + "/api/lti/courses/1/names_and_roles" }

func TestServiceTokensAreKept(t *testing.T) {
	t.Parallel()
	s, reg := newServices(t)
	var clock atomic.Int64
	start := time.Now()
	now := func() time.Time { return start.Add(time.Duration(clock.Load())) }
	s.now = now
	tokens := &ServiceTokens{Keys: toolKeys(t), Client: s.Client(), Now: now}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := tokens.Token(t.Context(), reg, ScopeNamesRoles, "b"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	got, err := tokens.Token(t.Context(), reg, "b", ScopeNamesRoles)
	if err != nil || s.tokens.Load() != 1 {
		t.Fatalf("%d requests, %v", s.tokens.Load(), err)
	}
	if !slices.Contains(got.Scopes, ScopeNamesRoles) || !got.Expires.Equal(start.Add(time.Hour)) {
		t.Errorf("scopes %v, expires %v", got.Scopes, got.Expires)
	}
	// Another scope set is another token; so is another registration's.
	if _, err := tokens.Token(t.Context(), reg, ScopeNamesRoles); err != nil || s.tokens.Load() != 2 {
		t.Fatalf("%d requests, %v", s.tokens.Load(), err)
	}
	clock.Store(int64(59*time.Minute - 1))
	if _, err := tokens.Token(t.Context(), reg, ScopeNamesRoles); err != nil || s.tokens.Load() != 2 {
		t.Fatalf("more than a minute before expiry: %d requests, %v", s.tokens.Load(), err)
	}
	clock.Store(int64(59 * time.Minute))
	if _, err := tokens.Token(t.Context(), reg, ScopeNamesRoles); err != nil || s.tokens.Load() != 3 {
		t.Fatalf("shortly before expiry: %d requests, %v", s.tokens.Load(), err)
	}
	for _, shown := range []string{fmt.Sprint(got), fmt.Sprintf("%+v %#v", got, got), string(mustJSON(t, got)), fmt.Sprintf("%+v", struct{ t AccessToken }{got})} {
		if strings.Contains(shown, "eyJ.") {
			t.Errorf("a token shows itself: %s", shown)
		}
	}
	var none AccessToken
	req, _ := http.NewRequest(http.MethodGet, s.URL, nil)
	none.Authorize(req)
	if req.Header.Get("Authorization") != "" {
		t.Error("no token authorises")
	}
}

func TestServiceTokenRefusals(t *testing.T) {
	t.Parallel()
	answer := func(status int, body string) func(http.ResponseWriter) bool {
		return func(w http.ResponseWriter) bool {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
			return true
		}
	}
	s, reg := newServices(t)
	for name, refuse := range map[string]func(http.ResponseWriter) bool{
		"a plain refusal":       answer(400, `{"error":"invalid_scope","error_description":"no"}`),
		"a page":                answer(500, "<html>"),
		"success without token": answer(200, `{"token_type":"Bearer"}`),
		"another kind of token": answer(200, `{"access_token":"x","token_type":"mac"}`),
		"a token of two lines":  answer(200, `{"access_token":"x\r\nX-Evil: 1","token_type":"Bearer"}`),
		"success with a page":   answer(200, "<html>"),
		"two megabytes":         answer(200, strings.Repeat(" ", 2<<20)),
		"a redirect": func(w http.ResponseWriter) bool {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(http.StatusTemporaryRedirect)
			return true
		},
	} {
		s.refuse = refuse
		tokens := &ServiceTokens{Keys: toolKeys(t), Client: s.Client()}
		_, err := tokens.Token(t.Context(), reg, "s")
		var refused *TokenError
		if err == nil || errors.As(err, &refused) != strings.HasPrefix(name, "a ") && name != "a token of two lines" {
			t.Errorf("%s: %v", name, err)
		}
	}
	s.refuse = nil
	tokens := &ServiceTokens{Keys: fixedKeys{fail: errors.New("no key")}, Client: s.Client()}
	if _, err := tokens.Token(t.Context(), reg, "s"); err == nil {
		t.Error("a token without a key")
	}
	tokens = &ServiceTokens{Keys: fixedKeys{}, Client: s.Client()}
	if _, err := tokens.Token(t.Context(), reg, "s"); err == nil {
		t.Error("a token with an empty key")
	}
	tokens = &ServiceTokens{Keys: toolKeys(t), Client: s.Client()}
	s.public = &keyA().PublicKey
	var refused *TokenError
	if _, err := tokens.Token(t.Context(), reg, "s"); !errors.As(err, &refused) || refused.Status != 400 || refused.Description != "JWS signature invalid." {
		t.Errorf("a key that is not ours: %v", err)
	}
	reg.TokenURL = "http://sso.example.edu/token"
	if _, err := tokens.Token(t.Context(), reg, "s"); err == nil || strings.Contains(err.Error(), "JWS") {
		t.Errorf("a token URL of http: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := tokens.Token(ctx, reg, "s"); err == nil {
		t.Error("a token for a caller who left")
	}
}

func TestRoster(t *testing.T) {
	t.Parallel()
	s, reg := newServices(t)
	roster := &NamesRoles{Tokens: &ServiceTokens{Keys: toolKeys(t), Client: s.Client()}, Client: s.Client()}
	all, err := roster.Members(t.Context(), reg, s.rosterURL()+"?tool=1", "")
	if err != nil || len(all) != 120 || all[119].UserID != "user-119" || all[0].Status != "Active" {
		t.Fatalf("%d members, %v", len(all), err)
	}
	for _, seen := range s.accepted {
		if !strings.HasPrefix(seen, mediaRoster) || !strings.Contains(seen, "tool=1") || !strings.Contains(seen, "limit=50") {
			t.Errorf("asked %q", seen)
		}
	}
	teachers, err := roster.Members(t.Context(), reg, s.rosterURL(), RoleInstructor)
	if err != nil || len(teachers) != 3 {
		t.Fatalf("%d teachers, %v", len(teachers), err)
	}
	for _, m := range teachers {
		if !m.HasRole(RoleInstructor) || m.HasRole(RoleLearner) {
			t.Errorf("member %+v", m)
		}
	}
	if s.tokens.Load() != 1 {
		t.Errorf("%d tokens", s.tokens.Load())
	}
	// A token revoked before its time is replaced once.
	s.mu.Lock()
	s.valid = "revoked"
	s.mu.Unlock()
	if all, err = roster.Members(t.Context(), reg, s.rosterURL(), ""); err != nil || len(all) != 120 || s.tokens.Load() != 2 {
		t.Errorf("after a revocation: %d members, %d tokens, %v", len(all), s.tokens.Load(), err)
	}
}

func TestRosterRefusals(t *testing.T) {
	t.Parallel()
	s, reg := newServices(t)
	other, _ := newServices(t)
	roster := &NamesRoles{Tokens: &ServiceTokens{Keys: toolKeys(t), Client: s.Client()}, Client: s.Client()}
	for _, bad := range []string{
		"", "/api/lti", "http://" + reg.RosterHosts[0] + "/x", "https://evil.example/x", "https://" + reg.RosterHosts[0] + "@evil.example/",
		"https://u:p@" + reg.RosterHosts[0] + "/x", other.rosterURL(), "https://127.0.0.1/x",
	} {
		if bad == "http://"+reg.RosterHosts[0]+"/x" {
			continue // http is allowed for loopback, where this server is
		}
		if _, err := roster.Members(t.Context(), reg, bad, ""); err == nil {
			t.Errorf("%q was asked", bad)
		}
	}
	if s.tokens.Load() != 0 {
		t.Error("a token was got for a foreign host")
	}
	page := func(link, kind, body string) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, _ *http.Request) {
			if link != "" {
				w.Header().Set("Link", link)
			}
			w.Header().Set("Content-Type", kind)
			_, _ = io.WriteString(w, body)
		}
	}
	const empty = `{"members":[]}`
	for name, answer := range map[string]func(http.ResponseWriter, *http.Request){
		"a next page on another host":    page(`<`+other.rosterURL()+`>; rel="next"`, mediaRoster, empty),
		"a next page of http":            page(`<`+strings.Replace(s.rosterURL(), "https", "http", 1)+`>; rel="next"`, mediaRoster, empty),
		"a next page that is itself":     page(`<`+s.rosterURL()+`?limit=50>; rel="next"`, mediaRoster, empty),
		"a next page that is not a URL":  page(`<https://[::1>; rel="next"`, mediaRoster, empty),
		"a page of HTML":                 page("", "text/html", empty),
		"no members":                     page("", mediaRoster, `{}`),
		"members that are an object":     page("", mediaRoster, `{"members":{}}`),
		"rubbish":                        page("", mediaRoster, `members`),
		"two megabytes":                  page("", mediaRoster, `{"members":[]}`+strings.Repeat(" ", 2<<20)),
		"a redirect to another host":     func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.rosterURL(), http.StatusFound) },
		"not found":                      func(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) },
		"a token that is never accepted": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) },
	} {
		s.mu.Lock()
		s.roster = answer
		s.mu.Unlock()
		got, err := roster.Members(t.Context(), reg, s.rosterURL(), "")
		if err == nil {
			t.Errorf("%s: %d members", name, len(got))
		}
		var refused *RosterError
		if errors.As(err, &refused) && refused.Status != 404 && refused.Status != 401 && refused.Status != 302 {
			t.Errorf("%s: status %d", name, refused.Status)
		}
	}
	if other.tokens.Load() != 0 || len(other.accepted) != 0 {
		t.Error("another host was asked")
	}
	s.mu.Lock()
	s.roster = page("", "application/json", `{"members":[{"roles":[]},{"user_id":"u","status":""}]}`)
	s.mu.Unlock()
	got, err := roster.Members(t.Context(), reg, s.rosterURL(), "")
	if err != nil || len(got) != 1 || got[0].Status != "Active" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestToolKeys(t *testing.T) {
	t.Parallel()
	keys := toolKeys(t)
	der, err := keys.current.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseSigningKey(der)
	if err != nil || again.ID != keys.current.ID || !again.key.Equal(keys.current.key) {
		t.Fatalf("read back %v, %v", again, err)
	}
	for _, shown := range []string{fmt.Sprint(again), fmt.Sprintf("%+v", again), fmt.Sprintf("%#v", again), string(mustJSON(t, again))} {
		if strings.Contains(shown, again.key.D.String()) || strings.Contains(shown, base64url(again.key.D.Bytes())) || !strings.Contains(shown, again.ID) {
			t.Errorf("a key shows itself: %.80s", shown)
		}
	}
	small, _ := newSigningKey(keySmall())
	weak, _ := small.Bytes()
	for name, bad := range map[string][]byte{"nothing": nil, "rubbish": []byte("x"), "a key below 2048 bits": weak} {
		if _, err := ParseSigningKey(bad); err == nil {
			t.Errorf("%s is a key", name)
		}
	}
	if _, err := (SigningKey{}).Bytes(); err == nil {
		t.Error("no key has bytes")
	}
	if _, err := KeySet((SigningKey{ID: "x"}).Public()); err == nil {
		t.Error("no key is published")
	}

	w := httptest.NewRecorder()
	KeySetHandler(keys).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/lti/jwks.json", nil))
	parsed, err := parseKeySet(w.Body.Bytes())
	if err != nil || w.Header().Get("Cache-Control") != "public, max-age=600" {
		t.Fatalf("%v: %s", err, w.Body)
	}
	if public, err := parsed[keys.current.ID].usable(); err != nil || !public.Equal(&keyB().PublicKey) {
		t.Errorf("published %v, %v", public, err)
	}
	for _, member := range []string{`"alg":"RS256"`, `"use":"sig"`, `"kty":"RSA"`} { // Canvas answers 422 without
		if !strings.Contains(w.Body.String(), member) {
			t.Errorf("the set lacks %s", member)
		}
	}
	for _, private := range []string{`"d"`, `"p"`, `"q"`} {
		if strings.Contains(w.Body.String(), private) {
			t.Errorf("the set has %s", private)
		}
	}
	w = httptest.NewRecorder()
	KeySetHandler(fixedKeys{fail: errors.New("database away: secret")}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if w.Code != http.StatusServiceUnavailable || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestGenerateKey(t *testing.T) {
	t.Parallel()
	k, err := GenerateKey()
	if err != nil || k.key.N.BitLen() != 2048 || len(k.ID) != 43 {
		t.Fatalf("%v, %v", k, err)
	}
}

func TestErrorsOfCallsHideTheQuery(t *testing.T) {
	t.Parallel()
	u, _ := url.Parse("https://127.0.0.1:1/x?registration_token=secret")
	_, err := call(nil, &http.Request{Method: http.MethodGet, URL: u, Header: http.Header{}}, false)
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v", err)
	}
}
