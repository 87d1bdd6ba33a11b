package tokens_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/desk/tokens"
)

// Whatever moved while Canvas was asked, a press for a token is told so, and
// moves nothing, even where the move would still be one.
func TestCollectedOnWhatWasRead(t *testing.T) {
	t.Parallel()
	const enrollments = "/enrollments"
	t.Run("the successor of a lost token", func(t *testing.T) {
		t.Parallel()
		r := desktest.NewRig(t, desktest.Sqlite(t))
		c, _ := r.Collected()
		maya, ana := r.As("maya", access.DoorCourse), r.As("ana", access.DoorCourse)
		_, err := r.Tokens.Replace(t.Context(), maya, c.Request.Code())
		r.Must(err)
		r.Meanwhile(http.MethodGet, enrollments, func() {
			_, err := r.Tokens.EndSponsorship(t.Context(), ana, c.Grant.ID, "")
			r.Must(err)
		})
		page, err := r.Tokens.Collect(t.Context(), maya, c.Request.Code())
		if g := r.Grant(c.Grant.ID); err != nil || page.Stage != tokens.StageReplacing || g.State != access.Replacing || g.Attempt != 1 || r.InCanvas("maya") != 0 {
			t.Errorf("%s, %v; %s", page.Stage, err, g.State)
		}
	})
	t.Run("a collection that another press tried", func(t *testing.T) {
		t.Parallel()
		r := desktest.NewRig(t, desktest.Sqlite(t))
		q, maya := r.Approved(), r.As("maya", access.DoorCourse)
		r.Meanwhile(http.MethodGet, enrollments, func() {
			r.Cv.Fail(canvastest.Fault{Route: desktest.CreateRoute, Method: http.MethodPost, Status: 403, Body: desktest.Denied})
			c, err := r.Tokens.Collect(t.Context(), maya, q.Code())
			if err != nil || c.Stage != tokens.StageReady || c.Trouble != tokens.TroubleDenied {
				t.Errorf("the other press: %s (%s), %v", c.Stage, c.Trouble, err)
			}
		})
		c, err := r.Tokens.Collect(t.Context(), maya, q.Code())
		if err != nil || c.Stage != tokens.StageReady || c.Trouble != tokens.TroubleDenied || r.InCanvas("maya") != 0 {
			t.Errorf("%s (%s), %v", c.Stage, c.Trouble, err)
		}
	})
	for _, replacing := range []bool{false, true} {
		t.Run(fmt.Sprintf("a leak becomes known, replacing: %v", replacing), func(t *testing.T) {
			t.Parallel()
			r := desktest.NewRig(t, desktest.Sqlite(t))
			maya := r.As("maya", access.DoorCourse)
			q := r.Approved()
			if replacing {
				r.Collect(q.Code())
				_, err := r.Tokens.Replace(t.Context(), maya, q.Code())
				r.Must(err)
			}
			made := r.Cv.Count(http.MethodPost, desktest.CreateRoute)
			r.Meanwhile(http.MethodGet, "/courses/", func() { r.OpenLeak(maya.Person) })
			if _, err := r.Tokens.Collect(t.Context(), maya, q.Code()); access.WhyOf(err) != access.WhyIncident || r.Cv.Count(http.MethodPost, desktest.CreateRoute) != made {
				t.Errorf("%v", err)
			}
			if g := r.Grants(); replacing && (len(g) != 1 || g[0].State != access.Replacing) || !replacing && len(g) != 0 {
				t.Errorf("grants %+v", g)
			}
			r.Proven()
		})
	}
	t.Run("leaving does not wait", func(t *testing.T) {
		t.Parallel()
		r := desktest.NewRig(t, desktest.Sqlite(t))
		q := r.Submitted()
		r.Act(r.As("ana", access.DoorCourse), q.Code(), access.Endorse, access.Move{})
		r.Act(r.As("dana", access.DoorAccount), q.Code(), access.Claim, access.Move{})
		if c := r.Act(r.As("maya", access.DoorCourse), q.Code(), access.Withdraw, access.Move{}); c.Request.State != access.Withdrawn {
			t.Errorf("it is %s", c.Request.State)
		}
	})
}
