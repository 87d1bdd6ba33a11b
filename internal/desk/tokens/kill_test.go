package tokens_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/desk/rooms"
	"github.com/tokendesk/tokendesk/internal/desk/tokens"
	"github.com/tokendesk/tokendesk/internal/secret"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
	"github.com/tokendesk/tokendesk/internal/text"
)

// order is what a child process is told on its standard input.
type order struct {
	Database, Canvas, Token, Request, Step string
	Caller                                 access.Caller
	Now                                    time.Time
}

const childVar = "TOKENDESK_TEST_COLLECTS"

// TestChildCollects is the process that TestKill9 kills: alone it does nothing.
func TestChildCollects(t *testing.T) {
	if os.Getenv(childVar) == "" {
		return
	}
	var o order
	if err := json.NewDecoder(os.Stdin).Decode(&o); err != nil {
		t.Fatal(err)
	}
	o.Caller.Via = access.ViaLaunch // which is never stored
	st, err := store.Open(t.Context(), o.Database, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	client := canvas.New(canvas.Config{BaseURL: o.Canvas, Now: func() time.Time { return o.Now }, Timeout: desktest.Patience, Clean: text.Line,
		Credential: func(context.Context) (secret.Text, error) { return secret.New(o.Token), nil }})
	s := rooms.New(&desk.Desk{Store: st, Box: secret.NewBox([32]byte{7}), Now: func() time.Time { return o.Now }, Log: slog.New(slog.DiscardHandler), Limit: desktest.NoLimit,
		Canvas: func(store.Platform) (*canvas.Client, error) { return client, nil },
		AtStep: func(step string) {
			if step == o.Step {
				_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
				select {} // the signal is on its way
			}
		}})
	c, err := s.Tokens.Collect(t.Context(), o.Caller, o.Request)
	t.Fatalf("not killed at %q: %s, %v", o.Step, c.Stage, err)
}

// kill -9 between any two steps of Collect: at most one usable token, strays
// gone, and after a restart the person can finish.
func TestKill9(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"intent committed", "listed before", "canvas answered", "hand-over committed"} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			storetest.EachURL(t, func(t *testing.T, url string) {
				st, err := store.Open(t.Context(), url, store.Options{})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() {
					if err := st.Close(); err != nil {
						t.Error(err)
					}
				})
				if err := st.Migrate(t.Context()); err != nil {
					t.Fatal(err)
				}
				killed(desktest.NewRig(t, st), url, step)
			})
		})
	}
}

func killed(r *desktest.Rig, url, step string) {
	t := r.T
	req := r.Approved()
	in, err := json.Marshal(order{Database: url, Canvas: r.Cv.InstitutionURL(), Token: r.W.ServiceToken(), Request: req.Code(), Step: step,
		Caller: r.As("maya", access.DoorCourse), Now: r.Clock.Now()})
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestChildCollects$")
	child.Env = append(os.Environ(), childVar+"=1")
	child.Stdin = strings.NewReader(string(in))
	out, err := child.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("the child was not killed: %v\n%s", err, out)
	}
	if n := r.Usable("maya"); n != 0 {
		t.Fatalf("%d usable tokens", n)
	}
	for range 15 {
		r.Tick(time.Minute)
	}
	caller := r.As("maya", access.DoorCourse)
	page, err := r.Tokens.CollectPage(t.Context(), caller, req.Code())
	if err != nil {
		t.Fatal(err)
	}
	want := tokens.StageReady
	if step == "hand-over committed" {
		want = tokens.StageShown
	}
	if page.Stage != want {
		t.Fatalf("after the restart: %s (%s), want %s", page.Stage, page.Trouble, want)
	}
	if n := r.InCanvas("maya"); (want == tokens.StageReady) != (n == 0) {
		t.Errorf("%d tokens in Canvas", n)
	}
	if want == tokens.StageShown {
		if _, err := r.Tokens.Replace(t.Context(), caller, req.Code()); err != nil {
			t.Fatal(err)
		}
	}
	c, err := r.Tokens.Collect(t.Context(), caller, req.Code())
	if err != nil || c.Stage != tokens.StageSecret || r.InCanvas("maya") != 1 {
		t.Fatalf("the person cannot finish: %s (%s), %v; %d tokens", c.Stage, c.Trouble, err, r.InCanvas("maya"))
	}
	if g := r.Grant(c.Grant.ID); g.State != access.HandedOver {
		t.Errorf("the grant is %s", g.State)
	}
	r.Proven()
}
