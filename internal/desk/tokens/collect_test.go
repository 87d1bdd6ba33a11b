package tokens_test

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/desk/tokens"
	"github.com/tokendesk/tokendesk/internal/secret"
	"github.com/tokendesk/tokendesk/internal/text"
)

func TestTheMainJob(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		ctx := r.T.Context()
		c, value := r.Collected()
		if value == "" || strings.HasSuffix(value, "...") {
			r.T.Fatalf("the value is %q", value)
		}
		if r.W.Authenticates(value) {
			r.T.Error("the token works before its owner activated it")
		}
		if g := r.Grant(c.Grant.ID); g.State != access.HandedOver || g.CanvasID == "" || g.Expires.IsZero() || g.Expires.After(c.Request.End) {
			r.T.Errorf("grant %+v", g)
		}
		if q := r.Request(c.Request.ID); q.State != access.Fulfilled {
			r.T.Errorf("request %s", q.State)
		}
		r.Activate("maya", c.Grant.CanvasID)
		r.Clock.Advance(tokens.PollEvery)
		page, err := r.Tokens.CollectPage(ctx, r.As("maya", access.DoorCourse), c.Request.Code())
		if err != nil || page.Stage != tokens.StageActive || !page.Value.IsZero() {
			r.T.Fatalf("after activation: %s, %v", page.Stage, err)
		}
		if !r.W.Authenticates(value) {
			r.T.Error("the token does not work after its activation")
		}
		if _, err := r.Tokens.Revoke(ctx, r.As("maya", access.DoorCourse), c.Grant.ID, ""); err != nil {
			r.T.Fatal(err)
		}
		if g := r.Grant(c.Grant.ID); g.State != access.Revoked || g.EndedAt.IsZero() {
			r.T.Errorf("after revoking: %+v", g)
		}
		if r.W.Authenticates(value) || r.InCanvas("maya") != 0 {
			r.T.Error("the token is still in Canvas")
		}
		r.Tick(time.Hour)
		r.Proven()
		r.Searched(value)
	})
}

// Pressing again, reloading and going back never show the value a second time.
func TestShownOnce(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		c, value := r.Collected()
		caller := r.As("maya", access.DoorCourse)
		for range 2 {
			again, err := r.Tokens.Collect(r.T.Context(), caller, c.Request.Code())
			if err != nil || again.Stage != tokens.StageShown || !again.Again || !again.Value.IsZero() {
				r.T.Fatalf("a second press: %s, %v", again.Stage, err)
			}
		}
		if n := r.InCanvas("maya"); n != 1 {
			r.T.Errorf("%d tokens in Canvas, want 1", n)
		}
		r.Drain()
		r.Proven()
		r.Searched(value)
	})
}

func TestReplaceOnce(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		ctx := r.T.Context()
		c, lost := r.Collected()
		r.Activate("maya", c.Grant.CanvasID)
		caller := r.As("maya", access.DoorCourse)
		rep, err := r.Tokens.Replace(ctx, caller, c.Request.Code())
		if err != nil || rep.Stage != tokens.StageReplacing {
			r.T.Fatalf("replace: %s, %v", rep.Stage, err)
		}
		if r.W.Authenticates(lost) || r.InCanvas("maya") != 0 {
			r.T.Error("the lost token is still in Canvas")
		}
		next, err := r.Tokens.Collect(ctx, caller, c.Request.Code())
		if err != nil || next.Stage != tokens.StageSecret {
			r.T.Fatalf("the successor: %s (%s), %v", next.Stage, next.Trouble, err)
		}
		if next.Grant.ID != c.Grant.ID || next.Grant.Attempt != 2 || next.Value.Reveal() == lost {
			r.T.Errorf("the successor is %+v", next.Grant)
		}
		if _, err := r.Tokens.Replace(ctx, caller, c.Request.Code()); access.WhyOf(err) != access.WhyReplaceUsed {
			r.T.Errorf("a second replacement: %v", err)
		}
		r.Tick(15 * time.Minute)
		if n := r.InCanvas("maya"); n != 1 {
			r.T.Errorf("%d tokens in Canvas, want 1", n)
		}
		r.Proven()
		r.Searched(lost)
		r.Searched(next.Value.Reveal())
	})
}

func TestReplaceIsForOneDay(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	c, _ := r.Collected()
	r.Clock.Advance(desktest.BuiltIn.Windows.Replacement + time.Second)
	if _, err := r.Tokens.Replace(t.Context(), r.As("maya", access.DoorCourse), c.Request.Code()); access.WhyOf(err) != access.WhyReplaceLate {
		t.Errorf("after a day: %v", err)
	}
}

