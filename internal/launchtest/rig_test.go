package launchtest

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/glebarez/sqlite"
	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/tokendesk/tokendesk/internal/app"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/config"
	"github.com/tokendesk/tokendesk/internal/operate"
	"github.com/tokendesk/tokendesk/internal/secret"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
)

// desk is the whole program in one or more replicas on one fresh database, on a
// clock that only the test moves.
type desk struct {
	t       testing.TB
	clock   *canvastest.Clock
	dsn     string
	keyFile string
	db      *sql.DB // past the store, to count what is really there
	url     string  // as browsers see it: another site than any Canvas
	apps    []*app.App
	clients []*http.Client // one for each replica
	logs    *logs

	handlers []http.Handler // one for each replica
}

// school is a Canvas in which the tool is installed, and the desk that serves it.
type school struct {
	*desk
	cv       *canvastest.Server
	w        *canvastest.World
	tool     canvastest.Deployment
	platform store.Platform
}

// each runs a test on both databases, with one replica and one school.
func each(t *testing.T, test func(s *school)) {
	t.Helper()
	t.Parallel()
	storetest.EachURL(t, func(t *testing.T, dsn string) {
		t.Parallel()
		test(newDesk(t, dsn, 1).school("Northfield"))
	})
}

// run is a subtest. What it uses of the school must come from in.
func (d *desk) run(name string, test func(t *testing.T)) {
	t, ok := d.t.(*testing.T)
	if !ok {
		d.t.Fatal("a benchmark has no subtests")
	}
	t.Helper()
	t.Run(name, test)
}

func newDesk(t testing.TB, dsn string, replicas int) *desk {
	t.Helper()
	return newDeskAt(t, dsn, replicas, canvastest.NewFixedClock(time.Date(2026, 11, 23, 16, 0, 0, 0, time.UTC)))
}

func newDeskAt(t testing.TB, dsn string, replicas int, clock *canvastest.Clock) *desk {
	t.Helper()
	d := &desk{t: t, dsn: dsn, logs: &logs{}, clock: clock}
	var at []string
	d.handlers = make([]http.Handler, replicas)
	for i := range replicas {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { d.handlers[i].ServeHTTP(w, r) }))
		t.Cleanup(server.Close)
		at = append(at, server.Listener.Addr().String())
	}
	_, port, err := net.SplitHostPort(at[0])
	if err != nil {
		t.Fatal(err)
	}
	d.url = "http://localhost:" + port
	cfg := configuration(t, dsn, d.url)
	d.keyFile = cfg.MasterKeyFile
	d.apps = make([]*app.App, replicas)
	for i := range replicas {
		d.serve(i, cfg)
		d.clients = append(d.clients, replicaClient(t, at[i]))
	}
	d.db = openDatabase(t, dsn)
	return d
}

