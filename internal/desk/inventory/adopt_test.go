package inventory_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/desk/inventory"
	"github.com/tokendesk/tokendesk/internal/desk/tokens"
	"github.com/tokendesk/tokendesk/internal/store"
)

// From the inventory to adoption: a token that somebody made is kept by a
// request after the fact. Its value works on, it has an end and our marker, and
// from then on it is one of ours.
func TestAdoption(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		ctx := r.T.Context()
		spec := canvastest.TokenSpec{Purpose: "my own script", CreatedAt: r.Clock.Now().AddDate(-1, 0, 0)} // never ends
		tok, value := r.W.SeedToken("maya", spec)
		r.Checked()
		r.Tell("my own script")
		maya := r.As("maya", access.DoorCourse)
		d, err := r.Inventory.AskToKeep(ctx, maya, r.The("my own script").ID)
		if err != nil || d.State != access.Draft || d.Answers.Text("build") != "my own script" || d.Answers.Text("end") != "" || d.Adopts == "" {
			r.T.Fatalf("%v: %+v", err, d)
		}
		if again, err := r.Inventory.AskToKeep(ctx, maya, d.Adopts); err != nil || again.ID != d.ID {
			r.T.Errorf("pressed again: %s, %v", again.ID, err)
		}
		if form, err := r.Requests.Form(ctx, maya, d.ID); err != nil || form.Keeps == nil || form.Keeps.CanvasID != tok.ID.String() {
			r.T.Errorf("the form does not tell which token: %v", err)
		}
		req := r.Keeps("maya", "my own script")
		if h, err := r.Cases.Home(ctx, maya); err != nil || len(h.Found) != 0 || len(h.Progress) != 1 || h.Progress[0].Found == nil {
			r.T.Errorf("home: %v, %+v", err, h)
		}
		req = r.ApprovedKeep(req)
		if req.State != access.Fulfilled {
			r.T.Fatalf("the request is %s\n%s", req.State, r.Logs)
		}
		f := r.The("my own script")
		g := r.Grant(f.GrantID)
		now := tokenOf(r, "maya", tok.ID.String())
		if f.State != access.FoundAdopted || g.State != access.Active || g.CanvasID != tok.ID.String() || g.FoundID != f.ID || g.Sponsor == "" {
			r.T.Errorf("found %s, grant %+v", f.State, g)
		}
		// The log leads from the token to what was made of it.
		for do, want := range map[audit.Action]string{audit.FoundTellOwner: f.Campaign, audit.FoundAskToKeep: req.ID, audit.FoundAdopt: g.ID} {
			if told := r.Events(do); len(told) != 1 || want == "" || told[0].Event.Object != f.ID || told[0].Event.Related != want {
				r.T.Errorf("%s is told as %+v, with %q", do, told, want)
			}
		}
		if !strings.HasSuffix(now.Purpose, g.Marker()) || now.ExpiresAt.IsZero() || !now.ExpiresAt.Equal(g.Expires) || now.State != canvastest.StateActive || !r.W.Authenticates(value) {
			r.T.Errorf("in Canvas: %+v", now)
		}
		if _, err := r.Tokens.CollectPage(ctx, maya, req.Code()); !errors.Is(err, access.ErrNotFound) {
			r.T.Errorf("it has a collect page: %v", err)
		}
		for key, want := range map[string]string{"maya": "Your token is kept", "ana": "A token that you sponsor is kept"} {
			if got := r.Subjects(key); !desktest.Has(got, want) || desktest.Has(got, "collect") {
				r.T.Errorf("%s got %q", key, got)
			}
		}
		r.Clock.Advance(25 * time.Hour)
		if l := r.Checked(); l.Total != 0 {
			r.T.Errorf("the next check finds %q", purposes(l))
		}
		// It counts as live.
		second, _ := r.Collected()
		_ = second
		if _, err := r.Requests.Submit(ctx, r.As("maya", access.DoorCourse), "", r.Answers()); access.WhyOf(err) != access.WhyQuotaLive {
			r.T.Errorf("a third token: %v", err)
		}
		if _, err := r.Tokens.Revoke(ctx, r.As("maya", access.DoorCourse), g.ID, ""); err != nil || r.W.Authenticates(value) {
			r.T.Errorf("revoked as any other: %v", err)
		}
		r.Proven()
	})
}

