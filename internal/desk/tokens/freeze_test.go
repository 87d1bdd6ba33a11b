package tokens_test

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/desk/tokens"
)

func TestFreezeAndThaw(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		ctx := r.T.Context()
		g, value := r.Stopped()
		if r.W.Authenticates(value) || r.Usable("maya") != 0 || r.InCanvas("maya") != 1 {
			r.T.Errorf("the frozen token works, or is gone: %d in Canvas", r.InCanvas("maya"))
		}
		c, err := r.Cases.Token(ctx, r.As("maya", access.DoorCourse), g.ID)
		if err != nil || c.Grant.FreezeReason != "Odd traffic." || !c.Can[access.Revoke] || !c.Can[access.ReportLeak] {
			r.T.Errorf("the owner sees %+v, %v", c.Case, err)
		}
		r.Drain()
		for _, key := range []string{"maya", "ana"} {
			if got := r.Subjects(key); !desktest.Has(got, "was stopped") {
				r.T.Errorf("%s got %q", key, got)
			}
		}
		if _, err := r.Tokens.Thaw(ctx, r.As("dana", access.DoorAccount), g.ID, r.TermsOf(g.ID)); err != nil {
			r.T.Fatal(err)
		}
		if _, err := r.Tokens.Thaw(ctx, r.As("dana", access.DoorAccount), g.ID, r.TermsOf(g.ID)); access.WhyOf(err) != access.WhySecondPerson {
			r.T.Errorf("twice by one person: %v", err)
		}
		if now := r.Grant(g.ID); now.State != access.Frozen {
			r.T.Fatalf("one voice made it %s", now.State)
		}
		p, err := r.Tokens.Thaw(ctx, r.As("priya", access.DoorAccount), g.ID, r.TermsOf(g.ID))
		if err != nil || p.Grant.State != access.Replacing || r.InCanvas("maya") != 0 {
			r.T.Fatalf("%s, %v, %d in Canvas", p.Grant.State, err, r.InCanvas("maya"))
		}
		r.Drain()
		if got := r.Subjects("maya"); !desktest.Has(got, "can go on") {
			r.T.Errorf("the owner got %q", got)
		}
		next, err := r.Tokens.Collect(ctx, r.As("maya", access.DoorCourse), c.Request.Code())
		if err != nil || next.Stage != tokens.StageSecret || next.Grant.Attempt != 2 || next.Grant.Replaced != 0 {
			r.T.Fatalf("the successor: %s (%s), %v", next.Stage, next.Trouble, err)
		}
		if !next.CanReplace {
			r.T.Error("a thaw used up the one replacement")
		}
		if next.Value.Reveal() == value || r.InCanvas("maya") != 1 {
			r.T.Error("the successor is the old token")
		}
		r.Proven()
		r.Searched(value)
		r.Searched(next.Value.Reveal())
	})
}

// Its owner may activate in Canvas the value that nobody saw. That gives nobody
// a token that works, and the grant is not active: the watch ends it.
func TestFrozenTokenActivatedByItsOwner(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	g, value := r.Stopped()
	r.Activate("maya", g.CanvasID)
	if r.W.Authenticates(value) {
		t.Error("the old value works")
	}
	for range 12 {
		r.Tick(10 * time.Minute)
		if now := r.Grant(g.ID); now.State != access.Frozen && (now.State != access.Revoked || now.Cause != access.ByAltered) {
			t.Fatalf("activated in Canvas by its owner, it is %s by %s", now.State, now.Cause)
		}
	}
	if now := r.Grant(g.ID); now.State != access.Revoked || r.InCanvas("maya") != 0 {
		t.Errorf("two hours later: %s", now.State)
	}
	r.Proven()
}

