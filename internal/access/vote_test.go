package access

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/policy"
)

// A review goes through the stages of its policy; each takes as many people as
// the policy says, and whoever decided in one decides in no other.
func TestStages(t *testing.T) {
	t.Parallel()
	p := twoOffices()
	rae := PersonID("per_rae")
	r := at(AwaitingSponsor)
	step := func(do Action, who Actor, m Move, state RequestState, stage int, now time.Time) Effect {
		t.Helper()
		m.Policy, who.LaunchedAt = p, now
		after, effect, err := Apply(r, do, who, m, now)
		if err != nil || after.State != state || after.Stage != stage {
			t.Fatalf("%s by %s: %s in stage %d, %v; want %s in stage %d", do, who.Person, after.State, after.Stage, err, state, stage)
		}
		r = after
		return effect
	}
	refused := func(do Action, who Actor, why Why) {
		t.Helper()
		m := because
		m.Policy = p
		if _, _, err := Apply(r, do, who, m, t0); WhyOf(err) != why || Can(r, do, who) {
			t.Fatalf("%s by %s: %v, want %q", do, who.Person, err, why)
		}
	}
	step(Endorse, person(ana), Move{Note: "I know it"}, InReview, 1, t0)
	step(Claim, reviewer(dana), Move{}, InReview, 1, t0)
	if e := step(Approve, reviewer(dana), Move{Conditions: "this course", End: t0.Add(50 * day)}, InReview, 1, t0); e != TellReviewers {
		t.Errorf("one of two said yes: then %q", e)
	}
	if r.Claim() != (Vote{}) || r.Decision() != (Vote{}) || len(r.Approvals()) != 1 || !r.CollectBy.Equal(t0.Add(10*day)) {
		t.Errorf("one of two said yes, and that is %+v", r)
	}
	since := r.ReviewSince
	for _, do := range []Action{Claim, Approve, Deny} {
		refused(do, reviewer(dana), WhySecondPerson)
		refused(do, reviewer(ana), WhySponsorDecides)
		refused(do, reviewer(maya), WhySelf)
	}
	step(Approve, reviewer(evan), Move{Conditions: "no grades", End: t0.Add(40 * day)}, InReview, 2, t0.Add(day))
	if !r.ReviewSince.Equal(t0.Add(day)) || r.ReviewSince.Equal(since) {
		t.Errorf("the second stage began at %v", r.ReviewSince)
	}
	refused(Approve, reviewer(dana), WhySecondPerson)
	refused(Approve, reviewer(evan), WhySecondPerson)
	waiting := r
	if e := step(Approve, reviewer(rae), Move{}, Approved, 0, t0.Add(day)); e != TellApproved {
		t.Errorf("all said yes: then %q", e)
	}
	if r.Decision().Person != rae || r.Conditions() != "this course\nno grades" || !r.End.Equal(t0.Add(40*day)) || len(r.Voters()) != 4 {
		t.Errorf("approved: %+v", r)
	}
	if by, when := r.Decider(); by != rae || !when.Equal(t0.Add(day)) {
		t.Errorf("decided by %s at %v", by, when)
	}
	for _, p := range []PersonID{dana, evan, rae} {
		if !r.Decided(p) {
			t.Errorf("%s decided, and did not", p)
		}
	}
	if r.Decided(ana) || r.Decided("") {
		t.Error("the sponsor decided")
	}

	// A no in any stage ends it; what was said before stays said.
	r = waiting
	step(Deny, reviewer(rae), because, Denied, 0, t0.Add(day))
	if no := r.Refusal(); no.Person != rae || no.Stage != 2 || r.Reason() != "because" || no.Alternative != "export" || len(r.Approvals()) != 2 {
		t.Errorf("denied: %+v", r)
	}

	// Sent back, it begins anew in the first stage: all may vote again.
	r = waiting
	r.State, r.Stage = Approved, 0
	step(Return, SystemActor, Move{To: InReview}, InReview, 1, t0.Add(2*day))
	if r.Endorsement().Person != ana || r.Endorsement().Round != r.Round || len(r.Approvals()) != 0 {
		t.Errorf("returned: %+v", r)
	}
	step(Approve, reviewer(dana), Move{}, InReview, 1, t0.Add(2*day))
	step(EndSponsor, person(ana), Move{LostName: "Ana"}, AwaitingSponsor, 0, t0.Add(2*day))
	if r.Endorsement() != (Vote{}) || len(r.Approvals()) != 0 || len(r.Voters()) != 0 {
		t.Errorf("its sponsor left: %+v", r)
	}
}

// A stage that the policy does not have is passed by nobody.
func TestNoStage(t *testing.T) {
	t.Parallel()
	none := policy.BuiltIn()
	none.Stages = nil
	for name, tt := range map[string]struct {
		stage int
		p     policy.Policy
	}{
		"no stage at all":          {1, none},
		"a stage beyond the last":  {2, policy.BuiltIn()},
		"a stage before the first": {0, policy.BuiltIn()},
		"a stage below everything": {-1, policy.BuiltIn()},
	} {
		r := at(InReview)
		r.Stage = tt.stage
		after, _, err := Apply(r, Approve, reviewer(dana), Move{Policy: tt.p}, t0)
		if err == nil && (after.State != InReview || after.Stage != tt.stage) {
			t.Errorf("%s: %s in stage %d", name, after.State, after.Stage)
		}
		if denied, _, err := Apply(r, Deny, reviewer(dana), because, t0); err != nil || denied.State != Denied {
			t.Errorf("%s: a no does not end it: %v, %v", name, denied.State, err)
		}
	}
}

// What a rescission says is no vote: who took an approval back is not who gave it.
func TestRescindedByWhom(t *testing.T) {
	t.Parallel()
	r := at(Approved)
	r.Votes = append(r.Votes, Vote{Stage: 1, Part: AsReviewer, Person: dana, Verdict: Yes, At: t0, Reason: "fine"})
	for _, who := range []Actor{reviewer(evan), reviewer(dana), {Operator: "root"}} {
		after, _, err := Apply(r, Rescind, who, because, t0.Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		by, when := after.Decider()
		if by != who.Person || !when.Equal(t0.Add(time.Hour)) || after.Reason() != "because" || after.Decision().Person != dana || !reflect.DeepEqual(after.Votes, r.Votes) {
			t.Errorf("by %+v: %s at %v, %+v", who, by, when, after)
		}
	}
	if _, _, err := Apply(r, Rescind, person(ana), because, t0); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("by the sponsor: %v", err)
	}
}
