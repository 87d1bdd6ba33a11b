package workflow

import (
	"errors"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
)

func TestWhoMayRevoke(t *testing.T) {
	t.Parallel()
	old := func(r *rig, key string, d access.Door) access.Caller {
		s := r.as(key, d)
		s.LaunchedAt = s.LaunchedAt.Add(-7 * time.Hour) // an old launch may still remove
		return s
	}
	tests := map[string]struct {
		who    func(r *rig) access.Caller
		reason string
		before func(r *rig)
		cause  access.Cause
		why    access.Why
		err    error
	}{
		"the owner, without a reason": {who: func(r *rig) access.Caller { return old(r, "maya", access.DoorCourse) }, cause: access.ByOwner},
		"the sponsor":                 {who: func(r *rig) access.Caller { return old(r, "ana", access.DoorCourse) }, reason: "misuse", cause: access.BySponsor},
		"a reviewer":                  {who: func(r *rig) access.Caller { return old(r, "dana", access.DoorAccount) }, reason: "misuse", cause: access.ByReviewer},
		"a reviewer whom Canvas cannot confirm": {who: func(r *rig) access.Caller { return old(r, "dana", access.DoorAccount) }, reason: "breach",
			before: func(r *rig) {
				r.cv.Fail(canvastest.Fault{Route: "/api/v1/accounts/:account_id/admins", Status: 503, Times: -1})
			}, cause: access.ByReviewer},
		"the sponsor without a reason": {who: func(r *rig) access.Caller { return r.as("ana", access.DoorCourse) }, err: access.ErrInvalid},
		"a reviewer without a reason":  {who: func(r *rig) access.Caller { return r.as("dana", access.DoorAccount) }, err: access.ErrInvalid},
		"another student":              {who: func(r *rig) access.Caller { return r.as("luca", access.DoorCourse) }, reason: "x", err: access.ErrNotFound},
		"a TA":                         {who: func(r *rig) access.Caller { return r.as("tom", access.DoorCourse) }, reason: "x", err: access.ErrNotFound},
		"an admin from a course":       {who: func(r *rig) access.Caller { return r.as("dana", access.DoorCourse) }, reason: "x", err: access.ErrNotFound},
		"a demoted admin": {who: func(r *rig) access.Caller {
			s := r.as("priya", access.DoorAccount)
			r.w.RemoveAdmin("priya", "root")
			return s
		}, reason: "x", err: access.ErrNotFound},
		"somebody acting as the owner": {who: func(r *rig) access.Caller { return r.as("maya", access.DoorCourse, actingBy("9")) }, why: access.WhyActing, err: access.ErrNotAllowed},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sqlite(t))
			c, value := r.collected()
			r.activate("maya", c.Grant.CanvasID)
			caller := tt.who(r)
			if tt.before != nil {
				tt.before(r)
			}
			_, err := r.Revoke(t.Context(), caller, c.Grant.ID, tt.reason)
			g := r.grant(c.Grant.ID)
			if tt.err != nil {
				if !errors.Is(err, tt.err) || access.WhyOf(err) != tt.why || !r.w.Authenticates(value) {
					t.Errorf("%v; the token works: %v", err, r.w.Authenticates(value))
				}
				return
			}
			if err != nil || g.State != access.Revoked || g.Cause != tt.cause || r.w.Authenticates(value) {
				t.Errorf("%v; %s by %s; the token works: %v", err, g.State, g.Cause, r.w.Authenticates(value))
			}
			r.proven()
		})
	}
}

