package tokens_test

import (
	"errors"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/desk/tokens"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/store"
)

// More tokens than one batch end in one minute: all of them begin to.
func TestTickEndsMoreThanABatch(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	gs := r.ManyGrants(desk.TickBatch + 1)
	r.Clock.Advance(gs[0].EndsAt().Sub(r.Clock.Now()) + time.Second)
	var ten store.Tenant
	if err := r.Desk.Store.Read(t.Context(), func(tx *store.Tx) (err error) {
		ten, err = tx.Tenant(r.Tenant)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if err := r.Tokens.TickGrants(t.Context(), ten); err != nil {
		t.Fatal(err)
	}
	for _, g := range gs {
		if now := r.Grant(g.ID); now.State != access.Revoking || now.Cause != access.ByEnd {
			t.Fatalf("one is %s by %q", now.State, now.Cause)
		}
	}
}

// The watch over a token: which one it asks about, and when it asks again.
func TestWatchComesBack(t *testing.T) {
	t.Parallel()
	silent := func(r *desktest.Rig) { r.Cv.Fail(canvastest.Fault{Status: 503, Times: -1}) }
	for name, tt := range map[string]struct {
		after time.Duration // since it was shown
		and   func(r *desktest.Rig, g access.Grant)
		job   func(g *access.Grant) // which attempt the job is about
		later time.Duration         // 0: it ends
		asks  bool
	}{
		"while its owner sets it up":         {after: tokens.WatchClosely - time.Second, later: desk.WatchSoon, asks: true},
		"while they do, Canvas silent":       {after: tokens.WatchClosely - time.Second, and: func(r *desktest.Rig, _ access.Grant) { silent(r) }, later: desk.WatchSoon, asks: true},
		"later":                              {after: tokens.WatchClosely, later: tokens.WatchLater, asks: true},
		"later, Canvas silent":               {after: tokens.WatchClosely, and: func(r *desktest.Rig, _ access.Grant) { silent(r) }, later: tokens.WatchAgain, asks: true},
		"later, Canvas silent just before":   {after: tokens.WatchClosely, and: func(r *desktest.Rig, g access.Grant) { silent(r); askedOnce(r, g) }, later: desk.RestFor},
		"of an attempt that has a successor": {after: tokens.WatchClosely, job: func(g *access.Grant) { g.Attempt-- }},
		"of a token that is being replaced": {and: func(r *desktest.Rig, g access.Grant) {
			r.MoveGrant(g, access.Replace, access.Actor{Person: g.Owner, LaunchedAt: r.Clock.Now()}, access.GrantMove{})
		}},
		"of a token that ends": {and: func(r *desktest.Rig, g access.Grant) {
			r.MoveGrant(g, access.Revoke, access.SystemActor, access.GrantMove{Cause: access.ByOwnerLeft})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := desktest.NewRig(t, desktest.Sqlite(t))
			c, _ := r.Collected()
			g := r.Grant(c.Grant.ID)
			r.Clock.Advance(g.ShownAt.Add(tt.after).Sub(r.Clock.Now()))
			if tt.and != nil {
				tt.and(r, g)
			}
			r.Cv.ClearRequests()
			of := g
			if tt.job != nil {
				tt.job(&of)
			}
			err := r.Desk.Handlers()[desk.JobWatch].Do(t.Context(), jobs.Job{Kind: desk.JobWatch, Tenant: string(r.Tenant), Data: desk.JobData(of)})
			var later *jobs.LaterError
			if tt.later == 0 && err != nil || tt.later != 0 && (!errors.As(err, &later) || later.After != tt.later) {
				t.Errorf("it says %v, want to come again after %s", err, tt.later)
			}
			if asked := len(r.Cv.Requests()) > 0; asked != tt.asks {
				t.Errorf("Canvas was asked: %v", asked)
			}
		})
	}
}

// askedOnce asks Canvas about a token, as another job did just now.
func askedOnce(r *desktest.Rig, g access.Grant) {
	r.T.Helper()
	f, err := r.Desk.CanvasOf(r.T.Context(), r.Tenant, "")
	if err != nil {
		r.T.Fatal(err)
	}
	if err := r.Tokens.CheckToken(r.T.Context(), f, g); err == nil {
		r.T.Fatal("Canvas answered")
	}
}

// The look at an owner goes on as long as Canvas may answer, and no longer than a
// day; where the credential may not look, it does not ask again.
func TestLookComesBack(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		age    time.Duration // of the job
		status int
		later  bool
	}{
		"silent":                 {status: 503, later: true},
		"silent, nearly a day":   {status: 503, age: tokens.ReconcileLife - time.Second, later: true},
		"silent for a day":       {status: 503, age: tokens.ReconcileLife},
		"no right to see tokens": {status: 403},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := desktest.NewRig(t, desktest.Sqlite(t))
			g := r.InUse()
			body := ""
			if tt.status == 403 {
				body = desktest.Denied
			}
			r.Cv.Fail(canvastest.Fault{Method: "GET", Status: tt.status, Body: body, Times: -1})
			err := r.Tokens.ReconcileHandler(t.Context(), jobs.Job{Kind: tokens.JobReconcile, Tenant: string(r.Tenant), CreatedAt: r.Clock.Now().Add(-tt.age),
				Data: desktest.MustJSON(t, tokens.ReconcileRef{User: g.CanvasUser})})
			if tt.later {
				desktest.WantLater(t, err, tokens.ReconcileRetry)
			} else if err != nil {
				t.Errorf("it says %v", err)
			}
			if now := r.Grant(g.ID); now.State != access.Active {
				t.Errorf("it is %s", now.State)
			}
		})
	}
}
