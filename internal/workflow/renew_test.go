package workflow

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/store"
)

// active is Maya's token, activated in Canvas and seen to be, with its value. It
// ends on 20 December: within the window of renewals.
func (r *rig) active() (access.Grant, string) {
	r.t.Helper()
	c, value := r.collected()
	r.activate("maya", c.Grant.CanvasID)
	r.tick(2 * time.Minute)
	g := r.grant(c.Grant.ID)
	if g.State != access.Active {
		r.t.Fatalf("the token is %s", g.State)
	}
	return g, value
}

// renewed sends the renewal of Maya's token up to its approval.
func (r *rig) renewed(grantID, end string) access.Request {
	r.t.Helper()
	maya := r.as("maya", access.DoorCourse)
	d, err := r.Renew(r.t.Context(), maya, grantID)
	if err != nil {
		r.t.Fatal(err)
	}
	a := d.Answers
	a.Set("end", end)
	a.Set("accepted", access.Accepted)
	req, err := r.Submit(r.t.Context(), maya, d.ID, a)
	if err != nil {
		r.t.Fatal(err)
	}
	r.act(r.as("ana", access.DoorCourse), req.Code(), access.Endorse, access.Move{})
	return r.act(r.as("dana", access.DoorAccount), req.Code(), access.Approve, access.Move{}).Request
}

// collect makes the token of an approved request.
func (r *rig) collect(code string) (access.Grant, string) {
	r.t.Helper()
	c, err := r.Collect(r.t.Context(), r.as("maya", access.DoorCourse), code)
	if err != nil || c.Stage != StageSecret {
		r.t.Fatalf("collect %s: %s (%s), %v", code, c.Stage, c.Trouble, err)
	}
	return *c.Grant, c.Value.Reveal()
}

func TestRenewalIsPrefilled(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		g, _ := r.active()
		maya := r.as("maya", access.DoorUser) // not opened from the course
		d, err := r.Renew(r.t.Context(), maya, g.ID)
		if err != nil {
			r.t.Fatal(err)
		}
		old := r.request(g.RequestID)
		if d.State != access.Draft || d.Renews != g.ID || !d.Since.Equal(g.Since) || d.Course != old.Course || !d.Answers.Equal(old.Answers.Without("end", "accepted")) ||
			d.Answers.Text("sponsor") != r.w.User("ana").ID.String() {
			r.t.Errorf("the draft is %+v", d)
		}
		again, err := r.Renew(r.t.Context(), maya, g.ID)
		if err != nil || again.ID != d.ID {
			r.t.Errorf("a second press made %s, %v", again.ID, err)
		}
		h, err := r.Home(r.t.Context(), maya)
		if err != nil || len(h.Tokens) != 1 || h.Tokens[0].Renewal == nil || !h.Tokens[0].Can[access.Renew] {
			r.t.Errorf("home: %+v, %v", h.Tokens, err)
		}
		// The sponsor sees no draft of hers.
		p, err := r.Token(r.t.Context(), r.as("ana", access.DoorCourse), g.ID)
		if err != nil || p.Renewal != nil || p.Can[access.Renew] {
			r.t.Errorf("the sponsor sees %+v, %v", p.Renewal, err)
		}
		r.proven()
	})
}

// A sponsor who no longer teaches is not chosen in advance.
func TestRenewalWithoutItsSponsor(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	g, _ := r.active()
	r.w.SetEnrollmentState("ana", "bio201", "completed")
	d, err := r.Renew(t.Context(), r.as("maya", access.DoorCourse), g.ID)
	if err != nil || d.Answers.Text("sponsor") != "" {
		t.Errorf("chosen in advance: %q, %v", d.Answers.Text("sponsor"), err)
	}
}