// A try to make the successor of a thawed token that fails leads back, not to
// the end of its request.
func TestThawedSurvivesCanvas(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]canvastest.Fault{
		"refused":                      {Status: 403, Body: `{"status":"unauthorized","errors":[{"message":"user not authorized to perform that action"}]}`},
		"does the work, cuts the line": {DropAfter: true},
		"answers 500 without the work": {Status: 500, Body: `{"errors":[{"message":"An error occurred."}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := desktest.NewRig(t, desktest.Sqlite(t))
			g, _ := r.Stopped()
			for _, key := range []string{"dana", "priya"} {
				if _, err := r.Tokens.Thaw(t.Context(), r.As(key, access.DoorAccount), g.ID, r.TermsOf(g.ID)); err != nil {
					t.Fatal(err)
				}
			}
			f.Route, f.Method = desktest.CreateRoute, http.MethodPost
			r.Cv.Fail(f)
			code := r.Request(g.RequestID).Code()
			if c, err := r.Tokens.Collect(t.Context(), r.As("maya", access.DoorCourse), code); err != nil || c.Stage == tokens.StageSecret {
				t.Fatalf("the failed try: %s, %v", c.Stage, err)
			}
			r.Tick(2 * time.Minute)
			if now := r.Grant(g.ID); now.State != access.Replacing {
				t.Fatalf("after it: %s", now.State)
			}
			if c, err := r.Tokens.Collect(t.Context(), r.As("maya", access.DoorCourse), code); err != nil || c.Stage != tokens.StageSecret {
				t.Errorf("the next press: %s (%s), %v", c.Stage, c.Trouble, err)
			}
			r.Proven()
		})
	}
}

// Whatever Canvas does to the call: frozen with proof, or still called freezing,
// and a job settles it.
func TestFreezeSurvivesCanvas(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]canvastest.Fault{
		"does the work, then cuts the line":   {DropAfter: true},
		"cuts the line before the work":       {DropBefore: true},
		"does the work, then cuts the answer": {CutBody: true},
		"answers 500 without the work":        {Status: 500, Body: `{"errors":[{"message":"An error occurred."}]}`},
		"answers 200 with nothing":            {Status: 200, Body: "{}"},
		"is throttled":                        {Throttle: true, Times: 20},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := desktest.NewRig(t, desktest.Sqlite(t))
			g, value := r.Working()
			f.Route, f.Method = desktest.CreateRoute+"/:id", http.MethodPut
			withdraw := r.Cv.Fail(f)
			p, err := r.Tokens.Freeze(t.Context(), r.As("dana", access.DoorAccount), g.ID, "Odd traffic.")
			if err != nil || p.Grant.State != access.Freezing || p.Grant.Trouble == "" {
				t.Fatalf("%+v, %v", p.Grant, err)
			}
			withdraw()
			r.Tick(6 * time.Minute)
			if now := r.Grant(g.ID); now.State != access.Frozen || r.W.Authenticates(value) || now.Hint == g.Hint {
				t.Errorf("settled as %s, hint %q", now.State, now.Hint)
			}
			r.Proven()
			r.Searched(value)
		})
	}
}

// A Canvas that does not let the tool change values: the token stays on, and it
// is said so.
func TestFreezeNotAllowed(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]canvastest.Fault{
		"denied":                        {Status: 403, Body: `{"status":"unauthorized","errors":[{"message":"user not authorized to perform that action"}]}`},
		"not found, though it is shown": {Status: 404, Body: `{"errors":[{"message":"The specified resource does not exist."}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := desktest.NewRig(t, desktest.Sqlite(t))
			g, value := r.Working()
			f.Route, f.Method, f.Times = desktest.CreateRoute+"/:id", http.MethodPut, -1
			r.Cv.Fail(f)
			p, err := r.Tokens.Freeze(t.Context(), r.As("dana", access.DoorAccount), g.ID, "Odd traffic.")
			if err != nil || p.Grant.State != access.Active || p.Grant.Trouble != tokens.TroubleNoFreeze || !r.W.Authenticates(value) {
				t.Fatalf("%+v, %v", p.Grant, err)
			}
			r.Proven()
		})
	}
	r := desktest.NewRig(t, desktest.Sqlite(t))
	g, _ := r.Working()
	if p, err := r.Tokens.AskFreeze(t.Context(), r.As("dana", access.DoorAccount), g.ID); err != nil || !p.Can[access.Freeze] {
		t.Errorf("asked with the right: %v", err)
	}
	r.Clock.Advance(10 * time.Minute)
	up := r.Cv.Fail(canvastest.Fault{Route: "/api/v1/accounts/:account_id/permissions", Status: 200, Body: `{"create_access_tokens":false}`, Times: -1})
	if _, err := r.Tokens.AskFreeze(t.Context(), r.As("dana", access.DoorAccount), g.ID); access.WhyOf(err) != access.WhyNoFreeze {
		t.Errorf("asked where the tool has no right: %v", err)
	}
	up()
	r.Clock.Advance(10 * time.Minute)
	r.Cv.Fail(canvastest.Fault{Route: "/api/v1/accounts/:account_id/permissions", Status: 503, Times: -1})
	if p, err := r.Tokens.AskFreeze(t.Context(), r.As("dana", access.DoorAccount), g.ID); err != nil || !p.Can[access.Freeze] {
		t.Errorf("asked where it cannot be read: %v", err)
	}
	r.W.SetPermission("account-admin", canvastest.PermCreateTokens, false)
	r.Clock.Advance(10 * time.Minute)
	if _, err := r.Tokens.AskFreeze(t.Context(), r.As("dana", access.DoorAccount), g.ID); !errors.Is(err, access.ErrNotFound) {
		t.Errorf("asked by one who is no reviewer any more: %v", err)
	}
}