// A lost token is not followed by its successor before Canvas has proven it gone.
func TestNoSuccessorBesideALostToken(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	c, _ := r.Collected()
	r.Activate("maya", c.Grant.CanvasID)
	caller := r.As("maya", access.DoorCourse)
	withdraw := r.Cv.Fail(canvastest.Fault{Route: desktest.CreateRoute + "/:id", Method: http.MethodDelete, Status: 500, Times: -1})
	if _, err := r.Tokens.Replace(t.Context(), caller, c.Request.Code()); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Tokens.Collect(t.Context(), caller, c.Request.Code()); access.WhyOf(err) != access.WhyCanvas {
		t.Errorf("a successor while the lost token may work: %v", err)
	}
	if n := r.InCanvas("maya"); n != 1 {
		t.Fatalf("%d tokens in Canvas", n)
	}
	withdraw()
	next, err := r.Tokens.Collect(t.Context(), caller, c.Request.Code())
	if err != nil || next.Stage != tokens.StageSecret || r.InCanvas("maya") != 1 {
		t.Errorf("afterwards: %s, %v, %d tokens", next.Stage, err, r.InCanvas("maya"))
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
			r := desktest.NewRig(t, desktest.Sqlite(t))
			req := r.Approved()
			f.Route, f.Method = desktest.CreateRoute, http.MethodPost
			if name == veryLate {
				late(r)
			} else {
				r.Cv.Fail(f)
			}
			caller := r.As("maya", access.DoorCourse)
			c, err := r.Tokens.Collect(t.Context(), caller, req.Code())
			if err != nil || c.Stage == tokens.StageSecret || !c.Value.IsZero() {
				t.Fatalf("the failed try: %s, %v", c.Stage, err)
			}
			if c.Trouble == "" {
				t.Error("the page says nothing of what happened")
			}
			if n := r.InCanvas("maya"); n > 1 {
				t.Fatalf("%d tokens in Canvas after one try", n)
			}
			// The next press finishes.
			c, err = r.Tokens.Collect(t.Context(), caller, req.Code())
			if err != nil || c.Stage != tokens.StageSecret {
				t.Fatalf("the next press: %s (%s), %v", c.Stage, c.Trouble, err)
			}
			r.Tick(15 * time.Minute)
			if n := r.InCanvas("maya"); n != 1 {
				t.Errorf("%d tokens in Canvas, want 1", n)
			}
			r.Proven()
			r.Searched(c.Value.Reveal())
		})
	}
}

// late lets the next token be made and its answer not come in time.
func late(r *desktest.Rig) {
	var once sync.Once
	line := func(req *http.Request, send func(*http.Request) (*http.Response, error)) (resp *http.Response, err error) {
		isLate := false
		if req.Method == http.MethodPost && desktest.CanvasPath(req) == "tokens" {
			once.Do(func() { isLate = true })
		}
		if resp, err = send(req); err != nil || !isLate {
			return resp, err
		}
		_ = resp.Body.Close()
		return nil, desktest.TimedOut
	}
	r.Line.Store(&line)
}

// A Canvas without a list of tokens (E1) gets no token made, unless the school
// accepted that a lost answer may leave one behind.
func TestNoTokenIsMadeWhereCanvasHasNoList(t *testing.T) {
	t.Parallel()
	for _, accepted := range []bool{false, true} {
		r := desktest.NewRig(t, desktest.Sqlite(t))
		req := r.Approved()
		r.W.SetEra(canvastest.Era1b)
		if accepted {
			r.Accept()
		}
		c, err := r.Tokens.Collect(t.Context(), r.As("maya", access.DoorCourse), req.Code())
		if err != nil {
			t.Fatal(err)
		}
		if made := r.InCanvas("maya"); accepted != (made == 1) || accepted != (c.Stage == tokens.StageSecret) || !accepted && c.Trouble != tokens.TroubleNoListing {
			t.Errorf("accepted %v: %d tokens, %s (%s)", accepted, made, c.Stage, c.Trouble)
		}
	}
}

