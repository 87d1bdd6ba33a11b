package workflow

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/store"
)

// worker is one who holds the lease of a running mass revocation.
func (r *rig) worker(m access.Mass) *massWork {
	r.t.Helper()
	f, err := r.far(r.t.Context(), r.tenant, "")
	if err != nil {
		r.t.Fatal(err)
	}
	w := &massWork{Service: r.Service, f: f, m: m, holder: store.NewID("run")}
	if err := w.lease(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	return w
}

func (r *rig) massItems(id string) map[string]access.MassItem {
	r.t.Helper()
	out := map[string]access.MassItem{}
	if err := r.Store.Read(r.t.Context(), func(tx *store.Tx) error {
		ws, err := tx.MassItems(id, "", store.MaxLimit)
		for _, w := range ws {
			out[w.Grant.ID] = w.Item
		}
		return err
	}); err != nil {
		r.t.Fatal(err)
	}
	return out
}

// events are the tenant's events of an action, each with what it tells.
func (r *rig) events(do audit.Action) (out []store.AuditEntry) {
	r.t.Helper()
	if err := r.Store.Read(r.t.Context(), func(tx *store.Tx) error {
		out = nil
		for seq := int64(0); ; {
			page, err := tx.AuditAfter(r.tenant, seq, 500)
			if err != nil || len(page) == 0 {
				return err
			}
			for _, e := range page {
				if seq = e.Event.Seq; e.Event.Action == do {
					out = append(out, e)
				}
			}
		}
	}); err != nil {
		r.t.Fatal(err)
	}
	return out
}

// The first step stores of each token that it is to end: why, by whom, in whose
// name it is told, and the job that takes over should nobody work on it any more.
func TestMassBegins(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		t := r.t
		gs := r.crowd(3)
		dana := r.as("dana", access.DoorAccount)
		p := r.startedMass(MassChoice{})
		if _, err := r.Revoke(t.Context(), dana, gs[0].ID, "mine"); err != nil { // before its turn
			t.Fatal(err)
		}
		withdraw := r.cv.Fail(canvastest.Fault{Route: deleteRoute, Method: http.MethodDelete, Status: 500, Times: 1})
		if _, err := r.Revoke(t.Context(), dana, gs[1].ID, "mine too"); err != nil { // begun, not proven
			t.Fatal(err)
		}
		withdraw()
		w := r.worker(p.Mass)
		w.begun = 7
		before, began := r.grant(gs[1].ID), r.clock.Now()
		r.due("", began.Add(time.Hour)) // what the others left
		if did, err := w.begin(t.Context()); !did || err != nil {
			t.Fatalf("%v, %v", did, err)
		}
		if w.begun != 10 {
			t.Errorf("%d have begun", w.begun)
		}
		want, _, err := access.ApplyGrant(gs[2], access.Revoke, access.Actor{Person: dana.Person, Reviewer: true},
			access.GrantMove{Cause: access.ByMass, Reason: "breach"}, began)
		if err != nil {
			t.Fatal(err)
		}
		if now := r.grant(gs[2].ID); now.State != access.Revoking || now.Cause != access.ByMass || now.EndedBy != dana.Person || now.Version != want.Version || !now.RevokingAt.Equal(began) {
			t.Errorf("it is\n%+v, want\n%+v", now, want)
		}
		if now := r.grant(gs[1].ID); !reflect.DeepEqual(now, before) {
			t.Errorf("what somebody else ends is\n%+v, was\n%+v", now, before)
		}
		items := r.massItems(p.ID)
		for i, want := range []access.MassItem{{State: access.MassEndedBefore, EndedAt: began}, {State: access.MassEnding}, {State: access.MassEnding}} {
			want.Mass, want.Grant = p.ID, gs[i].ID
			if got := items[gs[i].ID]; got.State != want.State || !got.EndedAt.Equal(want.EndedAt) || got.Tries != 0 || got.Proof != "" || got.Trouble != "" {
				t.Errorf("item %d is %+v, want %+v", i, got, want)
			}
		}
		told := r.events("grant.revoke")
		last := told[len(told)-1]
		if e := last.Event; e.Object != gs[2].ID || e.Actor != string(dana.Person) || e.From != string(access.Active) || e.To != string(access.Revoking) {
			t.Errorf("told as %+v", e)
		}
		if d := last.Detail.Data; !maps.Equal(d, map[string]string{"cause": string(access.ByMass), "quote": "breach", "mass": p.ID}) {
			t.Errorf("told is %v", d)
		}
		// Whoever is third in order of the batch gets the job of its place.
		place := 0
		for id := range items {
			if id < gs[2].ID {
				place++
			}
		}
		net := r.due(jobEnd, began.Add(massNet+12*massNetSpread))
		if len(net) != 1 || string(net[0].Data) != string(jobData(r.grant(gs[2].ID))) {
			t.Fatalf("the net is %+v", net)
		}
		if did, err := w.begin(t.Context()); did || err != nil {
			t.Errorf("begun twice: %v, %v", did, err)
		}
		r.proven()
	})
}

