package access

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"
)

// full is a T in which every field holds something, and each another thing:
// what a move should clear and does not is seen, and what it should leave alone.
func full[T any]() T {
	var x T
	n := 0
	fill(reflect.ValueOf(&x).Elem(), &n)
	return x
}

func fill(v reflect.Value, n *int) {
	*n++
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(t0.Add(-time.Duration(*n) * time.Hour)))
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	case v.Kind() == reflect.String:
		v.SetString(fmt.Sprint("text ", *n))
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), n)
	case v.CanInt():
		v.SetInt(int64(*n))
	case v.CanUint():
		v.SetUint(uint64(*n))
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	default:
		panic("a field of a kind that nobody fills: " + v.Type().String())
	}
}

// changes says in which fields two values of one type differ.
func changes(got, want any) (out []string) {
	a, b := reflect.ValueOf(got), reflect.ValueOf(want)
	for i := range a.NumField() {
		if x, y := a.Field(i).Interface(), b.Field(i).Interface(); !reflect.DeepEqual(x, y) {
			out = append(out, fmt.Sprintf("%s is %v, want %v", a.Type().Field(i).Name, x, y))
		}
	}
	return out
}

// correct is the refusal of one field of a form.
func correct(field, code string, args map[string]any) error {
	f := &FormError{}
	f.Add(field, code, args)
	return f
}

// whole is the refusal that is expected, with all that it tells. ErrConflict
// alone stands for a move that the table does not have.
func whole(err error, from string, do Action) error {
	if err == ErrConflict { //nolint:errorlint // the very sentinel
		return &TransitionError{From: from, Action: do}
	}
	return err
}

// move is one line of a life, in words of its own beside the table's: who may do
// it in which states, where it leads, and every field that it writes besides
// state, version, time of the change and, at the end, time of the end.
type move[T any, S ~string, M any] struct {
	do     Action
	from   []S
	as     []Part
	to     S // empty: it stays where it is
	fresh  bool
	effect Effect
	given  func(x *T)
	with   func(m *M)
	then   func(x *T, who PersonID, m M)
}

// life is everything that can happen to a T.
type life[T any, S ~string, M any] struct {
	states []S
	moves  []move[T, S, M]
	m      M // what every move carries, wanted or not
	whole  func(S) T
	nobody func(x *T) // takes everybody's part away
	end    func(x *T, to S)
	apply  func(x T, do Action, who Actor, m M) (T, Effect, error)
	can    func(x T, do Action, who Actor) bool
	actors map[Part]Actor
}

// after is x as the line leaves it.
func (l life[T, S, M]) after(line move[T, S, M], x T, from S, who PersonID, m M) T {
	if line.then != nil {
		line.then(&x, who, m)
	}
	to := line.to
	if to == "" {
		to = from
	}
	l.end(&x, to)
	return x
}

// row holds one row of a table test against the line of its move, and against
// what else then changes.
func (l life[T, S, M]) row(t *testing.T, x T, from S, do Action, who Actor, m M, to S, then func(*T), refusal error) {
	t.Helper()
	what := fmt.Sprintf("%s what is %s", do, from)
	var want T
	if refusal != nil {
		l.check(t, what, x, do, who, m, want, NoEffect, whole(refusal, string(from), do))
		return
	}
	for _, line := range l.moves {
		if line.do != do || !slices.Contains(line.from, from) || (line.to != to && (line.to != "" || from != to)) {
			continue
		}
		want = l.after(line, x, from, who.Person, m)
		if then != nil {
			then(&want)
		}
		l.check(t, what, x, do, who, m, want, line.effect, nil)
		return
	}
	t.Errorf("%s: nothing says what changes", what)
}

func (l life[T, S, M]) parts(do Action, from S) (ps []Part, known bool) {
	for _, line := range l.moves {
		if line.do == do && slices.Contains(line.from, from) {
			ps, known = append(ps, line.as...), true
		}
	}
	return ps, known
}

