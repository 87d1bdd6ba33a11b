package workflow

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/store"
)

// What time brings to a request: not a moment before, and then the whole of it,
// once.
func TestTickOfRequests(t *testing.T) {
	t.Parallel()
	review := func(r *rig) access.Request {
		q := r.submitted()
		r.act(r.as("ana", access.DoorCourse), q.Code(), access.Endorse, access.Move{})
		return r.request(q.ID)
	}
	claimed := func(after time.Duration) func(r *rig) access.Request {
		return func(r *rig) access.Request {
			r.clock.Advance(after)
			q := review(r)
			r.act(r.as("dana", access.DoorAccount), q.Code(), access.Claim, access.Move{})
			return r.request(q.ID)
		}
	}
	for name, tt := range map[string]struct {
		of func(r *rig) access.Request
		at func(q access.Request) time.Time
		do access.Action
	}{
		"nobody endorsed it":  {(*rig).submitted, func(q access.Request) time.Time { return q.SponsorDue }, access.Lapse},
		"nobody collected it": {(*rig).approved, func(q access.Request) time.Time { return q.CollectBy }, access.Lapse},
		"an untouched draft": {func(r *rig) access.Request {
			d, err := r.SaveDraft(r.t.Context(), r.as("maya", access.DoorCourse), "", access.Answers{"build": {"A thing of mine."}})
			if err != nil {
				r.t.Fatal(err)
			}
			return d
		}, func(q access.Request) time.Time { return q.UpdatedAt.Add(builtIn.Windows.Draft) }, access.Discard},
		"a claim of Monday":                           {claimed(0), func(q access.Request) time.Time { return q.Claim().At.Add(48 * time.Hour) }, access.Release},
		"a claim of Friday, over the days of no work": {claimed(4 * 24 * time.Hour), func(q access.Request) time.Time { return q.Claim().At.Add(96 * time.Hour) }, access.Release},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sqlite(t))
			q := r.request(tt.of(r).ID)
			var ten store.Tenant
			if err := r.Store.Read(t.Context(), func(tx *store.Tx) (err error) {
				ten, err = tx.Tenant(r.tenant)
				return err
			}); err != nil {
				t.Fatal(err)
			}
			r.clock.Advance(tt.at(q).Add(-time.Second).Sub(r.clock.Now()))
			if err := r.tickRequests(t.Context(), ten); err != nil {
				t.Fatal(err)
			}
			if now := r.request(q.ID); !reflect.DeepEqual(now, q) {
				t.Errorf("a moment before it is\n%+v, was\n%+v", now, q)
			}
			r.clock.Advance(2 * time.Second)
			from := q
			if tt.do == access.Discard {
				from.Answers = nil // nothing of it is kept
			}
			want, _, err := access.Apply(from, tt.do, access.SystemActor, access.Move{}, r.clock.Now())
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if err := r.tickRequests(t.Context(), ten); err != nil {
					t.Fatal(err)
				}
				if now := r.request(q.ID); !reflect.DeepEqual(now, want) {
					t.Errorf("then it is\n%+v, want\n%+v", now, want)
				}
			}
			r.proven()
		})
	}
}

