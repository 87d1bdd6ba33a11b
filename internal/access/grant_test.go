package access

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/policy"
)

const grantID = "grt_ABCDEFGHIJKLMNOPQRSTUVWXYZ"

func grantAt(s GrantState) Grant {
	g := NewGrant(grantID, at(Approved), "4711", t0.Add(30*day), t0)
	g.State, g.LeaseUntil = s, time.Time{}
	if s == HandedOver || s == Active || s == Freezing || s == Frozen || s == Replacing || s == Revoking {
		g.CanvasID, g.ShownAt = "99", t0.Add(-time.Hour)
	}
	if s == Revoking {
		g.Cause = ByOwner
	}
	return g
}

func TestApplyGrant(t *testing.T) {
	t.Parallel()
	leased := grantAt(Recovering)
	leased.LeaseUntil = t0.Add(time.Second)
	worn := grantAt(Recovering)
	worn.Attempt = 5
	leaseOver, fifth := leased, worn
	leaseOver.LeaseUntil, fifth.Attempt = t0, 4
	late := grantAt(HandedOver)
	late.ShownAt = t0.Add(-day - time.Second)
	used := grantAt(HandedOver)
	used.Replaced = 1
	old := person(maya)
	old.LaunchedAt = t0.Add(-time.Hour)
	acting := person(maya)
	acting.NoWrites = WhyActing
	ended := grantAt(Revoking)
	ended.Cause = ByEnd
	unclaimed := grantAt(Revoking)
	unclaimed.Cause = ByUnclaimed
	oldReviewer := reviewer(dana)
	oldReviewer.LaunchedAt = t0.Add(-time.Hour)
	thawing := grantAt(Frozen)
	thawing.Votes = Votes{thawYes(0, dana)}
	adopted := grantAt(Active)
	adopted.FoundID = "fnd_1"
	gap := grantAt(Active)
	gap.Sponsor, gap.GapUntil = "", t0.Add(day)
	asked := gap
	asked.SponsorAsked = evan
	askedSelf := gap
	askedSelf.SponsorAsked = maya
	frozenAdopted, nobodys := grantAt(Frozen), gap
	frozenAdopted.FoundID = "fnd_1"
	nobody := Actor{LaunchedAt: t0}
	tests := map[string]struct {
		g    Grant
		do   Action
		who  Actor
		m    GrantMove
		want GrantState
		err  error
	}{
		"the value is handed over":                   {g: grantAt(Minting), do: Shown, who: SystemActor, want: HandedOver},
		"nobody hands over by hand":                  {g: grantAt(Minting), do: Shown, who: reviewer(dana), err: Refuse(WhyNotYours)},
		"an unclear answer is doubted":               {g: grantAt(Minting), do: Doubt, who: SystemActor, want: Recovering},
		"a handed-over token is not minted again":    {g: grantAt(HandedOver), do: Mint, who: person(maya), err: ErrConflict},
		"a new attempt waits for the lease":          {g: leased, do: Mint, who: person(maya), err: ErrConflict},
		"a lease ends with its last moment":          {g: leaseOver, do: Mint, who: person(maya), want: Minting},
		"the fifth attempt is the last":              {g: fifth, do: Mint, who: person(maya), want: Minting},
		"attempts are bounded":                       {g: worn, do: Mint, who: person(maya), err: ErrConflict},
		"the owner tries again":                      {g: grantAt(Recovering), do: Mint, who: person(maya), want: Minting},
		"the owner tries again with a fresh launch":  {g: grantAt(Recovering), do: Mint, who: old, err: Refuse(WhyStale)},
		"the owner replaces what was lost":           {g: grantAt(HandedOver), do: Replace, who: person(maya), want: Replacing},
		"replacing works for an active token":        {g: grantAt(Active), do: Replace, who: person(maya), want: Replacing},
		"nobody else replaces":                       {g: grantAt(HandedOver), do: Replace, who: reviewer(dana), err: Refuse(WhyNotYours)},
		"replacing is for one day":                   {g: late, do: Replace, who: person(maya), err: Refuse(WhyReplaceLate)},
		"replacing is once":                          {g: used, do: Replace, who: person(maya), err: Refuse(WhyReplaceUsed)},
		"replacing needs a fresh launch":             {g: grantAt(HandedOver), do: Replace, who: old, err: Refuse(WhyStale)},
		"the owner revokes with an old launch":       {g: grantAt(Active), do: Revoke, who: old, want: Revoking},
		"the sponsor revokes":                        {g: grantAt(Active), do: Revoke, who: person(ana), want: Revoking},
		"a reviewer revokes":                         {g: grantAt(Active), do: Revoke, who: reviewer(dana), want: Revoking},
		"a stranger does not":                        {g: grantAt(Active), do: Revoke, who: person(evan), err: Refuse(WhyNotYours)},
		"acting as the owner does not":               {g: grantAt(Active), do: Revoke, who: acting, err: Refuse(WhyActing)},
		"gone by its owner is revoked":               {g: grantAt(Revoking), do: Gone, who: SystemActor, want: Revoked},
		"gone by its end is expired":                 {g: ended, do: Gone, who: SystemActor, want: Expired},
		"gone without activation is never activated": {g: unclaimed, do: Gone, who: SystemActor, want: Unclaimed},
		"a person cannot say that it is gone":        {g: grantAt(Revoking), do: Gone, who: reviewer(dana), err: Refuse(WhyNotYours)},
		"what is gone stays gone":                    {g: grantAt(Revoked), do: Revoke, who: person(maya), err: ErrConflict},
		"a token not asked to end cannot be gone":    {g: grantAt(Active), do: Gone, who: SystemActor, err: ErrConflict},

		"a reviewer freezes at any age of the launch": {g: grantAt(Active), do: Freeze, who: oldReviewer, want: Freezing},
		"an owner does not freeze":                    {g: grantAt(Active), do: Freeze, who: person(maya), err: Refuse(WhyNotYours)},
		"a pending token is not frozen":               {g: grantAt(HandedOver), do: Freeze, who: reviewer(dana), err: ErrConflict},
		"frozen is what Canvas confirmed":             {g: grantAt(Freezing), do: Froze, who: SystemActor, want: Frozen},
		"nobody says frozen by hand":                  {g: grantAt(Freezing), do: Froze, who: reviewer(dana), err: Refuse(WhyNotYours)},
		"what Canvas does not freeze stays active":    {g: grantAt(Freezing), do: StayOn, who: SystemActor, want: Active},
		"one voice does not thaw":                     {g: grantAt(Frozen), do: Thaw, who: reviewer(dana), want: Frozen},
		"the second voice thaws":                      {g: thawing, do: Thaw, who: reviewer(evan), want: Replacing},
		"the first voice is not the second":           {g: thawing, do: Thaw, who: reviewer(dana), err: Refuse(WhySecondPerson)},
		"an owner does not thaw, as reviewer either":  {g: grantAt(Frozen), do: Thaw, who: reviewer(maya), err: Refuse(WhySelf)},
		"a sponsor does not thaw, as reviewer either": {g: grantAt(Frozen), do: Thaw, who: reviewer(ana), err: Refuse(WhySponsorDecides)},
		"thawing needs a fresh launch":                {g: thawing, do: Thaw, who: oldReviewer, err: Refuse(WhyStale)},
		"the system does not thaw":                    {g: thawing, do: Thaw, who: SystemActor, err: Refuse(WhyNotYours)},
		"a frozen token is not used again":            {g: grantAt(Frozen), do: SeenActive, who: SystemActor, err: ErrConflict},
		"an adopted token is not replaced":            {g: adopted, do: Replace, who: person(maya), err: ErrConflict},
		"the sponsor ends the sponsorship":            {g: grantAt(Active), do: EndSponsor, who: Actor{Person: ana, LaunchedAt: t0.Add(-time.Hour)}, want: Active},
		"nobody else ends it":                         {g: grantAt(Active), do: EndSponsor, who: reviewer(dana), err: Refuse(WhyNotYours)},
		"a sponsorship that is over does not end":     {g: gap, do: LoseSponsor, who: SystemActor, err: ErrConflict},
		"another sponsor is named in a gap":           {g: gap, do: NameNext, who: person(maya), m: GrantMove{Sponsor: evan}, want: Active},
		"somebody is named":                           {g: gap, do: NameNext, who: person(maya), err: correct("sponsor", "sponsor.missing", nil)},
		"an owner does not name themselves":           {g: gap, do: NameNext, who: person(maya), m: GrantMove{Sponsor: maya}, err: correct("sponsor", "sponsor.self", nil)},
		"nobody ends what no sponsor stands for":      {g: nobodys, do: Revoke, who: nobody, err: Refuse(WhyNotYours)},
		"nobody was asked to stand for it":            {g: nobodys, do: TakeOver, who: nobody, err: Refuse(WhyNotYours)},
		"nobody thaws":                                {g: grantAt(Frozen), do: Thaw, who: Actor{LaunchedAt: t0, Reviewer: true}, err: Refuse(WhyNotYours)},
		"an adopted token is not thawed":              {g: frozenAdopted, do: Thaw, who: reviewer(dana), err: ErrConflict},
		"what has no successor does not retire":       {g: grantAt(Active), do: Retire, who: SystemActor, m: GrantMove{RetireAt: t0.Add(day)}, err: ErrConflict},
		"no token succeeds itself":                    {g: grantAt(Active), do: Retire, who: SystemActor, m: GrantMove{Successor: grantID, RetireAt: t0.Add(day)}, err: ErrConflict},
		"retiring has its time":                       {g: grantAt(Active), do: Retire, who: SystemActor, m: GrantMove{Successor: "grt_next"}, err: ErrConflict},
		"none is named while there is one":            {g: grantAt(Active), do: NameNext, who: person(maya), err: ErrConflict},
		"who was asked takes over":                    {g: asked, do: TakeOver, who: person(evan), want: Active},
		"taking over needs a fresh launch":            {g: asked, do: TakeOver, who: Actor{Person: evan, LaunchedAt: t0.Add(-time.Hour)}, err: Refuse(WhyStale)},
		"who was not asked does not take over":        {g: asked, do: TakeOver, who: person(ana), err: Refuse(WhyNotYours)},
		"an owner does not take over":                 {g: askedSelf, do: TakeOver, who: person(maya), err: Refuse(WhyNotYours)},
		"who was asked may turn it down":              {g: asked, do: TurnDown, who: Actor{Person: evan}, want: Active},
		"a leak ends what is being revoked":           {g: grantAt(Revoking), do: ReportLeak, who: person(maya), want: Revoking},
		"a stranger reports no leak":                  {g: grantAt(Active), do: ReportLeak, who: person(evan), err: Refuse(WhyNotYours)},
		"a leak of what is gone moves nothing":        {g: grantAt(Revoked), do: ReportLeak, who: person(maya), err: ErrConflict},
		"nobody retires by hand":                      {g: grantAt(Active), do: Retire, who: person(maya), err: Refuse(WhyNotYours)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			grantLife.row(t, tt.g, tt.g.State, tt.do, tt.who, tt.m, tt.want, nil, tt.err)
		})
	}
}

