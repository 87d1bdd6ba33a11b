package workflow

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
)

// working is Maya's token in use, and its value.
func (r *rig) working() (access.Grant, string) {
	r.t.Helper()
	c, value := r.collected()
	r.activate("maya", c.Grant.CanvasID)
	r.tick(2 * time.Minute)
	g := r.grant(c.Grant.ID)
	if g.State != access.Active {
		r.t.Fatalf("activated in Canvas, here %s", g.State)
	}
	return g, value
}

// stopped is Maya's token, frozen by Dana.
func (r *rig) stopped() (access.Grant, string) {
	r.t.Helper()
	g, value := r.working()
	p, err := r.Freeze(r.t.Context(), older(r.as("dana", access.DoorAccount)), g.ID, "Odd traffic.")
	if err != nil || p.Grant.State != access.Frozen {
		r.t.Fatalf("%s, %v", p.Grant.State, err)
	}
	return *p.Grant, value
}

func TestFreezeAndThaw(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		ctx := r.t.Context()
		g, value := r.stopped()
		if r.w.Authenticates(value) || r.usable("maya") != 0 || r.inCanvas("maya") != 1 {
			r.t.Errorf("the frozen token works, or is gone: %d in Canvas", r.inCanvas("maya"))
		}
		c, err := r.Token(ctx, r.as("maya", access.DoorCourse), g.ID)
		if err != nil || c.Grant.FreezeReason != "Odd traffic." || !c.Can[access.Revoke] || !c.Can[access.ReportLeak] {
			r.t.Errorf("the owner sees %+v, %v", c.Case, err)
		}
		r.drain()
		for _, key := range []string{"maya", "ana"} {
			if got := r.subjects(key); !has(got, "was stopped") {
				r.t.Errorf("%s got %q", key, got)
			}
		}
		if _, err := r.Thaw(ctx, r.as("dana", access.DoorAccount), g.ID, r.termsOf(g.ID)); err != nil {
			r.t.Fatal(err)
		}
		if _, err := r.Thaw(ctx, r.as("dana", access.DoorAccount), g.ID, r.termsOf(g.ID)); access.WhyOf(err) != access.WhySecondPerson {
			r.t.Errorf("twice by one person: %v", err)
		}
		if now := r.grant(g.ID); now.State != access.Frozen {
			r.t.Fatalf("one voice made it %s", now.State)
		}
		p, err := r.Thaw(ctx, r.as("priya", access.DoorAccount), g.ID, r.termsOf(g.ID))
		if err != nil || p.Grant.State != access.Replacing || r.inCanvas("maya") != 0 {
			r.t.Fatalf("%s, %v, %d in Canvas", p.Grant.State, err, r.inCanvas("maya"))
		}
		r.drain()
		if got := r.subjects("maya"); !has(got, "can go on") {
			r.t.Errorf("the owner got %q", got)
		}
		next, err := r.Collect(ctx, r.as("maya", access.DoorCourse), c.Request.Code())
		if err != nil || next.Stage != StageSecret || next.Grant.Attempt != 2 || next.Grant.Replaced != 0 {
			r.t.Fatalf("the successor: %s (%s), %v", next.Stage, next.Trouble, err)
		}
		if !next.CanReplace {
			r.t.Error("a thaw used up the one replacement")
		}
		if next.Value.Reveal() == value || r.inCanvas("maya") != 1 {
			r.t.Error("the successor is the old token")
		}
		r.proven()
		r.searched(value)
		r.searched(next.Value.Reveal())
	})
}

