package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/store"
)

// desk is an operator's shell with an empty folder for the database.
type desk struct {
	t   *testing.T
	env []string
	dir string
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	dir := t.TempDir()
	return &desk{t: t, dir: dir, env: []string{
		"TOKENDESK_DATABASE_URL=sqlite:" + filepath.Join(dir, "t.db"), "TOKENDESK_PUBLIC_URL=http://127.0.0.1:8080", "TOKENDESK_LISTEN=127.0.0.1:0",
	}}
}

// run runs a command and returns its exit code and what it wrote.
func (d *desk) run(args ...string) (code int, out, errs string) {
	d.t.Helper()
	return d.with(nil, args...)
}

func (d *desk) with(stdin io.Reader, args ...string) (code int, out, errs string) {
	d.t.Helper()
	var o, e bytes.Buffer
	code = run(d.t.Context(), args, d.env, stdin, &o, &e)
	if n := strings.Count(e.String(), "\n"); n > 1 || (n == 1 && !strings.HasSuffix(e.String(), "\n")) {
		d.t.Errorf("%v: more than one line of error: %q", args, e.String())
	}
	if code == exitFine && e.Len() > 0 {
		d.t.Errorf("%v: it went well and wrote %q", args, e.String())
	}
	return code, o.String(), e.String()
}

// fine fails unless the command went well.
func (d *desk) fine(args ...string) string {
	d.t.Helper()
	code, out, errs := d.run(args...)
	if code != exitFine {
		d.t.Fatalf("%v: exit %d: %s%s", args, code, out, errs)
	}
	return out
}

func (d *desk) file(name, content string) string {
	d.t.Helper()
	path := filepath.Join(d.dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		d.t.Fatal(err)
	}
	return path
}

func (d *desk) add(cv *canvastest.Server, more ...string) []string {
	return append([]string{"platform", "add", "-name", "Northfield", "-issuer", cv.Issuer(), "-client-id", "10000000000002",
		"-deployment-id", "7788:abc", "-auth-url", cv.SSOURL() + "/api/lti/authorize_redirect", "-jwks-url", cv.SSOURL() + "/api/lti/security/jwks",
		"-token-url", cv.SSOURL() + "/login/oauth2/token", "-canvas-url", cv.InstitutionURL(),
		"-canvas-token-file", d.file("token", cv.World().ServiceToken()+"\n")}, more...)
}

func TestHelp(t *testing.T) {
	d := newDesk(t)
	for _, args := range [][]string{{"-h"}, {"--help"}, {"help"}, {"platform", "-h"}} {
		if out := d.fine(args...); !strings.Contains(out, "platform disable") {
			t.Errorf("%v: %s", args, out)
		}
	}
	for _, c := range commands {
		out := d.fine(append(strings.Fields(c.words), "-h")...)
		if !strings.Contains(out, "Usage: tokendesk "+c.words) || !strings.Contains(out, c.line) {
			t.Errorf("%s -h: %s", c.words, out)
		}
	}
	all := d.fine("-h")
	for _, fixed := range []string{"serve", "migrate", "platform add", "platform list", "platform disable", "invite", "doctor",
		"audit export", "audit verify", "revoke", "keys list", "keys rotate"} {
		if !strings.Contains(all, fixed) {
			t.Errorf("%s is not offered", fixed)
		}
	}
	if _, err := os.Stat(filepath.Join(d.dir, "t.db")); err == nil {
		t.Error("asking for help made a database")
	}
}

func TestWrongUsage(t *testing.T) {
	d := newDesk(t)
	for _, tc := range []struct {
		args []string
		want string
	}{
		{nil, "name a command"},
		{[]string{"frobnicate"}, `"frobnicate"`},
		{[]string{"invite"}, "-name"},
		{[]string{"platform"}, "add, list, disable, settings"},
		{[]string{"platform", "remove"}, "add, list, disable, settings"},
		{[]string{"keys", "rotate"}, "-reason"},
		{[]string{"serve", "-port", "80"}, "-port"},
		{[]string{"serve", "-only", "everything"}, "web or worker"},
		{[]string{"serve", "now"}, `"now"`},
		{[]string{"platform", "disable", "-name", "x"}, "-reason"},
		{[]string{"platform", "settings", "-name", "x", "-reason", "y"}, "-file"},
		{[]string{"platform", "settings", "-name", "x", "-reason", "y", "-file", "/nowhere/at/all"}, "/nowhere/at/all"},
		{[]string{"platform", "add", "-name", "x"}, "-issuer"},
		{[]string{"platform", "add", "-name", "x", "-canvas-token-file", "/nowhere/at/all"}, "/nowhere/at/all"},
		{[]string{"audit", "verify", "a", "b"}, "one file"},
	} {
		code, out, errs := d.run(tc.args...)
		if code != exitUsage || out != "" || !strings.Contains(errs, tc.want) || !strings.HasPrefix(errs, "tokendesk") {
			t.Errorf("%v: exit %d, out %q, error %q; want %q", tc.args, code, out, errs, tc.want)
		}
	}
	d.env = append(d.env, "TOKENDESK_PUBLICURL=x")
	if code, _, errs := d.run("migrate"); code != exitFailure || !strings.Contains(errs, "TOKENDESK_PUBLICURL") {
		t.Errorf("an unknown setting: exit %d, %q", code, errs)
	}
}

