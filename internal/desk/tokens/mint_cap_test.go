package tokens_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/desk/tokens"
	"github.com/tokendesk/tokendesk/internal/policy"
)

// refuseLife lets Canvas refuse the next token, or all of them, in these words.
func refuseLife(r *desktest.Rig, words string, times int) {
	r.Cv.Fail(canvastest.Fault{Route: desktest.CreateRoute, Method: http.MethodPost, Status: 400, Body: `[{"message":"` + words + `"}]`, Times: times})
}

// Canvas's refusal of a life too long is learned, asked for from then on, shown
// to those who decide, and only ever shortened.
func TestLearnedCap(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		ctx := r.T.Context()
		req := r.Approved()
		caller := r.As("maya", access.DoorCourse)
		if l, err := r.Cases.Tokens(ctx, r.As("dana", access.DoorAccount), cases.TokenFilter{}); err != nil || l.Cap.Days != 0 {
			r.T.Errorf("before anything was learned: %+v, %v", l.Cap, err)
		}
		refuseLife(r, "Expiration date cannot be more than 20 days in the future", 1)
		c, err := r.Tokens.Collect(ctx, caller, req.Code())
		if err != nil || c.Stage != tokens.StageReady || c.Trouble != tokens.TroubleCap+":20" {
			r.T.Fatalf("refused: %s (%s), %v", c.Stage, c.Trouble, err)
		}
		learned := r.Clock.Now()
		r.Tick(time.Minute)
		if l, err := r.Cases.Tokens(ctx, r.As("dana", access.DoorAccount), cases.TokenFilter{}); err != nil || l.Cap.Days != 20 || !l.Cap.At.Equal(learned) {
			r.T.Errorf("those who decide are shown %+v, %v", l.Cap, err)
		}
		if c, err = r.Tokens.Collect(ctx, caller, req.Code()); err != nil || c.Stage != tokens.StageSecret {
			r.T.Fatalf("the next press: %s (%s), %v", c.Stage, c.Trouble, err)
		}
		if left := r.Grant(c.Grant.ID).Expires.Sub(r.Clock.Now()); left > 19*24*time.Hour || left < 18*24*time.Hour {
			r.T.Errorf("it lives %s", left)
		}
		form, err := r.Requests.Form(ctx, caller, "")
		if err != nil || form.Latest.Sub(r.Clock.Now()) > 19*24*time.Hour || form.Cause != policy.CauseCanvas {
			r.T.Errorf("the next form ends %s by %s, %v", form.Latest, form.Cause, err)
		}
		// A longer one says nothing new.
		refuseLife(r, "Expiration date cannot be more than 120 days in the future", 1)
		if _, err := r.Tokens.Collect(ctx, caller, approvedUntil(r, "2026-12-05").Code()); err != nil {
			r.T.Fatal(err)
		}
		if l, err := r.Cases.Tokens(ctx, r.As("dana", access.DoorAccount), cases.TokenFilter{}); err != nil || l.Cap.Days != 20 || !l.Cap.At.Equal(learned) {
			r.T.Errorf("afterwards %+v, %v", l.Cap, err)
		}
		r.Proven()
	})
}

// approvedUntil is another approved request of Maya's, which ends on this date.
func approvedUntil(r *desktest.Rig, date string) access.Request {
	r.T.Helper()
	a := r.Answers()
	a.Set("end", date)
	req, err := r.Requests.Submit(r.T.Context(), r.As("maya", access.DoorCourse), "", a)
	if err != nil {
		r.T.Fatal(err)
	}
	r.Act(r.As("ana", access.DoorCourse), req.Code(), access.Endorse, access.Move{})
	return r.Act(r.As("dana", access.DoorAccount), req.Code(), access.Approve, access.Move{}).Request
}

// A refusal that names no number teaches nothing and is not tried again by
// itself: one call for each press.
func TestRefusalWithoutANumber(t *testing.T) {
	t.Parallel()
	for _, words := range []string{"Invalid expiration date format", "Expiration date is required", "Expiration date is too far in the future",
		"Your token may be active for 30 days of 365"} {
		t.Run(words, func(t *testing.T) {
			t.Parallel()
			r := desktest.NewRig(t, desktest.Sqlite(t))
			req := r.Approved()
			refuseLife(r, words, -1)
			before := r.Cv.Count(http.MethodPost, desktest.CreateRoute)
			for press := 1; press <= 3; press++ {
				c, err := r.Tokens.Collect(t.Context(), r.As("maya", access.DoorCourse), req.Code())
				if err != nil || c.Stage != tokens.StageReady || c.Trouble != tokens.TroubleRefused {
					t.Fatalf("%s (%s), %v", c.Stage, c.Trouble, err)
				}
				for range 20 {
					r.Tick(time.Minute)
				}
				if n := r.Cv.Count(http.MethodPost, desktest.CreateRoute) - before; n != press {
					t.Fatalf("%d calls after %d presses", n, press)
				}
			}
			if l, err := r.Cases.Tokens(t.Context(), r.As("dana", access.DoorAccount), cases.TokenFilter{}); err != nil || l.Cap.Days != 0 {
				t.Errorf("learned %+v, %v", l.Cap, err)
			}
			r.Proven()
		})
	}
}
