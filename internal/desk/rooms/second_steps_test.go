package rooms_test

import (
	"context"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/desk/tokens"
)

// A stray that Canvas shows late is gone within minutes of the hand-over, of the
// end and of the giving up: each of the jobs that look once more finds it.
func TestStraysAreLookedForOnceMore(t *testing.T) {
	t.Parallel()
	handed := func(r *desktest.Rig) access.Grant { c, _ := r.Collected(); return *c.Grant }
	ended := func(r *desktest.Rig) access.Grant {
		g := handed(r)
		_, err := r.Tokens.Revoke(r.T.Context(), r.As("maya", access.DoorCourse), g.ID, "")
		r.Must(err)
		return g
	}
	void := func(r *desktest.Rig) access.Grant {
		q := r.Approved()
		r.Cv.Fail(canvastest.Fault{Route: desktest.CreateRoute, Method: http.MethodPost, Status: 403, Body: desktest.Denied})
		_, err := r.Tokens.Collect(r.T.Context(), r.As("maya", access.DoorCourse), q.Code())
		r.Must(err)
		return r.Grants()[0]
	}
	for name, tt := range map[string]struct {
		prepare func(r *desktest.Rig) access.Grant
		ending  string
		in      time.Duration
	}{
		"two minutes behind the hand-over":    {handed, ":1", 2 * time.Minute},
		"twelve minutes behind the hand-over": {handed, ":2", 12 * time.Minute},
		"three minutes behind the end":        {ended, ":gone", 3 * time.Minute},
		"ten minutes behind nothing":          {void, ":void", 10 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := desktest.NewRig(t, desktest.Sqlite(t))
			g := tt.prepare(r)
			stray := map[string]canvastest.Token{"stray": r.Seeded("maya", g, 1)}
			up := r.Cv.Fail(canvastest.Fault{Route: desktest.ListRoute, Status: 503, Times: -1})
			r.Writes("it cannot look", "", func() {
				if err := r.Run(desk.JobSweep, tt.ending); desktest.Again(err) != 2*time.Minute {
					t.Errorf("Canvas is down, and it says %v", err)
				}
				if err := r.Run(desk.JobSweep, tt.ending); desktest.Again(err) != desk.RestFor {
					t.Errorf("Canvas rests, and it says %v", err)
				}
			})
			up()
			r.Clock.Advance(desk.RestFor)
			r.Stays("stray", stray)
			r.Writes(name, "log: system grant.stray_deleted grt1 of req1 canvas_token=token"+map[bool]string{true: "1", false: "2"}[tt.ending == ":void"],
				func() { r.Must(r.Run(desk.JobSweep, tt.ending)) })
			r.Stays("", stray)
		})
	}
}

// A deletion that Canvas says it did, and did not do, settles nothing.
func TestAnAttemptIsSettledByTheList(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	ctx := t.Context()
	q := r.Approved()
	maya := r.As("maya", access.DoorCourse)
	r.Cv.Fail(canvastest.Fault{Route: desktest.CreateRoute, Method: http.MethodPost, DropAfter: true})
	c, err := r.Tokens.Collect(ctx, maya, q.Code())
	r.Must(err)
	lies := r.Cv.Fail(canvastest.Fault{Route: desktest.OneTokenRoute, Method: http.MethodDelete, Status: 404, Body: `{"errors":[{"message":"The specified resource does not exist."}]}`, Times: -1})
	made := r.Cv.Count(http.MethodPost, desktest.CreateRoute)
	told := r.Wrote(func() {
		if err := r.Run(desk.JobRecover, ":doubt"); desktest.Again(err) != time.Minute {
			t.Errorf("its job says %v", err)
		}
	})
	if n := strings.Count(told, "grant.stray_deleted"); n != 3 || strings.Count(told, "\n") != 2 {
		t.Errorf("it wrote\n%s", told)
	}
	for name, press := range map[string]func() (tokens.Collection, error){
		"check":   func() (tokens.Collection, error) { return r.Tokens.CheckMint(ctx, maya, q.Code()) },
		"collect": func() (tokens.Collection, error) { return r.Tokens.Collect(ctx, maya, q.Code()) },
	} {
		if now, err := press(); err != nil || now.Stage != tokens.StageRecovering || now.Grant.Version != c.Grant.Version {
			t.Errorf("%s: %s, %v", name, now.Stage, err)
		}
	}
	if n := r.Cv.Count(http.MethodPost, desktest.CreateRoute); n != made || r.InCanvas("maya") != 1 {
		t.Errorf("%d calls to make one, %d in Canvas", n, r.InCanvas("maya"))
	}
	lies()
	acting := r.As("maya", access.DoorCourse, desktest.ActingBy("9"))
	r.Refused("somebody acting checks", access.WhyActing, access.Collect, "maya", q.Code(), func() error { _, err := r.Tokens.CheckMint(ctx, acting, q.Code()); return err })
	r.Writes("check again", `
log: system grant.stray_deleted grt1 of req1 canvas_token=token1
log: system grant.give_up grt1 recovering>void v3 of req1 trouble=mint.nothing_made
log: system request.mint_failed req1 collecting>approved v6
grants grt1: lease_until=none open=0 state=void trouble=mint.nothing_made version=3
requests req1: state=approved version=6
job: grant.sweep grant.sweep:grt1:1:void:void {"grant":"grt1","attempt":1} at +10m0s`, func() {
		if now, err := r.Tokens.CheckMint(ctx, maya, q.Code()); err != nil || now.Stage != tokens.StageReady {
			t.Errorf("%s, %v", now.Stage, err)
		}
	})
	r.Writes("check once more", "", func() {
		if now, err := r.Tokens.CheckMint(ctx, maya, q.Code()); err != nil || now.Stage != tokens.StageReady {
			t.Errorf("%s, %v", now.Stage, err)
		}
	})
}

