package app

import (
	"encoding/json"
	"errors"

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
