package access

import (
	"errors"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/policy"
)

// Each window is open until its last second and closed in the next.
func TestWindows(t *testing.T) {
	t.Parallel()
	windows := policy.BuiltIn().Windows
	ago := func(d time.Duration) time.Time { return t0.Add(-d) }
	launched := func(age time.Duration) bool { return Actor{LaunchedAt: ago(age)}.Fresh(t0) }
	stuck := func(age time.Duration) bool { return Grant{State: Revoking, RevokingAt: ago(age)}.Stuck(t0) }
	renewable := func(left time.Duration) bool {
		return Grant{State: Active, Wanted: ago(time.Hour), Expires: t0.Add(left)}.Renewable(windows, t0)
	}
	replaceable := func(age time.Duration) bool {
		g := grantAt(HandedOver)
		g.ShownAt = ago(age)
		return CanGrant(policy.BuiltIn(), g, Replace, person(maya), t0)
	}
	for name, tt := range map[string]struct {
		open     func(time.Duration) bool
		from, to time.Duration // the first and the last second of it
	}{
		"a launch decides for 15 minutes, and a minute of skew": {launched, -time.Minute, 15 * time.Minute},
		"a deletion is stuck after an hour":                     {stuck, time.Hour, 1000 * day},
		"a token is renewed in its last 30 days":                {renewable, time.Second, 30 * day},
		"a token is replaced within a day, once it was shown":   {replaceable, -1000 * day, day},
		"a request is decided with five business days as target": {func(d time.Duration) bool {
			return !startReview(Request{}, Move{Policy: policy.BuiltIn()}, t0).ReviewDue.Before(t0.Add(d))
		}, -1000 * day, 7 * day},
	} {
		for at, want := range map[time.Duration]bool{tt.from - time.Second: false, tt.from: true, tt.to: true, tt.to + time.Second: false} {
			if at < -999*day || at > 999*day {
				continue // open to that side
			}
			if got := tt.open(at); got != want {
				t.Errorf("%s: at %v it is open: %v", name, at, got)
			}
		}
	}
	if (Actor{}).Fresh(time.Time{}) {
		t.Error("what was never launched is fresh")
	}
	if (Grant{State: Active, RevokingAt: ago(day)}).Stuck(t0) || (Grant{State: Revoking}).Stuck(t0) {
		t.Error("what is not being deleted is stuck")
	}
	for name, g := range map[string]Grant{
		"frozen": {State: Frozen, Expires: t0.Add(day)}, "retiring": {State: Active, Expires: t0.Add(day), RetireAt: t0.Add(time.Hour)}, "handed over": {State: HandedOver, Expires: t0.Add(day)},
	} {
		if g.Renewable(windows, t0) {
			t.Errorf("what is %s is renewable", name)
		}
	}
	if !(Grant{State: Active, Wanted: t0.Add(day)}).Renewable(windows, t0) {
		t.Error("a token whose end Canvas did not tell is not renewable")
	}
}

// What is made takes its beginnings from where it comes.
func TestNewGrants(t *testing.T) {
	t.Parallel()
	r, f := full[Request](), full[Found]()
	end := t0.Add(30 * day)
	want := Grant{ID: grantID, Tenant: r.Tenant, RequestID: r.ID, Version: 1, State: Minting, Owner: r.Requester, Title: r.Title(), CanvasUser: "4711",
		Attempt: 1, LeaseUntil: t0.Add(90 * time.Second), Wanted: end, CreatedAt: t0, UpdatedAt: t0, Sponsor: r.Sponsor, Renews: r.Renews, Since: r.Since}
	for _, c := range changes(NewGrant(grantID, r, "4711", end, t0), want) {
		t.Errorf("a new grant: %s", c)
	}
	r.Since = time.Time{}
	want.Since = t0
	for _, c := range changes(NewGrant(grantID, r, "4711", end, t0), want) {
		t.Errorf("the first of its chain: %s", c)
	}
	want = Grant{ID: grantID, Tenant: r.Tenant, RequestID: r.ID, Version: 1, State: Active, Owner: r.Requester, Title: r.Title(), CanvasUser: f.CanvasUser,
		CanvasID: f.CanvasID, Hint: f.Hint, Attempt: 1, Wanted: end, Expires: end, CreatedAt: t0, UpdatedAt: t0, ActivatedAt: t0, LastUsedAt: f.LastUsedAt,
		CheckedAt: t0, Sponsor: r.Sponsor, Since: f.MadeAt, FoundID: f.ID}
	for _, c := range changes(AdoptedGrant(grantID, r, f, end, t0), want) {
		t.Errorf("an adopted grant: %s", c)
	}
	f.MadeAt = time.Time{}
	want.Since = t0
	for _, c := range changes(AdoptedGrant(grantID, r, f, end, t0), want) {
		t.Errorf("an adopted grant of unknown age: %s", c)
	}
}

