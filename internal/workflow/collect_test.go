package workflow

import (
	"bytes"
	"errors"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/secret"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/text"
)

func TestTheMainJob(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		ctx := r.t.Context()
		c, value := r.collected()
		if value == "" || strings.HasSuffix(value, "...") {
			r.t.Fatalf("the value is %q", value)
		}
		if r.w.Authenticates(value) {
			r.t.Error("the token works before its owner activated it")
		}
		if g := r.grant(c.Grant.ID); g.State != access.HandedOver || g.CanvasID == "" || g.Expires.IsZero() || g.Expires.After(c.Request.End) {
			r.t.Errorf("grant %+v", g)
		}
		if q := r.request(c.Request.ID); q.State != access.Fulfilled {
			r.t.Errorf("request %s", q.State)
		}
		r.activate("maya", c.Grant.CanvasID)
		r.clock.Advance(pollEvery)
		page, err := r.CollectPage(ctx, r.as("maya", access.DoorCourse), c.Request.Code())
		if err != nil || page.Stage != StageActive || !page.Value.IsZero() {
			r.t.Fatalf("after activation: %s, %v", page.Stage, err)
		}
		if !r.w.Authenticates(value) {
			r.t.Error("the token does not work after its activation")
		}
		if _, err := r.Revoke(ctx, r.as("maya", access.DoorCourse), c.Grant.ID, ""); err != nil {
			r.t.Fatal(err)
		}
		if g := r.grant(c.Grant.ID); g.State != access.Revoked || g.EndedAt.IsZero() {
			r.t.Errorf("after revoking: %+v", g)
		}
		if r.w.Authenticates(value) || r.inCanvas("maya") != 0 {
			r.t.Error("the token is still in Canvas")
		}
		r.tick(time.Hour)
		r.proven()
		r.searched(value)
	})
}

// Pressing again, reloading and going back never show the value a second time.
func TestShownOnce(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		c, value := r.collected()
		caller := r.as("maya", access.DoorCourse)
		for range 2 {
			again, err := r.Collect(r.t.Context(), caller, c.Request.Code())
			if err != nil || again.Stage != StageShown || !again.Again || !again.Value.IsZero() {
				r.t.Fatalf("a second press: %s, %v", again.Stage, err)
			}
		}
		if n := r.inCanvas("maya"); n != 1 {
			r.t.Errorf("%d tokens in Canvas, want 1", n)
		}
		r.drain()
		r.proven()
		r.searched(value)
	})
}

func TestReplaceOnce(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		ctx := r.t.Context()
		c, lost := r.collected()
		r.activate("maya", c.Grant.CanvasID)
		caller := r.as("maya", access.DoorCourse)
		rep, err := r.Replace(ctx, caller, c.Request.Code())
		if err != nil || rep.Stage != StageReplacing {
			r.t.Fatalf("replace: %s, %v", rep.Stage, err)
		}
		if r.w.Authenticates(lost) || r.inCanvas("maya") != 0 {
			r.t.Error("the lost token is still in Canvas")
		}
		next, err := r.Collect(ctx, caller, c.Request.Code())
		if err != nil || next.Stage != StageSecret {
			r.t.Fatalf("the successor: %s (%s), %v", next.Stage, next.Trouble, err)
		}
		if next.Grant.ID != c.Grant.ID || next.Grant.Attempt != 2 || next.Value.Reveal() == lost {
			r.t.Errorf("the successor is %+v", next.Grant)
		}
		if _, err := r.Replace(ctx, caller, c.Request.Code()); access.WhyOf(err) != access.WhyReplaceUsed {
			r.t.Errorf("a second replacement: %v", err)
		}
		r.tick(15 * time.Minute)
		if n := r.inCanvas("maya"); n != 1 {
			r.t.Errorf("%d tokens in Canvas, want 1", n)
		}
		r.proven()
		r.searched(lost)
		r.searched(next.Value.Reveal())
	})
}

