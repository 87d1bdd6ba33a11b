package access

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/policy"
)

var endorsement = Vote{Round: 2, Part: AsSponsor, Person: ana, Verdict: Yes, At: t0.Add(-day), Reason: "I know it"}

// votes adds one to those of the request's round, in place of the claim.
func votes(r *Request, v Vote) {
	v.Round = r.Round
	if n := len(r.Votes); n > 0 && r.Votes[n-1].Verdict == Claimed {
		r.Votes = r.Votes[:n-1]
	}
	r.Votes = append(slices.Clone(r.Votes), v)
}

// yes is a yes to a move, which shortens the end.
func yes(r *Request, as Part, stage int, who PersonID, reason string, m Move) {
	v := Vote{Stage: stage, Part: as, Person: who, Verdict: Yes, At: t0, Reason: reason, Conditions: m.Conditions, Alternative: m.Alternative, AltText: m.AltText}
	if !m.End.IsZero() && m.End.Before(r.End) {
		v.End, r.End = m.End, m.End
	}
	votes(r, v)
}

// twoOffices is a review of two stages, the first of which takes two people.
func twoOffices() policy.Policy {
	p := policy.BuiltIn()
	p.Stages = []policy.Stage{{Name: "Canvas team", By: policy.Reviewers, Votes: 2}, {Name: "Security office", By: policy.Reviewers, Votes: 1}}
	return p
}

var requestLife = life[Request, RequestState, Move]{
	states: RequestStates,
	m: Move{Reason: "because", Note: "fine", Alternative: "export", AltText: "a file", Conditions: "only this course", End: t0.Add(40 * day),
		Sponsor: next, LostName: "Ana Åberg", Extend: 2 * time.Hour},
	whole: func(s RequestState) Request {
		r := full[Request]()
		r.State, r.Requester, r.Sponsor, r.End, r.ClosedAt = s, maya, ana, t0.Add(60*day), time.Time{}
		r.Stage, r.Round, r.Votes = 0, 2, Votes{{Round: 1, Stage: 1, Part: AsReviewer, Person: evan, Verdict: Yes}, endorsement}
		if s == InReview {
			r.Stage = 1
		}
		return r
	},
	nobody: func(r *Request) { r.Sponsor, r.Votes = "", nil },
	end: func(r *Request, to RequestState) {
		r.State, r.UpdatedAt = to, t0
		r.Version++
		if to.Final() {
			r.ClosedAt = t0
		}
	},
	apply: func(r Request, do Action, who Actor, m Move) (Request, Effect, error) {
		if m.Policy.Version == 0 {
			m.Policy = policy.BuiltIn()
		}
		return Apply(r, do, who, m, t0)
	},
	can:    Can,
	actors: everybody(),
	moves: []move[Request, RequestState, Move]{
		{do: Submit, from: []RequestState{Draft}, as: []Part{AsRequester}, to: AwaitingSponsor, effect: TellSponsor,
			with: func(m *Move) { m.To = AwaitingSponsor },
			then: func(r *Request, _ PersonID, m Move) {
				r.SubmittedAt, r.Sponsor, r.SponsorDue = t0, m.Sponsor, t0.Add(14*day)
			}},
		{do: Submit, from: []RequestState{Draft}, as: []Part{AsRequester}, to: InReview, effect: TellReviewers,
			with: func(m *Move) { m.To = InReview },
			then: func(r *Request, _ PersonID, _ Move) {
				r.SubmittedAt, r.Sponsor, r.Stage, r.ReviewSince, r.ReviewDue = t0, "", 1, t0, t0.Add(7*day)
			}},
		{do: Discard, from: []RequestState{Draft}, as: []Part{AsRequester, AsSystem}, to: Discarded},
		{do: Endorse, from: []RequestState{AwaitingSponsor}, as: []Part{AsSponsor}, to: InReview, fresh: true, effect: TellEndorsed, given: unendorsed,
			then: func(r *Request, who PersonID, m Move) {
				yes(r, AsSponsor, 0, who, m.Note, m)
				r.Stage, r.ReviewSince, r.ReviewDue = 1, t0, t0.Add(7*day)
			}},
		{do: Decline, from: []RequestState{AwaitingSponsor}, as: []Part{AsSponsor}, to: SponsorDeclined, effect: TellDeclined, given: unendorsed,
			then: func(r *Request, who PersonID, m Move) { votes(r, no(AsSponsor, 0, who, m)) }},
		{do: ChooseSponsor, from: []RequestState{AwaitingSponsor}, as: []Part{AsRequester}, effect: TellSponsor,
			then: func(r *Request, _ PersonID, m Move) {
				r.Sponsor, r.SponsorLost, r.SponsorDue = m.Sponsor, "", t0.Add(14*day)
			}},
		{do: LoseSponsor, from: []RequestState{AwaitingSponsor}, as: []Part{AsSystem}, effect: TellSponsorGone,
			then: func(r *Request, _ PersonID, m Move) { r.Sponsor, r.SponsorLost = "", m.LostName }},
		{do: Lapse, from: []RequestState{AwaitingSponsor, InReview, Approved}, as: []Part{AsSystem}, to: Lapsed, effect: TellLapsed, then: unstaged},
		{do: Withdraw, from: []RequestState{AwaitingSponsor, InReview, Approved}, as: []Part{AsRequester}, to: Withdrawn, effect: TellWithdrawn, then: unstaged},
		{do: Claim, from: []RequestState{InReview}, as: []Part{AsReviewer},
			then: func(r *Request, who PersonID, _ Move) { votes(r, claimedBy(who)) }},
		{do: Release, from: []RequestState{InReview}, as: []Part{AsReviewer, AsSystem},
			given: func(r *Request) { votes(r, claimedBy(dana)) },
			then:  func(r *Request, _ PersonID, _ Move) { r.Votes = r.Votes[:len(r.Votes)-1] }},
		{do: Approve, from: []RequestState{InReview}, as: []Part{AsReviewer}, to: Approved, fresh: true, effect: TellApproved,
			then: func(r *Request, who PersonID, m Move) {
				yes(r, AsReviewer, 1, who, m.Reason, m)
				r.Stage, r.Remark, r.CollectBy = 0, "", t0.Add(14*day)
			}},
		{do: Approve, from: []RequestState{InReview}, as: []Part{AsReviewer}, to: InReview, fresh: true, effect: TellReviewers,
			with: func(m *Move) { m.Policy = twoOffices() },
			then: func(r *Request, who PersonID, m Move) { yes(r, AsReviewer, 1, who, m.Reason, m) }},
		{do: Deny, from: []RequestState{InReview}, as: []Part{AsReviewer}, to: Denied, fresh: true, effect: TellDenied,
			given: func(r *Request) { votes(r, claimedBy(dana)) },
			then: func(r *Request, who PersonID, m Move) {
				r.Stage = 0
				votes(r, no(AsReviewer, 1, who, m))
			}},
		{do: Rescind, from: []RequestState{Approved}, as: []Part{AsReviewer}, to: Rescinded, effect: TellRescinded,
			then: func(r *Request, who PersonID, m Move) { r.EndedBy, r.Remark = who, m.Reason }},
		{do: Return, from: []RequestState{InReview, Approved}, as: []Part{AsSystem}, to: AwaitingSponsor, effect: TellReturned,
			with: func(m *Move) { m.To = AwaitingSponsor },
			then: func(r *Request, who PersonID, m Move) {
				undecided(r, who, m)
				r.ReturnedWhy = m.Why
				r.Sponsor, r.SponsorLost, r.SponsorDue = "", m.LostName, t0.Add(14*day)
			}},
		{do: EndSponsor, from: []RequestState{InReview, Approved}, as: []Part{AsSponsor}, to: AwaitingSponsor, effect: TellSponsorLeft,
			then: func(r *Request, who PersonID, m Move) {
				undecided(r, who, m)
				r.Sponsor, r.SponsorLost, r.SponsorDue = "", m.LostName, t0.Add(14*day)
			}},
		{do: Return, from: []RequestState{Approved, InReview}, as: []Part{AsSystem}, to: InReview, effect: TellReturned,
			with: func(m *Move) { m.To = InReview },
			then: func(r *Request, who PersonID, m Move) {
				undecided(r, who, m)
				votes(r, endorsement)
				r.Stage, r.ReviewSince, r.ReviewDue, r.ReturnedWhy = 1, t0, t0.Add(7*day), m.Why
			}},
		{do: Collect, from: []RequestState{Approved}, as: []Part{AsRequester}, to: Collecting, fresh: true, given: func(r *Request) { r.Adopts = "" }},
		{do: Adopt, from: []RequestState{Approved}, as: []Part{AsSystem}, to: Fulfilled},
		{do: HandOver, from: []RequestState{Collecting}, as: []Part{AsSystem}, to: Fulfilled},
		{do: MintFailed, from: []RequestState{Collecting}, as: []Part{AsSystem}, to: Approved,
			then: func(r *Request, _ PersonID, m Move) { r.CollectBy = r.CollectBy.Add(m.Extend) }},
	},
}

