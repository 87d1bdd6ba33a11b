package lti

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	testIssuer     = "https://canvas.example.edu"
	testClient     = "10000000000002"
	testDeployment = "7:8865aa05b4b79b64a91a86042e43af5ea8ae79eb"
	testAccount    = "8865aa05b4b79b64a91a86042e43af5ea8ae79eb"
	testKeyID      = "2025-02-01T01:16:43Z_9c2a6f10-5a0f-4a3e-8f52-2c6a1ce62f5e"
	testGUID       = "qTyYEMUJHnZZyQ2xKk0n:canvas-lms"
)

var testStateKey = [32]byte{1}

// platform is a minimal Canvas: a key set, and a signer of whatever it is told.
type platform struct {
	*httptest.Server
	mu      sync.Mutex
	keySet  []byte
	fetches atomic.Int32
}

func newPlatform(tb testing.TB) *platform {
	tb.Helper()
	p := &platform{}
	p.publish(tb, PublicKey{ID: testKeyID, Key: &keyA().PublicKey})
	p.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		p.fetches.Add(1)
		p.mu.Lock()
		defer p.mu.Unlock()
		w.Header().Set("Cache-Control", "max-age=864000")
		_, _ = w.Write(p.keySet)
	}))
	tb.Cleanup(p.Close)
	return p
}

func (p *platform) publish(tb testing.TB, keys ...PublicKey) {
	tb.Helper()
	set, err := KeySet(keys...)
	if err != nil {
		tb.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keySet = set
}

// claimSet is a launch by a teacher from course navigation, as Canvas sends it.
func claimSet(nonce, target string, now time.Time) map[string]any {
	return map[string]any{
		"iss": testIssuer, "aud": testClient, "azp": testClient,
		"sub": "a0a9c5a8-46e4-4d0a-8a4d-5b1d1e1f2a3b", "nonce": nonce,
		"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
		"name": "Grace Hopper", "given_name": "Grace", "family_name": "Hopper",
		"email": "grace@example.edu", "picture": "http://canvas.example.edu/avatar.png", "locale": "en",
		claimPrefix + "message_type":    "LtiResourceLinkRequest",
		claimPrefix + "version":         "1.3.0",
		claimPrefix + "deployment_id":   testDeployment,
		claimPrefix + "target_link_uri": target,
		claimPrefix + "roles": []any{
			"http://purl.imsglobal.org/vocab/lis/v2/institution/person#Instructor",
			RoleInstructor, RoleSystemUser,
		},
		claimPrefix + "context": map[string]any{
			"id": "4dde05e8ca1973bcca9bffc13e1548820eee93a3", "title": "Compilers", "label": "CS 301",
			"type": []any{ContextCourse}, "validation_context": nil, "errors": map[string]any{"errors": map[string]any{}},
		},
		claimPrefix + "resource_link": map[string]any{
			"id": "4dde05e8ca1973bcca9bffc13e1548820eee93a3", "title": "Compilers", "description": nil, "errors": []any{},
		},
		claimPrefix + "tool_platform": map[string]any{
			"guid": testGUID, "name": "Example College", "version": "cloud", "product_family_code": "canvas",
		},
		claimPrefix + "launch_presentation": map[string]any{
			"document_target": "iframe", "return_url": "https://canvas.example.edu/courses/1/external_content/success/external_tool_redirect",
			"locale": "en", "height": nil, "width": 800,
		},
		claimPrefix + "custom": map[string]any{
			"user_id": "42", "account_id": 7, "is_root_admin": false, "real_user_id": "$Canvas.masqueradingUser.id",
			"term_end": nil, "course_id": "99",
		},
		claimPrefix + "lis": map[string]any{
			"person_sourcedid": "$Person.sourcedId", "course_offering_sourcedid": "$CourseSection.sourcedId",
		},
		claimPrefix + "lti11_legacy_user_id": "535fa085f22b4655f48cd5a36a9215f64c062838",
		claimPrefix + "lti1p1":               map[string]any{"user_id": "535fa085f22b4655f48cd5a36a9215f64c062838"},
		"https://purl.imsglobal.org/spec/lti-nrps/claim/namesroleservice": map[string]any{
			"context_memberships_url": "https://canvas.example.edu/api/lti/courses/1/names_and_roles", "service_versions": []any{"2.0"},
		},
		"https://www.instructure.com/placement": "course_navigation",
	}
}

// sign makes a compact JWS by hand, so that it can be as wrong as a test wants.
func sign(tb testing.TB, key *rsa.PrivateKey, header map[string]any, payload []byte) string {
	tb.Helper()
	h, err := json.Marshal(header)
	if err != nil {
		tb.Fatal(err)
	}
	return signRaw(tb, key, h, payload)
}

func signRaw(tb testing.TB, key *rsa.PrivateKey, header, payload []byte) string {
	tb.Helper()
	input := base64url(header) + "." + base64url(payload)
	sum := sha256.Sum256([]byte(input))
	sig, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		tb.Fatal(err)
	}
	return input + "." + base64url(sig)
}