func TestReplaceIsForOneDay(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	c, _ := r.collected()
	r.clock.Advance(builtIn.Windows.Replacement + time.Second)
	if _, err := r.Replace(t.Context(), r.as("maya", access.DoorCourse), c.Request.Code()); access.WhyOf(err) != access.WhyReplaceLate {
		t.Errorf("after a day: %v", err)
	}
}

// A lost token is not followed by its successor before Canvas has proven it gone.
func TestNoSuccessorBesideALostToken(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	c, _ := r.collected()
	r.activate("maya", c.Grant.CanvasID)
	caller := r.as("maya", access.DoorCourse)
	withdraw := r.cv.Fail(canvastest.Fault{Route: createRoute + "/:id", Method: http.MethodDelete, Status: 500, Times: -1})
	if _, err := r.Replace(t.Context(), caller, c.Request.Code()); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Collect(t.Context(), caller, c.Request.Code()); access.WhyOf(err) != access.WhyCanvas {
		t.Errorf("a successor while the lost token may work: %v", err)
	}
	if n := r.inCanvas("maya"); n != 1 {
		t.Fatalf("%d tokens in Canvas", n)
	}
	withdraw()
	next, err := r.Collect(t.Context(), caller, c.Request.Code())
	if err != nil || next.Stage != StageSecret || r.inCanvas("maya") != 1 {
		t.Errorf("afterwards: %s, %v, %d tokens", next.Stage, err, r.inCanvas("maya"))
	}
}

// Whatever Canvas does to the create call: at most one usable token, strays
// gone within 15 minutes, and the owner can finish.
func TestCollectSurvivesCanvas(t *testing.T) {
	t.Parallel()
	const veryLate = "does the work and is very late"
	faults := map[string]canvastest.Fault{
		"does the work, then cuts the line":   {DropAfter: true},
		"cuts the line before the work":       {DropBefore: true},
		"does the work, then cuts the answer": {CutBody: true},
		"answers 500 without the work":        {Status: 500, Body: `{"errors":[{"message":"An error occurred."}]}`},
		"answers 502 with a page":             {Status: 502, Body: "<html>bad gateway</html>", ContentType: "text/html"},
		"answers 200 with a login page":       {Status: 200, Body: "<html>log in</html>", ContentType: "text/html"},
		"answers 200 with nothing":            {Status: 200, Body: "{}"},
		"is throttled":                        {Throttle: true},
		"refuses":                             {Status: 403, Body: `{"status":"unauthorized","errors":[{"message":"user not authorized to perform that action"}]}`},
		"refuses the purpose":                 {Status: 400, Body: `[{"message":"token[purpose] is missing"}]`},
		"does not know the user":              {Status: 404, Body: `{"errors":[{"message":"The specified resource does not exist."}]}`},
		veryLate:                              {},
	}
	for name, f := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sqlite(t))
			req := r.approved()
			f.Route, f.Method = createRoute, http.MethodPost
			if name == veryLate {
				r.late()
			} else {
				r.cv.Fail(f)
			}
			caller := r.as("maya", access.DoorCourse)
			c, err := r.Collect(t.Context(), caller, req.Code())
			if err != nil || c.Stage == StageSecret || !c.Value.IsZero() {
				t.Fatalf("the failed try: %s, %v", c.Stage, err)
			}
			if c.Trouble == "" {
				t.Error("the page says nothing of what happened")
			}
			if n := r.inCanvas("maya"); n > 1 {
				t.Fatalf("%d tokens in Canvas after one try", n)
			}
			// The next press finishes.
			c, err = r.Collect(t.Context(), caller, req.Code())
			if err != nil || c.Stage != StageSecret {
				t.Fatalf("the next press: %s (%s), %v", c.Stage, c.Trouble, err)
			}
			r.tick(15 * time.Minute)
			if n := r.inCanvas("maya"); n != 1 {
				t.Errorf("%d tokens in Canvas, want 1", n)
			}
			r.proven()
			r.searched(c.Value.Reveal())
		})
	}
}

