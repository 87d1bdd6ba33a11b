package tokens_test

import (
	"errors"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
)

func TestWhoMayRevoke(t *testing.T) {
	t.Parallel()
	old := func(r *desktest.Rig, key string, d access.Door) access.Caller {
		s := r.As(key, d)
		s.LaunchedAt = s.LaunchedAt.Add(-7 * time.Hour) // an old launch may still remove
		return s
	}
	tests := map[string]struct {
		who    func(r *desktest.Rig) access.Caller
		reason string
		before func(r *desktest.Rig)
		cause  access.Cause
		why    access.Why
		err    error
	}{
		"the owner, without a reason": {who: func(r *desktest.Rig) access.Caller { return old(r, "maya", access.DoorCourse) }, cause: access.ByOwner},
		"the sponsor":                 {who: func(r *desktest.Rig) access.Caller { return old(r, "ana", access.DoorCourse) }, reason: "misuse", cause: access.BySponsor},
		"a reviewer":                  {who: func(r *desktest.Rig) access.Caller { return old(r, "dana", access.DoorAccount) }, reason: "misuse", cause: access.ByReviewer},
		"a reviewer whom Canvas cannot confirm": {who: func(r *desktest.Rig) access.Caller { return old(r, "dana", access.DoorAccount) }, reason: "breach",
			before: func(r *desktest.Rig) {
				r.Cv.Fail(canvastest.Fault{Route: "/api/v1/accounts/:account_id/admins", Status: 503, Times: -1})
			}, cause: access.ByReviewer},
		"the sponsor without a reason": {who: func(r *desktest.Rig) access.Caller { return r.As("ana", access.DoorCourse) }, err: access.ErrInvalid},
		"a reviewer without a reason":  {who: func(r *desktest.Rig) access.Caller { return r.As("dana", access.DoorAccount) }, err: access.ErrInvalid},
		"another student":              {who: func(r *desktest.Rig) access.Caller { return r.As("luca", access.DoorCourse) }, reason: "x", err: access.ErrNotFound},
		"a TA":                         {who: func(r *desktest.Rig) access.Caller { return r.As("tom", access.DoorCourse) }, reason: "x", err: access.ErrNotFound},
		"an admin from a course":       {who: func(r *desktest.Rig) access.Caller { return r.As("dana", access.DoorCourse) }, reason: "x", err: access.ErrNotFound},
		"a demoted admin": {who: func(r *desktest.Rig) access.Caller {
			s := r.As("priya", access.DoorAccount)
			r.W.RemoveAdmin("priya", "root")
			return s
		}, reason: "x", err: access.ErrNotFound},
		"somebody acting as the owner": {who: func(r *desktest.Rig) access.Caller { return r.As("maya", access.DoorCourse, desktest.ActingBy("9")) }, why: access.WhyActing, err: access.ErrNotAllowed},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := desktest.NewRig(t, desktest.Sqlite(t))
			c, value := r.Collected()
			r.Activate("maya", c.Grant.CanvasID)
			caller := tt.who(r)
			if tt.before != nil {
				tt.before(r)
			}
			_, err := r.Tokens.Revoke(t.Context(), caller, c.Grant.ID, tt.reason)
			g := r.Grant(c.Grant.ID)
			if tt.err != nil {
				if !errors.Is(err, tt.err) || access.WhyOf(err) != tt.why || !r.W.Authenticates(value) {
					t.Errorf("%v; the token works: %v", err, r.W.Authenticates(value))
				}
				return
			}
			if err != nil || g.State != access.Revoked || g.Cause != tt.cause || r.W.Authenticates(value) {
				t.Errorf("%v; %s by %s; the token works: %v", err, g.State, g.Cause, r.W.Authenticates(value))
			}
			r.Proven()
		})
	}
}

