package lti

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jws"
)

// ServiceTokens gets access tokens for a platform's services by the client
// credentials grant with a signed assertion (1EdTech Security Framework 1.0
// §4.1), and keeps them until shortly before they expire. The zero value with
// Keys is usable; it must not be copied after first use.
type ServiceTokens struct {
	Keys   SigningKeys
	Client *http.Client     // a plain http.Client if nil; redirects are never followed
	Now    func() time.Time // time.Now if nil

	mu     sync.Mutex
	tokens map[string]*serviceToken

	// signing lets one assertion be signed at a time: it costs milliseconds of
	// computing that launches need.
	signing sync.Mutex
}

type serviceToken struct {
	busy  chan struct{} // holds one item while nobody is getting a token
	token AccessToken
}

// AccessToken authorises requests to one platform. It is a secret and prints
// as a mask.
type AccessToken struct {
	value   *string // a pointer, so that fmt cannot print it from inside another struct
	Expires time.Time
	Scopes  []string // as granted, which may be fewer than asked for
}

// Authorize adds the token to a request.
func (t AccessToken) Authorize(r *http.Request) {
	if t.value != nil {
		r.Header.Set("Authorization", "Bearer "+*t.value)
	}
}

// String returns a mask.
func (t AccessToken) String() string { return "[access token]" }

// GoString returns a mask.
func (t AccessToken) GoString() string { return t.String() }

// MarshalJSON writes a mask.
func (t AccessToken) MarshalJSON() ([]byte, error) { return json.Marshal(t.String()) }

// TokenError is a platform's refusal of a token.
type TokenError struct {
	Status      int
	Code        string // OAuth error code, such as invalid_scope
	Description string // the platform's text, shortened
}

// Error returns status, code and description.
func (e *TokenError) Error() string {
	return fmt.Sprintf("lti: platform refused a token: status %d, %s: %s", e.Status, e.Code, e.Description)
}

// Token returns an access token for the given scopes, from memory if one is
// good for another minute. If reg has one deployment (see Registration.At), the
// token is asked for that one: some platforms give it for a deployment only (LTI
// core 1.3 §6.2.1). With several, none is named. Simultaneous callers wait for one request. It
// returns a *TokenError if the platform refuses.
func (s *ServiceTokens) Token(ctx context.Context, reg Registration, scopes ...string) (AccessToken, error) {
	entry := s.entry(tokenKey(reg, scopes))
	select {
	case <-entry.busy:
	case <-ctx.Done():
		return AccessToken{}, ctx.Err()
	}
	defer func() { entry.busy <- struct{}{} }()
	if entry.token.value != nil && s.now().Add(time.Minute).Before(entry.token.Expires) {
		return entry.token, nil
	}
	token, err := s.request(ctx, reg, scopes)
	if err != nil {
		return AccessToken{}, err
	}
	entry.token = token
	return token, nil
}

// Forget drops the token for these scopes, for instance because a service
// answered 401. A token that has been replaced since stays.
func (s *ServiceTokens) Forget(reg Registration, refused AccessToken, scopes ...string) {
	entry := s.entry(tokenKey(reg, scopes))
	<-entry.busy
	if entry.token.value == refused.value {
		entry.token = AccessToken{}
	}
	entry.busy <- struct{}{}
}

func tokenKey(reg Registration, scopes []string) string {
	sorted := slices.Sorted(slices.Values(scopes))
	return strings.Join(append([]string{reg.ID, reg.TokenURL, reg.ClientID, audienceOf(reg), onlyDeployment(reg)}, sorted...), "\n")
}

// audienceOf is whom an assertion addresses.
func audienceOf(reg Registration) string {
	if reg.Audience != "" {
		return reg.Audience
	}
	return reg.TokenURL
}

// onlyDeployment is the deployment that an assertion names, or empty.
func onlyDeployment(reg Registration) string {
	if len(reg.Deployments) != 1 {
		return ""
	}
	return reg.Deployments[0].ID
}

