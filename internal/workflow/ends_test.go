package workflow

import (
	"net/http"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/store"
)

// endsAt gives g another end, and takes every end from it in Canvas: there it
// would work for ever.
func (r *rig) endsAt(g access.Grant, end time.Time) access.Grant {
	r.t.Helper()
	g = r.moveGrant(g, access.Drifted, access.SystemActor, access.GrantMove{Expires: end})
	r.changed(g, func(tok *canvastest.Token) { tok.ExpiresAt = time.Time{} })
	r.w.UpdateFlags(func(f *canvastest.Flags) { f.FreezeExpiryOnUpdate = true })
	return g
}

// A token is deleted in Canvas within 15 minutes of its end, whatever Canvas
// says about that end and whatever clocks do.
func TestEndedInTime(t *testing.T) {
	t.Parallel()
	denver, err := time.LoadLocation("America/Denver")
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		end  time.Time
		skew time.Duration // of our clock against Canvas's
		jump bool          // the program was asleep until ten minutes behind the end
		from access.GrantState
	}{
		"an ordinary end":                  {end: time.Date(2026, 12, 20, 23, 59, 59, 0, denver)},
		"on the day of a leap":             {end: time.Date(2028, 2, 29, 23, 59, 59, 0, denver)},
		"the year's last second":           {end: time.Date(2026, 12, 31, 23, 59, 59, 0, denver)},
		"before clocks go forward":         {end: time.Date(2027, 3, 14, 1, 59, 59, 0, denver)},
		"after clocks go forward":          {end: time.Date(2027, 3, 14, 23, 59, 59, 0, denver)},
		"in the hour that comes twice":     {end: time.Date(2027, 11, 7, 1, 30, 0, 0, denver)},
		"our clock is 5 minutes behind":    {end: time.Date(2026, 12, 20, 23, 59, 59, 0, denver), skew: -5 * time.Minute},
		"our clock is 5 minutes ahead":     {end: time.Date(2026, 12, 20, 23, 59, 59, 0, denver), skew: 5 * time.Minute},
		"the clock jumps over the end":     {end: time.Date(2026, 12, 20, 23, 59, 59, 0, denver), jump: true},
		"it is frozen":                     {end: time.Date(2026, 12, 20, 23, 59, 59, 0, denver), from: access.Frozen},
		"it was never activated, but ends": {end: time.Date(2026, 11, 25, 23, 59, 59, 0, denver), from: access.HandedOver},
		"it is being replaced":             {end: time.Date(2026, 11, 25, 23, 59, 59, 0, denver), from: access.Replacing},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sqlite(t))
			var g access.Grant
			switch tt.from {
			case access.HandedOver, access.Replacing:
				c, _ := r.collected()
				g = r.endsAt(r.grant(c.Grant.ID), tt.end)
				if tt.from == access.Replacing {
					if _, err := r.Replace(t.Context(), r.as("maya", access.DoorCourse), c.Request.Code()); err != nil {
						t.Fatal(err)
					}
				}
			case access.Frozen:
				g = r.inUse()
				g = r.frozen(g)
				g = r.moveGrant(g, access.Drifted, access.SystemActor, access.GrantMove{Expires: tt.end})
				r.changed(g, func(tok *canvastest.Token) { tok.ExpiresAt = tt.end })
			default:
				g = r.endsAt(r.inUse(), tt.end)
			}
			now := func() time.Time { return r.clock.Now().Add(tt.skew) }
			r.Now, r.runner.Now = now, now
			start := tt.end.Add(-10 * time.Minute)
			if tt.jump {
				start = tt.end.Add(10 * time.Minute)
			}
			r.clock.Advance(start.Sub(r.clock.Now()) - time.Minute)
			r.tick(time.Minute)
			if g := r.grant(g.ID); !tt.jump && g.State.Final() {
				t.Fatalf("ten minutes before its end it is %s by %s", g.State, g.Cause)
			}
			for r.clock.Now().Before(tt.end.Add(15 * time.Minute)) {
				r.tick(time.Minute)
			}
			if g := r.grant(g.ID); g.State != access.Expired || g.Cause != access.ByEnd || r.inCanvas("maya") != 0 {
				t.Errorf("15 minutes behind its end: %s by %s, %d tokens in Canvas", g.State, g.Cause, r.inCanvas("maya"))
			}
			if at := r.grant(g.ID).RevokingAt; tt.skew == 0 && at.Before(tt.end) {
				t.Errorf("it was ended at %s, before its end", at)
			}
			r.proven()
		})
	}
}

// A Canvas that is down at the end is asked until it has deleted the token, and
// until then nobody is told that it is gone.
func TestCanvasDownAtTheEnd(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		g := r.inUse()
		g = r.endsAt(g, r.clock.Now().Add(24*time.Hour).Truncate(time.Second))
		r.clock.Advance(24 * time.Hour)
		up := r.cv.Fail(canvastest.Fault{Status: 503, Times: -1})
		for range 120 {
			r.clock.Advance(time.Minute)
			_, _ = r.runner.Drain(r.t.Context()) // notices fail too
		}
		r.tick(time.Second)
		if g := r.grant(g.ID); g.State == access.Expired || g.State == access.Revoked {
			r.t.Fatalf("said %s while Canvas was down", g.State)
		}
		for range 3 {
			r.clock.Advance(20 * time.Minute)
			_, _ = r.runner.Drain(r.t.Context())
		}
		if g := r.grant(g.ID); g.State != access.Revoking || !g.Stuck(r.clock.Now()) {
			r.t.Errorf("%s after an hour without Canvas", g.State)
		}
		up()
		for range 6 {
			r.clock.Advance(time.Minute)
			_, _ = r.runner.Drain(r.t.Context())
		}
		if g := r.grant(g.ID); g.State != access.Expired || r.inCanvas("maya") != 0 {
			r.t.Errorf("with Canvas back: %s, %d tokens", g.State, r.inCanvas("maya"))
		}
		r.proven()
	})
}