// serve starts a replica, in place of one that may have served until now.
func (d *desk) serve(replica int, cfg config.Config) {
	d.t.Helper()
	a, err := app.New(d.t.Context(), cfg, app.Options{Now: d.clock.Now, Sleep: d.clock.Sleep, Migrate: replica == 0,
		Log: slog.New(slog.NewJSONHandler(d.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() {
		if err := a.Close(); err != nil {
			d.t.Error(err)
		}
	})
	d.apps[replica], d.handlers[replica] = a, a.Handler()
}

func configuration(tb testing.TB, dsn, publicURL string) config.Config {
	tb.Helper()
	var master [32]byte
	rand.Read(master[:])
	key := filepath.Join(tb.TempDir(), "master.key")
	if err := os.WriteFile(key, []byte(base64.StdEncoding.EncodeToString(master[:])), 0o600); err != nil {
		tb.Fatal(err)
	}
	cfg := config.Default()
	cfg.Database, cfg.PublicURL, cfg.MasterKeyFile = secret.New(dsn), publicURL, key
	return cfg
}

// replicaClient reaches one replica, whatever the address says, and follows no
// redirect: what a browser would do next is the test's to do.
func replicaClient(t testing.TB, at string) *http.Client {
	t.Helper()
	dialer := &net.Dialer{}
	transport := &http.Transport{MaxIdleConnsPerHost: 64, DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return dialer.DialContext(ctx, network, at)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func openDatabase(tb testing.TB, dsn string) *sql.DB {
	tb.Helper()
	driver := "pgx"
	if file, ok := strings.CutPrefix(dsn, "sqlite:"); ok {
		driver, dsn = "sqlite", file+"?_pragma=busy_timeout(10000)"
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = db.Close() })
	return db
}

// count returns how many rows a table has.
func (d *desk) count(table string) int {
	d.t.Helper()
	var n int
	if err := d.db.QueryRowContext(d.t.Context(), "SELECT COUNT(*) FROM "+table).Scan(&n); err != nil {
		d.t.Fatal(err)
	}
	return n
}

// cells counts every cell of every table of the database by what it holds.
func (d *desk) cells() map[string]int {
	d.t.Helper()
	all, tables := map[string]int{}, map[string]bool{}
	storetest.DumpURL(d.t, d.dsn, func(table, column, cell string) {
		tables[table] = true
		all[table+"."+column+" = "+cell]++
	})
	if len(tables) < 5 {
		d.t.Fatalf("only %d tables hold something", len(tables))
	}
	return all
}

// unchanged fails for each cell that is not as it was.
func (d *desk) unchanged(before map[string]int) {
	d.t.Helper()
	after := d.cells()
	for cell, n := range after {
		if n != before[cell] {
			d.t.Errorf("%d times %s, %d before", n, cell, before[cell])
		}
	}
	for cell, n := range before {
		if after[cell] == 0 {
			d.t.Errorf("%d times %s are gone", n, cell)
		}
	}
}

// sessionsOf returns how many sessions have the handle.
func (d *desk) sessionsOf(handle string) int {
	d.t.Helper()
	literal := `'\x%x'`
	if strings.HasPrefix(d.dsn, "sqlite:") {
		literal = `x'%x'`
	}
	return d.count(fmt.Sprintf("sessions WHERE hash = "+literal, sha256.Sum256([]byte(handle))))
}

// school starts a Canvas, installs the tool in it as /lti/config.json says, and
// registers it.
func (d *desk) school(name string, before ...func(s *school)) *school {
	d.t.Helper()
	s := &school{desk: d, cv: canvastest.Start(d.t, canvastest.Options{Clock: d.clock})}
	s.w = s.cv.World()
	for _, do := range before {
		do(s)
	}
	s.tool = s.install(func(*canvastest.Tool) {})
	s.platform = s.register(name, s.tool)
	return s
}

// install makes a developer key of its own for the tool, deployed at the root.
func (s *school) install(change func(*canvastest.Tool)) canvastest.Deployment {
	s.t.Helper()
	tool, err := canvastest.ToolFromConfig(s.configuration(), []string{s.url + "/lti/launch"})
	if err != nil {
		s.t.Fatalf("Canvas refuses our configuration: %v", err)
	}
	change(&tool)
	at, err := s.cv.InstallTool(tool)
	if err != nil {
		s.t.Fatal(err)
	}
	return at
}

// configuration is what the tool publishes about itself.
func (d *desk) configuration() []byte {
	d.t.Helper()
	req, err := http.NewRequestWithContext(d.t.Context(), http.MethodGet, d.url+"/lti/config.json", nil)
	if err != nil {
		d.t.Fatal(err)
	}
	res, err := d.clients[0].Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	doc, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		d.t.Fatalf("config.json answers %d: %v", res.StatusCode, err)
	}
	return doc
}

// register makes the tool know this Canvas: a tenant of its own, with the given
// deployments allow-listed, the first as the root's.
func (s *school) register(name string, deployments ...canvastest.Deployment) store.Platform {
	s.t.Helper()
	return s.add(s.spec(name, deployments...))
}

// registerTwice is register for a Canvas that the tool knows already, which it
// refuses now: as a database of an older program has it.
func (s *school) registerTwice(name string, deployments ...canvastest.Deployment) store.Platform {
	s.t.Helper()
	spec := s.spec(name, deployments...)
	spec.CanvasURLs = []string{"https://elsewhere.example"}
	p := s.add(spec)
	p.CanvasURLs, p.Registration.FrameOrigins = []string{s.cv.InstitutionURL()}, []string{s.cv.InstitutionURL()}
	e := audit.Event{ID: store.NewID("aud"), Tenant: string(p.Tenant), At: s.clock.Now(), Actor: "operator:test", Action: audit.PlatformChange, Object: p.ID}
	if err := s.apps[0].Store.InTx(s.t.Context(), func(tx *store.Tx) error { return tx.SavePlatform(p, e, nil) }); err != nil {
		s.t.Fatal(err)
	}
	return p
}

func (s *school) add(spec operate.PlatformSpec) store.Platform {
	s.t.Helper()
	p, err := s.apps[0].Operate.AddPlatform(s.t.Context(), spec)
	if err != nil {
		s.t.Fatal(err)
	}
	return p
}

func (s *school) spec(name string, deployments ...canvastest.Deployment) operate.PlatformSpec {
	spec := operate.PlatformSpec{
		Name: name, Issuer: s.cv.Issuer(), ClientID: deployments[0].ClientID,
		AuthURL: s.cv.SSOURL() + "/api/lti/authorize_redirect", KeySetURL: s.cv.SSOURL() + keySetRoute,
		TokenURL: s.cv.SSOURL() + "/login/oauth2/token", CanvasURLs: []string{s.cv.InstitutionURL()},
		Credential: operate.Credential{Token: secret.New(s.w.ServiceToken())}, Actor: "operator:test",
	}
	for _, d := range deployments {
		spec.Deployments = append(spec.Deployments, d.ID)
	}
	return spec
}

const keySetRoute = "/api/lti/security/jwks"

// The places that a tool is opened from.

func (s *school) course(key string) string {
	return "/courses/" + s.w.Course(key).ID.String() + "/external_tools/" + s.tool.ToolID.String()
}

func (s *school) account(key string) string {
	return "/accounts/" + s.w.Account(key).ID.String() + "/external_tools/" + s.tool.ToolID.String()
}

func (s *school) settings(user string) string {
	return "/users/" + s.w.User(user).ID.String() + "/external_tools/" + s.tool.ToolID.String()
}

// logs keeps every line that the program writes.
type logs struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// since returns what was written after the first n bytes.
func (l *logs) since(n int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()[n:]
}

func (l *logs) len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Len()
}

// line is one line of the log.
type line map[string]any

func (l line) text(name string) string {
	s, _ := l[name].(string)
	return s
}

// lines reads a part of the log and keeps the lines with the message.
func lines(t testing.TB, part, message string) []line {
	t.Helper()
	var out []line
	for raw := range strings.Lines(part) {
		var l line
		if err := json.Unmarshal([]byte(raw), &l); err != nil {
			t.Fatalf("a log line is not JSON: %s", raw)
		}
		if l.text("msg") == message {
			out = append(out, l)
		}
	}
	return out
}

// in is the same school in a subtest.
func (s *school) in(t testing.TB) *school {
	t.Helper()
	d := *s.desk
	d.t = t
	c := *s
	c.desk = &d
	return &c
}