func TestRenewAndRotate(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		old, oldValue := r.active()
		req := r.renewed(old.ID, "2027-02-28")
		p, err := r.Token(r.t.Context(), r.as("maya", access.DoorCourse), old.ID)
		if err != nil || p.Renewal == nil || p.Renewal.ID != req.ID || p.Can[access.Renew] {
			r.t.Errorf("the token does not show its renewal: %+v, %v", p.Renewal, err)
		}
		next, value := r.collect(req.Code())
		if next.Renews != old.ID || !next.Since.Equal(old.Since) || next.Sponsor != old.Sponsor {
			r.t.Errorf("the new token is %+v", next)
		}
		r.tick(2 * time.Minute)
		if g := r.grant(old.ID); g.State != access.Active || !g.RetireAt.IsZero() {
			r.t.Fatalf("the old token is %s, retires at %s, before the new one works", g.State, g.RetireAt)
		}
		r.activate("maya", next.CanvasID)
		r.tick(2 * time.Minute)
		g := r.grant(old.ID)
		if left := g.RetireAt.Sub(r.clock.Now()); g.State != access.Active || g.Successor != next.ID || left > builtIn.Windows.Overlap || left < builtIn.Windows.Overlap-5*time.Minute {
			r.t.Fatalf("the old token is %s and retires in %s", g.State, left)
		}
		if !r.w.Authenticates(oldValue) || !r.w.Authenticates(value) {
			r.t.Error("both tokens work while the scripts move")
		}
		r.tick(builtIn.Windows.Overlap - time.Hour)
		if !r.w.Authenticates(oldValue) {
			r.t.Error("the old token stopped before its time")
		}
		r.tick(time.Hour + time.Second)
		r.tick(15 * time.Second) // the job that proves it gone
		g = r.grant(old.ID)
		if g.State != access.Revoked || g.Cause != access.BySuperseded || r.w.Authenticates(oldValue) || !r.w.Authenticates(value) {
			r.t.Errorf("after the overlap the old one is %s by %s", g.State, g.Cause)
		}
		r.proven()
	})
}

// The first use of the new token ends the old one at once.
func TestFirstUseEndsTheOverlap(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	old, oldValue := r.active()
	next, value := r.collect(r.renewed(old.ID, "2027-02-28").Code())
	r.activate("maya", next.CanvasID)
	r.tick(2 * time.Minute)
	r.clock.Advance(20 * time.Minute) // Canvas writes a use down every ten minutes
	r.use(value)
	r.tick(time.Hour)
	r.tick(time.Minute)
	r.tick(time.Minute)
	if g := r.grant(old.ID); g.State != access.Revoked || g.Cause != access.BySuperseded || r.w.Authenticates(oldValue) {
		t.Errorf("the old token is %s by %s, retires at %s; the new one was used at %s", g.State, g.Cause, g.RetireAt, r.grant(next.ID).LastUsedAt)
	}
	r.proven()
}

// A use that came before the tool noticed the activation is a use: Canvas's clock
// and the tool's are never compared.
func TestFirstUseBeforeTheActivationIsNoticed(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	old, oldValue := r.active()
	next, value := r.collect(r.renewed(old.ID, "2027-02-28").Code())
	r.activate("maya", next.CanvasID)
	r.use(value)
	for range 3 {
		r.tick(time.Minute)
	}
	n := r.grant(next.ID)
	if !n.LastUsedAt.Before(n.ActivatedAt) {
		t.Fatalf("used %s, activation noticed %s", n.LastUsedAt, n.ActivatedAt)
	}
	if g := r.grant(old.ID); g.State != access.Revoked || g.Cause != access.BySuperseded || r.w.Authenticates(oldValue) || !r.w.Authenticates(value) {
		t.Errorf("the old token is %s by %s, retires at %s", g.State, g.Cause, g.RetireAt)
	}
	r.proven()
}

// A successor that ends before it worked takes nothing away.
func TestSuccessorThatNeverWorked(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(r *rig, next access.Grant){
		"revoked": func(r *rig, next access.Grant) {
			if _, err := r.Revoke(t.Context(), r.as("maya", access.DoorCourse), next.ID, ""); err != nil {
				t.Fatal(err)
			}
		},
		"never activated": func(r *rig, _ access.Grant) {
			r.tick(builtIn.Windows.Activation + time.Minute)
			r.tick(time.Minute)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sqlite(t))
			old, oldValue := r.active()
			next, _ := r.collect(r.renewed(old.ID, "2027-02-28").Code())
			end(r, next)
			r.tick(builtIn.Windows.Overlap + time.Hour)
			g := r.grant(old.ID)
			if !r.grant(next.ID).State.Final() || g.State != access.Active || !g.RetireAt.IsZero() || !r.w.Authenticates(oldValue) {
				t.Errorf("the new one is %s; the old one is %s, retires at %s", r.grant(next.ID).State, g.State, g.RetireAt)
			}
			if d, err := r.Renew(t.Context(), r.as("maya", access.DoorCourse), old.ID); err != nil || d.Renews != old.ID {
				t.Errorf("it cannot be renewed again: %v", err)
			}
		})
	}
}

