package access

import (
	"slices"
	"time"

	"github.com/tokendesk/tokendesk/internal/policy"
)

// The moves of a grant.
const (
	Mint       Action = "mint" // start, or try again, with the next attempt
	Doubt      Action = "doubt"
	Shown      Action = "shown" // the value is handed over
	GiveUp     Action = "give_up"
	SeenActive Action = "seen_active"
	Replace    Action = "replace"
	StepBack   Action = "step_back" // an attempt to make the successor ended with nothing
	Revoke     Action = "revoke"
	Gone       Action = "gone"

	ReportLeak Action = "report_leak" // ends it, whatever else is going on
	Freeze     Action = "freeze"
	Froze      Action = "froze"    // Canvas confirmed the changed value
	StayOn     Action = "stay_on"  // Canvas cannot freeze it
	Thaw       Action = "thaw"     // two people, one after the other
	Drifted    Action = "drifted"  // something was changed in Canvas
	Follow     Action = "follow"   // its owner's Canvas account was merged into another
	Retire     Action = "retire"   // its successor works
	MoveEnd    Action = "move_end" // what it stands on ends, or goes on: the day it stops with that
	EndSponsor Action = "end_sponsorship"
	NameNext   Action = "name_sponsor" // the owner names who shall take over
	TakeOver   Action = "take_over"
	TurnDown   Action = "turn_down" // who was asked to take over does not
)

// grantRule is one row of the grant's lifecycle.
type grantRule struct {
	From  GrantState
	Do    Action
	As    Part
	To    GrantState
	Fresh bool
	// Effect is who is told and which job follows.
	Effect Effect
}