func TestOperating(t *testing.T) {
	d := newDesk(t)
	cv := canvastest.Start(t, canvastest.Options{})
	for _, args := range [][]string{{"platform", "list"}, {"audit", "export"}, {"keys", "list"}, {"serve"}} {
		if code, _, errs := d.run(args...); code != exitFailure || !strings.Contains(errs, "tokendesk migrate") {
			t.Errorf("%v before migrate: exit %d, %q", args, code, errs)
		}
	}
	d.fine("migrate")
	d.fine("migrate")
	if out := d.fine("platform", "list"); !strings.Contains(out, "platform add") {
		t.Errorf("list of none: %q", out)
	}
	if out := d.fine(d.add(cv)...); !strings.Contains(out, "Northfield") {
		t.Errorf("add: %q", out)
	}
	if code, _, errs := d.run(d.add(cv)...); code != exitUsage || !strings.Contains(errs, "already") {
		t.Errorf("add twice: exit %d, %q", code, errs)
	}
	if out := d.fine("platform", "list"); !strings.Contains(out, `"Northfield"`) || !strings.Contains(out, "7788:abc") || strings.Contains(out, cv.World().ServiceToken()) {
		t.Errorf("list: %q", out)
	}

	if out := d.fine("doctor"); strings.Count(out, "ok    ") < 5 || strings.Contains(out, "FAIL") || !strings.Contains(out, "create_access_tokens") || !strings.Contains(out, "self-service") {
		t.Errorf("doctor:\n%s", out)
	}
	d.fine("platform", "settings", "-name", "Northfield", "-file", d.file("school.json", `{"contact":"canvas@northfield.example"}`), "-reason", "contact")
	if code, _, errs := d.with(strings.NewReader(`{"contatc":"x"}`), "platform", "settings", "-name", "Northfield", "-file", "-", "-reason", "x"); code != exitUsage || !strings.Contains(errs, "contatc") {
		t.Errorf("settings with a mistake: exit %d, %q", code, errs)
	}

	exported := d.fine("audit", "export")
	path := filepath.Join(d.dir, "audit.jsonl")
	d.fine("audit", "export", "-platform", "Northfield", "-o", path)
	if code, _, _ := d.run("audit", "export", "-o", path); code != exitFailure {
		t.Error("an export overwrites a file")
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the export: %v, %v", info, err)
	}
	onlyVerify := &desk{t: t, dir: d.dir} // with no settings at all
	if out := onlyVerify.fine("audit", "verify", path); !strings.Contains(out, "Verified 3 entries") {
		t.Errorf("verify: %q", out)
	}
	if code, out, _ := onlyVerify.with(strings.NewReader(exported), "audit", "verify"); code != exitFine || !strings.Contains(out, "Verified 3 entries") {
		t.Errorf("verify from standard input: %d %q", code, out)
	}
	broken := d.file("broken.jsonl", strings.Replace(exported, `"actor":"operator:`, `"actor":"operator:x`, 1))
	if code, _, errs := onlyVerify.run("audit", "verify", broken); code != exitFailure || !strings.Contains(errs, "breaks at entry 2") {
		t.Errorf("verify a broken export: exit %d, %q", code, errs)
	}

	if out := d.fine("keys", "list"); !strings.Contains(out, "no key yet") {
		t.Errorf("keys: %q", out)
	}
	d.fine("platform", "disable", "-name", "Northfield", "-reason", "closing")
	if out := d.fine("platform", "list"); !strings.Contains(out, "  off  ") {
		t.Errorf("list: %q", out)
	}
}

