package desktest

import (
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
)

// Working is Maya's token in use, and its value.
func (r *Rig) Working() (access.Grant, string) {
	r.T.Helper()
	c, value := r.Collected()
	r.Activate("maya", c.Grant.CanvasID)
	r.Tick(2 * time.Minute)
	g := r.Grant(c.Grant.ID)
	if g.State != access.Active {
		r.T.Fatalf("activated in Canvas, here %s", g.State)
	}
	return g, value
}

// Stopped is Maya's token, frozen by Dana.
func (r *Rig) Stopped() (access.Grant, string) {
	r.T.Helper()
	g, value := r.Working()
	p, err := r.Tokens.Freeze(r.T.Context(), Older(r.As("dana", access.DoorAccount)), g.ID, "Odd traffic.")
	if err != nil || p.Grant.State != access.Frozen {
		r.T.Fatalf("%s, %v", p.Grant.State, err)
	}
	return *p.Grant, value
}