// Its owner may activate in Canvas the value that nobody saw. That gives nobody
// a token that works, and the grant is not active: the watch ends it.
func TestFrozenTokenActivatedByItsOwner(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	g, value := r.stopped()
	r.activate("maya", g.CanvasID)
	if r.w.Authenticates(value) {
		t.Error("the old value works")
	}
	for range 12 {
		r.tick(10 * time.Minute)
		if now := r.grant(g.ID); now.State != access.Frozen && (now.State != access.Revoked || now.Cause != access.ByAltered) {
			t.Fatalf("activated in Canvas by its owner, it is %s by %s", now.State, now.Cause)
		}
	}
	if now := r.grant(g.ID); now.State != access.Revoked || r.inCanvas("maya") != 0 {
		t.Errorf("two hours later: %s", now.State)
	}
	r.proven()
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
			r := newRig(t, sqlite(t))
			g, _ := r.stopped()
			for _, key := range []string{"dana", "priya"} {
				if _, err := r.Thaw(t.Context(), r.as(key, access.DoorAccount), g.ID, r.termsOf(g.ID)); err != nil {
					t.Fatal(err)
				}
			}
			f.Route, f.Method = createRoute, http.MethodPost
			r.cv.Fail(f)
			code := r.request(g.RequestID).Code()
			if c, err := r.Collect(t.Context(), r.as("maya", access.DoorCourse), code); err != nil || c.Stage == StageSecret {
				t.Fatalf("the failed try: %s, %v", c.Stage, err)
			}
			r.tick(2 * time.Minute)
			if now := r.grant(g.ID); now.State != access.Replacing {
				t.Fatalf("after it: %s", now.State)
			}
			if c, err := r.Collect(t.Context(), r.as("maya", access.DoorCourse), code); err != nil || c.Stage != StageSecret {
				t.Errorf("the next press: %s (%s), %v", c.Stage, c.Trouble, err)
			}
			r.proven()
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
			r := newRig(t, sqlite(t))
			g, value := r.working()
			f.Route, f.Method = createRoute+"/:id", http.MethodPut
			withdraw := r.cv.Fail(f)
			p, err := r.Freeze(t.Context(), r.as("dana", access.DoorAccount), g.ID, "Odd traffic.")
			if err != nil || p.Grant.State != access.Freezing || p.Grant.Trouble == "" {
				t.Fatalf("%+v, %v", p.Grant, err)
			}
			withdraw()
			r.tick(6 * time.Minute)
			if now := r.grant(g.ID); now.State != access.Frozen || r.w.Authenticates(value) || now.Hint == g.Hint {
				t.Errorf("settled as %s, hint %q", now.State, now.Hint)
			}
			r.proven()
			r.searched(value)
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
			r := newRig(t, sqlite(t))
			g, value := r.working()
			f.Route, f.Method, f.Times = createRoute+"/:id", http.MethodPut, -1
			r.cv.Fail(f)
			p, err := r.Freeze(t.Context(), r.as("dana", access.DoorAccount), g.ID, "Odd traffic.")
			if err != nil || p.Grant.State != access.Active || p.Grant.Trouble != troubleNoFreeze || !r.w.Authenticates(value) {
				t.Fatalf("%+v, %v", p.Grant, err)
			}
			r.proven()
		})
	}
	r := newRig(t, sqlite(t))
	g, _ := r.working()
	if p, err := r.AskFreeze(t.Context(), r.as("dana", access.DoorAccount), g.ID); err != nil || !p.Can[access.Freeze] {
		t.Errorf("asked with the right: %v", err)
	}
	r.clock.Advance(10 * time.Minute)
	up := r.cv.Fail(canvastest.Fault{Route: "/api/v1/accounts/:account_id/permissions", Status: 200, Body: `{"create_access_tokens":false}`, Times: -1})
	if _, err := r.AskFreeze(t.Context(), r.as("dana", access.DoorAccount), g.ID); access.WhyOf(err) != access.WhyNoFreeze {
		t.Errorf("asked where the tool has no right: %v", err)
	}
	up()
	r.clock.Advance(10 * time.Minute)
	r.cv.Fail(canvastest.Fault{Route: "/api/v1/accounts/:account_id/permissions", Status: 503, Times: -1})
	if p, err := r.AskFreeze(t.Context(), r.as("dana", access.DoorAccount), g.ID); err != nil || !p.Can[access.Freeze] {
		t.Errorf("asked where it cannot be read: %v", err)
	}
	r.w.SetPermission("account-admin", canvastest.PermCreateTokens, false)
	r.clock.Advance(10 * time.Minute)
	if _, err := r.AskFreeze(t.Context(), r.as("dana", access.DoorAccount), g.ID); !errors.Is(err, access.ErrNotFound) {
		t.Errorf("asked by one who is no reviewer any more: %v", err)
	}
}

