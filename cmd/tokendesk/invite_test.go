package main

import (
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
)

func TestInvite(t *testing.T) {
	d := newDesk(t)
	args := func(more ...string) []string {
		return append([]string{"invite", "-name", "Northfield", "-canvas-url", "https://northfield.test", "-reason", "first term"}, more...)
	}
	if code, _, errs := d.run(args()...); code != exitFailure || !strings.Contains(errs, "tokendesk migrate") {
		t.Errorf("before migrate: exit %d, %q", code, errs)
	}
	d.fine("migrate")
	secret := d.file("token", "hunter2hunter2")
	links := map[string]bool{}
	for _, more := range [][]string{nil, {"-valid", "90m"}, {"-canvas-token-file", secret}, {"-canvas-url", "https://canvas.northfield.test"}} {
		began := time.Now()
		link, words, _ := strings.Cut(d.fine(args(more...)...), "\n")
		ended := time.Now()
		u, err := url.Parse(link)
		if err != nil || u.Scheme+"://"+u.Host+u.Path != "http://127.0.0.1:8080/lti/register" || len(u.Query().Get("invite")) != 26 || len(u.Query()) != 1 {
			t.Errorf("the link is %q", link)
		}
		if links[link] {
			t.Error("the same link twice")
		}
		links[link] = true
		valid := 24 * time.Hour
		if len(more) > 0 && more[0] == "-valid" {
			valid = 90 * time.Minute
		}
		m := regexp.MustCompile(`until (\S+)\. `).FindStringSubmatch(words)
		if m == nil {
			t.Fatalf("it says %q", words)
		}
		until, err := time.Parse(time.RFC3339, m[1])
		// It is told in whole seconds.
		if err != nil || until.Before(began.Add(valid).Truncate(time.Second)) || until.After(ended.Add(valid)) || !strings.Contains(words, "https://northfield.test") || strings.Count(words, "\n") != 1 {
			t.Errorf("it says %q", words)
		}
		// Neither the code nor the credential is in the database.
		for _, file := range []string{"t.db", "t.db-wal"} {
			b, err := os.ReadFile(filepath.Join(d.dir, file))
			if err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
			if strings.Contains(string(b), u.Query().Get("invite")) || strings.Contains(string(b), "hunter2") {
				t.Errorf("a secret stands in %s", file)
			}
		}
	}

	cv := canvastest.Start(t, canvastest.Options{})
	d.fine(d.add(cv)...)
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"no reason":             {[]string{"invite", "-name", "North", "-canvas-url", "https://north.test"}, "-reason"},
		"no address":            {[]string{"invite", "-name", "North", "-reason", "x"}, "-canvas-url"},
		"an odd name":           {[]string{"invite", "-name", "<b>", "-canvas-url", "https://north.test", "-reason", "x"}, "-name"},
		"an address with path":  {[]string{"invite", "-name", "North", "-canvas-url", "https://north.test/login", "-reason", "x"}, "scheme and host"},
		"http":                  {[]string{"invite", "-name", "North", "-canvas-url", "http://north.test", "-reason", "x"}, "https"},
		"one address twice":     {[]string{"invite", "-name", "North", "-canvas-url", "https://north.test", "-canvas-url", "https://north.test", "-reason", "x"}, "twice"},
		"too short":             {[]string{"invite", "-name", "North", "-canvas-url", "https://north.test", "-reason", "x", "-valid", "1s"}, "-valid"},
		"too long":              {[]string{"invite", "-name", "North", "-canvas-url", "https://north.test", "-reason", "x", "-valid", "8760h"}, "-valid"},
		"half a credential":     {[]string{"invite", "-name", "North", "-canvas-url", "https://north.test", "-reason", "x", "-canvas-oauth-client-id", "1"}, "together"},
		"a file that is absent": {[]string{"invite", "-name", "North", "-canvas-url", "https://north.test", "-reason", "x", "-canvas-token-file", "/nowhere/at/all"}, "/nowhere/at/all"},
		"a name that is taken":  {args(), "already"},
		"private addresses":     {[]string{"invite", "-name", "North", "-canvas-url", "https://north.test", "-reason", "x", "-allow-private"}, "-allow-private"},
	} {
		if code, out, errs := d.run(tc.args...); code != exitUsage || out != "" || !strings.Contains(errs, tc.want) {
			t.Errorf("%s: exit %d, out %q, error %q", name, code, out, errs)
		}
	}
	d.env = d.env[:1]
	if code, _, errs := d.run("invite", "-name", "North", "-canvas-url", "https://north.test", "-reason", "x"); code != exitUsage || !strings.Contains(errs, "TOKENDESK_PUBLIC_URL") {
		t.Errorf("without a public URL: exit %d, %q", code, errs)
	}
}

