package workflow

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/store"
)

// inUse is Maya's token, activated, and seen so.
func (r *rig) inUse() access.Grant {
	r.t.Helper()
	c, _ := r.collected()
	r.activate("maya", c.Grant.CanvasID)
	r.tick(2 * time.Minute)
	g := r.grant(c.Grant.ID)
	if g.State != access.Active {
		r.t.Fatalf("activated in Canvas, here %s", g.State)
	}
	return g
}

// changed changes a token in Canvas behind the tool's back.
func (r *rig) changed(g access.Grant, change func(*canvastest.Token)) {
	r.t.Helper()
	for _, t := range r.w.Tokens("maya") {
		if t.ID.String() == g.CanvasID {
			r.w.UpdateToken(t.ID, func(t *canvastest.Token) { change(t); t.UpdatedAt = r.clock.Now() })
			return
		}
	}
	r.t.Fatalf("no token %s", g.CanvasID)
}

// token is g's token in Canvas.
func (r *rig) token(g access.Grant) canvastest.Token {
	r.t.Helper()
	for _, t := range r.w.Tokens("maya") {
		if t.ID.String() == g.CanvasID {
			return t
		}
	}
	r.t.Fatalf("no token %s", g.CanvasID)
	return canvastest.Token{}
}

// moved makes one move of a grant as it is told, without any of its effects.
func (r *rig) moveGrant(g access.Grant, do access.Action, who access.Actor, m access.GrantMove, change ...func(*access.Grant)) access.Grant {
	r.t.Helper()
	before := r.grant(g.ID)
	m.Policy = builtIn
	after, _, err := access.ApplyGrant(before, do, who, m, r.clock.Now())
	if err != nil {
		r.t.Fatal(err)
	}
	for _, c := range change {
		c(&after)
	}
	if err := r.Store.InTx(r.t.Context(), func(tx *store.Tx) error {
		return tx.MoveGrant(after, r.tellGrant(who, before, after, do), nil)
	}); err != nil {
		r.t.Fatal(err)
	}
	return after
}

// frozen is g, stopped as an admin's regenerate does it.
func (r *rig) frozen(g access.Grant) access.Grant {
	r.t.Helper()
	dana := access.Actor{Person: r.as("dana", access.DoorAccount).Person, Reviewer: true, LaunchedAt: r.clock.Now()}
	r.moveGrant(g, access.Freeze, dana, access.GrantMove{Reason: "looks odd"})
	r.changed(g, func(t *canvastest.Token) { t.Hint, t.State = "FROZE", canvastest.StatePending })
	return r.moveGrant(g, access.Froze, access.SystemActor, access.GrantMove{Hint: "FROZE"})
}

const driftSubject, alteredSubject = "was changed in Canvas", "was changed in Canvas and deleted"

// told counts the messages to a person whose subject has this part.
func (r *rig) told(key, part string) (n int) {
	for _, s := range r.subjects(key) {
		if strings.Contains(s, part) {
			n++
		}
	}
	return n
}