func TestLiveTokens(t *testing.T) {
	t.Parallel()
	a, b, c := Grant{ID: "grt_a"}, Grant{ID: "grt_b", Renews: "grt_a"}, Grant{ID: "grt_c"}
	for name, tt := range map[string]struct {
		live     []Grant
		renewing string
		want     int
	}{
		"none":                                   {nil, "", 0},
		"two":                                    {[]Grant{a, c}, "", 2},
		"a token and what renews it are one":     {[]Grant{a, b, c}, "", 2},
		"what renews one that is gone":           {[]Grant{b, c}, "", 2},
		"a token whose renewal is asked for":     {[]Grant{a, c}, "grt_a", 1},
		"the renewal of a token that is renewed": {[]Grant{a, b}, "grt_a", 1},
	} {
		if got := LiveTokens(tt.live, tt.renewing); got != tt.want {
			t.Errorf("%s: %d, want %d", name, got, tt.want)
		}
	}
}

func TestCauses(t *testing.T) {
	t.Parallel()
	wants := map[Cause]struct {
		end        GrantState
		distrusted bool
	}{
		ByOwner: {Revoked, false}, BySponsor: {Revoked, true}, ByReviewer: {Revoked, true}, ByEnd: {Expired, false}, ByUnclaimed: {Unclaimed, false},
		ByCanvas: {Revoked, false}, ByNoReplaced: {Revoked, false}, ByFault: {Revoked, false}, ByLeak: {Revoked, true}, ByMisuse: {Revoked, true},
		ByAltered: {Revoked, true}, BySuperseded: {Revoked, false}, ByNoSponsor: {Revoked, false}, ByOwnerLeft: {Revoked, false}, ByCourse: {Revoked, false},
		ByMass: {Revoked, true}, ByDuties: {Revoked, true},
	}
	for _, c := range Causes() {
		want, ok := wants[c]
		if !ok {
			t.Errorf("%s: nobody said what it means", c)
		}
		if c.End() != want.end || c.Distrusted() != want.distrusted {
			t.Errorf("%s: %s, distrusted %v; want %+v", c, c.End(), c.Distrusted(), want)
		}
	}
}

func TestStates(t *testing.T) {
	t.Parallel()
	final := map[any]bool{Fulfilled: true, SponsorDeclined: true, Denied: true, Withdrawn: true, Lapsed: true, Rescinded: true, Discarded: true,
		Revoked: true, Expired: true, Unclaimed: true, Void: true, FoundAdopted: true, FoundRemoved: true, FoundGone: true}
	for _, s := range RequestStates {
		if s.Final() != final[s] || s.Open() != (!final[s] && s != Draft) {
			t.Errorf("a request that is %s: final %v, open %v", s, s.Final(), s.Open())
		}
	}
	for _, s := range GrantStates {
		if s.Final() != final[s] || s.Live() == final[s] {
			t.Errorf("a grant that is %s: final %v, live %v", s, s.Final(), s.Live())
		}
	}
	for _, s := range FoundStates {
		if s.Final() != final[s] {
			t.Errorf("a found token that is %s: final %v", s, s.Final())
		}
	}
}

