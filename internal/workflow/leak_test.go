package workflow

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/lti"
)

// incidents are all of the tenant, newest first.
func (r *rig) incidents(tenant access.TenantID) (out []access.Incident) {
	r.t.Helper()
	if err := r.Store.Read(r.t.Context(), func(tx *store.Tx) error {
		var err error
		out, err = tx.Incidents(store.IncidentQuery{Tenant: tenant})
		return err
	}); err != nil {
		r.t.Fatal(err)
	}
	return out
}

func older(s access.Caller) access.Caller {
	s.LaunchedAt = s.LaunchedAt.Add(-7 * time.Hour)
	return s
}

func TestLeakReportedAndCleared(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		ctx := r.t.Context()
		c, value := r.collected()
		r.activate("maya", c.Grant.CanvasID)
		r.tick(2 * time.Minute)
		next := r.approved()
		p, err := r.ReportLeak(ctx, older(r.as("maya", access.DoorCourse)), c.Grant.ID)
		if err != nil || p.Grant.State != access.Revoked || p.Grant.Cause != access.ByLeak || !p.LeakOpen() || p.Can[access.ReportLeak] {
			r.t.Fatalf("%v; %+v", err, p.Grant)
		}
		if r.w.Authenticates(value) {
			r.t.Error("the leaked token works")
		}
		if _, err := r.TellSeen(ctx, r.as("maya", access.DoorCourse), c.Grant.ID, "In our class chat: "+value); err != nil {
			r.t.Fatal(err)
		}
		r.clock.Advance(time.Minute)
		r.drain()
		for key, want := range map[string]string{"maya": "Leak reported: token deleted", "ana": "Leak reported: token deleted", "dana": "Leak reported: token deleted", "priya": "Leak reported: token deleted"} {
			got := r.subjects(key)
			if !has(got, want) || has(got, "not yet") || has(got, "revoked") {
				r.t.Errorf("%s got %q", key, got)
			}
		}
		if _, err := r.Collect(ctx, r.as("maya", access.DoorCourse), next.Code()); access.WhyOf(err) != access.WhyIncident {
			r.t.Errorf("another token meanwhile: %v", err)
		}
		i := r.incidents(r.tenant)
		if len(i) != 1 || i[0].How != access.LeakByOwner || i[0].ReportedBy != c.Request.Requester {
			r.t.Fatalf("%+v", i)
		}
		list, err := r.Leaks(ctx, r.as("dana", access.DoorAccount), "")
		if err != nil || len(list.Open) != 1 || list.Opened != 1 || list.Open[0].Reporter != "Maya Chen" {
			r.t.Fatalf("%+v, %v", list, err)
		}
		page, err := r.Leak(ctx, r.as("dana", access.DoorAccount), i[0].ID)
		if err != nil || !page.Can || len(page.Seen) != 1 || !strings.Contains(page.Seen[0].Quote, "In our class chat: [removed]") {
			r.t.Fatalf("%+v, %v", page.Seen, err)
		}
		if n := r.Nav(ctx, r.as("dana", access.DoorAccount)); n.Leaks != 1 || n.OwnLeak {
			r.t.Errorf("a reviewer's navigation: %+v", n)
		}
		if n := r.Nav(ctx, r.as("maya", access.DoorCourse)); n.Leaks != 0 || !n.OwnLeak {
			r.t.Errorf("the owner's navigation: %+v", n)
		}
		if open, err := r.Open(ctx, r.as("dana", access.DoorAccount), next.Code()); err != nil || len(open.Leaks) != 1 {
			r.t.Errorf("beside the requester's other request: %+v, %v", open.Leaks, err)
		}
		if page, err = r.ClearLeak(ctx, r.as("dana", access.DoorAccount), i[0].ID, "The chat was deleted.", r.termsOf(i[0].ID)); err != nil || page.Incident.Open() || page.Note != "The chat was deleted." {
			r.t.Fatalf("%+v, %v", page.Incident, err)
		}
		if _, err := r.ClearLeak(ctx, r.as("dana", access.DoorAccount), i[0].ID, "Again.", r.termsOf(i[0].ID)); err != nil {
			r.t.Errorf("pressed twice: %v", err)
		}
		if _, err := r.ClearLeak(ctx, r.as("priya", access.DoorAccount), i[0].ID, "Again.", r.termsOf(i[0].ID)); !errors.Is(err, access.ErrConflict) {
			r.t.Errorf("cleared by a second person: %v", err)
		}
		r.drain()
		if got := r.subjects("maya"); !has(got, "Leak cleared") {
			r.t.Errorf("the owner got %q", got)
		}
		if got, err := r.Collect(ctx, r.as("maya", access.DoorCourse), next.Code()); err != nil || got.Stage != StageSecret {
			r.t.Errorf("afterwards: %s, %v", got.Stage, err)
		}
		r.proven()
		r.searched(value)
	})
}

