package tokens_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/desk/tokens"
)

// The nightly report finds what no watch was there to find; it only says whom to
// ask, and everything that is done follows from the token itself.
func TestNightlyReport(t *testing.T) {
	t.Parallel()
	seed := func(r *desktest.Rig, purpose string) canvastest.Token {
		tok, _ := r.W.SeedToken("maya", canvastest.TokenSpec{Purpose: purpose, ExpiresAt: r.Clock.Now().AddDate(0, 1, 0)})
		return tok
	}
	tests := map[string]struct {
		do     func(r *desktest.Rig, g access.Grant)
		looks  int
		state  access.GrantState
		cause  access.Cause
		drift  access.Drift
		tokens int // of Maya's, in Canvas afterwards
	}{
		"all is as it was": {do: func(*desktest.Rig, access.Grant) {}, state: access.Active, tokens: 1},
		"a report of an old server": {do: func(r *desktest.Rig, _ access.Grant) {
			r.W.UpdateFlags(func(f *canvastest.Flags) { f.NewReportColumns = false })
		}, state: access.Active, tokens: 1},
		"used": {do: func(r *desktest.Rig, g access.Grant) {
			r.Changed(g, func(tok *canvastest.Token) { tok.LastUsedAt = r.Clock.Now() })
		}, state: access.Active, tokens: 1},
		"its end was moved": {do: func(r *desktest.Rig, g access.Grant) {
			r.Changed(g, func(tok *canvastest.Token) { tok.ExpiresAt = time.Time{} })
		}, looks: 1, state: access.Active, drift: access.DriftExtended, tokens: 1},
		"its value was made anew": {do: func(r *desktest.Rig, g access.Grant) {
			r.Changed(g, func(tok *canvastest.Token) { tok.Hint = "OTHER" })
		}, looks: 1, state: access.Revoked, cause: access.ByAltered},
		"deleted in Canvas": {do: func(r *desktest.Rig, g access.Grant) {
			r.Changed(g, func(tok *canvastest.Token) { tok.State = canvastest.StateDeleted })
		}, looks: 1, state: access.Revoked, cause: access.ByCanvas},
		"the report lacks it, Canvas does not": {do: func(r *desktest.Rig, _ access.Grant) {
			r.Cv.StreamNextReport(func(w io.Writer) error {
				_, err := io.WriteString(w, "user id,user name,token hint,expiration,last used,dev key id,dev key name,status,creation\n")
				return err
			})
		}, looks: 1, state: access.Active, tokens: 1},
		"the report lacks it, and Canvas does not answer": {do: func(r *desktest.Rig, g access.Grant) {
			r.Changed(g, func(tok *canvastest.Token) { tok.State = canvastest.StateDeleted })
			r.Cv.Fail(canvastest.Fault{Route: "/api/v1/users/:user_id/user_generated_tokens", Status: 503, Times: -1})
		}, looks: 1, state: access.Active},
		"a token that is not ours beside it": {do: func(r *desktest.Rig, _ access.Grant) { seed(r, "mine") }, state: access.Active, tokens: 2},
		"a marker that nobody knows": {do: func(r *desktest.Rig, g access.Grant) {
			seed(r, "restored [grt_"+strings.Repeat("A", 26)+"/1]")
			r.Changed(g, func(tok *canvastest.Token) { tok.Hint = "17~Ab" }) // so that its owner is looked at
		}, looks: 1, state: access.Active, drift: access.DriftMaybe, tokens: 2},
		"a stray with our marker": {do: func(r *desktest.Rig, g access.Grant) {
			seed(r, "stray ["+g.ID+"/1]")
			r.Changed(g, func(tok *canvastest.Token) { tok.Hint = "17~Ab" })
		}, looks: 1, state: access.Active, drift: access.DriftMaybe, tokens: 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := desktest.NewRig(t, desktest.Sqlite(t))
			g := r.InUse()
			tt.do(r, g)
			if n := r.Night(); n != tt.looks {
				t.Errorf("%d owners were looked at, want %d", n, tt.looks)
			}
			if g := r.Grant(g.ID); g.State != tt.state || g.Cause != tt.cause || g.Drift != tt.drift {
				t.Errorf("%s by %q, drift %q", g.State, g.Cause, g.Drift)
			}
			if n := r.InCanvas("maya"); n != tt.tokens {
				t.Errorf("%d tokens in Canvas, want %d", n, tt.tokens)
			}
			r.Proven()
		})
	}
}

// A hint of a sharded Canvas stands in the report without its beginning.
func TestNightlyReportOfShards(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		r.W.UpdateUser("maya", func(u *canvastest.User) { u.SecretShard = 17 })
		g := r.InUse()
		if !strings.Contains(g.Hint, "~") {
			r.T.Fatalf("the hint is %q", g.Hint)
		}
		if n := r.Night(); n != 0 {
			r.T.Errorf("%d owners were looked at", n)
		}
		r.Changed(g, func(tok *canvastest.Token) { tok.State = canvastest.StateDeleted })
		if n := r.Night(); n != 1 || r.Grant(g.ID).Cause != access.ByCanvas {
			r.T.Errorf("%d looked at; %s by %s", n, r.Grant(g.ID).State, r.Grant(g.ID).Cause)
		}
	})
}