// Starting again is for the requester of what was declined or lapsed.
func TestCanRefile(t *testing.T) {
	t.Parallel()
	for _, s := range RequestStates {
		for who, may := range map[PersonID]bool{maya: true, ana: false, dana: false} {
			if want := may && (s == SponsorDeclined || s == Denied || s == Lapsed); Can(at(s), Refile, reviewer(who)) != want {
				t.Errorf("%s what is %s: want %v", who, s, want)
			}
		}
	}
	if Can(Request{State: Lapsed}, Refile, Actor{}) {
		t.Error("nobody starts again")
	}
}

// own is a policy of which every window is another one than the built-in's.
func own() policy.Policy {
	p := policy.BuiltIn()
	p.Version = 2
	p.Windows = policy.Windows{Draft: 2 * day, SponsorAnswer: 3 * day, ReviewDays: 2, Claim: 4 * day, Collect: 5 * day, Activation: 6 * day, Replacement: 2 * day,
		SponsorGap: 8 * day, Renewal: 9 * day, Overlap: 10 * day, Grace: 11 * day, CampaignAnswer: 12 * day, AllowList: 13 * day}
	p.Calendar.Holidays = []policy.Date{"2026-11-24"} // the day after t0
	return p
}

// Each time that a move sets follows from the policy that it was given.
func TestWindowsAreThePolicys(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		p                                                    policy.Policy
		sponsor, review, collect, activation, gap, allow, in time.Duration
	}{
		"built in": {policy.BuiltIn(), 14 * day, 7 * day, 14 * day, 7 * day, 14 * day, 365 * day, day},
		"a school": {own(), 3 * day, 3 * day, 5 * day, 6 * day, 8 * day, 13 * day, 2 * day},
	} {
		r := func(from RequestState, do Action, who Actor, m Move) Request {
			m.Policy = tt.p
			out, _, err := Apply(at(from), do, who, m, t0)
			if err != nil {
				t.Fatalf("%s: %s what is %s: %v", name, do, from, err)
			}
			return out
		}
		g := func(from GrantState, do Action, who Actor, change func(*Grant)) Grant {
			x := grantAt(from)
			if change != nil {
				change(&x)
			}
			out, _, err := ApplyGrant(x, do, who, GrantMove{Policy: tt.p}, t0)
			if err != nil {
				t.Fatalf("%s: %s what is %s: %v", name, do, from, err)
			}
			return out
		}
		shown := func(x *Grant) { x.ShownAt = t0.Add(-tt.in) }
		for what, got := range map[string][2]any{
			"submitted":           {r(Draft, Submit, person(maya), Move{To: AwaitingSponsor, Sponsor: ana}).SponsorDue, t0.Add(tt.sponsor)},
			"submitted to review": {r(Draft, Submit, person(maya), Move{To: InReview}).ReviewDue, t0.Add(tt.review)},
			"another sponsor":     {r(AwaitingSponsor, ChooseSponsor, person(maya), Move{Sponsor: evan}).SponsorDue, t0.Add(tt.sponsor)},
			"endorsed":            {r(AwaitingSponsor, Endorse, person(ana), Move{}).ReviewDue, t0.Add(tt.review)},
			"approved":            {r(InReview, Approve, reviewer(dana), Move{}).CollectBy, t0.Add(tt.collect)},
			"returned":            {r(Approved, Return, SystemActor, Move{To: AwaitingSponsor}).SponsorDue, t0.Add(tt.sponsor)},
			"returned to review":  {r(Approved, Return, SystemActor, Move{To: InReview}).ReviewDue, t0.Add(tt.review)},
			"left by its sponsor": {r(Approved, EndSponsor, person(ana), Move{}).SponsorDue, t0.Add(tt.sponsor)},
			"shown":               {g(Minting, Shown, SystemActor, nil).ActivateBy, t0.Add(tt.activation)},
			"replaced":            {g(HandedOver, Replace, person(maya), shown).ActivateBy, t0.Add(tt.activation)},
			"thawed":              {g(Frozen, Thaw, reviewer(dana), func(x *Grant) { x.Votes = Votes{thawYes(x.Round, evan)} }).ActivateBy, t0.Add(tt.activation)},
			"without a sponsor":   {g(Active, LoseSponsor, SystemActor, func(x *Grant) { x.Sponsor = ana }).GapUntil, t0.Add(tt.gap)},
		} {
			if !got[0].(time.Time).Equal(got[1].(time.Time)) {
				t.Errorf("%s: what was %s waits until %v, want %v", name, what, got[0], got[1])
			}
		}
		late := grantAt(HandedOver)
		late.ShownAt = t0.Add(-tt.in - time.Second)
		if CanGrant(tt.p, late, Replace, person(maya), t0) {
			t.Errorf("%s: a token is replaced after %v", name, tt.in)
		}
		m := FoundMove{Policy: tt.p, Reason: "nightly export", ReviewAt: t0.Add(tt.allow)}
		if _, err := ApplyFound(foundAt(FoundNew), Allow, reviewer(dana), m, t0); err != nil {
			t.Errorf("%s: a review date after %v: %v", name, tt.allow, err)
		}
		m.ReviewAt = m.ReviewAt.Add(time.Second)
		if _, err := ApplyFound(foundAt(FoundNew), Allow, reviewer(dana), m, t0); err == nil {
			t.Errorf("%s: a review date is later than %v", name, tt.allow)
		}
		sent := Request{State: AwaitingSponsor, Sponsor: ana, SubmittedAt: t0, SponsorDue: t0.Add(tt.sponsor)}
		if !sent.AsSubmitted(tt.p.Windows) {
			t.Errorf("%s: what was just sent is not as it was sent", name)
		}
	}
}