func TestWhoMayReportALeak(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		who func(r *rig) access.Caller
		how access.LeakReport
		why access.Why
		err error
	}{
		"the owner":               {who: func(r *rig) access.Caller { return older(r.as("maya", access.DoorCourse)) }, how: access.LeakByOwner},
		"the sponsor":             {who: func(r *rig) access.Caller { return older(r.as("ana", access.DoorCourse)) }, how: access.LeakBySponsor},
		"a reviewer":              {who: func(r *rig) access.Caller { return older(r.as("dana", access.DoorAccount)) }, how: access.LeakByReviewer},
		"another student":         {who: func(r *rig) access.Caller { return r.as("luca", access.DoorCourse) }, err: access.ErrNotFound},
		"a TA":                    {who: func(r *rig) access.Caller { return r.as("tom", access.DoorCourse) }, err: access.ErrNotFound},
		"an admin from a course":  {who: func(r *rig) access.Caller { return r.as("dana", access.DoorCourse) }, err: access.ErrNotFound},
		"somebody acting as Maya": {who: func(r *rig) access.Caller { return r.as("maya", access.DoorCourse, actingBy("9")) }, why: access.WhyActing, err: access.ErrNotAllowed},
		"a reviewer, Canvas down": {who: func(r *rig) access.Caller {
			s := older(r.as("dana", access.DoorAccount))
			r.cv.Fail(canvastest.Fault{Route: "/api/v1/accounts/:account_id/admins", Status: 503, Times: -1})
			return s
		}, how: access.LeakByReviewer},
		"a reviewer on Maya's door": {who: func(r *rig) access.Caller { return r.as("priya", access.DoorUser) }, err: access.ErrNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sqlite(t))
			c, value := r.collected()
			r.activate("maya", c.Grant.CanvasID)
			caller := tt.who(r)
			_, err := r.ReportLeak(t.Context(), caller, c.Grant.ID)
			if tt.err != nil {
				if !errors.Is(err, tt.err) || access.WhyOf(err) != tt.why || !r.w.Authenticates(value) || len(r.incidents(r.tenant)) != 0 {
					t.Errorf("%v; %d incidents", err, len(r.incidents(r.tenant)))
				}
				if _, err := r.TellSeen(t.Context(), caller, c.Grant.ID, "here"); !errors.Is(err, tt.err) {
					t.Errorf("where it was seen: %v", err)
				}
				return
			}
			i := r.incidents(r.tenant)
			if err != nil || r.w.Authenticates(value) || len(i) != 1 || i[0].How != tt.how || i[0].ReportedBy != caller.Person {
				t.Errorf("%v; %+v", err, i)
			}
			r.proven()
		})
	}
}

