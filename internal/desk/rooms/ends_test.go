package rooms_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/desk/tokens"
)

// endsAt gives g another end, and takes every end from it in Canvas: there it
// would work for ever.
func endsAt(r *desktest.Rig, g access.Grant, end time.Time) access.Grant {
	r.T.Helper()
	g = r.MoveGrant(g, access.Drifted, access.SystemActor, access.GrantMove{Expires: end})
	r.Changed(g, func(tok *canvastest.Token) { tok.ExpiresAt = time.Time{} })
	r.W.UpdateFlags(func(f *canvastest.Flags) { f.FreezeExpiryOnUpdate = true })
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
			r := desktest.NewRig(t, desktest.Sqlite(t))
			var g access.Grant
			switch tt.from {
			case access.HandedOver, access.Replacing:
				c, _ := r.Collected()
				g = endsAt(r, r.Grant(c.Grant.ID), tt.end)
				if tt.from == access.Replacing {
					if _, err := r.Tokens.Replace(t.Context(), r.As("maya", access.DoorCourse), c.Request.Code()); err != nil {
						t.Fatal(err)
					}
				}
			case access.Frozen:
				g = r.InUse()
				g = r.Frozen(g)
				g = r.MoveGrant(g, access.Drifted, access.SystemActor, access.GrantMove{Expires: tt.end})
				r.Changed(g, func(tok *canvastest.Token) { tok.ExpiresAt = tt.end })
			default:
				g = endsAt(r, r.InUse(), tt.end)
			}
			now := func() time.Time { return r.Clock.Now().Add(tt.skew) }
			r.Desk.Now, r.Runner.Now = now, now
			start := tt.end.Add(-10 * time.Minute)
			if tt.jump {
				start = tt.end.Add(10 * time.Minute)
			}
			r.Clock.Advance(start.Sub(r.Clock.Now()) - time.Minute)
			r.Tick(time.Minute)
			if g := r.Grant(g.ID); !tt.jump && g.State.Final() {
				t.Fatalf("ten minutes before its end it is %s by %s", g.State, g.Cause)
			}
			for r.Clock.Now().Before(tt.end.Add(15 * time.Minute)) {
				r.Tick(time.Minute)
			}
			if g := r.Grant(g.ID); g.State != access.Expired || g.Cause != access.ByEnd || r.InCanvas("maya") != 0 {
				t.Errorf("15 minutes behind its end: %s by %s, %d tokens in Canvas", g.State, g.Cause, r.InCanvas("maya"))
			}
			if at := r.Grant(g.ID).RevokingAt; tt.skew == 0 && at.Before(tt.end) {
				t.Errorf("it was ended at %s, before its end", at)
			}
			r.Proven()
		})
	}
}

// A Canvas that is down at the end is asked until it has deleted the token, and
// until then nobody is told that it is gone.
func TestCanvasDownAtTheEnd(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		g := r.InUse()
		g = endsAt(r, g, r.Clock.Now().Add(24*time.Hour).Truncate(time.Second))
		r.Clock.Advance(24 * time.Hour)
		up := r.Cv.Fail(canvastest.Fault{Status: 503, Times: -1})
		for range 120 {
			r.Clock.Advance(time.Minute)
			_, _ = r.Runner.Drain(r.T.Context()) // notices fail too
		}
		r.Tick(time.Second)
		if g := r.Grant(g.ID); g.State == access.Expired || g.State == access.Revoked {
			r.T.Fatalf("said %s while Canvas was down", g.State)
		}
		for range 3 {
			r.Clock.Advance(20 * time.Minute)
			_, _ = r.Runner.Drain(r.T.Context())
		}
		if g := r.Grant(g.ID); g.State != access.Revoking || !g.Stuck(r.Clock.Now()) {
			r.T.Errorf("%s after an hour without Canvas", g.State)
		}
		up()
		for range 6 {
			r.Clock.Advance(time.Minute)
			_, _ = r.Runner.Drain(r.T.Context())
		}
		if g := r.Grant(g.ID); g.State != access.Expired || r.InCanvas("maya") != 0 {
			r.T.Errorf("with Canvas back: %s, %d tokens", g.State, r.InCanvas("maya"))
		}
		r.Proven()
	})
}

// A Canvas of 2024 lets nobody read the tokens of others, and a careless change
// takes a token's end away: it is deleted at its end all the same, and its own
// answers are the proof.
func TestEndedInCanvasOf2024(t *testing.T) {
	t.Parallel()
	for _, era := range []canvastest.Era{canvastest.Era1, canvastest.Era1b} {
		r := desktest.NewRig(t, desktest.Sqlite(t))
		r.Accept()
		r.W.SetEra(era)
		req := r.Approved()
		c, err := r.Tokens.Collect(t.Context(), r.As("maya", access.DoorCourse), req.Code())
		if err != nil || c.Stage != tokens.StageSecret {
			t.Fatal(c.Stage, c.Trouble, err)
		}
		value := c.Value.Reveal()
		r.Activate("maya", c.Grant.CanvasID)
		r.Tick(2 * time.Minute)
		g := r.Grant(c.Grant.ID)
		if g.State != access.Active {
			t.Fatalf("%s: activated there, here %s", era, g.State)
		}
		r.W.UpdateFlags(func(f *canvastest.Flags) { f.FreezeExpiryOnUpdate = true })
		r.Changed(g, func(tok *canvastest.Token) { tok.ExpiresAt = time.Time{} })
		r.Clock.Advance(g.EndsAt().Sub(r.Clock.Now()) - time.Hour)
		r.Tick(time.Minute)
		if g := r.Grant(g.ID); g.State != access.Active || g.Drift != access.DriftStuck {
			t.Fatalf("%s: an hour before its end %s by %s, drift %q", era, g.State, g.Cause, g.Drift)
		}
		// Its deletion is done, and the answer is lost: what follows proves it.
		r.Cv.Fail(canvastest.Fault{Route: desktest.OneTokenRoute, Method: http.MethodDelete, DropAfter: true})
		for range 75 {
			r.Tick(time.Minute)
		}
		if g := r.Grant(g.ID); g.State != access.Expired || r.W.Authenticates(value) {
			t.Errorf("%s: %s by %s (%s), works: %v", era, g.State, g.Cause, g.Trouble, r.W.Authenticates(value))
		}
		r.Proven()
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
			r := desktest.NewRig(t, desktest.Sqlite(t))
			c, _ := r.Collected()
			r.Tick(time.Minute)
			g := r.Grant(c.Grant.ID)
			if tt.activated {
				r.Activate("maya", g.CanvasID)
			}
			up := r.Cv.Fail(canvastest.Fault{Route: desktest.OneTokenRoute, Method: http.MethodGet, Status: 503, Times: -1})
			r.Clock.Advance(g.ActivateBy.Sub(r.Clock.Now()))
			back := r.Clock.Now().Add(tt.back)
			for r.Clock.Now().Before(back) {
				r.Tick(10 * time.Minute)
			}
			up()
			for range 8 {
				r.Tick(10 * time.Minute)
			}
			if now := r.Grant(g.ID); now.State != tt.want {
				t.Errorf("%s by %s", now.State, now.Cause)
			}
			r.Proven()
		})
	}
}
