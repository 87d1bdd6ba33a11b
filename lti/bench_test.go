package lti

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// benchLaunch is one launch of about the size that Canvas sends (3.5 kB).
type benchLaunch struct {
	v     *verifier
	token string
}

func newBenchLaunch(b *testing.B) benchLaunch {
	b.Helper()
	v := newVerifier(b)
	c := claimSet("n", vectorTarget, v.now)
	custom := c[claimPrefix+"custom"].(map[string]any)
	for _, name := range []string{"role_names", "granted", "root_account_id", "root_account_uuid", "api_domain", "timezone", "brand_json_url", "section_ids"} {
		custom[name] = "value of " + name
	}
	l := benchLaunch{v, signClaims(b, c)}
	if got := v.verify(b, l.token); got != "" {
		b.Fatal(got)
	}
	b.ReportMetric(float64(len(l.token)), "token-bytes")
	b.ReportAllocs()
	return l
}

// BenchmarkRawVerify is the floor: one RSA-2048 verification of the token.
func BenchmarkRawVerify(b *testing.B) {
	l := newBenchLaunch(b)
	dot := strings.LastIndex(l.token, ".")
	sig, _ := base64.RawURLEncoding.DecodeString(l.token[dot+1:])
	for b.Loop() {
		sum := sha256.Sum256([]byte(l.token[:dot]))
		if err := rsa.VerifyPKCS1v15(&keyA().PublicKey, crypto.SHA256, sum[:], sig); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRawVerifyDecode adds one decoding by encoding/json into the typed
// claims. The whole launch is measured against this.
func BenchmarkRawVerifyDecode(b *testing.B) {
	l := newBenchLaunch(b)
	parts := strings.Split(l.token, ".")
	for b.Loop() {
		sig, _ := base64.RawURLEncoding.DecodeString(parts[2])
		sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
		if err := rsa.VerifyPKCS1v15(&keyA().PublicKey, crypto.SHA256, sum[:], sig); err != nil {
			b.Fatal(err)
		}
		payload, _ := base64.RawURLEncoding.DecodeString(parts[1])
		var c claims
		if err := json.Unmarshal(payload, &c); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkVerifyToken is what this package does with a token: header, key,
// signature, decoding, repeated members, every rule.
func BenchmarkVerifyToken(b *testing.B) {
	l := newBenchLaunch(b)
	for b.Loop() {
		if got := l.v.verify(b, l.token); got != "" {
			b.Fatal(got)
		}
	}
}

// BenchmarkMembers is the scan for repeated members alone.
func BenchmarkMembers(b *testing.B) {
	l := newBenchLaunch(b)
	payload, _ := base64.RawURLEncoding.DecodeString(strings.Split(l.token, ".")[1])
	for b.Loop() {
		s := memberScan{data: payload}
		if !s.object(claimMembers) {
			b.Fatal("refused")
		}
	}
}

// BenchmarkLaunch is a whole launch without database, network and rendering:
// from the form post to Pages.Launched, by the cookie. The bar is 2.2 times
// BenchmarkRawVerifyDecode.
func BenchmarkLaunch(b *testing.B) {
	bench := newBench(b)
	bench.tool.Log = slog.New(slog.DiscardHandler)
	bound := newBinding()
	st := pending{
		BinderHash: bound.hash, RegistrationID: "reg_1", DeploymentID: testDeployment,
		TargetLinkURI: bench.server.URL + "/", CreatedAt: bench.now(),
	}
	state := bench.tool.StateKeys.seal(st, bench.tool.launchURL())
	launched := 0
	bench.tool.Pages.Launched = func(http.ResponseWriter, *http.Request, Launch) { launched++ }
	c := claimSet(nonceOf(state), st.TargetLinkURI, bench.now())
	custom := c[claimPrefix+"custom"].(map[string]any)
	for _, name := range []string{"role_names", "granted", "root_account_id", "root_account_uuid", "api_domain", "timezone", "brand_json_url", "section_ids"} {
		custom[name] = "value of " + name
	}
	body := url.Values{"utf8": {"✓"}, "authenticity_token": {random()}, "id_token": {signClaims(b, c)}, "state": {state}}.Encode()
	w := httptest.NewRecorder()
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		clear(bench.store.nonces)
		req, _ := http.NewRequest(http.MethodPost, "/lti/launch", strings.NewReader(body))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Cookie", cookieName(state)+"="+bound.cookie)
		clear(w.Header())
		bench.tool.HandleLaunch(w, req)
		n++
	}
	if launched != n {
		b.Fatalf("%d of %d launched: %s", launched, n, w.Body)
	}
}

// BenchmarkLogin is a whole login without database.
func BenchmarkLogin(b *testing.B) {
	bench := newBench(b)
	body := bench.browser(b).loginParams().Encode()
	b.ReportAllocs()
	for b.Loop() {
		req, _ := http.NewRequest(http.MethodPost, "/lti/login", strings.NewReader(body))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		bench.tool.HandleLogin(w, req)
		if w.Code != http.StatusSeeOther {
			b.Fatal(w.Code, w.Body)
		}
	}
}