// grantLifecycle is the whole life of a grant. What is not here is forbidden.
// Gone leads to the final word that the cause decides.
var grantLifecycle = []grantRule{
	{Minting, Shown, AsSystem, HandedOver, false, FollowToken},
	{Minting, Doubt, AsSystem, Recovering, false, RecoverSoon},
	{Minting, GiveUp, AsSystem, Void, false, SweepAttempt},
	{Minting, StepBack, AsSystem, Replacing, false, NoEffect},
	{Recovering, Mint, AsRequester, Minting, true, RecoverAttempt},
	{Recovering, GiveUp, AsSystem, Void, false, SweepAttempt},
	{Recovering, StepBack, AsSystem, Replacing, false, NoEffect},

	{HandedOver, SeenActive, AsSystem, Active, false, NoEffect},
	{HandedOver, Replace, AsRequester, Replacing, true, ClearLost},
	{Active, Replace, AsRequester, Replacing, true, ClearLost},
	{Replacing, Mint, AsRequester, Minting, true, RecoverAttempt},

	{Active, Freeze, AsReviewer, Freezing, false, StopInCanvas},
	{Freezing, Froze, AsSystem, Frozen, false, TellFrozen},
	{Freezing, StayOn, AsSystem, Active, false, NoEffect},
	{Frozen, Thaw, AsReviewer, Frozen, true, NoEffect},
	{Frozen, Thaw, AsReviewer, Replacing, true, ClearThawed},

	{Active, Retire, AsSystem, Active, false, TellRetiring},

	{HandedOver, Drifted, AsSystem, HandedOver, false, TellDrifted},
	{Active, Drifted, AsSystem, Active, false, TellDrifted},
	{Freezing, Drifted, AsSystem, Freezing, false, TellDrifted},
	{Frozen, Drifted, AsSystem, Frozen, false, TellDrifted},

	{HandedOver, MoveEnd, AsSystem, HandedOver, false, TellEndMoved},
	{Active, MoveEnd, AsSystem, Active, false, TellEndMoved},
	{Freezing, MoveEnd, AsSystem, Freezing, false, TellEndMoved},
	{Frozen, MoveEnd, AsSystem, Frozen, false, TellEndMoved},
	{Replacing, MoveEnd, AsSystem, Replacing, false, TellEndMoved},

	{Recovering, Follow, AsSystem, Recovering, false, NoEffect},
	{HandedOver, Follow, AsSystem, HandedOver, false, NoEffect},
	{Active, Follow, AsSystem, Active, false, NoEffect},
	{Freezing, Follow, AsSystem, Freezing, false, NoEffect},
	{Frozen, Follow, AsSystem, Frozen, false, NoEffect},
	{Replacing, Follow, AsSystem, Replacing, false, NoEffect},
	{Revoking, Follow, AsSystem, Revoking, false, NoEffect},

	{HandedOver, LoseSponsor, AsSystem, HandedOver, false, TellGap},
	{Active, LoseSponsor, AsSystem, Active, false, TellGap},
	{Freezing, LoseSponsor, AsSystem, Freezing, false, TellGap},
	{Frozen, LoseSponsor, AsSystem, Frozen, false, TellGap},
	{Replacing, LoseSponsor, AsSystem, Replacing, false, TellGap},

	{HandedOver, EndSponsor, AsSponsor, HandedOver, false, TellGap},
	{Active, EndSponsor, AsSponsor, Active, false, TellGap},
	{Freezing, EndSponsor, AsSponsor, Freezing, false, TellGap},
	{Frozen, EndSponsor, AsSponsor, Frozen, false, TellGap},
	{Replacing, EndSponsor, AsSponsor, Replacing, false, TellGap},

	{HandedOver, NameNext, AsRequester, HandedOver, false, TellAsked},
	{Active, NameNext, AsRequester, Active, false, TellAsked},
	{Freezing, NameNext, AsRequester, Freezing, false, TellAsked},
	{Frozen, NameNext, AsRequester, Frozen, false, TellAsked},
	{Replacing, NameNext, AsRequester, Replacing, false, TellAsked},

	{HandedOver, TakeOver, AsAsked, HandedOver, true, TellTookOver},
	{Active, TakeOver, AsAsked, Active, true, TellTookOver},
	{Freezing, TakeOver, AsAsked, Freezing, true, TellTookOver},
	{Frozen, TakeOver, AsAsked, Frozen, true, TellTookOver},
	{Replacing, TakeOver, AsAsked, Replacing, true, TellTookOver},

	{HandedOver, TurnDown, AsAsked, HandedOver, false, TellTurnedDown},
	{Active, TurnDown, AsAsked, Active, false, TellTurnedDown},
	{Freezing, TurnDown, AsAsked, Freezing, false, TellTurnedDown},
	{Frozen, TurnDown, AsAsked, Frozen, false, TellTurnedDown},
	{Replacing, TurnDown, AsAsked, Replacing, false, TellTurnedDown},

	{Minting, Revoke, AsRequester, Revoking, false, EndInCanvas},
	{Minting, Revoke, AsSponsor, Revoking, false, EndInCanvas},
	{Minting, Revoke, AsReviewer, Revoking, false, EndInCanvas},
	{Minting, Revoke, AsSystem, Revoking, false, EndInCanvas},
	{Recovering, Revoke, AsRequester, Revoking, false, EndInCanvas},
	{Recovering, Revoke, AsSponsor, Revoking, false, EndInCanvas},
	{Recovering, Revoke, AsReviewer, Revoking, false, EndInCanvas},
	{Recovering, Revoke, AsSystem, Revoking, false, EndInCanvas},
	{HandedOver, Revoke, AsRequester, Revoking, false, EndInCanvas},
	{HandedOver, Revoke, AsSponsor, Revoking, false, EndInCanvas},
	{HandedOver, Revoke, AsReviewer, Revoking, false, EndInCanvas},
	{HandedOver, Revoke, AsSystem, Revoking, false, EndInCanvas},
	{Active, Revoke, AsRequester, Revoking, false, EndInCanvas},
	{Active, Revoke, AsSponsor, Revoking, false, EndInCanvas},
	{Active, Revoke, AsReviewer, Revoking, false, EndInCanvas},
	{Active, Revoke, AsSystem, Revoking, false, EndInCanvas},
	{Freezing, Revoke, AsRequester, Revoking, false, EndInCanvas},
	{Freezing, Revoke, AsSponsor, Revoking, false, EndInCanvas},
	{Freezing, Revoke, AsReviewer, Revoking, false, EndInCanvas},
	{Freezing, Revoke, AsSystem, Revoking, false, EndInCanvas},
	{Frozen, Revoke, AsRequester, Revoking, false, EndInCanvas},
	{Frozen, Revoke, AsSponsor, Revoking, false, EndInCanvas},
	{Frozen, Revoke, AsReviewer, Revoking, false, EndInCanvas},
	{Frozen, Revoke, AsSystem, Revoking, false, EndInCanvas},
	{Replacing, Revoke, AsRequester, Revoking, false, EndInCanvas},
	{Replacing, Revoke, AsSponsor, Revoking, false, EndInCanvas},
	{Replacing, Revoke, AsReviewer, Revoking, false, EndInCanvas},
	{Replacing, Revoke, AsSystem, Revoking, false, EndInCanvas},

	{Minting, ReportLeak, AsRequester, Revoking, false, EndLeaked},
	{Minting, ReportLeak, AsSponsor, Revoking, false, EndLeaked},
	{Minting, ReportLeak, AsReviewer, Revoking, false, EndLeaked},
	{Minting, ReportLeak, AsSystem, Revoking, false, EndLeaked},
	{Recovering, ReportLeak, AsRequester, Revoking, false, EndLeaked},
	{Recovering, ReportLeak, AsSponsor, Revoking, false, EndLeaked},
	{Recovering, ReportLeak, AsReviewer, Revoking, false, EndLeaked},
	{Recovering, ReportLeak, AsSystem, Revoking, false, EndLeaked},
	{HandedOver, ReportLeak, AsRequester, Revoking, false, EndLeaked},
	{HandedOver, ReportLeak, AsSponsor, Revoking, false, EndLeaked},
	{HandedOver, ReportLeak, AsReviewer, Revoking, false, EndLeaked},
	{HandedOver, ReportLeak, AsSystem, Revoking, false, EndLeaked},
	{Active, ReportLeak, AsRequester, Revoking, false, EndLeaked},
	{Active, ReportLeak, AsSponsor, Revoking, false, EndLeaked},
	{Active, ReportLeak, AsReviewer, Revoking, false, EndLeaked},
	{Active, ReportLeak, AsSystem, Revoking, false, EndLeaked},
	{Freezing, ReportLeak, AsRequester, Revoking, false, EndLeaked},
	{Freezing, ReportLeak, AsSponsor, Revoking, false, EndLeaked},
	{Freezing, ReportLeak, AsReviewer, Revoking, false, EndLeaked},
	{Freezing, ReportLeak, AsSystem, Revoking, false, EndLeaked},
	{Frozen, ReportLeak, AsRequester, Revoking, false, EndLeaked},
	{Frozen, ReportLeak, AsSponsor, Revoking, false, EndLeaked},
	{Frozen, ReportLeak, AsReviewer, Revoking, false, EndLeaked},
	{Frozen, ReportLeak, AsSystem, Revoking, false, EndLeaked},
	{Replacing, ReportLeak, AsRequester, Revoking, false, EndLeaked},
	{Replacing, ReportLeak, AsSponsor, Revoking, false, EndLeaked},
	{Replacing, ReportLeak, AsReviewer, Revoking, false, EndLeaked},
	{Replacing, ReportLeak, AsSystem, Revoking, false, EndLeaked},
	{Revoking, ReportLeak, AsRequester, Revoking, false, EndLeaked},
	{Revoking, ReportLeak, AsSponsor, Revoking, false, EndLeaked},
	{Revoking, ReportLeak, AsReviewer, Revoking, false, EndLeaked},
	{Revoking, ReportLeak, AsSystem, Revoking, false, EndLeaked},

	{Revoking, Gone, AsSystem, Revoked, false, TellEnded},
	{Revoking, Gone, AsSystem, Expired, false, TellEnded},
	{Revoking, Gone, AsSystem, Unclaimed, false, TellEnded},
}