// A foreign marker, of a restored backup or a copied Canvas, is written over.
func TestAdoptForeignMarker(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	foreign := "[grt_" + strings.Repeat("B", 26) + "/1]"
	tok := r.Made("maya", "copied "+foreign)
	r.Checked()
	req := r.ApprovedKeep(r.Keeps("maya", "copied"))
	f := r.Found(req.Adopts)
	got := tokenOf(r, "maya", tok.ID.String()).Purpose
	if req.State != access.Fulfilled || strings.Contains(got, foreign) || !strings.HasSuffix(got, r.Grant(f.GrantID).Marker()) {
		t.Errorf("%s: %q", req.State, got)
	}
}

// What can stand in the way between approval and adoption, and where it leaves
// the request.
func TestAdoptionRefused(t *testing.T) {
	t.Parallel()
	tokenRoute := desktest.CreateRoute + "/:id"
	for name, tt := range map[string]struct {
		before  func(r *desktest.Rig, tok canvastest.Token)
		state   access.RequestState
		found   access.FoundState
		trouble string
	}{
		"Canvas refuses the change": {func(r *desktest.Rig, _ canvastest.Token) {
			r.Cv.Fail(canvastest.Fault{Route: tokenRoute, Method: http.MethodPut, Status: 403, Body: `{"status":"unauthorized","errors":[{"message":"user not authorized to perform that action"}]}`, Times: -1})
		}, access.InReview, access.FoundNew, inventory.StoppedAdoptRefused},
		"Canvas says 404 to the change": {func(r *desktest.Rig, _ canvastest.Token) {
			r.Cv.Fail(canvastest.Fault{Route: tokenRoute, Method: http.MethodPut, Status: 404, Body: `{"errors":[{"message":"The specified resource does not exist."}]}`, Times: -1})
		}, access.InReview, access.FoundNew, inventory.StoppedAdoptRefused},
		"the token is gone": {func(r *desktest.Rig, tok canvastest.Token) { r.W.DeleteTokenBehind(tok.ID) }, access.Lapsed, access.FoundGone, ""},
		"it was removed meanwhile": {func(r *desktest.Rig, tok canvastest.Token) {
			if _, err := r.Inventory.RemoveToken(r.T.Context(), r.As("maya", access.DoorCourse), r.The("my own script").ID, ""); err != nil {
				r.T.Fatal(err)
			}
		}, access.Lapsed, access.FoundRemoved, ""},
		"it was put on the allow-list": {func(r *desktest.Rig, tok canvastest.Token) {
			id := []string{r.The("my own script").ID}
			for _, key := range []string{"dana", "priya"} {
				if _, err := r.Inventory.AllowTokens(r.T.Context(), r.As(key, access.DoorAccount), id, r.TermsOfEach(id), "Needed.", r.Clock.Now().AddDate(0, 1, 0)); err != nil {
					r.T.Fatal(err)
				}
			}
		}, access.Lapsed, access.FoundAllowed, ""},
		"it is not activated": {func(r *desktest.Rig, tok canvastest.Token) {
			r.W.UpdateToken(tok.ID, func(t *canvastest.Token) { t.State = canvastest.StatePending })
		}, access.InReview, access.FoundNew, inventory.StoppedAdoptPending},
		"the sponsor teaches no longer": {func(r *desktest.Rig, _ canvastest.Token) {
			r.W.SetEnrollmentState("ana", "bio201", canvastest.StateCompleted)
		}, access.AwaitingSponsor, access.FoundNew, ""},
		"the change is not kept":    {readBack(func(tok map[string]any, was string) { tok["purpose"], tok["expires_at"] = was, nil }), access.InReview, access.FoundNew, inventory.StoppedAdoptRefused},
		"the marker is not kept":    {readBack(func(tok map[string]any, was string) { tok["purpose"] = was }), access.InReview, access.FoundNew, inventory.StoppedAdoptRefused},
		"another's marker is there": {readBack(func(tok map[string]any, _ string) { tok["purpose"] = "x [grt_" + strings.Repeat("B", 26) + "/1]" }), access.InReview, access.FoundNew, inventory.StoppedAdoptRefused},
		"no end is kept":            {readBack(func(tok map[string]any, _ string) { tok["expires_at"] = nil }), access.InReview, access.FoundNew, inventory.StoppedAdoptRefused},
		"a later end is kept":       {readBack(laterBy(61 * time.Second)), access.InReview, access.FoundNew, inventory.StoppedAdoptRefused},
		"an end a minute later":     {readBack(laterBy(time.Minute)), access.Fulfilled, access.FoundAdopted, ""},
		"an earlier end is kept":    {readBack(laterBy(-24 * time.Hour)), access.Fulfilled, access.FoundAdopted, ""},
		"the approved time is over": {func(r *desktest.Rig, _ canvastest.Token) {
			r.Clock.Advance(r.The("my own script").Expires.Sub(r.Clock.Now()) - tokens.LeastLife - time.Hour)
		}, access.InReview, access.FoundNew, inventory.StoppedAdoptOver},
		"its owner has two others": {func(r *desktest.Rig, _ canvastest.Token) { quotaFilled(r) }, access.InReview, access.FoundNew, inventory.StoppedAdoptQuota},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := desktest.NewRig(t, desktest.Sqlite(t))
			tok := r.Made("maya", "my own script")
			r.Checked()
			req := r.Keeps("maya", "my own script")
			r.Act(r.As("ana", access.DoorCourse), req.Code(), access.Endorse, access.Move{})
			if strings.HasPrefix(name, "its owner") {
				tt.before(r, tok)
				r.Act(r.As("dana", access.DoorAccount), req.Code(), access.Approve, access.Move{})
			} else {
				r.Act(r.As("dana", access.DoorAccount), req.Code(), access.Approve, access.Move{})
				tt.before(r, tok)
			}
			approved, was := r.Request(req.ID), r.Found(req.Adopts)
			for range 3 {
				r.Drain()
				r.Clock.Advance(2 * time.Minute)
			}
			got, f := r.Request(req.ID), r.Found(req.Adopts)
			if tt.trouble != "" {
				want, _, err := access.Apply(approved, access.Return, access.SystemActor, access.Move{Policy: desktest.BuiltIn, To: access.InReview, Why: tt.trouble}, got.UpdatedAt)
				if err != nil || !reflect.DeepEqual(got, want) || !reflect.DeepEqual(f, was) {
					t.Errorf("%v; the request is\n%+v, want\n%+v; the token\n%+v, was\n%+v", err, got, want, f, was)
				}
			}
			if got.State != tt.state || f.State != tt.found {
				t.Fatalf("the request is %s, the token %s\n%s", got.State, f.State, r.Logs)
			}
			trouble := ""
			if err := r.Desk.Store.Read(t.Context(), func(tx *store.Tx) error {
				es, err := tx.AuditOf(r.Tenant, req.ID)
				for _, e := range es {
					if e.Detail != nil && e.Detail.Data["trouble"] != "" {
						trouble = e.Detail.Data["trouble"]
					}
				}
				return err
			}); err != nil || trouble != tt.trouble {
				t.Errorf("told %q, want %q, %v", trouble, tt.trouble, err)
			}
			if strings.HasPrefix(name, "its owner") {
				return
			}
			n, err := liveGrants(r, "maya")
			if adopted := tt.state == access.Fulfilled; adopted != (n == 1) || err != nil {
				t.Errorf("%d grants, %v", n, err)
			} else if adopted && !r.Grant(f.GrantID).Expires.Equal(shownEnd(r, tok, name)) {
				t.Errorf("it ends %s, Canvas says %s", r.Grant(f.GrantID).Expires, shownEnd(r, tok, name))
			}
			r.Proven()
		})
	}
}

