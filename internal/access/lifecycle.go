package access

import (
	"errors"
	"slices"
	"time"

	"github.com/tokendesk/tokendesk/internal/policy"
)

// The moves of a request.
const (
	Submit        Action = "submit"
	Discard       Action = "discard"
	Withdraw      Action = "withdraw"
	Endorse       Action = "endorse"
	Decline       Action = "decline"
	ChooseSponsor Action = "choose_sponsor"
	LoseSponsor   Action = "lose_sponsor"
	Claim         Action = "claim"
	Release       Action = "release"
	Approve       Action = "approve"
	Deny          Action = "deny"
	Rescind       Action = "rescind"
	Lapse         Action = "lapse"
	Return        Action = "return" // eligibility lost after approval: back to the earliest failing stage
	Collect       Action = "collect"
	MintFailed    Action = "mint_failed"
	HandOver      Action = "hand_over"
	Adopt         Action = "adopt" // instead of a collection: the token exists already
	// Refile starts a new request from an ended one; the ended one does not move.
	Refile Action = "refile"
)

// Effect names what must follow a move, who is told and which job; the desk
// turns it into jobs in the same transaction.
type Effect string

// The effects of a request's moves.
const (
	NoEffect        Effect = ""
	TellSponsor     Effect = "tell_sponsor"
	TellReviewers   Effect = "tell_reviewers"
	TellEndorsed    Effect = "tell_endorsed" // requester: said yes; reviewers: one more waits
	TellDeclined    Effect = "tell_declined"
	TellSponsorGone Effect = "tell_sponsor_gone"
	TellApproved    Effect = "tell_approved"
	TellDenied      Effect = "tell_denied"
	TellRescinded   Effect = "tell_rescinded"
	TellWithdrawn   Effect = "tell_withdrawn"
	TellLapsed      Effect = "tell_lapsed"
	TellReturned    Effect = "tell_returned"
	TellSponsorLeft Effect = "tell_sponsor_left"
)

// The effects of a grant's moves: jobs that settle it in Canvas, and who is told.
const (
	RecoverAttempt Effect = "recover_attempt" // a job for when its process dies
	RecoverSoon    Effect = "recover_soon"
	FollowToken    Effect = "follow_token"  // watch it, look for strays; owner: activate it
	SweepAttempt   Effect = "sweep_attempt" // look for strays
	ClearLost      Effect = "clear_lost"    // delete what was lost; owner
	ClearThawed    Effect = "clear_thawed"  // delete what was frozen; owner
	StopInCanvas   Effect = "stop_in_canvas"
	EndInCanvas    Effect = "end_in_canvas"
	EndLeaked      Effect = "end_leaked"
	TellFrozen     Effect = "tell_frozen"
	TellDrifted    Effect = "tell_drifted" // owner, and reviewers where a limit was moved
	TellEndMoved   Effect = "tell_end_moved"
	TellGap        Effect = "tell_gap" // owner: nobody stands for it
	TellAsked      Effect = "tell_asked"
	TellTookOver   Effect = "tell_took_over"
	TellTurnedDown Effect = "tell_turned_down"
	TellRetiring   Effect = "tell_retiring"
	TellEnded      Effect = "tell_ended" // owner and sponsor, as its cause wants it; look for strays
)

// rule is one row of the request's lifecycle.
type rule struct {
	From   RequestState
	Do     Action
	As     Part
	To     RequestState
	Fresh  bool // needs a launch at most Freshness old (making and deciding; never leaving)
	Effect Effect
}

