package workflow

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/jobs"
)

// An owner who left is seen within 13 hours, or at once when the program or Canvas
// is back: a slot that passed meanwhile is made up for, in one run.
func TestAMissedSlotIsMadeUp(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		out  time.Duration // how long nothing runs, from just before the owner's slot
		away bool          // it is Canvas that is away, from just before the slot for an hour
		late bool          // the job of the slot waited, and ran after it
		want time.Duration // until the token's end began, after that
	}{
		"the program was out for forty minutes": {out: 40 * time.Minute, want: groundAgain},
		"for five hours":                        {out: 5 * time.Hour, want: groundAgain},
		"for two days":                          {out: 48*time.Hour + 20*time.Minute, want: groundAgain},
		"Canvas was out":                        {away: true, want: 2*groundAgain + 5*time.Minute},
		"the job ran late":                      {late: true, out: 20 * time.Minute, want: groundAgain},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			some(t, name == "for five hours", func(r *rig) {
				schedules := slices.DeleteFunc(r.Schedules(), func(s jobs.Schedule) bool { return s.Kind != jobGround })
				g, _ := r.working()
				r.runner.Schedules = schedules
				to := func(at time.Time) { r.clock.Advance(at.Sub(r.clock.Now())); r.drain() }
				slot := r.nextSlot()
				to(slot.Add(-time.Minute))
				r.w.SetEnrollmentState("maya", "bio201", "deleted")
				switch {
				case tt.away:
					up := r.cv.Fail(canvastest.Fault{Status: http.StatusServiceUnavailable, Times: -1})
					for range 7 {
						to(r.clock.Now().Add(10 * time.Minute))
					}
					up()
				case tt.late:
					r.clock.Advance(slot.Sub(r.clock.Now()))
					r.must(r.Store.InsertJob(t.Context(), jobs.Insert{Kind: jobGround, Key: jobGround + "@" + slot.Format(time.RFC3339), RunAt: slot,
						Data: mustJSON(t, jobs.Slots{First: slot, Last: slot})}))
				}
				r.clock.Advance(tt.out)
				back := r.clock.Now()
				r.drain()
				for r.clock.Now().Sub(back) < tt.want {
					to(r.clock.Now().Add(5 * time.Minute))
				}
				if now := r.grant(g.ID); now.Cause != access.ByOwnerLeft {
					t.Errorf("%s after it was back the token is %s by %q", tt.want, now.State, now.Cause)
				}
				if n := r.happened("grant.revoke"); n != 1 {
					t.Errorf("it ended %d times", n)
				}
			})
		})
	}
}
