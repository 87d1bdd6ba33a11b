package leaks_test

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
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/desk/tokens"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/lti"
)

func TestLeakReportedAndCleared(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		ctx := r.T.Context()
		c, value := r.Collected()
		r.Activate("maya", c.Grant.CanvasID)
		r.Tick(2 * time.Minute)
		next := r.Approved()
		p, err := r.Leaks.Report(ctx, desktest.Older(r.As("maya", access.DoorCourse)), c.Grant.ID)
		if err != nil || p.Grant.State != access.Revoked || p.Grant.Cause != access.ByLeak || !p.LeakOpen() || p.Can[access.ReportLeak] {
			r.T.Fatalf("%v; %+v", err, p.Grant)
		}
		if r.W.Authenticates(value) {
			r.T.Error("the leaked token works")
		}
		if _, err := r.Leaks.TellSeen(ctx, r.As("maya", access.DoorCourse), c.Grant.ID, "In our class chat: "+value); err != nil {
			r.T.Fatal(err)
		}
		r.Clock.Advance(time.Minute)
		r.Drain()
		for key, want := range map[string]string{"maya": "Leak reported: token deleted", "ana": "Leak reported: token deleted", "dana": "Leak reported: token deleted", "priya": "Leak reported: token deleted"} {
			got := r.Subjects(key)
			if !desktest.Has(got, want) || desktest.Has(got, "not yet") || desktest.Has(got, "revoked") {
				r.T.Errorf("%s got %q", key, got)
			}
		}
		if _, err := r.Tokens.Collect(ctx, r.As("maya", access.DoorCourse), next.Code()); access.WhyOf(err) != access.WhyIncident {
			r.T.Errorf("another token meanwhile: %v", err)
		}
		i := r.Incidents(r.Tenant)
		if len(i) != 1 || i[0].How != access.LeakByOwner || i[0].ReportedBy != c.Request.Requester {
			r.T.Fatalf("%+v", i)
		}
		list, err := r.Leaks.List(ctx, r.As("dana", access.DoorAccount), "")
		if err != nil || len(list.Open) != 1 || list.Opened != 1 || list.Open[0].Reporter != "Maya Chen" {
			r.T.Fatalf("%+v, %v", list, err)
		}
		page, err := r.Leaks.Open(ctx, r.As("dana", access.DoorAccount), i[0].ID)
		if err != nil || !page.Can || len(page.Seen) != 1 || !strings.Contains(page.Seen[0].Quote, "In our class chat: [removed]") {
			r.T.Fatalf("%+v, %v", page.Seen, err)
		}
		if n := r.Cases.Nav(ctx, r.As("dana", access.DoorAccount)); n.Leaks != 1 || n.OwnLeak {
			r.T.Errorf("a reviewer's navigation: %+v", n)
		}
		if n := r.Cases.Nav(ctx, r.As("maya", access.DoorCourse)); n.Leaks != 0 || !n.OwnLeak {
			r.T.Errorf("the owner's navigation: %+v", n)
		}
		if open, err := r.Cases.Open(ctx, r.As("dana", access.DoorAccount), next.Code()); err != nil || len(open.Leaks) != 1 {
			r.T.Errorf("beside the requester's other request: %+v, %v", open.Leaks, err)
		}
		if page, err = r.Leaks.Clear(ctx, r.As("dana", access.DoorAccount), i[0].ID, "The chat was deleted.", r.TermsOf(i[0].ID)); err != nil || page.Incident.Open() || page.Note != "The chat was deleted." {
			r.T.Fatalf("%+v, %v", page.Incident, err)
		}
		if _, err := r.Leaks.Clear(ctx, r.As("dana", access.DoorAccount), i[0].ID, "Again.", r.TermsOf(i[0].ID)); err != nil {
			r.T.Errorf("pressed twice: %v", err)
		}
		if _, err := r.Leaks.Clear(ctx, r.As("priya", access.DoorAccount), i[0].ID, "Again.", r.TermsOf(i[0].ID)); !errors.Is(err, access.ErrConflict) {
			r.T.Errorf("cleared by a second person: %v", err)
		}
		r.Drain()
		if got := r.Subjects("maya"); !desktest.Has(got, "Leak cleared") {
			r.T.Errorf("the owner got %q", got)
		}
		if got, err := r.Tokens.Collect(ctx, r.As("maya", access.DoorCourse), next.Code()); err != nil || got.Stage != tokens.StageSecret {
			r.T.Errorf("afterwards: %s, %v", got.Stage, err)
		}
		r.Proven()
		r.Searched(value)
	})
}

