package canvastest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jws"
)

// serviceTokenLife is the expires_in of a service token.
const serviceTokenLife = 3600

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// serveServiceToken issues tokens for LTI services by client credentials
// (lib/canvas/oauth/client_credentials_provider.rb and the validator
// lib/canvas/security/jwt_validator.rb). Such a token opens no REST call.
func (s *Server) serveServiceToken(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
	w.Header().Set("Cache-Control", "no-store")
	if err := r.ParseForm(); err != nil {
		oauthError("invalid_request", "unreadable form").write(w, false)
		return
	}
	form := r.PostForm
	switch {
	case form.Get("grant_type") == "refresh_token":
		s.refreshGrant(form).write(w, false)
		return
	case form.Get("grant_type") != "client_credentials":
		oauthError("unsupported_grant_type", "The grant_type you requested is not currently supported").write(w, false)
		return
	case form.Get("client_assertion_type") != assertionType:
		oauthError("invalid_request", "the client_assertion_type is invalid").write(w, false)
		return
	}
	key, description := s.checkAssertion(r, form.Get("client_assertion"))
	if description != "" {
		oauthError("invalid_request", description).write(w, false)
		return
	}
	scopes := strings.Fields(form.Get("scope"))
	for _, scope := range scopes {
		if !slices.Contains(key.tool.Scopes, scope) {
			// The exact body is unconfirmed.
			oauthError("invalid_scope", "A requested scope is invalid, unknown, malformed, or exceeds the scope granted by the resource owner. The following scopes were requested, but not granted: "+scope).write(w, false)
			return
		}
	}
	if len(scopes) == 0 {
		oauthError("invalid_scope", "A requested scope is invalid, unknown, malformed, or exceeds the scope granted by the resource owner.").write(w, false)
		return
	}
	now := s.world.Clock.Now()
	token := signHS256(s.platform.secrets.service, map[string]any{
		"iss": "Canvas", "sub": key.tool.ClientID, "aud": []string{s.tokenURL(s.InstitutionURL()), s.tokenURL(s.SSOURL())},
		"iat": now.Unix(), "exp": now.Unix() + serviceTokenLife, "nbf": now.Add(-30 * time.Second).Unix(),
		"jti": randomUUID(), "scopes": strings.Join(scopes, " "),
	})
	ok(object{
		"access_token": token, "token_type": "Bearer", "expires_in": serviceTokenLife, "scope": strings.Join(scopes, " "),
	}).write(w, false)
}

func (s *Server) tokenURL(origin string) string { return origin + "/login/oauth2/token" }

func oauthError(code, description string) reply {
	return reply{status: http.StatusBadRequest, body: object{"error": code, "error_description": description}}
}

// assertion is what Canvas reads from a client assertion. Members are raw so
// that a missing one and a wrong one are told apart.
type assertion struct {
	Iss string          `json:"iss"`
	Sub string          `json:"sub"`
	Aud json.RawMessage `json:"aud"`
	Iat *float64        `json:"iat"`
	Exp *float64        `json:"exp"`
	Jti string          `json:"jti"`
}

// checkAssertion finds the developer key by the assertion's sub and verifies
// it. description is empty if all is well; several failures are joined as
// Canvas joins them.
func (s *Server) checkAssertion(r *http.Request, token string) (key developerKey, description string) {
	var a assertion
	parsed, err := jws.Parse([]byte(token))
	if err != nil || json.Unmarshal(parsed.Payload(), &a) != nil {
		return key, "Could not decode the client assertion"
	}
	if missing := a.missing(); len(missing) > 0 {
		return key, "the following assertions are missing: " + strings.Join(missing, ",")
	}
	key, found := s.developer(a.Sub)
	if !found || !key.active {
		return key, "unknown or inactive client"
	}
	set, err := s.keysOf(r, key.tool)
	if err != nil {
		return key, err.Error()
	}
	if _, err := jws.Verify([]byte(token), jws.WithKeySet(set, jws.WithInferAlgorithmFromKey(true))); err != nil || !onlyRS256(parsed) {
		return key, "JWS signature invalid."
	}
	host := s.InstitutionURL()
	if strings.EqualFold(r.Host, strings.TrimPrefix(strings.TrimPrefix(s.SSOURL(), "http://"), "https://")) {
		host = s.SSOURL()
	}
	return key, strings.Join(a.failures(s.tokenURL(host), s.world.Clock.Now()), " | ")
}

