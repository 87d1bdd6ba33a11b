package desktest

import (
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/tokens"
)

// Active is Maya's token, activated in Canvas and seen to be, with its value. It
// ends on 20 December: within the window of renewals.
func (r *Rig) Active() (access.Grant, string) {
	r.T.Helper()
	c, value := r.Collected()
	r.Activate("maya", c.Grant.CanvasID)
	r.Tick(2 * time.Minute)
	g := r.Grant(c.Grant.ID)
	if g.State != access.Active {
		r.T.Fatalf("the token is %s", g.State)
	}
	return g, value
}

// Renewed sends the renewal of Maya's token up to its approval.
func (r *Rig) Renewed(grantID, end string) access.Request {
	r.T.Helper()
	maya := r.As("maya", access.DoorCourse)
	d, err := r.Tokens.Renew(r.T.Context(), maya, grantID)
	if err != nil {
		r.T.Fatal(err)
	}
	a := d.Answers
	a.Set("end", end)
	a.Set("accepted", access.Accepted)
	req, err := r.Requests.Submit(r.T.Context(), maya, d.ID, a)
	if err != nil {
		r.T.Fatal(err)
	}
	r.Act(r.As("ana", access.DoorCourse), req.Code(), access.Endorse, access.Move{})
	return r.Act(r.As("dana", access.DoorAccount), req.Code(), access.Approve, access.Move{}).Request
}

// Collect makes the token of an approved request.
func (r *Rig) Collect(code string) (access.Grant, string) {
	r.T.Helper()
	c, err := r.Tokens.Collect(r.T.Context(), r.As("maya", access.DoorCourse), code)
	if err != nil || c.Stage != tokens.StageSecret {
		r.T.Fatalf("collect %s: %s (%s), %v", code, c.Stage, c.Trouble, err)
	}
	return *c.Grant, c.Value.Reveal()
}