func TestWhoMayReportALeak(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		who func(r *desktest.Rig) access.Caller
		how access.LeakReport
		why access.Why
		err error
	}{
		"the owner":               {who: func(r *desktest.Rig) access.Caller { return desktest.Older(r.As("maya", access.DoorCourse)) }, how: access.LeakByOwner},
		"the sponsor":             {who: func(r *desktest.Rig) access.Caller { return desktest.Older(r.As("ana", access.DoorCourse)) }, how: access.LeakBySponsor},
		"a reviewer":              {who: func(r *desktest.Rig) access.Caller { return desktest.Older(r.As("dana", access.DoorAccount)) }, how: access.LeakByReviewer},
		"another student":         {who: func(r *desktest.Rig) access.Caller { return r.As("luca", access.DoorCourse) }, err: access.ErrNotFound},
		"a TA":                    {who: func(r *desktest.Rig) access.Caller { return r.As("tom", access.DoorCourse) }, err: access.ErrNotFound},
		"an admin from a course":  {who: func(r *desktest.Rig) access.Caller { return r.As("dana", access.DoorCourse) }, err: access.ErrNotFound},
		"somebody acting as Maya": {who: func(r *desktest.Rig) access.Caller { return r.As("maya", access.DoorCourse, desktest.ActingBy("9")) }, why: access.WhyActing, err: access.ErrNotAllowed},
		"a reviewer, Canvas down": {who: func(r *desktest.Rig) access.Caller {
			s := desktest.Older(r.As("dana", access.DoorAccount))
			r.Cv.Fail(canvastest.Fault{Route: "/api/v1/accounts/:account_id/admins", Status: 503, Times: -1})
			return s
		}, how: access.LeakByReviewer},
		"a reviewer on Maya's door": {who: func(r *desktest.Rig) access.Caller { return r.As("priya", access.DoorUser) }, err: access.ErrNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := desktest.NewRig(t, desktest.Sqlite(t))
			c, value := r.Collected()
			r.Activate("maya", c.Grant.CanvasID)
			caller := tt.who(r)
			_, err := r.Leaks.Report(t.Context(), caller, c.Grant.ID)
			if tt.err != nil {
				if !errors.Is(err, tt.err) || access.WhyOf(err) != tt.why || !r.W.Authenticates(value) || len(r.Incidents(r.Tenant)) != 0 {
					t.Errorf("%v; %d incidents", err, len(r.Incidents(r.Tenant)))
				}
				if _, err := r.Leaks.TellSeen(t.Context(), caller, c.Grant.ID, "here"); !errors.Is(err, tt.err) {
					t.Errorf("where it was seen: %v", err)
				}
				return
			}
			i := r.Incidents(r.Tenant)
			if err != nil || r.W.Authenticates(value) || len(i) != 1 || i[0].How != tt.how || i[0].ReportedBy != caller.Person {
				t.Errorf("%v; %+v", err, i)
			}
			r.Proven()
		})
	}
}

