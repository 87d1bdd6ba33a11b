package requests_test

import (
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/desk/tokens"
	"github.com/tokendesk/tokendesk/internal/policy"
)

// twoOffices is a review of two stages, one vote each.
func twoOffices(p *policy.Policy) {
	p.Stages = []policy.Stage{{Name: "Canvas team", By: policy.Reviewers, Votes: 1}, {Name: "Security office", By: policy.Reviewers, Votes: 1}}
}

// A school that publishes a second stage has one: no code knows of it. One person
// decides in one stage only, and on what the others said.
func TestAReviewOfTwoStages(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		t, ctx := r.T, r.T.Context()
		before := r.Submitted()
		publish(r, twoOffices)
		q := r.SubmittedBy("luca")
		ana, dana := r.As("ana", access.DoorCourse), r.As("dana", access.DoorAccount)
		r.Act(ana, before.Code(), access.Endorse, access.Move{})
		if c := r.Act(dana, before.Code(), access.Approve, access.Move{}); c.Request.State != access.Approved {
			t.Errorf("what was sent before the second stage was published is %s", c.Request.State)
		}
		r.Act(ana, q.Code(), access.Endorse, access.Move{})
		read := r.TermsOf(q.Code())
		r.Act(dana, q.Code(), access.Claim, access.Move{})
		end := q.End.AddDate(0, 0, -2)
		r.Clock.Advance(time.Minute)
		dana = r.As("dana", access.DoorAccount)
		priya := r.As("priya", access.DoorAccount)
		letters := r.Happened(audit.RequestApprove)
		c := r.Act(dana, q.Code(), access.Approve, access.Move{Conditions: "This course.", End: end})
		if c.Request.State != access.InReview || c.Request.Stage != 2 || c.Request.Claim().Said() || c.Why != access.WhySecondPerson ||
			c.Can[access.Approve] || c.Can[access.Claim] || c.Can[access.Deny] || !c.Request.ReviewSince.Equal(r.Clock.Now()) {
			t.Errorf("after the first stage it is %s in stage %d, %q, %v", c.Request.State, c.Request.Stage, c.Why, c.Can)
		}
		if r.Happened(audit.RequestApprove) != letters+1 {
			t.Error("a yes is not in the log")
		}
		// Pressed twice, nothing more happens.
		if c := r.Act(dana, q.Code(), access.Approve, access.Move{}); c.Request.Version != r.Request(q.ID).Version || c.Request.Stage != 2 {
			t.Errorf("pressed twice it is in stage %d", c.Request.Stage)
		}
		for _, do := range []access.Action{access.Deny, access.Claim} {
			_, err := r.Requests.Act(ctx, dana, q.Code(), do, access.Move{Reason: "x", Alternative: "export"}, r.TermsOf(q.Code()))
			if access.WhyOf(err) != access.WhySecondPerson {
				t.Errorf("%s by who said yes: %v", do, err)
			}
		}
		_, err := r.Requests.Act(ctx, priya, q.Code(), access.Approve, access.Move{}, read)
		r.Reread("the second office, which read the page before", err, access.TermsEnd, access.TermsConditions, access.TermsStage, access.TermsAgreement)
		c = r.Act(priya, q.Code(), access.Approve, access.Move{})
		if c.Request.State != access.Approved || !c.Request.End.Equal(end) || c.Request.Conditions() != "This course." || c.Request.Decision().Person != priya.Person {
			t.Errorf("after the second stage it is %+v", c.Request)
		}
		r.Unhurried()
		if made, err := r.Tokens.Collect(ctx, r.As("luca", access.DoorCourse), q.Code()); err != nil || made.Stage != tokens.StageSecret || made.Grant.Wanted.After(end) {
			t.Errorf("collected: %+v, %v", made, err)
		}
		r.Proven()
	})
}

// Two who said yes, and are one person by a merge of their accounts, count once:
// the review begins anew, from the first stage.
func TestAMergeOfTwoWhoSaidYes(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		votes int
		state access.RequestState
	}{"approved": {1, access.Approved}, "in the last stage": {2, access.InReview}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := desktest.NewRig(t, desktest.Sqlite(t))
			publish(r, func(p *policy.Policy) {
				twoOffices(p)
				p.Stages[0].Votes = tt.votes
			})
			q := r.Submitted()
			r.Act(r.As("ana", access.DoorCourse), q.Code(), access.Endorse, access.Move{})
			r.Act(r.As("dana", access.DoorAccount), q.Code(), access.Approve, access.Move{})
			if c := r.Act(r.As("priya", access.DoorAccount), q.Code(), access.Approve, access.Move{}); c.Request.State != tt.state {
				t.Fatalf("both said yes, and it is %s", c.Request.State)
			}
			left := r.Person("priya")
			r.Must(r.W.MergeUsers("priya", "dana"))
			r.Must(r.Followed(left, "dana"))
			now := r.Request(q.ID)
			if now.State != access.InReview || now.Stage != 1 || now.Round != 1 || len(now.Approvals()) != 0 || now.Endorsement().Person != r.As("ana", access.DoorCourse).Person {
				t.Errorf("it is %s in stage %d, round %d: %+v", now.State, now.Stage, now.Round, now.Votes)
			}
			r.Proven()
		})
	}
}
