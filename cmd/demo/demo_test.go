package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// output is what a running demo has said so far.
type output struct {
	mu      sync.Mutex
	text    bytes.Buffer
	changed chan struct{} // closed by the next write; nil if nobody waits
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.changed != nil {
		close(o.changed)
		o.changed = nil
	}
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// more is closed by the next write.
func (o *output) more() <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.changed == nil {
		o.changed = make(chan struct{})
	}
	return o.changed
}

var opens = regexp.MustCompile(`(?m)^Open (http://127\.0\.0\.1:\d+)/$`)

// up runs a demo and returns the printed URL and what stops it.
func up(t *testing.T, environ []string, args ...string) (url string, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, ended := &output{}, make(chan error, 1)
	args = append([]string{"-listen", "127.0.0.1:0", "-canvas-listen", "127.0.0.1:0"}, args...)
	go func() { ended <- run(ctx, args, environ, out, out) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the demo ended with: %v", err)
		}
	})
	t.Cleanup(stop)
	hung := time.NewTimer(5 * time.Minute)
	defer hung.Stop()
	for {
		more := out.more()
		if m := opens.FindStringSubmatch(out.String()); m != nil {
			if !strings.Contains(out.String(), "STAND-IN CANVAS") {
				t.Error("it does not say that this is a stand-in")
			}
			return m[1], stop
		}
		select {
		case err := <-ended:
			ended <- nil
			t.Fatalf("the demo ended before it was up: %v\n%s", err, out)
		case <-hung.C:
			t.Fatalf("the demo is not up:\n%s", out)
		case <-more:
		}
	}
}

// visit follows a link of the start page, as whoever it signs in, to the tool's
// first page.
func visit(t *testing.T, start, key string) string {
	t.Helper()
	b := newBrowser()
	defer b.close()
	if err := b.send(t.Context(), "GET", start+"/", nil); err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`href="(/standin/act-as/` + key + `\?next=[^"]+)"`).FindStringSubmatch(b.page.body)
	if m == nil {
		t.Fatalf("the start page has no link for %s", key)
	}
	if err := b.open(t.Context(), start+m[1]); err != nil {
		t.Fatal(err)
	}
	return b.page.body
}

func TestTheDemoKeepsItsDataAndRemembersIt(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	for _, time := range []string{"first", "second"} {
		start, stop := up(t, nil, "-data", data)
		home := visit(t, start, "luca")
		for _, title := range []string{"Deadline calendar", "Reading list", "Survey helper"} {
			if n := strings.Count(home, ">"+title+"<"); n != 1 {
				t.Errorf("%s start: %q is on Luca's page %d times", time, title, n)
			}
		}
		queue := visit(t, start, "dana")
		if n := strings.Count(queue, ">Dana Ortiz<"); n != 1 { // who is here
			t.Errorf("%s start: Dana, who as an admin cannot ask, is named %d times in her queue", time, n)
		}
		for _, title := range []string{"Enrolment report", "Quiz builder", "Microscope log"} {
			if !strings.Contains(queue, title) {
				t.Errorf("%s start: %q is not in Dana's queue", time, title)
			}
		}
		stop()
	}
	if _, err := os.Stat(filepath.Join(data, "tokendesk.db")); err != nil {
		t.Error(err)
	}
}

func TestATemporaryFolderGoesWithTheDemo(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	_, stop := up(t, nil, "-empty")
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "tokendesk-demo-*")); len(left) != 1 {
		t.Fatalf("folders while it runs: %q", left)
	}
	stop()
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "*")); len(left) != 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestWrongUseOfTheDemo(t *testing.T) {
	for name, c := range map[string]struct {
		environ, args []string
		says          string
	}{
		"an unknown flag":         {nil, []string{"-no-such"}, "-no-such"},
		"a word too many":         {nil, []string{"please"}, "unexpected argument please"},
		"an address for everyone": {nil, []string{"-listen", "0.0.0.0:0"}, "only loopback"},
		"an unknown setting":      {[]string{"TOKENDESK_NO_SUCH=1"}, []string{"-listen", "127.0.0.1:0", "-canvas-listen", "127.0.0.1:0"}, "TOKENDESK_NO_SUCH"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			err := run(t.Context(), c.args, c.environ, &out, &out)
			if err == nil {
				t.Fatal("it started")
			}
			if said := out.String() + err.Error(); !strings.Contains(said, c.says) {
				t.Errorf("it does not say %q: %s", c.says, said)
			}
		})
	}
}
