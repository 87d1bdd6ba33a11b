package tokens_test

import (
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
)

// What waits for somebody waits to the last moment of its window, and not a
// second longer.
func TestWindowsOfRequests(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		const day = 24 * time.Hour
		waits := r.Submitted()
		r.Clock.Advance(time.Hour)
		ready, claimed := r.Approved(), r.Submitted()
		r.Act(r.As("ana", access.DoorCourse), claimed.Code(), access.Endorse, access.Move{})
		claimed = r.Act(r.As("dana", access.DoorAccount), claimed.Code(), access.Claim, access.Move{}).Request
		draft, err := r.Requests.SaveDraft(r.T.Context(), r.As("maya", access.DoorCourse), "", access.Answers{"build": {"private"}})
		if err != nil {
			r.T.Fatal(err)
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
			r.Tick(tt.ends.Sub(r.Clock.Now()))
			if q := r.Request(tt.id); tt.over(q) || q.State.Final() {
				r.T.Errorf("%s ended before its time: %+v", tt.what, q)
			}
			r.Tick(time.Second)
			if q := r.Request(tt.id); !tt.over(q) {
				r.T.Errorf("%s did not end: %+v", tt.what, q)
			}
		}
	})
}

// A token whose successor works goes on for three days, to the second.
func TestOverlap(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		old, _ := r.Active()
		next, _ := r.Collect(r.Renewed(old.ID, "2027-02-28").Code())
		r.Activate("maya", next.CanvasID)
		r.Tick(2 * time.Minute)
		g := r.Grant(old.ID)
		if want := r.Grant(next.ID).ActivatedAt.Add(72 * time.Hour); !g.RetireAt.Equal(want) {
			r.T.Fatalf("it retires at %s, want %s", g.RetireAt, want)
		}
		r.Tick(g.RetireAt.Sub(r.Clock.Now()))
		if g := r.Grant(old.ID); g.State != access.Active {
			r.T.Errorf("it is %s before its time", g.State)
		}
		r.Tick(time.Second)
		if g := r.Grant(old.ID); g.State == access.Active || g.Cause != access.BySuperseded {
			r.T.Errorf("after its time it is %s by %q", g.State, g.Cause)
		}
	})
}
