package massrevoke_test

import (
	"os"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/desk/massrevoke"
)

// Many grants against the stand-in with its real bucket, in virtual time: the
// process is killed in each phase, and it ends with none left and none tried in
// a throttle storm. The long form is of ten thousand.
func TestMassOfMany(t *testing.T) {
	n := 400
	if os.Getenv("TOKENDESK_LONG") != "" {
		n = 10_000
	}
	desktest.Each(t, func(r *desktest.Rig) {
		began := time.Now()
		gs := r.ManyGrants(n)
		slow := r.InVirtualTime(1.5, 100*time.Millisecond)
		p := startedMass(r, massrevoke.Choice{})
		if p.Tokens != n {
			t.Fatalf("%d tokens planned, of %d", p.Tokens, n)
		}
		seeded, start, calls := time.Since(began), r.Clock.Now(), slow.Calls.Load()

		if !dieAt(r, "mass begun", 2, r.Drain) {
			t.Fatal("it did not come to the second batch")
		}
		if c := r.MassNow(p.ID).Counts; c.Waiting != n-2*massrevoke.MassBatch || c.Gone != 0 || usableOf(r, gs) != n {
			t.Fatalf("after the first death: %+v", c)
		}
		r.Drain() // the dead worker's lease still stands
		if c := r.MassNow(p.ID).Counts; c.Gone != 0 || usableOf(r, gs) != n {
			t.Fatalf("somebody worked while the lease stood: %+v", c)
		}
		r.Clock.Advance(6 * time.Minute)
		if !dieAt(r, "mass proven", n/20, func() { drainOn(r) }) {
			t.Fatal("it did not come to the middle of the deletions")
		}
		c := r.MassNow(p.ID).Counts
		if c.Gone == 0 || c.Gone > n-10 || c.Waiting != 0 || usableOf(r, gs) >= n-c.Gone {
			t.Fatalf("after the second death: %+v, %d in Canvas", c, usableOf(r, gs))
		}
		r.Clock.Advance(6 * time.Minute)
		p = r.RunMass(p.ID, 10*time.Hour)

		took := p.EndedAt.Sub(start) - 12*time.Minute // without the two deaths
		made := slow.Calls.Load() - calls
		t.Logf("%d tokens of %d people: %d calls in %v (estimated %v), %d throttled; real: %v to seed, %v in all",
			n, p.People, made, took.Round(time.Second), p.Estimate, r.Cv.Throttled(), seeded.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
		if left := usableOf(r, gs); left != 0 || p.Counts.Gone != n {
			t.Errorf("%d left in Canvas, %+v", left, p.Counts)
		}
		if r.Cv.Throttled() != 0 {
			t.Errorf("%d calls were throttled", r.Cv.Throttled())
		}
		if slow.Most.Load() != 1 {
			t.Errorf("%d calls at once", slow.Most.Load())
		}
		if took > p.Estimate*5/4+30*time.Second || took < p.Estimate*3/4-30*time.Second {
			t.Errorf("it took %v, the estimate was %v", took, p.Estimate)
		}
		if most := int64(n) + 2*massrevoke.MassOwned; slow.Deletes.Load() > most {
			t.Errorf("%d deletions of %d tokens", slow.Deletes.Load(), n)
		}
		for _, g := range gs {
			if g = r.Grant(g.ID); g.State != access.Revoked || g.Cause != access.ByMass || g.EndedBy == "" {
				t.Fatalf("%s is %s by %s, ended by %q", g.ID, g.State, g.Cause, g.EndedBy)
			}
		}
		err := r.MassRevoke.Report(t.Context(), r.As("dana", access.DoorAccount), p.ID, func(row massrevoke.Row) error {
			if row.Item.State != access.MassGone || row.Item.Proof == "" || row.Owner == "" {
				t.Errorf("%+v", row)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		r.Proven()
	})
}

// drainOn drains, and goes on when work comes due again.
func drainOn(r *desktest.Rig) {
	for range 3600 {
		if _, err := r.Runner.Drain(r.T.Context()); err != nil {
			return
		}
		r.Clock.Advance(time.Second)
	}
}
