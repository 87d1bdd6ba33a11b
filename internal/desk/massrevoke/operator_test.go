package massrevoke_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/desk/massrevoke"
	"github.com/tokendesk/tokendesk/internal/policy"
)

// By command: planned, held against what was typed, left to the command for a
// moment, found again, and worked on until it is done.
func TestMassByAnOperator(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		t, ctx := r.T, r.T.Context()
		gs := r.ManyGrants(3)
		all := access.MassFilter{All: true}
		op := access.OperatorCaller(r.Tenant, "root")
		if _, err := r.MassRevoke.Plan(ctx, op, massrevoke.Choice{Command: access.MassFilter{Role: policy.Staff}}); err == nil {
			t.Error("a plan of nothing")
		} else {
			wrongField(t, err, "count", "mass.nothing")
		}
		p, err := r.MassRevoke.Plan(ctx, op, massrevoke.Choice{Command: all})
		if err != nil || p.Tokens != 3 || p.By != op.ID() || p.State != access.MassPlanned || p.Filter != all || usableOf(r, gs) != 3 {
			t.Fatalf("%+v, %v", p, err)
		}
		if _, ok, err := r.MassRevoke.Unfinished(ctx, op, all); ok || err != nil {
			t.Errorf("a plan runs already, %v", err)
		}
		_, err = r.MassRevoke.Start(ctx, op, p.ID, "2", "breach", access.MassTerms(p.Mass).Digest())
		wrongField(t, err, "count", "mass.count")
		_, err = r.MassRevoke.Start(ctx, op, p.ID, "3", " ", access.MassTerms(p.Mass).Digest())
		wrongField(t, err, "reason", "reason.revoke")
		if p, err = r.MassRevoke.Start(ctx, op, p.ID, "3", "breach", access.MassTerms(p.Mass).Digest()); err != nil || p.State != access.MassRunning || p.Reason != "breach" || p.By != op.ID() {
			t.Fatalf("%+v, %v", p, err)
		}
		if again, err := r.MassRevoke.Start(ctx, op, p.ID, "", "", access.MassTerms(p.Mass).Digest()); err != nil || again.State != access.MassRunning || r.Happened(audit.MassStart) != 1 {
			t.Errorf("started again: %+v, %v", again, err)
		}
		r.Clock.Advance(massrevoke.OperatorHead - time.Second)
		r.Drain()
		if usableOf(r, gs) != 3 {
			t.Error("a server took it from the command")
		}
		if _, ok, err := r.MassRevoke.Unfinished(ctx, op, access.MassFilter{Role: policy.Student}); ok || err != nil {
			t.Errorf("another filter's is found, %v", err)
		}
		if found, ok, err := r.MassRevoke.Unfinished(ctx, op, all); !ok || err != nil || found.ID != p.ID {
			t.Errorf("it is not found again: %v, %v", found.ID, err)
		}
		withdraw := r.Cv.Fail(canvastest.Fault{Route: deleteRoute, Method: http.MethodDelete, Throttle: true, Times: -1})
		var troubles []error
		var left []int
		p, err = r.MassRevoke.Finish(ctx, op, p.ID, func(p massrevoke.Page, trouble error) {
			troubles, left = append(troubles, trouble), append(left, p.Counts.Left())
			withdraw()
			r.Clock.Advance(time.Hour) // nobody waits for the real clock
		})
		if err != nil || p.State != access.MassDone || usableOf(r, gs) != 0 || p.Counts.Gone != 3 {
			t.Fatalf("%+v, %v", p, err)
		}
		if len(troubles) < 2 || troubles[0] == nil || troubles[len(troubles)-1] != nil || left[0] != 3 || left[len(left)-1] != 0 {
			t.Errorf("on the way: %v, %v left", troubles, left)
		}
		if _, ok, err := r.MassRevoke.Unfinished(ctx, op, all); ok || err != nil {
			t.Errorf("it runs for ever, %v", err)
		}
		for _, g := range gs {
			if g = r.Grant(g.ID); g.Cause != access.ByMass || g.EndedBy != "" {
				t.Errorf("ended by %q, %s", g.EndedBy, g.Cause)
			}
		}
		for _, e := range r.Events("grant.revoke") {
			if e.Event.Actor != op.ID() {
				t.Errorf("told as by %q", e.Event.Actor)
			}
		}
		r.Proven()
	})
}