// Removing is open in every state in which a token may exist, to everybody who
// may remove, at any age of their launch.
func TestRevokeIsAlwaysOpen(t *testing.T) {
	t.Parallel()
	old := func(a Actor) Actor { a.LaunchedAt = t0.Add(-30 * day); return a }
	for _, s := range GrantStates {
		if s.Final() || s == Revoking {
			continue
		}
		for name, who := range map[string]Actor{"owner": old(person(maya)), "sponsor": old(person(ana)), "reviewer": old(reviewer(dana)), "system": SystemActor} {
			if _, _, err := ApplyGrant(grantAt(s), Revoke, who, GrantMove{Cause: ByOwner}, t0); err != nil {
				t.Errorf("the %s cannot end a grant that is %s: %v", name, s, err)
			}
		}
	}
}

func TestGrantTable(t *testing.T) {
	t.Parallel()
	for _, row := range grantLifecycle {
		if (row.Do == ReportLeak || row.Do == Freeze || row.Do == EndSponsor || row.Do == TurnDown) && row.Fresh {
			t.Errorf("%s needs a fresh launch", row.Do)
		}
		if (row.Do == Thaw || row.Do == TakeOver) && !row.Fresh {
			t.Errorf("%s needs no fresh launch", row.Do)
		}
		if row.From == Frozen && row.To == Active {
			t.Errorf("%s makes a frozen token work without a new value", row.Do)
		}
		if row.From.Final() {
			t.Errorf("%s leaves the final state %s", row.Do, row.From)
		}
		if row.Do == Revoke && row.Fresh {
			t.Error("revoking needs a fresh launch")
		}
		if row.Do == Gone && row.As != AsSystem {
			t.Error("only proof ends a grant")
		}
		if row.To == HandedOver && row.From != Minting && row.From != HandedOver {
			t.Errorf("handed over from %s", row.From)
		}
	}
}

