package workflow

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
	"github.com/tokendesk/tokendesk/internal/store"
)

// keptBy brings a request to keep a token to its approval, and runs the job.
func (r *rig) approvedKeep(req access.Request) access.Request {
	r.t.Helper()
	if req.State == access.AwaitingSponsor {
		r.act(r.as("ana", access.DoorCourse), req.Code(), access.Endorse, access.Move{})
	}
	r.act(r.as("dana", access.DoorAccount), req.Code(), access.Approve, access.Move{})
	r.drain()
	return r.request(req.ID)
}

// From the inventory to adoption: a token that somebody made is kept by a
// request after the fact. Its value works on, it has an end and our marker, and
// from then on it is one of ours.
func TestAdoption(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		ctx := r.t.Context()
		spec := canvastest.TokenSpec{Purpose: "my own script", CreatedAt: r.clock.Now().AddDate(-1, 0, 0)} // never ends
		tok, value := r.w.SeedToken("maya", spec)
		r.checked()
		r.tell("my own script")
		maya := r.as("maya", access.DoorCourse)
		d, err := r.AskToKeep(ctx, maya, r.the("my own script").ID)
		if err != nil || d.State != access.Draft || d.Answers.Text("build") != "my own script" || d.Answers.Text("end") != "" || d.Adopts == "" {
			r.t.Fatalf("%v: %+v", err, d)
		}
		if again, err := r.AskToKeep(ctx, maya, d.Adopts); err != nil || again.ID != d.ID {
			r.t.Errorf("pressed again: %s, %v", again.ID, err)
		}
		if form, err := r.Form(ctx, maya, d.ID); err != nil || form.Keeps == nil || form.Keeps.CanvasID != tok.ID.String() {
			r.t.Errorf("the form does not tell which token: %v", err)
		}
		req := r.keeps("maya", "my own script")
		if h, err := r.Home(ctx, maya); err != nil || len(h.Found) != 0 || len(h.Progress) != 1 || h.Progress[0].Found == nil {
			r.t.Errorf("home: %v, %+v", err, h)
		}
		req = r.approvedKeep(req)
		if req.State != access.Fulfilled {
			r.t.Fatalf("the request is %s\n%s", req.State, r.logs)
		}
		f := r.the("my own script")
		g := r.grant(f.GrantID)
		now := r.tokenOf("maya", tok.ID.String())
		if f.State != access.FoundAdopted || g.State != access.Active || g.CanvasID != tok.ID.String() || g.FoundID != f.ID || g.Sponsor == "" {
			r.t.Errorf("found %s, grant %+v", f.State, g)
		}
		// The log leads from the token to what was made of it.
		for do, want := range map[audit.Action]string{audit.FoundTellOwner: f.Campaign, audit.FoundAskToKeep: req.ID, audit.FoundAdopt: g.ID} {
			if told := r.events(do); len(told) != 1 || want == "" || told[0].Event.Object != f.ID || told[0].Event.Related != want {
				r.t.Errorf("%s is told as %+v, with %q", do, told, want)
			}
		}
		if !strings.HasSuffix(now.Purpose, g.Marker()) || now.ExpiresAt.IsZero() || !now.ExpiresAt.Equal(g.Expires) || now.State != canvastest.StateActive || !r.w.Authenticates(value) {
			r.t.Errorf("in Canvas: %+v", now)
		}
		if _, err := r.CollectPage(ctx, maya, req.Code()); !errors.Is(err, access.ErrNotFound) {
			r.t.Errorf("it has a collect page: %v", err)
		}
		for key, want := range map[string]string{"maya": "Your token is kept", "ana": "A token that you sponsor is kept"} {
			if got := r.subjects(key); !has(got, want) || has(got, "collect") {
				r.t.Errorf("%s got %q", key, got)
			}
		}
		r.clock.Advance(25 * time.Hour)
		if l := r.checked(); l.Total != 0 {
			r.t.Errorf("the next check finds %q", purposes(l))
		}
		// It counts as live.
		second, _ := r.collected()
		_ = second
		if _, err := r.Submit(ctx, r.as("maya", access.DoorCourse), "", r.answers()); access.WhyOf(err) != access.WhyQuotaLive {
			r.t.Errorf("a third token: %v", err)
		}
		if _, err := r.Revoke(ctx, r.as("maya", access.DoorCourse), g.ID, ""); err != nil || r.w.Authenticates(value) {
			r.t.Errorf("revoked as any other: %v", err)
		}
		r.proven()
	})
}

