package desktest

import (
	"os"
	"time"

	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/eligibility"
	"github.com/tokendesk/tokendesk/internal/jobs"
)

// Pass lets d pass and runs what it brings.
func (r *Rig) Pass(d time.Duration) {
	r.T.Helper()
	r.PassUntil(d, func() bool { return false })
}

// PassUntil lets d pass, or less once stop says so. It stands still at the slots
// of those with something live, and at the second looks; in between nothing of the
// round over everybody would happen. The long form stands still at every slot.
func (r *Rig) PassUntil(d time.Duration, stop func() bool) {
	r.T.Helper()
	end := r.Clock.Now().Add(d)
	to := func(at time.Time) bool {
		if at.After(end) {
			at = end
		}
		r.Clock.Advance(at.Sub(r.Clock.Now()))
		for kind, slot := range map[string]time.Duration{eligibility.JobEligibility: eligibility.EligibilitySlot, desk.JobTick: time.Minute} {
			at := r.Clock.Now().UTC().Truncate(slot)
			if err := r.Desk.Store.InsertJob(r.T.Context(), jobs.Insert{Kind: kind, Key: kind + "@" + at.Format(time.RFC3339), RunAt: at}); err != nil {
				r.T.Fatal(err)
			}
		}
		r.Drain()
		return stop() || !r.Clock.Now().Before(end)
	}
	for r.Clock.Now().Before(end) {
		if to(r.NextSlot()) || to(r.Clock.Now().Add(eligibility.EligibilityAgain+time.Minute)) || to(r.Clock.Now().Add(time.Minute)) {
			return
		}
	}
}

// NextSlot is the next slot in which somebody is looked at.
func (r *Rig) NextSlot() time.Time {
	r.T.Helper()
	at := r.Clock.Now().UTC().Truncate(eligibility.EligibilitySlot)
	for range eligibility.EligibilityRound / eligibility.EligibilitySlot {
		at = at.Add(eligibility.EligibilitySlot)
		if os.Getenv("TOKENDESK_LONG") != "" {
			return at
		}
		ref := desk.EligibilityRef{Slot: int(at.Sub(at.Truncate(eligibility.EligibilityRound)) / eligibility.EligibilitySlot)}
		people, err := r.Eligibility.Concerned(r.T.Context(), r.Tenant, ref)
		if err != nil {
			r.T.Fatal(err)
		}
		if len(people) > 0 {
			return at
		}
	}
	return at
}
