package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/app"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/config"
	"github.com/tokendesk/tokendesk/internal/secret"
	"github.com/tokendesk/tokendesk/internal/store"
)

func settings(t *testing.T) config.Config {
	t.Helper()
	c := config.Default()
	c.Database = secret.New("sqlite:" + filepath.Join(t.TempDir(), "app.db"))
	c.PublicURL = "http://127.0.0.1:1"
	c.Listen = "127.0.0.1:0"
	return c
}

func start(t *testing.T, cfg config.Config, o app.Options) *app.App {
	t.Helper()
	o.Migrate = true
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	a, err := app.New(t.Context(), cfg, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a
}

// spec is a good registration of a stand-in.
func spec(cv *canvastest.Server) app.PlatformSpec {
	return app.PlatformSpec{
		Name: "Northfield", Issuer: cv.Issuer(), ClientID: "10000000000002", Deployments: []string{"7788:abc", "9:def"},
		AuthURL: cv.SSOURL() + "/api/lti/authorize_redirect", KeySetURL: cv.SSOURL() + "/api/lti/security/jwks",
		TokenURL: cv.SSOURL() + "/login/oauth2/token", CanvasURLs: []string{cv.InstitutionURL()},
		Credential: app.Credential{Token: secret.New(cv.World().ServiceToken())}, Actor: "operator:test", Reason: "first term",
	}
}

func TestNewRefusesADatabaseThatIsBehind(t *testing.T) {
	cfg := settings(t)
	_, err := app.New(t.Context(), cfg, app.Options{Log: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "tokendesk migrate") {
		t.Errorf("New = %v", err)
	}
	cfg.PublicURL = ""
	if _, err := app.New(t.Context(), cfg, app.Options{Migrate: true}); err == nil || !strings.Contains(err.Error(), "TOKENDESK_PUBLIC_URL") {
		t.Errorf("without a public URL: %v", err)
	}
}

func TestServeStopsGracefully(t *testing.T) {
	cfg := settings(t)
	a := start(t, cfg, app.Options{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Serve(ctx, l) }()
	get := func(path string) (int, string) {
		res, err := http.Get("http://" + l.Addr().String() + path)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		body, _ := io.ReadAll(res.Body)
		return res.StatusCode, string(body)
	}
	// Making the first key may take longer than the question of readiness waits:
	// whoever asks asks again.
	for hung := time.Now().Add(2 * time.Minute); ; {
		code, body := get("/readyz")
		if code == http.StatusOK {
			break
		}
		if time.Now().After(hung) {
			t.Fatalf("ready answers %d %s", code, body)
		}
	}
	code, keys := get("/lti/jwks.json")
	if code != http.StatusOK || strings.Count(keys, `"kid"`) != 1 || strings.Contains(keys, `"d"`) {
		t.Errorf("keys: %d %s", code, keys)
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("Serve = %v", err)
	}
	// The same keys after a restart, and on another replica.
	again := start(t, cfg, app.Options{})
	all, err := again.Keys(t.Context())
	if err != nil || len(all) != 1 || !strings.Contains(keys, all[0].ID) || !all[0].Signs {
		t.Errorf("keys after a restart: %+v, %v", all, err)
	}
}

func TestAnotherMasterKeyIsNotReady(t *testing.T) {
	cfg := settings(t)
	a := start(t, cfg, app.Options{})
	if err := a.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(cfg.SQLitePath() + ".key"); err != nil {
		t.Fatal(err)
	}
	b := start(t, cfg, app.Options{})
	if err := b.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "keys") {
		t.Errorf("with another master key: %v", err)
	}
}

func TestAddPlatform(t *testing.T) {
	cv := canvastest.Start(t, canvastest.Options{})
	a := start(t, settings(t), app.Options{})
	p, err := a.AddPlatform(t.Context(), spec(cv))
	if err != nil {
		t.Fatal(err)
	}
	if !p.Registration.Deployments[0].Root || p.Registration.Deployments[1].Root || p.Registration.FrameOrigins[0] != cv.InstitutionURL() {
		t.Errorf("registration: %+v", p.Registration)
	}
	if bytes.Contains(p.Credential, []byte(cv.World().ServiceToken())) || p.CredentialKind != "token" {
		t.Error("the credential is stored as it is")
	}
	var entries []store.AuditEntry
	var tenant store.Tenant
	err = a.Store.Read(t.Context(), func(tx *store.Tx) error {
		if tenant, err = tx.Tenant(p.Tenant); err != nil {
			return err
		}
		entries, err = tx.AuditOf(p.Tenant, p.ID)
		return err
	})
	if err != nil || len(entries) != 1 || entries[0].Event.Action != audit.PlatformAdd || entries[0].Event.Actor != "operator:test" || entries[0].Detail.Data["reason"] != "first term" {
		t.Errorf("audit: %+v, %v", entries, err)
	}
	if tenant.Name != "Northfield" || tenant.School.CanvasTeam == "" || len(tenant.School.Rules) == 0 || tenant.School.TimeZone != "UTC" || tenant.School.RulesDate == "" {
		t.Errorf("tenant: %+v", tenant)
	}
	reg, err := a.Store.FindRegistration(t.Context(), cv.Issuer(), "10000000000002", "7788:abc")
	if err != nil || reg.ID != p.ID {
		t.Errorf("the launch's look-up: %+v, %v", reg, err)
	}
	if err := a.DisablePlatform(t.Context(), "Northfield", "moved away"); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Store.FindRegistration(t.Context(), cv.Issuer(), "10000000000002", "7788:abc"); err == nil {
		t.Error("a platform that is switched off still launches")
	}
	if err := a.DisablePlatform(t.Context(), "Northfield", "again"); err != nil {
		t.Errorf("switching off twice: %v", err)
	}
	if err := a.DisablePlatform(t.Context(), "Southfield", "x"); !errors.Is(err, app.ErrUsage) || !strings.Contains(err.Error(), "Northfield") {
		t.Errorf("an unknown name: %v", err)
	}
}

func TestAddPlatformRefuses(t *testing.T) {
	cv := canvastest.Start(t, canvastest.Options{})
	a := start(t, settings(t), app.Options{})
	if _, err := a.AddPlatform(t.Context(), spec(cv)); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(p *app.PlatformSpec){
		"the same name again, without a reason": nil,
		"the same deployment by another name":   func(p *app.PlatformSpec) { p.Name = "Other" },
		"no name":                               func(p *app.PlatformSpec) { p.Name = "" },
		"a name with a line break":              func(p *app.PlatformSpec) { p.Name = "a\nb" },
		"no deployment":                         func(p *app.PlatformSpec) { p.Deployments = nil },
		"the same deployment twice":             func(p *app.PlatformSpec) { p.Deployments = []string{"1:a", "1:a"} },
		"no Canvas address":                     func(p *app.PlatformSpec) { p.CanvasURLs = nil },
		"a Canvas address with a path":          func(p *app.PlatformSpec) { p.CanvasURLs = []string{"https://canvas.example.edu/x"} },
		"a Canvas address with a slash":         func(p *app.PlatformSpec) { p.CanvasURLs = []string{"https://canvas.example.edu/"} },
		"a Canvas address without https":        func(p *app.PlatformSpec) { p.CanvasURLs = []string{"http://canvas.example.edu"} },
		"a key set without https":               func(p *app.PlatformSpec) { p.KeySetURL = "http://canvas.example.edu/jwks" },
		"a token address that is none":          func(p *app.PlatformSpec) { p.TokenURL = "canvas" },
		"an issuer that is no address":          func(p *app.PlatformSpec) { p.Issuer = "canvas" },
		"no credential":                         func(p *app.PlatformSpec) { p.Credential = app.Credential{} },
		"half an OAuth credential":              func(p *app.PlatformSpec) { p.Credential = app.Credential{OAuthClientID: "1"} },
		"both credentials":                      func(p *app.PlatformSpec) { p.Credential.OAuthClientID = "1" },
		"a zone that is not there":              func(p *app.PlatformSpec) { p.School.TimeZone = "Mars/Olympus" },
	} {
		s := spec(cv)
		s.Reason = ""
		if !strings.HasPrefix(name, "the same name") && name != "the same deployment by another name" {
			s.Name, s.Deployments = "Another", []string{"1:x"}
		}
		if change != nil {
			change(&s)
		}
		_, err := a.AddPlatform(t.Context(), s)
		if !errors.Is(err, app.ErrUsage) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), cv.World().ServiceToken()) {
			t.Errorf("%s: the error tells the credential", name)
		}
	}
	if all, err := a.Platforms(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("%d platforms, %v", len(all), err)
	}
}

