package access

import (
	"slices"
	"strings"
	"time"
)

// Verdict is what somebody says with a vote.
type Verdict string

// The verdicts.
const (
	Claimed Verdict = "claim" // has begun to decide, and says yes or no later
	Yes     Verdict = "yes"
	No      Verdict = "no"
)

// Vote is what one person said in one stage of a decision that takes others than
// the owner: a sponsor's answer, a reviewer's decision, a yes to a thaw or to an
// allow-list entry. One that says yes or no never changes.
type Vote struct {
	// Round counts how often the decision began anew; only votes of the object's
	// present round count.
	Round int
	// Stage is the stage of the policy, from 1; 0 is the sponsor's answer, which
	// comes before all of them.
	Stage   int
	Part    Part
	Person  PersonID
	Verdict Verdict
	At      time.Time

	Reason      string    // in their words; with a sponsor's yes it is a note
	Conditions  string    // which the yes is bound to
	Alternative string    // what a no offers instead: choice key
	AltText     string    // and in words
	End         time.Time // the earlier end, or the date of review, that the yes is for; zero for none
}

// Said reports whether it is more than a claim, or than nothing.
func (v Vote) Said() bool { return v.Verdict == Yes || v.Verdict == No }

// Votes are the votes about one object, oldest first.
type Votes []Vote

// of are the votes of a round that match.
func (vs Votes) of(round int, match func(Vote) bool) Votes {
	var out Votes
	for _, v := range vs {
		if v.Round == round && match(v) {
			out = append(out, v)
		}
	}
	return out
}

// last is the last vote, or none.
func (vs Votes) last() Vote {
	if len(vs) == 0 {
		return Vote{}
	}
	return vs[len(vs)-1]
}

// with is vs and one vote more, in place of the claim that its person had in its
// stage.
func (vs Votes) with(v Vote) Votes { return append(vs.without(v.Round, v.Stage), v) }

// without is vs without the claims of a stage.
func (vs Votes) without(round, stage int) Votes {
	return slices.DeleteFunc(slices.Clone(vs), func(o Vote) bool { return o.Round == round && o.Stage == stage && o.Verdict == Claimed })
}

// spoke reports whether a person said yes or no in a round, in whatever part.
func (vs Votes) spoke(round int, who PersonID) bool {
	return who != "" && len(vs.of(round, func(v Vote) bool { return v.Person == who && v.Said() })) > 0
}

// Endorsement is the sponsor's yes, or none.
func (r Request) Endorsement() Vote {
	return r.Votes.of(r.Round, func(v Vote) bool { return v.Stage == 0 && v.Verdict == Yes }).last()
}

// Claim is the vote of whoever has begun to decide on a request in review and
// has not said how, or none.
func (r Request) Claim() Vote {
	if r.State != InReview {
		return Vote{}
	}
	return r.Votes.of(r.Round, func(v Vote) bool { return v.Stage == r.Stage && v.Verdict == Claimed }).last()
}

// Approvals are what reviewers said yes with, in all stages, oldest first.
func (r Request) Approvals() Votes {
	return r.Votes.of(r.Round, func(v Vote) bool { return v.Stage > 0 && v.Verdict == Yes })
}

// SaidYes are the yes votes in the stage that the request stands in.
func (r Request) SaidYes() Votes {
	return r.Votes.of(r.Round, func(v Vote) bool { return v.Stage == r.Stage && v.Verdict == Yes })
}

// Decision is the vote that ended the review, or none while there is no end of it.
func (r Request) Decision() Vote {
	if r.State == InReview || r.State == AwaitingSponsor {
		return Vote{}
	}
	return r.Votes.of(r.Round, func(v Vote) bool { return v.Stage > 0 && v.Said() }).last()
}

// Refusal is the no that ended the request, the sponsor's or a reviewer's, or none.
func (r Request) Refusal() Vote {
	return r.Votes.of(r.Round, func(v Vote) bool { return v.Verdict == No }).last()
}

// Decider is who decided last about the request, and when: who took its approval
// back, or whose vote ended the review. An operator is no person.
func (r Request) Decider() (PersonID, time.Time) {
	if r.State == Rescinded {
		return r.EndedBy, r.ClosedAt
	}
	d := r.Decision()
	return d.Person, d.At
}

// Decided reports whether p decided about the request as a reviewer, in this round.
func (r Request) Decided(p PersonID) bool {
	return len(r.Votes.of(r.Round, func(v Vote) bool { return p != "" && v.Person == p && v.Stage > 0 && v.Said() })) > 0
}

// Reason is in whose words the request came to where it is: of the no that ended
// it, or of whoever took it back or sent it back.
func (r Request) Reason() string {
	if no := r.Refusal(); no.Verdict == No {
		return no.Reason
	}
	return r.Remark
}

// Conditions are what its approvals are bound to, one after the other.
func (r Request) Conditions() string {
	var all []string
	for _, v := range r.Approvals() {
		if v.Conditions != "" {
			all = append(all, v.Conditions)
		}
	}
	return strings.Join(all, "\n")
}

// Voters are all people who voted on it in this round.
func (r Request) Voters() []PersonID {
	return r.Votes.of(r.Round, func(Vote) bool { return true }).people()
}

func (vs Votes) people() []PersonID {
	out := make([]PersonID, len(vs))
	for i, v := range vs {
		out[i] = v.Person
	}
	return out
}

// FirstThaw is the yes of the first of the two who thaw, or none.
func (g Grant) FirstThaw() Vote {
	if g.State != Frozen {
		return Vote{}
	}
	return g.Votes.of(g.Round, func(v Vote) bool { return v.Verdict == Yes }).last()
}

// Allowing are the yes of the first of the two who put a found token on the
// allow-list, who says why and until when, and of the second; or none.
func (f Found) Allowing() (one, two Vote) {
	for _, v := range f.Votes.of(f.Round, func(v Vote) bool { return v.Verdict == Yes }) {
		if one.Verdict == "" && !v.End.IsZero() {
			one = v
		} else {
			two = v
		}
	}
	return one, two
}
