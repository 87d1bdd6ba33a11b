package tokens_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/store"
)

func TestRenewalIsPrefilled(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		g, _ := r.Active()
		maya := r.As("maya", access.DoorUser) // not opened from the course
		d, err := r.Tokens.Renew(r.T.Context(), maya, g.ID)
		if err != nil {
			r.T.Fatal(err)
		}
		old := r.Request(g.RequestID)
		if d.State != access.Draft || d.Renews != g.ID || !d.Since.Equal(g.Since) || d.Course != old.Course || !d.Answers.Equal(old.Answers.Without("end", "accepted")) ||
			d.Answers.Text("sponsor") != r.W.User("ana").ID.String() {
			r.T.Errorf("the draft is %+v", d)
		}
		again, err := r.Tokens.Renew(r.T.Context(), maya, g.ID)
		if err != nil || again.ID != d.ID {
			r.T.Errorf("a second press made %s, %v", again.ID, err)
		}
		h, err := r.Cases.Home(r.T.Context(), maya)
		if err != nil || len(h.Tokens) != 1 || h.Tokens[0].Renewal == nil || !h.Tokens[0].Can[access.Renew] {
			r.T.Errorf("home: %+v, %v", h.Tokens, err)
		}
		// The sponsor sees no draft of hers.
		p, err := r.Cases.Token(r.T.Context(), r.As("ana", access.DoorCourse), g.ID)
		if err != nil || p.Renewal != nil || p.Can[access.Renew] {
			r.T.Errorf("the sponsor sees %+v, %v", p.Renewal, err)
		}
		r.Proven()
	})
}

// A sponsor who no longer teaches is not chosen in advance.
func TestRenewalWithoutItsSponsor(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	g, _ := r.Active()
	r.W.SetEnrollmentState("ana", "bio201", "completed")
	d, err := r.Tokens.Renew(t.Context(), r.As("maya", access.DoorCourse), g.ID)
	if err != nil || d.Answers.Text("sponsor") != "" {
		t.Errorf("chosen in advance: %q, %v", d.Answers.Text("sponsor"), err)
	}
}

func TestRenewAndRotate(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		old, oldValue := r.Active()
		req := r.Renewed(old.ID, "2027-02-28")
		p, err := r.Cases.Token(r.T.Context(), r.As("maya", access.DoorCourse), old.ID)
		if err != nil || p.Renewal == nil || p.Renewal.ID != req.ID || p.Can[access.Renew] {
			r.T.Errorf("the token does not show its renewal: %+v, %v", p.Renewal, err)
		}
		next, value := r.Collect(req.Code())
		if next.Renews != old.ID || !next.Since.Equal(old.Since) || next.Sponsor != old.Sponsor {
			r.T.Errorf("the new token is %+v", next)
		}
		r.Tick(2 * time.Minute)
		if g := r.Grant(old.ID); g.State != access.Active || !g.RetireAt.IsZero() {
			r.T.Fatalf("the old token is %s, retires at %s, before the new one works", g.State, g.RetireAt)
		}
		r.Activate("maya", next.CanvasID)
		r.Tick(2 * time.Minute)
		g := r.Grant(old.ID)
		if left := g.RetireAt.Sub(r.Clock.Now()); g.State != access.Active || g.Successor != next.ID || left > desktest.BuiltIn.Windows.Overlap || left < desktest.BuiltIn.Windows.Overlap-5*time.Minute {
			r.T.Fatalf("the old token is %s and retires in %s", g.State, left)
		}
		if !r.W.Authenticates(oldValue) || !r.W.Authenticates(value) {
			r.T.Error("both tokens work while the scripts move")
		}
		r.Tick(desktest.BuiltIn.Windows.Overlap - time.Hour)
		if !r.W.Authenticates(oldValue) {
			r.T.Error("the old token stopped before its time")
		}
		r.Tick(time.Hour + time.Second)
		r.Tick(15 * time.Second) // the job that proves it gone
		g = r.Grant(old.ID)
		if g.State != access.Revoked || g.Cause != access.BySuperseded || r.W.Authenticates(oldValue) || !r.W.Authenticates(value) {
			r.T.Errorf("after the overlap the old one is %s by %s", g.State, g.Cause)
		}
		r.Proven()
	})
}