// An end that was moved later in Canvas is set back within the hour, whoever
// moved it and however Canvas answers, and told once.
func TestEndMovedLater(t *testing.T) {
	t.Parallel()
	put := func(f canvastest.Fault) func(r *rig) {
		return func(r *rig) {
			f.Route, f.Method = createRoute+"/:id", http.MethodPut
			r.cv.Fail(f)
		}
	}
	tests := map[string]struct {
		to    func(g access.Grant) time.Time
		and   func(r *rig)
		drift access.Drift
	}{
		"by a month":                {to: func(g access.Grant) time.Time { return g.Expires.AddDate(0, 1, 0) }, drift: access.DriftExtended},
		"by two minutes":            {to: func(g access.Grant) time.Time { return g.Expires.Add(2 * time.Minute) }, drift: access.DriftExtended},
		"by a minute, which is not": {to: func(g access.Grant) time.Time { return g.Expires.Add(time.Minute) }},
		"to never":                  {to: func(access.Grant) time.Time { return time.Time{} }, drift: access.DriftExtended},
		"and Canvas ignores the change without a word": {to: func(access.Grant) time.Time { return time.Time{} },
			and: func(r *rig) { r.w.UpdateFlags(func(f *canvastest.Flags) { f.FreezeExpiryOnUpdate = true }) }, drift: access.DriftStuck},
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
			r := newRig(t, sqlite(t))
			g := r.inUse()
			approved := g.Expires
			moved := tt.to(g)
			r.changed(g, func(tok *canvastest.Token) { tok.ExpiresAt = moved })
			if tt.and != nil {
				tt.and(r)
			}
			r.tick(time.Hour)
			for range 5 {
				r.tick(time.Minute)
			}
			g = r.grant(g.ID)
			if g.Drift != tt.drift || !g.EndsAt().Equal(approved) || g.State != access.Active {
				t.Fatalf("drift %q, ends %s, %s; want %q", g.Drift, g.EndsAt(), g.State, tt.drift)
			}
			if end := r.token(g).ExpiresAt; tt.drift == access.DriftExtended && !end.Equal(approved) {
				t.Errorf("in Canvas it ends %s, approved was %s", end, approved)
			}
			for range 3 {
				r.tick(24 * time.Hour)
			}
			want := 1
			if tt.drift == "" {
				want = 0
			}
			for _, key := range []string{"maya", "dana", "priya"} {
				if n := r.told(key, driftSubject); n != want {
					t.Errorf("%s was told %d times, want %d: %q", key, n, want, r.subjects(key))
				}
			}
			r.clock.Advance(approved.Sub(r.clock.Now()))
			for range 15 {
				r.tick(time.Minute)
			}
			if g := r.grant(g.ID); g.State != access.Expired || r.inCanvas("maya") != 0 {
				t.Errorf("15 minutes after the approved end: %s, %d tokens in Canvas", g.State, r.inCanvas("maya"))
			}
			r.proven()
		})
	}
}

// A program that dies between setting an end back and storing it still tells.
func TestSetBackThenDead(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		g := r.inUse()
		approved := g.Expires
		r.changed(g, func(tok *canvastest.Token) { tok.ExpiresAt = time.Time{} })
		f, err := r.far(r.t.Context(), r.tenant, "")
		if err != nil {
			r.t.Fatal(err)
		}
		if err := r.observe(r.t.Context(), f, g); err != nil {
			r.t.Fatal(err)
		}
		now := r.clock.Now()
		js, err := r.Store.ClaimJobs(r.t.Context(), jobs.Claim{Owner: "the one that dies", Now: now, Lease: time.Minute, Limit: 10, But: true})
		if err != nil || len(js) != 1 || js[0].Kind != jobSetBack {
			r.t.Fatalf("%+v, %v", js, err)
		}
		if kind, _, err := r.setBack(r.t.Context(), f, g, false); err != nil || kind != access.DriftExtended {
			r.t.Fatal(kind, err)
		}
		r.tick(2 * time.Minute) // the lease is over
		if g = r.grant(g.ID); g.Drift != access.DriftExtended || !r.token(g).ExpiresAt.Equal(approved) || r.told("maya", driftSubject) != 1 {
			r.t.Errorf("drift %q, told %q", g.Drift, r.subjects("maya"))
		}
		r.proven()
	})
}

func TestEndMovedEarlier(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		g := r.inUse()
		sooner := r.clock.Now().Add(48 * time.Hour).Truncate(time.Second)
		r.changed(g, func(tok *canvastest.Token) { tok.ExpiresAt = sooner })
		r.tick(time.Hour)
		r.tick(time.Hour)
		if g = r.grant(g.ID); g.Drift != access.DriftShortened || !g.Expires.Equal(sooner) {
			r.t.Fatalf("drift %q, ends %s", g.Drift, g.Expires)
		}
		if n, m := r.told("maya", "ends earlier now"), r.told("dana", "Canvas"); n != 1 || m != 0 {
			r.t.Errorf("the owner was told %d times, a reviewer %d", n, m)
		}
		r.clock.Advance(sooner.Sub(r.clock.Now()))
		for range 15 {
			r.tick(time.Minute)
		}
		if g = r.grant(g.ID); g.State != access.Expired {
			r.t.Errorf("after the earlier end: %s", g.State)
		}
		r.proven()
	})
}