// readBack changes what Canvas shows of the token once it was asked to change it;
// was is its purpose before.
func readBack(change func(tok map[string]any, was string)) func(*desktest.Rig, canvastest.Token) {
	return func(r *desktest.Rig, tok canvastest.Token) {
		var sent atomic.Bool
		line := func(req *http.Request, send func(*http.Request) (*http.Response, error)) (*http.Response, error) {
			resp, err := send(req)
			if err != nil || desktest.CanvasPath(req) != tok.ID.String() {
				return resp, err
			}
			if req.Method == http.MethodPut {
				sent.Store(true)
			}
			if req.Method != http.MethodGet || !sent.Load() {
				return resp, nil
			}
			var shown map[string]any
			err = json.NewDecoder(resp.Body).Decode(&shown)
			_ = resp.Body.Close()
			if err != nil {
				return nil, err
			}
			change(shown, tok.Purpose)
			body, err := json.Marshal(shown)
			resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
			return resp, err
		}
		r.Line.Store(&line)
	}
}

// laterBy moves the end that Canvas shows.
func laterBy(d time.Duration) func(map[string]any, string) {
	return func(tok map[string]any, _ string) {
		end, err := time.Parse(time.RFC3339, fmt.Sprint(tok["expires_at"]))
		if err != nil {
			panic(err)
		}
		tok["expires_at"] = end.Add(d).Format(time.RFC3339)
	}
}

