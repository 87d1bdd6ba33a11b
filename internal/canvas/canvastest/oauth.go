package canvastest

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// oauthTokenLife is how long an access token of a developer key lasts.
const oauthTokenLife = time.Hour

// OAuthClient is a developer key with the refresh token that one user's
// consent gave it (doc/api/oauth_endpoints.md).
type OAuthClient struct {
	ClientID     string
	Secret       string
	RefreshToken string
}

// oauthGrant is what Canvas keeps of it: digests only.
type oauthGrant struct {
	keyID   ID
	appName string
	userID  ID
	secret  [sha256.Size]byte
	refresh [sha256.Size]byte
	revoked bool
}

// AddOAuthClient registers a developer key of this name and lets the user
// consent to it. The authorization page itself is not played.
func (w *World) AddOAuthClient(user, appName string) OAuthClient {
	w.mu.Lock()
	defer w.mu.Unlock()
	u := must(w.userByKeyLocked(user), "user", user)
	word := func() string { return base64.RawURLEncoding.EncodeToString(randomBytes(48)) }
	c := OAuthClient{Secret: word(), RefreshToken: word()}
	g := &oauthGrant{
		keyID: w.globalLocked(w.newIDLocked("tool")), appName: appName, userID: u.ID,
		secret: w.digestLocked(c.Secret), refresh: w.digestLocked(c.RefreshToken),
	}
	c.ClientID = g.keyID.String()
	w.oauth.put(g.keyID, g)
	return c
}

// RevokeOAuthClient ends the consent: the refresh token and every access token
// made from it stop working. It reports whether the client exists.
func (w *World) RevokeOAuthClient(clientID string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	id, err := strconv.ParseInt(clientID, 10, 64)
	g := w.oauth.get(ID(id))
	if err != nil || g == nil {
		return false
	}
	g.revoked = true
	for t := range w.tokens.all {
		if t.KeyID == g.keyID {
			t.State = StateDeleted
		}
	}
	return true
}

// refreshGrant answers grant_type=refresh_token of POST /login/oauth2/token. A
// refresh token may be used again and again, and the answer repeats none,
// unless RotateRefreshTokens is on.
func (s *Server) refreshGrant(form url.Values) reply {
	w := s.world
	w.mu.Lock()
	defer w.mu.Unlock()
	refused := func(status int, code, description string) reply {
		return reply{status: status, body: object{"error": code, "error_description": description}}
	}
	id, err := strconv.ParseInt(form.Get("client_id"), 10, 64)
	g := w.oauth.get(ID(id))
	if err != nil || g == nil || w.digestLocked(form.Get("client_secret")) != g.secret {
		return refused(http.StatusUnauthorized, "invalid_client", "unknown client")
	}
	if g.revoked || w.digestLocked(form.Get("refresh_token")) != g.refresh {
		return refused(http.StatusBadRequest, "invalid_request", "refresh_token not found")
	}
	owner := w.users.get(g.userID)
	t := w.newTokenLocked(owner)
	t.AppName, t.KeyID, t.Purpose = g.appName, g.keyID, ""
	t.accessEnds = w.Clock.Now().Add(oauthTokenLife)
	secret := w.newSecretLocked(t)
	w.tokens.put(t.ID, t)
	answer := object{
		"access_token": secret, "token_type": "Bearer", "expires_in": int(oauthTokenLife.Seconds()),
		"user": object{
			"id": owner.ID, "name": owner.Name, "global_id": w.globalLocked(owner.ID).String(),
			"effective_locale": owner.Locale,
		},
		"canvas_region": "us-east-1",
	}
	if w.flags.RotateRefreshTokens {
		next := base64.RawURLEncoding.EncodeToString(randomBytes(48))
		g.refresh, answer["refresh_token"] = w.digestLocked(next), next
	}
	return ok(answer).with("Cache-Control", "no-store")
}