func TestWhoMayRenew(t *testing.T) {
	t.Parallel()
	revoked := func(r *rig, g access.Grant) {
		if _, err := r.Revoke(t.Context(), r.as("maya", access.DoorCourse), g.ID, ""); err != nil {
			t.Fatal(err)
		}
	}
	tests := map[string]struct {
		who    func(r *rig) access.Caller
		before func(r *rig, g access.Grant)
		id     string
		why    access.Why
		err    error
	}{
		"another student":        {who: func(r *rig) access.Caller { return r.as("luca", access.DoorCourse) }, err: access.ErrNotFound},
		"the sponsor":            {who: func(r *rig) access.Caller { return r.as("ana", access.DoorCourse) }, err: access.ErrNotFound},
		"a reviewer":             {who: func(r *rig) access.Caller { return r.as("dana", access.DoorAccount) }, err: access.ErrNotFound},
		"somebody acting as her": {who: func(r *rig) access.Caller { return r.as("maya", access.DoorCourse, actingBy("9")) }, why: access.WhyActing, err: access.ErrNotAllowed},
		"an id that is none":     {id: "grt_' OR 1=1", err: access.ErrNotFound},
		"an ended token":         {before: revoked, why: access.WhyNotRenewable, err: access.ErrNotAllowed},
		"a frozen token": {before: func(r *rig, g access.Grant) { r.force(g.ID, func(g *access.Grant) { g.State = access.Frozen }) },
			why: access.WhyNotRenewable, err: access.ErrNotAllowed},
		"one that gives way": {before: func(r *rig, g access.Grant) {
			r.force(g.ID, func(g *access.Grant) { g.RetireAt = r.clock.Now().Add(time.Hour) })
		}, why: access.WhyNotRenewable, err: access.ErrNotAllowed},
		"with an open incident": {before: func(r *rig, g access.Grant) { r.openLeak(g.Owner) }, why: access.WhyIncident, err: access.ErrNotAllowed},
		"too early": {before: func(r *rig, g access.Grant) {
			r.force(g.ID, func(g *access.Grant) { g.Expires = r.clock.Now().Add(builtIn.Windows.Renewal + time.Minute) })
		}, why: access.WhyNotRenewable, err: access.ErrNotAllowed},
		"beyond the total life": {before: func(r *rig, g access.Grant) {
			r.force(g.ID, func(g *access.Grant) { g.Since = g.Expires.AddDate(-1, 0, 0) })
		}, why: access.WhyTotalLife, err: access.ErrNotAllowed},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sqlite(t))
			g, _ := r.active()
			if tt.before != nil {
				tt.before(r, g)
			}
			caller := r.as("maya", access.DoorCourse)
			if tt.who != nil {
				caller = tt.who(r)
			}
			id := g.ID
			if tt.id != "" {
				id = tt.id
			}
			d, err := r.Renew(t.Context(), caller, id)
			if !errors.Is(err, tt.err) || access.WhyOf(err) != tt.why {
				t.Errorf("it made %q and refused with %v", d.ID, err)
			}
			r.proven()
		})
	}
}

// Two presses at once make one draft.
func TestRenewTwiceAtOnce(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		g, _ := r.active()
		maya := r.as("maya", access.DoorCourse)
		ids := make([]string, 8)
		var wg sync.WaitGroup
		for i := range ids {
			wg.Go(func() {
				d, err := r.Renew(r.t.Context(), maya, g.ID)
				if err != nil {
					r.t.Error(err)
				}
				ids[i] = d.ID
			})
		}
		wg.Wait()
		for _, id := range ids {
			if id != ids[0] {
				r.t.Fatalf("drafts %v", ids)
			}
		}
	})
}

