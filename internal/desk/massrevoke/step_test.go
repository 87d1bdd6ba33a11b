package massrevoke_test

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
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/desk/massrevoke"
	"github.com/tokendesk/tokendesk/internal/desk/notices"
	"github.com/tokendesk/tokendesk/internal/desk/tokens"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/store"
)

// worker is one who holds the lease of a running mass revocation.
func worker(r *desktest.Rig, m access.Mass) *massrevoke.MassWork {
	r.T.Helper()
	f, err := r.Desk.CanvasOf(r.T.Context(), r.Tenant, "")
	if err != nil {
		r.T.Fatal(err)
	}
	w := &massrevoke.MassWork{MassRevoke: r.Rooms.MassRevoke, Canvas: f, Mass: m, Holder: store.NewID("run")}
	if err := w.Lease(r.T.Context()); err != nil {
		r.T.Fatal(err)
	}
	return w
}

func massItems(r *desktest.Rig, id string) map[string]access.MassItem {
	r.T.Helper()
	out := map[string]access.MassItem{}
	if err := r.Desk.Store.Read(r.T.Context(), func(tx *store.Tx) error {
		ws, err := tx.MassItems(id, "", store.MaxLimit)
		for _, w := range ws {
			out[w.Grant.ID] = w.Item
		}
		return err
	}); err != nil {
		r.T.Fatal(err)
	}
	return out
}

// The first step stores of each token that it is to end: why, by whom, in whose
// name it is told, and the job that takes over should nobody work on it any more.
func TestMassBegins(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		t := r.T
		gs := r.ManyGrants(3)
		dana := r.As("dana", access.DoorAccount)
		p := startedMass(r, massrevoke.Choice{})
		if _, err := r.Tokens.Revoke(t.Context(), dana, gs[0].ID, "mine"); err != nil { // before its turn
			t.Fatal(err)
		}
		withdraw := r.Cv.Fail(canvastest.Fault{Route: deleteRoute, Method: http.MethodDelete, Status: 500, Times: 1})
		if _, err := r.Tokens.Revoke(t.Context(), dana, gs[1].ID, "mine too"); err != nil { // begun, not proven
			t.Fatal(err)
		}
		withdraw()
		w := worker(r, p.Mass)
		w.Begun = 7
		before, began := r.Grant(gs[1].ID), r.Clock.Now()
		r.Due("", began.Add(time.Hour)) // what the others left
		if did, err := w.Begin(t.Context()); !did || err != nil {
			t.Fatalf("%v, %v", did, err)
		}
		if w.Begun != 10 {
			t.Errorf("%d have begun", w.Begun)
		}
		want, _, err := access.ApplyGrant(gs[2], access.Revoke, access.Actor{Person: dana.Person, Reviewer: true},
			access.GrantMove{Cause: access.ByMass, Reason: "breach"}, began)
		if err != nil {
			t.Fatal(err)
		}
		if now := r.Grant(gs[2].ID); now.State != access.Revoking || now.Cause != access.ByMass || now.EndedBy != dana.Person || now.Version != want.Version || !now.RevokingAt.Equal(began) {
			t.Errorf("it is\n%+v, want\n%+v", now, want)
		}
		if now := r.Grant(gs[1].ID); !reflect.DeepEqual(now, before) {
			t.Errorf("what somebody else ends is\n%+v, was\n%+v", now, before)
		}
		items := massItems(r, p.ID)
		for i, want := range []access.MassItem{{State: access.MassEndedBefore, EndedAt: began}, {State: access.MassEnding}, {State: access.MassEnding}} {
			want.Mass, want.Grant = p.ID, gs[i].ID
			if got := items[gs[i].ID]; got.State != want.State || !got.EndedAt.Equal(want.EndedAt) || got.Tries != 0 || got.Proof != "" || got.Trouble != "" {
				t.Errorf("item %d is %+v, want %+v", i, got, want)
			}
		}
		told := r.Events("grant.revoke")
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
		net := r.Due(desk.JobEnd, began.Add(massrevoke.MassNet+12*massrevoke.MassNetSpread))
		if len(net) != 1 || string(net[0].Data) != string(desk.JobData(r.Grant(gs[2].ID))) {
			t.Fatalf("the net is %+v", net)
		}
		if did, err := w.Begin(t.Context()); did || err != nil {
			t.Errorf("begun twice: %v, %v", did, err)
		}
		r.Proven()
	})
}