func unstaged(r *Request, _ PersonID, _ Move) { r.Stage = 0 }

func unendorsed(r *Request) { r.Votes = r.Votes[:1] }

func no(as Part, stage int, who PersonID, m Move) Vote {
	return Vote{Stage: stage, Part: as, Person: who, Verdict: No, At: t0, Reason: m.Reason, Conditions: m.Conditions, Alternative: m.Alternative, AltText: m.AltText}
}

func undecided(r *Request, _ PersonID, m Move) {
	r.Stage, r.Round, r.CollectBy, r.Remark = 0, r.Round+1, time.Time{}, m.Reason
}

func TestRequestMoves(t *testing.T) {
	t.Parallel()
	requestLife.test(t)
}

// Whoever asks, stands or stood for a request has no part in its review, for any
// move.
func TestReviewersAreOthers(t *testing.T) {
	t.Parallel()
	for _, line := range requestLife.moves {
		if !slices.Contains(line.as, AsReviewer) {
			continue
		}
		for name, tt := range map[string]struct {
			who     PersonID
			sponsor PersonID
			why     Why
		}{
			"the requester":         {maya, ana, WhySelf},
			"the sponsor":           {ana, ana, WhySponsorDecides},
			"an earlier sponsor":    {ana, next, WhySponsorDecides},
			"who sponsors oneself":  {maya, maya, WhySelf},
			"another one, reviewer": {dana, ana, ""},
		} {
			r := requestLife.whole(line.from[0])
			if line.given != nil {
				line.given(&r)
			}
			r.Sponsor = tt.sponsor
			want := Refuse(tt.why)
			if tt.why == "" {
				want = nil
			}
			_, _, err := requestLife.apply(r, line.do, reviewer(tt.who), requestLife.m)
			if !reflect.DeepEqual(err, want) || Can(r, line.do, reviewer(tt.who)) != (want == nil) {
				t.Errorf("%s by %s: %v, want %v", line.do, name, err, want)
			}
		}
	}
}