// What stands in a form cannot make a request renew something.
func TestNoRenewalByTheForm(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	g, _ := r.active()
	maya := r.as("maya", access.DoorCourse)
	d, err := r.Renew(t.Context(), maya, g.ID)
	if err != nil {
		t.Fatal(err)
	}
	// Somebody else sends a form that names her draft.
	if _, err := r.Submit(t.Context(), r.as("luca", access.DoorCourse), d.ID, r.answers()); !errors.Is(err, access.ErrNotFound) {
		t.Errorf("another person sent her renewal: %v", err)
	}
	if _, err := r.SaveDraft(t.Context(), r.as("luca", access.DoorCourse), d.ID, r.answers()); !errors.Is(err, access.ErrNotFound) {
		t.Errorf("another person saved her renewal: %v", err)
	}
	// Saving keeps the link.
	if _, err := r.SaveDraft(t.Context(), maya, d.ID, r.answers()); err != nil {
		t.Fatal(err)
	}
	if q := r.request(d.ID); q.Renews != g.ID || !q.Since.Equal(g.Since) {
		t.Errorf("the draft renews %q since %s", q.Renews, q.Since)
	}
	// Its token ends before it is sent: there is nothing to renew.
	if _, err := r.Revoke(t.Context(), maya, g.ID, ""); err != nil {
		t.Fatal(err)
	}
	a := r.answers()
	if _, err := r.Submit(t.Context(), maya, d.ID, a); access.WhyOf(err) != access.WhyNotRenewable {
		t.Errorf("the renewal of an ended token: %v", err)
	}
}

// An owner at both quotas can renew, and cannot use that to get one more.
func TestRenewalAndQuota(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		a, _ := r.active()
		b, _ := r.active()
		maya := r.as("maya", access.DoorCourse)
		if _, err := r.Submit(r.t.Context(), maya, "", r.answers()); access.WhyOf(err) != access.WhyQuotaLive {
			r.t.Fatalf("a third token: %v", err)
		}
		req := r.renewed(a.ID, "2027-02-28")
		next, _ := r.collect(req.Code())
		if _, err := r.Renew(r.t.Context(), maya, a.ID); access.WhyOf(err) != access.WhyNotRenewable {
			r.t.Errorf("renewing it again before the new one works: %v", err)
		}
		r.activate("maya", next.CanvasID)
		r.tick(2 * time.Minute)
		if _, err := r.Submit(r.t.Context(), maya, "", r.answers()); access.WhyOf(err) != access.WhyQuotaLive {
			r.t.Errorf("a third token during the overlap: %v", err)
		}
		if _, err := r.Renew(r.t.Context(), maya, a.ID); access.WhyOf(err) != access.WhyNotRenewable {
			r.t.Errorf("renewing the same token again: %v", err)
		}
		if _, err := r.Renew(r.t.Context(), maya, b.ID); err != nil {
			r.t.Errorf("renewing the other one: %v", err)
		}
		r.proven()
	})
}

// However often it is renewed, a student's token lives a year at most.
func TestRenewalsAreBounded(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	g, _ := r.active()
	since := r.clock.Now().AddDate(0, 0, -340) // 25 days of its year are left
	r.force(g.ID, func(g *access.Grant) { g.Since, g.Expires = since, r.clock.Now().AddDate(0, 0, 10) })
	maya := r.as("maya", access.DoorCourse)
	d, err := r.Renew(t.Context(), maya, g.ID)
	if err != nil {
		t.Fatal(err)
	}
	form, err := r.Form(t.Context(), maya, d.ID)
	if err != nil || form.Cause != policy.CauseTotal || !form.Latest.Equal(since.Add(365*24*time.Hour)) {
		t.Errorf("the form offers %s because of %s, %v", form.Latest, form.Cause, err)
	}
	a := d.Answers
	a.Set("end", "2027-01-15")
	a.Set("accepted", access.Accepted)
	var wrong *access.FormError
	if _, err := r.Submit(t.Context(), maya, d.ID, a); !errors.As(err, &wrong) || wrong.Fields[0].Code != "end.too_late" {
		t.Errorf("later than its year: %v", err)
	}
	// Withdrawn and asked for again, declined and started again: the bound stays.
	a.Set("end", "2026-12-15")
	q, err := r.Submit(t.Context(), maya, d.ID, a)
	if err != nil {
		t.Fatal(err)
	}
	r.act(maya, q.Code(), access.Withdraw, access.Move{})
	if d, err = r.Renew(t.Context(), maya, g.ID); err != nil || !d.Since.Equal(since) || d.ID == q.ID {
		t.Fatalf("again: %s since %s, %v", d.ID, d.Since, err)
	}
	a.Set("end", "2026-12-16")
	if q, err = r.Submit(t.Context(), maya, d.ID, a); err != nil {
		t.Fatal(err)
	}
	r.act(r.as("ana", access.DoorCourse), q.Code(), access.Decline, access.Move{Reason: "Not this term."})
	d, err = r.Refile(t.Context(), maya, q.Code())
	if err != nil || d.Renews != g.ID || !d.Since.Equal(since) {
		t.Errorf("refiled: renews %q since %s, %v", d.Renews, d.Since, err)
	}
	r.proven()
}