// The jobs of the net come one after the other over all batches, not at once.
func TestMassNetIsSpread(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	r.crowd(3)
	p := r.startedMass(MassChoice{})
	w := r.worker(p.Mass)
	w.begun = 1000
	r.due("", r.clock.Now().Add(time.Hour))
	if did, err := w.begin(t.Context()); !did || err != nil {
		t.Fatalf("%v, %v", did, err)
	}
	for i := range 3 {
		at := r.clock.Now().Add(massNet + time.Duration(1000+i)*massNetSpread)
		if early := r.due(jobEnd, at.Add(-time.Second)); len(early) != 0 {
			t.Errorf("job %d comes early", i)
		}
		if due := r.due(jobEnd, at); len(due) != 1 {
			t.Errorf("%d jobs at the time of job %d", len(due), i)
		}
	}
}

// The second step stores what Canvas proved, with the proof, and of what it did
// not prove when it is tried again; neither says anything of the other.
func TestMassStoresWhatCanvasSaid(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		t := r.t
		gs := r.crowd(2) // of one owner
		p := r.startedMass(MassChoice{})
		w := r.worker(p.Mass)
		if did, err := w.begin(t.Context()); !did || err != nil {
			t.Fatalf("%v, %v", did, err)
		}
		ids := []string{gs[0].ID, gs[1].ID}
		slices.Sort(ids)
		stays, goes := r.grant(ids[0]), r.grant(ids[1])
		r.cv.Fail(canvastest.Fault{Route: deleteRoute, Method: http.MethodDelete, Status: 500, Times: 1})
		now := r.clock.Now()
		if did, err := w.end(t.Context(), now.Add(time.Minute)); !did || err != nil {
			t.Fatalf("%v, %v", did, err)
		}
		want, _, err := access.ApplyGrant(goes, access.Gone, access.SystemActor, access.GrantMove{}, now)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.grant(goes.ID); !reflect.DeepEqual(got, want) {
			t.Errorf("what is gone is\n%+v, want\n%+v", got, want)
		}
		tried := stays
		tried.Tries, tried.NextTry, tried.Trouble = 1, now.Add(endDelay(1)), troubleDown
		if got := r.grant(stays.ID); !reflect.DeepEqual(got, tried) {
			t.Errorf("what is not proven gone is\n%+v, want\n%+v", got, tried)
		}
		items := r.massItems(p.ID)
		if got := items[stays.ID]; got.State != access.MassEnding || got.Tries != 1 || !got.NextTry.Equal(now.Add(endDelay(1))) || got.Trouble != troubleDown || got.Proof != "" || !got.EndedAt.IsZero() {
			t.Errorf("its item is %+v", got)
		}
		gone := items[goes.ID]
		if gone.State != access.MassGone || gone.Proof == "" || !gone.EndedAt.Equal(now) || gone.Trouble != "" || gone.Tries != 0 {
			t.Errorf("the other's item is %+v", gone)
		}
		told := r.details("grant.gone")
		if len(told) != 1 || !maps.Equal(told[0], map[string]string{"proof": gone.Proof, "mass": p.ID}) {
			t.Errorf("told is %v", told)
		}
		// Before it is due nothing is tried, then it is.
		if did, err := w.end(t.Context(), now.Add(time.Minute)); did || err != nil {
			t.Errorf("tried at once: %v, %v", did, err)
		}
		r.clock.Advance(endDelay(1))
		if did, err := w.end(t.Context(), now.Add(time.Hour)); !did || err != nil {
			t.Errorf("not tried again: %v, %v", did, err)
		}
		if got := r.massItems(p.ID)[stays.ID]; got.State != access.MassGone || got.Tries != 1 || got.Trouble != "" {
			t.Errorf("in the end its item is %+v", got)
		}
		r.proven()
	})
}

