package lti_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"

	"github.com/tokendesk/tokendesk/lti"
	"github.com/tokendesk/tokendesk/lti/memstore"
)

// exampleTool is a tool of one platform, which says on its first page who came.
func exampleTool(p *platform) *lti.Tool {
	store := memstore.New(p.registration())
	return &lti.Tool{
		Registrations: store, States: store, KeySets: &lti.KeySets{},
		StateKeys: lti.NewStateKeys([32]byte{1}), // in earnest: 32 random bytes, kept secret
		PublicURL: "https://tool.example.edu",
		Target:    func(path string) bool { return path == "/" },
		Pages: lti.Pages{
			Launched: func(w http.ResponseWriter, _ *http.Request, l lti.Launch) {
				fmt.Fprintf(w, "%s teaches %s: %t", l.Name, l.Context.Title, l.HasRole(lti.RoleInstructor))
			},
			Refused: func(w http.ResponseWriter, _ *http.Request, r *lti.Refusal) {
				w.WriteHeader(r.Status())
				fmt.Fprint(w, "refused: ", r.Code)
			},
		},
	}
}

// post sends a form to a handler, with the cookies of an earlier answer.
func post(handler http.HandlerFunc, path string, form url.Values, cookies ...*http.Cookie) *http.Response {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, c := range cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	handler(w, r)
	return w.Result()
}

func body(res *http.Response) string {
	defer func() { _ = res.Body.Close() }()
	var b strings.Builder
	_, _ = fmt.Fprint(&b, res.StatusCode, " ")
	buf := make([]byte, 1<<10)
	n, _ := res.Body.Read(buf)
	b.Write(buf[:n])
	return b.String()
}

// A login stores nothing: it sends the browser on, with a state that only this
// tool can open and a cookie that says which browser it was.
func ExampleTool_HandleLogin() {
	p := startPlatform()
	defer p.Close()
	tool := exampleTool(p)

	res := post(tool.HandleLogin, "/lti/login", p.login("https://tool.example.edu/"))
	defer func() { _ = res.Body.Close() }()
	to, _ := res.Location()
	fmt.Fprintln(os.Stdout, res.StatusCode, to.Path, to.Query().Get("response_mode"), to.Query().Get("redirect_uri"))
	fmt.Fprintln(os.Stdout, to.Query().Has("state"), to.Query().Has("nonce"), res.Cookies()[0].HttpOnly)
	// Output:
	// 303 /auth form_post https://tool.example.edu/lti/launch
	// true true true
}

// A launch works once, and in the browser that began it.
func ExampleTool_HandleLaunch() {
	p := startPlatform()
	defer p.Close()
	tool := exampleTool(p)

	login := post(tool.HandleLogin, "/lti/login", p.login("https://tool.example.edu/"))
	_ = login.Body.Close()
	to, _ := login.Location()
	form := p.launch(to)
	fmt.Fprintln(os.Stdout, body(post(tool.HandleLaunch, "/lti/launch", form, login.Cookies()...)))
	fmt.Fprintln(os.Stdout, body(post(tool.HandleLaunch, "/lti/launch", form, login.Cookies()...)))
	// Output:
	// 200 Grace Hopper teaches Compilers: true
	// 401 refused: state_spent
}

// keys has one signing key. In earnest its Bytes are kept sealed, and a second one
// is published before it takes over.
type keys struct{ key lti.SigningKey }

func (k keys) Current(context.Context) (lti.SigningKey, error) { return k.key, nil }
func (k keys) Published(context.Context) ([]lti.PublicKey, error) {
	return []lti.PublicKey{k.key.Public()}, nil
}

func newKeys() keys {
	key, err := lti.GenerateKey()
	if err != nil {
		panic(err)
	}
	return keys{key}
}

// The tool publishes its own keys at the address that platforms know.
func ExampleKeySetHandler() {
	mine := newKeys()
	w := httptest.NewRecorder()
	lti.KeySetHandler(mine).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/lti/jwks.json", nil))
	fmt.Fprintln(os.Stdout, w.Code, w.Header().Get("Cache-Control"), strings.Contains(w.Body.String(), mine.key.ID))
	// Output: 200 public, max-age=600 true
}

// The members of a launch's course, by its Launch.NamesRolesURL.
func ExampleNamesRoles_Members() {
	p := startPlatform()
	defer p.Close()
	roster := &lti.NamesRoles{Tokens: &lti.ServiceTokens{Keys: newKeys()}}

	members, err := roster.Members(context.Background(), p.registration(), p.URL+"/members", "")
	if err != nil {
		panic(err)
	}
	for _, m := range members {
		fmt.Fprintln(os.Stdout, m.UserID, m.Name, m.HasRole(lti.RoleInstructor))
	}
	// Output:
	// u1 Grace Hopper true
	// u2 Maya Chen false
}

// A platform's admin opens the tool's registration address with two parameters,
// openid_configuration and registration_token. What comes of them is stored, and
// launches of it are taken from then on.
func ExampleDynamicRegistration() {
	p := startPlatform()
	defer p.Close()
	ctx, store := context.Background(), memstore.New()
	registration := &lti.DynamicRegistration{TrustHost: func(host string) bool { return "http://"+host == p.URL }}

	found, err := registration.Discover(ctx, p.URL+"/configuration", "one-time")
	if err != nil {
		panic(err)
	}
	made, err := registration.Register(ctx, found, "one-time", lti.Profile{
		Title: "Desk", Description: "An example",
		PublicURL: "https://tool.example.edu", LoginURL: "https://tool.example.edu/lti/login",
		RedirectURIs:  []string{"https://tool.example.edu/lti/launch"},
		TargetLinkURI: "https://tool.example.edu/", KeySetURL: "https://tool.example.edu/lti/jwks.json",
		Scopes: []string{lti.ScopeNamesRoles}, PrivacyLevel: "public",
	})
	if err != nil {
		panic(err)
	}
	college, err := found.Registration("college", made)
	if err != nil {
		panic(err)
	}
	if err := store.Put(ctx, college); err != nil {
		panic(err)
	}
	known, err := store.FindRegistration(ctx, p.URL, made.ClientID, "")
	fmt.Fprintln(os.Stdout, known.ClientID, known.Deployments[0].ID, err)
	// Output: desk course-1 <nil>
}
