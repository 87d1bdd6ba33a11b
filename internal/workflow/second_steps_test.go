package workflow

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/jobs"
)

// marked is a token that carries the marker of an attempt of g.
func (r *rig) seeded(key string, g access.Grant, attempt int) canvastest.Token {
	r.t.Helper()
	g.Attempt = attempt
	t, _ := r.w.SeedToken(key, canvastest.TokenSpec{Purpose: g.Purpose()})
	return t
}

// stays reports which of the tokens are still there.
func (r *rig) stays(want string, tokens map[string]canvastest.Token) {
	r.t.Helper()
	var got []string
	for name, t := range tokens {
		for _, key := range []string{"maya", "luca"} {
			for _, now := range r.w.Tokens(key) {
				if now.ID == t.ID && now.State != canvastest.StateDeleted {
					got = append(got, name)
				}
			}
		}
	}
	if s := strings.Join(sorted(got), ", "); s != want {
		r.t.Errorf("there is %s; want %s", s, want)
	}
}

// A sweep deletes the tokens of attempts that are over, of this grant and of
// this owner, and nothing else: what it deletes depends on where the grant stands.
func TestSweepDeletesOnlyStrays(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		as    func(*access.Grant)
		stays string
	}{
		"handed over, attempt 1": {func(*access.Grant) {}, "2, 3, Luca's, another grant's, its token, own"},
		"handed over, attempt 2": {func(g *access.Grant) { g.Attempt = 2 }, "3, Luca's, another grant's, its token, own"},
		"attempt 2 under way": {func(g *access.Grant) { g.Attempt, g.State, g.CanvasID = 2, access.Minting, "" },
			"2, 3, Luca's, another grant's, own"},
		"ended": {func(g *access.Grant) { g.State = access.Revoked }, "2, 3, Luca's, another grant's, own"},
		"void":  {func(g *access.Grant) { g.State, g.CanvasID = access.Void, "" }, "2, 3, Luca's, another grant's, own"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sqlite(t))
			c, _ := r.collected()
			g := *c.Grant
			f, err := r.far(t.Context(), r.tenant, "")
			r.must(err)
			another := g
			another.ID = g.ID[:len(g.ID)-1] + map[bool]string{true: "B", false: "A"}[strings.HasSuffix(g.ID, "A")]
			all := map[string]canvastest.Token{"its token": r.w.Tokens("maya")[0], "1": r.seeded("maya", g, 1), "2": r.seeded("maya", g, 2), "3": r.seeded("maya", g, 3),
				"another grant's": r.seeded("maya", another, 1), "Luca's": r.seeded("luca", g, 1)}
			all["own"], _ = r.w.SeedToken("maya", canvastest.TokenSpec{Purpose: "her own"})
			tt.as(&g)
			r.must(r.sweep(t.Context(), f, g))
			r.stays(tt.stays, all)
		})
	}
}

// A stray that Canvas shows late is gone within minutes of the hand-over, of the
// end and of the giving up: each of the jobs that look once more finds it.
func TestStraysAreLookedForOnceMore(t *testing.T) {
	t.Parallel()
	handed := func(r *rig) access.Grant { c, _ := r.collected(); return *c.Grant }
	ended := func(r *rig) access.Grant {
		g := handed(r)
		_, err := r.Revoke(r.t.Context(), r.as("maya", access.DoorCourse), g.ID, "")
		r.must(err)
		return g
	}
	void := func(r *rig) access.Grant {
		q := r.approved()
		r.cv.Fail(canvastest.Fault{Route: createRoute, Method: http.MethodPost, Status: 403, Body: denied})
		_, err := r.Collect(r.t.Context(), r.as("maya", access.DoorCourse), q.Code())
		r.must(err)
		return r.grants()[0]
	}
	for name, tt := range map[string]struct {
		prepare func(r *rig) access.Grant
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
			r := newRig(t, sqlite(t))
			g := tt.prepare(r)
			stray := map[string]canvastest.Token{"stray": r.seeded("maya", g, 1)}
			up := r.cv.Fail(canvastest.Fault{Route: listRoute, Status: 503, Times: -1})
			r.writes("it cannot look", "", func() {
				if err := r.run(jobSweep, tt.ending); again(err) != 2*time.Minute {
					t.Errorf("Canvas is down, and it says %v", err)
				}
				if err := r.run(jobSweep, tt.ending); again(err) != restFor {
					t.Errorf("Canvas rests, and it says %v", err)
				}
			})
			up()
			r.clock.Advance(restFor)
			r.stays("stray", stray)
			r.writes(name, "log: system grant.stray_deleted grt1 of req1 canvas_token=token"+map[bool]string{true: "1", false: "2"}[tt.ending == ":void"],
				func() { r.must(r.run(jobSweep, tt.ending)) })
			r.stays("", stray)
		})
	}
}