// A token that somebody deletes in Canvas meanwhile ends as deleted there.
func TestFreezeOfADeletedToken(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	g, _ := r.working()
	for _, tok := range r.w.Tokens("maya") {
		r.w.DeleteTokenBehind(tok.ID)
	}
	p, err := r.Freeze(t.Context(), r.as("dana", access.DoorAccount), g.ID, "Odd traffic.")
	if err != nil || p.Grant.State != access.Revoked || p.Grant.Cause != access.ByCanvas {
		t.Errorf("%+v, %v", p.Grant, err)
	}
	r.proven()
}

// What Canvas does not show as changed is not frozen, and what it does not show is
// not gone for that.
func TestFreezeNeedsProof(t *testing.T) {
	t.Parallel()
	for name, lie := range map[string]func(r *rig, g access.Grant) (withdraw func()){
		"nothing changed": func(r *rig, g access.Grant) func() {
			was := r.token(g)
			r.AtStep = func(step string) {
				if step == "freeze: canvas answered" {
					r.changed(g, func(tok *canvastest.Token) { tok.State, tok.Hint = was.State, was.Hint })
				}
			}
			return func() { r.AtStep = nil }
		},
		"it is not found, but listed": func(r *rig, _ access.Grant) func() {
			return r.cv.Fail(canvastest.Fault{Route: oneTokenRoute, Method: http.MethodGet, Status: 404, Body: `{"errors":[{"message":"The specified resource does not exist."}]}`, Times: -1})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sqlite(t))
			g, _ := r.working()
			withdraw := lie(r, g)
			p, err := r.Freeze(t.Context(), r.as("dana", access.DoorAccount), g.ID, "Odd traffic.")
			if err != nil || p.Grant.State != access.Freezing || p.Grant.Trouble == "" || r.inCanvas("maya") != 1 {
				t.Errorf("%s (%s), %v", p.Grant.State, p.Grant.Trouble, err)
			}
			withdraw()
			r.must(r.run(jobFreeze, ""))
			if now := r.grant(g.ID); now.State != access.Frozen {
				t.Errorf("with Canvas well: %s", now.State)
			}
			r.proven()
		})
	}
}

func TestFreezeSurvivesDeath(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"freeze committed", "freeze: canvas answered", "freeze: read back"} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			each(t, func(r *rig) {
				g, value := r.working()
				caller := r.as("dana", access.DoorAccount)
				if !r.die(step, func() { _, _ = r.Freeze(r.t.Context(), caller, g.ID, "Odd traffic.") }) {
					r.t.Fatalf("the freeze never came to %q", step)
				}
				changes := r.cv.Count(http.MethodPut, createRoute+"/:id")
				r.tick(time.Minute)
				if now := r.grant(g.ID); now.State != access.Frozen || r.w.Authenticates(value) {
					r.t.Errorf("after the restart: %s", now.State)
				}
				if step != "freeze committed" && r.cv.Count(http.MethodPut, createRoute+"/:id") != changes {
					r.t.Error("the value was changed a second time")
				}
				r.proven()
			})
		})
	}
}