func goodHeader() map[string]any {
	return map[string]any{"typ": "JWT", "alg": "RS256", "kid": testKeyID}
}

func signClaims(tb testing.TB, c map[string]any) string {
	tb.Helper()
	payload, err := json.Marshal(c)
	if err != nil {
		tb.Fatal(err)
	}
	return sign(tb, keyA(), goodHeader(), payload)
}

// bench is a tool on a real server with a platform beside it.
type bench struct {
	*platform
	tool   *Tool
	store  *memory
	server *httptest.Server
	log    *lockedBuffer
	reg    Registration
	start  time.Time    // of a whole second
	clock  atomic.Int64 // how far the clock was wound since; it stands still otherwise
	asked  atomic.Int32 // calls of Launched
}

// now is the tool's clock.
func (b *bench) now() time.Time { return b.start.Add(time.Duration(b.clock.Load())) }

func (b *bench) wind(d time.Duration) { b.clock.Add(int64(d)) }

// shownRefusal is what the test's Refused page says.
type shownRefusal struct {
	Code, Registration, KeyID, Reference, RelaunchURL string
	CanRetryInNewTab                                  bool
}

func newBench(tb testing.TB) *bench {
	tb.Helper()
	b := &bench{platform: newPlatform(tb), log: &lockedBuffer{}, start: time.Now().Truncate(time.Second)}
	mux := http.NewServeMux()
	b.server = httptest.NewTLSServer(mux)
	tb.Cleanup(b.server.Close)
	b.reg = Registration{
		ID: "reg_1", Issuer: testIssuer, ClientID: testClient, Canvas: true,
		AuthURL:      "https://sso.canvas.example.edu/api/lti/authorize_redirect",
		TokenURL:     b.URL + "/login/oauth2/token",
		KeySetURL:    b.URL + "/api/lti/security/jwks",
		Deployments:  []Deployment{{ID: testDeployment, Root: true}, {ID: "9:other"}},
		FrameOrigins: []string{"https://canvas.example.edu"},
	}
	b.store = newMemory(b.reg)
	b.tool = b.newTool(b.server.URL)
	if err := b.tool.Validate(); err != nil {
		tb.Fatal(err)
	}
	mux.HandleFunc("/lti/login", b.tool.HandleLogin)
	mux.HandleFunc("/lti/launch", b.tool.HandleLaunch)
	mux.HandleFunc("/lti/proof", b.tool.HandleProof)
	return b
}