// check holds one move against what it should give, all of it.
func (l life[T, S, M]) check(t *testing.T, what string, x T, do Action, who Actor, m M, want T, effect Effect, refusal error) {
	t.Helper()
	got, e, err := l.apply(x, do, who, m)
	if !reflect.DeepEqual(err, refusal) {
		t.Errorf("%s: %v, want %v", what, err, refusal)
		return
	}
	for _, c := range changes(got, want) {
		t.Errorf("%s: %s", what, c)
	}
	if e != effect {
		t.Errorf("%s: then %q, want %q", what, e, effect)
	}
}

// test tries every move in every state by everybody.
func (l life[T, S, M]) test(t *testing.T) {
	var none T
	const fresh = 15 * time.Minute
	old := func(a Actor, age time.Duration) Actor { a.LaunchedAt = t0.Add(-age); return a }
	for _, line := range l.moves {
		m := l.m
		if line.with != nil {
			line.with(&m)
		}
		for _, from := range line.from {
			given := func() T {
				x := l.whole(from)
				if line.given != nil {
					line.given(&x)
				}
				return x
			}
			for _, as := range line.as {
				who, what := l.actors[as], fmt.Sprintf("%s what is %s as %s", line.do, from, as)
				want := l.after(line, given(), from, who.Person, m)
				l.check(t, what, given(), line.do, old(who, fresh), m, want, line.effect, nil)
				stale, acting := old(who, fresh+time.Second), who
				acting.NoWrites = WhyActing
				switch {
				case who.System:
					l.check(t, what, given(), line.do, acting, m, want, line.effect, nil)
					continue
				case line.fresh:
					l.check(t, what+", long after the launch", given(), line.do, stale, m, none, NoEffect, Refuse(WhyStale))
				default:
					l.check(t, what+", long after the launch", given(), line.do, stale, m, want, line.effect, nil)
				}
				l.check(t, what+", for somebody else", given(), line.do, acting, m, none, NoEffect, Refuse(WhyActing))
				if !l.can(given(), line.do, stale) {
					t.Errorf("%s has no button", what)
				}
			}
			may, _ := l.parts(line.do, from)
			for as, who := range l.actors {
				if slices.Contains(may, as) {
					continue
				}
				what := fmt.Sprintf("%s what is %s as %q", line.do, from, as)
				x := given()
				if who.Person == "" && !who.System {
					l.nobody(&x)
				}
				l.check(t, what, x, line.do, who, m, none, NoEffect, Refuse(WhyNotYours))
				if l.can(x, line.do, who) {
					t.Errorf("%s has a button", what)
				}
			}
		}
	}
	for _, line := range l.moves {
		for _, from := range l.states {
			if _, known := l.parts(line.do, from); known {
				continue
			}
			for as, who := range l.actors {
				what := fmt.Sprintf("%s what is %s as %q", line.do, from, as)
				x := l.whole(from)
				if line.given != nil {
					line.given(&x)
				}
				l.check(t, what, x, line.do, who, l.m, none, NoEffect, &TransitionError{From: string(from), Action: line.do})
				if l.can(x, line.do, who) {
					t.Errorf("%s has a button", what)
				}
			}
		}
	}
}

// everybody is who there is, by the part they hold. "stranger" and "nameless"
// hold none.
func everybody() map[Part]Actor {
	return map[Part]Actor{AsRequester: person(maya), AsSponsor: person(ana), AsAsked: person(evan), AsReviewer: reviewer(dana), AsSystem: SystemActor,
		"stranger": person("per_stranger"), "nameless": {LaunchedAt: t0, Reviewer: true}}
}