func TestWhoMayFreezeAndThaw(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	ctx := t.Context()
	g, value := r.working()
	for name, caller := range map[string]access.Caller{"the owner": r.as("maya", access.DoorCourse), "the sponsor": r.as("ana", access.DoorCourse),
		"acting": r.as("dana", access.DoorAccount, actingBy("9")), "another student": r.as("luca", access.DoorCourse), "an admin in a course": r.as("dana", access.DoorCourse)} {
		if _, err := r.Freeze(ctx, caller, g.ID, "x"); err == nil || errors.Is(err, access.ErrInvalid) {
			t.Errorf("%s froze: %v", name, err)
		}
		if _, err := r.Thaw(ctx, caller, g.ID, r.termsOf(g.ID)); err == nil {
			t.Errorf("%s thawed", name)
		}
	}
	if _, err := r.Freeze(ctx, r.as("dana", access.DoorAccount), g.ID, ""); !errors.Is(err, access.ErrInvalid) || !r.w.Authenticates(value) {
		t.Errorf("without a reason: %v", err)
	}
	if _, err := r.Thaw(ctx, r.as("dana", access.DoorAccount), g.ID, r.termsOf(g.ID)); !errors.Is(err, access.ErrConflict) {
		t.Errorf("thawed while it works: %v", err)
	}
	if _, err := r.Freeze(ctx, r.as("dana", access.DoorAccount), g.ID, "Odd traffic."); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Thaw(ctx, older(r.as("dana", access.DoorAccount)), g.ID, r.termsOf(g.ID)); access.WhyOf(err) != access.WhyStale {
		t.Errorf("with an old launch: %v", err)
	}
	r.openLeak(g.Owner)
	if _, err := r.Thaw(ctx, r.as("dana", access.DoorAccount), g.ID, r.termsOf(g.ID)); access.WhyOf(err) != access.WhyIncident {
		t.Errorf("while a leak is open: %v", err)
	}
	down := r.as("dana", access.DoorAccount)
	withdraw := r.cv.Fail(canvastest.Fault{Route: "/api/v1/accounts/:account_id/admins", Status: 503, Times: -1})
	if _, err := r.Thaw(ctx, down, g.ID, r.termsOf(g.ID)); access.WhyOf(err) != access.WhyCanvas {
		t.Errorf("a reviewer whom Canvas cannot confirm: %v", err)
	}
	withdraw()
	if now := r.grant(g.ID); now.FirstThaw().Said() || now.State != access.Frozen {
		t.Errorf("a refused voice counts: %+v", now)
	}
	r.proven()
}

// Both at once are two people, one and the same pressing twice is one.
func TestThawAtOnce(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		g, _ := r.stopped()
		dana := r.as("dana", access.DoorAccount)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() { _, _ = r.Thaw(r.t.Context(), dana, g.ID, r.termsOf(g.ID)) })
		}
		wg.Wait()
		if now := r.grant(g.ID); now.State != access.Frozen || now.FirstThaw().Person != dana.Person {
			r.t.Fatalf("one person thawed it alone: %s", now.State)
		}
		priya := r.as("priya", access.DoorAccount)
		for _, caller := range []access.Caller{dana, priya, priya} {
			wg.Go(func() { _, _ = r.Thaw(r.t.Context(), caller, g.ID, r.termsOf(g.ID)) })
		}
		wg.Wait()
		if now := r.grant(g.ID); now.State != access.Replacing {
			r.t.Errorf("two people: %s", now.State)
		}
		r.proven()
	})
}

// A frozen token ends at its time, and may be revoked by each party.
func TestFrozenEnds(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	g, _ := r.stopped()
	r.clock.Advance(g.Expires.Sub(r.clock.Now()))
	r.tick(time.Minute)
	r.tick(10 * time.Minute)
	if now := r.grant(g.ID); now.State != access.Expired || r.inCanvas("maya") != 0 {
		t.Errorf("after its end: %s", now.State)
	}
	for key, door := range map[string]access.Door{"maya": access.DoorCourse, "ana": access.DoorCourse, "dana": access.DoorAccount} {
		r := newRig(t, sqlite(t))
		g, _ := r.stopped()
		if p, err := r.Revoke(t.Context(), older(r.as(key, door)), g.ID, "Over."); err != nil || p.Grant.State != access.Revoked || r.inCanvas("maya") != 0 {
			t.Errorf("revoked by %s: %v", key, err)
		}
	}
}

// That Canvas did not prove something is noted only on a grant that still waits
// for the proof.
func TestATryIsNotedOnWhatStillWaits(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	g := r.inUse()
	for name, note := range map[string]func(context.Context, access.Grant) error{"of a freeze": r.noteFreezeTry, "of an end": r.noteTry} {
		before := r.grant(g.ID)
		if err := note(t.Context(), g); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if after := r.grant(g.ID); !reflect.DeepEqual(after, before) {
			t.Errorf("%s: it was %+v and is %+v", name, before, after)
		}
	}
}
