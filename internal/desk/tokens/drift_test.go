package tokens_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/desk/tokens"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/store"
)

const driftSubject, alteredSubject = "was changed in Canvas", "was changed in Canvas and deleted"

// An end that was moved later in Canvas is set back within the hour, whoever
// moved it and however Canvas answers, and told once.
func TestEndMovedLater(t *testing.T) {
	t.Parallel()
	put := func(f canvastest.Fault) func(r *desktest.Rig) {
		return func(r *desktest.Rig) {
			f.Route, f.Method = desktest.CreateRoute+"/:id", http.MethodPut
			r.Cv.Fail(f)
		}
	}
	tests := map[string]struct {
		to    func(g access.Grant) time.Time
		and   func(r *desktest.Rig)
		drift access.Drift
	}{
		"by a month":                {to: func(g access.Grant) time.Time { return g.Expires.AddDate(0, 1, 0) }, drift: access.DriftExtended},
		"by two minutes":            {to: func(g access.Grant) time.Time { return g.Expires.Add(2 * time.Minute) }, drift: access.DriftExtended},
		"by a minute, which is not": {to: func(g access.Grant) time.Time { return g.Expires.Add(time.Minute) }},
		"to never":                  {to: func(access.Grant) time.Time { return time.Time{} }, drift: access.DriftExtended},
		"and Canvas ignores the change without a word": {to: func(access.Grant) time.Time { return time.Time{} },
			and: func(r *desktest.Rig) { r.W.UpdateFlags(func(f *canvastest.Flags) { f.FreezeExpiryOnUpdate = true }) }, drift: access.DriftStuck},
		"and Canvas denies the change": {to: func(access.Grant) time.Time { return time.Time{} },
			and: put(canvastest.Fault{Status: 403, Body: `{"status":"unauthorized","errors":[{"message":"user not authorized to perform that action"}]}`, Times: -1}), drift: access.DriftStuck},
		"and Canvas refuses the date": {to: func(access.Grant) time.Time { return time.Time{} },
			and: put(canvastest.Fault{Status: 400, Body: `[{"message":"Invalid expiration date format"}]`, Times: -1}), drift: access.DriftStuck},
		"and Canvas cuts the line after the change": {to: func(access.Grant) time.Time { return time.Time{} },
			and: put(canvastest.Fault{DropAfter: true}), drift: access.DriftExtended},
		"and Canvas fails twice": {to: func(access.Grant) time.Time { return time.Time{} },
			and: put(canvastest.Fault{Status: 500, Times: 2}), drift: access.DriftExtended},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := desktest.NewRig(t, desktest.Sqlite(t))
			g := r.InUse()
			approved := g.Expires
			moved := tt.to(g)
			r.Changed(g, func(tok *canvastest.Token) { tok.ExpiresAt = moved })
			if tt.and != nil {
				tt.and(r)
			}
			r.Tick(time.Hour)
			for range 5 {
				r.Tick(time.Minute)
			}
			g = r.Grant(g.ID)
			if g.Drift != tt.drift || !g.EndsAt().Equal(approved) || g.State != access.Active {
				t.Fatalf("drift %q, ends %s, %s; want %q", g.Drift, g.EndsAt(), g.State, tt.drift)
			}
			if end := r.Token(g).ExpiresAt; tt.drift == access.DriftExtended && !end.Equal(approved) {
				t.Errorf("in Canvas it ends %s, approved was %s", end, approved)
			}
			for range 3 {
				r.Tick(24 * time.Hour)
			}
			want := 1
			if tt.drift == "" {
				want = 0
			}
			for _, key := range []string{"maya", "dana", "priya"} {
				if n := r.Told(key, driftSubject); n != want {
					t.Errorf("%s was told %d times, want %d: %q", key, n, want, r.Subjects(key))
				}
			}
			r.Clock.Advance(approved.Sub(r.Clock.Now()))
			for range 15 {
				r.Tick(time.Minute)
			}
			if g := r.Grant(g.ID); g.State != access.Expired || r.InCanvas("maya") != 0 {
				t.Errorf("15 minutes after the approved end: %s, %d tokens in Canvas", g.State, r.InCanvas("maya"))
			}
			r.Proven()
		})
	}
}