// What makes a token another one than was approved ends it; what says nothing
// does not.
func TestAltered(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		before func(r *rig, g access.Grant) access.Grant
		change func(tok *canvastest.Token)
		and    func(r *rig, g access.Grant)
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
		"another token of the owner has the new hint": {change: func(tok *canvastest.Token) { tok.Hint = "TWINS" }, and: func(r *rig, _ access.Grant) { r.twin("TWINS") }},
		"another token of the owner has the old hint": {change: func(tok *canvastest.Token) { tok.Hint = "OTHER" }, and: func(r *rig, g access.Grant) { r.twin(g.Hint) }},
		"frozen, and nothing happened":                {before: (*rig).frozen, change: func(*canvastest.Token) {}},
		"frozen, and activated":                       {before: (*rig).frozen, change: func(tok *canvastest.Token) { tok.State = canvastest.StateActive }, ends: true},
		"frozen, and made anew":                       {before: (*rig).frozen, change: func(tok *canvastest.Token) { tok.Hint = "OTHER" }, ends: true},
		"frozen, and its end moved later":             {before: (*rig).frozen, change: func(tok *canvastest.Token) { tok.ExpiresAt = tok.ExpiresAt.AddDate(0, 1, 0) }, ends: true},
		"frozen, and its end moved earlier":           {before: (*rig).frozen, change: func(tok *canvastest.Token) { tok.ExpiresAt = tok.ExpiresAt.AddDate(0, 0, -2) }, ends: true},
		"frozen, and renamed":                         {before: (*rig).frozen, change: func(tok *canvastest.Token) { tok.Purpose = "My token" }, ends: true},
		"adopted, before the marker was written":      {before: (*rig).adopted, change: func(tok *canvastest.Token) { tok.Purpose = "My token" }},
		"adopted, and marked for another grant":       {before: (*rig).adopted, change: func(tok *canvastest.Token) { tok.Purpose = "x [grt_" + strings.Repeat("A", 26) + "/1]" }, ends: true},
		"adopted, marked, and the marker is gone again": {before: func(r *rig, g access.Grant) access.Grant {
			g = r.adopted(g)
			r.tick(time.Hour) // the marker is seen
			return r.grant(g.ID)
		}, change: func(tok *canvastest.Token) { tok.Purpose = "My token" }, ends: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sqlite(t))
			g := r.inUse()
			if tt.before != nil {
				g = tt.before(r, g)
			}
			state := g.State
			r.changed(g, tt.change)
			if tt.and != nil {
				tt.and(r, g)
			}
			r.tick(time.Hour)
			r.tick(time.Minute)
			g = r.grant(g.ID)
			gone := r.token(g).State == canvastest.StateDeleted
			if !tt.ends {
				if g.State != state || gone || r.told("maya", "in Canvas") != 0 {
					t.Errorf("%s by %s, gone from Canvas: %v, told %q", g.State, g.Cause, gone, r.subjects("maya"))
				}
				return
			}
			if g.State != access.Revoked || g.Cause != access.ByAltered || !gone {
				t.Fatalf("%s by %s, gone from Canvas: %v", g.State, g.Cause, gone)
			}
			for key, subject := range map[string]string{"maya": alteredSubject, "ana": "changed and deleted", "dana": alteredSubject, "priya": alteredSubject} {
				if n := r.told(key, subject); n != 1 {
					t.Errorf("%s was told %d times: %q", key, n, r.subjects(key))
				}
			}
			r.proven()
		})
	}
}