// A process that dies at any step of Collect leaves nothing usable, and after
// its restart the jobs clear up and the person can finish.
func TestCollectSurvivesDeath(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"intent committed", "listed before", "canvas answered", "hand-over committed"} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			desktest.Each(t, func(r *desktest.Rig) {
				req := r.Approved()
				caller := r.As("maya", access.DoorCourse)
				died := r.Die(step, func() { _, _ = r.Tokens.Collect(r.T.Context(), caller, req.Code()) })
				if !died {
					r.T.Fatalf("Collect never came to %q", step)
				}
				if n := r.Usable("maya"); n != 0 {
					r.T.Fatalf("%d usable tokens", n)
				}
				r.Tick(access.MintLease + 5*time.Second)
				r.Tick(15 * time.Minute)
				caller = r.As("maya", access.DoorCourse)
				page, err := r.Tokens.CollectPage(r.T.Context(), caller, req.Code())
				if err != nil {
					r.T.Fatal(err)
				}
				if step == "hand-over committed" {
					// The value went into the answer that never arrived: already shown.
					if page.Stage != tokens.StageShown || !page.CanReplace {
						r.T.Fatalf("after the restart: %s", page.Stage)
					}
					if _, err := r.Tokens.Replace(r.T.Context(), caller, req.Code()); err != nil {
						r.T.Fatal(err)
					}
				} else {
					if page.Stage != tokens.StageReady {
						r.T.Fatalf("after the restart: %s", page.Stage)
					}
					if n := r.InCanvas("maya"); n != 0 {
						r.T.Errorf("%d strays in Canvas", n)
					}
				}
				c, err := r.Tokens.Collect(r.T.Context(), caller, req.Code())
				if err != nil || c.Stage != tokens.StageSecret {
					r.T.Fatalf("the person cannot finish: %s (%s), %v", c.Stage, c.Trouble, err)
				}
				r.Tick(15 * time.Minute)
				if n := r.InCanvas("maya"); n != 1 {
					r.T.Errorf("%d tokens in Canvas, want 1", n)
				}
				r.Proven()
			})
		})
	}
}

// Many presses at once, on two replicas, make one token.
func TestPressesAtOnce(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		req := r.Approved()
		caller := r.As("maya", access.DoorCourse)
		cat, err := text.New()
		if err != nil {
			r.T.Fatal(err)
		}
		other := r.Replica(r.Desk.Store, cat)
		var wg sync.WaitGroup
		shown := make(chan string, 16)
		for i := range 8 {
			s := r.Program
			if i%2 == 1 {
				s = other
			}
			wg.Go(func() {
				c, err := s.Tokens.Collect(r.T.Context(), caller, req.Code())
				if err != nil && access.WhyOf(err) != access.WhyBusy { // more at once than one person may ask
					r.T.Errorf("a press: %v", err)
				}
				if c.Stage == tokens.StageSecret {
					shown <- c.Value.Reveal()
				}
			})
		}
		wg.Wait()
		if n := len(shown); n != 1 {
			r.T.Errorf("the value was shown %d times", n)
		}
		if n := r.InCanvas("maya"); n != 1 {
			r.T.Errorf("%d tokens in Canvas, want 1", n)
		}
		r.Proven()
	})
}

func TestCollectRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		before func(r *desktest.Rig, req access.Request)
		who    func(r *desktest.Rig) access.Caller
		why    access.Why
		err    error
		state  access.RequestState // afterwards
	}{
		"another student":         {who: func(r *desktest.Rig) access.Caller { return r.As("luca", access.DoorCourse) }, err: access.ErrNotFound, state: access.Approved},
		"the sponsor":             {who: func(r *desktest.Rig) access.Caller { return r.As("ana", access.DoorCourse) }, err: access.ErrNotFound, state: access.Approved},
		"the admin who approved":  {who: func(r *desktest.Rig) access.Caller { return r.As("dana", access.DoorAccount) }, err: access.ErrNotFound, state: access.Approved},
		"somebody acting as Maya": {who: func(r *desktest.Rig) access.Caller { return r.As("maya", access.DoorCourse, desktest.ActingBy("123")) }, why: access.WhyActing, state: access.Approved},
		"a launch too old": {who: func(r *desktest.Rig) access.Caller {
			s := r.As("maya", access.DoorCourse)
			r.Clock.Advance(access.Freshness + time.Second)
			return s
		}, why: access.WhyStale, state: access.Approved},
		"the sponsor left": {before: func(r *desktest.Rig, _ access.Request) {
			r.W.SetEnrollmentState("ana", "bio201", canvastest.StateCompleted)
		}, why: access.WhySponsorChanged, state: access.AwaitingSponsor},
		"the student left": {before: func(r *desktest.Rig, _ access.Request) {
			r.W.SetEnrollmentState("maya", "bio201", canvastest.StateCompleted)
		}, why: access.WhySponsorChanged, state: access.AwaitingSponsor},
		"the student became admin": {before: func(r *desktest.Rig, _ access.Request) { r.W.AddAdmin("maya", "sciences", "account-admin") }, why: access.WhySponsorChanged, state: access.InReview},
		"Canvas does not answer": {before: func(r *desktest.Rig, _ access.Request) {
			r.Cv.Fail(canvastest.Fault{Route: "/api/v1/users/:user_id/enrollments", Status: 503, Times: -1})
		}, why: access.WhyCanvas, state: access.Approved},
		"the list is denied": {before: func(r *desktest.Rig, _ access.Request) {
			r.W.SetPermission("account-admin", canvastest.PermViewTokens, false)
		}, state: access.Approved},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := desktest.NewRig(t, desktest.Sqlite(t))
			req := r.Approved()
			if tt.before != nil {
				tt.before(r, req)
			}
			caller := r.As("maya", access.DoorCourse)
			if tt.who != nil {
				caller = tt.who(r)
			}
			c, err := r.Tokens.Collect(t.Context(), caller, req.Code())
			if tt.err != nil && !errors.Is(err, tt.err) || access.WhyOf(err) != tt.why {
				t.Errorf("%s, %v; want %v %s", c.Stage, err, tt.err, tt.why)
			}
			if c.Stage == tokens.StageSecret || r.InCanvas("maya") != 0 {
				t.Error("a token was made")
			}
			if got := r.Request(req.ID).State; got != tt.state {
				t.Errorf("the request is %s, want %s", got, tt.state)
			}
			r.Proven()
		})
	}
}