// A deletion that Canvas says it did, and did not do, settles nothing.
func TestAnAttemptIsSettledByTheList(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	ctx := t.Context()
	q := r.approved()
	maya := r.as("maya", access.DoorCourse)
	r.cv.Fail(canvastest.Fault{Route: createRoute, Method: http.MethodPost, DropAfter: true})
	c, err := r.Collect(ctx, maya, q.Code())
	r.must(err)
	lies := r.cv.Fail(canvastest.Fault{Route: oneTokenRoute, Method: http.MethodDelete, Status: 404, Body: `{"errors":[{"message":"The specified resource does not exist."}]}`, Times: -1})
	made := r.cv.Count(http.MethodPost, createRoute)
	told := r.wrote(func() {
		if err := r.run(jobRecover, ":doubt"); again(err) != time.Minute {
			t.Errorf("its job says %v", err)
		}
	})
	if n := strings.Count(told, "grant.stray_deleted"); n != 3 || strings.Count(told, "\n") != 2 {
		t.Errorf("it wrote\n%s", told)
	}
	for name, press := range map[string]func() (Collection, error){
		"check":   func() (Collection, error) { return r.CheckMint(ctx, maya, q.Code()) },
		"collect": func() (Collection, error) { return r.Collect(ctx, maya, q.Code()) },
	} {
		if now, err := press(); err != nil || now.Stage != StageRecovering || now.Grant.Version != c.Grant.Version {
			t.Errorf("%s: %s, %v", name, now.Stage, err)
		}
	}
	if n := r.cv.Count(http.MethodPost, createRoute); n != made || r.inCanvas("maya") != 1 {
		t.Errorf("%d calls to make one, %d in Canvas", n, r.inCanvas("maya"))
	}
	lies()
	acting := r.as("maya", access.DoorCourse, actingBy("9"))
	r.refused("somebody acting checks", access.WhyActing, access.Collect, "maya", q.Code(), func() error { _, err := r.CheckMint(ctx, acting, q.Code()); return err })
	r.writes("check again", `
log: system grant.stray_deleted grt1 of req1 canvas_token=token1
log: system grant.give_up grt1 recovering>void v3 of req1 trouble=mint.nothing_made
log: system request.mint_failed req1 collecting>approved v6
grants grt1: lease_until=none open=0 state=void trouble=mint.nothing_made version=3
requests req1: state=approved version=6
job: grant.sweep grant.sweep:grt1:1:void:void {"grant":"grt1","attempt":1} at +10m0s`, func() {
		if now, err := r.CheckMint(ctx, maya, q.Code()); err != nil || now.Stage != StageReady {
			t.Errorf("%s, %v", now.Stage, err)
		}
	})
	r.writes("check once more", "", func() {
		if now, err := r.CheckMint(ctx, maya, q.Code()); err != nil || now.Stage != StageReady {
			t.Errorf("%s, %v", now.Stage, err)
		}
	})
}