func TestCredentialAndDeployment(t *testing.T) {
	d := newDesk(t)
	d.fine("migrate")
	token := d.file("new", "1~abcdefgh")
	credential := []string{"platform", "credential", "-reason", "lost", "-canvas-token-file", token}
	if code, _, errs := d.run(credential...); code != exitUsage || !strings.Contains(errs, "no platform") {
		t.Errorf("a credential of nobody: exit %d, %q", code, errs)
	}
	cv := canvastest.Start(t, canvastest.Options{})
	d.fine(d.add(cv)...)
	if out := d.fine(credential...); !strings.Contains(out, "Northfield") || strings.Contains(out, "1~abcdefgh") {
		t.Errorf("credential: %q", out)
	}
	if code, out, _ := d.run("doctor"); code != exitFailure || !strings.Contains(out, "FAIL  Northfield: Canvas credential") {
		t.Errorf("doctor with a wrong credential: exit %d\n%s", code, out)
	}
	d.fine("platform", "credential", "-platform", "Northfield", "-reason", "found", "-canvas-token-file", d.file("token", cv.World().ServiceToken()))
	if out := d.fine("doctor"); !strings.Contains(out, "ok    Northfield: root deployment: 7788:abc") {
		t.Errorf("doctor:\n%s", out)
	}

	deployment := func(more ...string) []string {
		return append([]string{"platform", "deployment", "-reason", "reinstalled"}, more...)
	}
	d.fine(deployment("-deployment-id", "99:course")...)
	if out := d.fine("platform", "list"); !strings.Contains(out, "deployments 7788:abc,99:course") {
		t.Errorf("list: %s", out)
	}
	d.fine(deployment("-deployment-id", "100:abc", "-root")...)
	d.fine(deployment("-deployment-id", "7788:abc", "-remove")...)
	if out := d.fine("doctor"); !strings.Contains(out, "root deployment: 100:abc") {
		t.Errorf("doctor:\n%s", out)
	}
	d.fine(deployment("-deployment-id", "100:abc", "-remove")...)
	if out := d.fine("doctor"); !strings.Contains(out, "note  Northfield: root deployment: not confirmed yet") {
		t.Errorf("doctor:\n%s", out)
	}
	d.fine(deployment("-deployment-id", "99:course", "-remove")...)
	if out := d.fine("doctor"); !strings.Contains(out, "note  Northfield: root deployment: no deployment is known") {
		t.Errorf("doctor:\n%s", out)
	}
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"no reason":                     {[]string{"platform", "deployment", "-deployment-id", "1:a"}, "-reason"},
		"no deployment":                 {deployment(), "-deployment-id"},
		"added and removed":             {deployment("-deployment-id", "1:a", "-root", "-remove"), "exclude"},
		"removed twice":                 {deployment("-deployment-id", "99:course", "-remove"), "no deployment"},
		"an id that is none":            {deployment("-deployment-id", "ü"), "ASCII"},
		"another platform":              {deployment("-deployment-id", "1:a", "-platform", "South"), "South"},
		"a credential without reason":   {credential[:2], "-reason"},
		"a credential without a secret": {credential[:4], "-canvas-token-file"},
	} {
		if code, out, errs := d.run(tc.args...); code != exitUsage || out != "" || !strings.Contains(errs, tc.want) {
			t.Errorf("%s: exit %d, out %q, error %q", name, code, out, errs)
		}
	}
	exported := d.fine("audit", "export")
	if n := strings.Count(exported, "platform.change"); n != 7 || strings.Contains(exported, "1~abcdefgh") {
		t.Errorf("%d changes in the log:\n%s", n, exported)
	}
}

func TestKeysRotate(t *testing.T) {
	d := newDesk(t)
	d.fine("migrate")
	cv := canvastest.Start(t, canvastest.Options{})
	d.fine(d.add(cv)...)
	if out := d.fine("keys", "list"); !strings.Contains(out, "no key yet") {
		t.Errorf("list of none: %q", out)
	}
	// The first rotation makes the first key and the one that follows it.
	out := d.fine("keys", "rotate", "-reason", "drill")
	if !strings.Contains(out, "is published now and signs from") || !strings.Contains(out, "stays published until") {
		t.Errorf("rotate: %q", out)
	}
	list := d.fine("keys", "list")
	if strings.Count(list, "\n") != 2 || !strings.Contains(list, "signs, is published until") || !strings.Contains(list, "is published, does not sign yet") {
		t.Errorf("list:\n%s", list)
	}
	if out := d.fine("keys", "rotate", "-reason", "again"); !strings.Contains(out, "Nothing was changed") {
		t.Errorf("rotate twice: %q", out)
	}
	if again := d.fine("keys", "list"); again != list {
		t.Errorf("a second rotation changed the keys:\n%s", again)
	}
	if exported := d.fine("audit", "export"); strings.Count(exported, "key.rotate") != 1 || !strings.Contains(exported, "drill") {
		t.Errorf("the log:\n%s", exported)
	}

	// With the keys at hand, nothing is lost.
	if code, _, errs := d.run("keys", "rotate", "-lost", "-reason", "panic"); code != exitUsage || !strings.Contains(errs, "without -lost") {
		t.Errorf("lost although it is there: exit %d, %q", code, errs)
	}
	// With another master key, nothing else works.
	if err := os.Remove(filepath.Join(d.dir, "t.db.key")); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"keys", "list"}, {"keys", "rotate", "-reason", "x"}} {
		if code, _, errs := d.run(args...); code != exitFailure || !strings.Contains(errs, "tool key") {
			t.Errorf("%v with another master key: exit %d, %q", args, code, errs)
		}
	}
	if out := d.fine("keys", "rotate", "-lost", "-reason", "the disk broke"); !strings.Contains(out, "signs now") {
		t.Errorf("lost: %q", out)
	}
	list = d.fine("keys", "list")
	if strings.Count(list, "\n") != 3 || strings.Count(list, "retired") != 2 || strings.Count(list, "signs\n") != 1 {
		t.Errorf("list:\n%s", list)
	}
	d.fine("platform", "credential", "-reason", "the disk broke", "-canvas-token-file", d.file("token", cv.World().ServiceToken()))
	if out := d.fine("doctor"); !strings.Contains(out, "ok    signing keys") || !strings.Contains(out, "ok    Northfield: Canvas credential") {
		t.Errorf("doctor:\n%s", out)
	}
}
