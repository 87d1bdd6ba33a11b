package operate_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/tokendesk/tokendesk/internal/app"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/config"
	"github.com/tokendesk/tokendesk/internal/operate"
	"github.com/tokendesk/tokendesk/internal/secret"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
)

// school is a stand-in Canvas that the tool is not installed in, and replicas
// of the whole program on one database, over real HTTP. All stand on one clock
// that only the test moves.
type school struct {
	t        *testing.T
	cv       *canvastest.Server
	clock    *canvastest.Clock
	replicas []*app.App
	urls     []string // of the replicas; the first is the public one
	database string
	logs     *lines
	// answer, when set, changes what Canvas answers to a registration.
	answer func(w http.ResponseWriter, r *http.Request, real http.Handler)
}

// lines keeps what is logged, to be searched for what must not be there.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// schools runs a test on both databases.
func schools(t *testing.T, replicas int, test func(s *school)) {
	t.Helper()
	storetest.EachURL(t, func(t *testing.T, database string) { test(newSchool(t, database, replicas)) })
}

func sqliteSchool(t *testing.T) *school {
	t.Helper()
	return newSchool(t, "sqlite:"+filepath.Join(t.TempDir(), "school.db"), 1)
}

func newSchool(t *testing.T, database string, replicas int) *school {
	t.Helper()
	s := &school{t: t, database: database, logs: &lines{}, clock: canvastest.NewFixedClock(time.Date(2026, 11, 23, 16, 0, 0, 0, time.UTC))}
	s.startCanvas()
	key := filepath.Join(t.TempDir(), "master.key")
	if _, err := secret.CreateKeyFile(key); err != nil {
		t.Fatal(err)
	}
	handlers := make([]http.Handler, replicas)
	for i := range replicas {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handlers[i].ServeHTTP(w, r) }))
		t.Cleanup(server.Close)
		s.urls = append(s.urls, server.URL)
	}
	for i := range replicas {
		cfg := config.Default()
		cfg.Database, cfg.MasterKeyFile, cfg.PublicURL = secret.New(database), key, s.urls[0]
		a, err := app.New(t.Context(), cfg, app.Options{
			Now: s.clock.Now, Migrate: true, Log: slog.New(slog.NewJSONHandler(s.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := a.Close(); err != nil {
				t.Error(err)
			}
		})
		handlers[i], s.replicas = a.Handler(), append(s.replicas, a)
	}
	return s
}

// startCanvas starts the stand-in behind a door that answer may stand in.
func (s *school) startCanvas() {
	s.t.Helper()
	var real http.Handler
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.answer != nil && r.Method == http.MethodPost && r.URL.Path == "/api/lti/registrations" {
			s.answer(w, r, real)
			return
		}
		real.ServeHTTP(w, r)
	}))
	address := server.Listener.Addr().String()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		s.t.Fatal(err)
	}
	s.cv = canvastest.New(canvastest.Options{World: canvastest.DefaultWorld(s.clock), InstitutionURL: "http://" + address, SSOURL: "http://sso.localhost:" + port})
	s.cv.SetSwitches(func(sw *canvastest.Switches) { sw.NoStorageTarget = true }) // these browsers keep cookies
	real = s.cv.Handler()
	server.Start()
	s.t.Cleanup(func() {
		s.cv.ClearFaults()
		server.CloseClientConnections()
		server.Close()
	})
}

func (s *school) spec() operate.InviteSpec {
	return operate.InviteSpec{
		Name: "Northfield", CanvasURLs: []string{s.cv.InstitutionURL()}, Credential: operate.Credential{Token: secret.New(s.cv.World().ServiceToken())},
		Valid: operate.InviteLife, Actor: "operator:kim", Reason: "first term",
	}
}

// invite is a link made by an operator.
func (s *school) invite(change ...func(*operate.InviteSpec)) string {
	s.t.Helper()
	spec := s.spec()
	for _, c := range change {
		c(&spec)
	}
	got, err := s.replicas[0].Operate.Invite(s.t.Context(), spec)
	if err != nil {
		s.t.Fatal(err)
	}
	return got.Link
}

// begin is what happens when an admin pastes the link into Canvas: the address
// that Canvas opens in a frame.
func (s *school) begin(link string) (open, id string) {
	s.t.Helper()
	open, id, err := s.cv.StartRegistration("dana", link)
	if err != nil {
		s.t.Fatal(err)
	}
	return open, id
}

