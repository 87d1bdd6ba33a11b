// Package webtest is the whole program over real HTTP, with a stand-in Canvas, for
// the tests of web and of its rooms.
package webtest

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

// Rig is the whole program on a fresh database, over real HTTP, with a stand-in
// Canvas in which it is installed from its own /lti/config.json. Both stand on
// one clock that only the test moves.
type Rig struct {
	T      *testing.T
	Canvas *canvastest.Server
	Clock  *canvastest.Clock
	App    *app.App
	URL    string
	Tool   canvastest.Deployment
	Logs   *Logs
	DB     string // its address
}

// Logs keeps every line, to be searched for what must not be there.
type Logs struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *Logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *Logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// New is the program on an empty SQLite database.
func New(t *testing.T) *Rig {
	t.Helper()
	return NewOn(t, "sqlite:"+t.TempDir()+"/web.db")
}

// NewOn is New on the empty database with this address.
func NewOn(t *testing.T, db string) *Rig {
	t.Helper()
	return NewHeard(t, db, nil)
}

// NewHeard is NewOn with somebody who hears every statement that goes to the
// database.
func NewHeard(t *testing.T, db string, statement func(statement string, args []any)) *Rig {
	t.Helper()
	r := &Rig{T: t, Clock: canvastest.NewFixedClock(time.Date(2026, 11, 23, 16, 0, 0, 0, time.UTC)), Logs: &Logs{}}
	r.Canvas = canvastest.Start(t, canvastest.Options{Clock: r.Clock})

	var handler http.Handler
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) { handler.ServeHTTP(w, q) }))
	t.Cleanup(server.Close)
	r.URL = server.URL

	cfg := config.Default()
	r.DB = db
	cfg.Database = secret.New(r.DB)
	cfg.PublicURL = r.URL
	if !strings.HasPrefix(db, "sqlite:") {
		cfg.MasterKeyFile = t.TempDir() + "/master.key"
		if err := os.WriteFile(cfg.MasterKeyFile, []byte(base64.StdEncoding.EncodeToString([]byte("a key of thirty-two bytes, tests"))), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	r.App, err = app.New(t.Context(), cfg, app.Options{Now: r.Clock.Now, Migrate: true, Statement: statement,
		Log: slog.New(slog.NewJSONHandler(r.Logs, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.App.Close(); err != nil {
			t.Error(err)
		}
	})
	handler = r.App.Handler()
	r.install("Northfield")
	return r
}

// Beside is another school on the same program: a Canvas of its own, twin of the
// first down to every id, with another issuer.
func (r *Rig) Beside() *Rig {
	r.T.Helper()
	other := *r
	other.Canvas = canvastest.Start(r.T, canvastest.Options{Clock: r.Clock, Issuer: "https://canvas.southfield.example"})
	other.install("Southfield")
	return &other
}

// Each runs a test on a rig of each engine.
func Each(t *testing.T, test func(t *testing.T, r *Rig)) {
	t.Helper()
	storetest.EachURL(t, func(t *testing.T, db string) {
		t.Parallel()
		test(t, NewOn(t, db))
	})
}

// Fault is the first line of the log that tells of a fault of ours.
func (r *Rig) Fault() string {
	for line := range strings.Lines(r.Logs.String()) {
		if strings.Contains(line, `"level":"ERROR"`) {
			return line
		}
	}
	return ""
}

// install registers the tool in Canvas and Canvas, under a name, in the tool.
func (r *Rig) install(name string) {
	r.T.Helper()
	req, err := http.NewRequestWithContext(r.T.Context(), http.MethodGet, r.URL+"/lti/config.json", nil)
	if err != nil {
		r.T.Fatal(err)
	}
	res, err := (&http.Client{}).Do(req)
	if err != nil {
		r.T.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	doc, err := io.ReadAll(res.Body)
	if err != nil {
		r.T.Fatal(err)
	}
	tool, err := canvastest.ToolFromConfig(doc, []string{r.URL + "/lti/launch"})
	if err != nil {
		r.T.Fatalf("Canvas refuses our configuration: %v", err)
	}
	if r.Tool, err = r.Canvas.InstallTool(tool); err != nil {
		r.T.Fatal(err)
	}
	_, err = r.App.Operate.AddPlatform(r.T.Context(), operate.PlatformSpec{
		Name: name, Issuer: r.Canvas.Issuer(), ClientID: r.Tool.ClientID, Deployments: []string{r.Tool.ID},
		AuthURL: r.Canvas.SSOURL() + "/api/lti/authorize_redirect", KeySetURL: r.Canvas.SSOURL() + "/api/lti/security/jwks",
		TokenURL: r.Canvas.SSOURL() + "/login/oauth2/token", CanvasURLs: []string{r.Canvas.InstitutionURL()},
		Credential: operate.Credential{Token: secret.New(r.Canvas.World().ServiceToken())}, Actor: "operator:test",
	})
	if err != nil {
		r.T.Fatal(err)
	}
}

// Course is the tool in the menu of a course.
func (r *Rig) Course(key string) string {
	return "/courses/" + r.Canvas.World().Course(key).ID.String() + "/external_tools/" + r.Tool.ToolID.String()
}

// Account is the tool in the menu of an account.
func (r *Rig) Account(key string) string {
	return "/accounts/" + r.Canvas.World().Account(key).ID.String() + "/external_tools/" + r.Tool.ToolID.String()
}

// Browser is one person's browser with the tool open in Canvas. What the tool's
// page answered last is in it.
type Browser struct {
	Rig     *Rig
	canvas  []*http.Cookie
	Cookies map[string]string // the tool's
	Block   bool              // third-party cookies are blocked: the tool's never come back

	Path   string
	Status int
	Header http.Header
	Body   string

	Opening string // the tool's page before the session, if the login showed one
}

// Launch opens the tool as somebody, from a place.
func (r *Rig) Launch(user, place string) *Browser {
	r.T.Helper()
	b := &Browser{Rig: r, Cookies: map[string]string{}}
	b.signIn(user)
	b.Open(place)
	return b
}

func (b *Browser) signIn(user string) {
	b.Rig.T.Helper()
	var err error
	if b.canvas, err = b.Rig.Canvas.SignIn(user); err != nil {
		b.Rig.T.Fatal(err)
	}
}

// Open walks a launch: Canvas's page, login, authorisation, launch.
func (b *Browser) Open(place string) *Browser {
	b.Rig.T.Helper()
	page := b.atCanvas(b.Rig.Canvas.InstitutionURL() + place)
	action, fields := Form(b.Rig.T, page, "tool_form")
	b.Send(http.MethodPost, strings.TrimPrefix(action, b.Rig.URL), fields, nil)
	next := b.Header.Get("Location")
	if b.Status == http.StatusOK {
		b.Opening = b.Body
		var data struct{ Next string }
		if err := json.Unmarshal([]byte(Element(b.Rig.T, b.Body, "lti-data")), &data); err != nil {
			b.Rig.T.Fatal(err)
		}
		next = data.Next
	}
	action, fields = Form(b.Rig.T, b.atCanvas(next), "")
	return b.Send(http.MethodPost, strings.TrimPrefix(action, b.Rig.URL), fields, http.Header{
		"Origin": {b.Rig.Canvas.InstitutionURL()}, "Sec-Fetch-Site": {"cross-site"},
	})
}

// atCanvas gets a page of Canvas, following its redirects.
func (b *Browser) atCanvas(address string) string {
	b.Rig.T.Helper()
	for range 5 {
		req, err := http.NewRequestWithContext(b.Rig.T.Context(), http.MethodGet, address, nil)
		if err != nil {
			b.Rig.T.Fatal(err)
		}
		for _, c := range b.canvas {
			req.AddCookie(c)
		}
		res, err := b.Rig.Canvas.Client().Do(req)
		if err != nil {
			b.Rig.T.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil {
			b.Rig.T.Fatal(err)
		}
		if res.StatusCode == http.StatusOK {
			return string(body)
		}
		if address = res.Header.Get("Location"); address == "" {
			b.Rig.T.Fatalf("Canvas answers %d: %s", res.StatusCode, body)
		}
	}
	b.Rig.T.Fatal("Canvas redirects for ever")
	return ""
}

// Send makes one request of the tool.
func (b *Browser) Send(method, path string, fields url.Values, header http.Header) *Browser {
	b.Rig.T.Helper()
	var body io.Reader
	if fields != nil {
		body = strings.NewReader(fields.Encode())
	}
	req, err := http.NewRequestWithContext(b.Rig.T.Context(), method, b.Rig.URL+path, body)
	if err != nil {
		b.Rig.T.Fatal(err)
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
	for name, value := range b.Cookies {
		if !b.Block || strings.HasPrefix(name, "__Host-lti_") {
			req.AddCookie(&http.Cookie{Name: name, Value: value}) //nolint:gosec // what a browser sends has no attributes
		}
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if err != nil {
		b.Rig.T.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	all, err := io.ReadAll(res.Body)
	if err != nil {
		b.Rig.T.Fatal(err)
	}
	for _, c := range res.Cookies() {
		b.Cookies[c.Name] = c.Value
	}
	b.Path, b.Status, b.Header, b.Body = path, res.StatusCode, res.Header, string(all)
	return b
}

// Handle is what the page carries.
func (b *Browser) Handle() string { return Meta(b.Rig.T, b.Body, "tool-session") }

// SameOrigin is what a browser says of a request by the page itself.
func SameOrigin() http.Header { return http.Header{"Sec-Fetch-Site": {"same-origin"}} }

// Get follows a link as the page's script does.
func (b *Browser) Get(path string) *Browser {
	b.Rig.T.Helper()
	h := SameOrigin()
	if handle := b.Handle(); handle != "" {
		h.Set(session.Header, handle)
	}
	h.Set("HX-Request", "true")
	return b.Send(http.MethodGet, path, nil, h)
}

// deciding are the forms that carry what their page showed.
var deciding = regexp.MustCompile(`^/(?:requests|tokens|leaks|revocations)/([\w-]+)(?:/(?:endorse|decline|approve|deny|thaw|take-over|clear))?$`)

// Post sends a form of the page, as it is when the page was opened just now.
func (b *Browser) Post(path string, fields url.Values) *Browser {
	b.Rig.T.Helper()
	all := b.Rig.Filled(path, fields)
	all.Set(session.Field, b.Handle())
	return b.Send(http.MethodPost, path, all, SameOrigin())
}

// Filled is a form of the page with what the page carries in it, as it is when the
// page was opened just now.
func (r *Rig) Filled(path string, fields url.Values) url.Values {
	r.T.Helper()
	all := url.Values{}
	if of := deciding.FindStringSubmatch(path); of != nil {
		all.Set("terms", r.terms(of[1]))
	}
	if path == "/unmanaged/allow" {
		for _, id := range fields["pick"] {
			all.Set("terms_"+id, r.terms(id))
		}
	}
	for k, v := range fields {
		all[k] = v
	}
	return all
}

// Want fails unless the page has the status and the h1.
func (b *Browser) Want(status int, h1 string) *Browser {
	b.Rig.T.Helper()
	if got := Heading(b.Rig.T, b.Body); b.Status != status || got != h1 {
		b.Rig.T.Logf("log:\n%s", b.Rig.Logs)
		b.Rig.T.Fatalf("%s: status %d, h1 %q; want %d, %q\n%s", b.Path, b.Status, got, status, h1, Text(b.Body))
	}
	return b
}

// Says fails unless the page has the words.
func (b *Browser) Says(words string) *Browser {
	b.Rig.T.Helper()
	if !strings.Contains(Text(b.Body), words) {
		b.Rig.T.Logf("log:\n%s", b.Rig.Logs)
		b.Rig.T.Fatalf("%s does not say %q:\n%s", b.Path, words, Text(b.Body))
	}
	return b
}

// StopsAsking fails unless the answer to the page's poll tells it to ask no
// more, and to leave what is shown.
func (b *Browser) StopsAsking() *Browser {
	b.Rig.T.Helper()
	if b.Status != 286 || b.Body != "" || b.Header.Get("HX-Reswap") != "none" { // 286 is htmx's own
		b.Rig.T.Fatalf("the poll %s is answered %d, HX-Reswap %q: %s", b.Path, b.Status, b.Header.Get("HX-Reswap"), b.Body)
	}
	return b
}

// Reading pages.

// Parse reads a page.
func Parse(t *testing.T, page string) *html.Node {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// Attr is an attribute of an element, or "".
func Attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// Form is where the form with this id goes, and its fields; the first form for "".
func Form(t *testing.T, page, id string) (action string, fields url.Values) {
	t.Helper()
	for n := range Parse(t, page).Descendants() {
		if n.Data != "form" || (id != "" && Attr(n, "id") != id) {
			continue
		}
		fields = url.Values{}
		for in := range n.Descendants() {
			if in.Data == "input" && Attr(in, "name") != "" {
				fields.Add(Attr(in, "name"), Attr(in, "value"))
			}
		}
		return Attr(n, "action"), fields
	}
	t.Fatalf("no form %q in:\n%s", id, page)
	return "", nil
}

// Element is the text of the element with this id.
func Element(t *testing.T, page, id string) string {
	t.Helper()
	for n := range Parse(t, page).Descendants() {
		if Attr(n, "id") == id && n.FirstChild != nil {
			return n.FirstChild.Data
		}
	}
	t.Fatalf("no element %q in:\n%s", id, page)
	return ""
}

// Meta is what a <meta> of the page says, or "".
func Meta(t *testing.T, page, name string) string {
	t.Helper()
	for n := range Parse(t, page).Descendants() {
		if n.Data == "meta" && Attr(n, "name") == name {
			return Attr(n, "content")
		}
	}
	return ""
}

// Heading is the h1.
func Heading(t *testing.T, page string) string {
	t.Helper()
	var all []string
	for n := range Parse(t, page).Descendants() {
		if n.Type == html.ElementNode && n.Data == "h1" {
			all = append(all, Words(n))
		}
	}
	return strings.Join(all, " / ")
}

// Words is what a person reads in an element.
func Words(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode && d.Parent.Data != "script" && d.Parent.Data != "style" && d.Parent.Data != "svg" {
			b.WriteString(d.Data)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// Text is what a person reads on a page.
func Text(page string) string {
	doc, err := html.Parse(strings.NewReader(page))
	if err != nil {
		return page
	}
	return Words(doc)
}

// ValueOn is the token's value on the page that shows it.
func ValueOn(t *testing.T, page string) string {
	t.Helper()
	for n := range Parse(t, page).Descendants() {
		if Attr(n, "id") == "token-value" {
			return Attr(n, "value")
		}
	}
	t.Fatalf("no value in:\n%s", Text(page))
	return ""
}

// LinkOn is the first link whose address begins with prefix, up to its query
// or further path.
func LinkOn(t *testing.T, page, prefix string) string {
	t.Helper()
	for n := range Parse(t, page).Descendants() {
		if n.Data == "a" && strings.HasPrefix(Attr(n, "href"), prefix) {
			rest := strings.TrimPrefix(Attr(n, "href"), prefix)
			id, _, _ := strings.Cut(rest, "/")
			return prefix + id
		}
	}
	t.Fatalf("no link to %s in:\n%s", prefix, Text(page))
	return ""
}

// terms is what a form of an object's page carries of what it shows; nothing
// where there is no such page.
func (r *Rig) terms(id string) string {
	ctx := context.Background()
	var tenant access.TenantID
	if err := r.App.Store.Read(ctx, func(tx *store.Tx) error {
		all, err := tx.Tenants()
		if err == nil {
			tenant = all[0].ID
		}
		return err
	}); err != nil {
		return ""
	}
	read, err := storetest.Terms(ctx, r.App.Store, tenant, id)
	if err != nil {
		return ""
	}
	return read
}

// Requests is every request with its state, as the database has them.
func (r *Rig) Requests() map[string]string {
	r.T.Helper()
	out := map[string]string{}
	err := r.App.Store.Read(r.T.Context(), func(tx *store.Tx) error {
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
		r.T.Fatal(err)
	}
	return out
}

// ValueShown reports whether the page shows a token's value.
func ValueShown(t *testing.T, page string) bool {
	t.Helper()
	for n := range Parse(t, page).Descendants() {
		if Attr(n, "id") == "token-value" {
			return true
		}
	}
	return false
}

// Secured is the header of a page of a tool that is reached by https.
func Secured(t *testing.T) http.Header {
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
	a.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
	return w.Header()
}