// late lets the next token be made and its answer not come in time.
func (r *rig) late() {
	var once sync.Once
	line := func(req *http.Request, send func(*http.Request) (*http.Response, error)) (resp *http.Response, err error) {
		isLate := false
		if req.Method == http.MethodPost && canvasPath(req) == "tokens" {
			once.Do(func() { isLate = true })
		}
		if resp, err = send(req); err != nil || !isLate {
			return resp, err
		}
		_ = resp.Body.Close()
		return nil, timedOut
	}
	r.line.Store(&line)
}

// A Canvas without a list of tokens (E1) gets no token made, unless the school
// accepted that a lost answer may leave one behind.
func TestNoTokenIsMadeWhereCanvasHasNoList(t *testing.T) {
	t.Parallel()
	for _, accepted := range []bool{false, true} {
		r := newRig(t, sqlite(t))
		req := r.approved()
		r.w.SetEra(canvastest.Era1b)
		if accepted {
			r.accept()
		}
		c, err := r.Collect(t.Context(), r.as("maya", access.DoorCourse), req.Code())
		if err != nil {
			t.Fatal(err)
		}
		if made := r.inCanvas("maya"); accepted != (made == 1) || accepted != (c.Stage == StageSecret) || !accepted && c.Trouble != troubleNoListing {
			t.Errorf("accepted %v: %d tokens, %s (%s)", accepted, made, c.Stage, c.Trouble)
		}
	}
}

// accept lets the school accept minting without a list.
func (r *rig) accept() {
	r.t.Helper()
	err := r.Store.InTx(r.t.Context(), func(tx *store.Tx) error {
		t, err := tx.Tenant(r.tenant)
		if err != nil {
			return err
		}
		t.School.AcceptNoListing = true
		t.Version++
		return tx.SaveTenant(t, r.event(r.tenant, "operator:test", audit.PlatformChange, string(r.tenant)), nil)
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// A process that dies at any step of Collect leaves nothing usable, and after
// its restart the jobs clear up and the person can finish.
func TestCollectSurvivesDeath(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"intent committed", "listed before", "canvas answered", "hand-over committed"} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			each(t, func(r *rig) {
				req := r.approved()
				caller := r.as("maya", access.DoorCourse)
				died := r.die(step, func() { _, _ = r.Collect(r.t.Context(), caller, req.Code()) })
				if !died {
					r.t.Fatalf("Collect never came to %q", step)
				}
				if n := r.usable("maya"); n != 0 {
					r.t.Fatalf("%d usable tokens", n)
				}
				r.tick(access.MintLease + 5*time.Second)
				r.tick(15 * time.Minute)
				caller = r.as("maya", access.DoorCourse)
				page, err := r.CollectPage(r.t.Context(), caller, req.Code())
				if err != nil {
					r.t.Fatal(err)
				}
				if step == "hand-over committed" {
					// The value went into the answer that never arrived: already shown.
					if page.Stage != StageShown || !page.CanReplace {
						r.t.Fatalf("after the restart: %s", page.Stage)
					}
					if _, err := r.Replace(r.t.Context(), caller, req.Code()); err != nil {
						r.t.Fatal(err)
					}
				} else {
					if page.Stage != StageReady {
						r.t.Fatalf("after the restart: %s", page.Stage)
					}
					if n := r.inCanvas("maya"); n != 0 {
						r.t.Errorf("%d strays in Canvas", n)
					}
				}
				c, err := r.Collect(r.t.Context(), caller, req.Code())
				if err != nil || c.Stage != StageSecret {
					r.t.Fatalf("the person cannot finish: %s (%s), %v", c.Stage, c.Trouble, err)
				}
				r.tick(15 * time.Minute)
				if n := r.inCanvas("maya"); n != 1 {
					r.t.Errorf("%d tokens in Canvas, want 1", n)
				}
				r.proven()
			})
		})
	}
}

