package launchtest

import (
	"bytes"
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/lti"
)

// attacker is a key that no platform has.
var attacker = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// sign makes a token by hand, so that nothing is corrected on the way.
func sign(t testing.TB, header, claims map[string]any, signature func(input []byte) []byte) string {
	t.Helper()
	var parts []string
	for _, part := range []map[string]any{header, claims} {
		raw, err := json.Marshal(part)
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, b64(raw))
	}
	input := strings.Join(parts, ".")
	return input + "." + b64(signature([]byte(input)))
}

func byRSA(tb testing.TB, key *rsa.PrivateKey) func([]byte) []byte {
	tb.Helper()
	return func(input []byte) []byte {
		sum := sha256.Sum256(input)
		sig, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
		if err != nil {
			tb.Fatal(err)
		}
		return sig
	}
}

func byHMAC(key []byte) func([]byte) []byte {
	return func(input []byte) []byte {
		h := hmac.New(sha256.New, key)
		h.Write(input)
		return h.Sum(nil)
	}
}

func unsigned([]byte) []byte { return nil }

// publicKey is the platform's signing key, as everybody can read it: the JWK's
// own text and the key in it.
func (s *school) publicKey(t testing.TB) (jwk []byte, key *rsa.PublicKey) {
	t.Helper()
	res, err := s.cv.Client().Get(s.cv.SSOURL() + keySetRoute)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var set struct{ Keys []json.RawMessage }
	if err := json.Unmarshal(body, &set); err != nil {
		t.Fatal(err)
	}
	for _, raw := range set.Keys {
		var k struct{ Kid, N string }
		if err := json.Unmarshal(raw, &k); err != nil {
			t.Fatal(err)
		}
		if k.Kid == s.cv.SigningKeyID() {
			n, err := base64.RawURLEncoding.DecodeString(k.N)
			if err != nil {
				t.Fatal(err)
			}
			return raw, &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: 65537}
		}
	}
	t.Fatal("the signing key is not published")
	return nil, nil
}