// The jobs of the net come one after the other over all batches, not at once.
func TestMassNetIsSpread(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	r.ManyGrants(3)
	p := startedMass(r, massrevoke.Choice{})
	w := worker(r, p.Mass)
	w.Begun = 1000
	r.Due("", r.Clock.Now().Add(time.Hour))
	if did, err := w.Begin(t.Context()); !did || err != nil {
		t.Fatalf("%v, %v", did, err)
	}
	for i := range 3 {
		at := r.Clock.Now().Add(massrevoke.MassNet + time.Duration(1000+i)*massrevoke.MassNetSpread)
		if early := r.Due(desk.JobEnd, at.Add(-time.Second)); len(early) != 0 {
			t.Errorf("job %d comes early", i)
		}
		if due := r.Due(desk.JobEnd, at); len(due) != 1 {
			t.Errorf("%d jobs at the time of job %d", len(due), i)
		}
	}
}

// The second step stores what Canvas proved, with the proof, and of what it did
// not prove when it is tried again; neither says anything of the other.
func TestMassStoresWhatCanvasSaid(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		t := r.T
		gs := r.ManyGrants(2) // of one owner
		p := startedMass(r, massrevoke.Choice{})
		w := worker(r, p.Mass)
		if did, err := w.Begin(t.Context()); !did || err != nil {
			t.Fatalf("%v, %v", did, err)
		}
		ids := []string{gs[0].ID, gs[1].ID}
		slices.Sort(ids)
		stays, goes := r.Grant(ids[0]), r.Grant(ids[1])
		r.Cv.Fail(canvastest.Fault{Route: deleteRoute, Method: http.MethodDelete, Status: 500, Times: 1})
		now := r.Clock.Now()
		if did, err := w.End(t.Context(), now.Add(time.Minute)); !did || err != nil {
			t.Fatalf("%v, %v", did, err)
		}
		want, _, err := access.ApplyGrant(goes, access.Gone, access.SystemActor, access.GrantMove{}, now)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Grant(goes.ID); !reflect.DeepEqual(got, want) {
			t.Errorf("what is gone is\n%+v, want\n%+v", got, want)
		}
		tried := stays
		tried.Tries, tried.NextTry, tried.Trouble = 1, now.Add(tokens.EndDelay(1)), tokens.TroubleDown
		if got := r.Grant(stays.ID); !reflect.DeepEqual(got, tried) {
			t.Errorf("what is not proven gone is\n%+v, want\n%+v", got, tried)
		}
		items := massItems(r, p.ID)
		if got := items[stays.ID]; got.State != access.MassEnding || got.Tries != 1 || !got.NextTry.Equal(now.Add(tokens.EndDelay(1))) || got.Trouble != tokens.TroubleDown || got.Proof != "" || !got.EndedAt.IsZero() {
			t.Errorf("its item is %+v", got)
		}
		gone := items[goes.ID]
		if gone.State != access.MassGone || gone.Proof == "" || !gone.EndedAt.Equal(now) || gone.Trouble != "" || gone.Tries != 0 {
			t.Errorf("the other's item is %+v", gone)
		}
		told := r.Details("grant.gone")
		if len(told) != 1 || !maps.Equal(told[0], map[string]string{"proof": gone.Proof, "mass": p.ID}) {
			t.Errorf("told is %v", told)
		}
		// Before it is due nothing is tried, then it is.
		if did, err := w.End(t.Context(), now.Add(time.Minute)); did || err != nil {
			t.Errorf("tried at once: %v, %v", did, err)
		}
		r.Clock.Advance(tokens.EndDelay(1))
		if did, err := w.End(t.Context(), now.Add(time.Hour)); !did || err != nil {
			t.Errorf("not tried again: %v, %v", did, err)
		}
		if got := massItems(r, p.ID)[stays.ID]; got.State != access.MassGone || got.Tries != 1 || got.Trouble != "" {
			t.Errorf("in the end its item is %+v", got)
		}
		r.Proven()
	})
}

