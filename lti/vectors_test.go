package lti

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"hash"
	"strings"
	"testing"
	"time"
)

// verifier is a tool with a fixed login, for tests of the token alone.
type verifier struct {
	tool *Tool
	reg  Registration
	st   pending
	now  time.Time
}

const vectorTarget = "https://tool.example.edu/"

func newVerifier(tb testing.TB) *verifier {
	tb.Helper()
	b := newBench(tb)
	return &verifier{tool: b.tool, reg: b.reg, now: b.now(), st: pending{
		NonceHash: nonceHash("n"), TargetLinkURI: vectorTarget, RegistrationID: b.reg.ID,
	}}
}

func (v *verifier) payload(tb testing.TB) []byte {
	tb.Helper()
	p, err := json.Marshal(claimSet("n", vectorTarget, v.now))
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func (v *verifier) verify(tb testing.TB, token string) Reason {
	tb.Helper()
	c, refusal := v.tool.verifyToken(tb.Context(), v.reg, v.st, token, v.now)
	if refusal != nil {
		if c != nil {
			tb.Fatal("claims of a refused token")
		}
		return refusal.Code
	}
	return ""
}

// vector is a token and why it must be refused.
type vector struct {
	name  string
	token string
	want  []Reason
}

// TestSignatureVectors runs generated tokens, each wrong in one way, against
// the signature layer. The one right token is checked first and last, so that a
// verifier which refuses everything does not pass.
func TestSignatureVectors(t *testing.T) {
	t.Parallel()
	v := newVerifier(t)
	good := sign(t, keyA(), goodHeader(), v.payload(t))
	if got := v.verify(t, good); got != "" {
		t.Fatalf("the right token is refused: %s", got)
	}
	var vectors []vector
	vectors = append(vectors, algorithmNames(t, v.payload(t))...)
	vectors = append(vectors, keyConfusions(t, v.payload(t))...)
	vectors = append(vectors, brokenSignatures(good)...)
	vectors = append(vectors, oddBase64(t, good)...)
	vectors = append(vectors, oddHeaders(t, v.payload(t))...)
	if len(vectors) < 400 {
		t.Fatalf("only %d vectors", len(vectors))
	}
	for _, x := range vectors {
		got := v.verify(t, x.token)
		ok := false
		for _, w := range x.want {
			ok = ok || got == w
		}
		if !ok {
			t.Errorf("%s: got %q, want one of %q", x.name, got, x.want)
		}
	}
	if got := v.verify(t, good); got != "" {
		t.Fatalf("the right token is refused afterwards: %s", got)
	}
}

// algorithmNames signs honestly, but names every other algorithm there is.
func algorithmNames(t *testing.T, payload []byte) []vector {
	t.Helper()
	var out []vector
	for _, alg := range []any{
		"none", "None", "NONE", "nOnE", "", " ", "RS256 ", " RS256", "rs256", "Rs256", "RS256\x00", "RS256,none",
		"HS256", "HS384", "HS512", "RS1", "RS384", "RS512", "PS256", "PS384", "PS512",
		"ES256", "ES256K", "ES384", "ES512", "EdDSA", "Ed25519", "Ed448", "ML-DSA-44", "A128KW", "dir", "RSA-OAEP",
		nil, 256, true, []any{"RS256"}, map[string]any{"alg": "RS256"},
	} {
		h := goodHeader()
		h["alg"] = alg
		token := sign(t, keyA(), h, payload)
		want := []Reason{ReasonAlgorithm, ReasonMalformed}
		out = append(out,
			vector{fmt.Sprintf("alg %v", alg), token, want},
			vector{fmt.Sprintf("alg %v without signature", alg), cut(token) + ".", want})
	}
	h := goodHeader()
	for name, token := range map[string]string{
		"RS256 without signature":        cut(sign(t, keyA(), h, payload)) + ".",
		"RS256 with an empty JSON token": `{"payload":"e30","signatures":[]}`,
	} {
		out = append(out, vector{name, token, []Reason{ReasonMalformed}})
	}
	return out
}

// keyConfusions signs with everything that could be taken for the right key.
func keyConfusions(t *testing.T, payload []byte) []vector {
	t.Helper()
	var out []vector
	public := &keyA().PublicKey
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	jwkText, _ := json.Marshal(encodeKey(testKeyID, public))
	secrets := map[string][]byte{
		"SPKI PEM":              pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}),
		"SPKI PEM, no last EOL": bytes.TrimSpace(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})),
		"PKCS #1 PEM":           pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(public)}),
		"DER":                   der,
		"JWK":                   jwkText,
		"modulus":               public.N.Bytes(),
		"modulus in base64":     []byte(base64url(public.N.Bytes())),
		"kid":                   []byte(testKeyID),
		"nothing":               {},
	}
	hashes := map[string]func() hash.Hash{"HS256": sha256.New, "HS384": sha512.New384, "HS512": sha512.New}
	for what, secret := range secrets {
		for alg, h := range hashes {
			header := goodHeader()
			header["alg"] = alg
			input := signingInput(t, header, payload)
			mac := hmac.New(h, secret)
			mac.Write([]byte(input))
			tag := base64url(mac.Sum(nil))
			out = append(out, vector{alg + " by " + what, input + "." + tag, []Reason{ReasonAlgorithm}})
			input = signingInput(t, goodHeader(), payload)
			mac.Reset()
			mac.Write([]byte(input))
			out = append(out, vector{alg + " by " + what + " as RS256", input + "." + base64url(mac.Sum(nil)), []Reason{ReasonSignature}})
		}
	}

	input := signingInput(t, goodHeader(), payload)
	add := func(name string, sig []byte, err error) {
		if err != nil {
			t.Fatal(name, err)
		}
		out = append(out, vector{name, input + "." + base64url(sig), []Reason{ReasonSignature}})
	}
	sum256, sum384, sum512 := sha256.Sum256([]byte(input)), sha512.Sum384([]byte(input)), sha512.Sum512([]byte(input))
	sig, err := rsa.SignPKCS1v15(nil, keyA(), crypto.SHA384, sum384[:])
	add("RS384 as RS256", sig, err)
	sig, err = rsa.SignPKCS1v15(nil, keyA(), crypto.SHA512, sum512[:])
	add("RS512 as RS256", sig, err)
	sig, err = rsa.SignPSS(rand.Reader, keyA(), crypto.SHA256, sum256[:], nil)
	add("PS256 as RS256", sig, err)
	sig, err = rsa.SignPKCS1v15(nil, keyA(), 0, sum256[:])
	add("PKCS #1 without the hash's name", sig, err)
	sig, err = rsa.SignPKCS1v15(nil, keyB(), crypto.SHA256, sum256[:])
	add("another RSA key", sig, err)
	elliptical, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sig, err = ecdsa.SignASN1(rand.Reader, elliptical, sum256[:])
	add("ES256 as RS256", sig, err)
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	add("EdDSA as RS256", ed25519.Sign(edwards, []byte(input)), nil)
	add("the hash itself", sum256[:], nil)
	add("the modulus", public.N.Bytes(), nil)
	add("zeros", make([]byte, 256), nil)
	add("one", append(make([]byte, 255), 1), nil)

	// Keys that come with the token, and the token signed by them.
	foreign := encodeKey(testKeyID, &keyB().PublicKey)
	for name, edit := range map[string]func(map[string]any){
		"jwk":                  set("jwk", foreign),
		"jwk of the right kid": set("jwk", encodeKey("other", &keyB().PublicKey)),
		"jku":                  set("jku", "https://evil.example/jwks"),
		"x5u":                  set("x5u", "https://evil.example/cert"),
		"x5c":                  set("x5c", []any{base64.StdEncoding.EncodeToString(der)}),
	} {
		h := goodHeader()
		edit(h)
		out = append(out, vector{"embedded " + name, sign(t, keyB(), h, payload), []Reason{ReasonSignature}})
	}
	return out
}