func TestAPlatformIsRegisteredAnew(t *testing.T) {
	cv := canvastest.Start(t, canvastest.Options{})
	a := start(t, settings(t), app.Options{})
	s := spec(cv)
	s.Credential = app.TokenCredential("1~expired")
	old, err := a.AddPlatform(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.DisablePlatform(t.Context(), "Northfield", "summer"); err != nil {
		t.Fatal(err)
	}
	call := func(p store.Platform) error {
		client, err := a.Work.Canvas(p)
		if err != nil {
			return err
		}
		_, err = client.Account(t.Context(), "self")
		return err
	}
	if call(old) == nil {
		t.Fatal("the old credential works")
	}
	s = spec(cv)
	s.ClientID, s.Deployments, s.Reason = "10000000000009", []string{"99:new"}, "new developer key"
	again, err := a.AddPlatform(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	all, err := a.Platforms(t.Context())
	if err != nil || len(all) != 1 || all[0].ID != old.ID || all[0].Tenant != old.Tenant || all[0].Disabled || !all[0].CreatedAt.Equal(old.CreatedAt.Truncate(time.Microsecond)) {
		t.Errorf("platforms: %+v, %v", all, err)
	}
	if err := call(again); err != nil {
		t.Errorf("the new credential: %v", err)
	}
	if _, err := a.Store.FindRegistration(t.Context(), cv.Issuer(), "10000000000009", "99:new"); err != nil {
		t.Errorf("the new key does not launch: %v", err)
	}
	if _, err := a.Store.FindRegistration(t.Context(), cv.Issuer(), "10000000000002", "7788:abc"); err == nil {
		t.Error("the old key still launches")
	}
	var entries []store.AuditEntry
	if err := a.Store.Read(t.Context(), func(tx *store.Tx) error { entries, err = tx.AuditOf(old.Tenant, old.ID); return err }); err != nil {
		t.Fatal(err)
	}
	if n := len(entries); n != 3 || entries[2].Event.Action != audit.PlatformChange || entries[2].Detail.Data["reason"] != "new developer key" {
		t.Errorf("audit: %+v", entries)
	}
}

func TestSetSchool(t *testing.T) {
	cv := canvastest.Start(t, canvastest.Options{})
	a := start(t, settings(t), app.Options{})
	p, err := a.AddPlatform(t.Context(), spec(cv))
	if err != nil {
		t.Fatal(err)
	}
	school := func() store.School {
		var s store.Tenant
		if err := a.Store.Read(t.Context(), func(tx *store.Tx) error { s, err = tx.Tenant(p.Tenant); return err }); err != nil {
			t.Fatal(err)
		}
		return s.School
	}
	before := school()
	good := `{"canvas_team":"LMS desk","time_zone":"America/Denver","supervisors":["42"],"rules":["One."],"rules_version":"2","rules_date":"2026-12-01"}`
	if err := a.SetSchool(t.Context(), "Northfield", []byte(good), "new names"); err != nil {
		t.Fatal(err)
	}
	after := school()
	if after.CanvasTeam != "LMS desk" || after.TimeZone != "America/Denver" || after.Supervisors[0] != "42" || after.SecurityOffice != before.SecurityOffice || len(after.Rules) != 1 {
		t.Errorf("settings: %+v", after)
	}
	for name, doc := range map[string]string{
		"a field that does not exist": `{"canvas_teem":"x"}`,
		"no JSON":                     `canvas_team: x`,
		"two documents":               `{} {}`,
		"an empty team":               `{"canvas_team":""}`,
		"a team of two lines":         `{"canvas_team":"a\nb"}`,
		"a zone that is not there":    `{"time_zone":"Denver"}`,
		"a list of names":             `{"staff_list":["Maya Chen"]}`,
		"no rules":                    `{"rules":[]}`,
		"an empty rule":               `{"rules":[""]}`,
		"too many rules":              `{"rules":["1","2","3","4","5","6","7","8","9","10","11","12","13"]}`,
		"a date that is none":         `{"rules_date":"1 September"}`,
		"a hidden override":           `{"contact":"a\u202eb"}`,
	} {
		if err := a.SetSchool(t.Context(), "Northfield", []byte(doc), "x"); !errors.Is(err, app.ErrUsage) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if fmt.Sprint(school()) != fmt.Sprint(after) {
		t.Error("a refused document changed something")
	}
	var entries []store.AuditEntry
	if err := a.Store.Read(t.Context(), func(tx *store.Tx) error { entries, err = tx.AuditOf(p.Tenant, string(p.Tenant)); return err }); err != nil {
		t.Fatal(err)
	}
	if len(entries) != 2 || entries[0].Event.Action != audit.PolicyPublish { // its first policy
		t.Fatalf("audit: %+v", entries)
	}
	if entries[1].Detail.Data["reason"] != "new names" || !strings.Contains(entries[1].Detail.Data["after"], "LMS desk") || !strings.HasPrefix(entries[1].Event.Actor, "operator:") {
		t.Errorf("audit: %+v", entries)
	}
}

func TestAuditExportVerifies(t *testing.T) {
	cv := canvastest.Start(t, canvastest.Options{})
	a := start(t, settings(t), app.Options{})
	if _, err := a.ExportAudit(t.Context(), "", io.Discard); !errors.Is(err, app.ErrUsage) {
		t.Errorf("with no platform: %v", err)
	}
	if _, err := a.AddPlatform(t.Context(), spec(cv)); err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		if err := a.SetSchool(t.Context(), "Northfield", fmt.Appendf(nil, `{"contact":"desk %d"}`, i), "change"); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	if n, err := a.ExportAudit(t.Context(), "", &out); err != nil || n != 7 {
		t.Fatalf("export: %d, %v", n, err)
	}
	got, err := app.VerifyAudit(bytes.NewReader(out.Bytes()))
	if err != nil || len(got) != 1 || got[0].Entries != 7 || got[0].Erased != 0 || len(got[0].Head) != 64 {
		t.Fatalf("verify: %+v, %v", got, err)
	}
	lines := strings.SplitAfter(strings.TrimSuffix(out.String(), "\n"), "\n")
	swap := func(i int, change func(m map[string]any)) string {
		var m map[string]any
		if err := json.Unmarshal([]byte(lines[i]), &m); err != nil {
			t.Fatal(err)
		}
		change(m)
		b, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		all := append([]string{}, lines...)
		all[i] = string(b) + "\n"
		return strings.Join(all, "")
	}
	for name, doc := range map[string]string{
		"an entry missing":       strings.Join(append(append([]string{}, lines[:2]...), lines[3:]...), ""),
		"the beginning missing":  strings.Join(lines[1:], ""),
		"two entries exchanged":  lines[0] + lines[2] + lines[1],
		"another actor":          swap(2, func(m map[string]any) { m["event"].(map[string]any)["actor"] = "per_x" }),
		"other details":          swap(2, func(m map[string]any) { m["detail"].(map[string]any)["data"].(map[string]any)["reason"] = "x" }),
		"a number made up":       swap(5, func(m map[string]any) { m["event"].(map[string]any)["seq"] = 7 }),
		"something else":         "hello\n",
		"an entry written twice": lines[0] + lines[0],
		"nothing":                "",
	} {
		if _, err := app.VerifyAudit(strings.NewReader(doc)); err == nil {
			t.Errorf("%s: verified", name)
		}
	}
	erased := swap(2, func(m map[string]any) { delete(m, "detail") })
	if got, err := app.VerifyAudit(strings.NewReader(erased)); err != nil || got[0].Erased != 1 {
		t.Errorf("erased details: %+v, %v", got, err)
	}
}

// serving is told by the log where the metrics are served.
type serving chan string

func (s serving) Write(line []byte) (int, error) {
	var entry struct{ Msg, Listen string }
	if json.Unmarshal(line, &entry) == nil && entry.Msg == "serving metrics" {
		s <- entry.Listen
	}
	return len(line), nil
}

func TestMetrics(t *testing.T) {
	cfg := settings(t)
	cfg.MetricsListen = "127.0.0.1:0"
	serving := make(serving, 1)
	a := start(t, cfg, app.Options{Log: slog.New(slog.NewJSONHandler(serving, nil))})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx, app.Worker) }()
	var at string
	select {
	case at = <-serving:
	case err := <-ended:
		t.Fatalf("the program ended: %v", err)
	}
	res, err := http.Get("http://" + at + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	all, _ := io.ReadAll(res.Body)
	body := string(all)
	if !strings.Contains(body, "# TYPE go_goroutines gauge\ngo_goroutines ") || !strings.Contains(body, "go_gc_cycles_total ") {
		t.Errorf("metrics: %q", body)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