// die runs f until it comes to the named step, where its goroutine ends as a
// killed process would: nothing after the step happens.
func (r *rig) die(step string, f func()) bool {
	died := make(chan bool, 1)
	r.AtStep = func(at string) {
		if at == step {
			died <- true
			<-r.t.Context().Done() // nothing runs behind it, as after kill -9, until the test is over
			runtime.Goexit()
		}
	}
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-died:
		r.AtStep = nil
		return true
	case <-done:
		r.AtStep = nil
		return false
	}
}

// Many presses at once, on two replicas, make one token.
func TestPressesAtOnce(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		req := r.approved()
		caller := r.as("maya", access.DoorCourse)
		cat, err := text.New()
		if err != nil {
			r.t.Fatal(err)
		}
		other := r.service(r.Store, cat)
		var wg sync.WaitGroup
		shown := make(chan string, 16)
		for i := range 8 {
			s := r.Service
			if i%2 == 1 {
				s = other
			}
			wg.Go(func() {
				c, err := s.Collect(r.t.Context(), caller, req.Code())
				if err != nil && access.WhyOf(err) != access.WhyBusy { // more at once than one person may ask
					r.t.Errorf("a press: %v", err)
				}
				if c.Stage == StageSecret {
					shown <- c.Value.Reveal()
				}
			})
		}
		wg.Wait()
		if n := len(shown); n != 1 {
			r.t.Errorf("the value was shown %d times", n)
		}
		if n := r.inCanvas("maya"); n != 1 {
			r.t.Errorf("%d tokens in Canvas, want 1", n)
		}
		r.proven()
	})
}

func TestCollectRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		before func(r *rig, req access.Request)
		who    func(r *rig) access.Caller
		why    access.Why
		err    error
		state  access.RequestState // afterwards
	}{
		"another student":         {who: func(r *rig) access.Caller { return r.as("luca", access.DoorCourse) }, err: access.ErrNotFound, state: access.Approved},
		"the sponsor":             {who: func(r *rig) access.Caller { return r.as("ana", access.DoorCourse) }, err: access.ErrNotFound, state: access.Approved},
		"the admin who approved":  {who: func(r *rig) access.Caller { return r.as("dana", access.DoorAccount) }, err: access.ErrNotFound, state: access.Approved},
		"somebody acting as Maya": {who: func(r *rig) access.Caller { return r.as("maya", access.DoorCourse, actingBy("123")) }, why: access.WhyActing, state: access.Approved},
		"a launch too old": {who: func(r *rig) access.Caller {
			s := r.as("maya", access.DoorCourse)
			r.clock.Advance(access.Freshness + time.Second)
			return s
		}, why: access.WhyStale, state: access.Approved},
		"the sponsor left":         {before: func(r *rig, _ access.Request) { r.w.SetEnrollmentState("ana", "bio201", canvastest.StateCompleted) }, why: access.WhySponsorChanged, state: access.AwaitingSponsor},
		"the student left":         {before: func(r *rig, _ access.Request) { r.w.SetEnrollmentState("maya", "bio201", canvastest.StateCompleted) }, why: access.WhySponsorChanged, state: access.AwaitingSponsor},
		"the student became admin": {before: func(r *rig, _ access.Request) { r.w.AddAdmin("maya", "sciences", "account-admin") }, why: access.WhySponsorChanged, state: access.InReview},
		"Canvas does not answer": {before: func(r *rig, _ access.Request) {
			r.cv.Fail(canvastest.Fault{Route: "/api/v1/users/:user_id/enrollments", Status: 503, Times: -1})
		}, why: access.WhyCanvas, state: access.Approved},
		"the list is denied": {before: func(r *rig, _ access.Request) {
			r.w.SetPermission("account-admin", canvastest.PermViewTokens, false)
		}, state: access.Approved},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sqlite(t))
			req := r.approved()
			if tt.before != nil {
				tt.before(r, req)
			}
			caller := r.as("maya", access.DoorCourse)
			if tt.who != nil {
				caller = tt.who(r)
			}
			c, err := r.Collect(t.Context(), caller, req.Code())
			if tt.err != nil && !errors.Is(err, tt.err) || access.WhyOf(err) != tt.why {
				t.Errorf("%s, %v; want %v %s", c.Stage, err, tt.err, tt.why)
			}
			if c.Stage == StageSecret || r.inCanvas("maya") != 0 {
				t.Error("a token was made")
			}
			if got := r.request(req.ID).State; got != tt.state {
				t.Errorf("the request is %s, want %s", got, tt.state)
			}
			r.proven()
		})
	}
}