func onlyRS256(m *jws.Message) bool {
	for _, sig := range m.Signatures() {
		if alg, found := sig.ProtectedHeaders().Algorithm(); !found || alg != jwa.RS256() {
			return false
		}
	}
	return len(m.Signatures()) == 1
}

func (a assertion) missing() []string {
	var missing []string
	for _, m := range []struct {
		name   string
		absent bool
	}{
		{"sub", a.Sub == ""}, {"aud", len(a.Aud) == 0 || string(a.Aud) == "null"}, {"exp", a.Exp == nil},
		{"iat", a.Iat == nil}, {"jti", a.Jti == ""}, {"iss", a.Iss == ""},
	} {
		if m.absent {
			missing = append(missing, m.name)
		}
	}
	return missing
}

// failures are the time and audience rules: iat at most five minutes old and
// at most 30 seconds ahead, exp ahead, aud exactly the token URL called.
func (a assertion) failures(tokenURL string, now time.Time) []string {
	var failed []string
	var one string
	var many []string
	_ = json.Unmarshal(a.Aud, &one)
	_ = json.Unmarshal(a.Aud, &many)
	if one != tokenURL && !slices.Contains(many, tokenURL) {
		failed = append(failed, "the 'aud' is invalid")
	}
	if int64(*a.Exp) <= now.Unix() {
		failed = append(failed, "the JWT has expired")
	}
	switch iat := int64(*a.Iat); {
	case iat < now.Add(-5*time.Minute).Unix():
		failed = append(failed, "the 'iat' must be less than 5 minutes old")
	case iat > now.Add(30*time.Second).Unix():
		failed = append(failed, "the 'iat' must not be in the future")
	}
	return failed
}

// serviceCaller opens the bearer token of an LTI service call and checks that
// its key is still on and that it carries the scope.
func (s *Server) serviceCaller(r *http.Request, scope string) (developerKey, *reply) {
	refused := func(text string) (developerKey, *reply) {
		return developerKey{}, refuse(serviceError(http.StatusUnauthorized, "unauthorized", text))
	}
	token, sent := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !sent || token == "" {
		return refused("Missing access token")
	}
	claims, valid := openHS256(s.platform.secrets.service, token, s.world.Clock.Now())
	if !valid {
		return refused("Access token invalid or expired")
	}
	clientID, _ := claims["sub"].(string)
	key, found := s.developer(clientID)
	if !found || !key.active {
		return refused("Unknown or inactive Developer Key")
	}
	granted, _ := claims["scopes"].(string)
	if !slices.Contains(strings.Fields(granted), scope) || !slices.Contains(key.tool.Scopes, scope) {
		return refused("Insufficient permissions")
	}
	return key, nil
}

// serviceError is the shape of lib/lti/ims/advantage_errors.rb.
func serviceError(status int, kind, text string) reply {
	return reply{status: status, body: object{"errors": object{"type": kind, "message": text}}}
}

// maxKeySet bounds a tool's key set.
const maxKeySet = 1 << 20

// fetch gets a tool's document, on every call anew.
func (s *Server) fetch(ctx context.Context, address string) ([]byte, error) {
	if address == "" {
		return nil, errors.New("no key set URL")
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("bad address: %w", err)
	}
	req.Header.Set("User-Agent", "canvas-standin")
	resp, err := outbound().Do(req)
	if err != nil {
		return nil, errors.New("the key set could not be fetched")
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the key set answered %d", resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxKeySet))
	if err != nil {
		return nil, errors.New("the key set could not be read")
	}
	return body, nil
}