func TestGrantWalk(t *testing.T) {
	t.Parallel()
	actions := []Action{Mint, Doubt, Shown, GiveUp, SeenActive, Replace, StepBack, Revoke, Gone, ReportLeak, Freeze, Froze, StayOn, Thaw,
		Drifted, Follow, Retire, LoseSponsor, EndSponsor, NameNext, TakeOver, TurnDown}
	actors := []Actor{person(maya), person(ana), reviewer(dana), reviewer(evan), SystemActor}
	rng := rand.New(rand.NewPCG(3, 4))
	for range 3000 {
		g := NewGrant(grantID, at(Approved), "4711", t0.Add(30*day), t0)
		now, hand, thaws := t0, 0, 0
		for range 20 {
			now = now.Add(time.Duration(rng.IntN(120)) * time.Second)
			who := actors[rng.IntN(len(actors))]
			if !who.System {
				who.LaunchedAt = now
			}
			do := actions[rng.IntN(len(actions))]
			after, _, err := ApplyGrant(g, do, who, GrantMove{Policy: policy.BuiltIn(), Cause: ByOwner, CanvasID: "99", Wanted: g.Wanted, Expires: g.Wanted, Sponsor: evan,
				Successor: "grt_next", RetireAt: now.Add(3 * day)}, now)
			if err != nil {
				continue
			}
			if g.State.Final() {
				t.Fatalf("%s moved a grant that is %s", do, g.State)
			}
			if after.Attempt < g.Attempt || after.Attempt > MaxAttempts || after.Version != g.Version+1 {
				t.Fatalf("attempt %d after %d, version %d after %d", after.Attempt, g.Attempt, after.Version, g.Version)
			}
			if do == Shown {
				hand++
			}
			if do == Thaw && after.State == Replacing {
				thaws++
				if one := g.FirstThaw().Person; one == "" || one == who.Person {
					t.Fatalf("thawed by %q after %q", who.Person, one)
				}
			}
			if hand > 1+ReplaceLimit+thaws {
				t.Fatalf("handed over %d times with %d thaws", hand, thaws)
			}
			if after.Sponsor == after.Owner || after.SponsorAsked == after.Owner {
				t.Fatalf("%s made the owner their own sponsor", do)
			}
			if !g.RetireAt.IsZero() && after.RetireAt.After(g.RetireAt) {
				t.Fatal("an end by retirement moved later")
			}
			if g.State == Frozen && after.State == Active {
				t.Fatal("a frozen token works again without a new value")
			}
			g = after
		}
	}
}

