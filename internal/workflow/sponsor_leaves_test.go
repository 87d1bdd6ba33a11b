package workflow

import (
	"errors"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
)

// A sponsor ends the sponsorship before a token is collected, whatever stage the
// request is in: long after their launch, while Canvas answers nobody, and though
// somebody has claimed or approved it.
func TestSponsorLeavesBeforeTheCollection(t *testing.T) {
	t.Parallel()
	for name, steps := range map[string][]access.Action{
		"in review": {}, "claimed": {access.Claim}, "approved": {access.Approve},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sqlite(t))
			ctx, req, maya := t.Context(), r.submitted(), r.as("maya", access.DoorCourse)
			ana, dana := r.as("ana", access.DoorCourse), r.as("dana", access.DoorAccount)
			_, err := r.Act(ctx, ana, req.Code(), access.EndSponsor, access.Move{}, "")
			if !errors.Is(err, access.ErrConflict) {
				t.Errorf("before the endorsement: %v", err)
			}
			r.act(ana, req.Code(), access.Endorse, access.Move{})
			for _, do := range steps {
				r.act(dana, req.Code(), do, access.Move{Conditions: "Own data only."})
			}
			for who, caller := range map[string]access.Caller{"requester": maya, "reviewer": dana} {
				if _, err := r.Act(ctx, caller, req.Code(), access.EndSponsor, access.Move{}, ""); access.WhyOf(err) != access.WhyNotYours {
					t.Errorf("%s: %v", who, err)
				}
			}
			p, err := r.Open(ctx, ana, req.Code())
			if err != nil || !p.Can[access.EndSponsor] || p.Can[access.Rescind] {
				t.Fatalf("offered to the sponsor: %v, %v", p.Can, err)
			}
			r.drain()
			r.clock.Advance(time.Hour)
			r.cv.Fail(canvastest.Fault{Status: 503, Times: -1})
			if _, err := r.Act(ctx, ana, req.Code(), access.EndSponsor, access.Move{Reason: "I go on leave."}, ""); err != nil {
				t.Fatal(err)
			}
			r.cv.ClearFaults()
			for range 8 { // the messages are tried again
				r.tick(5 * time.Minute)
			}
			now := r.request(req.ID)
			if now.State != access.AwaitingSponsor || now.Sponsor != "" || now.SponsorLost != "Ana Ruiz" || len(now.Voters()) != 0 || now.Conditions() != "" || !now.CollectBy.IsZero() {
				t.Errorf("it is %+v", now)
			}
			if n, m := r.inbox("maya", "Ana Ruiz ended the sponsorship of your request"), r.inbox("dana", "Ana Ruiz ended the sponsorship of the request"); n != 1 || m != 1 {
				t.Errorf("the requester was told %d times, a reviewer %d", n, m)
			}
			if _, err := r.Open(ctx, ana, req.Code()); !errors.Is(err, access.ErrNotFound) {
				t.Errorf("who left opens it: %v", err)
			}
			if c, err := r.Collect(ctx, r.as("maya", access.DoorCourse), req.Code()); c.Stage == StageSecret {
				t.Errorf("it was collected: %v", err)
			}
			r.proven()
		})
	}
}

// Between the intent to make a token and a sponsor who leaves, one is first.
func TestSponsorLeavesAfterTheIntent(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	c, _ := r.collected()
	ana := r.as("ana", access.DoorCourse)
	if _, err := r.Act(t.Context(), ana, c.Request.Code(), access.EndSponsor, access.Move{}, ""); !errors.Is(err, access.ErrConflict) {
		t.Errorf("of the request: %v", err)
	}
	p, err := r.Open(t.Context(), ana, c.Request.Code())
	if err != nil || !p.Can[access.EndSponsor] {
		t.Errorf("of the token it is not offered: %v", err)
	}
	if _, err := r.EndSponsorship(t.Context(), ana, c.Grant.ID, ""); err != nil || r.grant(c.Grant.ID).Sponsor != "" {
		t.Errorf("of the token: %v", err)
	}
}
