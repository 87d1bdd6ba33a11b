package workflow

import (
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
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
	each(t, func(r *rig) {
		t, ctx := r.t, r.t.Context()
		before := r.submitted()
		r.publish(twoOffices)
		q := r.submittedBy("luca")
		ana, dana := r.as("ana", access.DoorCourse), r.as("dana", access.DoorAccount)
		r.act(ana, before.Code(), access.Endorse, access.Move{})
		if c := r.act(dana, before.Code(), access.Approve, access.Move{}); c.Request.State != access.Approved {
			t.Errorf("what was sent before the second stage was published is %s", c.Request.State)
		}
		r.act(ana, q.Code(), access.Endorse, access.Move{})
		read := r.termsOf(q.Code())
		r.act(dana, q.Code(), access.Claim, access.Move{})
		end := q.End.AddDate(0, 0, -2)
		r.clock.Advance(time.Minute)
		dana = r.as("dana", access.DoorAccount)
		priya := r.as("priya", access.DoorAccount)
		letters := r.happened(audit.RequestApprove)
		c := r.act(dana, q.Code(), access.Approve, access.Move{Conditions: "This course.", End: end})
		if c.Request.State != access.InReview || c.Request.Stage != 2 || c.Request.Claim().Said() || c.Why != access.WhySecondPerson ||
			c.Can[access.Approve] || c.Can[access.Claim] || c.Can[access.Deny] || !c.Request.ReviewSince.Equal(r.clock.Now()) {
			t.Errorf("after the first stage it is %s in stage %d, %q, %v", c.Request.State, c.Request.Stage, c.Why, c.Can)
		}
		if r.happened(audit.RequestApprove) != letters+1 {
			t.Error("a yes is not in the log")
		}
		// Pressed twice, nothing more happens.
		if c := r.act(dana, q.Code(), access.Approve, access.Move{}); c.Request.Version != r.request(q.ID).Version || c.Request.Stage != 2 {
			t.Errorf("pressed twice it is in stage %d", c.Request.Stage)
		}
		for _, do := range []access.Action{access.Deny, access.Claim} {
			_, err := r.Act(ctx, dana, q.Code(), do, access.Move{Reason: "x", Alternative: "export"}, r.termsOf(q.Code()))
			if access.WhyOf(err) != access.WhySecondPerson {
				t.Errorf("%s by who said yes: %v", do, err)
			}
		}
		_, err := r.Act(ctx, priya, q.Code(), access.Approve, access.Move{}, read)
		r.reread("the second office, which read the page before", err, access.TermsEnd, access.TermsConditions, access.TermsStage, access.TermsAgreement)
		c = r.act(priya, q.Code(), access.Approve, access.Move{})
		if c.Request.State != access.Approved || !c.Request.End.Equal(end) || c.Request.Conditions() != "This course." || c.Request.Decision().Person != priya.Person {
			t.Errorf("after the second stage it is %+v", c.Request)
		}
		r.unhurried()
		if made, err := r.Collect(ctx, r.as("luca", access.DoorCourse), q.Code()); err != nil || made.Stage != StageSecret || made.Grant.Wanted.After(end) {
			t.Errorf("collected: %+v, %v", made, err)
		}
		r.proven()
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
			r := newRig(t, sqlite(t))
			r.publish(func(p *policy.Policy) {
				twoOffices(p)
				p.Stages[0].Votes = tt.votes
			})
			q := r.submitted()
			r.act(r.as("ana", access.DoorCourse), q.Code(), access.Endorse, access.Move{})
			r.act(r.as("dana", access.DoorAccount), q.Code(), access.Approve, access.Move{})
			if c := r.act(r.as("priya", access.DoorAccount), q.Code(), access.Approve, access.Move{}); c.Request.State != tt.state {
				t.Fatalf("both said yes, and it is %s", c.Request.State)
			}
			left := r.person("priya")
			r.must(r.w.MergeUsers("priya", "dana"))
			r.must(r.followed(left, "dana"))
			now := r.request(q.ID)
			if now.State != access.InReview || now.Stage != 1 || now.Round != 1 || len(now.Approvals()) != 0 || now.Endorsement().Person != r.as("ana", access.DoorCourse).Person {
				t.Errorf("it is %s in stage %d, round %d: %+v", now.State, now.Stage, now.Round, now.Votes)
			}
			r.proven()
		})
	}
}