const next = PersonID("per_next")

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
		{do: Rescind, from: []RequestState{Approved}, as: []Part{AsReviewer, AsSponsor}, to: Rescinded, effect: TellRescinded, then: decided},
		{do: Return, from: []RequestState{AwaitingReview, Approved}, as: []Part{AsSystem}, to: AwaitingSponsor, effect: TellReturned,
			with: func(m *Move) { m.To = AwaitingSponsor },
			then: func(r *Request, who PersonID, m Move) {
				undecided(r, who, m)
				r.EndorsedAt, r.EndorsedBy, r.SponsorNote = time.Time{}, "", ""
				r.Sponsor, r.SponsorLost, r.SponsorDue = "", m.LostName, t0.Add(14*day)
			}},
		{do: Return, from: []RequestState{Approved}, as: []Part{AsSystem}, to: AwaitingReview, effect: TellReturned,
			with: func(m *Move) { m.To = AwaitingReview },
			then: func(r *Request, who PersonID, m Move) {
				undecided(r, who, m)
				r.ReviewSince, r.ReviewDue = t0, t0.Add(7*day)
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
			if tt.why == "" || (line.do == Rescind && tt.who == tt.sponsor && tt.who != maya) {
				want = nil
			}
			_, _, err := Apply(r, line.do, reviewer(tt.who), requestLife.m, t0)
			if !reflect.DeepEqual(err, want) || Can(r, line.do, reviewer(tt.who)) != (want == nil) {
				t.Errorf("%s by %s: %v, want %v", line.do, name, err, want)
			}
		}
	}
}

var (
	made  = []GrantState{HandedOver, Active, Freezing, Frozen, Replacing}
	lives = append([]GrantState{Minting, Recovering}, made...)
	all   = []Part{AsRequester, AsSponsor, AsReviewer, AsSystem}
)

type grantMove = move[Grant, GrantState, GrantMove]