// What was proven by another worker is called gone, or ended before, by whoever
// ended it, and is proven no second time.
func TestMassStoresAfterAnother(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	gs := r.ManyGrants(2)
	dana := r.As("dana", access.DoorAccount)
	p := startedMass(r, massrevoke.Choice{})
	withdraw := r.Cv.Fail(canvastest.Fault{Route: deleteRoute, Method: http.MethodDelete, Status: 500, Times: 1})
	if _, err := r.Tokens.Revoke(t.Context(), dana, gs[0].ID, "mine"); err != nil {
		t.Fatal(err)
	}
	withdraw()
	w := worker(r, p.Mass)
	if did, err := w.Begin(t.Context()); !did || err != nil {
		t.Fatalf("%v, %v", did, err)
	}
	var all []store.MassWork
	if err := r.Desk.Store.Read(t.Context(), func(tx *store.Tx) (err error) {
		all, err = tx.MassNext(p.ID, access.MassEnding, r.Clock.Now(), massrevoke.MassAhead)
		return err
	}); err != nil || len(all) != 2 {
		t.Fatalf("%d, %v", len(all), err)
	}
	for _, g := range gs { // the other worker
		f, err := r.Desk.CanvasOf(t.Context(), r.Tenant, "")
		if err == nil {
			err = r.Tokens.FinishEnd(t.Context(), f, r.Grant(g.ID))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	ended := r.Happened("grant.gone")
	r.Clock.Advance(time.Minute)
	if err := w.Group(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	items := massItems(r, p.ID)
	for i, want := range []access.MassItemState{access.MassEndedBefore, access.MassGone} {
		if got := items[gs[i].ID]; got.State != want || got.Proof != "proven before its turn" || !got.EndedAt.Equal(r.Grant(gs[i].ID).EndedAt) {
			t.Errorf("item %d is %+v, want %s", i, got, want)
		}
	}
	if n := r.Happened("grant.gone"); n != ended {
		t.Errorf("%d were said to be gone, then %d", ended, n)
	}
	r.Proven()
}

// A stray with the marker of an ended grant goes too, and is told of; a marker of
// an attempt that nobody knows stays.
func TestMassDeletesStrays(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		t := r.T
		gs := r.ManyGrants(1)
		ahead := gs[0]
		ahead.Attempt++
		stray, _ := r.W.SeedToken("crowd0", canvastest.TokenSpec{Purpose: "copy " + gs[0].Marker(), ExpiresAt: gs[0].Wanted})
		foreign, _ := r.W.SeedToken("crowd0", canvastest.TokenSpec{Purpose: "from before the backup " + ahead.Marker(), ExpiresAt: gs[0].Wanted})
		own, _ := r.W.SeedToken("crowd0", canvastest.TokenSpec{Purpose: "my own", ExpiresAt: gs[0].Wanted})
		p := startedMass(r, massrevoke.Choice{})
		if p = r.RunMass(p.ID, time.Hour); p.Counts.Gone != 1 {
			t.Errorf("%+v", p.Counts)
		}
		for id, want := range map[canvastest.ID]string{stray.ID: canvastest.StateDeleted, foreign.ID: canvastest.StateActive, own.ID: canvastest.StateActive} {
			if tok, _ := r.W.TokenByID(id); tok.State != want {
				t.Errorf("%q is %s", tok.Purpose, tok.State)
			}
		}
		told := r.Events(audit.GrantStray)
		if len(told) != 1 || told[0].Event.Object != gs[0].ID || told[0].Event.Related != gs[0].RequestID || !maps.Equal(told[0].Detail.Data, map[string]string{"canvas_token": stray.ID.String()}) {
			t.Errorf("told is %+v", told)
		}
		r.Proven()
	})
}

// Where the owner's list was not read at the end of a token, strays are looked for
// once more; where it was, not.
func TestMassSweepsWhereNoListWasRead(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		fail func(r *desktest.Rig)
		want int
	}{
		"the list was read": {fail: func(*desktest.Rig) {}},
		"Canvas shows that it is deleted, and no list": {fail: func(r *desktest.Rig) {
			r.W.UpdateFlags(func(f *canvastest.Flags) { f.DeletedTokensFound = true })
			r.Cv.Fail(canvastest.Fault{Route: desktest.ListRoute, Status: 503, Times: -1})
		}, want: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := desktest.NewRig(t, desktest.Sqlite(t))
			gs := r.ManyGrants(1)
			p := startedMass(r, massrevoke.Choice{})
			w := worker(r, p.Mass)
			if did, err := w.Begin(t.Context()); !did || err != nil {
				t.Fatalf("%v, %v", did, err)
			}
			tt.fail(r)
			r.Due("", r.Clock.Now().Add(time.Hour))
			if did, err := w.End(t.Context(), r.Clock.Now().Add(time.Minute)); !did || err != nil {
				t.Fatalf("%v, %v", did, err)
			}
			if g := r.Grant(gs[0].ID); g.State != access.Revoked {
				t.Fatalf("it is %s (%s)", g.State, g.Trouble)
			}
			if n := len(r.Due(desk.JobSweep, r.Clock.Now().Add(3*time.Minute))); n != tt.want {
				t.Errorf("strays are looked for %d times more", n)
			}
		})
	}
}