// A foreign marker, of a restored backup or a copied Canvas, is written over.
func TestAdoptForeignMarker(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	foreign := "[grt_" + strings.Repeat("B", 26) + "/1]"
	tok := r.made("maya", "copied "+foreign)
	r.checked()
	req := r.approvedKeep(r.keeps("maya", "copied"))
	f := r.found(req.Adopts)
	got := r.tokenOf("maya", tok.ID.String()).Purpose
	if req.State != access.Fulfilled || strings.Contains(got, foreign) || !strings.HasSuffix(got, r.grant(f.GrantID).Marker()) {
		t.Errorf("%s: %q", req.State, got)
	}
}

// What can stand in the way between approval and adoption, and where it leaves
// the request.
func TestAdoptionRefused(t *testing.T) {
	t.Parallel()
	tokenRoute := createRoute + "/:id"
	for name, tt := range map[string]struct {
		before  func(r *rig, tok canvastest.Token)
		state   access.RequestState
		found   access.FoundState
		trouble string
	}{
		"Canvas refuses the change": {func(r *rig, _ canvastest.Token) {
			r.cv.Fail(canvastest.Fault{Route: tokenRoute, Method: http.MethodPut, Status: 403, Body: `{"status":"unauthorized","errors":[{"message":"user not authorized to perform that action"}]}`, Times: -1})
		}, access.InReview, access.FoundNew, stoppedAdoptRefused},
		"Canvas says 404 to the change": {func(r *rig, _ canvastest.Token) {
			r.cv.Fail(canvastest.Fault{Route: tokenRoute, Method: http.MethodPut, Status: 404, Body: `{"errors":[{"message":"The specified resource does not exist."}]}`, Times: -1})
		}, access.InReview, access.FoundNew, stoppedAdoptRefused},
		"the token is gone": {func(r *rig, tok canvastest.Token) { r.w.DeleteTokenBehind(tok.ID) }, access.Lapsed, access.FoundGone, ""},
		"it was removed meanwhile": {func(r *rig, tok canvastest.Token) {
			if _, err := r.RemoveToken(r.t.Context(), r.as("maya", access.DoorCourse), r.the("my own script").ID, ""); err != nil {
				r.t.Fatal(err)
			}
		}, access.Lapsed, access.FoundRemoved, ""},
		"it was put on the allow-list": {func(r *rig, tok canvastest.Token) {
			id := []string{r.the("my own script").ID}
			for _, key := range []string{"dana", "priya"} {
				if _, err := r.AllowTokens(r.t.Context(), r.as(key, access.DoorAccount), id, r.termsOfEach(id), "Needed.", r.clock.Now().AddDate(0, 1, 0)); err != nil {
					r.t.Fatal(err)
				}
			}
		}, access.Lapsed, access.FoundAllowed, ""},
		"it is not activated": {func(r *rig, tok canvastest.Token) {
			r.w.UpdateToken(tok.ID, func(t *canvastest.Token) { t.State = canvastest.StatePending })
		}, access.InReview, access.FoundNew, stoppedAdoptPending},
		"the sponsor teaches no longer": {func(r *rig, _ canvastest.Token) {
			r.w.SetEnrollmentState("ana", "bio201", canvastest.StateCompleted)
		}, access.AwaitingSponsor, access.FoundNew, ""},
		"the change is not kept":    {readBack(func(tok map[string]any, was string) { tok["purpose"], tok["expires_at"] = was, nil }), access.InReview, access.FoundNew, stoppedAdoptRefused},
		"the marker is not kept":    {readBack(func(tok map[string]any, was string) { tok["purpose"] = was }), access.InReview, access.FoundNew, stoppedAdoptRefused},
		"another's marker is there": {readBack(func(tok map[string]any, _ string) { tok["purpose"] = "x [grt_" + strings.Repeat("B", 26) + "/1]" }), access.InReview, access.FoundNew, stoppedAdoptRefused},
		"no end is kept":            {readBack(func(tok map[string]any, _ string) { tok["expires_at"] = nil }), access.InReview, access.FoundNew, stoppedAdoptRefused},
		"a later end is kept":       {readBack(laterBy(61 * time.Second)), access.InReview, access.FoundNew, stoppedAdoptRefused},
		"an end a minute later":     {readBack(laterBy(time.Minute)), access.Fulfilled, access.FoundAdopted, ""},
		"an earlier end is kept":    {readBack(laterBy(-24 * time.Hour)), access.Fulfilled, access.FoundAdopted, ""},
		"the approved time is over": {func(r *rig, _ canvastest.Token) {
			r.clock.Advance(r.the("my own script").Expires.Sub(r.clock.Now()) - leastLife - time.Hour)
		}, access.InReview, access.FoundNew, stoppedAdoptOver},
		"its owner has two others": {func(r *rig, _ canvastest.Token) { r.quotaFilled() }, access.InReview, access.FoundNew, stoppedAdoptQuota},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sqlite(t))
			tok := r.made("maya", "my own script")
			r.checked()
			req := r.keeps("maya", "my own script")
			r.act(r.as("ana", access.DoorCourse), req.Code(), access.Endorse, access.Move{})
			if strings.HasPrefix(name, "its owner") {
				tt.before(r, tok)
				r.act(r.as("dana", access.DoorAccount), req.Code(), access.Approve, access.Move{})
			} else {
				r.act(r.as("dana", access.DoorAccount), req.Code(), access.Approve, access.Move{})
				tt.before(r, tok)
			}
			approved, was := r.request(req.ID), r.found(req.Adopts)
			for range 3 {
				r.drain()
				r.clock.Advance(2 * time.Minute)
			}
			got, f := r.request(req.ID), r.found(req.Adopts)
			if tt.trouble != "" {
				want, _, err := access.Apply(approved, access.Return, access.SystemActor, access.Move{Policy: builtIn, To: access.InReview, Why: tt.trouble}, got.UpdatedAt)
				if err != nil || !reflect.DeepEqual(got, want) || !reflect.DeepEqual(f, was) {
					t.Errorf("%v; the request is\n%+v, want\n%+v; the token\n%+v, was\n%+v", err, got, want, f, was)
				}
			}
			if got.State != tt.state || f.State != tt.found {
				t.Fatalf("the request is %s, the token %s\n%s", got.State, f.State, r.logs)
			}
			trouble := ""
			if err := r.Store.Read(t.Context(), func(tx *store.Tx) error {
				es, err := tx.AuditOf(r.tenant, req.ID)
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
			n, err := r.liveGrants("maya")
			if adopted := tt.state == access.Fulfilled; adopted != (n == 1) || err != nil {
				t.Errorf("%d grants, %v", n, err)
			} else if adopted && !r.grant(f.GrantID).Expires.Equal(shownEnd(r, tok, name)) {
				t.Errorf("it ends %s, Canvas says %s", r.grant(f.GrantID).Expires, shownEnd(r, tok, name))
			}
			r.proven()
		})
	}
}

