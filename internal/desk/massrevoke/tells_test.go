package massrevoke_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/desk/massrevoke"
	"github.com/tokendesk/tokendesk/internal/desk/notices"
	"github.com/tokendesk/tokendesk/internal/notify"
)

// A token that is not proven gone for too long is told of to its owner.
func TestMassTellsOfAStuckToken(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	gs := r.ManyGrants(1)
	p := startedMass(r, massrevoke.Choice{})
	w := worker(r, p.Mass)
	if did, err := w.Begin(t.Context()); !did || err != nil {
		t.Fatalf("%v, %v", did, err)
	}
	r.Cv.Fail(canvastest.Fault{Route: deleteRoute, Method: http.MethodDelete, Status: 500, Times: -1})
	for i, after := range []time.Duration{0, access.StuckAfter} {
		r.Clock.Advance(after)
		r.Due("", r.Clock.Now().Add(time.Minute))
		if err := w.Lease(t.Context()); err != nil {
			t.Fatal(err)
		}
		if did, err := w.End(t.Context(), r.Clock.Now().Add(time.Minute)); !did || err != nil {
			t.Fatalf("%v, %v", did, err)
		}
		told := 0
		for _, j := range r.Due(desk.JobNotice, r.Clock.Now().Add(time.Minute)) {
			var n notices.NoticeRef
			if err := json.Unmarshal(j.Data, &n); err != nil {
				t.Fatal(err)
			}
			if n.Kind == notify.StillUsable && n.To == gs[0].Owner {
				told++
			}
		}
		if told != i {
			t.Errorf("after %s told %d times", after, told)
		}
	}
}

// tellings are the messages of a mass revocation that wait to be sent by then.
func tellings(r *desktest.Rig, by time.Time) (out []massrevoke.MassTelling) {
	r.T.Helper()
	for _, j := range r.Due(massrevoke.JobMassNotice, by) {
		var m massrevoke.MassTelling
		if err := json.Unmarshal(j.Data, &m); err != nil {
			r.T.Fatal(err)
		}
		out = append(out, m)
	}
	return out
}

// Nobody is told while tokens are still to be tried; at the end each owner, each
// sponsor and the reviewers are, once. In a turn that only tries again an owner is
// told as soon as theirs are gone.
func TestMassTells(t *testing.T) {
	t.Parallel()
	for name, late := range map[string]bool{"a first turn": false, "a turn that tries again": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := desktest.NewRig(t, desktest.Sqlite(t))
			g, _ := r.Active()
			gs := r.ManyGrants(3) // of two people
			p := startedMass(r, massrevoke.Choice{})
			w := worker(r, p.Mass)
			w.Late = late
			if did, err := w.Begin(t.Context()); !did || err != nil {
				t.Fatalf("%v, %v", did, err)
			}
			by := r.Clock.Now().Add(time.Hour)
			r.Due("", by)
			if did, err := w.End(t.Context(), by); !did || err != nil {
				t.Fatalf("%v, %v", did, err)
			}
			owners := map[access.PersonID]int{g.Owner: 1, gs[0].Owner: 2, gs[2].Owner: 1}
			told := tellings(r, by)
			if !late && len(told) != 0 || late && len(told) != len(owners) {
				t.Errorf("on the way told: %+v", told)
			}
			if err := w.Finish(t.Context(), r.MassNow(p.ID).Counts); err != nil {
				t.Fatal(err)
			}
			told = append(told, tellings(r, by)...)
			want := []massrevoke.MassTelling{{Mass: p.ID, To: g.Sponsor, As: notify.AsSponsor, Tokens: 1}, {Mass: p.ID, To: notices.ToReviewers, As: notify.AsReviewer, Tokens: 0}}
			for to, n := range owners {
				want = append(want, massrevoke.MassTelling{Mass: p.ID, To: to, As: notify.AsRequester, Tokens: n})
			}
			for _, m := range want {
				if n := len(slices.DeleteFunc(slices.Clone(told), func(x massrevoke.MassTelling) bool { return x != m })); n != 1 {
					t.Errorf("told %d times: %+v", n, m)
				}
			}
			if len(told) != len(want) {
				t.Errorf("told are %+v, want %+v", told, want)
			}
		})
	}
}

// Where all had ended by the time, nothing was revoked, and reviewers are not told
// that something was.
func TestMassOfWhatHadEnded(t *testing.T) {
	t.Parallel()
	for name, ended := range map[string]bool{"all had ended": true, "none had": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := desktest.NewRig(t, desktest.Sqlite(t))
			gs := r.ManyGrants(2)
			p := startedMass(r, massrevoke.Choice{})
			if !ended {
				gs = nil
			}
			for _, g := range gs {
				if _, err := r.Tokens.Revoke(t.Context(), r.As("priya", access.DoorAccount), g.ID, "It was in a mail."); err != nil {
					t.Fatal(err)
				}
			}
			r.Drain()
			now := r.MassNow(p.ID)
			if now.State != access.MassDone || (now.Counts.Gone == 0) != ended {
				t.Fatalf("it is %s with %+v", now.State, now.Counts)
			}
			if got := r.Subjects("priya"); desktest.Has(got, "Mass revocation finished") == ended {
				t.Errorf("a reviewer got %q", got)
			}
		})
	}
}