// A Canvas that makes the token for another person than asked: its owner's list
// would never show it. It is deleted there, and nobody sees its value.
func TestTokenForAnotherPerson(t *testing.T) {
	t.Parallel()
	tests := map[string]func(r *desktest.Rig){
		"and deletes it when asked": func(*desktest.Rig) {},
		"and does not delete it at once": func(r *desktest.Rig) {
			r.Cv.Fail(canvastest.Fault{Route: desktest.CreateRoute + "/:id", Method: http.MethodDelete, Status: 500, Times: 2})
		},
		"and the process dies": nil,
	}
	for name, and := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := desktest.NewRig(t, desktest.Sqlite(t))
			req := r.Approved()
			caller := r.As("maya", access.DoorCourse)
			foreign, _ := r.W.SeedToken("luca", canvastest.TokenSpec{Purpose: "his own"})
			line := func(req *http.Request, send func(*http.Request) (*http.Response, error)) (*http.Response, error) {
				return send(r.ToAnother(req))
			}
			r.Line.Store(&line)
			press := func() {
				c, err := r.Tokens.Collect(t.Context(), caller, req.Code())
				if err != nil || c.Stage == tokens.StageSecret || !c.Value.IsZero() {
					t.Errorf("%s, %v", c.Stage, err)
				}
			}
			if and != nil {
				and(r)
				press()
			} else if !r.Die("misplaced", press) {
				t.Fatal("it did not come to that")
			}
			r.Line.Store(nil)
			for range 5 {
				r.Tick(time.Minute)
			}
			for _, tok := range r.W.Tokens("luca") {
				if ours := tok.ID != foreign.ID; ours != (tok.State == canvastest.StateDeleted) {
					t.Errorf("of Luca's tokens %q is %s", tok.Purpose, tok.State)
				}
			}
			if len(r.W.Tokens("luca")) != 2 || !strings.Contains(r.Logs.String(), "another person than asked") {
				t.Error("no alarm")
			}
			c, err := r.Tokens.Collect(t.Context(), r.As("maya", access.DoorCourse), req.Code())
			if err != nil || c.Stage != tokens.StageSecret || r.InCanvas("maya") != 1 {
				t.Errorf("the owner cannot finish: %s (%s), %v", c.Stage, c.Trouble, err)
			}
			r.Proven()
		})
	}
}

// Of a token's value the tool keeps a keyed hash, for leak intake, and nothing
// else (docs/decisions.md 17).
func TestAKeyedHashIsKept(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	c, value := r.Collected()
	g := r.Grant(c.Grant.ID)
	if !bytes.Equal(g.Digest, r.Box.MAC(tokens.LeakPurpose, []byte(value))) || len(g.Digest) == 0 {
		t.Error("the hash is not that of the value")
	}
	if bytes.Equal(g.Digest, secret.NewBox([32]byte{8}).MAC(tokens.LeakPurpose, []byte(value))) || bytes.Equal(g.Digest, r.Box.MAC("something else", []byte(value))) {
		t.Error("the hash does not depend on the key and what it is for")
	}
	if g.Hint != value[:5] {
		t.Errorf("the hint is %q", g.Hint)
	}
	r.Searched(value)
}