// A renewal does not outlive a reason to end what it renews.
func TestRenewalOfATokenEndedForCause(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	g, _ := r.active()
	req := r.renewed(g.ID, "2027-02-28")
	if _, err := r.Revoke(t.Context(), r.as("dana", access.DoorAccount), g.ID, "It wrote to other courses."); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Collect(t.Context(), r.as("maya", access.DoorCourse), req.Code()); access.WhyOf(err) != access.WhySponsorChanged {
		t.Fatalf("collect: %v", err)
	}
	if q := r.request(req.ID); q.State != access.InReview {
		t.Errorf("the renewal is %s", q.State)
	}
	if _, err := r.Act(t.Context(), r.as("priya", access.DoorAccount), req.Code(), access.Approve, access.Move{}, r.termsOf(req.Code())); access.WhyOf(err) != access.WhyRenewedEnded {
		t.Errorf("approved again: %v", err)
	}
	r.proven()
}

func TestEvidenceAtRenewal(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	g, value := r.active()
	r.clock.Advance(20 * time.Minute)
	r.use(value)
	r.tick(time.Hour)
	r.tick(5 * 24 * time.Hour)
	maya := r.as("maya", access.DoorCourse)
	d, err := r.Renew(t.Context(), maya, g.ID)
	if err != nil {
		t.Fatal(err)
	}
	a := d.Answers
	a.Set("end", "2027-02-28")
	a.Set("accepted", access.Accepted)
	req, err := r.Submit(t.Context(), maya, d.ID, a)
	if err != nil {
		t.Fatal(err)
	}
	r.act(r.as("ana", access.DoorCourse), req.Code(), access.Endorse, access.Move{})
	p, err := r.Open(t.Context(), r.as("dana", access.DoorAccount), req.Code())
	if err != nil || p.Evidence == nil {
		t.Fatalf("no evidence: %v", err)
	}
	if e := p.Evidence; e.Of.ID != g.ID || e.IdleDays != 5 || !e.CourseRead || e.SponsorWhy != "" || !e.Until.Equal(g.Since.Add(365*24*time.Hour)) {
		t.Errorf("evidence %+v", e)
	}
	r.w.SetEnrollmentState("ana", "bio201", "completed")
	if p, err = r.Open(t.Context(), r.as("dana", access.DoorAccount), req.Code()); err != nil || p.Evidence.SponsorWhy != access.WhyNotTeaching {
		t.Errorf("the sponsor left: %+v, %v", p.Evidence, err)
	}
	// Its owner sees the page without it.
	if p, err = r.Open(t.Context(), maya, req.Code()); err != nil || p.Evidence != nil {
		t.Errorf("the owner sees %+v, %v", p.Evidence, err)
	}
}

func TestTenantsRenewTheirOwn(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	g, _ := r.active()
	caller := r.as("maya", access.DoorCourse)
	caller.Tenant = access.TenantID(store.NewID("ten"))
	if _, err := r.Renew(t.Context(), caller, g.ID); !errors.Is(err, access.ErrNotFound) {
		t.Errorf("from another tenant: %v", err)
	}
}
