package massrevoke_test

import (
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/desk/massrevoke"
	"github.com/tokendesk/tokendesk/internal/jobs"
)

// What is about to be revoked is not watched meanwhile: its calls are the
// revocation's. What is not part of it is.
func TestMassPausesWatching(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	gs := r.ManyGrants(massrevoke.MassBatch + 2)
	other, _ := r.Active()
	slow := r.InVirtualTime(0, 0)
	p := startedMass(r, massrevoke.Choice{Filter: cases.TokenFilter{Vendor: "Acme"}})
	watch := func(g access.Grant) (calls int64) {
		before := slow.Calls.Load()
		j := desk.WatchJob(g, r.Clock.Now())
		err := r.Desk.Handlers()[desk.JobWatch].Do(t.Context(), jobs.Job{Kind: j.Kind, Key: j.Key, Tenant: j.Tenant, Data: j.Data, CreatedAt: r.Clock.Now()})
		if err == nil {
			t.Errorf("nobody watches %s any more", g.ID)
		}
		return slow.Calls.Load() - before
	}
	if !dieAt(r, "mass begun", 1, r.Drain) {
		t.Fatal("it did not come to the first batch")
	}
	var waiting access.Grant
	for _, g := range gs {
		if now := r.Grant(g.ID); now.State == access.Active {
			waiting = now
		}
	}
	if waiting.ID == "" {
		t.Fatal("every token has begun to end")
	}
	if n := watch(waiting); n != 0 {
		t.Errorf("a token that is about to be revoked was watched with %d calls", n)
	}
	if n := watch(r.Grant(other.ID)); n == 0 {
		t.Error("another token was not watched")
	}
	r.Clock.Advance(6 * time.Minute)
	if p = r.RunMass(p.ID, 10*time.Hour); p.Counts.Gone != len(gs) {
		t.Errorf("%+v", p.Counts)
	}
	if p.Longest() < 2*p.Estimate || r.Grant(other.ID).State != access.Active {
		t.Errorf("between %s and %s; the other token is %s", p.Estimate, p.Longest(), r.Grant(other.ID).State)
	}
}
