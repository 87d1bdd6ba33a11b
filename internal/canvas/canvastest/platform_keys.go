package canvastest

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"
)

// keyMaxAge is the max-age of the key set: ten days
// (gems/canvas_security/lib/canvas_security/key_storage.rb).
const keyMaxAge = 864000

// keyring holds the three keys that Canvas publishes. Signing uses present;
// future is public before it ever signs. Keys are made at first use, because
// most tests never launch.
type keyring struct {
	once                  sync.Once
	mu                    sync.Mutex
	past, present, future *signingKey
	now                   func() time.Time
}

type signingKey struct {
	kid string
	raw *rsa.PrivateKey
}

// newSigningKey makes an RSA key whose id looks like Canvas's: a timestamp and
// a UUID, so it contains ":" and "_" and must be treated as opaque.
func newSigningKey(at time.Time) *signingKey {
	return &signingKey{kid: at.UTC().Format(time.RFC3339) + "_" + randomUUID(), raw: spareKeys.take()}
}

// spareKeys are keys of servers that a test has closed. Making one takes a
// good part of a second, so the next server takes them over, under new ids.
// Two servers that live at the same time never share one, and a server outside
// tests gives none back.
var spareKeys keyPool

type keyPool struct {
	mu   sync.Mutex
	keys []*rsa.PrivateKey
}

func (p *keyPool) take() *rsa.PrivateKey {
	p.mu.Lock()
	if n := len(p.keys); n > 0 {
		key := p.keys[n-1]
		p.keys = p.keys[:n-1]
		p.mu.Unlock()
		return key
	}
	p.mu.Unlock()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		// crypto/rand does not fail and 2048 is a legal size.
		panic("canvastest: " + err.Error())
	}
	return key
}

// release gives the keys of a closed server back.
func (k *keyring) release() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.present == nil {
		return
	}
	spareKeys.mu.Lock()
	defer spareKeys.mu.Unlock()
	spareKeys.keys = append(spareKeys.keys, k.past.raw, k.present.raw, k.future.raw)
}

func (k *keyring) fill() {
	k.once.Do(func() {
		now := k.now()
		var made [3]*signingKey
		var wg sync.WaitGroup
		for i := range made {
			// Rotation is about monthly.
			wg.Go(func() { made[i] = newSigningKey(now.AddDate(0, i-1, 0)) })
		}
		wg.Wait()
		k.mu.Lock()
		defer k.mu.Unlock()
		k.past, k.present, k.future = made[0], made[1], made[2]
	})
}

func (k *keyring) rotate() string {
	k.fill()
	next := newSigningKey(k.now().AddDate(0, 1, 0))
	k.mu.Lock()
	defer k.mu.Unlock()
	k.past, k.present, k.future = k.present, k.future, next
	return k.present.kid
}

func (k *keyring) signer() *signingKey {
	k.fill()
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.present
}

// public returns the key set: past, present, future.
func (k *keyring) public() (jwk.Set, error) {
	k.fill()
	k.mu.Lock()
	defer k.mu.Unlock()
	set := jwk.NewSet()
	for _, key := range []*signingKey{k.past, k.present, k.future} {
		pub, err := key.public()
		if err != nil {
			return nil, err
		}
		if err := set.AddKey(pub); err != nil {
			return nil, fmt.Errorf("add key %q: %w", key.kid, err)
		}
	}
	return set, nil
}

func (k *signingKey) public() (jwk.Key, error) {
	pub, err := jwk.Import(k.raw.Public())
	if err != nil {
		return nil, fmt.Errorf("import key %q: %w", k.kid, err)
	}
	for name, value := range map[string]any{
		jwk.KeyIDKey: k.kid, jwk.AlgorithmKey: jwa.RS256(), jwk.KeyUsageKey: "sig",
	} {
		if err := pub.Set(name, value); err != nil {
			return nil, fmt.Errorf("set %s of key %q: %w", name, k.kid, err)
		}
	}
	return pub, nil
}

// Rotate shifts the key set by one: what was published as future signs from
// now on, what signed becomes past, what was past is gone. It returns the id
// of the key that signs now.
func (s *Server) Rotate() string { return s.platform.keys.rotate() }

// SigningKeyID is the id of the key that signs launches now.
func (s *Server) SigningKeyID() string { return s.platform.keys.signer().kid }

func (s *Server) serveJWKS(w http.ResponseWriter, _ *http.Request) {
	set, err := s.platform.keys.public()
	if err != nil {
		http.Error(w, "key set unavailable", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Cache-Control", fmt.Sprintf("max-age=%d", keyMaxAge))
	sendJSON(w, http.StatusOK, set)
}

// signRS256 signs claims with the present key. header, if not nil, may change
// or add protected header members before signing.
func (k *signingKey) signRS256(claims any, header map[string]any) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("encode claims: %w", err)
	}
	protected := jws.NewHeaders()
	for name, value := range header {
		if err := protected.Set(name, value); err != nil {
			return "", fmt.Errorf("set header %s: %w", name, err)
		}
	}
	signed, err := jws.Sign(payload, jws.WithKey(jwa.RS256(), k.raw, jws.WithProtectedHeaders(protected)))
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	return string(signed), nil
}

// signHS256 makes the tokens that Canvas writes for itself: launch hints,
// access tokens, registration tokens.
func signHS256(key []byte, claims map[string]any) string {
	payload, err := json.Marshal(claims)
	if err != nil {
		panic("canvastest: " + err.Error()) // our own claims are plain values
	}
	signed, err := jws.Sign(payload, jws.WithKey(jwa.HS256(), key))
	if err != nil {
		panic("canvastest: " + err.Error())
	}
	return string(signed)
}

// openHS256 verifies such a token and its exp.
func openHS256(key []byte, token string, now time.Time) (map[string]any, bool) {
	payload, err := jws.Verify([]byte(token), jws.WithKey(jwa.HS256(), key))
	if err != nil {
		return nil, false
	}
	var claims map[string]any
	if json.Unmarshal(payload, &claims) != nil {
		return nil, false
	}
	exp, ok := claims["exp"].(float64)
	return claims, ok && now.Unix() < int64(exp)
}