var grantLife = life[Grant, GrantState, GrantMove]{
	states: GrantStates,
	m: GrantMove{Cause: ByMisuse, CanvasID: "7001", Hint: "hint", Digest: []byte{9}, Expires: t0.Add(20 * day), Wanted: t0.Add(25 * day), Reason: "trouble",
		Sponsor: next, CanvasUser: "4712", Drift: DriftShortened, Successor: "grt_next", RetireAt: t0.Add(3 * day)},
	whole: func(s GrantState) Grant {
		g := full[Grant]()
		g.State, g.Owner, g.Sponsor, g.SponsorAsked, g.Attempt, g.Cause = s, maya, ana, evan, 2, ByOwner
		return g
	},
	nobody: func(g *Grant) { g.Sponsor, g.SponsorAsked, g.ThawedBy = "", "", "" },
	end: func(g *Grant, to GrantState) {
		g.State, g.UpdatedAt = to, t0
		g.Version++
	},
	apply: func(g Grant, do Action, who Actor, m GrantMove) (Grant, Effect, error) {
		g, err := ApplyGrant(g, do, who, m, t0)
		return g, NoEffect, err
	},
	can:    func(g Grant, do Action, who Actor) bool { return CanGrant(g, do, who, t0) },
	actors: everybody(),
	moves: []grantMove{
		{do: Mint, from: []GrantState{Recovering, Replacing}, as: []Part{AsRequester}, to: Minting, fresh: true,
			then: func(g *Grant, _ PersonID, m GrantMove) {
				g.Attempt, g.LeaseUntil, g.Wanted, g.Trouble = g.Attempt+1, t0.Add(90*time.Second), m.Wanted, ""
				g.CanvasID, g.Hint, g.Digest, g.Expires = "", "", nil, time.Time{}
			}},
		{do: Doubt, from: []GrantState{Minting}, as: []Part{AsSystem}, to: Recovering,
			then: func(g *Grant, _ PersonID, m GrantMove) { g.Trouble = m.Reason }},
		{do: Shown, from: []GrantState{Minting}, as: []Part{AsSystem}, to: HandedOver,
			then: func(g *Grant, _ PersonID, m GrantMove) {
				g.CanvasID, g.Hint, g.Digest, g.Expires = m.CanvasID, m.Hint, m.Digest, m.Expires
				g.ShownAt, g.ActivateBy, g.CheckedAt = t0, t0.Add(7*day), t0
				g.ActivatedAt, g.LeaseUntil, g.Trouble = time.Time{}, time.Time{}, ""
			}},
		{do: GiveUp, from: []GrantState{Minting, Recovering}, as: []Part{AsSystem}, to: Void, then: gaveUp},
		{do: StepBack, from: []GrantState{Minting, Recovering}, as: []Part{AsSystem}, to: Replacing, then: gaveUp},
		{do: SeenActive, from: []GrantState{HandedOver}, as: []Part{AsSystem}, to: Active,
			then: func(g *Grant, _ PersonID, _ GrantMove) { g.ActivatedAt = t0 }},
		{do: Replace, from: []GrantState{HandedOver, Active}, as: []Part{AsRequester}, to: Replacing, fresh: true,
			given: func(g *Grant) { g.Replaced, g.ShownAt, g.FoundID = 0, t0.Add(-day), "" },
			then: func(g *Grant, _ PersonID, _ GrantMove) {
				g.Replaced, g.LeaseUntil, g.ActivateBy = 1, time.Time{}, t0.Add(7*day)
			}},
		{do: Freeze, from: []GrantState{Active}, as: []Part{AsReviewer}, to: Freezing,
			then: func(g *Grant, who PersonID, _ GrantMove) {
				g.FrozenBy, g.FrozenAt, g.ThawedBy, g.Tries, g.Trouble = who, t0, "", 0, ""
			}},
		{do: Froze, from: []GrantState{Freezing}, as: []Part{AsSystem}, to: Frozen,
			then: func(g *Grant, _ PersonID, m GrantMove) { g.Hint, g.FrozenAt, g.Trouble = m.Hint, t0, "" }},
		{do: StayOn, from: []GrantState{Freezing}, as: []Part{AsSystem}, to: Active,
			then: func(g *Grant, _ PersonID, m GrantMove) {
				g.FrozenBy, g.FrozenAt, g.Trouble = "", time.Time{}, m.Reason
			}},
		{do: Thaw, from: []GrantState{Frozen}, as: []Part{AsReviewer}, fresh: true,
			given: func(g *Grant) { g.ThawedBy, g.FoundID = "", "" },
			then:  func(g *Grant, who PersonID, _ GrantMove) { g.ThawedBy = who }},
		{do: Thaw, from: []GrantState{Frozen}, as: []Part{AsReviewer}, to: Replacing, fresh: true,
			given: func(g *Grant) { g.FoundID = "" },
			then: func(g *Grant, _ PersonID, _ GrantMove) {
				g.ThawedBy, g.FrozenAt, g.FrozenBy, g.LeaseUntil, g.ActivateBy = "", time.Time{}, "", time.Time{}, t0.Add(7*day)
			}},
		{do: Retire, from: []GrantState{Active}, as: []Part{AsSystem},
			given: func(g *Grant) { g.RetireAt = time.Time{} },
			then:  func(g *Grant, _ PersonID, m GrantMove) { g.Successor, g.RetireAt = m.Successor, m.RetireAt }},
		{do: Retire, from: []GrantState{Active}, as: []Part{AsSystem}, // sooner than it would
			given: func(g *Grant) { g.RetireAt = t0.Add(4 * day) },
			then:  func(g *Grant, _ PersonID, m GrantMove) { g.Successor, g.RetireAt = m.Successor, m.RetireAt }},
		{do: Retire, from: []GrantState{Active}, as: []Part{AsSystem}, // never later
			given: func(g *Grant) { g.RetireAt = t0.Add(2 * day) },
			then:  func(g *Grant, _ PersonID, m GrantMove) { g.Successor = m.Successor }},
		{do: Drifted, from: made[:4], as: []Part{AsSystem},
			then: func(g *Grant, _ PersonID, m GrantMove) { g.Drift, g.DriftAt, g.Expires = m.Drift, t0, m.Expires }},
		{do: Drifted, from: made[:4], as: []Part{AsSystem}, // its end was set back
			with: func(m *GrantMove) { m.Expires = time.Time{} },
			then: func(g *Grant, _ PersonID, m GrantMove) { g.Drift, g.DriftAt = m.Drift, t0 }},
		{do: Follow, from: append([]GrantState{Revoking}, made...), as: []Part{AsSystem},
			then: func(g *Grant, _ PersonID, m GrantMove) { g.CanvasUser = m.CanvasUser }},
		{do: LoseSponsor, from: made, as: []Part{AsSystem}, then: unsponsored},
		{do: EndSponsor, from: made, as: []Part{AsSponsor}, then: unsponsored},
		{do: NameNext, from: made, as: []Part{AsRequester},
			then: func(g *Grant, _ PersonID, m GrantMove) { g.SponsorAsked = m.Sponsor }},
		{do: TakeOver, from: made, as: []Part{AsAsked}, fresh: true,
			then: func(g *Grant, who PersonID, _ GrantMove) {
				g.Sponsor, g.SponsorAsked, g.GapUntil = who, "", time.Time{}
			}},
		{do: TurnDown, from: made, as: []Part{AsAsked},
			then: func(g *Grant, _ PersonID, _ GrantMove) { g.SponsorAsked = "" }},
		{do: Revoke, from: lives, as: all, to: Revoking,
			then: func(g *Grant, who PersonID, m GrantMove) {
				g.Cause, g.EndedBy, g.RevokingAt, g.NextTry, g.Tries, g.Trouble = m.Cause, who, t0, t0, 0, ""
			}},
		{do: ReportLeak, from: lives, as: all, to: Revoking,
			then: func(g *Grant, who PersonID, _ GrantMove) {
				g.Cause, g.EndedBy, g.RevokingAt, g.NextTry, g.Tries, g.Trouble = ByLeak, who, t0, t0, 0, ""
			}},
		{do: ReportLeak, from: []GrantState{Revoking}, as: all,
			then: func(g *Grant, _ PersonID, _ GrantMove) { g.Cause, g.NextTry = ByLeak, t0 }},
		{do: Gone, from: []GrantState{Revoking}, as: []Part{AsSystem}, to: Revoked, then: gone},
		{do: Gone, from: []GrantState{Revoking}, as: []Part{AsSystem}, to: Expired, given: func(g *Grant) { g.Cause = ByEnd }, then: gone},
		{do: Gone, from: []GrantState{Revoking}, as: []Part{AsSystem}, to: Unclaimed, given: func(g *Grant) { g.Cause = ByUnclaimed }, then: gone},
	},
}