// shownEnd is the end that a case of TestAdoptionRefused lets Canvas show.
func shownEnd(r *desktest.Rig, tok canvastest.Token, name string) time.Time {
	by := map[string]time.Duration{"an end a minute later": time.Minute, "an earlier end is kept": -24 * time.Hour}[name]
	return tokenOf(r, "maya", tok.ID.String()).ExpiresAt.Add(by)
}

// quotaFilled gives Maya as many live tokens as she may have.
func quotaFilled(r *desktest.Rig) {
	for range desktest.BuiltIn.Quotas.Live {
		r.Collected()
	}
}

func liveGrants(r *desktest.Rig, key string) (n int, err error) {
	err = r.Desk.Store.Read(r.T.Context(), func(tx *store.Tx) error {
		n, err = tx.CountGrants(store.GrantQuery{Tenant: r.Tenant, CanvasUser: r.W.User(key).ID.String(), States: desk.LiveStates})
		return err
	})
	return n, err
}

// A Canvas that does not answer, or cuts the answer, leads to one grant in the
// end, with the marker that the first try wrote.
func TestAdoptionOutlivesTrouble(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]canvastest.Fault{
		"silent":                  {Status: 503, Times: 2},
		"throttled":               {Throttle: true, Times: 2},
		"cut after the work":      {DropAfter: true, Times: 2},
		"cut in the answer":       {CutBody: true, Times: 2},
		"the read back is silent": {Method: http.MethodGet, Skip: 1, Status: 500, Times: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := desktest.NewRig(t, desktest.Sqlite(t))
			tok := r.Made("maya", "my own script")
			r.Checked()
			req := r.Keeps("maya", "my own script")
			r.Act(r.As("ana", access.DoorCourse), req.Code(), access.Endorse, access.Move{})
			r.Act(r.As("dana", access.DoorAccount), req.Code(), access.Approve, access.Move{})
			fault.Route = desktest.CreateRoute + "/:id"
			if fault.Method == "" {
				fault.Method = http.MethodPut
			}
			r.Cv.Fail(fault)
			for range 5 {
				r.Drain()
				r.Clock.Advance(2 * time.Minute)
			}
			got := r.Request(req.ID)
			n, err := liveGrants(r, "maya")
			if got.State != access.Fulfilled || n != 1 || err != nil {
				t.Fatalf("%s, %d grants, %v\n%s", got.State, n, err, r.Logs)
			}
			if p := tokenOf(r, "maya", tok.ID.String()).Purpose; !strings.HasSuffix(p, "["+inventory.AdoptedID(got)+"/1]") {
				t.Errorf("%q", p)
			}
			r.Proven()
		})
	}
}

// A reviewer may begin the request for an owner; the owner must send it. Who
// holds an account role cannot keep a token yet.
func TestProposedAdoption(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		ctx := r.T.Context()
		r.Made("maya", "my own script")
		r.Made("ingrid", "an admin's")
		r.Made("dana", "Dana's own")
		r.Checked()
		dana, id := r.As("dana", access.DoorAccount), r.The("my own script").ID
		for range 2 {
			if _, err := r.Inventory.ProposeKeep(ctx, dana, []string{id}, "Reads the calendar of my own courses every night.", "2026-12-10"); err != nil {
				r.T.Fatal(err)
			}
		}
		r.Drain()
		if got := r.W.Inbox("maya"); len(got) != 1 || !strings.Contains(got[0].Subject, "ask to keep it") {
			r.T.Errorf("the owner got %+v", got)
		}
		h, err := r.Cases.Home(ctx, r.As("maya", access.DoorCourse))
		if err != nil || len(h.Drafts) != 1 || h.Drafts[0].Request.Answers.Text("end") != "2026-12-10" || h.Drafts[0].Request.Answers.Has("accepted", access.Accepted) {
			r.T.Fatalf("%v: %+v", err, h.Drafts)
		}
		if c := r.The("my own script"); c.Request != nil || c.Asked {
			r.T.Error("a reviewer sees the owner's draft, or takes it for an answer")
		}
		for name, tt := range map[string]struct {
			purpose string
			why     access.Why
		}{"an admin's": {"an admin's", access.WhyAccountRole}, "her own": {"Dana's own", access.WhySelf}} {
			if _, err := r.Inventory.ProposeKeep(ctx, dana, []string{r.The(tt.purpose).ID}, "", ""); access.WhyOf(err) != tt.why {
				r.T.Errorf("%s: %v", name, err)
			}
		}
		if _, err := r.Inventory.AskToKeep(ctx, r.As("ingrid", access.DoorUser), r.The("an admin's").ID); access.WhyOf(err) != access.WhyAccountRole {
			r.T.Errorf("an admin keeps her own: %v", err)
		}
		r.Proven()
	})
}