func TestMarker(t *testing.T) {
	t.Parallel()
	g := grantAt(Minting)
	g.Title = strings.Repeat("é", 300)
	p := g.Purpose()
	if n := len([]rune(p)); n > 255 {
		t.Errorf("the purpose has %d characters, Canvas takes 255", n)
	}
	id, n, ok := ParseMarker(p)
	if !ok || id != grantID || n != 1 {
		t.Errorf("ParseMarker(%q) = %q, %d, %v", p, id, n, ok)
	}
	for _, bad := range []string{"", "[grt_x/1]", g.Marker() + " copied", "[" + grantID + "/0]", "[" + grantID + "/-1]", strings.ToLower(g.Marker()), "[" + grantID + "/1000000]"} {
		if _, _, ok := ParseMarker(bad); ok {
			t.Errorf("ParseMarker(%q) found a marker", bad)
		}
	}
}

func FuzzParseMarker(f *testing.F) {
	f.Add("Attendance helper [" + grantID + "/1]")
	f.Add("]/[")
	f.Fuzz(func(t *testing.T, s string) {
		if id, n, ok := ParseMarker(s); ok && !strings.HasSuffix(s, Grant{ID: id, Attempt: n}.Marker()) {
			t.Fatalf("%q does not end with the marker it was read from", s)
		}
	})
}