// AskedStates are those of a grant in which who was asked to take over can answer.
var AskedStates = slices.DeleteFunc(slices.Clone(GrantStates), func(s GrantState) bool {
	return !slices.ContainsFunc(grantLifecycle, func(r grantRule) bool { return r.From == s && r.As == AsAsked })
})

// GrantNeedsPolicy reports whether a move of a grant goes by the windows of its
// request's policy. None that ends a token does.
func GrantNeedsPolicy(do Action) bool {
	switch do {
	case Shown, Replace, Thaw, LoseSponsor, EndSponsor:
		return true
	}
	return false
}

// GrantMove is what a move of a grant carries.
type GrantMove struct {
	Policy   policy.Policy // of the grant's request; where GrantNeedsPolicy says so
	Cause    Cause
	CanvasID string
	Hint     string
	Digest   []byte
	Expires  time.Time
	Wanted   time.Time // Mint: end to ask for
	Reason   string

	Sponsor    PersonID // NameNext
	CanvasUser string   // Follow: the account that the owner's was merged into
	Drift      Drift
	EndsBy     time.Time // MoveEnd: with Cause; zero where nothing ends it sooner any more
	Changed    time.Time // Shown, Froze, Drifted: when Canvas says that the token was last changed
	Successor  string    // Retire: the grant that took over
	RetireAt   time.Time // Retire: when this one ends; never later than it would
}

