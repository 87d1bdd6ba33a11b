package workflow

import (
	"os"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
)

// Many grants against the stand-in with its real bucket, in virtual time: the
// process is killed in each phase, and it ends with none left and none tried in
// a throttle storm. The long form is of ten thousand.
func TestMassOfMany(t *testing.T) {
	n := 400
	if os.Getenv("TOKENDESK_LONG") != "" {
		n = 10_000
	}
	each(t, func(r *rig) {
		began := time.Now()
		gs := r.crowd(n)
		slow := r.inVirtualTime(1.5, 100*time.Millisecond)
		p := r.startedMass(MassChoice{})
		if p.Tokens != n {
			t.Fatalf("%d tokens planned, of %d", p.Tokens, n)
		}
		seeded, start, calls := time.Since(began), r.clock.Now(), slow.calls.Load()

		if !r.dieAt("mass begun", 2, r.drain) {
			t.Fatal("it did not come to the second batch")
		}
		if c := r.massNow(p.ID).Counts; c.Waiting != n-2*massBatch || c.Gone != 0 || r.usableOf(gs) != n {
			t.Fatalf("after the first death: %+v", c)
		}
		r.drain() // the dead worker's lease still stands
		if c := r.massNow(p.ID).Counts; c.Gone != 0 || r.usableOf(gs) != n {
			t.Fatalf("somebody worked while the lease stood: %+v", c)
		}
		r.clock.Advance(6 * time.Minute)
		if !r.dieAt("mass proven", n/20, r.drainOn) {
			t.Fatal("it did not come to the middle of the deletions")
		}
		c := r.massNow(p.ID).Counts
		if c.Gone == 0 || c.Gone > n-10 || c.Waiting != 0 || r.usableOf(gs) >= n-c.Gone {
			t.Fatalf("after the second death: %+v, %d in Canvas", c, r.usableOf(gs))
		}
		r.clock.Advance(6 * time.Minute)
		p = r.runMass(p.ID, 10*time.Hour)

		took := p.EndedAt.Sub(start) - 12*time.Minute // without the two deaths
		made := slow.calls.Load() - calls
		t.Logf("%d tokens of %d people: %d calls in %v (estimated %v), %d throttled; real: %v to seed, %v in all",
			n, p.People, made, took.Round(time.Second), p.Estimate, r.cv.Throttled(), seeded.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
		if left := r.usableOf(gs); left != 0 || p.Counts.Gone != n {
			t.Errorf("%d left in Canvas, %+v", left, p.Counts)
		}
		if r.cv.Throttled() != 0 {
			t.Errorf("%d calls were throttled", r.cv.Throttled())
		}
		if slow.most.Load() != 1 {
			t.Errorf("%d calls at once", slow.most.Load())
		}
		if took > p.Estimate*5/4+30*time.Second || took < p.Estimate*3/4-30*time.Second {
			t.Errorf("it took %v, the estimate was %v", took, p.Estimate)
		}
		if most := int64(n) + 2*massOwned; slow.deletes.Load() > most {
			t.Errorf("%d deletions of %d tokens", slow.deletes.Load(), n)
		}
		for _, g := range gs {
			if g = r.grant(g.ID); g.State != access.Revoked || g.Cause != access.ByMass || g.EndedBy == "" {
				t.Fatalf("%s is %s by %s, ended by %q", g.ID, g.State, g.Cause, g.EndedBy)
			}
		}
		err := r.MassReport(t.Context(), r.as("dana", access.DoorAccount), p.ID, func(row MassRow) error {
			if row.Item.State != access.MassGone || row.Item.Proof == "" || row.Owner == "" {
				t.Errorf("%+v", row)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		r.proven()
	})
}

// drainOn drains, and goes on when work comes due again.
func (r *rig) drainOn() {
	for range 3600 {
		if _, err := r.runner.Drain(r.t.Context()); err != nil {
			return
		}
		r.clock.Advance(time.Second)
	}
}