// Whatever else is going on with a token, a leak ends it; on an ended one it
// only opens the incident.
func TestLeakInEveryState(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(r *desktest.Rig) string{
		"handed over": func(r *desktest.Rig) string { c, _ := r.Collected(); return c.Grant.ID },
		"being replaced": func(r *desktest.Rig) string {
			c, _ := r.Collected()
			if _, err := r.Tokens.Replace(r.T.Context(), r.As("maya", access.DoorCourse), c.Request.Code()); err != nil {
				r.T.Fatal(err)
			}
			return c.Grant.ID
		},
		"recovering": func(r *desktest.Rig) string {
			req := r.Approved()
			r.Cv.Fail(canvastest.Fault{Route: desktest.CreateRoute, Method: http.MethodPost, DropAfter: true})
			c, err := r.Tokens.Collect(r.T.Context(), r.As("maya", access.DoorCourse), req.Code())
			if err != nil || c.Stage != tokens.StageRecovering {
				r.T.Fatalf("%s, %v", c.Stage, err)
			}
			return c.Grant.ID
		},
		"frozen": func(r *desktest.Rig) string { g, _ := r.Stopped(); return g.ID },
		"revoked": func(r *desktest.Rig) string {
			c, _ := r.Collected()
			if _, err := r.Tokens.Revoke(r.T.Context(), r.As("maya", access.DoorCourse), c.Grant.ID, ""); err != nil {
				r.T.Fatal(err)
			}
			return c.Grant.ID
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			desktest.Each(t, func(r *desktest.Rig) {
				id := prepare(r)
				ended := r.Grant(id).State.Final()
				for range 2 { // twice is once
					if _, err := r.Leaks.Report(r.T.Context(), r.As("maya", access.DoorCourse), id); err != nil {
						r.T.Fatal(err)
					}
				}
				r.Clock.Advance(time.Minute)
				r.Drain()
				g := r.Grant(id)
				if !g.State.Final() || r.InCanvas("maya") != 0 || len(r.Incidents(r.Tenant)) != 1 {
					r.T.Errorf("%s; %d tokens, %d incidents", g.State, r.InCanvas("maya"), len(r.Incidents(r.Tenant)))
				}
				if ended != (g.Cause != access.ByLeak) || ended != desktest.Has(r.Subjects("maya"), "the token had ended") {
					r.T.Errorf("ended before: %v; cause %s; told %q", ended, g.Cause, r.Subjects("maya"))
				}
				r.Proven()
			})
		})
	}
}

// With Canvas down the report stands, the page says what is known, and two
// messages tell the two truths.
func TestLeakWhileCanvasIsDown(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	c, value := r.Collected()
	r.Activate("maya", c.Grant.CanvasID)
	caller := r.As("maya", access.DoorCourse)
	up := r.Cv.Fail(canvastest.Fault{Route: desktest.CreateRoute + "/:id", Status: 503, Times: -1})
	p, err := r.Leaks.Report(t.Context(), caller, c.Grant.ID)
	if err != nil || p.Grant.State != access.Revoking || p.Grant.Cause != access.ByLeak {
		t.Fatalf("%+v, %v", p.Grant, err)
	}
	before := r.Grant(c.Grant.ID)
	if _, err := r.Leaks.Report(t.Context(), caller, c.Grant.ID); err != nil || r.Grant(c.Grant.ID).Version != before.Version {
		t.Errorf("reported twice: %v", err)
	}
	if _, err := r.Leaks.Clear(t.Context(), r.As("dana", access.DoorAccount), r.Incidents(r.Tenant)[0].ID, "Too early.", r.TermsOf(r.Incidents(r.Tenant)[0].ID)); !errors.Is(err, access.ErrConflict) {
		t.Errorf("cleared while it may still work: %v", err)
	}
	r.Tick(time.Minute)
	if got := r.Subjects("maya"); !desktest.Has(got, "not yet deleted") || desktest.Has(got, "token deleted") {
		t.Errorf("told %q", got)
	}
	up()
	r.Tick(6 * time.Minute)
	r.Clock.Advance(time.Minute)
	r.Drain()
	if got := r.Subjects("maya"); !desktest.Has(got, "token deleted") || r.W.Authenticates(value) {
		t.Errorf("told %q", got)
	}
	r.Proven()
}