// A thawed token's or a lost one's successor is not made before the old one is
// proven gone; the job that deletes it asks again.
func TestClearAsksAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	ctx := t.Context()
	c, _ := r.collected()
	up := r.cv.Fail(canvastest.Fault{Route: oneTokenRoute, Method: http.MethodDelete, Status: 500, Times: -1})
	_, err := r.Replace(ctx, r.as("maya", access.DoorCourse), c.Request.Code())
	r.must(err)
	if err := r.run(jobClear, ""); again(err) != time.Minute || r.inCanvas("maya") != 1 {
		t.Errorf("Canvas is down, and it says %v", err)
	}
	up()
	// Nothing is said of it before the list is free of it too.
	stray := map[string]canvastest.Token{"stray": r.seeded("maya", *c.Grant, 1)}
	r.writes("cleared", "log: system grant.stray_deleted grt1 of req1 canvas_token=token2", func() { r.must(r.run(jobClear, "")) })
	r.stays("", stray)
	if r.inCanvas("maya") != 0 {
		t.Error("the lost token is in Canvas")
	}
	if next, err := r.Collect(ctx, r.as("maya", access.DoorCourse), c.Request.Code()); err != nil || next.Stage != StageSecret {
		t.Fatalf("%s, %v", next.Stage, err)
	}
	r.writes("its job behind the successor", "", func() { r.must(r.run(jobClear, "")) })
	if r.inCanvas("maya") != 1 {
		t.Error("the successor was deleted")
	}
}

// A token that is not as it was asked for is shown to nobody: it goes at once, and
// the attempt is checked.
func TestOddTokens(t *testing.T) {
	t.Parallel()
	tests := map[string]func(r *rig, t map[string]any){
		"it never ends":            func(_ *rig, t map[string]any) { t["expires_at"] = nil },
		"it ends later than asked": func(r *rig, t map[string]any) { t["expires_at"] = r.grants()[0].Wanted.Add(61 * time.Second) },
		"it has ended":             func(r *rig, t map[string]any) { t["expires_at"] = r.clock.Now() },
		"it is deleted":            func(_ *rig, t map[string]any) { t["workflow_state"] = "deleted" },
		"it carries no marker":     func(_ *rig, t map[string]any) { t["purpose"] = "Attendance helper" },
		"it carries another marker": func(r *rig, t map[string]any) {
			t["purpose"] = "x [" + strings.Repeat("grt_A", 1) + strings.Repeat("A", 25) + "/1]"
		},
		"it carries another attempt": func(r *rig, t map[string]any) {
			g := r.grants()[0]
			g.Attempt = 2
			t["purpose"] = g.Purpose()
		},
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sqlite(t))
			q := r.approved()
			line := func(req *http.Request, send func(*http.Request) (*http.Response, error)) (*http.Response, error) {
				resp, err := send(req)
				if err != nil || req.Method != http.MethodPost {
					return resp, err
				}
				var made map[string]any
				d := json.NewDecoder(resp.Body)
				d.UseNumber()
				if err := d.Decode(&made); err != nil {
					return nil, err
				}
				_ = resp.Body.Close()
				change(r, made)
				b, err := json.Marshal(made)
				resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(b)), int64(len(b))
				resp.Header.Set("Content-Length", fmt.Sprint(len(b)))
				return resp, err
			}
			r.line.Store(&line)
			c, err := r.Collect(t.Context(), r.as("maya", access.DoorCourse), q.Code())
			if err != nil || c.Stage != StageRecovering || c.Trouble != troubleOdd || !c.Value.IsZero() {
				t.Errorf("%s (%s), %v", c.Stage, c.Trouble, err)
			}
			if r.inCanvas("maya") != 0 {
				t.Error("it is still in Canvas")
			}
			r.line.Store(nil)
			if c, err := r.Collect(t.Context(), r.as("maya", access.DoorCourse), q.Code()); err != nil || c.Stage != StageSecret {
				t.Errorf("the next press: %s (%s), %v", c.Stage, c.Trouble, err)
			}
			r.proven()
		})
	}
}