func (s *ServiceTokens) entry(key string) *serviceToken {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.tokens[key]
	if !ok {
		if s.tokens == nil {
			s.tokens = make(map[string]*serviceToken)
		}
		e = &serviceToken{busy: make(chan struct{}, 1)}
		e.busy <- struct{}{}
		s.tokens[key] = e
	}
	return e
}

func (s *ServiceTokens) request(ctx context.Context, reg Registration, scopes []string) (AccessToken, error) {
	if _, err := endpoint(reg.TokenURL); err != nil {
		return AccessToken{}, fmt.Errorf("lti: token URL: %w", err)
	}
	assertion, err := s.assertion(ctx, reg)
	if err != nil {
		return AccessToken{}, fmt.Errorf("lti: sign assertion: %w", err)
	}
	form := url.Values{
		"grant_type":            {"client_credentials"},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
		"client_assertion":      {assertion},
		"scope":                 {strings.Join(scopes, " ")},
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, reg.TokenURL, strings.NewReader(form.Encode()))
	if err != nil {
		return AccessToken{}, errors.New("lti: token URL is not a URL")
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	sent := s.now()
	got, err := call(s.Client, req, false)
	if err != nil {
		return AccessToken{}, fmt.Errorf("lti: token: %w", err)
	}
	return readToken(got, sent, scopes)
}

// assertion signs the claims that Canvas demands, all six of them
// (asymmetric_client_credentials_provider.rb); it takes iat up to five minutes
// old, and ignores the deployment, as RFC 7519 §4 has it of unknown claims.
func (s *ServiceTokens) assertion(ctx context.Context, reg Registration) (string, error) {
	key, err := s.Keys.Current(ctx)
	if err != nil {
		return "", err
	}
	if key.key == nil {
		return "", errors.New("no signing key")
	}
	now := s.now()
	claims := map[string]any{
		"iss": reg.ClientID, "sub": reg.ClientID, "aud": audienceOf(reg),
		"iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(), "jti": random(),
	}
	if id := onlyDeployment(reg); id != "" {
		claims[claimPrefix+"deployment_id"] = id
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	headers := jws.NewHeaders()
	if err := errors.Join(headers.Set(jws.TypeKey, "JWT"), headers.Set(jws.KeyIDKey, key.ID)); err != nil {
		return "", err
	}
	s.signing.Lock()
	defer s.signing.Unlock()
	signed, err := jws.Sign(payload, jws.WithKey(jwa.RS256(), key.key, jws.WithProtectedHeaders(headers)))
	return string(signed), err
}

func readToken(got answer, sent time.Time, asked []string) (AccessToken, error) {
	var body struct {
		Token       string  `json:"access_token"`
		Type        string  `json:"token_type"`
		Seconds     float64 `json:"expires_in"`
		Scope       string  `json:"scope"`
		Code        string  `json:"error"`
		Description string  `json:"error_description"`
	}
	err := json.Unmarshal(got.body, &body)
	switch {
	case got.status != http.StatusOK:
		return AccessToken{}, &TokenError{
			Status: got.status, Code: printable(body.Code, 60), Description: printable(body.Description, 200),
		}
	case err != nil:
		return AccessToken{}, errors.New("lti: token: answer is not JSON of the expected shape")
	case body.Token == "" || !strings.EqualFold(body.Type, "Bearer"):
		return AccessToken{}, errors.New("lti: token: answer has no bearer token")
	case strings.ContainsFunc(body.Token, func(r rune) bool { return r <= ' ' || r > '~' }):
		return AccessToken{}, errors.New("lti: token: answer has an unusable token")
	}
	token := AccessToken{value: &body.Token, Scopes: strings.Fields(body.Scope)}
	if body.Scope == "" {
		token.Scopes = asked // RFC 6749 §5.1: absent means as asked
	}
	lifetime := time.Hour
	if body.Seconds > 0 && body.Seconds < lifetime.Seconds()*24 {
		lifetime = time.Duration(body.Seconds * float64(time.Second))
	}
	token.Expires = sent.Add(lifetime)
	return token, nil
}

func (s *ServiceTokens) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}