// What was proven by another worker is called gone, or ended before, by whoever
// ended it, and is proven no second time.
func TestMassStoresAfterAnother(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	gs := r.crowd(2)
	dana := r.as("dana", access.DoorAccount)
	p := r.startedMass(MassChoice{})
	withdraw := r.cv.Fail(canvastest.Fault{Route: deleteRoute, Method: http.MethodDelete, Status: 500, Times: 1})
	if _, err := r.Revoke(t.Context(), dana, gs[0].ID, "mine"); err != nil {
		t.Fatal(err)
	}
	withdraw()
	w := r.worker(p.Mass)
	if did, err := w.begin(t.Context()); !did || err != nil {
		t.Fatalf("%v, %v", did, err)
	}
	var all []store.MassWork
	if err := r.Store.Read(t.Context(), func(tx *store.Tx) (err error) {
		all, err = tx.MassNext(p.ID, access.MassEnding, r.clock.Now(), massAhead)
		return err
	}); err != nil || len(all) != 2 {
		t.Fatalf("%d, %v", len(all), err)
	}
	for _, g := range gs { // the other worker
		f, err := r.far(t.Context(), r.tenant, "")
		if err == nil {
			err = r.finishEnd(t.Context(), f, r.grant(g.ID))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	ended := r.happened("grant.gone")
	r.clock.Advance(time.Minute)
	if err := w.group(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	items := r.massItems(p.ID)
	for i, want := range []access.MassItemState{access.MassEndedBefore, access.MassGone} {
		if got := items[gs[i].ID]; got.State != want || got.Proof != "proven before its turn" || !got.EndedAt.Equal(r.grant(gs[i].ID).EndedAt) {
			t.Errorf("item %d is %+v, want %s", i, got, want)
		}
	}
	if n := r.happened("grant.gone"); n != ended {
		t.Errorf("%d were said to be gone, then %d", ended, n)
	}
	r.proven()
}

// A stray with the marker of an ended grant goes too, and is told of; a marker of
// an attempt that nobody knows stays.
func TestMassDeletesStrays(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		t := r.t
		gs := r.crowd(1)
		ahead := gs[0]
		ahead.Attempt++
		stray, _ := r.w.SeedToken("crowd0", canvastest.TokenSpec{Purpose: "copy " + gs[0].Marker(), ExpiresAt: gs[0].Wanted})
		foreign, _ := r.w.SeedToken("crowd0", canvastest.TokenSpec{Purpose: "from before the backup " + ahead.Marker(), ExpiresAt: gs[0].Wanted})
		own, _ := r.w.SeedToken("crowd0", canvastest.TokenSpec{Purpose: "my own", ExpiresAt: gs[0].Wanted})
		p := r.startedMass(MassChoice{})
		if p = r.runMass(p.ID, time.Hour); p.Counts.Gone != 1 {
			t.Errorf("%+v", p.Counts)
		}
		for id, want := range map[canvastest.ID]string{stray.ID: canvastest.StateDeleted, foreign.ID: canvastest.StateActive, own.ID: canvastest.StateActive} {
			if tok, _ := r.w.TokenByID(id); tok.State != want {
				t.Errorf("%q is %s", tok.Purpose, tok.State)
			}
		}
		told := r.events(audit.GrantStray)
		if len(told) != 1 || told[0].Event.Object != gs[0].ID || told[0].Event.Related != gs[0].RequestID || !maps.Equal(told[0].Detail.Data, map[string]string{"canvas_token": stray.ID.String()}) {
			t.Errorf("told is %+v", told)
		}
		r.proven()
	})
}

// Where the owner's list was not read at the end of a token, strays are looked for
// once more; where it was, not.
func TestMassSweepsWhereNoListWasRead(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		fail func(r *rig)
		want int
	}{
		"the list was read": {fail: func(*rig) {}},
		"Canvas shows that it is deleted, and no list": {fail: func(r *rig) {
			r.w.UpdateFlags(func(f *canvastest.Flags) { f.DeletedTokensFound = true })
			r.cv.Fail(canvastest.Fault{Route: listRoute, Status: 503, Times: -1})
		}, want: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sqlite(t))
			gs := r.crowd(1)
			p := r.startedMass(MassChoice{})
			w := r.worker(p.Mass)
			if did, err := w.begin(t.Context()); !did || err != nil {
				t.Fatalf("%v, %v", did, err)
			}
			tt.fail(r)
			r.due("", r.clock.Now().Add(time.Hour))
			if did, err := w.end(t.Context(), r.clock.Now().Add(time.Minute)); !did || err != nil {
				t.Fatalf("%v, %v", did, err)
			}
			if g := r.grant(gs[0].ID); g.State != access.Revoked {
				t.Fatalf("it is %s (%s)", g.State, g.Trouble)
			}
			if n := len(r.due(jobSweep, r.clock.Now().Add(3*time.Minute))); n != tt.want {
				t.Errorf("strays are looked for %d times more", n)
			}
		})
	}
}

