package lti

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/lestrrat-go/jwx/v3/jwk"
)

// SigningKeys provides the tool's own keys from wherever the caller keeps them.
// It is safe for concurrent use.
//
// To rotate without a gap, publish a new key before it signs, for as long as
// platforms keep our key set (KeySetHandler allows ten minutes), and go on
// publishing the old one for an hour after its last signature.
type SigningKeys interface {
	// Current returns the key that signs now.
	Current(ctx context.Context) (SigningKey, error)
	// Published returns the keys of our key set: the current one, and those of
	// an overlap.
	Published(ctx context.Context) ([]PublicKey, error)
}

// SigningKey is one of the tool's own RSA keys. It is a secret: printed, it
// shows its id only. Its zero value is no key.
type SigningKey struct {
	ID  string
	key *rsa.PrivateKey
}

// PublicKey is the published half of a SigningKey.
type PublicKey struct {
	ID  string
	Key *rsa.PublicKey
}

// GenerateKey makes a new 2048-bit key. Its id is the key's RFC 7638
// thumbprint. It takes a fraction of a second of computing.
func GenerateKey() (SigningKey, error) {
	key, err := rsa.GenerateKey(rand.Reader, minKeyBits)
	if err != nil {
		return SigningKey{}, err
	}
	return newSigningKey(key)
}

// ParseSigningKey reads what SigningKey.Bytes gave.
func ParseSigningKey(der []byte) (SigningKey, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	key, ok := parsed.(*rsa.PrivateKey)
	if err != nil || !ok || key.N.BitLen() < minKeyBits {
		return SigningKey{}, errors.New("lti: not an RSA private key of 2048 bits or more in PKCS #8 form")
	}
	return newSigningKey(key)
}

func newSigningKey(key *rsa.PrivateKey) (SigningKey, error) {
	public, err := jwk.Import(&key.PublicKey)
	if err != nil {
		return SigningKey{}, err
	}
	thumbprint, err := public.Thumbprint(crypto.SHA256)
	if err != nil {
		return SigningKey{}, err
	}
	return SigningKey{ID: base64url(thumbprint), key: key}, nil
}

// Bytes returns the private key as PKCS #8, to be wrapped and stored.
func (k SigningKey) Bytes() ([]byte, error) {
	if k.key == nil {
		return nil, errors.New("lti: no key")
	}
	return x509.MarshalPKCS8PrivateKey(k.key)
}

// Public returns the half that may be published.
func (k SigningKey) Public() PublicKey {
	if k.key == nil {
		return PublicKey{ID: k.ID}
	}
	return PublicKey{ID: k.ID, Key: &k.key.PublicKey}
}

// String returns the id.
func (k SigningKey) String() string { return k.ID }

// GoString returns the id.
func (k SigningKey) GoString() string { return "lti.SigningKey(" + k.ID + ")" }

// KeySet returns the JSON Web Key Set of the given keys.
func KeySet(keys ...PublicKey) ([]byte, error) {
	doc := struct {
		Keys []jsonKey `json:"keys"`
	}{Keys: []jsonKey{}}
	for _, k := range keys {
		if k.Key == nil || k.ID == "" {
			return nil, errors.New("lti: a published key needs an id and a key")
		}
		doc.Keys = append(doc.Keys, encodeKey(k.ID, k.Key))
	}
	return json.Marshal(doc)
}

// KeySetHandler serves the published keys. Canvas fetches them at every token
// request; others may keep them for ten minutes. If they cannot be had it
// answers 503.
func KeySetHandler(keys SigningKeys) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		published, err := keys.Published(r.Context())
		var body []byte
		if err == nil {
			body, err = KeySet(published...)
		}
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		if err != nil {
			h.Set("Cache-Control", "no-store")
			http.Error(w, "The keys are not available right now.", http.StatusServiceUnavailable)
			return
		}
		h.Set("Content-Type", "application/json; charset=utf-8")
		h.Set("Cache-Control", "public, max-age=600")
		_, _ = w.Write(body)
	})
}