// A thawed token's or a lost one's successor is not made before the old one is
// proven gone; the job that deletes it asks again.
func TestClearAsksAgain(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	ctx := t.Context()
	c, _ := r.Collected()
	up := r.Cv.Fail(canvastest.Fault{Route: desktest.OneTokenRoute, Method: http.MethodDelete, Status: 500, Times: -1})
	_, err := r.Tokens.Replace(ctx, r.As("maya", access.DoorCourse), c.Request.Code())
	r.Must(err)
	if err := r.Run(desk.JobClear, ""); desktest.Again(err) != time.Minute || r.InCanvas("maya") != 1 {
		t.Errorf("Canvas is down, and it says %v", err)
	}
	up()
	// Nothing is said of it before the list is free of it too.
	stray := map[string]canvastest.Token{"stray": r.Seeded("maya", *c.Grant, 1)}
	r.Writes("cleared", "log: system grant.stray_deleted grt1 of req1 canvas_token=token2", func() { r.Must(r.Run(desk.JobClear, "")) })
	r.Stays("", stray)
	if r.InCanvas("maya") != 0 {
		t.Error("the lost token is in Canvas")
	}
	if next, err := r.Tokens.Collect(ctx, r.As("maya", access.DoorCourse), c.Request.Code()); err != nil || next.Stage != tokens.StageSecret {
		t.Fatalf("%s, %v", next.Stage, err)
	}
	r.Writes("its job behind the successor", "", func() { r.Must(r.Run(desk.JobClear, "")) })
	if r.InCanvas("maya") != 1 {
		t.Error("the successor was deleted")
	}
}

// A stray that appeared while a token was made is gone with the hand-over.
func TestStraysGoWithTheHandOver(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	q := r.Approved()
	strays := map[string]canvastest.Token{}
	r.Desk.AtStep = func(step string) {
		if step == "canvas answered" {
			strays["stray"] = r.Seeded("maya", r.Grants()[0], 1)
		}
	}
	if c, err := r.Tokens.Collect(t.Context(), r.As("maya", access.DoorCourse), q.Code()); err != nil || c.Stage != tokens.StageSecret || len(strays) != 1 {
		t.Fatalf("%s, %v", c.Stage, err)
	}
	r.Stays("", strays)
	if r.InCanvas("maya") != 1 {
		t.Error("the token went with it")
	}
}

// And so are strays with the end of the token.
func TestStraysGoWithTheEnd(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	c, _ := r.Collected()
	strays := map[string]canvastest.Token{"stray": r.Seeded("maya", *c.Grant, 1)}
	_, err := r.Tokens.Revoke(t.Context(), r.As("maya", access.DoorCourse), c.Grant.ID, "")
	r.Must(err)
	r.Stays("", strays)
}

// What ends in the middle of a collection gives its request back.
func TestWritesOfAnEndInTheMiddle(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	q := r.Approved()
	r.Cv.Fail(canvastest.Fault{Route: desktest.CreateRoute, Method: http.MethodPost, DropAfter: true})
	c, err := r.Tokens.Collect(t.Context(), r.As("maya", access.DoorCourse), q.Code())
	if err != nil || c.Stage != tokens.StageRecovering {
		t.Fatalf("%s, %v", c.Stage, err)
	}
	r.Writes("revoked in the middle", `
log: maya grant.revoke grt1 recovering>revoking v3 of req1 cause=owner
log: system grant.stray_deleted grt1 of req1 canvas_token=token1
log: system grant.gone grt1 revoking>revoked v4 of req1 proof=Canvas lists no token of this grant
log: system request.mint_failed req1 collecting>approved v6
grants grt1: cause=owner ended_at=now ended_by=maya next_try=now open=0 revoking_at=now state=revoked trouble=none version=4
requests req1: state=approved version=6
job: grant.end grant.end:grt1:1:revoking {"grant":"grt1","attempt":1} at +10s
job: grant.sweep grant.sweep:grt1:1:revoked:gone {"grant":"grt1","attempt":1} at +3m0s
job: tell ana revoked of req1 grt1, grt1/v4
job: tell maya revoked of req1 grt1, grt1/v4`, func() {
		_, err := r.Tokens.Revoke(t.Context(), r.As("maya", access.DoorCourse), c.Grant.ID, "")
		r.Must(err)
	})
	if r.InCanvas("maya") != 0 {
		t.Error("what was made is in Canvas")
	}
}

