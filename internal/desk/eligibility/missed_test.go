package eligibility_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/desk/eligibility"
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
		"the program was out for forty minutes": {out: 40 * time.Minute, want: eligibility.EligibilityAgain},
		"for five hours":                        {out: 5 * time.Hour, want: eligibility.EligibilityAgain},
		"for two days":                          {out: 48*time.Hour + 20*time.Minute, want: eligibility.EligibilityAgain},
		"Canvas was out":                        {away: true, want: 2*eligibility.EligibilityAgain + 5*time.Minute},
		"the job ran late":                      {late: true, out: 20 * time.Minute, want: eligibility.EligibilityAgain},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			some(t, name == "for five hours", func(r *desktest.Rig) {
				schedules := slices.DeleteFunc(r.Desk.Schedules(), func(s jobs.Schedule) bool { return s.Kind != eligibility.JobEligibility })
				g, _ := r.Working()
				r.Runner.Schedules = schedules
				to := func(at time.Time) { r.Clock.Advance(at.Sub(r.Clock.Now())); r.Drain() }
				slot := r.NextSlot()
				to(slot.Add(-time.Minute))
				r.W.SetEnrollmentState("maya", "bio201", "deleted")
				switch {
				case tt.away:
					up := r.Cv.Fail(canvastest.Fault{Status: http.StatusServiceUnavailable, Times: -1})
					for range 7 {
						to(r.Clock.Now().Add(10 * time.Minute))
					}
					up()
				case tt.late:
					r.Clock.Advance(slot.Sub(r.Clock.Now()))
					r.Must(r.Desk.Store.InsertJob(t.Context(), jobs.Insert{Kind: eligibility.JobEligibility, Key: eligibility.JobEligibility + "@" + slot.Format(time.RFC3339), RunAt: slot,
						Data: desktest.MustJSON(t, jobs.Slots{First: slot, Last: slot})}))
				}
				r.Clock.Advance(tt.out)
				back := r.Clock.Now()
				r.Drain()
				for r.Clock.Now().Sub(back) < tt.want {
					to(r.Clock.Now().Add(5 * time.Minute))
				}
				if now := r.Grant(g.ID); now.Cause != access.ByOwnerLeft {
					t.Errorf("%s after it was back the token is %s by %q", tt.want, now.State, now.Cause)
				}
				if n := r.Happened("grant.revoke"); n != 1 {
					t.Errorf("it ended %d times", n)
				}
			})
		})
	}
}