// page is an answer of the tool.
type page struct {
	status int
	header http.Header
	body   string
	text   string
	h1     string
}

func (s *school) get(address string) page {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, address, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return newPage(s.t, res, string(body))
}

func newPage(t *testing.T, res *http.Response, body string) page {
	t.Helper()
	p := page{status: res.StatusCode, header: res.Header, body: body}
	doc, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	var all, h1 strings.Builder
	for n := range doc.Descendants() {
		if n.Type != html.TextNode || n.Parent.Data == "script" || n.Parent.Data == "style" {
			continue
		}
		all.WriteString(n.Data)
		if n.Parent.Data == "h1" {
			h1.WriteString(n.Data)
		}
	}
	p.text, p.h1 = strings.Join(strings.Fields(all.String()), " "), strings.TrimSpace(h1.String())
	return p
}

// want fails unless the page has the status, the heading and the words.
func (s *school) want(p page, status int, h1 string, words ...string) page {
	s.t.Helper()
	if p.status != status || p.h1 != h1 {
		s.t.Fatalf("status %d, h1 %q; want %d, %q\n%s\nlog:\n%s", p.status, p.h1, status, h1, p.text, s.logs)
	}
	for _, w := range words {
		if !strings.Contains(p.text, w) {
			s.t.Errorf("the page does not say %q:\n%s", w, p.text)
		}
	}
	return p
}

// registered registers the tool, as the admin leaves it in Canvas.
func (s *school) registered(change func(*canvastest.Tool), invite ...func(*operate.InviteSpec)) canvastest.Deployment {
	s.t.Helper()
	open, id := s.begin(s.invite(invite...))
	s.want(s.get(open), http.StatusOK, "Tokendesk is registered")
	if err := s.cv.EnableRegistration(id, change); err != nil {
		s.t.Fatal(err)
	}
	at, ok := s.cv.Registration(id)
	if !ok {
		s.t.Fatal("Canvas has no registration")
	}
	return at
}

// visitor is one person's browser.
type visitor struct {
	s       *school
	canvas  []*http.Cookie
	cookies map[string]string // the tool's
	handle  string
}

func (s *school) as(user string) *visitor {
	s.t.Helper()
	cookies, err := s.cv.SignIn(user)
	if err != nil {
		s.t.Fatal(err)
	}
	return &visitor{s: s, canvas: cookies, cookies: map[string]string{}}
}

// login is the tool's answer to the first step of a launch.
func (v *visitor) login(place string) page {
	v.s.t.Helper()
	status, body := v.atCanvas(v.s.cv.InstitutionURL() + place)
	if status != http.StatusOK {
		v.s.t.Fatalf("%s: Canvas answers %d", place, status)
	}
	action, fields := formOn(v.s.t, body, "tool_form")
	return v.send(http.MethodPost, action, fields)
}

// open opens the tool from a place in Canvas and returns the tool's first page.
func (v *visitor) open(place string) page {
	v.s.t.Helper()
	login := v.login(place)
	next := login.header.Get("Location")
	if next == "" {
		v.s.t.Fatalf("the login answers %d: %s", login.status, login.text)
	}
	_, body := v.atCanvas(next)
	action, fields := formOn(v.s.t, body, "")
	return v.send(http.MethodPost, action, fields)
}