// lifecycle is the whole life of a request. What is not here is forbidden.
// Submit leads to in_review instead where the policy needs no sponsor; Approve stays
// there until the last stage of the policy is passed. Return leads to
// awaiting_sponsor where the sponsor is what was lost. EndSponsor is there until a
// collection begins; after that it is the grant's move of that name.
var lifecycle = []rule{
	{Draft, Submit, AsRequester, AwaitingSponsor, false, TellSponsor},
	{Draft, Submit, AsRequester, InReview, false, TellReviewers},
	{Draft, Discard, AsRequester, Discarded, false, NoEffect},
	{Draft, Discard, AsSystem, Discarded, false, NoEffect},

	{AwaitingSponsor, Endorse, AsSponsor, InReview, true, TellEndorsed},
	{AwaitingSponsor, Decline, AsSponsor, SponsorDeclined, false, TellDeclined},
	{AwaitingSponsor, ChooseSponsor, AsRequester, AwaitingSponsor, false, TellSponsor},
	{AwaitingSponsor, LoseSponsor, AsSystem, AwaitingSponsor, false, TellSponsorGone},
	{AwaitingSponsor, Lapse, AsSystem, Lapsed, false, TellLapsed},
	{AwaitingSponsor, Withdraw, AsRequester, Withdrawn, false, TellWithdrawn},

	{InReview, Claim, AsReviewer, InReview, false, NoEffect},
	{InReview, Release, AsReviewer, InReview, false, NoEffect},
	{InReview, Release, AsSystem, InReview, false, NoEffect},
	{InReview, Approve, AsReviewer, InReview, true, TellReviewers}, // while others must say yes too
	{InReview, Approve, AsReviewer, Approved, true, TellApproved},
	{InReview, Deny, AsReviewer, Denied, true, TellDenied},
	{InReview, Return, AsSystem, AwaitingSponsor, false, TellReturned},
	{InReview, Return, AsSystem, InReview, false, TellReturned}, // two who said yes are one person now
	{InReview, EndSponsor, AsSponsor, AwaitingSponsor, false, TellSponsorLeft},
	{InReview, Withdraw, AsRequester, Withdrawn, false, TellWithdrawn},
	{InReview, Lapse, AsSystem, Lapsed, false, TellLapsed}, // only where the token it asks to keep is gone

	{Approved, Rescind, AsReviewer, Rescinded, false, TellRescinded},
	{Approved, EndSponsor, AsSponsor, AwaitingSponsor, false, TellSponsorLeft},
	{Approved, Return, AsSystem, AwaitingSponsor, false, TellReturned},
	{Approved, Return, AsSystem, InReview, false, TellReturned},
	{Approved, Collect, AsRequester, Collecting, true, NoEffect},
	{Approved, Lapse, AsSystem, Lapsed, false, TellLapsed},
	{Approved, Withdraw, AsRequester, Withdrawn, false, TellWithdrawn},

	{Approved, Adopt, AsSystem, Fulfilled, false, NoEffect},

	{Collecting, HandOver, AsSystem, Fulfilled, false, NoEffect},
	{Collecting, MintFailed, AsSystem, Approved, false, NoEffect},
}

// NeedsPolicy reports whether a move of a request sets a time by the windows of
// the policy it is judged by.
func NeedsPolicy(do Action) bool {
	switch do {
	case Submit, ChooseSponsor, Endorse, Approve, Return, EndSponsor:
		return true
	}
	return false
}

// errNoPolicy is a mistake of the program: the windows of a move were not given.
var errNoPolicy = errors.New("a move that sets a time was made without a policy")

// Move is what a move carries besides its name.
type Move struct {
	Policy      policy.Policy // that the request is judged by; where NeedsPolicy says so
	To          RequestState  // chosen target where the table offers two; zero otherwise
	Reason      string
	Note        string
	Alternative string
	AltText     string
	Conditions  string
	End         time.Time // a shortened end; zero keeps the present one
	Sponsor     PersonID
	LostName    string         // LoseSponsor, Return, EndSponsor: whom to name
	Why         string         // Return: a code for what stood in the way of a token that was to be kept
	Zone        *time.Location // the school's zone, for business days; nil is UTC
	Extend      time.Duration  // MintFailed: outage added to the collect window
}

// parts returns the parts that who holds towards r.
func (r Request) parts(who Actor) []Part {
	if ps, only := who.parts(); only {
		return ps
	}
	var ps []Part
	if who.Person == r.Requester {
		ps = append(ps, AsRequester)
	}
	if who.Person == r.Sponsor {
		ps = append(ps, AsSponsor)
	}
	if who.Reviewer {
		ps = append(ps, AsReviewer)
	}
	return ps
}

// Can reports whether who could make the move now, for showing its button. It
// ignores freshness: the button stays, the answer explains.
func Can(r Request, do Action, who Actor) bool {
	if do == Refile {
		return who.Person == r.Requester && who.Person != "" && (r.State == SponsorDeclined || r.State == Denied || r.State == Lapsed)
	}
	_, err := find(r, do, who, "")
	return err == nil
}