// Where Canvas gives no report every owner is asked; where it lists nothing
// either, every token; where it tells nothing at all, nothing is concluded.
func TestNightWithoutReport(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		era   func(r *desktest.Rig)
		cause access.Cause
	}{
		"by lists": {cause: access.ByAltered},
		"no list, token by token": {era: func(r *desktest.Rig) {
			r.Cv.Fail(canvastest.Fault{Route: "/api/v1/users/:user_id/user_generated_tokens", Status: 404, Times: 1,
				Body: `{"errors":[{"message":"The specified resource does not exist."}]}`})
		}, cause: access.ByAltered},
		"the list denied, token by token": {era: func(r *desktest.Rig) {
			r.Cv.Fail(canvastest.Fault{Route: desktest.ListRoute, Status: 403, Body: desktest.Denied, Times: 1})
		}, cause: access.ByAltered},
		"a Canvas of 2024, which answers only changes": {era: func(r *desktest.Rig) { r.W.SetEra(canvastest.Era1b) }, cause: access.ByAltered},
		"a credential that may not look": {era: func(r *desktest.Rig) {
			r.W.SetPermission("account-admin", canvastest.PermViewTokens, false)
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := desktest.NewRig(t, desktest.Sqlite(t))
			g := r.InUse()
			r.Changed(g, func(tok *canvastest.Token) { tok.Purpose = "renamed" })
			if tt.era != nil {
				tt.era(r)
			}
			for range 2 { // the same night again queues nothing twice
				if n, err := r.Tokens.ReconcileAll(t.Context(), r.Tenant, "night"); err != nil || n != 1 {
					t.Fatalf("%d, %v", n, err)
				}
			}
			r.Drain()
			if g := r.Grant(g.ID); g.Cause != tt.cause {
				t.Errorf("%s by %q", g.State, g.Cause)
			}
		})
	}
}

// A look that Canvas does not answer is made again, for a day.
func TestLookAgain(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	g := r.InUse()
	r.Changed(g, func(tok *canvastest.Token) { tok.Purpose = "renamed" })
	stop := r.Cv.Fail(canvastest.Fault{Method: http.MethodGet, Status: 503, Times: -1})
	if _, err := r.Tokens.ReconcileAll(t.Context(), r.Tenant, "night"); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		r.Drain()
		r.Clock.Advance(tokens.ReconcileRetry)
	}
	if g := r.Grant(g.ID); g.State != access.Active {
		t.Fatalf("%s without an answer", g.State)
	}
	stop()
	r.Drain()
	if g := r.Grant(g.ID); g.Cause != access.ByAltered {
		t.Errorf("%s by %q", g.State, g.Cause)
	}
}

// The inventory holds our own tokens against the report it reads, and asks owner
// by owner where this Canvas gives it none.
func TestNightByTheInventory(t *testing.T) {
	t.Parallel()
	for name, reports := range map[string]bool{"with the report": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			desktest.Each(t, func(r *desktest.Rig) {
				g := r.InUse()
				r.Clock.Advance(tokens.WatchClosely) // its watch comes back in an hour only
				r.Drain()
				r.Changed(g, func(tok *canvastest.Token) { tok.ExpiresAt = time.Time{} })
				r.W.SetPermission("account-admin", canvastest.PermReadReports, reports)
				from := r.Clock.Now()
				l := r.Checked()
				if failed := l.Trouble != ""; failed == reports {
					r.T.Errorf("the inventory says %q", l.Trouble)
				}
				if r.Clock.Now().Sub(from) > tokens.WatchLater/2 {
					r.T.Fatal("the watch may have seen it")
				}
				if now := r.Grant(g.ID); now.Drift != access.DriftExtended || !r.Token(g).ExpiresAt.Equal(g.Expires) {
					r.T.Errorf("drift %q, ends %s in Canvas", now.Drift, r.Token(g).ExpiresAt)
				}
				r.Proven()
			})
		})
	}
}

// A token of ours that was proven gone and is there again, as after a restored
// backup of Canvas, goes again.
func TestLookFindsAnEndedToken(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	ended := r.InUse()
	if _, err := r.Tokens.Revoke(t.Context(), r.As("maya", access.DoorCourse), ended.ID, ""); err != nil {
		t.Fatal(err)
	}
	r.InUse() // so that she has something to look at
	r.Changed(ended, func(tok *canvastest.Token) { tok.State = canvastest.StateActive })
	if n, err := r.Tokens.ReconcileAll(t.Context(), r.Tenant, "night"); err != nil || n != 1 {
		t.Fatalf("%d, %v", n, err)
	}
	r.Drain()
	if tok := r.Token(ended); tok.State != canvastest.StateDeleted || r.InCanvas("maya") != 1 {
		t.Errorf("it is %s, and %d are in Canvas", tok.State, r.InCanvas("maya"))
	}
	r.Proven()
}