// A token that somebody deletes in Canvas meanwhile ends as deleted there.
func TestFreezeOfADeletedToken(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	g, _ := r.Working()
	for _, tok := range r.W.Tokens("maya") {
		r.W.DeleteTokenBehind(tok.ID)
	}
	p, err := r.Tokens.Freeze(t.Context(), r.As("dana", access.DoorAccount), g.ID, "Odd traffic.")
	if err != nil || p.Grant.State != access.Revoked || p.Grant.Cause != access.ByCanvas {
		t.Errorf("%+v, %v", p.Grant, err)
	}
	r.Proven()
}

// What Canvas does not show as changed is not frozen, and what it does not show is
// not gone for that.
func TestFreezeNeedsProof(t *testing.T) {
	t.Parallel()
	for name, lie := range map[string]func(r *desktest.Rig, g access.Grant) (withdraw func()){
		"nothing changed": func(r *desktest.Rig, g access.Grant) func() {
			was := r.Token(g)
			r.Desk.AtStep = func(step string) {
				if step == "freeze: canvas answered" {
					r.Changed(g, func(tok *canvastest.Token) { tok.State, tok.Hint = was.State, was.Hint })
				}
			}
			return func() { r.Desk.AtStep = nil }
		},
		"it is not found, but listed": func(r *desktest.Rig, _ access.Grant) func() {
			return r.Cv.Fail(canvastest.Fault{Route: desktest.OneTokenRoute, Method: http.MethodGet, Status: 404, Body: `{"errors":[{"message":"The specified resource does not exist."}]}`, Times: -1})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := desktest.NewRig(t, desktest.Sqlite(t))
			g, _ := r.Working()
			withdraw := lie(r, g)
			p, err := r.Tokens.Freeze(t.Context(), r.As("dana", access.DoorAccount), g.ID, "Odd traffic.")
			if err != nil || p.Grant.State != access.Freezing || p.Grant.Trouble == "" || r.InCanvas("maya") != 1 {
				t.Errorf("%s (%s), %v", p.Grant.State, p.Grant.Trouble, err)
			}
			withdraw()
			r.Must(r.Run(desk.JobFreeze, ""))
			if now := r.Grant(g.ID); now.State != access.Frozen {
				t.Errorf("with Canvas well: %s", now.State)
			}
			r.Proven()
		})
	}
}

func TestFreezeSurvivesDeath(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"freeze committed", "freeze: canvas answered", "freeze: read back"} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			desktest.Each(t, func(r *desktest.Rig) {
				g, value := r.Working()
				caller := r.As("dana", access.DoorAccount)
				if !r.Die(step, func() { _, _ = r.Tokens.Freeze(r.T.Context(), caller, g.ID, "Odd traffic.") }) {
					r.T.Fatalf("the freeze never came to %q", step)
				}
				changes := r.Cv.Count(http.MethodPut, desktest.CreateRoute+"/:id")
				r.Tick(time.Minute)
				if now := r.Grant(g.ID); now.State != access.Frozen || r.W.Authenticates(value) {
					r.T.Errorf("after the restart: %s", now.State)
				}
				if step != "freeze committed" && r.Cv.Count(http.MethodPut, desktest.CreateRoute+"/:id") != changes {
					r.T.Error("the value was changed a second time")
				}
				r.Proven()
			})
		})
	}
}