// CanGrant reports whether who could make the move now, for showing its button. p
// is the policy of the grant's request; without one no move that needs it is shown.
func CanGrant(p policy.Policy, g Grant, do Action, who Actor, now time.Time) bool {
	row, err := findGrant(g, do, who, "")
	if err != nil || (GrantNeedsPolicy(do) && p.Version == 0) || checkGrantMove(g, row, who, GrantMove{Policy: p, Sponsor: "per_anybody"}, now) != nil {
		return false
	}
	return true
}

// grantParts returns the parts that who holds towards g.
func (g Grant) grantParts(who Actor) []Part {
	if ps, only := who.parts(); only {
		return ps
	}
	var ps []Part
	if who.Person == g.Owner {
		ps = append(ps, AsRequester)
	}
	if who.Person == g.Sponsor {
		ps = append(ps, AsSponsor)
	}
	if who.Person == g.SponsorAsked && who.Person != g.Owner {
		ps = append(ps, AsAsked)
	}
	if who.Reviewer {
		ps = append(ps, AsReviewer)
	}
	return ps
}

func findGrant(g Grant, do Action, who Actor, to GrantState) (grantRule, error) {
	ps := g.grantParts(who)
	known := false
	for _, row := range grantLifecycle {
		if row.From != g.State || row.Do != do || (to != "" && row.To != to) {
			continue
		}
		known = true
		if slices.Contains(ps, row.As) {
			return row, nil
		}
	}
	if known {
		return grantRule{}, Refuse(WhyNotYours)
	}
	return grantRule{}, &TransitionError{From: string(g.State), Action: do}
}

func replaceable(g Grant, w policy.Windows, now time.Time) error {
	switch {
	case g.Replaced >= ReplaceLimit:
		return Refuse(WhyReplaceUsed)
	case now.Sub(g.ShownAt) > w.Replacement:
		return Refuse(WhyReplaceLate)
	}
	return nil
}

// checkGrantMove refuses what the table alone cannot.
func checkGrantMove(g Grant, row grantRule, who Actor, m GrantMove, now time.Time) error {
	conflict := &TransitionError{From: string(g.State), Action: row.Do}
	switch row.Do {
	case Mint:
		if g.LeaseUntil.After(now) || g.Attempt >= MaxAttempts {
			return conflict
		}
	case Replace:
		if g.FoundID != "" {
			return conflict // its value was never the tool's to hand out again
		}
		return replaceable(g, m.Policy.Windows, now)
	case Thaw:
		switch who.Person {
		case g.Owner:
			return Refuse(WhySelf)
		case g.Sponsor:
			return Refuse(WhySponsorDecides)
		case g.FirstThaw().Person:
			return Refuse(WhySecondPerson)
		}
		if g.FoundID != "" {
			return conflict
		}
	case EndSponsor, LoseSponsor:
		if g.Sponsor == "" {
			return conflict
		}
	case NameNext:
		switch {
		case g.GapUntil.IsZero():
			return conflict
		case m.Sponsor == "" || m.Sponsor == g.Owner:
			f := &FormError{}
			f.Add("sponsor", map[bool]string{true: "sponsor.missing", false: "sponsor.self"}[m.Sponsor == ""], nil)
			return f
		}
	case Retire:
		if m.Successor == "" || m.Successor == g.ID || m.RetireAt.IsZero() {
			return conflict
		}
	}
	return nil
}

