package workflow

import (
	"net/http"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/policy"
)

// refuseLife lets Canvas refuse the next token, or all of them, in these words.
func (r *rig) refuseLife(words string, times int) {
	r.cv.Fail(canvastest.Fault{Route: createRoute, Method: http.MethodPost, Status: 400, Body: `[{"message":"` + words + `"}]`, Times: times})
}

// Canvas's refusal of a life too long is learned, asked for from then on, shown
// to those who decide, and only ever shortened.
func TestLearnedCap(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		ctx := r.t.Context()
		req := r.approved()
		caller := r.as("maya", access.DoorCourse)
		if l, err := r.Tokens(ctx, r.as("dana", access.DoorAccount), TokenFilter{}); err != nil || l.Cap.Days != 0 {
			r.t.Errorf("before anything was learned: %+v, %v", l.Cap, err)
		}
		r.refuseLife("Expiration date cannot be more than 20 days in the future", 1)
		c, err := r.Collect(ctx, caller, req.Code())
		if err != nil || c.Stage != StageReady || c.Trouble != troubleCap+":20" {
			r.t.Fatalf("refused: %s (%s), %v", c.Stage, c.Trouble, err)
		}
		learned := r.clock.Now()
		r.tick(time.Minute)
		if l, err := r.Tokens(ctx, r.as("dana", access.DoorAccount), TokenFilter{}); err != nil || l.Cap.Days != 20 || !l.Cap.At.Equal(learned) {
			r.t.Errorf("those who decide are shown %+v, %v", l.Cap, err)
		}
		if c, err = r.Collect(ctx, caller, req.Code()); err != nil || c.Stage != StageSecret {
			r.t.Fatalf("the next press: %s (%s), %v", c.Stage, c.Trouble, err)
		}
		if left := r.grant(c.Grant.ID).Expires.Sub(r.clock.Now()); left > 19*24*time.Hour || left < 18*24*time.Hour {
			r.t.Errorf("it lives %s", left)
		}
		form, err := r.Form(ctx, caller, "")
		if err != nil || form.Latest.Sub(r.clock.Now()) > 19*24*time.Hour || form.Cause != policy.CauseCanvas {
			r.t.Errorf("the next form ends %s by %s, %v", form.Latest, form.Cause, err)
		}
		// A longer one says nothing new.
		r.refuseLife("Expiration date cannot be more than 120 days in the future", 1)
		if _, err := r.Collect(ctx, caller, r.approvedUntil("2026-12-05").Code()); err != nil {
			r.t.Fatal(err)
		}
		if l, err := r.Tokens(ctx, r.as("dana", access.DoorAccount), TokenFilter{}); err != nil || l.Cap.Days != 20 || !l.Cap.At.Equal(learned) {
			r.t.Errorf("afterwards %+v, %v", l.Cap, err)
		}
		r.proven()
	})
}

// approvedUntil is another approved request of Maya's, which ends on this date.
func (r *rig) approvedUntil(date string) access.Request {
	r.t.Helper()
	a := r.answers()
	a.Set("end", date)
	req, err := r.Submit(r.t.Context(), r.as("maya", access.DoorCourse), "", a)
	if err != nil {
		r.t.Fatal(err)
	}
	r.act(r.as("ana", access.DoorCourse), req.Code(), access.Endorse, access.Move{})
	return r.act(r.as("dana", access.DoorAccount), req.Code(), access.Approve, access.Move{}).Request
}

// A refusal that names no number teaches nothing and is not tried again by
// itself: one call for each press.
func TestRefusalWithoutANumber(t *testing.T) {
	t.Parallel()
	for _, words := range []string{"Invalid expiration date format", "Expiration date is required", "Expiration date is too far in the future",
		"Your token may be active for 30 days of 365"} {
		t.Run(words, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sqlite(t))
			req := r.approved()
			r.refuseLife(words, -1)
			before := r.cv.Count(http.MethodPost, createRoute)
			for press := 1; press <= 3; press++ {
				c, err := r.Collect(t.Context(), r.as("maya", access.DoorCourse), req.Code())
				if err != nil || c.Stage != StageReady || c.Trouble != troubleRefused {
					t.Fatalf("%s (%s), %v", c.Stage, c.Trouble, err)
				}
				for range 20 {
					r.tick(time.Minute)
				}
				if n := r.cv.Count(http.MethodPost, createRoute) - before; n != press {
					t.Fatalf("%d calls after %d presses", n, press)
				}
			}
			if l, err := r.Tokens(t.Context(), r.as("dana", access.DoorAccount), TokenFilter{}); err != nil || l.Cap.Days != 0 {
				t.Errorf("learned %+v, %v", l.Cap, err)
			}
			r.proven()
		})
	}
}