// The last step says how it went; whose tokens it ended and who stood for them is
// told once each, and nobody before.
func TestMassFinishes(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		t := r.t
		g, _ := r.active() // of Maya, for whom Ana stands
		r.crowd(3)
		dana := r.as("dana", access.DoorAccount)
		p := r.startedMass(MassChoice{})
		if _, err := r.Revoke(t.Context(), dana, g.ID, "mine"); err != nil { // so it is not the mass revocation's
			t.Fatal(err)
		}
		second, _ := r.active()
		picked := r.startedMass(MassChoice{IDs: []string{second.ID}})
		r.drain()
		p, picked = r.massNow(p.ID), r.massNow(picked.ID)
		for id, want := range map[string]map[string]string{
			p.ID:      {"gone": "3", "ended_before": "1", "took": p.EndedAt.Sub(p.StartedAt).Round(time.Second).String(), "estimate": p.Estimate.String()},
			picked.ID: {"gone": "1", "ended_before": "0", "took": picked.EndedAt.Sub(picked.StartedAt).Round(time.Second).String(), "estimate": picked.Estimate.String()},
		} {
			n := 0
			for _, e := range r.events(audit.MassFinish) {
				if e.Event.Object != id {
					continue
				}
				if n++; !maps.Equal(e.Detail.Data, want) || e.Event.Actor != access.SystemID || e.Event.From != string(access.MassRunning) || e.Event.To != string(access.MassDone) {
					t.Errorf("of %s is told %+v, %v, want %v", id, e.Event, e.Detail.Data, want)
				}
			}
			if n != 1 {
				t.Errorf("%s was finished %d times", id, n)
			}
		}
		if p.State != access.MassDone || p.EndedAt.IsZero() || p.Counts.Gone != 3 || p.Counts.EndedBefore != 1 {
			t.Errorf("%+v, %+v", p.Mass, p.Counts)
		}
		r.clock.Advance(time.Minute)
		r.drain()
		for key, want := range map[string]string{"ana": "that you sponsor", "maya": "Revoked", "crowd0": "Revoked: 2 API tokens of yours", "crowd1": "Revoked"} {
			if got := r.subjects(key); !has(got, want) {
				t.Errorf("%s was told %q, want %q", key, got, want)
			}
		}
		w := r.worker2(p.Mass)
		if err := w.finish(t.Context(), p.Counts); err != nil || len(r.events(audit.MassFinish)) != 2 {
			t.Errorf("finished again: %v, told %d times", err, len(r.events(audit.MassFinish)))
		}
		r.proven()
	})
}

// worker2 is a worker that is late: what it works on is over.
func (r *rig) worker2(m access.Mass) *massWork {
	r.t.Helper()
	f, err := r.far(r.t.Context(), r.tenant, "")
	if err != nil {
		r.t.Fatal(err)
	}
	return &massWork{Service: r.Service, f: f, m: m, holder: store.NewID("run")}
}

// Every line of the report is of one token, with what proves it gone.
func TestMassReport(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	g, _ := r.active()
	gs := append(r.crowd(2), r.grant(g.ID))
	dana := r.as("dana", access.DoorAccount)
	p := r.startedMass(MassChoice{})
	p = r.runMass(p.ID, time.Hour)
	rows := map[string]MassRow{}
	if err := r.MassReport(t.Context(), dana, p.ID, func(row MassRow) error { rows[row.Grant.ID] = row; return nil }); err != nil {
		t.Fatal(err)
	}
	if len(rows) != len(gs) {
		t.Errorf("%d lines of %d tokens", len(rows), len(gs))
	}
	for i, g := range gs {
		want := MassRow{MassWork: store.MassWork{Item: r.massItems(p.ID)[g.ID], Grant: r.grant(g.ID)}, Code: r.request(g.RequestID).Code(), Owner: "Crowd 0"}
		if i == 2 {
			want.Owner, want.Sponsor = "Maya Chen", "Ana Ruiz"
		}
		if got := rows[g.ID]; !reflect.DeepEqual(got, want) || got.Item.Proof == "" || got.Item.State != access.MassGone {
			t.Errorf("line %d is\n%+v, want\n%+v", i, got, want)
		}
	}
	stop := errors.New("the browser went away")
	if err := r.MassReport(t.Context(), dana, p.ID, func(MassRow) error { return stop }); !errors.Is(err, stop) || !errors.Is(err, errStopExport) {
		t.Errorf("it goes on with %v", err)
	}
}