// A program that dies between setting an end back and storing it still tells.
func TestSetBackThenDead(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		g := r.InUse()
		approved := g.Expires
		r.Changed(g, func(tok *canvastest.Token) { tok.ExpiresAt = time.Time{} })
		f, err := r.Desk.CanvasOf(r.T.Context(), r.Tenant, "")
		if err != nil {
			r.T.Fatal(err)
		}
		if err := r.Tokens.CheckToken(r.T.Context(), f, g); err != nil {
			r.T.Fatal(err)
		}
		now := r.Clock.Now()
		js, err := r.Desk.Store.ClaimJobs(r.T.Context(), jobs.Claim{Owner: "the one that dies", Now: now, Lease: time.Minute, Limit: 10, But: true})
		if err != nil || len(js) != 1 || js[0].Kind != tokens.JobSetBack {
			r.T.Fatalf("%+v, %v", js, err)
		}
		if kind, _, err := r.Tokens.SetBack(r.T.Context(), f, g, false); err != nil || kind != access.DriftExtended {
			r.T.Fatal(kind, err)
		}
		r.Tick(2 * time.Minute) // the lease is over
		if g = r.Grant(g.ID); g.Drift != access.DriftExtended || !r.Token(g).ExpiresAt.Equal(approved) || r.Told("maya", driftSubject) != 1 {
			r.T.Errorf("drift %q, told %q", g.Drift, r.Subjects("maya"))
		}
		r.Proven()
	})
}

func TestEndMovedEarlier(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		g := r.InUse()
		sooner := r.Clock.Now().Add(48 * time.Hour).Truncate(time.Second)
		r.Changed(g, func(tok *canvastest.Token) { tok.ExpiresAt = sooner })
		r.Tick(time.Hour)
		r.Tick(time.Hour)
		if g = r.Grant(g.ID); g.Drift != access.DriftShortened || !g.Expires.Equal(sooner) {
			r.T.Fatalf("drift %q, ends %s", g.Drift, g.Expires)
		}
		if n, m := r.Told("maya", "ends earlier now"), r.Told("dana", "Canvas"); n != 1 || m != 0 {
			r.T.Errorf("the owner was told %d times, a reviewer %d", n, m)
		}
		r.Clock.Advance(sooner.Sub(r.Clock.Now()))
		for range 15 {
			r.Tick(time.Minute)
		}
		if g = r.Grant(g.ID); g.State != access.Expired {
			r.T.Errorf("after the earlier end: %s", g.State)
		}
		r.Proven()
	})
}