// A leak turns a revocation that is under way into one; the incident is opened
// in the same moment.
func TestLeakWhileRevoking(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	c, _ := r.Collected()
	up := r.Cv.Fail(canvastest.Fault{Route: desktest.CreateRoute + "/:id", Method: http.MethodDelete, Status: 503, Times: -1})
	if _, err := r.Tokens.Revoke(t.Context(), r.As("maya", access.DoorCourse), c.Grant.ID, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Leaks.Report(t.Context(), r.As("ana", access.DoorCourse), c.Grant.ID); err != nil {
		t.Fatal(err)
	}
	if g := r.Grant(c.Grant.ID); g.State != access.Revoking || g.Cause != access.ByLeak || g.EndedBy != c.Request.Requester {
		t.Errorf("%+v", g)
	}
	up()
	r.Tick(6 * time.Minute)
	if g := r.Grant(c.Grant.ID); g.State != access.Revoked || g.Cause != access.ByLeak {
		t.Errorf("%+v", g)
	}
	r.Proven()
}

// Killed right after the report was committed, the job ends the token.
func TestLeakSurvivesDeath(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		c, value := r.Collected()
		r.Activate("maya", c.Grant.CanvasID)
		caller := r.As("maya", access.DoorCourse)
		if !r.Die("leak committed", func() { _, _ = r.Leaks.Report(r.T.Context(), caller, c.Grant.ID) }) {
			r.T.Fatal("the report never came to be committed")
		}
		r.Tick(time.Minute)
		if g := r.Grant(c.Grant.ID); g.State != access.Revoked || r.W.Authenticates(value) || len(r.Incidents(r.Tenant)) != 1 {
			r.T.Errorf("after the restart: %s", g.State)
		}
		r.Proven()
	})
}

// Owner, sponsor and reviewer at once: one incident, one end.
func TestLeaksReportedAtOnce(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		c, _ := r.Collected()
		var wg sync.WaitGroup
		for _, caller := range []access.Caller{r.As("maya", access.DoorCourse), r.As("ana", access.DoorCourse), r.As("dana", access.DoorAccount), r.As("priya", access.DoorAccount)} {
			wg.Go(func() {
				if _, err := r.Leaks.Report(r.T.Context(), caller, c.Grant.ID); err != nil {
					r.T.Errorf("%s: %v", caller.Name, err)
				}
			})
		}
		wg.Wait()
		if i := r.Incidents(r.Tenant); len(i) != 1 {
			r.T.Errorf("%d incidents", len(i))
		}
		r.Proven()
	})
}

func TestWhoMayClearALeak(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		who  func(r *desktest.Rig) access.Caller
		note string
		why  access.Why
		err  error
	}{
		"a reviewer":           {who: func(r *desktest.Rig) access.Caller { return r.As("dana", access.DoorAccount) }, note: "Clean."},
		"without a note":       {who: func(r *desktest.Rig) access.Caller { return r.As("dana", access.DoorAccount) }, err: access.ErrInvalid},
		"with an old launch":   {who: func(r *desktest.Rig) access.Caller { return desktest.Older(r.As("dana", access.DoorAccount)) }, note: "x", why: access.WhyStale, err: access.ErrNotAllowed},
		"the owner":            {who: func(r *desktest.Rig) access.Caller { return r.As("maya", access.DoorCourse) }, note: "x", why: access.WhyWrongDoor, err: access.ErrNotAllowed},
		"the sponsor":          {who: func(r *desktest.Rig) access.Caller { return r.As("ana", access.DoorCourse) }, note: "x", why: access.WhyWrongDoor, err: access.ErrNotAllowed},
		"an admin in a course": {who: func(r *desktest.Rig) access.Caller { return r.As("dana", access.DoorCourse) }, note: "x", why: access.WhyWrongDoor, err: access.ErrNotAllowed},
		"acting as an admin":   {who: func(r *desktest.Rig) access.Caller { return r.As("dana", access.DoorAccount, desktest.ActingBy("9")) }, note: "x", why: access.WhyActing, err: access.ErrNotAllowed},
		"a demoted admin": {who: func(r *desktest.Rig) access.Caller {
			s := r.As("priya", access.DoorAccount)
			if _, err := r.Leaks.List(r.T.Context(), s, ""); err != nil {
				r.T.Fatal(err)
			}
			r.W.RemoveAdmin("priya", "root")
			return s
		}, note: "x", why: access.WhyNotReviewer, err: access.ErrNotAllowed},
		"a reviewer whom Canvas cannot confirm": {who: func(r *desktest.Rig) access.Caller {
			s := r.As("dana", access.DoorAccount)
			r.Cv.Fail(canvastest.Fault{Route: "/api/v1/accounts/:account_id/admins", Status: 503, Times: -1})
			return s
		}, note: "x", why: access.WhyCanvas, err: access.ErrNotAllowed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := desktest.NewRig(t, desktest.Sqlite(t))
			c, _ := r.Collected()
			if _, err := r.Leaks.Report(t.Context(), r.As("maya", access.DoorCourse), c.Grant.ID); err != nil {
				t.Fatal(err)
			}
			i := r.Incidents(r.Tenant)[0]
			_, err := r.Leaks.Clear(t.Context(), tt.who(r), i.ID, tt.note, r.TermsOf(i.ID))
			if !errors.Is(err, tt.err) || access.WhyOf(err) != tt.why {
				t.Errorf("%v", err)
			}
			if got := r.Incident(i.ID); got.Open() != (tt.err != nil) {
				t.Errorf("open: %v", got.Open())
			}
			r.Proven()
		})
	}
}