// newTool returns a tool on the bench's store: another replica.
func (b *bench) newTool(publicURL string) *Tool {
	return &Tool{
		Registrations: b.store, States: b.store, StateKeys: NewStateKeys(testStateKey), PublicURL: publicURL,
		KeySets: &KeySets{Client: b.Client(), MinInterval: time.Millisecond, Log: slog.New(slog.DiscardHandler)},
		Target:  func(path string) bool { return path == "/" || path == "/admin" || strings.HasPrefix(path, "/go/") },
		Relaunch: func(_ context.Context, hint RelaunchHint) string {
			return "https://canvas.example.edu/relaunch?registration=" + url.QueryEscape(hint.Registration.ID)
		},
		Now: b.now,
		Log: slog.New(slog.NewJSONHandler(b.log, nil)),
		Pages: Pages{
			StorePage: func(w http.ResponseWriter, _ *http.Request, p StorePage) { writeJSON(w, http.StatusOK, p) },
			ProofPage: func(w http.ResponseWriter, _ *http.Request, p ProofPage) { writeJSON(w, http.StatusOK, p) },
			Launched: func(w http.ResponseWriter, _ *http.Request, l Launch) {
				b.asked.Add(1)
				writeJSON(w, http.StatusOK, map[string]any{"launch": l, "forget": l.Forget})
			},
			Refused: func(w http.ResponseWriter, _ *http.Request, r *Refusal) {
				seenReasons.Store(r.Code, true)
				writeJSON(w, r.Status(), shownRefusal{
					string(r.Code), r.Registration, r.KeyID, r.Reference, r.RelaunchURL, r.CanRetryInNewTab,
				})
			},
		},
	}
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// browser is one person's browser: cookies, and no following of redirects.
type browser struct {
	*bench
	t      testing.TB
	client *http.Client
}

func (b *bench) browser(tb testing.TB) *browser {
	tb.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		tb.Fatal(err)
	}
	return &browser{b, tb, &http.Client{
		Transport: b.server.Client().Transport, Jar: jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// noCookies is a browser that keeps none.
func (b *bench) noCookies(tb testing.TB) *browser {
	tb.Helper()
	br := b.browser(tb)
	br.client.Jar = nil
	return br
}

// reply is an answer of the tool.
type reply struct {
	status  int
	header  http.Header
	body    []byte
	refusal shownRefusal
}

func (br *browser) do(req *http.Request) reply {
	br.t.Helper()
	res, err := br.client.Do(req)
	if err != nil {
		br.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		br.t.Fatal(err)
	}
	r := reply{status: res.StatusCode, header: res.Header, body: body}
	_ = json.Unmarshal(body, &r.refusal)
	return r
}

func (br *browser) post(path string, form url.Values, header ...string) reply {
	br.t.Helper()
	return br.postRaw(path, form.Encode(), header...)
}

func (br *browser) postRaw(path, body string, header ...string) reply {
	br.t.Helper()
	req, err := http.NewRequest(http.MethodPost, br.server.URL+path, strings.NewReader(body))
	if err != nil {
		br.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	return br.do(req)
}

func (br *browser) loginParams() url.Values {
	return url.Values{
		"iss": {testIssuer}, "login_hint": {"535fa085f22b4655f48cd5a36a9215f64c062838"},
		"client_id": {testClient}, "deployment_id": {testDeployment},
		"target_link_uri": {br.server.URL + "/"}, "lti_message_hint": {"eyJ.hint.x"},
		"canvas_environment": {"prod"}, "canvas_region": {"not_configured"},
	}
}

// began is a login that went through: what the platform was asked.
type began struct {
	query  url.Values
	target string
	page   StorePage // where the login offered storage
}

func (b began) state() string { return b.query.Get("state") }
func (b began) nonce() string { return b.query.Get("nonce") }

// login begins, with extra parameters over the usual ones.
func (br *browser) login(extra ...string) began {
	br.t.Helper()
	params := br.loginParams()
	for i := 0; i < len(extra); i += 2 {
		params.Set(extra[i], extra[i+1])
	}
	r := br.post("/lti/login", params)
	out := began{target: params.Get("target_link_uri")}
	where := r.header.Get("Location")
	if params.Get("lti_storage_target") != "" {
		if err := json.Unmarshal(r.body, &out.page); err != nil || out.page.Next == "" {
			br.t.Fatalf("login: %d %s", r.status, r.body)
		}
		where = out.page.Next
	} else if r.status != http.StatusSeeOther {
		br.t.Fatalf("login: %d %s", r.status, r.body)
	}
	u, err := url.Parse(where)
	if err != nil {
		br.t.Fatal(err)
	}
	out.query = u.Query()
	return out
}

// launch posts a token for the login, signed after edit.
func (br *browser) launch(b began, edit func(map[string]any)) reply {
	br.t.Helper()
	c := claimSet(b.nonce(), b.target, br.now())
	if edit != nil {
		edit(c)
	}
	return br.launchToken(b, signClaims(br.t, c))
}

func (br *browser) launchToken(b began, token string) reply {
	br.t.Helper()
	return br.post("/lti/launch", url.Values{
		"utf8": {"✓"}, "authenticity_token": {"x"}, "id_token": {token}, "state": {b.state()},
	})
}

// launched returns the launch of a reply that must be one.
func (r reply) launched(tb testing.TB) Launch {
	tb.Helper()
	var got struct{ Launch *Launch }
	if err := json.Unmarshal(r.body, &got); err != nil || r.status != http.StatusOK || got.Launch == nil {
		tb.Fatalf("not launched: %d %s", r.status, r.body)
	}
	return *got.Launch
}

// refused checks that a reply is a refusal for that reason.
func (r reply) refused(tb testing.TB, want Reason) {
	tb.Helper()
	if r.refusal.Code != string(want) || r.status != want.Status() {
		tb.Fatalf("got %d %s; want %d and %q", r.status, r.body, want.Status(), want)
	}
	if len(r.refusal.Reference) != 9 {
		tb.Fatalf("reference %q", r.refusal.Reference)
	}
}

// seenReasons are the reasons that some test met.
var seenReasons sync.Map

// TestMain fails a full run in which some Reason was never met.
func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	full := flag.Lookup("test.run").Value.String() == "" && flag.Lookup("test.skip").Value.String() == "" &&
		flag.Lookup("test.fuzz").Value.String() == "" && flag.Lookup("test.bench").Value.String() == "" &&
		flag.Lookup("test.list").Value.String() == ""
	if code == 0 && full {
		for _, r := range Reasons() {
			if _, ok := seenReasons.Load(r); !ok {
				fmt.Fprintf(os.Stderr, "FAIL: no test met the reason %q\n", r)
				code = 1
			}
		}
	}
	os.Exit(code)
}