// The first use of the new token ends the old one at once.
func TestFirstUseEndsTheOverlap(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	old, oldValue := r.Active()
	next, value := r.Collect(r.Renewed(old.ID, "2027-02-28").Code())
	r.Activate("maya", next.CanvasID)
	r.Tick(2 * time.Minute)
	r.Clock.Advance(20 * time.Minute) // Canvas writes a use down every ten minutes
	r.Use(value)
	r.Tick(time.Hour)
	r.Tick(time.Minute)
	r.Tick(time.Minute)
	if g := r.Grant(old.ID); g.State != access.Revoked || g.Cause != access.BySuperseded || r.W.Authenticates(oldValue) {
		t.Errorf("the old token is %s by %s, retires at %s; the new one was used at %s", g.State, g.Cause, g.RetireAt, r.Grant(next.ID).LastUsedAt)
	}
	r.Proven()
}

// A use that came before the tool noticed the activation is a use: Canvas's clock
// and the tool's are never compared.
func TestFirstUseBeforeTheActivationIsNoticed(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	old, oldValue := r.Active()
	next, value := r.Collect(r.Renewed(old.ID, "2027-02-28").Code())
	r.Activate("maya", next.CanvasID)
	r.Use(value)
	for range 3 {
		r.Tick(time.Minute)
	}
	n := r.Grant(next.ID)
	if !n.LastUsedAt.Before(n.ActivatedAt) {
		t.Fatalf("used %s, activation noticed %s", n.LastUsedAt, n.ActivatedAt)
	}
	if g := r.Grant(old.ID); g.State != access.Revoked || g.Cause != access.BySuperseded || r.W.Authenticates(oldValue) || !r.W.Authenticates(value) {
		t.Errorf("the old token is %s by %s, retires at %s", g.State, g.Cause, g.RetireAt)
	}
	r.Proven()
}

// A successor that ends before it worked takes nothing away.
func TestSuccessorThatNeverWorked(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(r *desktest.Rig, next access.Grant){
		"revoked": func(r *desktest.Rig, next access.Grant) {
			if _, err := r.Tokens.Revoke(t.Context(), r.As("maya", access.DoorCourse), next.ID, ""); err != nil {
				t.Fatal(err)
			}
		},
		"never activated": func(r *desktest.Rig, _ access.Grant) {
			r.Tick(desktest.BuiltIn.Windows.Activation + time.Minute)
			r.Tick(time.Minute)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := desktest.NewRig(t, desktest.Sqlite(t))
			old, oldValue := r.Active()
			next, _ := r.Collect(r.Renewed(old.ID, "2027-02-28").Code())
			end(r, next)
			r.Tick(desktest.BuiltIn.Windows.Overlap + time.Hour)
			g := r.Grant(old.ID)
			if !r.Grant(next.ID).State.Final() || g.State != access.Active || !g.RetireAt.IsZero() || !r.W.Authenticates(oldValue) {
				t.Errorf("the new one is %s; the old one is %s, retires at %s", r.Grant(next.ID).State, g.State, g.RetireAt)
			}
			if d, err := r.Tokens.Renew(t.Context(), r.As("maya", access.DoorCourse), old.ID); err != nil || d.Renews != old.ID {
				t.Errorf("it cannot be renewed again: %v", err)
			}
		})
	}
}