// A Canvas of 2024 lets nobody read tokens: that it has one no more to delete is a
// proof only where it knows the owner.
func TestNoProofWithoutTheOwner(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	r.Accept()
	r.W.SetEra(canvastest.Era1b)
	c, _ := r.Collected()
	maya := r.As("maya", access.DoorCourse)
	up := r.Cv.Fail(canvastest.Fault{Route: "/api/v1/users/:id", Method: http.MethodGet, Status: 404, Body: `{"errors":[{"message":"The specified resource does not exist."}]}`, Times: -1})
	if p, err := r.Tokens.Revoke(t.Context(), maya, c.Grant.ID, ""); err != nil || p.Grant.State != access.Revoking {
		t.Errorf("without the owner: %s, %v", p.Grant.State, err)
	}
	up()
	r.Must(r.Run(desk.JobEnd, ""))
	if g := r.Grant(c.Grant.ID); g.State != access.Revoked {
		t.Errorf("with the owner: %s", g.State)
	}
}

// An answer that comes when its attempt was given up and another is under way is
// nobody's: what it brings is not taken for the other's token.
func TestAnswerBehindItsLease(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	ctx := t.Context()
	c, _ := r.Collected()
	maya, code := r.As("maya", access.DoorCourse), c.Request.Code()
	_, err := r.Tokens.Replace(ctx, maya, code)
	r.Must(err)
	var late atomic.Bool
	under, goOn := make(chan struct{}), make(chan struct{})
	other := make(chan tokens.Collection, 1)
	r.Desk.AtStep = func(step string) {
		switch {
		case step == "canvas answered" && late.CompareAndSwap(false, true):
			r.Clock.Advance(access.MintLease)
			if c, err := r.Tokens.CheckMint(ctx, maya, code); err != nil || c.Stage != tokens.StageReplacing {
				t.Errorf("its lease is over: %s, %v", c.Stage, err)
			}
			go func() {
				c, err := r.Tokens.Collect(ctx, maya, code)
				if err != nil {
					t.Error(err)
				}
				other <- c
			}()
			<-under
		case step == "intent committed" && late.Load():
			close(under)
			<-goOn
		}
	}
	if c, err := r.Tokens.Collect(ctx, maya, code); err != nil || c.Stage != tokens.StageCreating || !c.Value.IsZero() {
		t.Errorf("the late answer: %s, %v", c.Stage, err)
	}
	if g := r.Grant(c.Grant.ID); g.State != access.Minting || g.Attempt != 3 || g.CanvasID != "" {
		t.Errorf("%s, attempt %d, token %q", g.State, g.Attempt, g.CanvasID)
	}
	close(goOn)
	if c := <-other; c.Stage != tokens.StageSecret || r.InCanvas("maya") != 1 {
		t.Errorf("the other press: %s (%s), %d tokens", c.Stage, c.Trouble, r.InCanvas("maya"))
	}
	r.Proven()
}

// Where the call never went out, nothing was made, and there is nothing to check.
func TestCanvasIsNotThere(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	q := r.Approved()
	nowhere := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}}
	line := func(req *http.Request, send func(*http.Request) (*http.Response, error)) (*http.Response, error) {
		if req.Method == http.MethodPost {
			return nowhere.RoundTrip(req)
		}
		return send(req)
	}
	r.Line.Store(&line)
	if c, err := r.Tokens.Collect(t.Context(), r.As("maya", access.DoorCourse), q.Code()); err != nil || c.Stage != tokens.StageReady || c.Trouble != tokens.TroubleDown {
		t.Errorf("%s (%s), %v", c.Stage, c.Trouble, err)
	}
	r.Proven()
}

// A lost token that Canvas does not find and lists all the same, under another name
// too, has no successor yet.
func TestNoSuccessorOnA404(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	c, _ := r.Collected()
	r.Changed(*c.Grant, func(tok *canvastest.Token) { tok.Purpose = "renamed" })
	r.Cv.Fail(canvastest.Fault{Route: desktest.OneTokenRoute, Status: 404, Body: `{"errors":[{"message":"The specified resource does not exist."}]}`, Times: -1})
	maya := r.As("maya", access.DoorCourse)
	_, err := r.Tokens.Replace(t.Context(), maya, c.Request.Code())
	r.Must(err)
	if next, err := r.Tokens.Collect(t.Context(), maya, c.Request.Code()); access.WhyOf(err) != access.WhyCanvas || r.InCanvas("maya") != 1 {
		t.Errorf("%s, %v, %d tokens", next.Stage, err, r.InCanvas("maya"))
	}
	if err := r.Run(desk.JobClear, ""); desktest.Again(err) != time.Minute {
		t.Errorf("its job says %v", err)
	}
}