// What a token made for another person writes, and its job when Canvas did not
// delete it at once. One without the marker stays.
func TestWritesOfAMisplacedToken(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	q := r.approved()
	maya := r.as("maya", access.DoorCourse)
	line := func(req *http.Request, send func(*http.Request) (*http.Response, error)) (*http.Response, error) {
		return send(r.toAnother(req))
	}
	r.line.Store(&line)
	up := r.cv.Fail(canvastest.Fault{Route: oneTokenRoute, Method: http.MethodDelete, Status: 500, Times: -1})
	r.writes("made for another", `
log: maya request.collect req1 approved>collecting v5
log: maya grant.create grt1 >minting v1 of req1
log: system grant.doubt grt1 minting>recovering v2 of req1 trouble=mint.unclear
new grants grt1: attempt=1 canvas_user=maya's id created_at=now lease_until=+1m30s open=1 owner=maya request_id=req1 since=now sponsor=ana state=recovering title=Attendance helper trouble=mint.unclear updated_at=now version=2 wanted=+27d15h59m59s
requests req1: state=collecting version=5
job: grant.recover grant.recover:grt1:1:minting {"grant":"grt1","attempt":1} at +1m31s
job: grant.recover grant.recover:grt1:1:minting:doubt {"grant":"grt1","attempt":1} at +20s
job: ground.owner ground.owner:school:req1:v5 {"owner":"maya"} at +1s
job: token.stray token.stray:grt1:token1 {"grant":"grt1","attempt":1,"user":"luca's id","token":"token1"} at +30s`, func() {
		if c, err := r.Collect(t.Context(), maya, q.Code()); err != nil || c.Stage != StageRecovering {
			t.Errorf("%s, %v", c.Stage, err)
		}
	})
	if err := r.run(jobStray, ""); again(err) != time.Minute {
		t.Errorf("Canvas is down, and its job says %v", err)
	}
	up()
	r.writes("its job", `
log: system grant.stray_deleted grt1 of req1 canvas_token=token1 canvas_user=luca's id`, func() { r.must(r.run(jobStray, "")) })
	r.writes("its job again", "", func() { r.must(r.run(jobStray, "")) })
	foreign, _ := r.w.SeedToken("luca", canvastest.TokenSpec{Purpose: "his own"})
	other := r.seeded("luca", access.Grant{ID: "grt_" + strings.Repeat("A", 26)}, 1)
	for _, tok := range []canvastest.Token{foreign, other} {
		ref, err := json.Marshal(strayRef{grantRef{r.grants()[0].ID, 1}, r.w.User("luca").ID.String(), tok.ID.String()})
		r.must(err)
		r.writes("not ours", "", func() {
			r.must(r.strayHandler(t.Context(), jobs.Job{Data: ref, Tenant: string(r.tenant)}))
		})
	}
	r.stays("his, other", map[string]canvastest.Token{"his": foreign, "other": other})
}

// A stray that appeared while a token was made is gone with the hand-over.
func TestStraysGoWithTheHandOver(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	q := r.approved()
	strays := map[string]canvastest.Token{}
	r.AtStep = func(step string) {
		if step == "canvas answered" {
			strays["stray"] = r.seeded("maya", r.grants()[0], 1)
		}
	}
	if c, err := r.Collect(t.Context(), r.as("maya", access.DoorCourse), q.Code()); err != nil || c.Stage != StageSecret || len(strays) != 1 {
		t.Fatalf("%s, %v", c.Stage, err)
	}
	r.stays("", strays)
	if r.inCanvas("maya") != 1 {
		t.Error("the token went with it")
	}
}

// And so are strays with the end of the token.
func TestStraysGoWithTheEnd(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	c, _ := r.collected()
	strays := map[string]canvastest.Token{"stray": r.seeded("maya", *c.Grant, 1)}
	_, err := r.Revoke(t.Context(), r.as("maya", access.DoorCourse), c.Grant.ID, "")
	r.must(err)
	r.stays("", strays)
}