// find returns the rule for the move, or why there is none. A refusal names the
// separation of duties before anything else, so that a requester who is also a
// reviewer learns the real reason.
func find(r Request, do Action, who Actor, to RequestState) (rule, error) {
	ps := r.parts(who)
	known := false
	for _, row := range lifecycle {
		if row.From != r.State || row.Do != do || (to != "" && row.To != to) {
			continue
		}
		if (do == Collect && r.Adopts != "") || (do == Adopt && r.Adopts == "") {
			continue // a token that exists is adopted, every other one is made at collection
		}
		if do == Lapse && row.From == InReview && r.Adopts == "" {
			continue // no time runs out in review
		}
		known = true
		if !slices.Contains(ps, row.As) {
			continue
		}
		if row.As == AsReviewer && who.Operator == "" {
			switch {
			case who.Person == r.Requester:
				return rule{}, Refuse(WhySelf)
			case who.Person == r.Sponsor, who.Person == r.Endorsement().Person:
				return rule{}, Refuse(WhySponsorDecides)
			case r.State == InReview && do != Release && r.Decided(who.Person):
				return rule{}, Refuse(WhySecondPerson)
			}
		}
		if row.As == AsSponsor && who.Person == r.Requester {
			return rule{}, Refuse(WhySelf)
		}
		return row, nil
	}
	if known {
		return rule{}, Refuse(WhyNotYours)
	}
	return rule{}, &TransitionError{From: string(r.State), Action: do}
}

// Apply moves r and reports the work that must follow. It returns a
// *TransitionError when the table has no such move from r's state, a *Refusal
// when it has but not for this actor or not now, and a *FormError when the move
// lacks a reason or carries an end that is not allowed. The result has its
// version raised by one.
//
// Whether a sponsor still teaches the requester, whether the requester is still
// eligible and whether Canvas confirms a reviewer is the caller's to establish
// before it builds who and m.
func Apply(r Request, do Action, who Actor, m Move, now time.Time) (Request, Effect, error) {
	if err := who.writes(do); err != nil {
		return Request{}, NoEffect, err
	}
	if do == Approve {
		m.To = InReview
		if r.passes(m.Policy) && r.Stage == len(m.Policy.Stages) {
			m.To = Approved
		}
	}
	row, err := find(r, do, who, m.To)
	if err != nil {
		return Request{}, NoEffect, err
	}
	if row.Fresh && !who.Fresh(now) {
		return Request{}, NoEffect, Refuse(WhyStale)
	}
	if err := checkMove(r, row, who, m, now); err != nil {
		return Request{}, NoEffect, err
	}
	if NeedsPolicy(do) && m.Policy.Version == 0 {
		return Request{}, NoEffect, errNoPolicy
	}
	r = change(r, row, who, m, now)
	if row.To != InReview {
		r.Votes, r.Stage = r.Votes.without(r.Round, r.Stage), 0 // what nobody will say any more
	}
	r.State, r.Version, r.UpdatedAt = row.To, r.Version+1, now
	if r.State.Final() {
		r.ClosedAt = now
	}
	return r, row.Effect, nil
}

// passes reports whether one yes more passes the stage in which r stands. One that
// p does not have is never passed.
func (r Request) passes(p policy.Policy) bool {
	stage, ok := p.Stage(r.Stage)
	return ok && len(r.SaidYes())+1 >= stage.Votes
}

func checkMove(r Request, row rule, who Actor, m Move, now time.Time) error {
	var f FormError
	holder := r.Claim().Person
	held := holder != "" && holder != who.Person
	switch row.Do {
	case Decline:
		if m.Reason == "" {
			f.Add("reason", "reason.decline", nil)
		}
	case Deny:
		if held {
			return Refuse(WhyOtherPerson)
		}
		if m.Reason == "" {
			f.Add("reason", "reason.deny", nil)
		}
		if !slices.Contains(Alternatives, m.Alternative) {
			f.Add("alternative", "alternative.missing", nil)
		} else if m.Alternative == "other" && m.AltText == "" {
			f.Add("alternative_text", "alternative.text", nil)
		}
	case Rescind:
		if m.Reason == "" {
			f.Add("reason", "reason.rescind", nil)
		}
	case Claim, Approve:
		if held {
			return Refuse(WhyOtherPerson)
		}
	case Release:
		if r.Claim().Person == "" {
			return &TransitionError{From: string(r.State), Action: row.Do}
		}
		if row.As == AsReviewer && held {
			return Refuse(WhyOtherPerson)
		}
	case Submit, ChooseSponsor:
		if m.To == AwaitingSponsor || row.Do == ChooseSponsor {
			if m.Sponsor == "" {
				f.Add("sponsor", "sponsor.missing", nil)
			} else if m.Sponsor == r.Requester {
				f.Add("sponsor", "sponsor.self", nil)
			}
		}
	}
	if !m.End.IsZero() && (row.Do == Endorse || row.Do == Approve) {
		switch {
		case m.End.After(r.End):
			f.Add("end", "end.only_shorter", map[string]any{"End": r.End})
		case !m.End.After(now):
			f.Add("end", "end.past", nil)
		}
	}
	return f.Err()
}