// readBack changes what Canvas shows of the token once it was asked to change it;
// was is its purpose before.
func readBack(change func(tok map[string]any, was string)) func(*rig, canvastest.Token) {
	return func(r *rig, tok canvastest.Token) {
		var sent atomic.Bool
		line := func(req *http.Request, send func(*http.Request) (*http.Response, error)) (*http.Response, error) {
			resp, err := send(req)
			if err != nil || canvasPath(req) != tok.ID.String() {
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
		r.line.Store(&line)
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
func shownEnd(r *rig, tok canvastest.Token, name string) time.Time {
	by := map[string]time.Duration{"an end a minute later": time.Minute, "an earlier end is kept": -24 * time.Hour}[name]
	return r.tokenOf("maya", tok.ID.String()).ExpiresAt.Add(by)
}

// quotaFilled gives Maya as many live tokens as she may have.
func (r *rig) quotaFilled() {
	for range builtIn.Quotas.Live {
		r.collected()
	}
}

func (r *rig) liveGrants(key string) (n int, err error) {
	err = r.Store.Read(r.t.Context(), func(tx *store.Tx) error {
		n, err = tx.CountGrants(store.GrantQuery{Tenant: r.tenant, CanvasUser: r.w.User(key).ID.String(), States: liveStates})
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
			r := newRig(t, sqlite(t))
			tok := r.made("maya", "my own script")
			r.checked()
			req := r.keeps("maya", "my own script")
			r.act(r.as("ana", access.DoorCourse), req.Code(), access.Endorse, access.Move{})
			r.act(r.as("dana", access.DoorAccount), req.Code(), access.Approve, access.Move{})
			fault.Route = createRoute + "/:id"
			if fault.Method == "" {
				fault.Method = http.MethodPut
			}
			r.cv.Fail(fault)
			for range 5 {
				r.drain()
				r.clock.Advance(2 * time.Minute)
			}
			got := r.request(req.ID)
			n, err := r.liveGrants("maya")
			if got.State != access.Fulfilled || n != 1 || err != nil {
				t.Fatalf("%s, %d grants, %v\n%s", got.State, n, err, r.logs)
			}
			if p := r.tokenOf("maya", tok.ID.String()).Purpose; !strings.HasSuffix(p, "["+adoptedID(got)+"/1]") {
				t.Errorf("%q", p)
			}
			r.proven()
		})
	}
}

// A reviewer may begin the request for an owner; the owner must send it. Who
// holds an account role cannot keep a token yet.
func TestProposedAdoption(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		ctx := r.t.Context()
		r.made("maya", "my own script")
		r.made("ingrid", "an admin's")
		r.made("dana", "Dana's own")
		r.checked()
		dana, id := r.as("dana", access.DoorAccount), r.the("my own script").ID
		for range 2 {
			if _, err := r.ProposeKeep(ctx, dana, []string{id}, "Reads the calendar of my own courses every night.", "2026-12-10"); err != nil {
				r.t.Fatal(err)
			}
		}
		r.drain()
		if got := r.w.Inbox("maya"); len(got) != 1 || !strings.Contains(got[0].Subject, "ask to keep it") {
			r.t.Errorf("the owner got %+v", got)
		}
		h, err := r.Home(ctx, r.as("maya", access.DoorCourse))
		if err != nil || len(h.Drafts) != 1 || h.Drafts[0].Request.Answers.Text("end") != "2026-12-10" || h.Drafts[0].Request.Answers.Has("accepted", access.Accepted) {
			r.t.Fatalf("%v: %+v", err, h.Drafts)
		}
		if c := r.the("my own script"); c.Request != nil || c.Asked {
			r.t.Error("a reviewer sees the owner's draft, or takes it for an answer")
		}
		for name, tt := range map[string]struct {
			purpose string
			why     access.Why
		}{"an admin's": {"an admin's", access.WhyAccountRole}, "her own": {"Dana's own", access.WhySelf}} {
			if _, err := r.ProposeKeep(ctx, dana, []string{r.the(tt.purpose).ID}, "", ""); access.WhyOf(err) != tt.why {
				r.t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := r.AskToKeep(ctx, r.as("ingrid", access.DoorUser), r.the("an admin's").ID); access.WhyOf(err) != access.WhyAccountRole {
			r.t.Errorf("an admin keeps her own: %v", err)
		}
		r.proven()
	})
}

// A token that goes while its request is on the way ends the request, wherever
// that stands.
func TestGoneWhileAsked(t *testing.T) {
	t.Parallel()
	for name, stage := range map[string]func(r *rig, purpose string) access.Request{
		"a draft": func(r *rig, p string) access.Request {
			d, err := r.AskToKeep(r.t.Context(), r.as("maya", access.DoorCourse), r.the(p).ID)
			if err != nil {
				r.t.Fatal(err)
			}
			return d
		},
		"with the sponsor": func(r *rig, p string) access.Request { return r.keeps("maya", p) },
		"in review": func(r *rig, p string) access.Request {
			q := r.keeps("maya", p)
			return r.act(r.as("ana", access.DoorCourse), q.Code(), access.Endorse, access.Move{}).Request
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sqlite(t))
			tok := r.made("maya", "my own script")
			r.checked()
			req := stage(r, "my own script")
			r.w.DeleteTokenBehind(tok.ID)
			r.clock.Advance(25 * time.Hour)
			r.checked()
			want := access.Lapsed
			if req.State == access.Draft {
				want = access.Discarded
			}
			if got := r.request(req.ID); got.State != want || r.found(req.Adopts).State != access.FoundGone {
				t.Errorf("the request is %s, the token %s", got.State, r.found(req.Adopts).State)
			}
			r.proven()
		})
	}
}

// A token that was taken over is watched from then on, as any other.
func TestAdoptedIsWatched(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	r.made("maya", "my own script")
	r.checked()
	req := r.approvedKeep(r.keeps("maya", "my own script"))
	g := r.grant(r.found(req.Adopts).GrantID)
	at := r.clock.Now().Add(time.Minute)
	if early := r.due(jobWatch, at.Add(-time.Second)); len(early) != 0 {
		t.Errorf("watched too early: %+v", early)
	}
	if js := r.due(jobWatch, at); len(js) != 1 || string(js[0].Data) != string(jobData(g)) {
		t.Errorf("watched by %+v", js)
	}
}

// While one of its owner's tokens leaked and nobody has cleared that, no token is
// taken over; then it is.
func TestNoAdoptionBesideALeak(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	c, _ := r.collected()
	r.made("maya", "my own script")
	r.checked()
	req := r.keeps("maya", "my own script")
	r.act(r.as("ana", access.DoorCourse), req.Code(), access.Endorse, access.Move{})
	r.act(r.as("dana", access.DoorAccount), req.Code(), access.Approve, access.Move{})
	if _, err := r.ReportLeak(t.Context(), r.as("maya", access.DoorCourse), c.Grant.ID); err != nil {
		t.Fatal(err)
	}
	was := r.request(req.ID)
	for range 3 {
		r.drain()
		r.clock.Advance(2 * time.Minute)
	}
	if now := r.request(req.ID); !reflect.DeepEqual(now, was) || r.found(req.Adopts).State != access.FoundNew {
		t.Fatalf("it is %s, the token %s", now.State, r.found(req.Adopts).State)
	}
	if _, err := r.ClearLeak(t.Context(), r.as("dana", access.DoorAccount), r.incidents(r.tenant)[0].ID, "The chat was deleted.", r.termsOf(r.incidents(r.tenant)[0].ID)); err != nil {
		t.Fatal(err)
	}
	r.clock.Advance(2 * time.Minute)
	r.drain()
	if now := r.request(req.ID); now.State != access.Fulfilled || r.found(req.Adopts).State != access.FoundAdopted {
		t.Errorf("cleared, it is %s, the token %s\n%s", now.State, r.found(req.Adopts).State, r.logs)
	}
	r.proven()
}