func TestWhoMayFreezeAndThaw(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	ctx := t.Context()
	g, value := r.Working()
	for name, caller := range map[string]access.Caller{"the owner": r.As("maya", access.DoorCourse), "the sponsor": r.As("ana", access.DoorCourse),
		"acting": r.As("dana", access.DoorAccount, desktest.ActingBy("9")), "another student": r.As("luca", access.DoorCourse), "an admin in a course": r.As("dana", access.DoorCourse)} {
		if _, err := r.Tokens.Freeze(ctx, caller, g.ID, "x"); err == nil || errors.Is(err, access.ErrInvalid) {
			t.Errorf("%s froze: %v", name, err)
		}
		if _, err := r.Tokens.Thaw(ctx, caller, g.ID, r.TermsOf(g.ID)); err == nil {
			t.Errorf("%s thawed", name)
		}
	}
	if _, err := r.Tokens.Freeze(ctx, r.As("dana", access.DoorAccount), g.ID, ""); !errors.Is(err, access.ErrInvalid) || !r.W.Authenticates(value) {
		t.Errorf("without a reason: %v", err)
	}
	if _, err := r.Tokens.Thaw(ctx, r.As("dana", access.DoorAccount), g.ID, r.TermsOf(g.ID)); !errors.Is(err, access.ErrConflict) {
		t.Errorf("thawed while it works: %v", err)
	}
	if _, err := r.Tokens.Freeze(ctx, r.As("dana", access.DoorAccount), g.ID, "Odd traffic."); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Tokens.Thaw(ctx, desktest.Older(r.As("dana", access.DoorAccount)), g.ID, r.TermsOf(g.ID)); access.WhyOf(err) != access.WhyStale {
		t.Errorf("with an old launch: %v", err)
	}
	r.OpenLeak(g.Owner)
	if _, err := r.Tokens.Thaw(ctx, r.As("dana", access.DoorAccount), g.ID, r.TermsOf(g.ID)); access.WhyOf(err) != access.WhyIncident {
		t.Errorf("while a leak is open: %v", err)
	}
	down := r.As("dana", access.DoorAccount)
	withdraw := r.Cv.Fail(canvastest.Fault{Route: "/api/v1/accounts/:account_id/admins", Status: 503, Times: -1})
	if _, err := r.Tokens.Thaw(ctx, down, g.ID, r.TermsOf(g.ID)); access.WhyOf(err) != access.WhyCanvas {
		t.Errorf("a reviewer whom Canvas cannot confirm: %v", err)
	}
	withdraw()
	if now := r.Grant(g.ID); now.FirstThaw().Said() || now.State != access.Frozen {
		t.Errorf("a refused voice counts: %+v", now)
	}
	r.Proven()
}

// Both at once are two people, one and the same pressing twice is one.
func TestThawAtOnce(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		g, _ := r.Stopped()
		dana := r.As("dana", access.DoorAccount)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() { _, _ = r.Tokens.Thaw(r.T.Context(), dana, g.ID, r.TermsOf(g.ID)) })
		}
		wg.Wait()
		if now := r.Grant(g.ID); now.State != access.Frozen || now.FirstThaw().Person != dana.Person {
			r.T.Fatalf("one person thawed it alone: %s", now.State)
		}
		priya := r.As("priya", access.DoorAccount)
		for _, caller := range []access.Caller{dana, priya, priya} {
			wg.Go(func() { _, _ = r.Tokens.Thaw(r.T.Context(), caller, g.ID, r.TermsOf(g.ID)) })
		}
		wg.Wait()
		if now := r.Grant(g.ID); now.State != access.Replacing {
			r.T.Errorf("two people: %s", now.State)
		}
		r.Proven()
	})
}

// A frozen token ends at its time, and may be revoked by each party.
func TestFrozenEnds(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	g, _ := r.Stopped()
	r.Clock.Advance(g.Expires.Sub(r.Clock.Now()))
	r.Tick(time.Minute)
	r.Tick(10 * time.Minute)
	if now := r.Grant(g.ID); now.State != access.Expired || r.InCanvas("maya") != 0 {
		t.Errorf("after its end: %s", now.State)
	}
	for key, door := range map[string]access.Door{"maya": access.DoorCourse, "ana": access.DoorCourse, "dana": access.DoorAccount} {
		r := desktest.NewRig(t, desktest.Sqlite(t))
		g, _ := r.Stopped()
		if p, err := r.Tokens.Revoke(t.Context(), desktest.Older(r.As(key, door)), g.ID, "Over."); err != nil || p.Grant.State != access.Revoked || r.InCanvas("maya") != 0 {
			t.Errorf("revoked by %s: %v", key, err)
		}
	}
}

// That Canvas did not prove something is noted only on a grant that still waits
// for the proof.
func TestATryIsNotedOnWhatStillWaits(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	g := r.InUse()
	for name, note := range map[string]func(context.Context, access.Grant) error{"of a freeze": r.Tokens.RecordFreezeTry, "of an end": r.Tokens.RecordTry} {
		before := r.Grant(g.ID)
		if err := note(t.Context(), g); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if after := r.Grant(g.ID); !reflect.DeepEqual(after, before) {
			t.Errorf("%s: it was %+v and is %+v", name, before, after)
		}
	}
}
