package access

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

const grantID = "grt_ABCDEFGHIJKLMNOPQRSTUVWXYZ"

func grantAt(s GrantState) Grant {
	g := NewGrant(grantID, at(Approved), "4711", t0.Add(30*day), t0)
	g.State, g.LeaseUntil = s, time.Time{}
	if s == HandedOver || s == Active || s == Replacing || s == Revoking {
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
	worn.Attempt = MaxAttempts
	late := grantAt(HandedOver)
	late.ShownAt = t0.Add(-ReplaceWindow - time.Second)
	used := grantAt(HandedOver)
	used.Replaced = ReplaceLimit
	old := person(maya)
	old.LaunchedAt = t0.Add(-time.Hour)
	acting := person(maya)
	acting.NoWrites = WhyActing
	ended := grantAt(Revoking)
	ended.Cause = ByEnd
	unclaimed := grantAt(Revoking)
	unclaimed.Cause = ByUnclaimed
	tests := map[string]struct {
		g    Grant
		do   Action
		who  Actor
		st   Standing
		want GrantState
		err  error
		why  Why
	}{
		"the value is handed over":                   {g: grantAt(Minting), do: Shown, who: SystemActor, want: HandedOver},
		"nobody hands over by hand":                  {g: grantAt(Minting), do: Shown, who: reviewer(dana), err: ErrNotAllowed, why: WhyNotYours},
		"an unclear answer is doubted":               {g: grantAt(Minting), do: Doubt, who: SystemActor, want: Recovering},
		"a handed-over token is not minted again":    {g: grantAt(HandedOver), do: Mint, who: person(maya), err: ErrConflict},
		"a new attempt waits for the lease":          {g: leased, do: Mint, who: person(maya), err: ErrConflict},
		"attempts are bounded":                       {g: worn, do: Mint, who: person(maya), err: ErrConflict},
		"the owner tries again":                      {g: grantAt(Recovering), do: Mint, who: person(maya), want: Minting},
		"the owner tries again with a fresh launch":  {g: grantAt(Recovering), do: Mint, who: old, err: ErrNotAllowed, why: WhyStale},
		"the owner replaces what was lost":           {g: grantAt(HandedOver), do: Replace, who: person(maya), want: Replacing},
		"replacing works for an active token":        {g: grantAt(Active), do: Replace, who: person(maya), want: Replacing},
		"nobody else replaces":                       {g: grantAt(HandedOver), do: Replace, who: reviewer(dana), err: ErrNotAllowed, why: WhyNotYours},
		"replacing is for one day":                   {g: late, do: Replace, who: person(maya), err: ErrNotAllowed, why: WhyReplaceLate},
		"replacing is once":                          {g: used, do: Replace, who: person(maya), err: ErrNotAllowed, why: WhyReplaceUsed},
		"replacing needs a fresh launch":             {g: grantAt(HandedOver), do: Replace, who: old, err: ErrNotAllowed, why: WhyStale},
		"the owner revokes with an old launch":       {g: grantAt(Active), do: Revoke, who: old, want: Revoking},
		"the sponsor revokes":                        {g: grantAt(Active), do: Revoke, who: person(ana), st: Standing{Sponsor: true}, want: Revoking},
		"a reviewer revokes":                         {g: grantAt(Active), do: Revoke, who: reviewer(dana), want: Revoking},
		"a stranger does not":                        {g: grantAt(Active), do: Revoke, who: person(evan), err: ErrNotAllowed, why: WhyNotYours},
		"acting as the owner does not":               {g: grantAt(Active), do: Revoke, who: acting, err: ErrNotAllowed, why: WhyActing},
		"gone by its owner is revoked":               {g: grantAt(Revoking), do: Gone, who: SystemActor, want: Revoked},
		"gone by its end is expired":                 {g: ended, do: Gone, who: SystemActor, want: Expired},
		"gone without activation is never activated": {g: unclaimed, do: Gone, who: SystemActor, want: Unclaimed},
		"a person cannot say that it is gone":        {g: grantAt(Revoking), do: Gone, who: reviewer(dana), err: ErrNotAllowed, why: WhyNotYours},
		"what is gone stays gone":                    {g: grantAt(Revoked), do: Revoke, who: person(maya), err: ErrConflict},
		"a token not asked to end cannot be gone":    {g: grantAt(Active), do: Gone, who: SystemActor, err: ErrConflict},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := ApplyGrant(tt.g, tt.do, tt.who, tt.st, GrantMove{Cause: ByOwner, CanvasID: "99"}, t0)
			if !errors.Is(err, tt.err) || got.State != tt.want || WhyOf(err) != tt.why {
				t.Fatalf("ApplyGrant(%s, %s) = %q, %v; want %q, %v", tt.g.State, tt.do, got.State, err, tt.want, tt.err)
			}
		})
	}
}

