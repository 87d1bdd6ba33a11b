package credential

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

// The kinds of credentials, as stored.
const (
	kindToken = "token"
	kindOAuth = "oauth"
)

// Given reports whether there is anything of a credential.
func (c Credential) Given() bool {
	return !c.Token.IsZero() || c.OAuthClientID != "" || !c.OAuthSecret.IsZero() || !c.RefreshToken.IsZero()
}

// Check refuses a credential that is not exactly one of the two, in words for the
// operator who gave it.
func (c Credential) Check() error {
	oauth := c.OAuthClientID != "" || !c.OAuthSecret.IsZero() || !c.RefreshToken.IsZero()
	switch {
	case c.Token.IsZero() && !oauth:
		return errors.New("a credential for Canvas is needed: -canvas-token-file, or the three -canvas-oauth… and -canvas-refresh-token-file flags")
	case !c.Token.IsZero() && oauth:
		return errors.New("give either -canvas-token-file or the OAuth flags, not both")
	case oauth && (c.OAuthClientID == "" || c.OAuthSecret.IsZero() || c.RefreshToken.IsZero()):
		return errors.New("the OAuth form needs -canvas-oauth-client-id, -canvas-oauth-secret-file and -canvas-refresh-token-file together")
	}
	return nil
}

// sealed is what is wrapped. It exists in memory only around Seal and open.
type sealed struct {
	Token    string `json:"token,omitempty"`
	ClientID string `json:"client_id,omitempty"`
	Secret   string `json:"secret,omitempty"`
	Refresh  string `json:"refresh,omitempty"`
}

// sealContext says what sealed bytes are, so that they open nowhere else.
func sealContext(platform string) string { return "platform/" + platform + "/credential" }

// Seal wraps a credential so that box opens it for this platform only, and names
// its kind.
func (c Credential) Seal(box *secret.Box, platform string) (wrapped []byte, kind string, err error) {
	kind = kindToken
	if c.Token.IsZero() {
		kind = kindOAuth
	}
	plain, err := json.Marshal(sealed{c.Token.Reveal(), c.OAuthClientID, c.OAuthSecret.Reveal(), c.RefreshToken.Reveal()})
	if err != nil {
		return nil, "", errors.New("the credential cannot be stored")
	}
	defer clear(plain)
	return box.Seal(plain, sealContext(platform)), kind, nil
}

func open(box *secret.Box, platform string, wrapped []byte) (Credential, error) {
	plain, err := box.Open(wrapped, sealContext(platform))
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
