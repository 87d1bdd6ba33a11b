package massrevoke_test

import (
	"fmt"
	"strconv"
	"sync/atomic"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/desk/massrevoke"
)

// dieAt ends the process at the nth time that it comes to a step, for all that
// f can tell; it reports whether it came to that.
func dieAt(r *desktest.Rig, step string, nth int, f func()) bool {
	died := make(chan struct{})
	var seen atomic.Int64
	r.Desk.AtStep = func(at string) {
		if at == step && seen.Add(1) == int64(nth) {
			close(died)
			select {} // for ever: no deferred call runs, as after kill -9
		}
	}
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	defer func() { r.Desk.AtStep = nil }()
	select {
	case <-died:
		return true
	case <-done:
		return false
	}
}

// usableOf counts the tokens of these grants that exist in Canvas.
func usableOf(r *desktest.Rig, gs []access.Grant) (n int) {
	for _, g := range gs {
		id, err := strconv.ParseInt(g.CanvasID, 10, 64)
		if err != nil {
			r.T.Fatal(err)
		}
		if t, ok := r.W.TokenByID(canvastest.ID(id)); ok && t.State != canvastest.StateDeleted {
			n++
		}
	}
	return n
}

// plannedMass makes a plan as Dana does on the Tokens page.
func plannedMass(r *desktest.Rig, choice massrevoke.Choice) (access.Caller, massrevoke.Page) {
	r.T.Helper()
	dana := r.As("dana", access.DoorAccount)
	p, err := r.MassRevoke.Plan(r.T.Context(), dana, choice)
	if err != nil {
		r.T.Fatal(err)
	}
	return dana, p
}

func startedMass(r *desktest.Rig, choice massrevoke.Choice) massrevoke.Page {
	r.T.Helper()
	dana, p := plannedMass(r, choice)
	p, err := r.MassRevoke.Start(r.T.Context(), dana, p.ID, fmt.Sprint(p.Tokens), "breach", r.TermsOf(p.ID))
	if err != nil || p.State != access.MassRunning {
		r.T.Fatalf("%s: %v", p.State, err)
	}
	return p
}