func TestWhoMayRenew(t *testing.T) {
	t.Parallel()
	revoked := func(r *desktest.Rig, g access.Grant) {
		if _, err := r.Tokens.Revoke(t.Context(), r.As("maya", access.DoorCourse), g.ID, ""); err != nil {
			t.Fatal(err)
		}
	}
	tests := map[string]struct {
		who    func(r *desktest.Rig) access.Caller
		before func(r *desktest.Rig, g access.Grant)
		id     string
		why    access.Why
		err    error
	}{
		"another student":        {who: func(r *desktest.Rig) access.Caller { return r.As("luca", access.DoorCourse) }, err: access.ErrNotFound},
		"the sponsor":            {who: func(r *desktest.Rig) access.Caller { return r.As("ana", access.DoorCourse) }, err: access.ErrNotFound},
		"a reviewer":             {who: func(r *desktest.Rig) access.Caller { return r.As("dana", access.DoorAccount) }, err: access.ErrNotFound},
		"somebody acting as her": {who: func(r *desktest.Rig) access.Caller { return r.As("maya", access.DoorCourse, desktest.ActingBy("9")) }, why: access.WhyActing, err: access.ErrNotAllowed},
		"an id that is none":     {id: "grt_' OR 1=1", err: access.ErrNotFound},
		"an ended token":         {before: revoked, why: access.WhyNotRenewable, err: access.ErrNotAllowed},
		"a frozen token": {before: func(r *desktest.Rig, g access.Grant) {
			r.Force(g.ID, func(g *access.Grant) { g.State = access.Frozen })
		},
			why: access.WhyNotRenewable, err: access.ErrNotAllowed},
		"one that gives way": {before: func(r *desktest.Rig, g access.Grant) {
			r.Force(g.ID, func(g *access.Grant) { g.RetireAt = r.Clock.Now().Add(time.Hour) })
		}, why: access.WhyNotRenewable, err: access.ErrNotAllowed},
		"with an open incident": {before: func(r *desktest.Rig, g access.Grant) { r.OpenLeak(g.Owner) }, why: access.WhyIncident, err: access.ErrNotAllowed},
		"too early": {before: func(r *desktest.Rig, g access.Grant) {
			r.Force(g.ID, func(g *access.Grant) { g.Expires = r.Clock.Now().Add(desktest.BuiltIn.Windows.Renewal + time.Minute) })
		}, why: access.WhyNotRenewable, err: access.ErrNotAllowed},
		"beyond the total life": {before: func(r *desktest.Rig, g access.Grant) {
			r.Force(g.ID, func(g *access.Grant) { g.Since = g.Expires.AddDate(-1, 0, 0) })
		}, why: access.WhyTotalLife, err: access.ErrNotAllowed},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := desktest.NewRig(t, desktest.Sqlite(t))
			g, _ := r.Active()
			if tt.before != nil {
				tt.before(r, g)
			}
			caller := r.As("maya", access.DoorCourse)
			if tt.who != nil {
				caller = tt.who(r)
			}
			id := g.ID
			if tt.id != "" {
				id = tt.id
			}
			d, err := r.Tokens.Renew(t.Context(), caller, id)
			if !errors.Is(err, tt.err) || access.WhyOf(err) != tt.why {
				t.Errorf("it made %q and refused with %v", d.ID, err)
			}
			r.Proven()
		})
	}
}

// Two presses at once make one draft.
func TestRenewTwiceAtOnce(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		g, _ := r.Active()
		maya := r.As("maya", access.DoorCourse)
		ids := make([]string, 8)
		var wg sync.WaitGroup
		for i := range ids {
			wg.Go(func() {
				d, err := r.Tokens.Renew(r.T.Context(), maya, g.ID)
				if err != nil {
					r.T.Error(err)
				}
				ids[i] = d.ID
			})
		}
		wg.Wait()
		for _, id := range ids {
			if id != ids[0] {
				r.T.Fatalf("drafts %v", ids)
			}
		}
	})
}