// Removing is open in every state in which a token may exist, to everybody who
// may remove, at any age of their launch (I9).
func TestRevokeIsAlwaysOpen(t *testing.T) {
	t.Parallel()
	old := func(a Actor) Actor { a.LaunchedAt = t0.Add(-30 * day); return a }
	for _, s := range GrantStates {
		if s.Final() || s == Revoking {
			continue
		}
		for name, who := range map[string]Actor{"owner": old(person(maya)), "sponsor": old(person(ana)), "reviewer": old(reviewer(dana)), "system": SystemActor} {
			if _, err := ApplyGrant(grantAt(s), Revoke, who, Standing{Sponsor: name == "sponsor"}, GrantMove{Cause: ByOwner}, t0); err != nil {
				t.Errorf("the %s cannot end a grant that is %s: %v", name, s, err)
			}
		}
	}
}

func TestGrantTable(t *testing.T) {
	t.Parallel()
	for _, row := range grantLifecycle {
		if row.From.Final() {
			t.Errorf("I6: %s leaves the final state %s", row.Do, row.From)
		}
		if row.Do == Revoke && row.Fresh {
			t.Error("I9: revoking needs a fresh launch")
		}
		if row.Do == Gone && row.As != AsSystem {
			t.Error("only proof ends a grant")
		}
		if row.To == HandedOver && row.From != Minting {
			t.Errorf("handed over from %s", row.From)
		}
	}
}

func TestGrantWalk(t *testing.T) {
	t.Parallel()
	actions := []Action{Mint, Doubt, Shown, GiveUp, SeenActive, Replace, StepBack, Revoke, Gone}
	actors := []Actor{person(maya), person(ana), reviewer(dana), person(evan), SystemActor}
	rng := rand.New(rand.NewPCG(3, 4))
	for range 3000 {
		g := NewGrant(grantID, at(Approved), "4711", t0.Add(30*day), t0)
		now, hand := t0, 0
		for range 20 {
			now = now.Add(time.Duration(rng.IntN(120)) * time.Second)
			who := actors[rng.IntN(len(actors))]
			if !who.System {
				who.LaunchedAt = now
			}
			do := actions[rng.IntN(len(actions))]
			after, err := ApplyGrant(g, do, who, Standing{Sponsor: who.Person == ana}, GrantMove{Cause: ByOwner, CanvasID: "99", Wanted: g.Wanted, Expires: g.Wanted}, now)
			if err != nil {
				continue
			}
			if g.State.Final() {
				t.Fatalf("I6: %s moved a grant that is %s", do, g.State)
			}
			if after.Attempt < g.Attempt || after.Attempt > MaxAttempts || after.Version != g.Version+1 {
				t.Fatalf("attempt %d after %d, version %d after %d", after.Attempt, g.Attempt, after.Version, g.Version)
			}
			if do == Shown {
				hand++
			}
			if hand > 1+ReplaceLimit {
				t.Fatalf("handed over %d times", hand)
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
