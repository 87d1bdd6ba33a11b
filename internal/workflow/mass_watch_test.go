package workflow

import (
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/jobs"
)

// What is about to be revoked is not watched meanwhile: its calls are the
// revocation's. What is not part of it is.
func TestMassPausesWatching(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	gs := r.crowd(massBatch + 2)
	other, _ := r.active()
	slow := r.inVirtualTime(0, 0)
	p := r.startedMass(MassChoice{Filter: TokenFilter{Vendor: "Acme"}})
	watch := func(g access.Grant) (calls int64) {
		before := slow.calls.Load()
		j := watchJob(g, r.clock.Now())
		err := r.watchHandler(t.Context(), jobs.Job{Kind: j.Kind, Key: j.Key, Tenant: j.Tenant, Data: j.Data, CreatedAt: r.clock.Now()})
		if err == nil {
			t.Errorf("nobody watches %s any more", g.ID)
		}
		return slow.calls.Load() - before
	}
	if !r.dieAt("mass begun", 1, r.drain) {
		t.Fatal("it did not come to the first batch")
	}
	var waiting access.Grant
	for _, g := range gs {
		if now := r.grant(g.ID); now.State == access.Active {
			waiting = now
		}
	}
	if waiting.ID == "" {
		t.Fatal("every token has begun to end")
	}
	if n := watch(waiting); n != 0 {
		t.Errorf("a token that is about to be revoked was watched with %d calls", n)
	}
	if n := watch(r.grant(other.ID)); n == 0 {
		t.Error("another token was not watched")
	}
	r.clock.Advance(6 * time.Minute)
	if p = r.runMass(p.ID, 10*time.Hour); p.Counts.Gone != len(gs) {
		t.Errorf("%+v", p.Counts)
	}
	if p.Longest() < 2*p.Estimate || r.grant(other.ID).State != access.Active {
		t.Errorf("between %s and %s; the other token is %s", p.Estimate, p.Longest(), r.grant(other.ID).State)
	}
}