// "Revoked" is said only after Canvas was read back (docs/decisions.md 13): one test
// per way in which it cannot be.
func TestMayStillWork(t *testing.T) {
	t.Parallel()

	notFoundBody := `{"errors":[{"message":"The specified resource does not exist."}]}`
	tests := map[string]func(r *rig) (withdraw func()){
		"the deletion fails": func(r *rig) func() {
			return r.cv.Fail(canvastest.Fault{Route: oneTokenRoute, Method: http.MethodDelete, Status: 500, Times: -1})
		},
		"the deletion is throttled": func(r *rig) func() {
			return r.cv.Fail(canvastest.Fault{Route: oneTokenRoute, Method: http.MethodDelete, Throttle: true, Times: -1})
		},
		"the deletion is denied": func(r *rig) func() {
			return r.cv.Fail(canvastest.Fault{Route: oneTokenRoute, Method: http.MethodDelete, Status: 403, Body: `{"status":"unauthorized","errors":[{"message":"user not authorized to perform that action"}]}`, Times: -1})
		},
		"the deletion times out before the work": func(r *rig) func() {
			line := func(req *http.Request, send func(*http.Request) (*http.Response, error)) (*http.Response, error) {
				if req.Method == http.MethodDelete {
					return nil, &net.OpError{Op: "read", Net: "tcp", Err: os.ErrDeadlineExceeded}
				}
				return send(req)
			}
			r.line.Store(&line)
			return func() { r.line.Store(nil) }
		},
		"it is deleted, but cannot be read back for its rate": func(r *rig) func() {
			return r.cv.Fail(canvastest.Fault{Route: oneTokenRoute, Method: http.MethodGet, Throttle: true, Times: -1})
		},
		"a 404 for a token that is still there": func(r *rig) func() {
			return r.cv.Fail(canvastest.Fault{Route: oneTokenRoute, Status: 404, Body: notFoundBody, Times: -1})
		},
		"the token cannot be read back": func(r *rig) func() {
			a := r.cv.Fail(canvastest.Fault{Route: oneTokenRoute, Method: http.MethodGet, Status: 500, Times: -1})
			return a
		},
	}
	for name, fail := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sqlite(t))
			c, value := r.collected()
			r.activate("maya", c.Grant.CanvasID)
			withdraw := fail(r)
			if _, err := r.Revoke(t.Context(), r.as("maya", access.DoorCourse), c.Grant.ID, ""); err != nil {
				t.Fatal(err)
			}
			g := r.grant(c.Grant.ID)
			if g.State != access.Revoking || g.Trouble == "" || g.Tries == 0 {
				t.Fatalf("%+v", g)
			}
			r.tick(2 * time.Minute)
			if g := r.grant(c.Grant.ID); g.State != access.Revoking {
				t.Fatalf("said %s while Canvas gives no proof", g.State)
			}
			r.tick(access.StuckAfter)
			if g := r.grant(c.Grant.ID); !g.Stuck(r.clock.Now()) {
				t.Error("an hour later it is not called still usable")
			}
			withdraw()
			r.tick(6 * time.Minute)
			if g := r.grant(c.Grant.ID); g.State != access.Revoked || r.w.Authenticates(value) {
				t.Errorf("with Canvas well again: %s, works: %v", g.State, r.w.Authenticates(value))
			}
			r.proven()
		})
	}
}

func TestTimeEndsTokens(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		never, _ := r.collected()
		used, value := r.collected()
		r.activate("maya", used.Grant.CanvasID)
		r.tick(2 * time.Minute)
		if g := r.grant(used.Grant.ID); g.State != access.Active {
			r.t.Fatalf("activated in Canvas, here %s", g.State)
		}
		r.tick(builtIn.Windows.Activation)
		r.tick(time.Minute)
		if g := r.grant(never.Grant.ID); g.State != access.Unclaimed {
			r.t.Errorf("never activated: %s", g.State)
		}
		if !r.w.Authenticates(value) {
			r.t.Error("the active token ended too")
		}
		r.clock.Advance(used.Grant.Expires.Sub(r.clock.Now()))
		r.tick(time.Minute)
		r.tick(10 * time.Minute)
		if g := r.grant(used.Grant.ID); g.State != access.Expired || r.inCanvas("maya") != 0 {
			r.t.Errorf("after its end: %s, %d tokens in Canvas", g.State, r.inCanvas("maya"))
		}
		r.proven()
	})
}

// A token deleted by somebody in Canvas is told from one revoked here.
func TestDeletedInCanvas(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	c, _ := r.collected()
	for _, tok := range r.w.Tokens("maya") {
		r.w.DeleteTokenBehind(tok.ID)
	}
	r.tick(2 * time.Minute)
	if g := r.grant(c.Grant.ID); g.State != access.Revoked || g.Cause != access.ByCanvas {
		t.Errorf("%s by %s", g.State, g.Cause)
	}
}
