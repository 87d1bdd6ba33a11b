package desktest

import (
	"strings"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/store"
)

// InUse is Maya's token, activated, and seen so.
func (r *Rig) InUse() access.Grant {
	r.T.Helper()
	c, _ := r.Collected()
	r.Activate("maya", c.Grant.CanvasID)
	r.Tick(2 * time.Minute)
	g := r.Grant(c.Grant.ID)
	if g.State != access.Active {
		r.T.Fatalf("activated in Canvas, here %s", g.State)
	}
	return g
}

// Changed changes a token in Canvas behind the tool's back.
func (r *Rig) Changed(g access.Grant, change func(*canvastest.Token)) {
	r.T.Helper()
	for _, t := range r.W.Tokens("maya") {
		if t.ID.String() == g.CanvasID {
			r.W.UpdateToken(t.ID, func(t *canvastest.Token) { change(t); t.UpdatedAt = r.Clock.Now() })
			return
		}
	}
	r.T.Fatalf("no token %s", g.CanvasID)
}

// Token is g's token in Canvas.
func (r *Rig) Token(g access.Grant) canvastest.Token {
	r.T.Helper()
	for _, t := range r.W.Tokens("maya") {
		if t.ID.String() == g.CanvasID {
			return t
		}
	}
	r.T.Fatalf("no token %s", g.CanvasID)
	return canvastest.Token{}
}

// MoveGrant makes one move of a grant as it is told, without any of its effects.
func (r *Rig) MoveGrant(g access.Grant, do access.Action, who access.Actor, m access.GrantMove, change ...func(*access.Grant)) access.Grant {
	r.T.Helper()
	before := r.Grant(g.ID)
	m.Policy = BuiltIn
	after, _, err := access.ApplyGrant(before, do, who, m, r.Clock.Now())
	if err != nil {
		r.T.Fatal(err)
	}
	for _, c := range change {
		c(&after)
	}
	if err := r.Desk.Store.InTx(r.T.Context(), func(tx *store.Tx) error {
		return tx.MoveGrant(after, r.Desk.GrantEvent(who, before, after, do), nil)
	}); err != nil {
		r.T.Fatal(err)
	}
	return after
}

// Frozen is g, stopped as an admin's regenerate does it.
func (r *Rig) Frozen(g access.Grant) access.Grant {
	r.T.Helper()
	dana := access.Actor{Person: r.As("dana", access.DoorAccount).Person, Reviewer: true, LaunchedAt: r.Clock.Now()}
	r.MoveGrant(g, access.Freeze, dana, access.GrantMove{Reason: "looks odd"})
	r.Changed(g, func(t *canvastest.Token) { t.Hint, t.State = "FROZE", canvastest.StatePending })
	return r.MoveGrant(g, access.Froze, access.SystemActor, access.GrantMove{Hint: "FROZE"})
}

// Told counts the messages to a person whose subject has this part.
func (r *Rig) Told(key, part string) (n int) {
	for _, s := range r.Subjects(key) {
		if strings.Contains(s, part) {
			n++
		}
	}
	return n
}