// Whatever else is going on with a token, a leak ends it; on an ended one it
// only opens the incident.
func TestLeakInEveryState(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(r *rig) string{
		"handed over": func(r *rig) string { c, _ := r.collected(); return c.Grant.ID },
		"being replaced": func(r *rig) string {
			c, _ := r.collected()
			if _, err := r.Replace(r.t.Context(), r.as("maya", access.DoorCourse), c.Request.Code()); err != nil {
				r.t.Fatal(err)
			}
			return c.Grant.ID
		},
		"recovering": func(r *rig) string {
			req := r.approved()
			r.cv.Fail(canvastest.Fault{Route: createRoute, Method: http.MethodPost, DropAfter: true})
			c, err := r.Collect(r.t.Context(), r.as("maya", access.DoorCourse), req.Code())
			if err != nil || c.Stage != StageRecovering {
				r.t.Fatalf("%s, %v", c.Stage, err)
			}
			return c.Grant.ID
		},
		"frozen": func(r *rig) string { g, _ := r.stopped(); return g.ID },
		"revoked": func(r *rig) string {
			c, _ := r.collected()
			if _, err := r.Revoke(r.t.Context(), r.as("maya", access.DoorCourse), c.Grant.ID, ""); err != nil {
				r.t.Fatal(err)
			}
			return c.Grant.ID
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, func(r *rig) {
				id := prepare(r)
				ended := r.grant(id).State.Final()
				for range 2 { // twice is once
					if _, err := r.ReportLeak(r.t.Context(), r.as("maya", access.DoorCourse), id); err != nil {
						r.t.Fatal(err)
					}
				}
				r.clock.Advance(time.Minute)
				r.drain()
				g := r.grant(id)
				if !g.State.Final() || r.inCanvas("maya") != 0 || len(r.incidents(r.tenant)) != 1 {
					r.t.Errorf("%s; %d tokens, %d incidents", g.State, r.inCanvas("maya"), len(r.incidents(r.tenant)))
				}
				if ended != (g.Cause != access.ByLeak) || ended != has(r.subjects("maya"), "the token had ended") {
					r.t.Errorf("ended before: %v; cause %s; told %q", ended, g.Cause, r.subjects("maya"))
				}
				r.proven()
			})
		})
	}
}

// With Canvas down the report stands, the page says what is known, and two
// messages tell the two truths.
func TestLeakWhileCanvasIsDown(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	c, value := r.collected()
	r.activate("maya", c.Grant.CanvasID)
	caller := r.as("maya", access.DoorCourse)
	up := r.cv.Fail(canvastest.Fault{Route: createRoute + "/:id", Status: 503, Times: -1})
	p, err := r.ReportLeak(t.Context(), caller, c.Grant.ID)
	if err != nil || p.Grant.State != access.Revoking || p.Grant.Cause != access.ByLeak {
		t.Fatalf("%+v, %v", p.Grant, err)
	}
	before := r.grant(c.Grant.ID)
	if _, err := r.ReportLeak(t.Context(), caller, c.Grant.ID); err != nil || r.grant(c.Grant.ID).Version != before.Version {
		t.Errorf("reported twice: %v", err)
	}
	if _, err := r.ClearLeak(t.Context(), r.as("dana", access.DoorAccount), r.incidents(r.tenant)[0].ID, "Too early.", r.termsOf(r.incidents(r.tenant)[0].ID)); !errors.Is(err, access.ErrConflict) {
		t.Errorf("cleared while it may still work: %v", err)
	}
	r.tick(time.Minute)
	if got := r.subjects("maya"); !has(got, "not yet deleted") || has(got, "token deleted") {
		t.Errorf("told %q", got)
	}
	up()
	r.tick(6 * time.Minute)
	r.clock.Advance(time.Minute)
	r.drain()
	if got := r.subjects("maya"); !has(got, "token deleted") || r.w.Authenticates(value) {
		t.Errorf("told %q", got)
	}
	r.proven()
}