func signingInput(t *testing.T, header map[string]any, payload []byte) string {
	t.Helper()
	h, err := json.Marshal(header)
	if err != nil {
		t.Fatal(err)
	}
	return base64url(h) + "." + base64url(payload)
}

// brokenSignatures flips one bit in each byte, cuts and pads.
func brokenSignatures(good string) []vector {
	var out []vector
	dot := strings.LastIndex(good, ".")
	sig, _ := base64.RawURLEncoding.DecodeString(good[dot+1:])
	for i := range sig {
		bad := bytes.Clone(sig)
		bad[i] ^= 1 << (i % 8)
		out = append(out, vector{fmt.Sprintf("bit %d of byte %d", i%8, i), good[:dot+1] + base64url(bad), []Reason{ReasonSignature}})
	}
	for _, n := range []int{1, 2, 3, 16, 128, 254, 255} {
		out = append(out,
			vector{fmt.Sprintf("first %d bytes", n), good[:dot+1] + base64url(sig[:n]), []Reason{ReasonSignature}},
			vector{fmt.Sprintf("last %d bytes", n), good[:dot+1] + base64url(sig[len(sig)-n:]), []Reason{ReasonSignature}})
	}
	for name, bad := range map[string][]byte{
		"a zero before":  append([]byte{0}, sig...),
		"a zero after":   append(bytes.Clone(sig), 0),
		"twice":          append(bytes.Clone(sig), sig...),
		"all reversed":   reversed(sig),
		"a hundred more": append(bytes.Clone(sig), make([]byte, 100)...),
	} {
		out = append(out, vector{name, good[:dot+1] + base64url(bad), []Reason{ReasonSignature}})
	}
	// Header and payload under the same signature, each changed in a byte.
	parts := strings.Split(good, ".")
	for i := 0; i < len(parts[1]); i += 40 {
		bad := []byte(parts[1])
		bad[i] = other(bad[i])
		out = append(out, vector{fmt.Sprintf("payload character %d", i), parts[0] + "." + string(bad) + "." + parts[2], []Reason{ReasonSignature, ReasonMalformed}})
	}
	for i := range parts[0] {
		bad := []byte(parts[0])
		bad[i] = other(bad[i])
		out = append(out, vector{
			fmt.Sprintf("header character %d", i), string(bad) + "." + parts[1] + "." + parts[2],
			[]Reason{ReasonSignature, ReasonMalformed, ReasonAlgorithm, ReasonKeyUnknown, ReasonKeyIDMissing},
		})
	}
	return out
}

