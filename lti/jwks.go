package lti

import (
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"slices"
)

// Bounds of what a platform's key set may contain. Below 2048 bits RSA is not
// acceptable (NIST SP 800-131A); a huge key would make each launch expensive.
const (
	minKeyBits = 2048
	maxKeyBits = 8192
	maxKeys    = 100
)

// keyMap is a key set by kid.
type keyMap map[string]setKey

// setKey is a usable key, or a kid that several different keys share.
type setKey struct {
	public *rsa.PublicKey // nil if ambiguous or unusable
	twice  bool
}

func (k setKey) usable() (*rsa.PublicKey, error) {
	switch {
	case k.twice:
		return nil, ErrKeyAmbiguous
	case k.public == nil:
		return nil, ErrKeyUnknown
	}
	return k.public, nil
}

func (k setKey) same(other setKey) bool {
	return k.twice == other.twice && (k.public == nil) == (other.public == nil) && (k.public == nil || k.public.Equal(other.public))
}

// jsonKey is a JSON Web Key (RFC 7517), as far as it concerns RSA.
type jsonKey struct {
	Type       string   `json:"kty"`
	Algorithm  string   `json:"alg,omitempty"`
	Use        string   `json:"use,omitempty"`
	ID         string   `json:"kid"`
	Operations []string `json:"key_ops,omitempty"`
	N          string   `json:"n"`
	E          string   `json:"e"`
	Private    any      `json:"d,omitempty"`
	Symmetric  any      `json:"k,omitempty"`
}

// parseKeySet reads a key set. Keys that cannot verify RS256 are passed over,
// but still claim their kid: a token must never be checked by the one of two
// keys that happens to suit. A set without any usable key is an error, so that
// an outage which answers 200 does not replace a good set.
func parseKeySet(body []byte) (keyMap, error) {
	var doc struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &doc); err != nil {
		return nil, errors.New("key set is not JSON of the expected shape")
	}
	if len(doc.Keys) > maxKeys {
		return nil, errors.New("key set has too many keys")
	}
	keys := make(keyMap, len(doc.Keys))
	usable := 0
	for _, raw := range doc.Keys {
		var k jsonKey
		if json.Unmarshal(raw, &k) != nil || k.ID == "" {
			continue
		}
		public := k.rsa()
		if public != nil {
			usable++
		}
		if other, ok := keys[k.ID]; ok {
			same := public != nil && other.public != nil && public.Equal(other.public)
			keys[k.ID] = setKey{public: public, twice: other.twice || !same}
			continue
		}
		keys[k.ID] = setKey{public: public}
	}
	if usable == 0 {
		return nil, errors.New("key set has no usable key")
	}
	return keys, nil
}

// rsa returns the key if it is fit to verify RS256, else nil. A published
// private or symmetric key is known to everybody, so it is fit for nothing.
func (k jsonKey) rsa() *rsa.PublicKey {
	if k.Type != "RSA" || k.Use != "" && k.Use != "sig" || k.Algorithm != "" && k.Algorithm != "RS256" ||
		k.Operations != nil && !slices.Contains(k.Operations, "verify") || k.Private != nil || k.Symmetric != nil {
		return nil
	}
	n, err := base64.RawURLEncoding.DecodeString(k.N)
	if err != nil {
		return nil
	}
	e, err := base64.RawURLEncoding.DecodeString(k.E)
	if err != nil || len(e) == 0 || len(e) > 4 {
		return nil
	}
	public := &rsa.PublicKey{N: new(big.Int).SetBytes(n)}
	for _, b := range e {
		public.E = public.E<<8 | int(b)
	}
	if bits := public.N.BitLen(); bits < minKeyBits || bits > maxKeyBits {
		return nil
	}
	// crypto/rsa refuses an even modulus and exponents outside [2, 2³¹); an even
	// exponent is no RSA key either.
	if public.N.Bit(0) == 0 || public.E < 3 || public.E&1 == 0 || public.E > 1<<31-1 {
		return nil
	}
	return public
}

func encodeKey(id string, public *rsa.PublicKey) jsonKey {
	return jsonKey{
		Type: "RSA", Algorithm: "RS256", Use: "sig", ID: id,
		N: base64url(public.N.Bytes()),
		E: base64url(big.NewInt(int64(public.E)).Bytes()),
	}
}
