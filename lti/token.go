package lti

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jws"
)

// header is the protected header of an id_token. Keys that it may carry itself
// (jwk, jku, x5c, x5u) are not even read.
type header struct {
	Algorithm string          `json:"alg"`
	KeyID     string          `json:"kid"`
	Critical  json.RawMessage `json:"crit"`
	Unencoded json.RawMessage `json:"b64"`
}

var headerMembers = memberNames{"alg": nil, "kid": nil, "crit": nil, "b64": nil}

// Limits on a token's header, in bytes. A header may carry a certificate chain.
const (
	maxHeader = 16 << 10
	maxKeyID  = 512
)

// verifyToken checks an id_token against the registration and the login that it
// answers, and returns its claims. What it refuses names the kid, where the
// token has one. The order is that of the cost and of the damage: size, form,
// header, key, signature, and only then the contents.
func (t *Tool) verifyToken(ctx context.Context, reg Registration, st pending, token string, now time.Time) (*claims, *Refusal) {
	if len(token) > maxToken {
		return nil, refuse(ReasonTooLarge, nil)
	}
	h, refusal := readHeader(token)
	if refusal != nil {
		return nil, refusal
	}
	c, refusal := t.verifySigned(ctx, reg, st, token, h.KeyID, now)
	if refusal != nil {
		refusal.KeyID = printable(h.KeyID, 100)
		return nil, refusal
	}
	c.keyID = printable(h.KeyID, 100)
	return c, nil
}

// readHeader checks the token's form and its header, as far as that needs no key.
func readHeader(token string) (header, *Refusal) {
	var h header
	segments := strings.Split(token, ".")
	if len(segments) != 3 {
		return h, refuse(ReasonMalformed, errors.New("not three segments"))
	}
	for _, segment := range segments[:2] {
		if segment == "" || !strictBase64(segment) {
			return h, refuse(ReasonMalformed, errors.New("not strict base64url"))
		}
	}
	if len(segments[0]) > maxHeader {
		return h, refuse(ReasonMalformed, errors.New("header too long"))
	}
	raw, err := base64.RawURLEncoding.DecodeString(segments[0])
	if err != nil {
		return h, refuse(ReasonMalformed, errors.New("header is not base64url"))
	}
	if refusal := unmarshal(raw, &h, headerMembers); refusal != nil {
		refusal.Code = ReasonMalformed
		return h, refusal
	}
	refusal := checkHeader(h, segments[2])
	if refusal != nil {
		refusal.KeyID = printable(h.KeyID, 100)
	}
	return h, refusal
}

func checkHeader(h header, signature string) *Refusal {
	switch {
	case h.Algorithm != "RS256":
		return refuse(ReasonAlgorithm, nil)
	case h.Critical != nil, h.Unencoded != nil:
		return refuse(ReasonCritical, nil)
	case h.KeyID == "":
		return refuse(ReasonKeyIDMissing, nil)
	case len(h.KeyID) > maxKeyID:
		return refuse(ReasonKeyUnknown, nil)
	case signature == "" || !strictBase64(signature):
		return refuse(ReasonMalformed, errors.New("signature is not strict base64url"))
	}
	return nil
}

func (t *Tool) verifySigned(ctx context.Context, reg Registration, st pending, token, kid string, now time.Time) (*claims, *Refusal) {
	key, err := t.KeySets.Key(ctx, reg.KeySetURL, kid)
	switch {
	case errors.Is(err, ErrKeyUnknown):
		return nil, refuse(ReasonKeyUnknown, nil)
	case errors.Is(err, ErrKeyAmbiguous):
		return nil, refuse(ReasonKeyAmbiguous, nil)
	case err != nil:
		return nil, refuse(ReasonKeySet, err)
	}
	// It refuses crit, b64 and another alg by itself, too.
	payload, err := jws.VerifyCompactFast(key, []byte(token), jwa.RS256())
	if err != nil {
		return nil, refuse(ReasonSignature, nil)
	}
	c, refusal := decodeClaims(payload)
	if refusal != nil {
		return nil, refusal
	}
	return c, c.check(reg, st, now)
}

// strictBase64 reports whether s is the one canonical base64url text of some
// bytes: no padding, no line breaks, no stray bits. The decoders of both the
// standard library and jwx accept more, and would let one signed message have
// many spellings.
func strictBase64(s string) bool {
	for i := range len(s) {
		if base64Value(s[i]) < 0 {
			return false
		}
	}
	if s == "" {
		return true
	}
	last := base64Value(s[len(s)-1])
	switch len(s) % 4 {
	case 1:
		return false
	case 2:
		return last&0x0f == 0
	case 3:
		return last&0x03 == 0
	}
	return true
}

func base64Value(c byte) int { return int(base64Values[c]) }

var base64Values = func() (values [256]int8) {
	for i := range values {
		values[i] = -1
	}
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for i := range len(alphabet) {
		values[alphabet[i]] = int8(i)
	}
	return values
}()

// printable shortens text that a stranger chose for the log.
func printable(s string, limit int) string {
	if len(s) > limit {
		s = s[:limit] + "…"
	}
	return string(bytes.ToValidUTF8([]byte(s), []byte("?")))
}