// A leak turns a revocation that is under way into one; the incident is opened
// in the same moment.
func TestLeakWhileRevoking(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	c, _ := r.collected()
	up := r.cv.Fail(canvastest.Fault{Route: createRoute + "/:id", Method: http.MethodDelete, Status: 503, Times: -1})
	if _, err := r.Revoke(t.Context(), r.as("maya", access.DoorCourse), c.Grant.ID, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := r.ReportLeak(t.Context(), r.as("ana", access.DoorCourse), c.Grant.ID); err != nil {
		t.Fatal(err)
	}
	if g := r.grant(c.Grant.ID); g.State != access.Revoking || g.Cause != access.ByLeak || g.EndedBy != c.Request.Requester {
		t.Errorf("%+v", g)
	}
	up()
	r.tick(6 * time.Minute)
	if g := r.grant(c.Grant.ID); g.State != access.Revoked || g.Cause != access.ByLeak {
		t.Errorf("%+v", g)
	}
	r.proven()
}

// Killed right after the report was committed, the job ends the token.
func TestLeakSurvivesDeath(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		c, value := r.collected()
		r.activate("maya", c.Grant.CanvasID)
		caller := r.as("maya", access.DoorCourse)
		if !r.die("leak committed", func() { _, _ = r.ReportLeak(r.t.Context(), caller, c.Grant.ID) }) {
			r.t.Fatal("the report never came to be committed")
		}
		r.tick(time.Minute)
		if g := r.grant(c.Grant.ID); g.State != access.Revoked || r.w.Authenticates(value) || len(r.incidents(r.tenant)) != 1 {
			r.t.Errorf("after the restart: %s", g.State)
		}
		r.proven()
	})
}

// Owner, sponsor and reviewer at once: one incident, one end.
func TestLeaksReportedAtOnce(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		c, _ := r.collected()
		var wg sync.WaitGroup
		for _, caller := range []access.Caller{r.as("maya", access.DoorCourse), r.as("ana", access.DoorCourse), r.as("dana", access.DoorAccount), r.as("priya", access.DoorAccount)} {
			wg.Go(func() {
				if _, err := r.ReportLeak(r.t.Context(), caller, c.Grant.ID); err != nil {
					r.t.Errorf("%s: %v", caller.Name, err)
				}
			})
		}
		wg.Wait()
		if i := r.incidents(r.tenant); len(i) != 1 {
			r.t.Errorf("%d incidents", len(i))
		}
		r.proven()
	})
}

func TestWhoMayClearALeak(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		who  func(r *rig) access.Caller
		note string
		why  access.Why
		err  error
	}{
		"a reviewer":           {who: func(r *rig) access.Caller { return r.as("dana", access.DoorAccount) }, note: "Clean."},
		"without a note":       {who: func(r *rig) access.Caller { return r.as("dana", access.DoorAccount) }, err: access.ErrInvalid},
		"with an old launch":   {who: func(r *rig) access.Caller { return older(r.as("dana", access.DoorAccount)) }, note: "x", why: access.WhyStale, err: access.ErrNotAllowed},
		"the owner":            {who: func(r *rig) access.Caller { return r.as("maya", access.DoorCourse) }, note: "x", why: access.WhyWrongDoor, err: access.ErrNotAllowed},
		"the sponsor":          {who: func(r *rig) access.Caller { return r.as("ana", access.DoorCourse) }, note: "x", why: access.WhyWrongDoor, err: access.ErrNotAllowed},
		"an admin in a course": {who: func(r *rig) access.Caller { return r.as("dana", access.DoorCourse) }, note: "x", why: access.WhyWrongDoor, err: access.ErrNotAllowed},
		"acting as an admin":   {who: func(r *rig) access.Caller { return r.as("dana", access.DoorAccount, actingBy("9")) }, note: "x", why: access.WhyActing, err: access.ErrNotAllowed},
		"a demoted admin": {who: func(r *rig) access.Caller {
			s := r.as("priya", access.DoorAccount)
			if _, err := r.Leaks(r.t.Context(), s, ""); err != nil {
				r.t.Fatal(err)
			}
			r.w.RemoveAdmin("priya", "root")
			return s
		}, note: "x", why: access.WhyNotReviewer, err: access.ErrNotAllowed},
		"a reviewer whom Canvas cannot confirm": {who: func(r *rig) access.Caller {
			s := r.as("dana", access.DoorAccount)
			r.cv.Fail(canvastest.Fault{Route: "/api/v1/accounts/:account_id/admins", Status: 503, Times: -1})
			return s
		}, note: "x", why: access.WhyCanvas, err: access.ErrNotAllowed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sqlite(t))
			c, _ := r.collected()
			if _, err := r.ReportLeak(t.Context(), r.as("maya", access.DoorCourse), c.Grant.ID); err != nil {
				t.Fatal(err)
			}
			i := r.incidents(r.tenant)[0]
			_, err := r.ClearLeak(t.Context(), tt.who(r), i.ID, tt.note, r.termsOf(i.ID))
			if !errors.Is(err, tt.err) || access.WhyOf(err) != tt.why {
				t.Errorf("%v", err)
			}
			if got := r.incident(i.ID); got.Open() != (tt.err != nil) {
				t.Errorf("open: %v", got.Open())
			}
			r.proven()
		})
	}
}