// The last step says how it went; whose tokens it ended and who stood for them is
// told once each, and nobody before.
func TestMassFinishes(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		t := r.T
		g, _ := r.Active() // of Maya, for whom Ana stands
		r.ManyGrants(3)
		dana := r.As("dana", access.DoorAccount)
		p := startedMass(r, massrevoke.Choice{})
		if _, err := r.Tokens.Revoke(t.Context(), dana, g.ID, "mine"); err != nil { // so it is not the mass revocation's
			t.Fatal(err)
		}
		second, _ := r.Active()
		picked := startedMass(r, massrevoke.Choice{IDs: []string{second.ID}})
		r.Drain()
		p, picked = r.MassNow(p.ID), r.MassNow(picked.ID)
		for id, want := range map[string]map[string]string{
			p.ID:      {"gone": "3", "ended_before": "1", "took": p.EndedAt.Sub(p.StartedAt).Round(time.Second).String(), "estimate": p.Estimate.String()},
			picked.ID: {"gone": "1", "ended_before": "0", "took": picked.EndedAt.Sub(picked.StartedAt).Round(time.Second).String(), "estimate": picked.Estimate.String()},
		} {
			n := 0
			for _, e := range r.Events(audit.MassFinish) {
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
		r.Clock.Advance(time.Minute)
		r.Drain()
		for key, want := range map[string]string{"ana": "that you sponsor", "maya": "Revoked", "crowd0": "Revoked: 2 API tokens of yours", "crowd1": "Revoked"} {
			if got := r.Subjects(key); !desktest.Has(got, want) {
				t.Errorf("%s was told %q, want %q", key, got, want)
			}
		}
		w := worker2(r, p.Mass)
		if err := w.Finish(t.Context(), p.Counts); err != nil || len(r.Events(audit.MassFinish)) != 2 {
			t.Errorf("finished again: %v, told %d times", err, len(r.Events(audit.MassFinish)))
		}
		r.Proven()
	})
}

// worker2 is a worker that is late: what it works on is over.
func worker2(r *desktest.Rig, m access.Mass) *massrevoke.MassWork {
	r.T.Helper()
	f, err := r.Desk.CanvasOf(r.T.Context(), r.Tenant, "")
	if err != nil {
		r.T.Fatal(err)
	}
	return &massrevoke.MassWork{MassRevoke: r.Rooms.MassRevoke, Canvas: f, Mass: m, Holder: store.NewID("run")}
}

// Every line of the report is of one token, with what proves it gone.
func TestMassReport(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	g, _ := r.Active()
	gs := append(r.ManyGrants(2), r.Grant(g.ID))
	dana := r.As("dana", access.DoorAccount)
	p := startedMass(r, massrevoke.Choice{})
	p = r.RunMass(p.ID, time.Hour)
	rows := map[string]massrevoke.Row{}
	if err := r.MassRevoke.Report(t.Context(), dana, p.ID, func(row massrevoke.Row) error { rows[row.Grant.ID] = row; return nil }); err != nil {
		t.Fatal(err)
	}
	if len(rows) != len(gs) {
		t.Errorf("%d lines of %d tokens", len(rows), len(gs))
	}
	for i, g := range gs {
		want := massrevoke.Row{MassWork: store.MassWork{Item: massItems(r, p.ID)[g.ID], Grant: r.Grant(g.ID)}, Code: r.Request(g.RequestID).Code(), Owner: "Crowd 0"}
		if i == 2 {
			want.Owner, want.Sponsor = "Maya Chen", "Ana Ruiz"
		}
		if got := rows[g.ID]; !reflect.DeepEqual(got, want) || got.Item.Proof == "" || got.Item.State != access.MassGone {
			t.Errorf("line %d is\n%+v, want\n%+v", i, got, want)
		}
	}
	stop := errors.New("the browser went away")
	if err := r.MassRevoke.Report(t.Context(), dana, p.ID, func(massrevoke.Row) error { return stop }); !errors.Is(err, stop) || !errors.Is(err, cases.ErrStopExport) {
		t.Errorf("it goes on with %v", err)
	}
}