// What stands in a form cannot make a request renew something.
func TestNoRenewalByTheForm(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	g, _ := r.Active()
	maya := r.As("maya", access.DoorCourse)
	d, err := r.Tokens.Renew(t.Context(), maya, g.ID)
	if err != nil {
		t.Fatal(err)
	}
	// Somebody else sends a form that names her draft.
	if _, err := r.Requests.Submit(t.Context(), r.As("luca", access.DoorCourse), d.ID, r.Answers()); !errors.Is(err, access.ErrNotFound) {
		t.Errorf("another person sent her renewal: %v", err)
	}
	if _, err := r.Requests.SaveDraft(t.Context(), r.As("luca", access.DoorCourse), d.ID, r.Answers()); !errors.Is(err, access.ErrNotFound) {
		t.Errorf("another person saved her renewal: %v", err)
	}
	// Saving keeps the link.
	if _, err := r.Requests.SaveDraft(t.Context(), maya, d.ID, r.Answers()); err != nil {
		t.Fatal(err)
	}
	if q := r.Request(d.ID); q.Renews != g.ID || !q.Since.Equal(g.Since) {
		t.Errorf("the draft renews %q since %s", q.Renews, q.Since)
	}
	// Its token ends before it is sent: there is nothing to renew.
	if _, err := r.Tokens.Revoke(t.Context(), maya, g.ID, ""); err != nil {
		t.Fatal(err)
	}
	a := r.Answers()
	if _, err := r.Requests.Submit(t.Context(), maya, d.ID, a); access.WhyOf(err) != access.WhyNotRenewable {
		t.Errorf("the renewal of an ended token: %v", err)
	}
}

// An owner at both quotas can renew, and cannot use that to get one more.
func TestRenewalAndQuota(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		a, _ := r.Active()
		b, _ := r.Active()
		maya := r.As("maya", access.DoorCourse)
		if _, err := r.Requests.Submit(r.T.Context(), maya, "", r.Answers()); access.WhyOf(err) != access.WhyQuotaLive {
			r.T.Fatalf("a third token: %v", err)
		}
		req := r.Renewed(a.ID, "2027-02-28")
		next, _ := r.Collect(req.Code())
		if _, err := r.Tokens.Renew(r.T.Context(), maya, a.ID); access.WhyOf(err) != access.WhyNotRenewable {
			r.T.Errorf("renewing it again before the new one works: %v", err)
		}
		r.Activate("maya", next.CanvasID)
		r.Tick(2 * time.Minute)
		if _, err := r.Requests.Submit(r.T.Context(), maya, "", r.Answers()); access.WhyOf(err) != access.WhyQuotaLive {
			r.T.Errorf("a third token during the overlap: %v", err)
		}
		if _, err := r.Tokens.Renew(r.T.Context(), maya, a.ID); access.WhyOf(err) != access.WhyNotRenewable {
			r.T.Errorf("renewing the same token again: %v", err)
		}
		if _, err := r.Tokens.Renew(r.T.Context(), maya, b.ID); err != nil {
			r.T.Errorf("renewing the other one: %v", err)
		}
		r.Proven()
	})
}

// However often it is renewed, a student's token lives a year at most.
func TestRenewalsAreBounded(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	g, _ := r.Active()
	since := r.Clock.Now().AddDate(0, 0, -340) // 25 days of its year are left
	r.Force(g.ID, func(g *access.Grant) { g.Since, g.Expires = since, r.Clock.Now().AddDate(0, 0, 10) })
	maya := r.As("maya", access.DoorCourse)
	d, err := r.Tokens.Renew(t.Context(), maya, g.ID)
	if err != nil {
		t.Fatal(err)
	}
	form, err := r.Requests.Form(t.Context(), maya, d.ID)
	if err != nil || form.Cause != policy.CauseTotal || !form.Latest.Equal(since.Add(365*24*time.Hour)) {
		t.Errorf("the form offers %s because of %s, %v", form.Latest, form.Cause, err)
	}
	a := d.Answers
	a.Set("end", "2027-01-15")
	a.Set("accepted", access.Accepted)
	var wrong *access.FormError
	if _, err := r.Requests.Submit(t.Context(), maya, d.ID, a); !errors.As(err, &wrong) || wrong.Fields[0].Code != "end.too_late" {
		t.Errorf("later than its year: %v", err)
	}
	// Withdrawn and asked for again, declined and started again: the bound stays.
	a.Set("end", "2026-12-15")
	q, err := r.Requests.Submit(t.Context(), maya, d.ID, a)
	if err != nil {
		t.Fatal(err)
	}
	r.Act(maya, q.Code(), access.Withdraw, access.Move{})
	if d, err = r.Tokens.Renew(t.Context(), maya, g.ID); err != nil || !d.Since.Equal(since) || d.ID == q.ID {
		t.Fatalf("again: %s since %s, %v", d.ID, d.Since, err)
	}
	a.Set("end", "2026-12-16")
	if q, err = r.Requests.Submit(t.Context(), maya, d.ID, a); err != nil {
		t.Fatal(err)
	}
	r.Act(r.As("ana", access.DoorCourse), q.Code(), access.Decline, access.Move{Reason: "Not this term."})
	d, err = r.Requests.Refile(t.Context(), maya, q.Code())
	if err != nil || d.Renews != g.ID || !d.Since.Equal(since) {
		t.Errorf("refiled: renews %q since %s, %v", d.Renews, d.Since, err)
	}
	r.Proven()
}