func reversed(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for i := range b {
		out = append(out, b[len(b)-1-i])
	}
	return out
}

func other(c byte) byte {
	if c == 'A' {
		return 'B'
	}
	return 'A'
}

// oddBase64 spells the right token in ways that lax decoders take.
func oddBase64(t *testing.T, good string) []vector {
	t.Helper()
	var out []vector
	parts := strings.Split(good, ".")
	join := func(i int, s string) string {
		p := append([]string(nil), parts...)
		p[i] = s
		return strings.Join(p, ".")
	}
	names := []string{"header", "payload", "signature"}
	for i, part := range parts {
		for name, s := range map[string]string{
			"padding":             part + "=",
			"more padding":        part + "==",
			"a space":             part + " ",
			"a space before":      " " + part,
			"a line break":        part[:4] + "\n" + part[4:],
			"a line break after":  part + "\r\n",
			"a tab":               part[:8] + "\t" + part[8:],
			"a zero byte":         part + "\x00",
			"a percent sign":      part[:4] + "%41" + part[5:],
			"a plus":              part[:4] + "+" + part[5:],
			"a slash":             part[:4] + "/" + part[5:],
			"a letter beyond":     part[:4] + "ä" + part[6:],
			"nothing":             "",
			"a stray character":   part + strings.Repeat("A", (5-len(part)%4)%4),
			"a double url escape": "%2e" + part,
		} {
			out = append(out, vector{names[i] + " with " + name, join(i, s), []Reason{ReasonMalformed, ReasonSignature, ReasonAlgorithm}})
		}
		// The last character may carry bits that belong to no byte.
		if alias := strayBits(part); alias != "" {
			out = append(out, vector{names[i] + " with stray bits", join(i, alias), []Reason{ReasonMalformed}})
		}
	}
	if strayBits(parts[2]) == "" {
		t.Error("a signature of 256 bytes must have stray bits")
	}
	for name, token := range map[string]string{
		"four segments":    good + ".e30",
		"five segments":    good + "..",
		"a leading dot":    "." + good,
		"a trailing dot":   good + ".",
		"one segment":      parts[0],
		"nothing":          "",
		"Bearer":           "Bearer " + good,
		"quotes":           `"` + good + `"`,
		"standard base64":  base64.StdEncoding.EncodeToString([]byte(good)),
		"segments swapped": parts[1] + "." + parts[0] + "." + parts[2],
		"flattened JSON":   fmt.Sprintf(`{"protected":%q,"payload":%q,"signature":%q}`, parts[0], parts[1], parts[2]),
		"general JSON":     fmt.Sprintf(`{"payload":%q,"signatures":[{"protected":%q,"signature":%q}]}`, parts[1], parts[0], parts[2]),
	} {
		out = append(out, vector{name, token, []Reason{ReasonMalformed, ReasonAlgorithm}})
	}
	return out
}