func (v *visitor) atCanvas(address string) (int, string) {
	v.s.t.Helper()
	for range 5 {
		req, err := http.NewRequestWithContext(v.s.t.Context(), http.MethodGet, address, nil)
		if err != nil {
			v.s.t.Fatal(err)
		}
		for _, c := range v.canvas {
			req.AddCookie(c)
		}
		res, err := v.s.cv.Client().Do(req)
		if err != nil {
			v.s.t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil {
			v.s.t.Fatal(err)
		}
		if address = res.Header.Get("Location"); address == "" {
			return res.StatusCode, string(body)
		}
	}
	v.s.t.Fatal("Canvas redirects for ever")
	return 0, ""
}

func (v *visitor) send(method, address string, fields url.Values) page {
	v.s.t.Helper()
	var body io.Reader
	if fields != nil {
		body = strings.NewReader(fields.Encode())
	}
	req, err := http.NewRequestWithContext(v.s.t.Context(), method, address, body)
	if err != nil {
		v.s.t.Fatal(err)
	}
	if fields != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if v.handle != "" {
		req.Header.Set("X-Tool-Session", v.handle)
		req.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	for name, value := range v.cookies {
		req.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		v.s.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	all, err := io.ReadAll(res.Body)
	if err != nil {
		v.s.t.Fatal(err)
	}
	for _, c := range res.Cookies() {
		v.cookies[c.Name] = c.Value
	}
	if m := regexp.MustCompile(`<meta name="tool-session" content="([^"]+)">`).FindStringSubmatch(string(all)); m != nil {
		v.handle = m[1]
	}
	return newPage(v.s.t, res, string(all))
}

// follow opens another page of the tool in the same session.
func (v *visitor) follow(path string) page {
	v.s.t.Helper()
	return v.send(http.MethodGet, v.s.urls[0]+path, nil)
}

func formOn(t *testing.T, body, id string) (action string, fields url.Values) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	at := func(n *html.Node, name string) string {
		for _, a := range n.Attr {
			if a.Key == name {
				return a.Val
			}
		}
		return ""
	}
	for n := range doc.Descendants() {
		if n.Data != "form" || (id != "" && at(n, "id") != id) {
			continue
		}
		fields = url.Values{}
		for in := range n.Descendants() {
			if in.Data == "input" && at(in, "name") != "" {
				fields.Add(at(in, "name"), at(in, "value"))
			}
		}
		return at(n, "action"), fields
	}
	t.Fatalf("no form %q in:\n%s", id, body)
	return "", nil
}

// The places from which the tool is opened.
func (s *school) course(key string, at canvastest.Deployment) string {
	return "/courses/" + s.cv.World().Course(key).ID.String() + "/external_tools/" + at.ToolID.String()
}

func (s *school) account(key string, at canvastest.Deployment) string {
	return "/accounts/" + s.cv.World().Account(key).ID.String() + "/external_tools/" + at.ToolID.String()
}

// works goes through what a complete registration can do: a student asks with
// their teacher as sponsor, whom both services name, and an admin reviews.
func (s *school) works(at canvastest.Deployment) {
	s.t.Helper()
	dana := s.as("dana")
	s.want(dana.open(s.account("root", at)), http.StatusOK, "Review queue")
	maya := s.as("maya")
	s.want(maya.open(s.course("bio201", at)), http.StatusOK, "My API tokens")
	s.want(maya.follow("/requests/new"), http.StatusOK, "Request an API token", "Ana Ruiz")
	sent := maya.send(http.MethodPost, s.urls[0]+"/requests", url.Values{
		"tool_session": {maya.handle}, "purpose": {"coursework"}, "build": {"A small helper that tells me which assignments are due this week."},
		"maker": {"self"}, "ai": {"no"}, "data": {"own"}, "storage": {"password_manager"}, "end": {"2026-12-12"},
		"sponsor": {s.cv.World().User("ana").ID.String()}, "accepted": {"1"}, "draft": {""}, "do": {"submit"},
	})
	s.want(sent, http.StatusOK, "Request REQ-0001", "Sent to Ana Ruiz")
}

// platforms is every platform in the database.
func (s *school) platforms() []store.Platform {
	s.t.Helper()
	all, err := s.replicas[0].Operate.Platforms(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return all
}

// secretFree searches everything that was logged, and everything stored, for
// what must stand nowhere.
func (s *school) secretFree(values ...string) {
	s.t.Helper()
	for _, v := range values {
		if v == "" {
			s.t.Fatal("nothing to search for")
		}
		if strings.Contains(s.logs.String(), v) {
			s.t.Errorf("the log holds %.12q…", v)
		}
	}
	path, isFile := strings.CutPrefix(s.database, "sqlite:")
	if !isFile {
		return
	}
	for _, file := range []string{path, path + "-wal"} {
		b, err := os.ReadFile(file)
		if err != nil && !os.IsNotExist(err) {
			s.t.Fatal(err)
		}
		for _, v := range values {
			if bytes.Contains(b, []byte(v)) {
				s.t.Errorf("%s holds %.12q…", filepath.Base(file), v)
			}
		}
	}
}

func query(t *testing.T, address, name string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query().Get(name)
}

func decoded(t *testing.T, r io.Reader) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.NewDecoder(r).Decode(&m); err != nil {
		t.Fatal(err)
	}
	return m
}

func encoded(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}
