package workflow

import (
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
)

// What waits for somebody waits to the last moment of its window, and not a
// second longer.
func TestWindowsOfRequests(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		const day = 24 * time.Hour
		waits := r.submitted()
		r.clock.Advance(time.Hour)
		ready, claimed := r.approved(), r.submitted()
		r.act(r.as("ana", access.DoorCourse), claimed.Code(), access.Endorse, access.Move{})
		claimed = r.act(r.as("dana", access.DoorAccount), claimed.Code(), access.Claim, access.Move{}).Request
		draft, err := r.SaveDraft(r.t.Context(), r.as("maya", access.DoorCourse), "", access.Answers{"build": {"private"}})
		if err != nil {
			r.t.Fatal(err)
		}
		for _, tt := range []struct {
			what string
			id   string
			ends time.Time // the last moment
			over func(access.Request) bool
		}{
			{"a claim, from Monday to Wednesday", claimed.ID, claimed.Claim().At.Add(2*day - time.Second), func(q access.Request) bool { return q.Claim().Person == "" }},
			{"the sponsor's answer", waits.ID, waits.SubmittedAt.Add(14 * day), func(q access.Request) bool { return q.State == access.Lapsed }},
			{"the collection", ready.ID, ready.Decision().At.Add(14 * day), func(q access.Request) bool { return q.State == access.Lapsed }},
			{"a draft", draft.ID, draft.UpdatedAt.Add(30 * day), func(q access.Request) bool {
				return q.State == access.Discarded && q.Answers.Text("build") == ""
			}},
		} {
			r.tick(tt.ends.Sub(r.clock.Now()))
			if q := r.request(tt.id); tt.over(q) || q.State.Final() {
				r.t.Errorf("%s ended before its time: %+v", tt.what, q)
			}
			r.tick(time.Second)
			if q := r.request(tt.id); !tt.over(q) {
				r.t.Errorf("%s did not end: %+v", tt.what, q)
			}
		}
	})
}

// A token whose successor works goes on for three days, to the second.
func TestOverlap(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		old, _ := r.active()
		next, _ := r.collect(r.renewed(old.ID, "2027-02-28").Code())
		r.activate("maya", next.CanvasID)
		r.tick(2 * time.Minute)
		g := r.grant(old.ID)
		if want := r.grant(next.ID).ActivatedAt.Add(72 * time.Hour); !g.RetireAt.Equal(want) {
			r.t.Fatalf("it retires at %s, want %s", g.RetireAt, want)
		}
		r.tick(g.RetireAt.Sub(r.clock.Now()))
		if g := r.grant(old.ID); g.State != access.Active {
			r.t.Errorf("it is %s before its time", g.State)
		}
		r.tick(time.Second)
		if g := r.grant(old.ID); g.State == access.Active || g.Cause != access.BySuperseded {
			r.t.Errorf("after its time it is %s by %q", g.State, g.Cause)
		}
	})
}
