package web_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/app"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/config"
	"github.com/tokendesk/tokendesk/internal/operate"
	"github.com/tokendesk/tokendesk/internal/secret"
	"github.com/tokendesk/tokendesk/internal/session"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
)

// rig is the whole program on a fresh database, over real HTTP, with a stand-in
// Canvas in which it is installed from its own /lti/config.json. Both stand on
// one clock that only the test moves.
type rig struct {
	t     *testing.T
	cv    *canvastest.Server
	clock *canvastest.Clock
	app   *app.App
	url   string
	tool  canvastest.Deployment
	logs  *logs
	db    string // its address
}

// logs keeps every line, to be searched for what must not be there.
type logs struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newRig(t *testing.T) *rig {
	t.Helper()
	return newRigOn(t, "sqlite:"+t.TempDir()+"/web.db")
}

// newRigOn is newRig on the empty database with this address.
func newRigOn(t *testing.T, db string) *rig {
	t.Helper()
	r := &rig{t: t, clock: canvastest.NewFixedClock(time.Date(2026, 11, 23, 16, 0, 0, 0, time.UTC)), logs: &logs{}}
	r.cv = canvastest.Start(t, canvastest.Options{Clock: r.clock})

	var handler http.Handler
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) { handler.ServeHTTP(w, q) }))
	t.Cleanup(server.Close)
	r.url = server.URL

	cfg := config.Default()
	r.db = db
	cfg.Database = secret.New(r.db)
	cfg.PublicURL = r.url
	if !strings.HasPrefix(db, "sqlite:") {
		cfg.MasterKeyFile = t.TempDir() + "/master.key"
		if err := os.WriteFile(cfg.MasterKeyFile, []byte(base64.StdEncoding.EncodeToString([]byte("a key of thirty-two bytes, tests"))), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	r.app, err = app.New(t.Context(), cfg, app.Options{Now: r.clock.Now, Migrate: true,
		Log: slog.New(slog.NewJSONHandler(r.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.app.Close(); err != nil {
			t.Error(err)
		}
	})
	handler = r.app.Handler()
	r.install()
	return r
}

// install registers the tool in Canvas and Canvas in the tool.
func (r *rig) install() {
	r.t.Helper()
	res, err := http.Get(r.url + "/lti/config.json")
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	doc, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	tool, err := canvastest.ToolFromConfig(doc, []string{r.url + "/lti/launch"})
	if err != nil {
		r.t.Fatalf("Canvas refuses our configuration: %v", err)
	}
	if r.tool, err = r.cv.InstallTool(tool); err != nil {
		r.t.Fatal(err)
	}
	_, err = r.app.Operate.AddPlatform(r.t.Context(), operate.PlatformSpec{
		Name: "Northfield", Issuer: r.cv.Issuer(), ClientID: r.tool.ClientID, Deployments: []string{r.tool.ID},
		AuthURL: r.cv.SSOURL() + "/api/lti/authorize_redirect", KeySetURL: r.cv.SSOURL() + "/api/lti/security/jwks",
		TokenURL: r.cv.SSOURL() + "/login/oauth2/token", CanvasURLs: []string{r.cv.InstitutionURL()},
		Credential: operate.Credential{Token: secret.New(r.cv.World().ServiceToken())}, Actor: "operator:test",
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// The places a tool is opened from.
func (r *rig) course(key string) string {
	return "/courses/" + r.cv.World().Course(key).ID.String() + "/external_tools/" + r.tool.ToolID.String()
}

func (r *rig) account(key string) string {
	return "/accounts/" + r.cv.World().Account(key).ID.String() + "/external_tools/" + r.tool.ToolID.String()
}

// browser is one person's browser with the tool open in Canvas. What the tool's
// page answered last is in it.
type browser struct {
	r       *rig
	canvas  []*http.Cookie
	cookies map[string]string // the tool's
	block   bool              // third-party cookies are blocked: the tool's never come back

	path   string
	status int
	header http.Header
	body   string
}

// launch opens the tool as somebody, from a place.
func (r *rig) launch(user, place string) *browser {
	r.t.Helper()
	b := &browser{r: r, cookies: map[string]string{}}
	b.signIn(user)
	b.open(place)
	return b
}

func (b *browser) signIn(user string) {
	b.r.t.Helper()
	var err error
	if b.canvas, err = b.r.cv.SignIn(user); err != nil {
		b.r.t.Fatal(err)
	}
}

// open walks a launch: Canvas's page, login, authorisation, launch.
func (b *browser) open(place string) *browser {
	b.r.t.Helper()
	page := b.atCanvas(b.r.cv.InstitutionURL() + place)
	action, fields := form(b.r.t, page, "tool_form")
	b.send(http.MethodPost, strings.TrimPrefix(action, b.r.url), fields, nil)
	next := b.header.Get("Location")
	if b.status == http.StatusOK {
		var data struct{ Next string }
		if err := json.Unmarshal([]byte(element(b.r.t, b.body, "lti-data")), &data); err != nil {
			b.r.t.Fatal(err)
		}
		next = data.Next
	}
	action, fields = form(b.r.t, b.atCanvas(next), "")
	return b.send(http.MethodPost, strings.TrimPrefix(action, b.r.url), fields, http.Header{
		"Origin": {b.r.cv.InstitutionURL()}, "Sec-Fetch-Site": {"cross-site"},
	})
}

// atCanvas gets a page of Canvas, following its redirects.
func (b *browser) atCanvas(address string) string {
	b.r.t.Helper()
	for range 5 {
		req, err := http.NewRequestWithContext(b.r.t.Context(), http.MethodGet, address, nil)
		if err != nil {
			b.r.t.Fatal(err)
		}
		for _, c := range b.canvas {
			req.AddCookie(c)
		}
		res, err := b.r.cv.Client().Do(req)
		if err != nil {
			b.r.t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil {
			b.r.t.Fatal(err)
		}
		if res.StatusCode == http.StatusOK {
			return string(body)
		}
		if address = res.Header.Get("Location"); address == "" {
			b.r.t.Fatalf("Canvas answers %d: %s", res.StatusCode, body)
		}
	}
	b.r.t.Fatal("Canvas redirects for ever")
	return ""
}

// send makes one request of the tool.
func (b *browser) send(method, path string, fields url.Values, header http.Header) *browser {
	b.r.t.Helper()
	var body io.Reader
	if fields != nil {
		body = strings.NewReader(fields.Encode())
	}
	req, err := http.NewRequestWithContext(b.r.t.Context(), method, b.r.url+path, body)
	if err != nil {
		b.r.t.Fatal(err)
	}
	for k, v := range header {
		req.Header[k] = v
	}
	if host := req.Header.Get("Host"); host != "" {
		req.Host = host
	}
	if fields != nil && req.Header.Get("Content-Type") == "" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, value := range b.cookies {
		if !b.block || strings.HasPrefix(name, "__Host-lti_") {
			req.AddCookie(&http.Cookie{Name: name, Value: value})
		}
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if err != nil {
		b.r.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	all, err := io.ReadAll(res.Body)
	if err != nil {
		b.r.t.Fatal(err)
	}
	for _, c := range res.Cookies() {
		b.cookies[c.Name] = c.Value
	}
	b.path, b.status, b.header, b.body = path, res.StatusCode, res.Header, string(all)
	return b
}

// handle is what the page carries.
func (b *browser) handle() string { return meta(b.r.t, b.body, "tool-session") }

// sameOrigin is what a browser says of a request by the page itself.
func sameOrigin() http.Header { return http.Header{"Sec-Fetch-Site": {"same-origin"}} }

// get follows a link as the page's script does.
func (b *browser) get(path string) *browser {
	b.r.t.Helper()
	h := sameOrigin()
	if handle := b.handle(); handle != "" {
		h.Set(session.Header, handle)
	}
	h.Set("HX-Request", "true")
	return b.send(http.MethodGet, path, nil, h)
}

// deciding are the forms that carry what their page showed.
var deciding = regexp.MustCompile(`^/(?:requests|tokens|leaks|revocations)/([\w-]+)(?:/(?:endorse|decline|approve|deny|thaw|take-over|clear))?$`)

// post sends a form of the page, as it is when the page was opened just now.
func (b *browser) post(path string, fields url.Values) *browser {
	b.r.t.Helper()
	all := url.Values{session.Field: {b.handle()}}
	if of := deciding.FindStringSubmatch(path); of != nil {
		all.Set("terms", b.r.terms(of[1]))
	}
	if path == "/unmanaged/allow" {
		for _, id := range fields["pick"] {
			all.Set("terms_"+id, b.r.terms(id))
		}
	}
	for k, v := range fields {
		all[k] = v
	}
	return b.send(http.MethodPost, path, all, sameOrigin())
}

// want fails unless the page has the status and the h1.
func (b *browser) want(status int, h1 string) *browser {
	b.r.t.Helper()
	if got := heading(b.r.t, b.body); b.status != status || got != h1 {
		b.r.t.Logf("log:\n%s", b.r.logs)
		b.r.t.Fatalf("%s: status %d, h1 %q; want %d, %q\n%s", b.path, b.status, got, status, h1, text(b.body))
	}
	return b
}

// says fails unless the page has the words.
func (b *browser) says(words string) *browser {
	b.r.t.Helper()
	if !strings.Contains(text(b.body), words) {
		b.r.t.Logf("log:\n%s", b.r.logs)
		b.r.t.Fatalf("%s does not say %q:\n%s", b.path, words, text(b.body))
	}
	return b
}

// stopsAsking fails unless the answer to the page's poll tells it to ask no
// more, and to leave what is shown.
func (b *browser) stopsAsking() *browser {
	b.r.t.Helper()
	if b.status != 286 || b.body != "" || b.header.Get("HX-Reswap") != "none" { // 286 is htmx's own
		b.r.t.Fatalf("the poll %s is answered %d, HX-Reswap %q: %s", b.path, b.status, b.header.Get("HX-Reswap"), b.body)
	}
	return b
}

// Reading pages.

func parse(t *testing.T, page string) *html.Node {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func form(t *testing.T, page, id string) (action string, fields url.Values) {
	t.Helper()
	for n := range parse(t, page).Descendants() {
		if n.Data != "form" || (id != "" && attr(n, "id") != id) {
			continue
		}
		fields = url.Values{}
		for in := range n.Descendants() {
			if in.Data == "input" && attr(in, "name") != "" {
				fields.Add(attr(in, "name"), attr(in, "value"))
			}
		}
		return attr(n, "action"), fields
	}
	t.Fatalf("no form %q in:\n%s", id, page)
	return "", nil
}

func element(t *testing.T, page, id string) string {
	t.Helper()
	for n := range parse(t, page).Descendants() {
		if attr(n, "id") == id && n.FirstChild != nil {
			return n.FirstChild.Data
		}
	}
	t.Fatalf("no element %q in:\n%s", id, page)
	return ""
}

func meta(t *testing.T, page, name string) string {
	t.Helper()
	for n := range parse(t, page).Descendants() {
		if n.Data == "meta" && attr(n, "name") == name {
			return attr(n, "content")
		}
	}
	return ""
}

func heading(t *testing.T, page string) string {
	t.Helper()
	var all []string
	for n := range parse(t, page).Descendants() {
		if n.Type == html.ElementNode && n.Data == "h1" {
			all = append(all, words(n))
		}
	}
	return strings.Join(all, " / ")
}

func words(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode && d.Parent.Data != "script" && d.Parent.Data != "style" && d.Parent.Data != "svg" {
			b.WriteString(d.Data)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// text is what a person reads on a page.
func text(page string) string {
	doc, err := html.Parse(strings.NewReader(page))
	if err != nil {
		return page
	}
	return words(doc)
}

// valueOn is the token's value on the page that shows it.
func valueOn(t *testing.T, page string) string {
	t.Helper()
	for n := range parse(t, page).Descendants() {
		if attr(n, "id") == "token-value" {
			return attr(n, "value")
		}
	}
	t.Fatalf("no value in:\n%s", text(page))
	return ""
}

// linkOn is the first link whose address begins with prefix, up to its query
// or further path.
func linkOn(t *testing.T, page, prefix string) string {
	t.Helper()
	for n := range parse(t, page).Descendants() {
		if n.Data == "a" && strings.HasPrefix(attr(n, "href"), prefix) {
			rest := strings.TrimPrefix(attr(n, "href"), prefix)
			id, _, _ := strings.Cut(rest, "/")
			return prefix + id
		}
	}
	t.Fatalf("no link to %s in:\n%s", prefix, text(page))
	return ""
}

// terms is what a form of an object's page carries of what it shows; nothing
// where there is no such page.
func (r *rig) terms(id string) string {
	ctx := context.Background()
	var tenant access.TenantID
	if err := r.app.Store.Read(ctx, func(tx *store.Tx) error {
		all, err := tx.Tenants()
		if err == nil {
			tenant = all[0].ID
		}
		return err
	}); err != nil {
		return ""
	}
	read, err := storetest.Terms(ctx, r.app.Store, tenant, id)
	if err != nil {
		return ""
	}
	return read
}

// requests is every request with its state, as the database has them.
func (r *rig) requests() map[string]string {
	r.t.Helper()
	out := map[string]string{}
	err := r.app.Store.Read(r.t.Context(), func(tx *store.Tx) error {
		tenants, err := tx.Tenants()
		if err != nil {
			return err
		}
		all, err := tx.Requests(store.RequestQuery{Tenant: tenants[0].ID, Limit: store.MaxLimit})
		for _, q := range all {
			key := q.Code()
			if key == "" {
				key = q.ID
			}
			out[key] = string(q.State)
		}
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return out
}

func valueShown(t *testing.T, page string) bool {
	t.Helper()
	for n := range parse(t, page).Descendants() {
		if attr(n, "id") == "token-value" {
			return true
		}
	}
	return false
}

// secured is the header of a page of a tool that is reached by https.
func secured(t *testing.T) http.Header {
	t.Helper()
	cfg := config.Default()
	cfg.Database = secret.New("sqlite:" + t.TempDir() + "/web.db")
	cfg.PublicURL = "https://tokens.example.edu"
	a, err := app.New(t.Context(), cfg, app.Options{Migrate: true, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	w := httptest.NewRecorder()
	a.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	return w.Header()
}