// A token that goes while its request is on the way ends the request, wherever
// that stands.
func TestGoneWhileAsked(t *testing.T) {
	t.Parallel()
	for name, stage := range map[string]func(r *desktest.Rig, purpose string) access.Request{
		"a draft": func(r *desktest.Rig, p string) access.Request {
			d, err := r.Inventory.AskToKeep(r.T.Context(), r.As("maya", access.DoorCourse), r.The(p).ID)
			if err != nil {
				r.T.Fatal(err)
			}
			return d
		},
		"with the sponsor": func(r *desktest.Rig, p string) access.Request { return r.Keeps("maya", p) },
		"in review": func(r *desktest.Rig, p string) access.Request {
			q := r.Keeps("maya", p)
			return r.Act(r.As("ana", access.DoorCourse), q.Code(), access.Endorse, access.Move{}).Request
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := desktest.NewRig(t, desktest.Sqlite(t))
			tok := r.Made("maya", "my own script")
			r.Checked()
			req := stage(r, "my own script")
			r.W.DeleteTokenBehind(tok.ID)
			r.Clock.Advance(25 * time.Hour)
			r.Checked()
			want := access.Lapsed
			if req.State == access.Draft {
				want = access.Discarded
			}
			if got := r.Request(req.ID); got.State != want || r.Found(req.Adopts).State != access.FoundGone {
				t.Errorf("the request is %s, the token %s", got.State, r.Found(req.Adopts).State)
			}
			r.Proven()
		})
	}
}

// A token that was taken over is watched from then on, as any other.
func TestAdoptedIsWatched(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	r.Made("maya", "my own script")
	r.Checked()
	req := r.ApprovedKeep(r.Keeps("maya", "my own script"))
	g := r.Grant(r.Found(req.Adopts).GrantID)
	at := r.Clock.Now().Add(time.Minute)
	if early := r.Due(desk.JobWatch, at.Add(-time.Second)); len(early) != 0 {
		t.Errorf("watched too early: %+v", early)
	}
	if js := r.Due(desk.JobWatch, at); len(js) != 1 || string(js[0].Data) != string(desk.JobData(g)) {
		t.Errorf("watched by %+v", js)
	}
}

// While one of its owner's tokens leaked and nobody has cleared that, no token is
// taken over; then it is.
func TestNoAdoptionBesideALeak(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	c, _ := r.Collected()
	r.Made("maya", "my own script")
	r.Checked()
	req := r.Keeps("maya", "my own script")
	r.Act(r.As("ana", access.DoorCourse), req.Code(), access.Endorse, access.Move{})
	r.Act(r.As("dana", access.DoorAccount), req.Code(), access.Approve, access.Move{})
	if _, err := r.Leaks.Report(t.Context(), r.As("maya", access.DoorCourse), c.Grant.ID); err != nil {
		t.Fatal(err)
	}
	was := r.Request(req.ID)
	for range 3 {
		r.Drain()
		r.Clock.Advance(2 * time.Minute)
	}
	if now := r.Request(req.ID); !reflect.DeepEqual(now, was) || r.Found(req.Adopts).State != access.FoundNew {
		t.Fatalf("it is %s, the token %s", now.State, r.Found(req.Adopts).State)
	}
	if _, err := r.Leaks.Clear(t.Context(), r.As("dana", access.DoorAccount), r.Incidents(r.Tenant)[0].ID, "The chat was deleted.", r.TermsOf(r.Incidents(r.Tenant)[0].ID)); err != nil {
		t.Fatal(err)
	}
	r.Clock.Advance(2 * time.Minute)
	r.Drain()
	if now := r.Request(req.ID); now.State != access.Fulfilled || r.Found(req.Adopts).State != access.FoundAdopted {
		t.Errorf("cleared, it is %s, the token %s\n%s", now.State, r.Found(req.Adopts).State, r.Logs)
	}
	r.Proven()
}