// otherSchool is a second tenant on the same store, and Dana's launch there.
func (r *rig) otherSchool() access.Caller {
	r.t.Helper()
	tenant, plat := access.TenantID(store.NewID("ten")), store.NewID("plt")
	root := r.w.Account("root")
	err := r.Store.InTx(r.t.Context(), func(tx *store.Tx) error {
		if err := tx.CreateTenant(store.Tenant{ID: tenant, Name: "Southfield", CanvasAccount: root.ID.String(), Version: 1, CreatedAt: r.clock.Now()}); err != nil {
			return err
		}
		e := audit.Event{Tenant: string(tenant), At: r.clock.Now(), Actor: "operator:test", Action: audit.PlatformAdd, Object: plat}
		return tx.SavePlatform(store.Platform{ID: plat, Tenant: tenant, Name: "southfield", CanvasURLs: []string{r.cv.InstitutionURL()}, CreatedAt: r.clock.Now(),
			Registration: lti.Registration{ID: plat, Issuer: r.cv.Issuer(), ClientID: "20000000000002", AuthURL: r.cv.SSOURL() + "/api/lti/authorize_redirect",
				TokenURL: r.cv.SSOURL() + "/login/oauth2/token", KeySetURL: r.cv.SSOURL() + "/api/lti/security/jwks",
				Deployments: []lti.Deployment{{ID: "9:" + root.ContextID, Root: true}}}}, e, nil)
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return r.as("dana", access.DoorAccount, func(l *lti.Launch) {
		l.Registration, l.ClientID, l.DeploymentID = plat, "20000000000002", "9:"+root.ContextID
	})
}

// One school learns nothing of another's leaks, and cannot touch them.
func TestLeaksOfAnotherSchool(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		ctx := r.t.Context()
		c, value := r.collected()
		r.activate("maya", c.Grant.CanvasID)
		far := r.otherSchool()
		if _, err := r.CheckLeak(ctx, far, value); !errors.Is(err, access.ErrNotFound) || !r.w.Authenticates(value) {
			r.t.Errorf("the other school's intake: %v", err)
		}
		if _, err := r.ReportLeak(ctx, far, c.Grant.ID); !errors.Is(err, access.ErrNotFound) || !r.w.Authenticates(value) {
			r.t.Errorf("reported from the other school: %v", err)
		}
		if _, err := r.Freeze(ctx, far, c.Grant.ID, "x"); !errors.Is(err, access.ErrNotFound) {
			r.t.Errorf("frozen from the other school: %v", err)
		}
		if _, err := r.ReportLeak(ctx, r.as("maya", access.DoorCourse), c.Grant.ID); err != nil {
			r.t.Fatal(err)
		}
		i := r.incidents(r.tenant)[0]
		if _, err := r.Leak(ctx, far, i.ID); !errors.Is(err, access.ErrNotFound) {
			r.t.Errorf("opened from the other school: %v", err)
		}
		if _, err := r.ClearLeak(ctx, far, i.ID, "x", r.termsOf(i.ID)); !errors.Is(err, access.ErrNotFound) {
			r.t.Errorf("cleared from the other school: %v", err)
		}
		if l, err := r.Leaks(ctx, far, ""); err != nil || len(l.Open) != 0 || len(r.incidents(far.Tenant)) != 0 {
			r.t.Errorf("listed in the other school: %+v, %v", l, err)
		}
		r.proven()
		r.searched(value)
	})
}