// Where a hint says nothing, a change that nothing explains is told as one that may
// have been. Uses, the activation and writes of ours explain theirs, however often
// they come.
func TestMayHaveBeenChanged(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		r.w.UpdateUser("maya", func(u *canvastest.User) { u.SecretShard = 17 })
		g, value := r.active()
		look := func(when string, want access.Drift, told time.Time) {
			r.t.Helper()
			r.tick(time.Hour)
			r.tick(time.Minute)
			g = r.grant(g.ID)
			if g.State != access.Active || g.Drift != want || !g.DriftAt.Equal(told) || !r.w.Authenticates(value) {
				r.t.Fatalf("%s: %s, drift %q at %s, want %q at %s", when, g.State, g.Drift, g.DriftAt, want, told)
			}
		}
		look("activated", "", time.Time{})
		for range 3 {
			r.clock.Advance(7 * time.Minute) // not each is written down
			r.use(value)
			look("used", "", time.Time{})
		}
		r.changed(g, func(tok *canvastest.Token) { tok.ExpiresAt = tok.ExpiresAt.AddDate(0, 0, 20) })
		r.tick(time.Hour)
		r.tick(time.Minute)
		back := r.grant(g.ID).DriftAt
		look("our own write", access.DriftExtended, back)
		look("long after it", access.DriftExtended, back)

		r.clock.Advance(30 * time.Minute)
		// As its owner's new value does: the state stays, the hint is another one.
		r.changed(g, func(tok *canvastest.Token) { tok.Hint = "17~Zz" })
		r.tick(time.Hour)
		r.tick(time.Minute)
		seen := r.grant(g.ID)
		if seen.Drift != access.DriftMaybe || !seen.DriftAt.After(back) {
			r.t.Fatalf("a new value: drift %q at %s", seen.Drift, seen.DriftAt)
		}
		look("told once", access.DriftMaybe, seen.DriftAt)
		r.use(value)
		look("used after it", access.DriftMaybe, seen.DriftAt)
		r.proven()
	})
}

// twin gives Maya another token whose hint is this one.
func (r *rig) twin(hint string) {
	tok, _ := r.w.SeedToken("maya", canvastest.TokenSpec{Purpose: "another"})
	r.w.UpdateToken(tok.ID, func(t *canvastest.Token) { t.Hint = hint })
}

// adopted turns g into a token that somebody had made without the tool.
func (r *rig) adopted(g access.Grant) access.Grant {
	return r.moveGrant(g, access.Drifted, access.SystemActor, access.GrantMove{}, func(g *access.Grant) { g.FoundID = store.NewID("fnd") })
}

// A token that Canvas shows with another owner proves nothing: it is neither
// gone nor changed.
func TestAnotherOwnersToken(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	g := r.inUse()
	f, err := r.far(t.Context(), r.tenant, "")
	if err != nil {
		t.Fatal(err)
	}
	shown, err := f.ShowToken(t.Context(), g.CanvasUser, g.CanvasID)
	if err != nil {
		t.Fatal(err)
	}
	shown.UserID, shown.Purpose = r.w.User("luca").ID.String(), "My token"
	if err := r.compare(t.Context(), f, g, shown, nil); err == nil {
		t.Error("no doubt")
	}
	if now := r.grant(g.ID); now.Version != g.Version || r.token(g).State != canvastest.StateActive {
		t.Errorf("it is %s now", now.State)
	}
}

// What was read before somebody acted here concludes nothing: a look that saw
// the token of an admin's freeze, or of a replacement under way, ends nothing.
func TestLookBehindAMove(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		g := r.inUse()
		f, err := r.far(r.t.Context(), r.tenant, "")
		if err != nil {
			r.t.Fatal(err)
		}
		frozen := r.frozen(g) // g is what was read before
		if err := r.observe(r.t.Context(), f, g); err != nil {
			r.t.Error(err)
		}
		if now := r.grant(g.ID); now.Version != frozen.Version {
			r.t.Errorf("a frozen token is %s by %s", now.State, now.Cause)
		}
		second, _ := r.collected()
		old := r.grant(second.Grant.ID)
		if _, err := r.Replace(r.t.Context(), r.as("maya", access.DoorCourse), second.Request.Code()); err != nil {
			r.t.Fatal(err)
		}
		if err := r.observe(r.t.Context(), f, old); err != nil {
			r.t.Error(err)
		}
		if now := r.grant(old.ID); now.State != access.Replacing {
			r.t.Errorf("a token being replaced is %s by %s", now.State, now.Cause)
		}
	})
}