// What makes a token another one than was approved ends it; what says nothing
// does not.
func TestAltered(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		before func(r *desktest.Rig, g access.Grant) access.Grant
		change func(tok *canvastest.Token)
		and    func(r *desktest.Rig, g access.Grant)
		ends   bool
	}{
		"its value was made anew":                   {change: func(tok *canvastest.Token) { tok.Hint = "OTHER" }, ends: true},
		"somebody else made it anew: it is pending": {change: func(tok *canvastest.Token) { tok.State = canvastest.StatePending }, ends: true},
		"the marker is gone":                        {change: func(tok *canvastest.Token) { tok.Purpose = "My token" }, ends: true},
		"the marker is another grant's":             {change: func(tok *canvastest.Token) { tok.Purpose = "x [grt_" + strings.Repeat("A", 26) + "/1]" }, ends: true},
		"the marker is another attempt's":           {change: func(tok *canvastest.Token) { tok.Purpose = strings.Replace(tok.Purpose, "/1]", "/2]", 1) }, ends: true},
		"only the words before the marker": {change: func(tok *canvastest.Token) {
			tok.Purpose = "New words " + tok.Purpose[strings.Index(tok.Purpose, "["):]
		}},
		"a hint of a sharded Canvas is no evidence":   {change: func(tok *canvastest.Token) { tok.Hint = "17~Ab" }},
		"no hint is no evidence":                      {change: func(tok *canvastest.Token) { tok.Hint = "" }},
		"another token of the owner has the new hint": {change: func(tok *canvastest.Token) { tok.Hint = "TWINS" }, and: func(r *desktest.Rig, _ access.Grant) { twin(r, "TWINS") }},
		"another token of the owner has the old hint": {change: func(tok *canvastest.Token) { tok.Hint = "OTHER" }, and: func(r *desktest.Rig, g access.Grant) { twin(r, g.Hint) }},
		"frozen, and nothing happened":                {before: func(r *desktest.Rig, g access.Grant) access.Grant { return r.Frozen(g) }, change: func(*canvastest.Token) {}},
		"frozen, and activated":                       {before: func(r *desktest.Rig, g access.Grant) access.Grant { return r.Frozen(g) }, change: func(tok *canvastest.Token) { tok.State = canvastest.StateActive }, ends: true},
		"frozen, and made anew":                       {before: func(r *desktest.Rig, g access.Grant) access.Grant { return r.Frozen(g) }, change: func(tok *canvastest.Token) { tok.Hint = "OTHER" }, ends: true},
		"frozen, and its end moved later":             {before: func(r *desktest.Rig, g access.Grant) access.Grant { return r.Frozen(g) }, change: func(tok *canvastest.Token) { tok.ExpiresAt = tok.ExpiresAt.AddDate(0, 1, 0) }, ends: true},
		"frozen, and its end moved earlier":           {before: func(r *desktest.Rig, g access.Grant) access.Grant { return r.Frozen(g) }, change: func(tok *canvastest.Token) { tok.ExpiresAt = tok.ExpiresAt.AddDate(0, 0, -2) }, ends: true},
		"frozen, and renamed":                         {before: func(r *desktest.Rig, g access.Grant) access.Grant { return r.Frozen(g) }, change: func(tok *canvastest.Token) { tok.Purpose = "My token" }, ends: true},
		"adopted, before the marker was written":      {before: func(r *desktest.Rig, g access.Grant) access.Grant { return adopted(r, g) }, change: func(tok *canvastest.Token) { tok.Purpose = "My token" }},
		"adopted, and marked for another grant":       {before: func(r *desktest.Rig, g access.Grant) access.Grant { return adopted(r, g) }, change: func(tok *canvastest.Token) { tok.Purpose = "x [grt_" + strings.Repeat("A", 26) + "/1]" }, ends: true},
		"adopted, marked, and the marker is gone again": {before: func(r *desktest.Rig, g access.Grant) access.Grant {
			g = adopted(r, g)
			r.Tick(time.Hour) // the marker is seen
			return r.Grant(g.ID)
		}, change: func(tok *canvastest.Token) { tok.Purpose = "My token" }, ends: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := desktest.NewRig(t, desktest.Sqlite(t))
			g := r.InUse()
			if tt.before != nil {
				g = tt.before(r, g)
			}
			state := g.State
			r.Changed(g, tt.change)
			if tt.and != nil {
				tt.and(r, g)
			}
			r.Tick(time.Hour)
			r.Tick(time.Minute)
			g = r.Grant(g.ID)
			gone := r.Token(g).State == canvastest.StateDeleted
			if !tt.ends {
				if g.State != state || gone || r.Told("maya", "in Canvas") != 0 {
					t.Errorf("%s by %s, gone from Canvas: %v, told %q", g.State, g.Cause, gone, r.Subjects("maya"))
				}
				return
			}
			if g.State != access.Revoked || g.Cause != access.ByAltered || !gone {
				t.Fatalf("%s by %s, gone from Canvas: %v", g.State, g.Cause, gone)
			}
			for key, subject := range map[string]string{"maya": alteredSubject, "ana": "changed and deleted", "dana": alteredSubject, "priya": alteredSubject} {
				if n := r.Told(key, subject); n != 1 {
					t.Errorf("%s was told %d times: %q", key, n, r.Subjects(key))
				}
			}
			r.Proven()
		})
	}
}

