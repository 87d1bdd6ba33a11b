package access

import (
	"slices"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/policy"
)

var (
	made  = []GrantState{HandedOver, Active, Freezing, Frozen, Replacing}
	lives = append([]GrantState{Minting, Recovering}, made...)
	all   = []Part{AsRequester, AsSponsor, AsReviewer, AsSystem}
)

type grantMove = move[Grant, GrantState, GrantMove]

func thawYes(round int, by PersonID) Vote {
	return Vote{Round: round, Stage: 1, Part: AsReviewer, Person: by, Verdict: Yes, At: t0}
}

var grantLife = life[Grant, GrantState, GrantMove]{
	states: GrantStates,
	m: GrantMove{Cause: ByMisuse, CanvasID: "7001", Hint: "hint", Digest: []byte{9}, Expires: t0.Add(20 * day), Wanted: t0.Add(25 * day), Reason: "trouble",
		Sponsor: next, CanvasUser: "4712", Drift: DriftShortened, EndsBy: t0.Add(14 * day), Changed: t0.Add(-time.Minute), Successor: "grt_next", RetireAt: t0.Add(3 * day)},
	whole: func(s GrantState) Grant {
		g := full[Grant]()
		g.State, g.Owner, g.Sponsor, g.SponsorAsked, g.Attempt, g.Cause = s, maya, ana, evan, 2, ByOwner
		g.Round, g.Votes = 3, Votes{thawYes(3, evan)}
		return g
	},
	nobody: func(g *Grant) { g.Sponsor, g.SponsorAsked, g.Votes = "", "", nil },
	end: func(g *Grant, to GrantState) {
		g.State, g.UpdatedAt = to, t0
		g.Version++
	},
	apply: func(g Grant, do Action, who Actor, m GrantMove) (Grant, Effect, error) {
		m.Policy = policy.BuiltIn()
		return ApplyGrant(g, do, who, m, t0)
	},
	can:    func(g Grant, do Action, who Actor) bool { return CanGrant(policy.BuiltIn(), g, do, who, t0) },
	actors: everybody(),
	moves: []grantMove{
		{do: Mint, effect: RecoverAttempt, from: []GrantState{Recovering, Replacing}, as: []Part{AsRequester}, to: Minting, fresh: true,
			then: func(g *Grant, _ PersonID, m GrantMove) {
				g.Attempt, g.LeaseUntil, g.Wanted, g.Trouble = g.Attempt+1, t0.Add(90*time.Second), m.Wanted, ""
				g.CanvasID, g.Hint, g.Digest, g.Expires = "", "", nil, time.Time{}
			}},
		{do: Doubt, effect: RecoverSoon, from: []GrantState{Minting}, as: []Part{AsSystem}, to: Recovering,
			then: func(g *Grant, _ PersonID, m GrantMove) { g.Trouble = m.Reason }},
		{do: Shown, effect: FollowToken, from: []GrantState{Minting}, as: []Part{AsSystem}, to: HandedOver,
			then: func(g *Grant, _ PersonID, m GrantMove) {
				g.CanvasID, g.Hint, g.Digest, g.Expires = m.CanvasID, m.Hint, m.Digest, m.Expires
				g.ShownAt, g.ActivateBy, g.CheckedAt = t0, t0.Add(7*day), t0
				g.ActivatedAt, g.LeaseUntil, g.Trouble, g.ChangeSeen = time.Time{}, time.Time{}, "", m.Changed
			}},
		{do: GiveUp, effect: SweepAttempt, from: []GrantState{Minting, Recovering}, as: []Part{AsSystem}, to: Void, then: gaveUp},
		{do: StepBack, from: []GrantState{Minting, Recovering}, as: []Part{AsSystem}, to: Replacing, then: gaveUp},
		{do: SeenActive, from: []GrantState{HandedOver}, as: []Part{AsSystem}, to: Active,
			then: func(g *Grant, _ PersonID, _ GrantMove) { g.ActivatedAt = t0 }},
		{do: Replace, effect: ClearLost, from: []GrantState{HandedOver, Active}, as: []Part{AsRequester}, to: Replacing, fresh: true,
			given: func(g *Grant) { g.Replaced, g.ShownAt, g.FoundID = 0, t0.Add(-day), "" },
			then: func(g *Grant, _ PersonID, _ GrantMove) {
				g.Replaced, g.LeaseUntil, g.ActivateBy = 1, time.Time{}, t0.Add(7*day)
			}},
		{do: Freeze, effect: StopInCanvas, from: []GrantState{Active}, as: []Part{AsReviewer}, to: Freezing,
			then: func(g *Grant, who PersonID, m GrantMove) {
				g.FrozenBy, g.FrozenAt, g.FreezeReason, g.Round, g.Votes, g.Tries, g.Trouble = who, t0, m.Reason, g.Round+1, nil, 0, ""
			}},
		{do: Froze, effect: TellFrozen, from: []GrantState{Freezing}, as: []Part{AsSystem}, to: Frozen,
			then: func(g *Grant, _ PersonID, m GrantMove) {
				g.Hint, g.FrozenAt, g.Trouble, g.ChangeSeen = m.Hint, t0, "", m.Changed
			}},
		{do: StayOn, from: []GrantState{Freezing}, as: []Part{AsSystem}, to: Active,
			then: func(g *Grant, _ PersonID, m GrantMove) {
				g.FrozenBy, g.FrozenAt, g.FreezeReason, g.Trouble = "", time.Time{}, "", m.Reason
			}},
		{do: Thaw, from: []GrantState{Frozen}, as: []Part{AsReviewer}, fresh: true,
			given: func(g *Grant) { g.Votes, g.FoundID = Votes{thawYes(2, dana)}, "" }, // of the thaw before
			then: func(g *Grant, who PersonID, _ GrantMove) {
				g.Votes = append(slices.Clone(g.Votes), thawYes(g.Round, who))
			}},
		{do: Thaw, from: []GrantState{Frozen}, as: []Part{AsReviewer}, to: Replacing, fresh: true, effect: ClearThawed,
			given: func(g *Grant) { g.FoundID = "" },
			then: func(g *Grant, who PersonID, _ GrantMove) {
				g.Votes = append(slices.Clone(g.Votes), thawYes(g.Round, who))
				g.FrozenAt, g.FrozenBy, g.FreezeReason, g.LeaseUntil, g.ActivateBy = time.Time{}, "", "", time.Time{}, t0.Add(7*day)
			}},
		{do: Retire, effect: TellRetiring, from: []GrantState{Active}, as: []Part{AsSystem},
			given: func(g *Grant) { g.RetireAt = time.Time{} },
			then:  func(g *Grant, _ PersonID, m GrantMove) { g.Successor, g.RetireAt = m.Successor, m.RetireAt }},
		{do: Retire, effect: TellRetiring, from: []GrantState{Active}, as: []Part{AsSystem}, // sooner than it would
			given: func(g *Grant) { g.RetireAt = t0.Add(4 * day) },
			then:  func(g *Grant, _ PersonID, m GrantMove) { g.Successor, g.RetireAt = m.Successor, m.RetireAt }},
		{do: Retire, effect: TellRetiring, from: []GrantState{Active}, as: []Part{AsSystem}, // never later
			given: func(g *Grant) { g.RetireAt = t0.Add(2 * day) },
			then:  func(g *Grant, _ PersonID, m GrantMove) { g.Successor = m.Successor }},
		{do: Drifted, effect: TellDrifted, from: made[:4], as: []Part{AsSystem},
			then: func(g *Grant, _ PersonID, m GrantMove) {
				g.Drift, g.DriftAt, g.Expires, g.ChangeSeen = m.Drift, t0, m.Expires, m.Changed
			}},
		{do: Drifted, effect: TellDrifted, from: made[:4], as: []Part{AsSystem}, // its end was set back
			with: func(m *GrantMove) { m.Expires, m.Changed = time.Time{}, time.Time{} },
			then: func(g *Grant, _ PersonID, m GrantMove) { g.Drift, g.DriftAt = m.Drift, t0 }},
		{do: MoveEnd, effect: TellEndMoved, from: made, as: []Part{AsSystem},
			then: func(g *Grant, _ PersonID, m GrantMove) { g.EndsBy, g.EndsWhy = m.EndsBy, m.Cause }},
		{do: MoveEnd, effect: TellEndMoved, from: made, as: []Part{AsSystem}, // nothing ends it sooner any more
			with: func(m *GrantMove) { m.EndsBy = time.Time{} },
			then: func(g *Grant, _ PersonID, _ GrantMove) { g.EndsBy, g.EndsWhy = time.Time{}, "" }},
		{do: Follow, from: append([]GrantState{Recovering, Revoking}, made...), as: []Part{AsSystem},
			then: func(g *Grant, _ PersonID, m GrantMove) { g.CanvasUser = m.CanvasUser }},
		{do: LoseSponsor, effect: TellGap, from: made, as: []Part{AsSystem}, then: unsponsored(GapLost)},
		{do: EndSponsor, effect: TellGap, from: made, as: []Part{AsSponsor}, then: unsponsored(GapEnded)},
		{do: NameNext, effect: TellAsked, from: made, as: []Part{AsRequester},
			then: func(g *Grant, _ PersonID, m GrantMove) { g.SponsorAsked = m.Sponsor }},
		{do: TakeOver, effect: TellTookOver, from: made, as: []Part{AsAsked}, fresh: true,
			then: func(g *Grant, who PersonID, _ GrantMove) {
				g.Sponsor, g.SponsorAsked, g.GapUntil = who, "", time.Time{}
				g.SponsorWas, g.GapWhy, g.TurnedDown = "", "", ""
			}},
		{do: TurnDown, effect: TellTurnedDown, from: made, as: []Part{AsAsked},
			then: func(g *Grant, who PersonID, _ GrantMove) { g.SponsorAsked, g.TurnedDown = "", who }},
		{do: Revoke, effect: EndInCanvas, from: lives, as: all, to: Revoking,
			then: func(g *Grant, who PersonID, m GrantMove) {
				g.Cause, g.EndedBy, g.RevokingAt, g.NextTry, g.Tries, g.Trouble = m.Cause, who, t0, t0, 0, ""
			}},
		{do: ReportLeak, effect: EndLeaked, from: lives, as: all, to: Revoking,
			then: func(g *Grant, who PersonID, _ GrantMove) {
				g.Cause, g.EndedBy, g.RevokingAt, g.NextTry, g.Tries, g.Trouble = ByLeak, who, t0, t0, 0, ""
			}},
		{do: ReportLeak, effect: EndLeaked, from: []GrantState{Revoking}, as: all,
			then: func(g *Grant, _ PersonID, _ GrantMove) { g.Cause, g.NextTry = ByLeak, t0 }},
		{do: Gone, effect: TellEnded, from: []GrantState{Revoking}, as: []Part{AsSystem}, to: Revoked, then: gone},
		{do: Gone, effect: TellEnded, from: []GrantState{Revoking}, as: []Part{AsSystem}, to: Expired, given: func(g *Grant) { g.Cause = ByEnd }, then: gone},
		{do: Gone, effect: TellEnded, from: []GrantState{Revoking}, as: []Part{AsSystem}, to: Unclaimed, given: func(g *Grant) { g.Cause = ByUnclaimed }, then: gone},
	},
}