// strayBits returns another spelling of the same bytes, or "".
func strayBits(s string) string {
	if len(s)%4 == 0 {
		return ""
	}
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	i := strings.IndexByte(alphabet, s[len(s)-1])
	return s[:len(s)-1] + alphabet[i|1:i|1+1]
}

// oddHeaders signs with the right key under headers that must not pass.
func oddHeaders(t *testing.T, payload []byte) []vector {
	t.Helper()
	var out []vector
	for _, crit := range []any{[]any{}, []any{"b64"}, []any{"exp"}, []any{"kid"}, []any{""}, []any{1}, "b64", nil, 1, map[string]any{}, false} {
		h := goodHeader()
		h["crit"] = crit
		out = append(out, vector{fmt.Sprintf("crit %v", crit), sign(t, keyA(), h, payload), []Reason{ReasonCritical}})
		h["b64"], h["exp"] = false, 1
		out = append(out, vector{fmt.Sprintf("crit %v with its member", crit), sign(t, keyA(), h, payload), []Reason{ReasonCritical}})
	}
	for _, b64 := range []any{true, false, nil, "false"} {
		h := goodHeader()
		h["b64"] = b64
		out = append(out, vector{fmt.Sprintf("b64 %v", b64), sign(t, keyA(), h, payload), []Reason{ReasonCritical}})
	}
	for _, raw := range []string{
		`{}`, `[]`, `null`, `"RS256"`, `1`, ``, `{`, `{"alg":"RS256"`, `{"alg":"RS256","kid":"` + testKeyID + `"} x`,
		`{"alg":"RS256","kid":"` + testKeyID + `","kid":"x"}`, `{"kid":"` + testKeyID + `","alg":"none","alg":"RS256"}`,
		`{"Alg":"RS256","kid":"` + testKeyID + `"}`, `{"alg":"RS256","KID":"` + testKeyID + `"}`,
		`{"alg":"RS256","Kid":"` + testKeyID + `"}`, `{"alg":"RS256","\u212Aid":"` + testKeyID + `"}`,
		`{"alg":"RS256","kid":["` + testKeyID + `"]}`, `{"alg":"RS256","kid":null}`, `{"alg":"RS256","kid":" ` + testKeyID + `"}`,
		"{\"alg\":\"RS256\",\"kid\":\"\xff\"}", "\xef\xbb\xbf{\"alg\":\"RS256\",\"kid\":\"" + testKeyID + "\"}",
	} {
		out = append(out, vector{"header " + raw, signRaw(t, keyA(), []byte(raw), payload), []Reason{ReasonMalformed, ReasonAlgorithm, ReasonKeyIDMissing, ReasonKeyUnknown}})
	}
	return out
}