// otherSchool is a second tenant on the same store, and Dana's launch there.
func otherSchool(r *desktest.Rig) access.Caller {
	r.T.Helper()
	tenant, plat := access.TenantID(store.NewID("ten")), store.NewID("plt")
	root := r.W.Account("root")
	err := r.Desk.Store.InTx(r.T.Context(), func(tx *store.Tx) error {
		if err := tx.CreateTenant(store.Tenant{ID: tenant, Name: "Southfield", CanvasAccount: root.ID.String(), Version: 1, CreatedAt: r.Clock.Now()}); err != nil {
			return err
		}
		e := audit.Event{Tenant: string(tenant), At: r.Clock.Now(), Actor: "operator:test", Action: audit.PlatformAdd, Object: plat}
		return tx.SavePlatform(store.Platform{ID: plat, Tenant: tenant, Name: "southfield", CanvasURLs: []string{r.Cv.InstitutionURL()}, CreatedAt: r.Clock.Now(),
			Registration: lti.Registration{ID: plat, Issuer: r.Cv.Issuer(), ClientID: "20000000000002", AuthURL: r.Cv.SSOURL() + "/api/lti/authorize_redirect",
				TokenURL: r.Cv.SSOURL() + "/login/oauth2/token", KeySetURL: r.Cv.SSOURL() + "/api/lti/security/jwks",
				Deployments: []lti.Deployment{{ID: "9:" + root.ContextID, Root: true}}}}, e, nil)
	})
	if err != nil {
		r.T.Fatal(err)
	}
	return r.As("dana", access.DoorAccount, func(l *lti.Launch) {
		l.Registration, l.ClientID, l.DeploymentID = plat, "20000000000002", "9:"+root.ContextID
	})
}

// One school learns nothing of another's leaks, and cannot touch them.
func TestLeaksOfAnotherSchool(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		ctx := r.T.Context()
		c, value := r.Collected()
		r.Activate("maya", c.Grant.CanvasID)
		far := otherSchool(r)
		if _, err := r.Leaks.Check(ctx, far, value); !errors.Is(err, access.ErrNotFound) || !r.W.Authenticates(value) {
			r.T.Errorf("the other school's intake: %v", err)
		}
		if _, err := r.Leaks.Report(ctx, far, c.Grant.ID); !errors.Is(err, access.ErrNotFound) || !r.W.Authenticates(value) {
			r.T.Errorf("reported from the other school: %v", err)
		}
		if _, err := r.Tokens.Freeze(ctx, far, c.Grant.ID, "x"); !errors.Is(err, access.ErrNotFound) {
			r.T.Errorf("frozen from the other school: %v", err)
		}
		if _, err := r.Leaks.Report(ctx, r.As("maya", access.DoorCourse), c.Grant.ID); err != nil {
			r.T.Fatal(err)
		}
		i := r.Incidents(r.Tenant)[0]
		if _, err := r.Leaks.Open(ctx, far, i.ID); !errors.Is(err, access.ErrNotFound) {
			r.T.Errorf("opened from the other school: %v", err)
		}
		if _, err := r.Leaks.Clear(ctx, far, i.ID, "x", r.TermsOf(i.ID)); !errors.Is(err, access.ErrNotFound) {
			r.T.Errorf("cleared from the other school: %v", err)
		}
		if l, err := r.Leaks.List(ctx, far, ""); err != nil || len(l.Open) != 0 || len(r.Incidents(far.Tenant)) != 0 {
			r.T.Errorf("listed in the other school: %+v, %v", l, err)
		}
		r.Proven()
		r.Searched(value)
	})
}
