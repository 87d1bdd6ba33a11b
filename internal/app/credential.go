package app

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/secret"
)

// Credential is how the program signs its calls to one Canvas: an admin's token,
// or an OAuth client with a refresh token. Exactly one of the two.
type Credential struct {
	Token secret.Text

	OAuthClientID string
	OAuthSecret   secret.Text
	RefreshToken  secret.Text
}

// TokenCredential is an admin's token as a Credential.
func TokenCredential(token string) Credential { return Credential{Token: secret.New(token)} }

// The kinds of credentials, as stored.
const (
	kindToken = "token"
	kindOAuth = "oauth"
)

func (c Credential) check() error {
	oauth := c.OAuthClientID != "" || !c.OAuthSecret.IsZero() || !c.RefreshToken.IsZero()
	switch {
	case c.Token.IsZero() && !oauth:
		return usage("a credential for Canvas is needed: -canvas-token-file, or the three -canvas-oauth… and -canvas-refresh-token-file flags")
	case !c.Token.IsZero() && oauth:
		return usage("give either -canvas-token-file or the OAuth flags, not both")
	case oauth && (c.OAuthClientID == "" || c.OAuthSecret.IsZero() || c.RefreshToken.IsZero()):
		return usage("the OAuth form needs -canvas-oauth-client-id, -canvas-oauth-secret-file and -canvas-refresh-token-file together")
	}
	return nil
}

// sealed is what is wrapped. It exists in memory only around seal and open.
type sealed struct {
	Token    string `json:"token,omitempty"`
	ClientID string `json:"client_id,omitempty"`
	Secret   string `json:"secret,omitempty"`
	Refresh  string `json:"refresh,omitempty"`
}

// credentialContext says what sealed bytes are, so that they open nowhere else.
func credentialContext(platform string) string { return "platform/" + platform + "/credential" }

func (c Credential) seal(box *secret.Box, platform string) ([]byte, string, error) {
	kind := kindToken
	if c.Token.IsZero() {
		kind = kindOAuth
	}
	plain, err := json.Marshal(sealed{c.Token.Reveal(), c.OAuthClientID, c.OAuthSecret.Reveal(), c.RefreshToken.Reveal()})
	if err != nil {
		return nil, "", errors.New("the credential cannot be stored")
	}
	defer clear(plain)
	return box.Seal(plain, credentialContext(platform)), kind, nil
}

func openCredential(box *secret.Box, platform string, wrapped []byte) (Credential, error) {
	plain, err := box.Open(wrapped, credentialContext(platform))
	if err != nil {
		return Credential{}, err
	}
	defer clear(plain)
	var s sealed
	if err := json.Unmarshal(plain, &s); err != nil {
		return Credential{}, errors.New("the stored credential cannot be read")
	}
	return Credential{secret.New(s.Token), s.ClientID, secret.New(s.Secret), secret.New(s.Refresh)}, nil
}

// source returns what gives the token for each call.
func (c Credential) source(client *http.Client, canvasURL string, now func() time.Time) func(context.Context) (secret.Text, error) {
	if !c.Token.IsZero() {
		return func(context.Context) (secret.Text, error) { return c.Token, nil }
	}
	o := &oauthSource{credential: c, client: client, url: canvasURL + "/login/oauth2/token", now: now, busy: make(chan struct{}, 1)}
	return o.token
}

// oauthSource exchanges a refresh token for access tokens, which Canvas gives
// for an hour (lib/canvas_oauth, "expires_in": 3600), one exchange at a time.
type oauthSource struct {
	credential Credential
	client     *http.Client
	url        string
	now        func() time.Time
	busy       chan struct{} // holds one item while somebody exchanges

	mu      sync.Mutex
	current secret.Text
	until   time.Time
}

// Bounds of an exchange.
const (
	oauthMargin = 2 * time.Minute // an access token is not used in its last minutes
	oauthLife   = time.Hour       // where Canvas does not say
	oauthAnswer = 64 << 10
)

func (o *oauthSource) token(ctx context.Context) (secret.Text, error) {
	if t, ok := o.fresh(); ok {
		return t, nil
	}
	select {
	case o.busy <- struct{}{}:
		defer func() { <-o.busy }()
	case <-ctx.Done():
		return secret.Text{}, ctx.Err()
	}
	if t, ok := o.fresh(); ok { // somebody else was quicker
		return t, nil
	}
	t, life, err := o.exchange(ctx)
	if err != nil {
		return secret.Text{}, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.current, o.until = t, o.now().Add(life-oauthMargin)
	return t, nil
}

func (o *oauthSource) fresh() (secret.Text, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.current, !o.current.IsZero() && o.now().Before(o.until)
}

// exchange asks for an access token. Its errors are of the kinds of every other
// call to Canvas, and carry the status, never the answer.
func (o *oauthSource) exchange(ctx context.Context) (secret.Text, time.Duration, error) {
	fail := func(kind canvas.Kind, status int, detail string) (secret.Text, time.Duration, error) {
		return secret.Text{}, 0, &canvas.Error{Op: "refresh the credential", Status: status, Kind: kind, Detail: []string{detail}}
	}
	form := url.Values{
		"grant_type": {"refresh_token"}, "client_id": {o.credential.OAuthClientID},
		"client_secret": {o.credential.OAuthSecret.Reveal()}, "refresh_token": {o.credential.RefreshToken.Reveal()},
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, o.url, strings.NewReader(form.Encode()))
	if err != nil {
		return fail(canvas.Invalid, 0, "the address is not usable")
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "Tokendesk") // Canvas refuses calls without one
	res, err := o.client.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return secret.Text{}, 0, ctx.Err()
		}
		return fail(canvas.Unreachable, 0, "no answer")
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, oauthAnswer))
	switch {
	case err != nil:
		return fail(canvas.Unreachable, res.StatusCode, "the answer broke off")
	case res.StatusCode == http.StatusTooManyRequests:
		return fail(canvas.Throttled, res.StatusCode, "too many calls")
	case res.StatusCode >= http.StatusInternalServerError:
		return fail(canvas.Server, res.StatusCode, "Canvas failed")
	case res.StatusCode != http.StatusOK:
		return fail(canvas.Unauthenticated, res.StatusCode, "Canvas does not accept the refresh token or its client")
	}
	var got struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int    `json:"expires_in"`
	}
	if json.Unmarshal(body, &got) != nil || got.AccessToken == "" {
		return fail(canvas.Server, res.StatusCode, "the answer holds no access token")
	}
	life := time.Duration(got.ExpiresIn) * time.Second
	if life <= oauthMargin || life > 24*time.Hour {
		life = oauthLife
	}
	return secret.New(got.AccessToken), life, nil
}
