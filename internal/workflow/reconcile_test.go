package workflow

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
)

// night holds the live grants against the account report, as the inventory does,
// and runs what follows. It returns how many owners were looked at.
func (r *rig) night() int {
	r.t.Helper()
	ctx := r.t.Context()
	f, err := r.far(ctx, r.tenant, "")
	if err != nil {
		r.t.Fatal(err)
	}
	rec, err := r.newReconciliation(ctx, r.tenant)
	if err != nil {
		r.t.Fatal(err)
	}
	rep, err := f.StartTokenReport(ctx, f.root())
	for err == nil && !rep.Complete() {
		rep, err = f.TokenReport(ctx, f.root(), rep.ID)
	}
	if err == nil {
		err = f.ReadTokenReport(ctx, rep, rec.each)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	n, err := r.finishReconciliation(ctx, rec, "night "+r.clock.Now().String())
	if err != nil {
		r.t.Fatal(err)
	}
	r.drain()
	return n
}

// The nightly report finds what no watch was there to find; it only says whom to
// ask, and everything that is done follows from the token itself.
func TestNightlyReport(t *testing.T) {
	t.Parallel()
	seed := func(r *rig, purpose string) canvastest.Token {
		tok, _ := r.w.SeedToken("maya", canvastest.TokenSpec{Purpose: purpose, ExpiresAt: r.clock.Now().AddDate(0, 1, 0)})
		return tok
	}
	tests := map[string]struct {
		do     func(r *rig, g access.Grant)
		looks  int
		state  access.GrantState
		cause  access.Cause
		drift  access.Drift
		tokens int // of Maya's, in Canvas afterwards
	}{
		"all is as it was": {do: func(*rig, access.Grant) {}, state: access.Active, tokens: 1},
		"a report of an old server": {do: func(r *rig, _ access.Grant) {
			r.w.UpdateFlags(func(f *canvastest.Flags) { f.NewReportColumns = false })
		}, state: access.Active, tokens: 1},
		"used": {do: func(r *rig, g access.Grant) {
			r.changed(g, func(tok *canvastest.Token) { tok.LastUsedAt = r.clock.Now() })
		}, state: access.Active, tokens: 1},
		"its end was moved": {do: func(r *rig, g access.Grant) {
			r.changed(g, func(tok *canvastest.Token) { tok.ExpiresAt = time.Time{} })
		}, looks: 1, state: access.Active, drift: access.DriftExtended, tokens: 1},
		"its value was made anew": {do: func(r *rig, g access.Grant) {
			r.changed(g, func(tok *canvastest.Token) { tok.Hint = "OTHER" })
		}, looks: 1, state: access.Revoked, cause: access.ByAltered},
		"deleted in Canvas": {do: func(r *rig, g access.Grant) {
			r.changed(g, func(tok *canvastest.Token) { tok.State = canvastest.StateDeleted })
		}, looks: 1, state: access.Revoked, cause: access.ByCanvas},
		"the report lacks it, Canvas does not": {do: func(r *rig, _ access.Grant) {
			r.cv.StreamNextReport(func(w io.Writer) error {
				_, err := io.WriteString(w, "user id,user name,token hint,expiration,last used,dev key id,dev key name,status,creation\n")
				return err
			})
		}, looks: 1, state: access.Active, tokens: 1},
		"the report lacks it, and Canvas does not answer": {do: func(r *rig, g access.Grant) {
			r.changed(g, func(tok *canvastest.Token) { tok.State = canvastest.StateDeleted })
			r.cv.Fail(canvastest.Fault{Route: "/api/v1/users/:user_id/user_generated_tokens", Status: 503, Times: -1})
		}, looks: 1, state: access.Active},
		"a token that is not ours beside it": {do: func(r *rig, _ access.Grant) { seed(r, "mine") }, state: access.Active, tokens: 2},
		"a marker that nobody knows": {do: func(r *rig, g access.Grant) {
			seed(r, "restored [grt_"+strings.Repeat("A", 26)+"/1]")
			r.changed(g, func(tok *canvastest.Token) { tok.Hint = "17~Ab" }) // so that its owner is looked at
		}, looks: 1, state: access.Active, drift: access.DriftMaybe, tokens: 2},
		"a stray with our marker": {do: func(r *rig, g access.Grant) {
			seed(r, "stray ["+g.ID+"/1]")
			r.changed(g, func(tok *canvastest.Token) { tok.Hint = "17~Ab" })
		}, looks: 1, state: access.Active, drift: access.DriftMaybe, tokens: 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sqlite(t))
			g := r.inUse()
			tt.do(r, g)
			if n := r.night(); n != tt.looks {
				t.Errorf("%d owners were looked at, want %d", n, tt.looks)
			}
			if g := r.grant(g.ID); g.State != tt.state || g.Cause != tt.cause || g.Drift != tt.drift {
				t.Errorf("%s by %q, drift %q", g.State, g.Cause, g.Drift)
			}
			if n := r.inCanvas("maya"); n != tt.tokens {
				t.Errorf("%d tokens in Canvas, want %d", n, tt.tokens)
			}
			r.proven()
		})
	}
}