// "Revoked" is said only after Canvas was read back (docs/decisions.md 13): one test
// per way in which it cannot be.
func TestMayStillWork(t *testing.T) {
	t.Parallel()

	notFoundBody := `{"errors":[{"message":"The specified resource does not exist."}]}`
	tests := map[string]func(r *desktest.Rig) (withdraw func()){
		"the deletion fails": func(r *desktest.Rig) func() {
			return r.Cv.Fail(canvastest.Fault{Route: desktest.OneTokenRoute, Method: http.MethodDelete, Status: 500, Times: -1})
		},
		"the deletion is throttled": func(r *desktest.Rig) func() {
			return r.Cv.Fail(canvastest.Fault{Route: desktest.OneTokenRoute, Method: http.MethodDelete, Throttle: true, Times: -1})
		},
		"the deletion is denied": func(r *desktest.Rig) func() {
			return r.Cv.Fail(canvastest.Fault{Route: desktest.OneTokenRoute, Method: http.MethodDelete, Status: 403, Body: `{"status":"unauthorized","errors":[{"message":"user not authorized to perform that action"}]}`, Times: -1})
		},
		"the deletion times out before the work": func(r *desktest.Rig) func() {
			line := func(req *http.Request, send func(*http.Request) (*http.Response, error)) (*http.Response, error) {
				if req.Method == http.MethodDelete {
					return nil, &net.OpError{Op: "read", Net: "tcp", Err: os.ErrDeadlineExceeded}
				}
				return send(req)
			}
			r.Line.Store(&line)
			return func() { r.Line.Store(nil) }
		},
		"it is deleted, but cannot be read back for its rate": func(r *desktest.Rig) func() {
			return r.Cv.Fail(canvastest.Fault{Route: desktest.OneTokenRoute, Method: http.MethodGet, Throttle: true, Times: -1})
		},
		"a 404 for a token that is still there": func(r *desktest.Rig) func() {
			return r.Cv.Fail(canvastest.Fault{Route: desktest.OneTokenRoute, Status: 404, Body: notFoundBody, Times: -1})
		},
		"the token cannot be read back": func(r *desktest.Rig) func() {
			a := r.Cv.Fail(canvastest.Fault{Route: desktest.OneTokenRoute, Method: http.MethodGet, Status: 500, Times: -1})
			return a
		},
	}
	for name, fail := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := desktest.NewRig(t, desktest.Sqlite(t))
			c, value := r.Collected()
			r.Activate("maya", c.Grant.CanvasID)
			withdraw := fail(r)
			if _, err := r.Tokens.Revoke(t.Context(), r.As("maya", access.DoorCourse), c.Grant.ID, ""); err != nil {
				t.Fatal(err)
			}
			g := r.Grant(c.Grant.ID)
			if g.State != access.Revoking || g.Trouble == "" || g.Tries == 0 {
				t.Fatalf("%+v", g)
			}
			r.Tick(2 * time.Minute)
			if g := r.Grant(c.Grant.ID); g.State != access.Revoking {
				t.Fatalf("said %s while Canvas gives no proof", g.State)
			}
			r.Tick(access.StuckAfter)
			if g := r.Grant(c.Grant.ID); !g.Stuck(r.Clock.Now()) {
				t.Error("an hour later it is not called still usable")
			}
			withdraw()
			r.Tick(6 * time.Minute)
			if g := r.Grant(c.Grant.ID); g.State != access.Revoked || r.W.Authenticates(value) {
				t.Errorf("with Canvas well again: %s, works: %v", g.State, r.W.Authenticates(value))
			}
			r.Proven()
		})
	}
}

func TestTimeEndsTokens(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		never, _ := r.Collected()
		used, value := r.Collected()
		r.Activate("maya", used.Grant.CanvasID)
		r.Tick(2 * time.Minute)
		if g := r.Grant(used.Grant.ID); g.State != access.Active {
			r.T.Fatalf("activated in Canvas, here %s", g.State)
		}
		r.Tick(desktest.BuiltIn.Windows.Activation)
		r.Tick(time.Minute)
		if g := r.Grant(never.Grant.ID); g.State != access.Unclaimed {
			r.T.Errorf("never activated: %s", g.State)
		}
		if !r.W.Authenticates(value) {
			r.T.Error("the active token ended too")
		}
		r.Clock.Advance(used.Grant.Expires.Sub(r.Clock.Now()))
		r.Tick(time.Minute)
		r.Tick(10 * time.Minute)
		if g := r.Grant(used.Grant.ID); g.State != access.Expired || r.InCanvas("maya") != 0 {
			r.T.Errorf("after its end: %s, %d tokens in Canvas", g.State, r.InCanvas("maya"))
		}
		r.Proven()
	})
}

// A token deleted by somebody in Canvas is told from one revoked here.
func TestDeletedInCanvas(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	c, _ := r.Collected()
	for _, tok := range r.W.Tokens("maya") {
		r.W.DeleteTokenBehind(tok.ID)
	}
	r.Tick(2 * time.Minute)
	if g := r.Grant(c.Grant.ID); g.State != access.Revoked || g.Cause != access.ByCanvas {
		t.Errorf("%s by %s", g.State, g.Cause)
	}
}