// What a handler of a mass revocation does with what it cannot work on.
func TestMassHandlerComesBack(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		state access.MassState
		do    func(r *rig)
		want  time.Duration // the wait; 0: done
	}{
		"somebody else works on it": {access.MassRunning, func(r *rig) {}, massBusy},
		"only planned":              {access.MassPlanned, func(*rig) {}, massAway},
		"switched off":              {access.MassRunning, func(r *rig) { r.switchOff() }, massDeniedWait},
		"done":                      {access.MassDone, func(*rig) {}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sqlite(t))
			gs := r.crowd(2)
			_, p := r.plannedMass(MassChoice{})
			if tt.state != access.MassPlanned {
				p = r.startedMass(MassChoice{})
			}
			if tt.state == access.MassDone {
				p = r.runMass(p.ID, time.Hour)
			}
			if tt.want == massBusy {
				r.worker(p.Mass)
			}
			tt.do(r)
			err := r.massHandler(t.Context(), jobs.Job{Kind: jobMass, Tenant: string(r.tenant), Data: mustJSON(t, massRef{p.ID})})
			var later *jobs.LaterError
			if tt.want == 0 && err != nil || tt.want != 0 && (!errors.As(err, &later) || later.After != tt.want) {
				t.Errorf("it says %v, want a wait of %s", err, tt.want)
			}
			if left := r.usableOf(gs); (left == 0) != (tt.state == access.MassDone) {
				t.Errorf("%d tokens work", left)
			}
		})
	}
	r := newRig(t, sqlite(t))
	var parked *jobs.PermanentError
	if err := r.massHandler(t.Context(), jobs.Job{Kind: jobMass, Tenant: string(r.tenant), Data: mustJSON(t, massRef{"mas_none"})}); !errors.As(err, &parked) {
		t.Errorf("of none: %v", err)
	}
}

// What somebody began to end alone is told of as that, when it is proven here.
func TestMassProvesAnothersEnd(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	gs := r.crowd(1)
	p := r.startedMass(MassChoice{})
	withdraw := r.cv.Fail(canvastest.Fault{Route: deleteRoute, Method: http.MethodDelete, Status: 500, Times: 1})
	if _, err := r.Revoke(t.Context(), r.as("dana", access.DoorAccount), gs[0].ID, "mine"); err != nil {
		t.Fatal(err)
	}
	withdraw()
	w := r.worker(p.Mass)
	if did, err := w.begin(t.Context()); !did || err != nil {
		t.Fatalf("%v, %v", did, err)
	}
	by := r.clock.Now().Add(time.Hour)
	r.due("", by)
	if did, err := w.end(t.Context(), by); !did || err != nil {
		t.Fatalf("%v, %v", did, err)
	}
	if g := r.grant(gs[0].ID); g.State != access.Revoked || g.Cause != access.ByReviewer {
		t.Fatalf("it is %s by %s", g.State, g.Cause)
	}
	told := 0
	for _, j := range r.due(jobNotice, by) {
		var n noticeRef
		if err := json.Unmarshal(j.Data, &n); err != nil {
			t.Fatal(err)
		}
		if n.To == gs[0].Owner && n.Grant == gs[0].ID {
			told++
		}
	}
	if told != 1 {
		t.Errorf("its owner is told %d times", told)
	}
}

// A plan that was made anew since it was shown is not started by what was typed for
// the old one.
func TestMassOfAnOldPlan(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	gs := r.crowd(2)
	_, p := r.plannedMass(MassChoice{})
	f, err := r.far(t.Context(), r.tenant, "")
	if err != nil {
		t.Fatal(err)
	}
	old := p.Mass
	old.Version--
	wrongField(t, r.startMass(t.Context(), f, old, "breach", "operator:root", 0), "count", "mass.changed")
	if now := r.massNow(p.ID); !reflect.DeepEqual(now.Mass, p.Mass) || r.happened(audit.MassStart) != 0 || r.usableOf(gs) != 2 {
		t.Errorf("it is %+v", now.Mass)
	}
}