func change(r Request, row rule, who Actor, m Move, now time.Time) Request {
	switch row.Do {
	case Submit:
		r.SubmittedAt = now
		if row.To == AwaitingSponsor {
			r.Sponsor, r.SponsorDue = m.Sponsor, now.Add(m.Policy.Windows.SponsorAnswer)
		} else {
			r.Sponsor = ""
			r = startReview(r, m, now)
		}
	case ChooseSponsor:
		r.Sponsor, r.SponsorLost, r.SponsorDue = m.Sponsor, "", now.Add(m.Policy.Windows.SponsorAnswer)
	case LoseSponsor:
		r.Sponsor, r.SponsorLost = "", m.LostName
	case Endorse:
		r.Votes = r.Votes.with(vote(r, row.As, who, Yes, m, now))
		r = startReview(shorten(r, m.End), m, now)
	case Claim:
		r.Votes = r.Votes.with(Vote{Round: r.Round, Stage: r.Stage, Part: row.As, Person: who.Person, Verdict: Claimed, At: now})
	case Release:
		r.Votes = r.Votes.without(r.Round, r.Stage)
	case Approve:
		r = approve(r, row, who, m, now)
	case Decline, Deny:
		r.Votes = r.Votes.with(vote(r, row.As, who, No, m, now))
	case Rescind:
		r.EndedBy, r.Remark = who.Person, m.Reason
	case Return, EndSponsor:
		r.CollectBy, r.Remark = time.Time{}, m.Reason
		r = beginAnew(r, row.To == InReview)
		if row.Do == Return {
			r.ReturnedWhy = m.Why
		}
		if row.To == AwaitingSponsor {
			r.Sponsor, r.SponsorLost, r.SponsorDue = "", m.LostName, now.Add(m.Policy.Windows.SponsorAnswer)
		} else {
			r = startReview(r, m, now)
		}
	case MintFailed:
		r.CollectBy = r.CollectBy.Add(m.Extend)
	}
	return r
}

// vote is what who says now in the stage that r stands in.
func vote(r Request, as Part, who Actor, says Verdict, m Move, now time.Time) Vote {
	v := Vote{Round: r.Round, Stage: r.Stage, Part: as, Person: who.Person, Verdict: says, At: now, Reason: m.Reason,
		Conditions: m.Conditions, Alternative: m.Alternative, AltText: m.AltText}
	if says == Yes && as == AsSponsor {
		v.Reason = m.Note
	}
	if says == Yes && m.End.Before(r.End) {
		v.End = m.End
	}
	return v
}

// approve adds a yes, and goes on to the next stage or to the collection where it
// was the last one that was needed.
func approve(r Request, row rule, who Actor, m Move, now time.Time) Request {
	stage, passed := r.Stage, r.passes(m.Policy)
	r.Votes = r.Votes.with(vote(r, row.As, who, Yes, m, now))
	r = shorten(r, m.End)
	switch {
	case row.To == Approved:
		r.Remark = ""
		r.CollectBy = now.Add(m.Policy.Windows.Collect)
		if r.CollectBy.After(r.End) {
			r.CollectBy = r.End
		}
	case passed:
		r = startReview(r, m, now)
		r.Stage = stage + 1
	}
	return r
}

// beginAnew opens the next round. The sponsor's yes is carried over where it
// stands as before; whatever else was said counts no longer.
func beginAnew(r Request, endorsed bool) Request {
	carried := r.Endorsement()
	r.Votes = r.Votes.without(r.Round, r.Stage)
	r.Round, r.Stage = r.Round+1, 0
	if endorsed && carried.Said() {
		carried.Round = r.Round
		r.Votes = append(r.Votes, carried)
	}
	return r
}

// startReview puts r into the first stage.
func startReview(r Request, m Move, now time.Time) Request {
	zone := m.Zone
	if zone == nil {
		zone = time.UTC
	}
	r.Stage = 1
	r.ReviewSince, r.ReviewDue = now, m.Policy.Calendar.After(now, m.Policy.Windows.ReviewDays, zone)
	return r
}

func shorten(r Request, end time.Time) Request {
	if !end.IsZero() && end.Before(r.End) {
		r.End = end
	}
	return r
}