// ApplyGrant moves g and reports what must follow. It refuses as Apply does. Mint
// is refused while another attempt is leased, and after MaxAttempts; Thaw to the
// owner (WhySelf), to the sponsor (WhySponsorDecides) and to the person who thawed
// first (WhySecondPerson).
func ApplyGrant(g Grant, do Action, who Actor, m GrantMove, now time.Time) (Grant, Effect, error) {
	if err := who.writes(do); err != nil {
		return Grant{}, NoEffect, err
	}
	var to GrantState
	switch {
	case do == Gone:
		to = g.Cause.End()
	case do == Thaw && g.FirstThaw().Person == "":
		to = Frozen
	case do == Thaw:
		to = Replacing
	}
	row, err := findGrant(g, do, who, to)
	if err != nil {
		return Grant{}, NoEffect, err
	}
	if row.Fresh && !who.Fresh(now) {
		return Grant{}, NoEffect, Refuse(WhyStale)
	}
	if GrantNeedsPolicy(do) && m.Policy.Version == 0 {
		return Grant{}, NoEffect, errNoPolicy
	}
	if err := checkGrantMove(g, row, who, m, now); err != nil {
		return Grant{}, NoEffect, err
	}
	g = changeGrant(g, row, who, m, now)
	g.State, g.Version, g.UpdatedAt = row.To, g.Version+1, now
	return g, row.Effect, nil
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func changeGrant(g Grant, row grantRule, who Actor, m GrantMove, now time.Time) Grant {
	switch row.Do {
	case Mint:
		g.Attempt, g.LeaseUntil, g.Wanted = g.Attempt+1, now.Add(MintLease), m.Wanted
		g.CanvasID, g.Hint, g.Digest, g.Expires = "", "", nil, time.Time{}
		g.Trouble = ""
	case Doubt:
		g.Trouble = m.Reason
	case Shown:
		g.CanvasID, g.Hint, g.Digest, g.Expires = m.CanvasID, m.Hint, m.Digest, m.Expires
		g.ShownAt, g.ActivateBy, g.CheckedAt = now, now.Add(m.Policy.Windows.Activation), now
		g.ActivatedAt, g.LeaseUntil, g.Trouble, g.ChangeSeen = time.Time{}, time.Time{}, "", m.Changed
	case GiveUp, StepBack:
		g.LeaseUntil, g.Trouble = time.Time{}, m.Reason
	case SeenActive:
		g.ActivatedAt = now
	case Replace:
		g.Replaced++
		g.LeaseUntil, g.ActivateBy = time.Time{}, now.Add(m.Policy.Windows.Activation)
	case Revoke:
		g.Cause, g.EndedBy, g.RevokingAt, g.NextTry = m.Cause, who.Person, now, now
		g.Tries, g.Trouble = 0, ""
	case ReportLeak:
		if g.State != Revoking {
			g.EndedBy, g.RevokingAt, g.Tries, g.Trouble = who.Person, now, 0, ""
		}
		g.Cause, g.NextTry = ByLeak, now
	case Gone:
		g.EndedAt, g.Trouble = now, ""
	default:
		g = changeStanding(g, row, who, m, now)
	}
	return g
}

// changeStanding makes the moves of a token that goes on to exist.
func changeStanding(g Grant, row grantRule, who Actor, m GrantMove, now time.Time) Grant {
	switch row.Do {
	case Freeze:
		g.FrozenBy, g.FrozenAt, g.FreezeReason, g.Votes = who.Person, now, m.Reason, nil
		g.Round++
		g.Tries, g.Trouble = 0, ""
	case Froze:
		g.Hint, g.FrozenAt, g.Trouble, g.ChangeSeen = m.Hint, now, "", later(g.ChangeSeen, m.Changed)
	case StayOn:
		g.FrozenBy, g.FrozenAt, g.FreezeReason, g.Trouble = "", time.Time{}, "", m.Reason
	case Thaw:
		g.Votes = g.Votes.with(Vote{Round: g.Round, Stage: 1, Part: row.As, Person: who.Person, Verdict: Yes, At: now})
		if row.To == Frozen {
			break
		}
		g.FrozenAt, g.FrozenBy, g.FreezeReason = time.Time{}, "", ""
		g.LeaseUntil, g.ActivateBy = time.Time{}, now.Add(m.Policy.Windows.Activation)
	case Drifted:
		g.Drift, g.DriftAt = m.Drift, now
		if !m.Expires.IsZero() {
			g.Expires = m.Expires
		}
		g.ChangeSeen = later(g.ChangeSeen, m.Changed)
	case MoveEnd:
		g.EndsBy, g.EndsWhy = m.EndsBy, m.Cause
		if m.EndsBy.IsZero() {
			g.EndsWhy = ""
		}
	case Follow:
		g.CanvasUser = m.CanvasUser
	case Retire:
		g.Successor = m.Successor
		if at := m.RetireAt; g.RetireAt.IsZero() || at.Before(g.RetireAt) {
			g.RetireAt = at
		}
	case LoseSponsor, EndSponsor:
		g.SponsorWas, g.GapWhy = g.Sponsor, GapLost
		if row.Do == EndSponsor {
			g.GapWhy = GapEnded
		}
		g.Sponsor, g.SponsorAsked, g.TurnedDown = "", "", ""
		g.GapUntil = now.Add(m.Policy.Windows.SponsorGap)
	case NameNext:
		g.SponsorAsked = m.Sponsor
	case TakeOver:
		g.Sponsor, g.SponsorAsked, g.GapUntil = who.Person, "", time.Time{}
		g.SponsorWas, g.GapWhy, g.TurnedDown = "", "", ""
	case TurnDown:
		g.SponsorAsked, g.TurnedDown = "", g.SponsorAsked
	}
	return g
}