// What ends in the middle of a collection gives its request back.
func TestWritesOfAnEndInTheMiddle(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	q := r.approved()
	r.cv.Fail(canvastest.Fault{Route: createRoute, Method: http.MethodPost, DropAfter: true})
	c, err := r.Collect(t.Context(), r.as("maya", access.DoorCourse), q.Code())
	if err != nil || c.Stage != StageRecovering {
		t.Fatalf("%s, %v", c.Stage, err)
	}
	r.writes("revoked in the middle", `
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
		_, err := r.Revoke(t.Context(), r.as("maya", access.DoorCourse), c.Grant.ID, "")
		r.must(err)
	})
	if r.inCanvas("maya") != 0 {
		t.Error("what was made is in Canvas")
	}
}

// A Canvas of 2024 lets nobody read tokens: that it has one no more to delete is a
// proof only where it knows the owner.
func TestNoProofWithoutTheOwner(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	r.accept()
	r.w.SetEra(canvastest.Era1b)
	c, _ := r.collected()
	maya := r.as("maya", access.DoorCourse)
	up := r.cv.Fail(canvastest.Fault{Route: "/api/v1/users/:id", Method: http.MethodGet, Status: 404, Body: `{"errors":[{"message":"The specified resource does not exist."}]}`, Times: -1})
	if p, err := r.Revoke(t.Context(), maya, c.Grant.ID, ""); err != nil || p.Grant.State != access.Revoking {
		t.Errorf("without the owner: %s, %v", p.Grant.State, err)
	}
	up()
	r.must(r.run(jobEnd, ""))
	if g := r.grant(c.Grant.ID); g.State != access.Revoked {
		t.Errorf("with the owner: %s", g.State)
	}
}

// An answer that comes when its attempt was given up and another is under way is
// nobody's: what it brings is not taken for the other's token.
func TestAnswerBehindItsLease(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	ctx := t.Context()
	c, _ := r.collected()
	maya, code := r.as("maya", access.DoorCourse), c.Request.Code()
	_, err := r.Replace(ctx, maya, code)
	r.must(err)
	var late atomic.Bool
	under, goOn := make(chan struct{}), make(chan struct{})
	other := make(chan Collection, 1)
	r.AtStep = func(step string) {
		switch {
		case step == "canvas answered" && late.CompareAndSwap(false, true):
			r.clock.Advance(access.MintLease)
			if c, err := r.CheckMint(ctx, maya, code); err != nil || c.Stage != StageReplacing {
				t.Errorf("its lease is over: %s, %v", c.Stage, err)
			}
			go func() {
				c, err := r.Collect(ctx, maya, code)
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
	if c, err := r.Collect(ctx, maya, code); err != nil || c.Stage != StageCreating || !c.Value.IsZero() {
		t.Errorf("the late answer: %s, %v", c.Stage, err)
	}
	if g := r.grant(c.Grant.ID); g.State != access.Minting || g.Attempt != 3 || g.CanvasID != "" {
		t.Errorf("%s, attempt %d, token %q", g.State, g.Attempt, g.CanvasID)
	}
	close(goOn)
	if c := <-other; c.Stage != StageSecret || r.inCanvas("maya") != 1 {
		t.Errorf("the other press: %s (%s), %d tokens", c.Stage, c.Trouble, r.inCanvas("maya"))
	}
	r.proven()
}

// Where the call never went out, nothing was made, and there is nothing to check.
func TestCanvasIsNotThere(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	q := r.approved()
	nowhere := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}}
	line := func(req *http.Request, send func(*http.Request) (*http.Response, error)) (*http.Response, error) {
		if req.Method == http.MethodPost {
			return nowhere.RoundTrip(req)
		}
		return send(req)
	}
	r.line.Store(&line)
	if c, err := r.Collect(t.Context(), r.as("maya", access.DoorCourse), q.Code()); err != nil || c.Stage != StageReady || c.Trouble != troubleDown {
		t.Errorf("%s (%s), %v", c.Stage, c.Trouble, err)
	}
	r.proven()
}

// A lost token that Canvas does not find and lists all the same, under another name
// too, has no successor yet.
func TestNoSuccessorOnA404(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	c, _ := r.collected()
	r.changed(*c.Grant, func(tok *canvastest.Token) { tok.Purpose = "renamed" })
	r.cv.Fail(canvastest.Fault{Route: oneTokenRoute, Status: 404, Body: `{"errors":[{"message":"The specified resource does not exist."}]}`, Times: -1})
	maya := r.as("maya", access.DoorCourse)
	_, err := r.Replace(t.Context(), maya, c.Request.Code())
	r.must(err)
	if next, err := r.Collect(t.Context(), maya, c.Request.Code()); access.WhyOf(err) != access.WhyCanvas || r.inCanvas("maya") != 1 {
		t.Errorf("%s, %v, %d tokens", next.Stage, err, r.inCanvas("maya"))
	}
	if err := r.run(jobClear, ""); again(err) != time.Minute {
		t.Errorf("its job says %v", err)
	}
}