func gaveUp(g *Grant, _ PersonID, m GrantMove) { g.LeaseUntil, g.Trouble = time.Time{}, m.Reason }
func gone(g *Grant, _ PersonID, _ GrantMove)   { g.EndedAt, g.Trouble = t0, "" }
func unsponsored(g *Grant, _ PersonID, _ GrantMove) {
	g.Sponsor, g.SponsorAsked, g.GapUntil = "", "", t0.Add(14*day)
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
				f.AllowedBy, f.AllowedAt, f.ConfirmedBy, f.ReviewAt, f.Reason = who, t0, "", m.ReviewAt, m.Reason
			}},
		{do: Allow, from: []FoundState{FoundAllowing}, as: []Part{AsReviewer}, to: FoundAllowed, fresh: true,
			then: func(f *Found, who PersonID, _ FoundMove) { f.ConfirmedBy = who }},
		{do: Disallow, from: []FoundState{FoundAllowing, FoundAllowed}, as: []Part{AsReviewer}, to: FoundNew, then: disallowed},
		{do: Reopen, from: []FoundState{FoundAllowed}, as: []Part{AsSystem}, to: FoundNew, then: disallowed},
		{do: Remove, from: []FoundState{FoundNew, FoundTold, FoundAllowing}, as: []Part{AsRequester, AsReviewer}, to: FoundRemoving, then: removing},
		{do: Remove, from: []FoundState{FoundAllowed}, as: []Part{AsReviewer}, to: FoundRemoving, then: removing},
		{do: Gone, from: []FoundState{FoundRemoving}, as: []Part{AsSystem}, to: FoundRemoved, then: vanished},
		{do: Vanish, from: []FoundState{FoundNew, FoundTold, FoundAllowing, FoundAllowed}, as: []Part{AsSystem}, to: FoundGone, then: vanished},
	},
}