func gaveUp(g *Grant, _ PersonID, m GrantMove) { g.LeaseUntil, g.Trouble = time.Time{}, m.Reason }
func gone(g *Grant, _ PersonID, _ GrantMove)   { g.EndedAt, g.Trouble = t0, "" }

func unsponsored(why GapCause) func(*Grant, PersonID, GrantMove) {
	return func(g *Grant, _ PersonID, _ GrantMove) {
		g.SponsorWas, g.GapWhy, g.TurnedDown = g.Sponsor, why, ""
		g.Sponsor, g.SponsorAsked, g.GapUntil = "", "", t0.Add(14*day)
	}
}

func TestGrantMoves(t *testing.T) {
	t.Parallel()
	grantLife.test(t)
}

var foundLife = life[Found, FoundState, FoundMove]{
	states: FoundStates,
	m:      FoundMove{Campaign: "cmp_2", DueAt: t0.Add(time.Second), RequestID: "req_2", GrantID: "grt_2", ReviewAt: t0.Add(365 * day), Reason: "nightly export"},
	whole: func(s FoundState) Found {
		f := full[Found]()
		f.State, f.Owner = s, maya
		return f
	},
	nobody: func(f *Found) { f.Owner = "" },
	end: func(f *Found, to FoundState) {
		f.State, f.UpdatedAt = to, t0
		f.Version++
	},
	apply: func(f Found, do Action, who Actor, m FoundMove) (Found, Effect, error) {
		m.Policy = policy.BuiltIn()
		f, err := ApplyFound(f, do, who, m, t0)
		return f, NoEffect, err
	},
	can:    CanFound,
	actors: everybody(),
	moves: []move[Found, FoundState, FoundMove]{
		{do: TellOwner, from: []FoundState{FoundNew, FoundTold}, as: []Part{AsReviewer}, to: FoundTold, fresh: true,
			then: func(f *Found, _ PersonID, m FoundMove) { f.Campaign, f.ToldAt, f.DueAt = m.Campaign, t0, m.DueAt }},
		{do: AskToKeep, from: []FoundState{FoundNew, FoundTold}, as: []Part{AsRequester},
			then: func(f *Found, _ PersonID, m FoundMove) { f.RequestID = m.RequestID }},
		{do: AskToKeep, from: []FoundState{FoundNew, FoundTold}, as: []Part{AsReviewer}, fresh: true,
			then: func(f *Found, _ PersonID, m FoundMove) { f.RequestID = m.RequestID }},
		{do: Adopt, from: []FoundState{FoundNew, FoundTold}, as: []Part{AsSystem}, to: FoundAdopted,
			then: func(f *Found, _ PersonID, m FoundMove) { f.GrantID, f.EndedAt = m.GrantID, t0 }},
		{do: Allow, from: []FoundState{FoundNew, FoundTold}, as: []Part{AsReviewer}, to: FoundAllowing, fresh: true,
			then: func(f *Found, who PersonID, m FoundMove) {
				f.Votes = append(f.Votes, Vote{Round: f.Round, Stage: 1, Part: AsReviewer, Person: who, Verdict: Yes, At: t0, Reason: m.Reason, End: m.ReviewAt})
				f.ReviewAt = m.ReviewAt
			}},
		{do: Allow, from: []FoundState{FoundAllowing}, as: []Part{AsReviewer}, to: FoundAllowed, fresh: true,
			then: func(f *Found, who PersonID, _ FoundMove) {
				f.Votes = append(f.Votes, Vote{Round: f.Round, Stage: 1, Part: AsReviewer, Person: who, Verdict: Yes, At: t0})
			}},
		{do: Disallow, from: []FoundState{FoundAllowing, FoundAllowed}, as: []Part{AsReviewer}, to: FoundNew, then: disallowed},
		{do: Reopen, from: []FoundState{FoundAllowed}, as: []Part{AsSystem}, to: FoundNew, then: disallowed},
		{do: Remove, from: []FoundState{FoundNew, FoundTold, FoundAllowing}, as: []Part{AsRequester, AsReviewer}, to: FoundRemoving, then: removing},
		{do: Remove, from: []FoundState{FoundAllowed}, as: []Part{AsReviewer}, to: FoundRemoving, then: removing},
		{do: Gone, from: []FoundState{FoundRemoving}, as: []Part{AsSystem}, to: FoundRemoved, then: vanished},
		{do: Vanish, from: []FoundState{FoundNew, FoundTold, FoundAllowing, FoundAllowed}, as: []Part{AsSystem}, to: FoundGone, then: vanished},
	},
}

func disallowed(f *Found, _ PersonID, _ FoundMove) {
	f.Round, f.Votes, f.ReviewAt = f.Round+1, nil, time.Time{}
}

func removing(f *Found, who PersonID, _ FoundMove) {
	f.EndedBy, f.RemovingAt, f.NextTry, f.Tries, f.Trouble = who, t0, t0, 0, ""
}
func vanished(f *Found, _ PersonID, _ FoundMove) { f.EndedAt, f.Trouble = t0, "" }

func TestFoundMoves(t *testing.T) {
	t.Parallel()
	foundLife.test(t)
}