// A Canvas that makes the token for another person than asked: its owner's list
// would never show it. It is deleted there, and nobody sees its value.
func TestTokenForAnotherPerson(t *testing.T) {
	t.Parallel()
	tests := map[string]func(r *rig){
		"and deletes it when asked": func(*rig) {},
		"and does not delete it at once": func(r *rig) {
			r.cv.Fail(canvastest.Fault{Route: createRoute + "/:id", Method: http.MethodDelete, Status: 500, Times: 2})
		},
		"and the process dies": nil,
	}
	for name, and := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sqlite(t))
			req := r.approved()
			caller := r.as("maya", access.DoorCourse)
			foreign, _ := r.w.SeedToken("luca", canvastest.TokenSpec{Purpose: "his own"})
			line := func(req *http.Request, send func(*http.Request) (*http.Response, error)) (*http.Response, error) {
				return send(r.toAnother(req))
			}
			r.line.Store(&line)
			press := func() {
				c, err := r.Collect(t.Context(), caller, req.Code())
				if err != nil || c.Stage == StageSecret || !c.Value.IsZero() {
					t.Errorf("%s, %v", c.Stage, err)
				}
			}
			if and != nil {
				and(r)
				press()
			} else if !r.die("misplaced", press) {
				t.Fatal("it did not come to that")
			}
			r.line.Store(nil)
			for range 5 {
				r.tick(time.Minute)
			}
			for _, tok := range r.w.Tokens("luca") {
				if ours := tok.ID != foreign.ID; ours != (tok.State == canvastest.StateDeleted) {
					t.Errorf("of Luca's tokens %q is %s", tok.Purpose, tok.State)
				}
			}
			if len(r.w.Tokens("luca")) != 2 || !strings.Contains(r.logs.String(), "another person than asked") {
				t.Error("no alarm")
			}
			c, err := r.Collect(t.Context(), r.as("maya", access.DoorCourse), req.Code())
			if err != nil || c.Stage != StageSecret || r.inCanvas("maya") != 1 {
				t.Errorf("the owner cannot finish: %s (%s), %v", c.Stage, c.Trouble, err)
			}
			r.proven()
		})
	}
}

// Of a token's value the tool keeps a keyed hash, for leak intake, and nothing
// else (docs/decisions.md 17).
func TestAKeyedHashIsKept(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	c, value := r.collected()
	g := r.grant(c.Grant.ID)
	if !bytes.Equal(g.Digest, r.box.MAC(leakPurpose, []byte(value))) || len(g.Digest) == 0 {
		t.Error("the hash is not that of the value")
	}
	if bytes.Equal(g.Digest, secret.NewBox([32]byte{8}).MAC(leakPurpose, []byte(value))) || bytes.Equal(g.Digest, r.box.MAC("something else", []byte(value))) {
		t.Error("the hash does not depend on the key and what it is for")
	}
	if g.Hint != value[:5] {
		t.Errorf("the hint is %q", g.Hint)
	}
	r.searched(value)
}
