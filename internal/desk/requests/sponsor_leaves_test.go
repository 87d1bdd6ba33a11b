package requests_test

import (
	"errors"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/desk/tokens"
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
			r := desktest.NewRig(t, desktest.Sqlite(t))
			ctx, req, maya := t.Context(), r.Submitted(), r.As("maya", access.DoorCourse)
			ana, dana := r.As("ana", access.DoorCourse), r.As("dana", access.DoorAccount)
			_, err := r.Requests.Act(ctx, ana, req.Code(), access.EndSponsor, access.Move{}, "")
			if !errors.Is(err, access.ErrConflict) {
				t.Errorf("before the endorsement: %v", err)
			}
			r.Act(ana, req.Code(), access.Endorse, access.Move{})
			for _, do := range steps {
				r.Act(dana, req.Code(), do, access.Move{Conditions: "Own data only."})
			}
			for who, caller := range map[string]access.Caller{"requester": maya, "reviewer": dana} {
				if _, err := r.Requests.Act(ctx, caller, req.Code(), access.EndSponsor, access.Move{}, ""); access.WhyOf(err) != access.WhyNotYours {
					t.Errorf("%s: %v", who, err)
				}
			}
			p, err := r.Cases.Open(ctx, ana, req.Code())
			if err != nil || !p.Can[access.EndSponsor] || p.Can[access.Rescind] {
				t.Fatalf("offered to the sponsor: %v, %v", p.Can, err)
			}
			r.Drain()
			r.Clock.Advance(time.Hour)
			r.Cv.Fail(canvastest.Fault{Status: 503, Times: -1})
			if _, err := r.Requests.Act(ctx, ana, req.Code(), access.EndSponsor, access.Move{Reason: "I go on leave."}, ""); err != nil {
				t.Fatal(err)
			}
			r.Cv.ClearFaults()
			for range 8 { // the messages are tried again
				r.Tick(5 * time.Minute)
			}
			now := r.Request(req.ID)
			if now.State != access.AwaitingSponsor || now.Sponsor != "" || now.SponsorLost != "Ana Ruiz" || len(now.Voters()) != 0 || now.Conditions() != "" || !now.CollectBy.IsZero() {
				t.Errorf("it is %+v", now)
			}
			if n, m := r.Inbox("maya", "Ana Ruiz ended the sponsorship of your request"), r.Inbox("dana", "Ana Ruiz ended the sponsorship of the request"); n != 1 || m != 1 {
				t.Errorf("the requester was told %d times, a reviewer %d", n, m)
			}
			if _, err := r.Cases.Open(ctx, ana, req.Code()); !errors.Is(err, access.ErrNotFound) {
				t.Errorf("who left opens it: %v", err)
			}
			if c, err := r.Tokens.Collect(ctx, r.As("maya", access.DoorCourse), req.Code()); c.Stage == tokens.StageSecret {
				t.Errorf("it was collected: %v", err)
			}
			r.Proven()
		})
	}
}

// Between the intent to make a token and a sponsor who leaves, one is first.
func TestSponsorLeavesAfterTheIntent(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	c, _ := r.Collected()
	ana := r.As("ana", access.DoorCourse)
	if _, err := r.Requests.Act(t.Context(), ana, c.Request.Code(), access.EndSponsor, access.Move{}, ""); !errors.Is(err, access.ErrConflict) {
		t.Errorf("of the request: %v", err)
	}
	p, err := r.Cases.Open(t.Context(), ana, c.Request.Code())
	if err != nil || !p.Can[access.EndSponsor] {
		t.Errorf("of the token it is not offered: %v", err)
	}
	if _, err := r.Tokens.EndSponsorship(t.Context(), ana, c.Grant.ID, ""); err != nil || r.Grant(c.Grant.ID).Sponsor != "" {
		t.Errorf("of the token: %v", err)
	}
}
