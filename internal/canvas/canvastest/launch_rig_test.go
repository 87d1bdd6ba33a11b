package canvastest

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"
	"golang.org/x/net/html"
)

// launchRig is a stand-in with a small tool beside it, installed at the root.
type launchRig struct {
	*rig
	tool  *httptest.Server
	key   jwk.Key
	at    Deployment
	keys  func() []byte // what the tool's key set URL answers
	state string
}

// toolKey is the tool's private key in every test.
var toolKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// newLaunchRig installs the tool as change leaves it.
func newLaunchRig(t *testing.T, change func(*Tool)) *launchRig {
	t.Helper()
	r := &launchRig{rig: newRig(t), state: "state-of-the-tool"}
	var err error
	if r.key, err = jwk.Import(toolKey()); err != nil {
		t.Fatal(err)
	}
	if err := r.key.Set(jwk.KeyIDKey, "tool-key"); err != nil {
		t.Fatal(err)
	}
	r.keys = func() []byte {
		pub, err := r.key.PublicKey()
		if err != nil {
			t.Fatal(err)
		}
		set := jwk.NewSet()
		if err := set.AddKey(pub); err != nil {
			t.Fatal(err)
		}
		out, err := json.Marshal(set)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /lti/jwks.json", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(r.keys()) })
	r.tool = httptest.NewServer(mux)
	t.Cleanup(r.tool.Close)
	tool := Tool{
		Name: "Desk", LoginURL: r.tool.URL + "/lti/login", RedirectURIs: []string{r.tool.URL + "/lti/launch"},
		TargetLinkURI: r.tool.URL + "/lti/launch", JWKSURL: r.tool.URL + "/lti/jwks.json",
		PrivacyLevel: PrivacyPublic, Scopes: []string{ScopeNamesAndRoles},
		Placements: []Placement{{Name: CourseNavigation}, {Name: AccountNavigation}, {Name: UserNavigation}},
	}
	if change != nil {
		change(&tool)
	}
	if r.at, err = r.s.InstallTool(tool); err != nil {
		t.Fatal(err)
	}
	return r
}

// Paths of launches.
func (r *launchRig) inCourse(key string) string {
	return place{"course", r.w.Course(key).ID}.path() + "/external_tools/" + r.at.ToolID.String()
}

func (r *launchRig) inAccount(key string) string {
	return place{"account", r.w.Account(key).ID}.path() + "/external_tools/" + r.at.ToolID.String()
}

func (r *launchRig) inSettings(user string) string {
	return place{"user", r.w.User(user).ID}.path() + "/external_tools/" + r.at.ToolID.String()
}

// browserOf is a signed-in browser; a test student is seen through a teacher.
func (r *launchRig) browserOf(user string) *caller {
	r.t.Helper()
	switch {
	case user == "":
		return r.nobody()
	case r.w.User(user).TestStudent:
		opened, found := r.s.studentViewOf(user)
		if !found {
			r.t.Fatal("no teacher can see through the test student")
		}
		return &caller{r: r.rig, cookies: opened.cookies(), agent: "canvastest/1"}
	}
	return r.inBrowser(user, "canvas")
}

func (r *launchRig) actingAs(user, target string) *caller {
	r.t.Helper()
	opened, err := r.s.openSession(user, target, "canvas")
	if err != nil {
		r.t.Fatal(err)
	}
	return &caller{r: r.rig, cookies: opened.cookies(), agent: "canvastest/1"}
}

// form is a form found in a page.
type form struct {
	action string
	values url.Values
}

// formIn returns the form with the given id, or the first one if id is "".
func formIn(t *testing.T, page, id string) form {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	attr := func(n *html.Node, name string) string {
		for _, a := range n.Attr {
			if a.Key == name {
				return a.Val
			}
		}
		return ""
	}
	for n := range doc.Descendants() {
		if n.Data != "form" || id != "" && attr(n, "id") != id {
			continue
		}
		found := form{attr(n, "action"), url.Values{}}
		for in := range n.Descendants() {
			if in.Data == "input" && attr(in, "name") != "" {
				found.values.Add(attr(in, "name"), attr(in, "value"))
			}
		}
		return found
	}
	t.Fatalf("no form %q in %s", id, page)
	return form{}
}

// login opens a launch page and returns the login form that Canvas would post.
func (r *launchRig) login(c *caller, path string) form {
	r.t.Helper()
	return formIn(r.t, c.do("GET", path, nil).want(200).raw, "tool_form")
}

// authParamsFor are what a well-behaved tool asks the platform for.
func (r *launchRig) authParamsFor(login form) url.Values {
	return url.Values{
		"client_id": {login.values.Get("client_id")}, "login_hint": {login.values.Get("login_hint")},
		"lti_message_hint": {login.values.Get("lti_message_hint")}, "nonce": {"nonce-of-the-tool"}, "prompt": {"none"},
		"redirect_uri": {r.tool.URL + "/lti/launch"}, "response_mode": {"form_post"}, "response_type": {"id_token"},
		"scope": {"openid"}, "state": {r.state},
	}
}

// authorize walks from the SSO host to the institution and returns what the
// institution answered.
func (r *launchRig) authorize(c *caller, q url.Values) answer {
	r.t.Helper()
	first := c.do("GET", r.s.SSOURL()+"/api/lti/authorize_redirect?"+q.Encode(), nil)
	if first.status != http.StatusFound {
		return first
	}
	to := first.header.Get("Location")
	if !strings.HasPrefix(to, r.s.InstitutionURL()+"/api/lti/authorize?") {
		r.t.Fatalf("the SSO host sends to %s", to)
	}
	return c.do("GET", to, nil)
}

// launched is what the tool receives.
type launched struct {
	form   form
	header map[string]any
	claims map[string]any
}

// launch walks a whole launch and verifies the token with the published keys.
func (r *launchRig) launch(c *caller, path string) launched {
	r.t.Helper()
	got := formIn(r.t, r.authorize(c, r.authParamsFor(r.login(c, path))).want(200).raw, "")
	return r.open(got)
}

func (r *launchRig) open(got form) launched {
	r.t.Helper()
	if got.values.Has("error") {
		r.t.Fatalf("error %v", got.values)
	}
	set, err := jwk.Parse([]byte(r.nobody().do("GET", r.s.SSOURL()+"/api/lti/security/jwks", nil).want(200).raw))
	if err != nil {
		r.t.Fatal(err)
	}
	token := []byte(got.values.Get("id_token"))
	payload, err := jws.Verify(token, jws.WithKeySet(set))
	if err != nil {
		r.t.Fatal(err)
	}
	l := launched{form: got}
	message, err := jws.Parse(token)
	if err != nil {
		r.t.Fatal(err)
	}
	header, err := json.Marshal(message.Signatures()[0].ProtectedHeaders())
	if err != nil {
		r.t.Fatal(err)
	}
	if err := json.Unmarshal(header, &l.header); err != nil {
		r.t.Fatal(err)
	}
	if err := json.Unmarshal(payload, &l.claims); err != nil {
		r.t.Fatal(err)
	}
	return l
}

func (l launched) claim(name string) any { return l.claims[claimPrefix+name] }

func (l launched) object(name string) map[string]any {
	m, _ := l.claims[claimPrefix+name].(map[string]any)
	return m
}

func (l launched) custom(name string) any { return l.object("custom")[name] }

func (l launched) roles() []string {
	var out []string
	list, _ := l.claims[claimPrefix+"roles"].([]any)
	for _, role := range list {
		out = append(out, role.(string))
	}
	return out
}

// assert signs a client assertion for the token endpoint.
func (r *launchRig) assert(change func(map[string]any)) string {
	r.t.Helper()
	now := r.w.Clock.Now()
	claims := map[string]any{
		"iss": r.at.ClientID, "sub": r.at.ClientID, "aud": r.s.SSOURL() + "/login/oauth2/token",
		"iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(), "jti": randomUUID(),
	}
	if change != nil {
		change(claims)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		r.t.Fatal(err)
	}
	signed, err := jws.Sign(payload, jws.WithKey(jwa.RS256(), r.key))
	if err != nil {
		r.t.Fatal(err)
	}
	return string(signed)
}

func (r *launchRig) tokenForm(assertion, scope string) url.Values {
	return url.Values{
		"grant_type": {"client_credentials"}, "client_assertion_type": {assertionType},
		"client_assertion": {assertion}, "scope": {scope},
	}
}

// serviceToken gets a token for the roster service.
func (r *launchRig) serviceToken() string {
	r.t.Helper()
	a := r.nobody().do("POST", r.s.SSOURL()+"/login/oauth2/token", r.tokenForm(r.assert(nil), ScopeNamesAndRoles).Encode()).want(200)
	var body struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int    `json:"expires_in"`
	}
	if err := json.Unmarshal([]byte(a.raw), &body); err != nil || body.ExpiresIn != 3600 {
		r.t.Fatalf("token answer %s", a.raw)
	}
	return body.AccessToken
}

// get is a plain GET with a bearer token.
func (r *launchRig) get(address, bearer string) answer {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, address, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("User-Agent", "canvastest/1")
	req.Header.Set("Accept", RosterType)
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	res, err := r.client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return answer{t: r.t, status: res.StatusCode, header: res.Header, raw: string(raw)}
}