// Where a hint says nothing, a change that nothing explains is told as one that may
// have been. Uses, the activation and writes of ours explain theirs, however often
// they come.
func TestMayHaveBeenChanged(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		r.W.UpdateUser("maya", func(u *canvastest.User) { u.SecretShard = 17 })
		g, value := r.Active()
		look := func(when string, want access.Drift, told time.Time) {
			r.T.Helper()
			r.Tick(time.Hour)
			r.Tick(time.Minute)
			g = r.Grant(g.ID)
			if g.State != access.Active || g.Drift != want || !g.DriftAt.Equal(told) || !r.W.Authenticates(value) {
				r.T.Fatalf("%s: %s, drift %q at %s, want %q at %s", when, g.State, g.Drift, g.DriftAt, want, told)
			}
		}
		look("activated", "", time.Time{})
		for range 3 {
			r.Clock.Advance(7 * time.Minute) // not each is written down
			r.Use(value)
			look("used", "", time.Time{})
		}
		r.Changed(g, func(tok *canvastest.Token) { tok.ExpiresAt = tok.ExpiresAt.AddDate(0, 0, 20) })
		r.Tick(time.Hour)
		r.Tick(time.Minute)
		back := r.Grant(g.ID).DriftAt
		look("our own write", access.DriftExtended, back)
		look("long after it", access.DriftExtended, back)

		r.Clock.Advance(30 * time.Minute)
		// As its owner's new value does: the state stays, the hint is another one.
		r.Changed(g, func(tok *canvastest.Token) { tok.Hint = "17~Zz" })
		r.Tick(time.Hour)
		r.Tick(time.Minute)
		seen := r.Grant(g.ID)
		if seen.Drift != access.DriftMaybe || !seen.DriftAt.After(back) {
			r.T.Fatalf("a new value: drift %q at %s", seen.Drift, seen.DriftAt)
		}
		look("told once", access.DriftMaybe, seen.DriftAt)
		r.Use(value)
		look("used after it", access.DriftMaybe, seen.DriftAt)
		r.Proven()
	})
}

// twin gives Maya another token whose hint is this one.
func twin(r *desktest.Rig, hint string) {
	tok, _ := r.W.SeedToken("maya", canvastest.TokenSpec{Purpose: "another"})
	r.W.UpdateToken(tok.ID, func(t *canvastest.Token) { t.Hint = hint })
}

// adopted turns g into a token that somebody had made without the tool.
func adopted(r *desktest.Rig, g access.Grant) access.Grant {
	return r.MoveGrant(g, access.Drifted, access.SystemActor, access.GrantMove{}, func(g *access.Grant) { g.FoundID = store.NewID("fnd") })
}

// A token that Canvas shows with another owner proves nothing: it is neither
// gone nor changed.
func TestAnotherOwnersToken(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	g := r.InUse()
	f, err := r.Desk.CanvasOf(t.Context(), r.Tenant, "")
	if err != nil {
		t.Fatal(err)
	}
	shown, err := f.ShowToken(t.Context(), g.CanvasUser, g.CanvasID)
	if err != nil {
		t.Fatal(err)
	}
	shown.UserID, shown.Purpose = r.W.User("luca").ID.String(), "My token"
	if err := r.Tokens.Compare(t.Context(), f, g, shown, nil); err == nil {
		t.Error("no doubt")
	}
	if now := r.Grant(g.ID); now.Version != g.Version || r.Token(g).State != canvastest.StateActive {
		t.Errorf("it is %s now", now.State)
	}
}

// What was read before somebody acted here concludes nothing: a look that saw
// the token of an admin's freeze, or of a replacement under way, ends nothing.
func TestLookBehindAMove(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		g := r.InUse()
		f, err := r.Desk.CanvasOf(r.T.Context(), r.Tenant, "")
		if err != nil {
			r.T.Fatal(err)
		}
		frozen := r.Frozen(g) // g is what was read before
		if err := r.Tokens.CheckToken(r.T.Context(), f, g); err != nil {
			r.T.Error(err)
		}
		if now := r.Grant(g.ID); now.Version != frozen.Version {
			r.T.Errorf("a frozen token is %s by %s", now.State, now.Cause)
		}
		second, _ := r.Collected()
		old := r.Grant(second.Grant.ID)
		if _, err := r.Tokens.Replace(r.T.Context(), r.As("maya", access.DoorCourse), second.Request.Code()); err != nil {
			r.T.Fatal(err)
		}
		if err := r.Tokens.CheckToken(r.T.Context(), f, old); err != nil {
			r.T.Error(err)
		}
		if now := r.Grant(old.ID); now.State != access.Replacing {
			r.T.Errorf("a token being replaced is %s by %s", now.State, now.Cause)
		}
	})
}