func TestDoctorFinds(t *testing.T) {
	cv := canvastest.Start(t, canvastest.Options{})
	for name, tc := range map[string]struct {
		spoil func(d *desk)
		want  string
	}{
		"a database that was never migrated": {func(*desk) {}, "FAIL  database: the database is behind"},
		"a missing public URL":               {func(d *desk) { d.env = d.env[:1]; d.fine("migrate") }, "FAIL  configuration: TOKENDESK_PUBLIC_URL"},
		"a setting that is wrong":            {func(d *desk) { d.env = append(d.env, "TOKENDESK_LOG_LEVEL=loud") }, "FAIL  configuration: TOKENDESK_LOG_LEVEL"},
		"a mail server that does not answer": {func(d *desk) {
			d.env = append(d.env, "TOKENDESK_SMTP_URL=smtp://desk:hunter2@127.0.0.1:1", "TOKENDESK_MAIL_FROM=a@b.example")
			d.fine("migrate")
		}, "FAIL  mail: "},
		"a key set that is not there": {func(d *desk) {
			d.fine("migrate")
			d.fine(d.add(cv, "-jwks-url", cv.SSOURL()+"/nothing")...)
		}, "FAIL  Northfield: key set: "},
		"a credential that Canvas refuses": {func(d *desk) {
			d.fine("migrate")
			d.fine(d.add(cv, "-canvas-token-file", d.file("bad", "1~hunter2"))...)
		}, "FAIL  Northfield: Canvas credential: "},
		"a credential without the permissions": {func(d *desk) {
			_, token := cv.World().SeedToken("sam", canvastest.TokenSpec{Purpose: "x"})
			d.fine("migrate")
			d.fine(d.add(cv, "-canvas-token-file", d.file("weak", token))...)
		}, "FAIL  Northfield: "},
		"a lost master key": {func(d *desk) {
			d.fine("migrate")
			d.fine(d.add(cv)...)
			if err := os.Remove(filepath.Join(d.dir, "t.db.key")); err != nil {
				t.Fatal(err)
			}
		}, "FAIL  Northfield: Canvas credential: "},
	} {
		d := newDesk(t)
		tc.spoil(d)
		code, out, errs := d.run("doctor")
		if code != exitFailure || !strings.Contains(out, tc.want) || errs != "" {
			t.Errorf("%s: exit %d\n%s%s", name, code, out, errs)
		}
		if strings.Contains(out, "hunter2") {
			t.Errorf("%s: a secret is told:\n%s", name, out)
		}
		for line := range strings.Lines(out) {
			if line[:5] != "ok   " && line[:5] != "note " && line[:5] != "FAIL " {
				t.Errorf("%s: a line that is no check: %q", name, line)
			}
		}
	}
}

// TestASecondRegistration of one Canvas is one line that names the command.
func TestASecondRegistration(t *testing.T) {
	cv := canvastest.Start(t, canvastest.Options{})
	d := newDesk(t)
	d.fine("migrate")
	d.fine(d.add(cv)...)
	code, _, errs := d.run(d.add(cv, "-name", "Southfield", "-client-id", "7")...)
	if code != exitUsage || !strings.Contains(errs, `tokendesk platform add -name "Northfield" -reason TEXT`) {
		t.Errorf("exit %d: %s", code, errs)
	}
	d.fine(d.add(cv, "-client-id", "7", "-reason", "new key")...)
	if out := d.fine("platform", "list"); strings.Count(out, "issuer") != 1 || !strings.Contains(out, "client 7 ") {
		t.Errorf("after joining: %s", out)
	}
}

func TestPlatformWithOAuth(t *testing.T) {
	d := newDesk(t)
	cv := canvastest.Start(t, canvastest.Options{})
	d.fine("migrate")
	c := cv.World().AddOAuthClient("service", "Tokendesk")
	args := d.add(cv, "-canvas-oauth-client-id", c.ClientID, "-canvas-oauth-secret-file", d.file("secret", c.Secret),
		"-canvas-refresh-token-file", d.file("refresh", c.RefreshToken))
	if code, _, errs := d.run(args...); code != exitUsage || !strings.Contains(errs, "not both") {
		t.Errorf("both credentials: exit %d, %q", code, errs)
	}
	for i, a := range args {
		if a == "-canvas-token-file" {
			args = append(args[:i:i], args[i+2:]...)
			break
		}
	}
	d.fine(args...)
	if out := d.fine("doctor"); !strings.Contains(out, "ok    Northfield: permissions") {
		t.Errorf("doctor:\n%s", out)
	}
}