func disallowed(f *Found, _ PersonID, _ FoundMove) {
	f.AllowedBy, f.AllowedAt, f.ConfirmedBy, f.ReviewAt, f.Reason = "", time.Time{}, "", time.Time{}, ""
}

func removing(f *Found, who PersonID, _ FoundMove) {
	f.EndedBy, f.RemovingAt, f.NextTry, f.Tries, f.Trouble = who, t0, t0, 0, ""
}
func vanished(f *Found, _ PersonID, _ FoundMove) { f.EndedAt, f.Trouble = t0, "" }

func TestFoundMoves(t *testing.T) {
	t.Parallel()
	foundLife.test(t)
}

// The lives above and the tables know the same moves.
func TestMovesAreComplete(t *testing.T) {
	t.Parallel()
	var lines, rows []string
	say := func(out *[]string, from, do, as, to string, fresh bool, effect Effect) {
		if s := fmt.Sprint(from, do, as, to, fresh, effect); !slices.Contains(*out, s) {
			*out = append(*out, s)
		}
	}
	each := func(do Action, from string, as []Part, to string, fresh bool, effect Effect) {
		if to == "" {
			to = from
		}
		for _, p := range as {
			say(&lines, from, string(do), string(p), to, fresh, effect)
		}
	}
	for _, l := range requestLife.moves {
		for _, from := range l.from {
			each(l.do, string(from), l.as, string(l.to), l.fresh, l.effect)
		}
	}
	for _, l := range grantLife.moves {
		for _, from := range l.from {
			each(l.do, string(from), l.as, string(l.to), l.fresh, l.effect)
		}
	}
	for _, l := range foundLife.moves {
		for _, from := range l.from {
			each(l.do, string(from), l.as, string(l.to), l.fresh, l.effect)
		}
	}
	for _, r := range lifecycle {
		say(&rows, string(r.From), string(r.Do), string(r.As), string(r.To), r.Fresh, r.Effect)
	}
	for _, r := range grantLifecycle {
		say(&rows, string(r.From), string(r.Do), string(r.As), string(r.To), r.Fresh, NoEffect)
	}
	for _, r := range foundLifecycle {
		say(&rows, string(r.From), string(r.Do), string(r.As), string(r.To), r.Fresh, NoEffect)
	}
	slices.Sort(lines)
	slices.Sort(rows)
	for _, s := range lines {
		if !slices.Contains(rows, s) {
			t.Errorf("no table has %s", s)
		}
	}
	for _, s := range rows {
		if !slices.Contains(lines, s) {
			t.Errorf("only a table has %s", s)
		}
	}
}

// Every refusal is of one kind.
func TestRefusalsHaveAKind(t *testing.T) {
	t.Parallel()
	kinds := []error{ErrNotFound, ErrNotAllowed, ErrConflict, ErrInvalid}
	for want, err := range map[error]error{ErrNotAllowed: Refuse(WhySelf), ErrConflict: &TransitionError{}, ErrInvalid: &FormError{}} {
		for _, kind := range kinds {
			if errors.Is(err, kind) != (kind == want) { //nolint:errorlint // the very kind
				t.Errorf("%#v is %v", err, kind)
			}
		}
	}
	if _, err := ParseMassFilter(""); !errors.Is(err, ErrInvalid) {
		t.Errorf("%v is not %v", err, ErrInvalid)
	}
}
