package access

import (
	"testing"
	"time"
)

// Each window is open until its last second and closed in the next.
func TestWindows(t *testing.T) {
	t.Parallel()
	ago := func(d time.Duration) time.Time { return t0.Add(-d) }
	launched := func(age time.Duration) bool { return Actor{LaunchedAt: ago(age)}.Fresh(t0) }
	stuck := func(age time.Duration) bool { return Grant{State: Revoking, RevokingAt: ago(age)}.Stuck(t0) }
	renewable := func(left time.Duration) bool {
		return Grant{State: Active, Wanted: ago(time.Hour), Expires: t0.Add(left)}.Renewable(t0)
	}
	replaceable := func(age time.Duration) bool {
		g := grantAt(HandedOver)
		g.ShownAt = ago(age)
		return CanGrant(g, Replace, person(maya), t0)
	}
	for name, tt := range map[string]struct {
		open     func(time.Duration) bool
		from, to time.Duration // the first and the last second of it
	}{
		"a launch decides for 15 minutes, and a minute of skew":  {launched, -time.Minute, 15 * time.Minute},
		"a deletion is stuck after an hour":                      {stuck, time.Hour, 1000 * day},
		"a token is renewed in its last 30 days":                 {renewable, time.Second, 30 * day},
		"a token is replaced within a day, once it was shown":    {replaceable, -1000 * day, day},
		"a request is decided with five business days as target": {func(d time.Duration) bool { return !startReview(Request{}, Move{}, t0).ReviewDue.Before(t0.Add(d)) }, -1000 * day, 7 * day},
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
		if g.Renewable(t0) {
			t.Errorf("what is %s is renewable", name)
		}
	}
	if !(Grant{State: Active, Wanted: t0.Add(day)}).Renewable(t0) {
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
	for c, want := range map[Cause]struct {
		end        GrantState
		distrusted bool
	}{
		ByOwner: {Revoked, false}, BySponsor: {Revoked, true}, ByReviewer: {Revoked, true}, ByEnd: {Expired, false}, ByUnclaimed: {Unclaimed, false},
		ByCanvas: {Revoked, false}, ByNoReplaced: {Revoked, false}, ByFault: {Revoked, false}, ByLeak: {Revoked, true}, ByMisuse: {Revoked, true},
		ByAltered: {Revoked, true}, BySuperseded: {Revoked, false}, ByNoSponsor: {Revoked, false}, ByOwnerLeft: {Revoked, false}, ByCourse: {Revoked, false},
		ByMass: {Revoked, true}, ByDuties: {Revoked, true},
	} {
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