// buffer is what a running program writes.
type buffer struct {
	mu      sync.Mutex
	b       bytes.Buffer
	changed chan struct{} // closed by the next write; nil if nobody waits
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.changed != nil {
		close(b.changed)
		b.changed = nil
	}
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// entry is what tests read of a line of the log.
type entry struct{ Msg, Listen, Kind string }

// await waits for a line of the log. Minutes without it are a program that hangs.
func (b *buffer) await(t *testing.T, ended <-chan int, is func(entry) bool) entry {
	t.Helper()
	hung := time.NewTimer(2 * time.Minute)
	defer hung.Stop()
	for {
		b.mu.Lock()
		said := b.b.String()
		if b.changed == nil {
			b.changed = make(chan struct{})
		}
		changed := b.changed
		b.mu.Unlock()
		for line := range strings.Lines(said) {
			var e entry
			if json.Unmarshal([]byte(line), &e) == nil && is(e) {
				return e
			}
		}
		select {
		case code := <-ended:
			t.Fatalf("the program ended with %d: %s", code, b)
		case <-hung.C:
			t.Fatalf("the program says nothing of it: %s", b)
		case <-changed:
		}
	}
}

// probe leaves work that no program knows: a worker that finds it says so. The
// returned function tells how often one has tried.
func (d *desk) probe() (tries func() int) {
	d.t.Helper()
	open := func(do func(st *store.Store) error) {
		d.t.Helper()
		st, err := store.Open(d.t.Context(), "sqlite:"+filepath.Join(d.dir, "t.db"), store.Options{})
		if err != nil {
			d.t.Fatal(err)
		}
		if err := errors.Join(do(st), st.Close()); err != nil {
			d.t.Fatal(err)
		}
	}
	open(func(st *store.Store) error {
		return st.InsertJob(d.t.Context(), jobs.Insert{Kind: "probe", Key: "1", RunAt: time.Now().AddDate(-1, 0, 0)})
	})
	return func() (n int) {
		d.t.Helper()
		open(func(st *store.Store) error {
			all, err := st.ClaimJobs(d.t.Context(), jobs.Claim{Owner: "test", Now: time.Now().AddDate(1, 0, 0), Lease: time.Minute, Limit: 100, But: true})
			for _, j := range all {
				if j.Kind == "probe" {
					n = j.Attempt - 1
				}
			}
			return err
		})
		return n
	}
}

func failedProbe(e entry) bool { return e.Msg == "job failed" && e.Kind == "probe" }

func TestServe(t *testing.T) {
	for _, part := range []string{"", "web"} {
		d := newDesk(t)
		d.fine("migrate")
		tries := d.probe()
		ctx, stop := context.WithCancel(t.Context())
		var out bytes.Buffer
		errs := &buffer{}
		ended := make(chan int, 1)
		go func() { ended <- run(ctx, []string{"serve", "-only", part}, d.env, nil, &out, errs) }()
		at := errs.await(t, ended, func(e entry) bool { return e.Msg == "serving" }).Listen
		if part == "" {
			errs.await(t, ended, failedProbe)
		}
		get := func(path string) int {
			res, err := http.Get("http://" + at + path)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			return res.StatusCode
		}
		// Making the first key may take longer than the question of readiness
		// waits: whoever asks asks again.
		for hung := time.Now().Add(2 * time.Minute); get("/readyz") != http.StatusOK; {
			if time.Now().After(hung) {
				t.Fatalf("it is never ready: %s", errs)
			}
		}
		for _, path := range []string{"/healthz", "/lti/jwks.json", "/lti/config.json"} {
			if code := get(path); code != http.StatusOK {
				t.Errorf("%s answers %d", path, code)
			}
		}
		stop()
		if code := <-ended; code != exitFine || out.Len() > 0 || !strings.Contains(errs.String(), `"stopped"`) {
			t.Errorf("exit %d, out %q, log %s", code, out.String(), errs)
		}
		if n := tries(); (n > 0) != (part == "") {
			t.Errorf("-only %q tried the work %d times", part, n)
		}
		if out := d.fine("keys", "list"); !strings.Contains(out, "  signs") {
			t.Errorf("keys: %q", out)
		}
	}
}

// A worker works, and leaves the address to whoever has it.
func TestServeWorkerDoesNotListen(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	d := newDesk(t)
	d.env[len(d.env)-1] = "TOKENDESK_LISTEN=" + taken.Addr().String()
	d.fine("migrate")
	tries := d.probe()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	log, ended := &buffer{}, make(chan int, 1)
	go func() { ended <- run(ctx, []string{"serve", "-only", "worker"}, d.env, nil, io.Discard, log) }()
	log.await(t, ended, failedProbe)
	stop()
	if code := <-ended; code != exitFine || strings.Contains(log.String(), `"serving"`) {
		t.Errorf("exit %d: %s", code, log)
	}
	if n := tries(); n == 0 {
		t.Error("it did not work")
	}
	// The address is taken indeed.
	var errs bytes.Buffer
	if code := run(t.Context(), []string{"serve", "-only", "web"}, d.env, nil, io.Discard, &errs); code != exitFailure || !strings.Contains(errs.String(), "listen") {
		t.Errorf("the web part on a taken address: exit %d: %s", code, errs.String())
	}
}