func publicPEM(t testing.TB, key *rsa.PublicKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// jwkOf is a public key as a token's header would bring it along.
func jwkOf(key *rsa.PublicKey, kid string) map[string]any {
	return map[string]any{"kty": "RSA", "alg": "RS256", "use": "sig", "kid": kid, "n": b64(key.N.Bytes()), "e": "AQAB"}
}

// token replaces the token that the platform would sign.
func token(make func(l *canvastest.SignedLaunch) string) func(*canvastest.SignedLaunch) {
	return func(l *canvastest.SignedLaunch) { l.Token = make(l) }
}

// TestForgedTokens are signatures and headers that prove nothing.
func TestForgedTokens(t *testing.T) {
	type make = func(t *testing.T, s *school, l *canvastest.SignedLaunch) string
	header := func(s *school, more map[string]any) map[string]any {
		h := map[string]any{"typ": "JWT", "alg": "RS256", "kid": s.cv.SigningKeyID()}
		for k, v := range more {
			h[k] = v
		}
		return h
	}
	genuine := func(t testing.TB, s *school, l *canvastest.SignedLaunch) string {
		t.Helper()
		token, err := s.cv.SignWithPlatformKey(l.Claims, nil)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	cases := []struct {
		name string
		make make
		want lti.Reason
	}{
		{"alg none without a signature", func(t *testing.T, s *school, l *canvastest.SignedLaunch) string {
			return sign(t, header(s, map[string]any{"alg": "none"}), l.Claims, unsigned)
		}, lti.ReasonAlgorithm},
		{"alg none with the genuine signature", func(t *testing.T, s *school, l *canvastest.SignedLaunch) string {
			parts := strings.Split(genuine(t, s, l), ".")
			return sign(t, header(s, map[string]any{"alg": "none"}), l.Claims, unsigned) + parts[2]
		}, lti.ReasonAlgorithm},
		{"alg None", func(t *testing.T, s *school, l *canvastest.SignedLaunch) string {
			return sign(t, header(s, map[string]any{"alg": "None"}), l.Claims, unsigned)
		}, lti.ReasonAlgorithm},
		{"two segments only", func(t *testing.T, s *school, l *canvastest.SignedLaunch) string {
			return strings.TrimSuffix(sign(t, header(s, nil), l.Claims, unsigned), ".")
		}, lti.ReasonMalformed},
		{"RS256 without a signature", func(t *testing.T, s *school, l *canvastest.SignedLaunch) string {
			return sign(t, header(s, nil), l.Claims, unsigned)
		}, lti.ReasonMalformed},
		{"HS256 with the public key's PEM as the secret", func(t *testing.T, s *school, l *canvastest.SignedLaunch) string {
			_, key := s.publicKey(t)
			return sign(t, header(s, map[string]any{"alg": "HS256"}), l.Claims, byHMAC(publicPEM(t, key)))
		}, lti.ReasonAlgorithm},
		{"HS256 with the public JWK as the secret", func(t *testing.T, s *school, l *canvastest.SignedLaunch) string {
			jwk, _ := s.publicKey(t)
			return sign(t, header(s, map[string]any{"alg": "HS256"}), l.Claims, byHMAC(jwk))
		}, lti.ReasonAlgorithm},
		{"RS256 in name, HMAC with the public key's PEM in fact", func(t *testing.T, s *school, l *canvastest.SignedLaunch) string {
			_, key := s.publicKey(t)
			return sign(t, header(s, nil), l.Claims, byHMAC(publicPEM(t, key)))
		}, lti.ReasonSignature},
		{"RS384 with the attacker's key", func(t *testing.T, s *school, l *canvastest.SignedLaunch) string {
			return sign(t, header(s, map[string]any{"alg": "RS384"}), l.Claims, func(in []byte) []byte {
				sum := sha512.Sum384(in)
				sig, err := rsa.SignPKCS1v15(rand.Reader, attacker(), crypto.SHA384, sum[:])
				if err != nil {
					t.Fatal(err)
				}
				return sig
			})
		}, lti.ReasonAlgorithm},
		{"PS256 with the attacker's key", func(t *testing.T, s *school, l *canvastest.SignedLaunch) string {
			return sign(t, header(s, map[string]any{"alg": "PS256"}), l.Claims, func(in []byte) []byte {
				sum := sha256.Sum256(in)
				sig, err := rsa.SignPSS(rand.Reader, attacker(), crypto.SHA256, sum[:], nil)
				if err != nil {
					t.Fatal(err)
				}
				return sig
			})
		}, lti.ReasonAlgorithm},
		{"another key under the right kid", func(t *testing.T, s *school, l *canvastest.SignedLaunch) string {
			return sign(t, header(s, nil), l.Claims, byRSA(t, attacker()))
		}, lti.ReasonSignature},
		{"another key that comes along as jwk", func(t *testing.T, s *school, l *canvastest.SignedLaunch) string {
			return sign(t, header(s, map[string]any{"jwk": jwkOf(&attacker().PublicKey, s.cv.SigningKeyID())}), l.Claims, byRSA(t, attacker()))
		}, lti.ReasonSignature},
		{"another key that comes along as x5c", func(t *testing.T, s *school, l *canvastest.SignedLaunch) string {
			der, err := x509.MarshalPKIXPublicKey(&attacker().PublicKey)
			if err != nil {
				t.Fatal(err)
			}
			return sign(t, header(s, map[string]any{"x5c": []string{base64.StdEncoding.EncodeToString(der)}}), l.Claims, byRSA(t, attacker()))
		}, lti.ReasonSignature},
		{"another key's set under jku", func(t *testing.T, s *school, l *canvastest.SignedLaunch) string {
			return sign(t, header(s, map[string]any{"jku": s.cv.InstitutionURL() + "/files/keys.json"}), l.Claims, byRSA(t, attacker()))
		}, lti.ReasonSignature},
		{"a crit that names nothing we know", func(t *testing.T, s *school, l *canvastest.SignedLaunch) string {
			token, err := s.cv.SignWithPlatformKey(l.Claims, map[string]any{"crit": []string{"exp"}, "exp": 1})
			if err != nil {
				t.Fatal(err)
			}
			return token
		}, lti.ReasonCritical},
		{"claims exchanged under a genuine signature", func(t *testing.T, s *school, l *canvastest.SignedLaunch) string {
			parts := strings.Split(genuine(t, s, l), ".")
			l.Claims["sub"] = s.w.User("dana").LTIID
			raw, err := json.Marshal(l.Claims)
			if err != nil {
				t.Fatal(err)
			}
			return parts[0] + "." + b64(raw) + "." + parts[2]
		}, lti.ReasonSignature},
		{"a signature with one bit turned", func(t *testing.T, s *school, l *canvastest.SignedLaunch) string {
			parts := strings.Split(genuine(t, s, l), ".")
			sig, err := base64.RawURLEncoding.DecodeString(parts[2])
			if err != nil {
				t.Fatal(err)
			}
			sig[100] ^= 1
			return parts[0] + "." + parts[1] + "." + b64(sig)
		}, lti.ReasonSignature},
		{"a signature cut short", func(t *testing.T, s *school, l *canvastest.SignedLaunch) string {
			parts := strings.Split(genuine(t, s, l), ".")
			sig, err := base64.RawURLEncoding.DecodeString(parts[2])
			if err != nil {
				t.Fatal(err)
			}
			return parts[0] + "." + parts[1] + "." + b64(sig[:len(sig)-1])
		}, lti.ReasonSignature},
		{"a padded signature", func(t *testing.T, s *school, l *canvastest.SignedLaunch) string {
			return genuine(t, s, l) + "=="
		}, lti.ReasonMalformed},
		{"a line break inside", func(t *testing.T, s *school, l *canvastest.SignedLaunch) string {
			token := genuine(t, s, l)
			return token[:400] + "\n" + token[400:]
		}, lti.ReasonMalformed},
		{"a kid that is a path", func(t *testing.T, s *school, l *canvastest.SignedLaunch) string {
			return sign(t, header(s, map[string]any{"kid": strings.Repeat("../", 200)}), l.Claims, byRSA(t, attacker()))
		}, lti.ReasonKeyUnknown},
		{"a token for encryption", func(*testing.T, *school, *canvastest.SignedLaunch) string {
			return strings.Repeat("eyJhbGciOiJSU0EtT0FFUCJ9.", 4) + "AAAA"
		}, lti.ReasonMalformed},
		{"no token but a word", func(*testing.T, *school, *canvastest.SignedLaunch) string { return "token" }, lti.ReasonMalformed},
	}
	each(t, func(s *school) {
		for _, c := range cases {
			s.run(c.name, func(t *testing.T) {
				s := s.in(t)
				m, p := s.spoil(t, "maya", s.course("bio201"), token(func(l *canvastest.SignedLaunch) string { return c.make(t, s, l) }))
				m.refused(p, c.want)
			})
		}
		if n := s.cv.Count(http.MethodGet, keySetRoute) - 3; n != 1 { // three by the test itself
			s.t.Errorf("the key set was fetched %d times", n)
		}
	})
}

// TestForgedClaims are well signed and mean something else.
func TestForgedClaims(t *testing.T) {
	cases := []struct {
		name   string
		change func(s *school, l *canvastest.SignedLaunch)
		want   lti.Reason
	}{
		{"another audience", func(_ *school, l *canvastest.SignedLaunch) { l.Claims["aud"] = "10000000000099" }, lti.ReasonAudience},
		{"a second, foreign audience", func(s *school, l *canvastest.SignedLaunch) {
			l.Claims["aud"] = []string{s.tool.ClientID, "10000000000099"}
		}, lti.ReasonAudience},
		{"an empty audience", func(_ *school, l *canvastest.SignedLaunch) { l.Claims["aud"] = []string{} }, lti.ReasonAudience},
		{"a number for an audience", func(_ *school, l *canvastest.SignedLaunch) { l.Claims["aud"] = 10000000000002 }, lti.ReasonClaims},
		{"another azp", func(_ *school, l *canvastest.SignedLaunch) { l.Claims["azp"] = "10000000000099" }, lti.ReasonAuthorized},
		{"an empty azp", func(_ *school, l *canvastest.SignedLaunch) { l.Claims["azp"] = "" }, lti.ReasonAuthorized},
		{"several audiences and no azp", func(s *school, l *canvastest.SignedLaunch) {
			l.Claims["aud"] = []string{s.tool.ClientID, s.tool.ClientID}
			delete(l.Claims, "azp")
		}, lti.ReasonAuthorized},
		{"an issuer with a slash at the end", func(s *school, l *canvastest.SignedLaunch) { l.Claims["iss"] = s.cv.Issuer() + "/" }, lti.ReasonIssuer},
		{"an issuer in capitals", func(s *school, l *canvastest.SignedLaunch) { l.Claims["iss"] = strings.ToUpper(s.cv.Issuer()) }, lti.ReasonIssuer},
		{"no nonce", func(_ *school, l *canvastest.SignedLaunch) { delete(l.Claims, "nonce") }, lti.ReasonNonce},
		{"another nonce", func(_ *school, l *canvastest.SignedLaunch) { l.Claims["nonce"] = strings.Repeat("n", 43) }, lti.ReasonNonce},
		{"iat in the future", func(s *school, l *canvastest.SignedLaunch) {
			l.Claims["iat"] = s.clock.Now().Add(3 * time.Minute).Unix()
		}, lti.ReasonIssuedAt},
		{"iat twelve minutes ago", func(s *school, l *canvastest.SignedLaunch) {
			l.Claims["iat"] = s.clock.Now().Add(-12 * time.Minute).Unix()
		}, lti.ReasonIssuedAt},
		{"nbf in the future", func(s *school, l *canvastest.SignedLaunch) {
			l.Claims["nbf"] = s.clock.Now().Add(3 * time.Minute).Unix()
		}, lti.ReasonNotBefore},
		{"exp two minutes ago", func(s *school, l *canvastest.SignedLaunch) {
			l.Claims["iat"], l.Claims["exp"] = s.clock.Now().Add(-5*time.Minute).Unix(), s.clock.Now().Add(-2*time.Minute).Unix()
		}, lti.ReasonExpired},
		{"another message type", func(_ *school, l *canvastest.SignedLaunch) {
			l.Claims[claim+"message_type"] = "LtiDeepLinkingRequest"
		}, lti.ReasonMessageType},
		{"another deployment than the login named", func(_ *school, l *canvastest.SignedLaunch) { l.Claims[claim+"deployment_id"] = "7:0000" }, lti.ReasonDeploymentID},
		{"a target elsewhere", func(_ *school, l *canvastest.SignedLaunch) {
			l.Claims[claim+"target_link_uri"] = "https://evil.example/lti/launch"
		}, lti.ReasonTargetLink},
		{"another page of ours as the target", func(s *school, l *canvastest.SignedLaunch) {
			l.Claims[claim+"target_link_uri"] = s.url + "/go/REQ-0001"
		}, lti.ReasonTargetLink},
		{"another platform's guid", func(_ *school, l *canvastest.SignedLaunch) {
			l.Claims[claim+"tool_platform"] = map[string]any{"guid": "other:canvas-lms"}
		}, lti.ReasonPlatformGUID},
		{"no platform guid", func(_ *school, l *canvastest.SignedLaunch) { delete(l.Claims, claim+"tool_platform") }, lti.ReasonPlatformGUID},
		{"roles as one string", func(_ *school, l *canvastest.SignedLaunch) { l.Claims[claim+"roles"] = lti.RoleInstructor }, lti.ReasonClaims},
		{"roles as an object", func(_ *school, l *canvastest.SignedLaunch) { l.Claims[claim+"roles"] = map[string]any{"0": "x"} }, lti.ReasonClaims},
		{"a null among the roles", func(_ *school, l *canvastest.SignedLaunch) { l.Claims[claim+"roles"] = []any{lti.RoleLearner, nil} }, lti.ReasonRoles},
		{"roles null", func(_ *school, l *canvastest.SignedLaunch) { l.Claims[claim+"roles"] = nil }, lti.ReasonRoles},
		{"sub as a number", func(_ *school, l *canvastest.SignedLaunch) { l.Claims["sub"] = 42 }, lti.ReasonClaims},
		{"sub empty", func(_ *school, l *canvastest.SignedLaunch) { l.Claims["sub"] = "" }, lti.ReasonSubject},
		{"sub longer than LTI allows", func(_ *school, l *canvastest.SignedLaunch) { l.Claims["sub"] = strings.Repeat("s", 256) }, lti.ReasonSubject},
		{"sub beyond ASCII", func(_ *school, l *canvastest.SignedLaunch) { l.Claims["sub"] = "mäya" }, lti.ReasonSubject},
		{"the context as a string", func(_ *school, l *canvastest.SignedLaunch) { l.Claims[claim+"context"] = "course" }, lti.ReasonClaims},
		{"a context without id", func(_ *school, l *canvastest.SignedLaunch) {
			l.Claims[claim+"context"] = map[string]any{"title": "Cell Biology"}
		}, lti.ReasonContext},
		{"a context with two ids", func(_ *school, l *canvastest.SignedLaunch) {
			l.Claims[claim+"context"] = json.RawMessage(`{"id":"a","id":"b"}`)
		}, lti.ReasonDuplicateName},
		{"a custom field twice", func(_ *school, l *canvastest.SignedLaunch) {
			l.Claims[claim+"custom"] = json.RawMessage(`{"is_root_admin":"false","is_root_admin":"true"}`)
		}, lti.ReasonDuplicateName},
		{"sub again in capitals", func(s *school, l *canvastest.SignedLaunch) { l.Claims["SUB"] = s.w.User("dana").LTIID }, lti.ReasonDuplicateName},
		{"the custom fields as an array", func(_ *school, l *canvastest.SignedLaunch) { l.Claims[claim+"custom"] = []string{"is_root_admin=true"} }, lti.ReasonClaims},
	}
	each(t, func(s *school) {
		s.browser("ana").open(s.course("bio201")) // the guid is remembered from here on
		for _, c := range cases {
			s.run(c.name, func(t *testing.T) {
				s := s.in(t)
				m, p := s.spoil(t, "maya", s.course("bio201"), func(l *canvastest.SignedLaunch) { c.change(s, l) })
				m.refused(p, c.want)
			})
		}
	})
}

// TestNoiseIsNoError: what older Canvas adds by accident, and what no tool has
// to know, changes nothing.
func TestNoiseIsNoError(t *testing.T) {
	each(t, func(s *school) {
		s.cv.SetSwitches(func(w *canvastest.Switches) { w.Noise = true })
		m, p := s.spoil(s.t, "maya", s.course("bio201"), func(l *canvastest.SignedLaunch) {
			l.Claims["https://example.edu/claim/unknown"] = map[string]any{"a": []any{1, nil, "x"}}
			l.Claims["aud"] = []string{s.tool.ClientID}
			l.Claims[placement] = nil
			l.Form.Set("something", "else")
		})
		m.launched(p).is(http.StatusOK, "My API tokens")
	})
}

// TestSlowPersonIsLetIn: Canvas stamps iat when it renders the login form and
// holds the launch for up to five minutes.
func TestSlowPersonIsLetIn(t *testing.T) {
	each(t, func(s *school) {
		b := s.browser("maya")
		l := b.begin(s.course("bio201")).logIn()
		s.clock.Advance(4*time.Minute + 50*time.Second)
		l.authorize()
		s.clock.Advance(30 * time.Second)
		m := b.mark("maya")
		m.launched(l.finish())
	})
}

// TestAmbiguousKeyVerifiesNothing: one kid for two keys, one of them genuine.
func TestAmbiguousKeyVerifiesNothing(t *testing.T) {
	for name, first := range map[string]bool{"the genuine key first": true, "the other key first": false} {
		t.Run(name, func(t *testing.T) {
			each(t, func(s *school) {
				_, key := s.publicKey(s.t)
				keys := []any{jwkOf(key, s.cv.SigningKeyID()), jwkOf(&attacker().PublicKey, s.cv.SigningKeyID())}
				if !first {
					slices.Reverse(keys)
				}
				var set bytes.Buffer
				if err := json.NewEncoder(&set).Encode(map[string]any{"keys": keys}); err != nil {
					s.t.Fatal(err)
				}
				defer s.cv.Fail(canvastest.Fault{Route: keySetRoute, Status: http.StatusOK, Body: set.String(), Times: -1})()
				m, p := s.spoil(s.t, "maya", s.course("bio201"), func(*canvastest.SignedLaunch) {})
				m.refused(p, lti.ReasonKeyAmbiguous)
			})
		})
	}
}