// A renewal does not outlive a reason to end what it renews.
func TestRenewalOfATokenEndedForCause(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	g, _ := r.Active()
	req := r.Renewed(g.ID, "2027-02-28")
	if _, err := r.Tokens.Revoke(t.Context(), r.As("dana", access.DoorAccount), g.ID, "It wrote to other courses."); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Tokens.Collect(t.Context(), r.As("maya", access.DoorCourse), req.Code()); access.WhyOf(err) != access.WhySponsorChanged {
		t.Fatalf("collect: %v", err)
	}
	if q := r.Request(req.ID); q.State != access.InReview {
		t.Errorf("the renewal is %s", q.State)
	}
	if _, err := r.Requests.Act(t.Context(), r.As("priya", access.DoorAccount), req.Code(), access.Approve, access.Move{}, r.TermsOf(req.Code())); access.WhyOf(err) != access.WhyRenewedEnded {
		t.Errorf("approved again: %v", err)
	}
	r.Proven()
}

func TestEvidenceAtRenewal(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	g, value := r.Active()
	r.Clock.Advance(20 * time.Minute)
	r.Use(value)
	r.Tick(time.Hour)
	r.Tick(5 * 24 * time.Hour)
	maya := r.As("maya", access.DoorCourse)
	d, err := r.Tokens.Renew(t.Context(), maya, g.ID)
	if err != nil {
		t.Fatal(err)
	}
	a := d.Answers
	a.Set("end", "2027-02-28")
	a.Set("accepted", access.Accepted)
	req, err := r.Requests.Submit(t.Context(), maya, d.ID, a)
	if err != nil {
		t.Fatal(err)
	}
	r.Act(r.As("ana", access.DoorCourse), req.Code(), access.Endorse, access.Move{})
	p, err := r.Cases.Open(t.Context(), r.As("dana", access.DoorAccount), req.Code())
	if err != nil || p.Evidence == nil {
		t.Fatalf("no evidence: %v", err)
	}
	if e := p.Evidence; e.Of.ID != g.ID || e.IdleDays != 5 || !e.CourseRead || e.SponsorWhy != "" || !e.Until.Equal(g.Since.Add(365*24*time.Hour)) {
		t.Errorf("evidence %+v", e)
	}
	r.W.SetEnrollmentState("ana", "bio201", "completed")
	if p, err = r.Cases.Open(t.Context(), r.As("dana", access.DoorAccount), req.Code()); err != nil || p.Evidence.SponsorWhy != access.WhyNotTeaching {
		t.Errorf("the sponsor left: %+v, %v", p.Evidence, err)
	}
	// Its owner sees the page without it.
	if p, err = r.Cases.Open(t.Context(), maya, req.Code()); err != nil || p.Evidence != nil {
		t.Errorf("the owner sees %+v, %v", p.Evidence, err)
	}
}

func TestTenantsRenewTheirOwn(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	g, _ := r.Active()
	caller := r.As("maya", access.DoorCourse)
	caller.Tenant = access.TenantID(store.NewID("ten"))
	if _, err := r.Tokens.Renew(t.Context(), caller, g.ID); !errors.Is(err, access.ErrNotFound) {
		t.Errorf("from another tenant: %v", err)
	}
}