// A Canvas of 2024 lets nobody read the tokens of others, and a careless change
// takes a token's end away: it is deleted at its end all the same, and its own
// answers are the proof.
func TestEndedInCanvasOf2024(t *testing.T) {
	t.Parallel()
	for _, era := range []canvastest.Era{canvastest.Era1, canvastest.Era1b} {
		r := newRig(t, sqlite(t))
		r.accept()
		r.w.SetEra(era)
		req := r.approved()
		c, err := r.Collect(t.Context(), r.as("maya", access.DoorCourse), req.Code())
		if err != nil || c.Stage != StageSecret {
			t.Fatal(c.Stage, c.Trouble, err)
		}
		value := c.Value.Reveal()
		r.activate("maya", c.Grant.CanvasID)
		r.tick(2 * time.Minute)
		g := r.grant(c.Grant.ID)
		if g.State != access.Active {
			t.Fatalf("%s: activated there, here %s", era, g.State)
		}
		r.w.UpdateFlags(func(f *canvastest.Flags) { f.FreezeExpiryOnUpdate = true })
		r.changed(g, func(tok *canvastest.Token) { tok.ExpiresAt = time.Time{} })
		r.clock.Advance(g.EndsAt().Sub(r.clock.Now()) - time.Hour)
		r.tick(time.Minute)
		if g := r.grant(g.ID); g.State != access.Active || g.Drift != access.DriftStuck {
			t.Fatalf("%s: an hour before its end %s by %s, drift %q", era, g.State, g.Cause, g.Drift)
		}
		// Its deletion is done, and the answer is lost: what follows proves it.
		r.cv.Fail(canvastest.Fault{Route: oneTokenRoute, Method: http.MethodDelete, DropAfter: true})
		for range 75 {
			r.tick(time.Minute)
		}
		if g := r.grant(g.ID); g.State != access.Expired || r.w.Authenticates(value) {
			t.Errorf("%s: %s by %s (%s), works: %v", era, g.State, g.Cause, g.Trouble, r.w.Authenticates(value))
		}
		r.proven()
	}
}

// A token that was not activated in time is asked for once more before it goes:
// its owner may have activated it while Canvas did not answer us. When Canvas
// does not answer for an hour behind the last day, it goes.
func TestNotActivatedInTime(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		activated bool
		back      time.Duration // Canvas answers again so long after the last moment
		want      access.GrantState
	}{
		"activated while Canvas was away":            {activated: true, back: 20 * time.Minute, want: access.Active},
		"never activated, Canvas was away":           {back: 20 * time.Minute, want: access.Unclaimed},
		"activated, and Canvas is away for too long": {activated: true, back: 3 * time.Hour, want: access.Unclaimed},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sqlite(t))
			c, _ := r.collected()
			r.tick(time.Minute)
			g := r.grant(c.Grant.ID)
			if tt.activated {
				r.activate("maya", g.CanvasID)
			}
			up := r.cv.Fail(canvastest.Fault{Route: oneTokenRoute, Method: http.MethodGet, Status: 503, Times: -1})
			r.clock.Advance(g.ActivateBy.Sub(r.clock.Now()))
			back := r.clock.Now().Add(tt.back)
			for r.clock.Now().Before(back) {
				r.tick(10 * time.Minute)
			}
			up()
			for range 8 {
				r.tick(10 * time.Minute)
			}
			if now := r.grant(g.ID); now.State != tt.want {
				t.Errorf("%s by %s", now.State, now.Cause)
			}
			r.proven()
		})
	}
}

// A Canvas that does not answer is left alone by work that can wait: of many
// looks at once, one finds that out.
func TestLooksRest(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	for range 2 {
		g := r.inUse()
		r.changed(g, func(tok *canvastest.Token) { tok.LastUsedAt = r.clock.Now() })
	}
	stop := r.cv.Fail(canvastest.Fault{Status: 503, Times: -1})
	r.clock.Advance(2 * time.Hour)
	if _, err := r.lookAtAll(t.Context(), r.tenant, "night"); err != nil {
		t.Fatal(err)
	}
	r.cv.ClearRequests()
	r.drain()
	if n := len(r.cv.Requests()); n != 1 {
		t.Errorf("%d calls while Canvas is down", n)
	}
	stop()
	r.clock.Advance(watchAgain + restFor)
	r.drain()
	for _, tok := range r.w.UsableTokens("maya") {
		var seen bool
		for _, g := range r.grants() {
			seen = seen || g.CanvasID == tok.ID.String() && g.CheckedAt.Equal(r.clock.Now())
		}
		if !seen {
			t.Error("with Canvas back a token was not looked up")
		}
	}
}

// grants are all of the rig's.
func (r *rig) grants() []access.Grant {
	r.t.Helper()
	var gs []access.Grant
	if err := r.Store.Read(r.t.Context(), func(tx *store.Tx) error {
		var err error
		gs, err = tx.Grants(store.GrantQuery{Tenant: r.tenant, Limit: store.MaxLimit})
		return err
	}); err != nil {
		r.t.Fatal(err)
	}
	return gs
}