// More tokens than one batch end in one minute: all of them begin to.
func TestTickEndsMoreThanABatch(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	gs := r.crowd(tickBatch + 1)
	r.clock.Advance(gs[0].EndsAt().Sub(r.clock.Now()) + time.Second)
	var ten store.Tenant
	if err := r.Store.Read(t.Context(), func(tx *store.Tx) (err error) {
		ten, err = tx.Tenant(r.tenant)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if err := r.tickGrants(t.Context(), ten); err != nil {
		t.Fatal(err)
	}
	for _, g := range gs {
		if now := r.grant(g.ID); now.State != access.Revoking || now.Cause != access.ByEnd {
			t.Fatalf("one is %s by %q", now.State, now.Cause)
		}
	}
}

// The watch over a token: which one it asks about, and when it asks again.
func TestWatchComesBack(t *testing.T) {
	t.Parallel()
	silent := func(r *rig) { r.cv.Fail(canvastest.Fault{Status: 503, Times: -1}) }
	for name, tt := range map[string]struct {
		after time.Duration // since it was shown
		and   func(r *rig, g access.Grant)
		job   func(g *access.Grant) // which attempt the job is about
		later time.Duration         // 0: it ends
		asks  bool
	}{
		"while its owner sets it up":         {after: watchClosely - time.Second, later: watchSoon, asks: true},
		"while they do, Canvas silent":       {after: watchClosely - time.Second, and: func(r *rig, _ access.Grant) { silent(r) }, later: watchSoon, asks: true},
		"later":                              {after: watchClosely, later: watchLater, asks: true},
		"later, Canvas silent":               {after: watchClosely, and: func(r *rig, _ access.Grant) { silent(r) }, later: watchAgain, asks: true},
		"later, Canvas silent just before":   {after: watchClosely, and: func(r *rig, g access.Grant) { silent(r); r.askedOnce(g) }, later: restFor},
		"of an attempt that has a successor": {after: watchClosely, job: func(g *access.Grant) { g.Attempt-- }},
		"of a token that is being replaced": {and: func(r *rig, g access.Grant) {
			r.moveGrant(g, access.Replace, access.Actor{Person: g.Owner, LaunchedAt: r.clock.Now()}, access.GrantMove{})
		}},
		"of a token that ends": {and: func(r *rig, g access.Grant) {
			r.moveGrant(g, access.Revoke, access.SystemActor, access.GrantMove{Cause: access.ByOwnerLeft})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sqlite(t))
			c, _ := r.collected()
			g := r.grant(c.Grant.ID)
			r.clock.Advance(g.ShownAt.Add(tt.after).Sub(r.clock.Now()))
			if tt.and != nil {
				tt.and(r, g)
			}
			r.cv.ClearRequests()
			of := g
			if tt.job != nil {
				tt.job(&of)
			}
			err := r.watchHandler(t.Context(), jobs.Job{Kind: jobWatch, Tenant: string(r.tenant), Data: jobData(of)})
			var later *jobs.LaterError
			if tt.later == 0 && err != nil || tt.later != 0 && (!errors.As(err, &later) || later.After != tt.later) {
				t.Errorf("it says %v, want to come again after %s", err, tt.later)
			}
			if asked := len(r.cv.Requests()) > 0; asked != tt.asks {
				t.Errorf("Canvas was asked: %v", asked)
			}
		})
	}
}

// askedOnce asks Canvas about a token, as another job did just now.
func (r *rig) askedOnce(g access.Grant) {
	r.t.Helper()
	f, err := r.far(r.t.Context(), r.tenant, "")
	if err != nil {
		r.t.Fatal(err)
	}
	if err := r.observe(r.t.Context(), f, g); err == nil {
		r.t.Fatal("Canvas answered")
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
		"silent, nearly a day":   {status: 503, age: lookLife - time.Second, later: true},
		"silent for a day":       {status: 503, age: lookLife},
		"no right to see tokens": {status: 403},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sqlite(t))
			g := r.inUse()
			body := ""
			if tt.status == 403 {
				body = denied
			}
			r.cv.Fail(canvastest.Fault{Method: "GET", Status: tt.status, Body: body, Times: -1})
			err := r.lookHandler(t.Context(), jobs.Job{Kind: jobLook, Tenant: string(r.tenant), CreatedAt: r.clock.Now().Add(-tt.age),
				Data: mustJSON(t, lookRef{g.CanvasUser})})
			if tt.later {
				wantLater(t, err, lookRetry)
			} else if err != nil {
				t.Errorf("it says %v", err)
			}
			if now := r.grant(g.ID); now.State != access.Active {
				t.Errorf("it is %s", now.State)
			}
		})
	}
}
