package access

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/policy"
)

var requestLife = life[Request, RequestState, Move]{
	states: RequestStates,
	m: Move{Reason: "because", Note: "fine", Alternative: "export", AltText: "a file", Conditions: "only this course", End: t0.Add(40 * day),
		Sponsor: next, LostName: "Ana Åberg", Extend: 2 * time.Hour},
	whole: func(s RequestState) Request {
		r := full[Request]()
		r.State, r.Requester, r.Sponsor, r.EndorsedBy, r.End, r.ClosedAt = s, maya, ana, ana, t0.Add(60*day), time.Time{}
		return r
	},
	nobody: func(r *Request) { r.Sponsor, r.EndorsedBy, r.ClaimedBy = "", "", "" },
	end: func(r *Request, to RequestState) {
		r.State, r.UpdatedAt = to, t0
		r.Version++
		if to.Final() {
			r.ClosedAt = t0
		}
	},
	apply: func(r Request, do Action, who Actor, m Move) (Request, Effect, error) {
		m.Policy = policy.BuiltIn()
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
		{do: Submit, from: []RequestState{Draft}, as: []Part{AsRequester}, to: AwaitingReview, effect: TellReviewers,
			with: func(m *Move) { m.To = AwaitingReview },
			then: func(r *Request, _ PersonID, _ Move) {
				r.SubmittedAt, r.Sponsor, r.ReviewSince, r.ReviewDue = t0, "", t0, t0.Add(7*day)
			}},
		{do: Discard, from: []RequestState{Draft}, as: []Part{AsRequester, AsSystem}, to: Discarded},
		{do: Endorse, from: []RequestState{AwaitingSponsor}, as: []Part{AsSponsor}, to: AwaitingReview, fresh: true, effect: TellEndorsed,
			then: func(r *Request, who PersonID, m Move) {
				r.EndorsedAt, r.EndorsedBy, r.SponsorNote, r.ReviewSince, r.ReviewDue = t0, who, m.Note, t0, t0.Add(7*day)
				if !m.End.IsZero() {
					r.End = m.End
				}
			}},
		{do: Decline, from: []RequestState{AwaitingSponsor}, as: []Part{AsSponsor}, to: SponsorDeclined, effect: TellDeclined,
			then: func(r *Request, _ PersonID, m Move) {
				r.Reason, r.Alternative, r.AltText = m.Reason, m.Alternative, m.AltText
			}},
		{do: ChooseSponsor, from: []RequestState{AwaitingSponsor}, as: []Part{AsRequester}, effect: TellSponsor,
			then: func(r *Request, _ PersonID, m Move) {
				r.Sponsor, r.SponsorLost, r.SponsorDue = m.Sponsor, "", t0.Add(14*day)
			}},
		{do: LoseSponsor, from: []RequestState{AwaitingSponsor}, as: []Part{AsSystem}, effect: TellSponsorGone,
			then: func(r *Request, _ PersonID, m Move) { r.Sponsor, r.SponsorLost = "", m.LostName }},
		{do: Lapse, from: []RequestState{AwaitingSponsor, AwaitingReview, Approved}, as: []Part{AsSystem}, to: Lapsed, effect: TellLapsed},
		{do: Withdraw, from: []RequestState{AwaitingSponsor, AwaitingReview, Approved}, as: []Part{AsRequester}, to: Withdrawn, effect: TellWithdrawn},
		{do: Claim, from: []RequestState{AwaitingReview}, as: []Part{AsReviewer},
			given: func(r *Request) { r.ClaimedBy = "" },
			then:  func(r *Request, who PersonID, _ Move) { r.ClaimedBy, r.ClaimedAt = who, t0 }},
		{do: Release, from: []RequestState{AwaitingReview}, as: []Part{AsReviewer, AsSystem},
			given: func(r *Request) { r.ClaimedBy = dana },
			then:  func(r *Request, _ PersonID, _ Move) { r.ClaimedBy, r.ClaimedAt = "", time.Time{} }},
		{do: Approve, from: []RequestState{AwaitingReview}, as: []Part{AsReviewer}, to: Approved, fresh: true, effect: TellApproved,
			given: func(r *Request) { r.ClaimedBy = "" },
			then: func(r *Request, who PersonID, m Move) {
				r.ClaimedBy, r.ClaimedAt, r.DecidedBy, r.DecidedAt = who, t0, who, t0
				r.Reason, r.Conditions, r.CollectBy = m.Reason, m.Conditions, t0.Add(14*day)
				if !m.End.IsZero() {
					r.End = m.End
				}
			}},
		{do: Deny, from: []RequestState{AwaitingReview}, as: []Part{AsReviewer}, to: Denied, fresh: true, effect: TellDenied,
			given: func(r *Request) { r.ClaimedBy = dana }, then: decided},
		{do: Rescind, from: []RequestState{Approved}, as: []Part{AsReviewer}, to: Rescinded, effect: TellRescinded, then: decided},
		{do: Return, from: []RequestState{AwaitingReview, Approved}, as: []Part{AsSystem}, to: AwaitingSponsor, effect: TellReturned,
			with: func(m *Move) { m.To = AwaitingSponsor },
			then: func(r *Request, who PersonID, m Move) {
				undecided(r, who, m)
				r.EndorsedAt, r.EndorsedBy, r.SponsorNote = time.Time{}, "", ""
				r.ReturnedWhy = m.Why
				r.Sponsor, r.SponsorLost, r.SponsorDue = "", m.LostName, t0.Add(14*day)
			}},
		{do: EndSponsor, from: []RequestState{AwaitingReview, Approved}, as: []Part{AsSponsor}, to: AwaitingSponsor, effect: TellSponsorLeft,
			then: func(r *Request, who PersonID, m Move) {
				undecided(r, who, m)
				r.EndorsedAt, r.EndorsedBy, r.SponsorNote = time.Time{}, "", ""
				r.Sponsor, r.SponsorLost, r.SponsorDue = "", m.LostName, t0.Add(14*day)
			}},
		{do: Return, from: []RequestState{Approved}, as: []Part{AsSystem}, to: AwaitingReview, effect: TellReturned,
			with: func(m *Move) { m.To = AwaitingReview },
			then: func(r *Request, who PersonID, m Move) {
				undecided(r, who, m)
				r.ReviewSince, r.ReviewDue, r.ReturnedWhy = t0, t0.Add(7*day), m.Why
			}},
		{do: Collect, from: []RequestState{Approved}, as: []Part{AsRequester}, to: Collecting, fresh: true, given: func(r *Request) { r.Adopts = "" }},
		{do: Adopt, from: []RequestState{Approved}, as: []Part{AsSystem}, to: Fulfilled},
		{do: HandOver, from: []RequestState{Collecting}, as: []Part{AsSystem}, to: Fulfilled},
		{do: MintFailed, from: []RequestState{Collecting}, as: []Part{AsSystem}, to: Approved,
			then: func(r *Request, _ PersonID, m Move) { r.CollectBy = r.CollectBy.Add(m.Extend) }},
	},
}

func decided(r *Request, who PersonID, m Move) {
	r.Reason, r.Alternative, r.AltText, r.DecidedBy, r.DecidedAt = m.Reason, m.Alternative, m.AltText, who, t0
}

func undecided(r *Request, _ PersonID, m Move) {
	r.DecidedBy, r.DecidedAt, r.Conditions, r.Reason = "", time.Time{}, "", m.Reason
	r.ClaimedBy, r.ClaimedAt, r.CollectBy = "", time.Time{}, time.Time{}
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