// A time is never set by no policy; and nothing that ends a token or a request
// needs one.
func TestMovesWithoutAPolicy(t *testing.T) {
	t.Parallel()
	for _, l := range requestLife.moves {
		for _, from := range l.from {
			for _, as := range l.as {
				r, m := requestLife.whole(from), requestLife.m
				if l.given != nil {
					l.given(&r)
				}
				if l.with != nil {
					l.with(&m)
				}
				m.Policy = policy.Policy{}
				after, _, err := Apply(r, l.do, requestLife.actors[as], m, t0)
				if needs := NeedsPolicy(l.do); needs != errors.Is(err, errNoPolicy) || !needs && err != nil {
					t.Errorf("%s what is %s: %v", l.do, from, err)
				}
				if after.State.Final() && NeedsPolicy(l.do) {
					t.Errorf("%s ends a request and needs a policy", l.do)
				}
			}
		}
	}
	for _, l := range grantLife.moves {
		for _, from := range l.from {
			for _, as := range l.as {
				g, m := grantLife.whole(from), grantLife.m
				if l.given != nil {
					l.given(&g)
				}
				if l.with != nil {
					l.with(&m)
				}
				_, _, err := ApplyGrant(g, l.do, grantLife.actors[as], m, t0)
				if needs := GrantNeedsPolicy(l.do); needs != errors.Is(err, errNoPolicy) || !needs && err != nil {
					t.Errorf("%s what is %s: %v", l.do, from, err)
				}
				if GrantNeedsPolicy(l.do) && (l.to == Revoking || l.to.Final()) {
					t.Errorf("%s ends a token and needs a policy", l.do)
				}
			}
		}
	}
	m := FoundMove{Reason: "nightly export", ReviewAt: t0.Add(day)}
	if _, err := ApplyFound(foundAt(FoundNew), Allow, reviewer(dana), m, t0); !errors.Is(err, errNoPolicy) {
		t.Errorf("allowing without a policy: %v", err)
	}
}