// What a handler of a mass revocation does with what it cannot work on.
func TestMassHandlerComesBack(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		state access.MassState
		do    func(r *desktest.Rig)
		want  time.Duration // the wait; 0: done
	}{
		"somebody else works on it": {access.MassRunning, func(r *desktest.Rig) {}, massrevoke.MassBusy},
		"only planned":              {access.MassPlanned, func(*desktest.Rig) {}, massrevoke.MassAway},
		"switched off":              {access.MassRunning, func(r *desktest.Rig) { r.SwitchOff() }, massrevoke.MassDeniedWait},
		"done":                      {access.MassDone, func(*desktest.Rig) {}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := desktest.NewRig(t, desktest.Sqlite(t))
			gs := r.ManyGrants(2)
			_, p := plannedMass(r, massrevoke.Choice{})
			if tt.state != access.MassPlanned {
				p = startedMass(r, massrevoke.Choice{})
			}
			if tt.state == access.MassDone {
				p = r.RunMass(p.ID, time.Hour)
			}
			if tt.want == massrevoke.MassBusy {
				worker(r, p.Mass)
			}
			tt.do(r)
			err := r.MassRevoke.MassHandler(t.Context(), jobs.Job{Kind: massrevoke.JobMass, Tenant: string(r.Tenant), Data: desktest.MustJSON(t, massrevoke.MassRef{Mass: p.ID})})
			var later *jobs.LaterError
			if tt.want == 0 && err != nil || tt.want != 0 && (!errors.As(err, &later) || later.After != tt.want) {
				t.Errorf("it says %v, want a wait of %s", err, tt.want)
			}
			if left := usableOf(r, gs); (left == 0) != (tt.state == access.MassDone) {
				t.Errorf("%d tokens work", left)
			}
		})
	}
	r := desktest.NewRig(t, desktest.Sqlite(t))
	var parked *jobs.PermanentError
	if err := r.MassRevoke.MassHandler(t.Context(), jobs.Job{Kind: massrevoke.JobMass, Tenant: string(r.Tenant), Data: desktest.MustJSON(t, massrevoke.MassRef{Mass: "mas_none"})}); !errors.As(err, &parked) {
		t.Errorf("of none: %v", err)
	}
}

// What somebody began to end alone is told of as that, when it is proven here.
func TestMassProvesAnothersEnd(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	gs := r.ManyGrants(1)
	p := startedMass(r, massrevoke.Choice{})
	withdraw := r.Cv.Fail(canvastest.Fault{Route: deleteRoute, Method: http.MethodDelete, Status: 500, Times: 1})
	if _, err := r.Tokens.Revoke(t.Context(), r.As("dana", access.DoorAccount), gs[0].ID, "mine"); err != nil {
		t.Fatal(err)
	}
	withdraw()
	w := worker(r, p.Mass)
	if did, err := w.Begin(t.Context()); !did || err != nil {
		t.Fatalf("%v, %v", did, err)
	}
	by := r.Clock.Now().Add(time.Hour)
	r.Due("", by)
	if did, err := w.End(t.Context(), by); !did || err != nil {
		t.Fatalf("%v, %v", did, err)
	}
	if g := r.Grant(gs[0].ID); g.State != access.Revoked || g.Cause != access.ByReviewer {
		t.Fatalf("it is %s by %s", g.State, g.Cause)
	}
	told := 0
	for _, j := range r.Due(desk.JobNotice, by) {
		var n notices.NoticeRef
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
	r := desktest.NewRig(t, desktest.Sqlite(t))
	gs := r.ManyGrants(2)
	_, p := plannedMass(r, massrevoke.Choice{})
	f, err := r.Desk.CanvasOf(t.Context(), r.Tenant, "")
	if err != nil {
		t.Fatal(err)
	}
	old := p.Mass
	old.Version--
	wrongField(t, r.MassRevoke.BeginRun(t.Context(), f, old, "breach", "operator:root", 0), "count", "mass.changed")
	if now := r.MassNow(p.ID); !reflect.DeepEqual(now.Mass, p.Mass) || r.Happened(audit.MassStart) != 0 || usableOf(r, gs) != 2 {
		t.Errorf("it is %+v", now.Mass)
	}
}