// A hint of a sharded Canvas stands in the report without its beginning.
func TestNightlyReportOfShards(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		r.w.UpdateUser("maya", func(u *canvastest.User) { u.SecretShard = 17 })
		g := r.inUse()
		if !strings.Contains(g.Hint, "~") {
			r.t.Fatalf("the hint is %q", g.Hint)
		}
		if n := r.night(); n != 0 {
			r.t.Errorf("%d owners were looked at", n)
		}
		r.changed(g, func(tok *canvastest.Token) { tok.State = canvastest.StateDeleted })
		if n := r.night(); n != 1 || r.grant(g.ID).Cause != access.ByCanvas {
			r.t.Errorf("%d looked at; %s by %s", n, r.grant(g.ID).State, r.grant(g.ID).Cause)
		}
	})
}

// Where Canvas gives no report every owner is asked; where it lists nothing
// either, every token; where it tells nothing at all, nothing is concluded.
func TestNightWithoutReport(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		era   func(r *rig)
		cause access.Cause
	}{
		"by lists": {cause: access.ByAltered},
		"no list, token by token": {era: func(r *rig) {
			r.cv.Fail(canvastest.Fault{Route: "/api/v1/users/:user_id/user_generated_tokens", Status: 404, Times: 1,
				Body: `{"errors":[{"message":"The specified resource does not exist."}]}`})
		}, cause: access.ByAltered},
		"the list denied, token by token": {era: func(r *rig) {
			r.cv.Fail(canvastest.Fault{Route: listRoute, Status: 403, Body: denied, Times: 1})
		}, cause: access.ByAltered},
		"a Canvas of 2024, which answers only changes": {era: func(r *rig) { r.w.SetEra(canvastest.Era1b) }, cause: access.ByAltered},
		"a credential that may not look": {era: func(r *rig) {
			r.w.SetPermission("account-admin", canvastest.PermViewTokens, false)
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sqlite(t))
			g := r.inUse()
			r.changed(g, func(tok *canvastest.Token) { tok.Purpose = "renamed" })
			if tt.era != nil {
				tt.era(r)
			}
			for range 2 { // the same night again queues nothing twice
				if n, err := r.lookAtAll(t.Context(), r.tenant, "night"); err != nil || n != 1 {
					t.Fatalf("%d, %v", n, err)
				}
			}
			r.drain()
			if g := r.grant(g.ID); g.Cause != tt.cause {
				t.Errorf("%s by %q", g.State, g.Cause)
			}
		})
	}
}

// A look that Canvas does not answer is made again, for a day.
func TestLookAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	g := r.inUse()
	r.changed(g, func(tok *canvastest.Token) { tok.Purpose = "renamed" })
	stop := r.cv.Fail(canvastest.Fault{Method: http.MethodGet, Status: 503, Times: -1})
	if _, err := r.lookAtAll(t.Context(), r.tenant, "night"); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		r.drain()
		r.clock.Advance(lookRetry)
	}
	if g := r.grant(g.ID); g.State != access.Active {
		t.Fatalf("%s without an answer", g.State)
	}
	stop()
	r.drain()
	if g := r.grant(g.ID); g.Cause != access.ByAltered {
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
			each(t, func(r *rig) {
				g := r.inUse()
				r.clock.Advance(watchClosely) // its watch comes back in an hour only
				r.drain()
				r.changed(g, func(tok *canvastest.Token) { tok.ExpiresAt = time.Time{} })
				r.w.SetPermission("account-admin", canvastest.PermReadReports, reports)
				from := r.clock.Now()
				l := r.checked()
				if failed := l.Trouble != ""; failed == reports {
					r.t.Errorf("the inventory says %q", l.Trouble)
				}
				if r.clock.Now().Sub(from) > watchLater/2 {
					r.t.Fatal("the watch may have seen it")
				}
				if now := r.grant(g.ID); now.Drift != access.DriftExtended || !r.token(g).ExpiresAt.Equal(g.Expires) {
					r.t.Errorf("drift %q, ends %s in Canvas", now.Drift, r.token(g).ExpiresAt)
				}
				r.proven()
			})
		})
	}
}

// A token of ours that was proven gone and is there again, as after a restored
// backup of Canvas, goes again.
func TestLookFindsAnEndedToken(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	ended := r.inUse()
	if _, err := r.Revoke(t.Context(), r.as("maya", access.DoorCourse), ended.ID, ""); err != nil {
		t.Fatal(err)
	}
	r.inUse() // so that she has something to look at
	r.changed(ended, func(tok *canvastest.Token) { tok.State = canvastest.StateActive })
	if n, err := r.lookAtAll(t.Context(), r.tenant, "night"); err != nil || n != 1 {
		t.Fatalf("%d, %v", n, err)
	}
	r.drain()
	if tok := r.token(ended); tok.State != canvastest.StateDeleted || r.inCanvas("maya") != 1 {
		t.Errorf("it is %s, and %d are in Canvas", tok.State, r.inCanvas("maya"))
	}
	r.proven()
}
