package workflow

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/notify"
)

// A token that is not proven gone for too long is told of to its owner.
func TestMassTellsOfAStuckToken(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	gs := r.crowd(1)
	p := r.startedMass(MassChoice{})
	w := r.worker(p.Mass)
	if did, err := w.begin(t.Context()); !did || err != nil {
		t.Fatalf("%v, %v", did, err)
	}
	r.cv.Fail(canvastest.Fault{Route: deleteRoute, Method: http.MethodDelete, Status: 500, Times: -1})
	for i, after := range []time.Duration{0, access.StuckAfter} {
		r.clock.Advance(after)
		r.due("", r.clock.Now().Add(time.Minute))
		if err := w.lease(t.Context()); err != nil {
			t.Fatal(err)
		}
		if did, err := w.end(t.Context(), r.clock.Now().Add(time.Minute)); !did || err != nil {
			t.Fatalf("%v, %v", did, err)
		}
		told := 0
		for _, j := range r.due(jobNotice, r.clock.Now().Add(time.Minute)) {
			var n noticeRef
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
func (r *rig) tellings(by time.Time) (out []massTelling) {
	r.t.Helper()
	for _, j := range r.due(jobMassNotice, by) {
		var m massTelling
		if err := json.Unmarshal(j.Data, &m); err != nil {
			r.t.Fatal(err)
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
			r := newRig(t, sqlite(t))
			g, _ := r.active()
			gs := r.crowd(3) // of two people
			p := r.startedMass(MassChoice{})
			w := r.worker(p.Mass)
			w.late = late
			if did, err := w.begin(t.Context()); !did || err != nil {
				t.Fatalf("%v, %v", did, err)
			}
			by := r.clock.Now().Add(time.Hour)
			r.due("", by)
			if did, err := w.end(t.Context(), by); !did || err != nil {
				t.Fatalf("%v, %v", did, err)
			}
			owners := map[access.PersonID]int{g.Owner: 1, gs[0].Owner: 2, gs[2].Owner: 1}
			told := r.tellings(by)
			if !late && len(told) != 0 || late && len(told) != len(owners) {
				t.Errorf("on the way told: %+v", told)
			}
			if err := w.finish(t.Context(), r.massNow(p.ID).Counts); err != nil {
				t.Fatal(err)
			}
			told = append(told, r.tellings(by)...)
			want := []massTelling{{p.ID, g.Sponsor, notify.AsSponsor, 1}, {p.ID, toReviewers, notify.AsReviewer, 0}}
			for to, n := range owners {
				want = append(want, massTelling{p.ID, to, notify.AsRequester, n})
			}
			for _, m := range want {
				if n := len(slices.DeleteFunc(slices.Clone(told), func(x massTelling) bool { return x != m })); n != 1 {
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
			r := newRig(t, sqlite(t))
			gs := r.crowd(2)
			p := r.startedMass(MassChoice{})
			if !ended {
				gs = nil
			}
			for _, g := range gs {
				if _, err := r.Revoke(t.Context(), r.as("priya", access.DoorAccount), g.ID, "It was in a mail."); err != nil {
					t.Fatal(err)
				}
			}
			r.drain()
			now := r.massNow(p.ID)
			if now.State != access.MassDone || (now.Counts.Gone == 0) != ended {
				t.Fatalf("it is %s with %+v", now.State, now.Counts)
			}
			if got := r.subjects("priya"); has(got, "Mass revocation finished") == ended {
				t.Errorf("a reviewer got %q", got)
			}
		})
	}
}
