package requests_test

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/desk/requests"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/store"
)

func TestSubmitRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		who    string
		door   access.Door
		before func(r *desktest.Rig)
		change func(r *desktest.Rig, a *access.Answers)
		why    access.Why
		code   string
	}{
		"an empty form":                                    {who: "maya", change: func(_ *desktest.Rig, a *access.Answers) { *a = access.Answers{} }, code: "purpose.missing"},
		"naming oneself":                                   {who: "maya", change: func(r *desktest.Rig, a *access.Answers) { a.Set("sponsor", r.W.User("maya").ID.String()) }, code: "sponsor.self"},
		"a professor of another course":                    {who: "maya", change: func(r *desktest.Rig, a *access.Answers) { a.Set("sponsor", r.W.User("helen").ID.String()) }, code: "sponsor.not_teaching"},
		"the course's TA":                                  {who: "maya", change: func(r *desktest.Rig, a *access.Answers) { a.Set("sponsor", r.W.User("tom").ID.String()) }, code: "sponsor.not_teaching"},
		"somebody who does not exist":                      {who: "maya", change: func(_ *desktest.Rig, a *access.Answers) { a.Set("sponsor", "999999999999") }, code: "sponsor.not_teaching"},
		"a sponsor that is no id":                          {who: "maya", change: func(_ *desktest.Rig, a *access.Answers) { a.Set("sponsor", "../users/self") }, code: "sponsor.not_teaching"},
		"an end too late":                                  {who: "maya", change: func(_ *desktest.Rig, a *access.Answers) { a.Set("end", "2027-11-01") }, code: "end.too_late"},
		"a teacher with an admin role":                     {who: "victor", door: access.DoorUser, why: access.WhyAccountRole},
		"a root admin":                                     {who: "dana", door: access.DoorUser, why: access.WhyRole},
		"a student who teaches a sandbox names themselves": {who: "noor", change: func(r *desktest.Rig, a *access.Answers) { a.Set("sponsor", r.W.User("noor").ID.String()) }, code: "sponsor.self"},
		"an observer":                                      {who: "omar", door: access.DoorUser, why: access.WhyRole},
		"somebody without enrolments":                      {who: "sam", door: access.DoorUser, why: access.WhyRole},
		"a student outside a course":                       {who: "maya", door: access.DoorUser, code: "sponsor.not_teaching"},
		"while Canvas does not answer": {who: "maya", before: func(r *desktest.Rig) {
			r.Cv.Fail(canvastest.Fault{Route: "/api/v1/users/:user_id/enrollments", Status: 503, Times: -1})
		}, why: access.WhyCanvas},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := desktest.NewRig(t, desktest.Sqlite(t))
			door := tt.door
			if door == "" {
				door = access.DoorCourse
			}
			caller := r.As(tt.who, door)
			if tt.before != nil {
				tt.before(r)
			}
			a := r.Answers()
			if tt.change != nil {
				tt.change(r, &a)
			}
			_, err := r.Requests.Submit(t.Context(), caller, "", a)
			var f *access.FormError
			switch {
			case tt.code != "":
				if !errors.As(err, &f) || f.Fields[0].Code != tt.code {
					t.Errorf("%v, want %s", err, tt.code)
				}
			case access.WhyOf(err) != tt.why:
				t.Errorf("%v, want %s", err, tt.why)
			}
			if n := r.Happened(audit.Refused); (n == 1) != (tt.why != "" && tt.why != access.WhyCanvas) {
				t.Errorf("the refusal is recorded %d times", n)
			}
			none(r)
		})
	}
}

// none: no request was made.
func none(r *desktest.Rig) {
	r.T.Helper()
	err := r.Desk.Store.Read(r.T.Context(), func(tx *store.Tx) error {
		n, err := tx.CountRequests(store.RequestQuery{Tenant: r.Tenant})
		if n != 0 {
			r.T.Errorf("%d requests were made", n)
		}
		return err
	})
	if err != nil {
		r.T.Fatal(err)
	}
}

func TestFacultyGoStraightToReview(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	a := r.Answers()
	a.Set("sponsor", "")
	req, err := r.Requests.Submit(t.Context(), r.As("ana", access.DoorCourse), "", a)
	if err != nil || req.State != access.InReview || req.Sponsor != "" || req.ReviewDue.IsZero() {
		t.Errorf("%+v, %v", req, err)
	}
}

func TestQuota(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		caller := r.As("maya", access.DoorCourse)
		var wg sync.WaitGroup
		var made atomic.Int32
		for range 6 {
			wg.Go(func() {
				_, err := r.Requests.Submit(r.T.Context(), caller, "", r.Answers())
				switch {
				case err == nil:
					made.Add(1)
				case access.WhyOf(err) != access.WhyQuotaOpen && access.WhyOf(err) != access.WhyBusy:
					r.T.Errorf("refused with %v", err)
				}
			})
		}
		wg.Wait()
		if n := made.Load(); int(n) != desktest.BuiltIn.Quotas.Open {
			r.T.Errorf("%d open requests, want %d", n, desktest.BuiltIn.Quotas.Open)
		}
	})
}

func TestWhoMayEndorse(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		who    func(r *desktest.Rig) access.Caller
		before func(r *desktest.Rig)
		why    access.Why
		err    error
	}{
		"the TA of the course":           {who: func(r *desktest.Rig) access.Caller { return r.As("tom", access.DoorCourse) }, err: access.ErrNotFound},
		"the student":                    {who: func(r *desktest.Rig) access.Caller { return r.As("maya", access.DoorCourse) }, why: access.WhyNotYours},
		"an admin":                       {who: func(r *desktest.Rig) access.Caller { return r.As("dana", access.DoorAccount) }, why: access.WhyNotYours},
		"somebody acting as the sponsor": {who: func(r *desktest.Rig) access.Caller { return r.As("ana", access.DoorCourse, desktest.ActingBy("4711")) }, why: access.WhyActing},
		"the sponsor with an old launch": {who: func(r *desktest.Rig) access.Caller {
			s := r.As("ana", access.DoorCourse)
			r.Clock.Advance(time.Hour)
			return s
		}, why: access.WhyStale},
		"the sponsor who no longer teaches":     {before: func(r *desktest.Rig) { r.W.SetEnrollmentState("ana", "bio201", canvastest.StateCompleted) }, why: access.WhyNotTeaching},
		"the sponsor of a student who has left": {before: func(r *desktest.Rig) { r.W.SetEnrollmentState("maya", "bio201", canvastest.StateInactive) }, why: access.WhyNotEnrolled},
		"the sponsor while Canvas is silent": {before: func(r *desktest.Rig) {
			r.Cv.Fail(canvastest.Fault{Route: "/api/v1/users/:user_id/enrollments", Status: 503, Times: -1})
		}, why: access.WhyCanvas},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := desktest.NewRig(t, desktest.Sqlite(t))
			req := r.Submitted()
			caller := r.As("ana", access.DoorCourse)
			if tt.who != nil {
				caller = tt.who(r)
			}
			if tt.before != nil {
				tt.before(r)
			}
			_, err := r.Requests.Act(t.Context(), caller, req.Code(), access.Endorse, access.Move{}, r.TermsOf(req.Code()))
			if access.WhyOf(err) != tt.why || (tt.err != nil && !errors.Is(err, tt.err)) || err == nil {
				t.Errorf("%v, want %s %v", err, tt.why, tt.err)
			}
			if got := r.Request(req.ID); got.State != access.AwaitingSponsor || got.Version != req.Version {
				t.Errorf("the request is %s, version %d", got.State, got.Version)
			}
		})
	}
}

func TestWhoMayDecide(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		who    func(r *desktest.Rig) access.Caller
		before func(r *desktest.Rig)
		why    access.Why
		err    error
	}{
		"an admin from a course":                {who: func(r *desktest.Rig) access.Caller { return r.As("dana", access.DoorCourse) }, err: access.ErrNotFound},
		"a student with the account launch":     {who: func(r *desktest.Rig) access.Caller { return r.As("luca", access.DoorAccount) }, err: access.ErrNotFound},
		"the requester with the account launch": {who: func(r *desktest.Rig) access.Caller { return r.As("maya", access.DoorAccount) }, why: access.WhyNotReviewer},
		"the sponsor":                           {who: func(r *desktest.Rig) access.Caller { return r.As("ana", access.DoorCourse) }, why: access.WhyWrongDoor},
		"an admin whose launch does not say so": {who: func(r *desktest.Rig) access.Caller {
			r.W.AddAdmin("ana", "root", "account-admin")
			return r.As("ana", access.DoorAccount)
		}, why: access.WhyNotReviewer},
		"an admin acted as by another": {who: func(r *desktest.Rig) access.Caller { return r.As("dana", access.DoorAccount, desktest.ActingBy("1")) }, why: access.WhyActing},
		"an admin whose launch is old": {who: func(r *desktest.Rig) access.Caller {
			s := r.As("dana", access.DoorAccount)
			r.Clock.Advance(16 * time.Minute)
			return s
		}, why: access.WhyStale},
		"an admin demoted since the launch":       {before: func(r *desktest.Rig) { r.W.RemoveAdmin("dana", "root") }, err: access.ErrNotFound},
		"an admin whose role lost the permission": {before: func(r *desktest.Rig) { r.W.SetPermission("account-admin", canvastest.PermCreateTokens, false) }, err: access.ErrNotFound},
		"an admin demoted since the page was shown": {before: func(r *desktest.Rig) {
			_ = r.Cases.Nav(r.T.Context(), r.As("dana", access.DoorAccount))
			r.W.RemoveAdmin("dana", "root")
		}, why: access.WhyNotReviewer},
		"an admin while Canvas cannot be read": {before: func(r *desktest.Rig) {
			r.Cv.Fail(canvastest.Fault{Route: "/api/v1/accounts/*", Status: 503, Times: -1})
		}, why: access.WhyCanvas},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := desktest.NewRig(t, desktest.Sqlite(t))
			req := r.Submitted()
			r.Act(r.As("ana", access.DoorCourse), req.Code(), access.Endorse, access.Move{})
			caller := r.As("dana", access.DoorAccount)
			if tt.who != nil {
				caller = tt.who(r)
			}
			if tt.before != nil {
				tt.before(r)
			}
			_, err := r.Requests.Act(t.Context(), caller, req.Code(), access.Approve, access.Move{}, r.TermsOf(req.Code()))
			if access.WhyOf(err) != tt.why || (tt.err != nil && !errors.Is(err, tt.err)) || err == nil {
				t.Errorf("%v, want %s %v", err, tt.why, tt.err)
			}
			if got := r.Request(req.ID).State; got != access.InReview {
				t.Errorf("the request is %s", got)
			}
		})
	}
}

// Of many reviewers pressing at once one decides; the others learn who.
func TestDecidersAtOnce(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		req := r.Submitted()
		r.Act(r.As("ana", access.DoorCourse), req.Code(), access.Endorse, access.Move{})
		var wg sync.WaitGroup
		var won, lost atomic.Int32
		for _, key := range []string{"dana", "priya"} {
			caller := r.As(key, access.DoorAccount)
			for _, do := range []access.Action{access.Approve, access.Deny} {
				wg.Go(func() {
					_, err := r.Requests.Act(r.T.Context(), caller, req.Code(), do, access.Move{Reason: "because", Alternative: "lti"}, r.TermsOf(req.Code()))
					var l *cases.Lost
					switch {
					case err == nil:
						won.Add(1)
					case errors.As(err, &l):
						lost.Add(1)
						if l.Actor == "" {
							r.T.Error("it does not say who was quicker")
						}
					default:
						r.T.Errorf("%s by %s: %v", do, key, err)
					}
				})
			}
		}
		wg.Wait()
		if won.Load() != 1 || lost.Load() != 3 {
			r.T.Errorf("%d won, %d lost", won.Load(), lost.Load())
		}
		r.Proven()
	})
}

// One form sent many times at once makes one request; the same answers a while
// later are a new one.
func TestSubmittingTwiceIsHarmless(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		caller, form := r.As("maya", access.DoorCourse), r.Answers()
		var wg sync.WaitGroup
		codes := make(chan string, 8)
		for range cap(codes) {
			wg.Go(func() {
				req, err := r.Requests.Submit(r.T.Context(), caller, "", form)
				switch {
				case err == nil:
					codes <- req.Code()
				case access.WhyOf(err) != access.WhyBusy: // more at once than one person may ask
					r.T.Errorf("a press: %v", err)
				}
			})
		}
		wg.Wait()
		close(codes)
		first := <-codes
		for c := range codes {
			if c != first {
				r.T.Errorf("one form made %s and %s", first, c)
			}
		}
		r.Clock.Advance(requests.TwinLife)
		later, err := r.Requests.Submit(r.T.Context(), caller, "", form)
		if err != nil || later.Code() == first {
			r.T.Errorf("later: %s, %v", later.Code(), err)
		}
	})
}

// The same answers again, after what they made was answered or taken back, are a
// new request, also within the minutes of a second press.
func TestTheSameAgainAfterAnAnswer(t *testing.T) {
	t.Parallel()
	type step struct {
		who string
		do  access.Action
	}
	for name, steps := range map[string][]step{
		"withdrawn":               {{"maya", access.Withdraw}},
		"declined":                {{"ana", access.Decline}},
		"endorsed":                {{"ana", access.Endorse}},
		"denied":                  {{"ana", access.Endorse}, {"dana", access.Deny}},
		"rescinded":               {{"ana", access.Endorse}, {"dana", access.Approve}, {"dana", access.Rescind}},
		"withdrawn when approved": {{"ana", access.Endorse}, {"dana", access.Approve}, {"maya", access.Withdraw}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := desktest.NewRig(t, desktest.Sqlite(t))
			caller := map[string]access.Caller{"ana": r.As("ana", access.DoorCourse), "dana": r.As("dana", access.DoorAccount), "maya": r.As("maya", access.DoorCourse)}
			form := r.Answers()
			first, err := r.Requests.Submit(t.Context(), caller["maya"], "", form)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range steps {
				r.Act(caller[s.who], first.Code(), s.do, access.Move{Reason: "because", Alternative: "lti"})
			}
			again, err := r.Requests.Submit(t.Context(), caller["maya"], "", form)
			if err != nil || again.ID == first.ID || again.State != access.AwaitingSponsor {
				t.Fatalf("the same again is %s, %s, %v", again.Code(), again.State, err)
			}
			twice, err := r.Requests.Submit(t.Context(), caller["maya"], "", form)
			if err != nil || twice.ID != again.ID {
				t.Errorf("a second press of that is %s, %v", twice.Code(), err)
			}
		})
	}
	t.Run("revoked", func(t *testing.T) {
		t.Parallel()
		r := desktest.NewRig(t, desktest.Sqlite(t))
		c, _ := r.Collected()
		maya := r.As("maya", access.DoorCourse)
		if _, err := r.Tokens.Revoke(t.Context(), maya, c.Grant.ID, ""); err != nil {
			t.Fatal(err)
		}
		again, err := r.Requests.Submit(t.Context(), maya, "", c.Request.Answers)
		if err != nil || again.ID == c.Request.ID {
			t.Fatalf("the same again is %s, %s, %v", again.Code(), again.State, err)
		}
	})
}

func TestPressingTwiceIsHarmless(t *testing.T) {
	t.Parallel()
	type step struct {
		who string
		do  access.Action
	}
	for _, story := range [][]step{
		{{"ana", access.Endorse}, {"dana", access.Claim}, {"dana", access.Release}, {"dana", access.Claim}, {"dana", access.Approve}, {"maya", access.Withdraw}},
		{{"ana", access.Decline}},
		{{"ana", access.Endorse}, {"dana", access.Deny}},
		{{"ana", access.Endorse}, {"dana", access.Approve}, {"dana", access.Rescind}},
	} {
		r := desktest.NewRig(t, desktest.Sqlite(t))
		req := r.Submitted()
		caller := map[string]access.Caller{"ana": r.As("ana", access.DoorCourse), "dana": r.As("dana", access.DoorAccount), "maya": r.As("maya", access.DoorCourse)}
		m := access.Move{Reason: "because", Alternative: "lti"}
		for _, s := range story {
			first := r.Act(caller[s.who], req.Code(), s.do, m).Request
			r.Writes(string(s.do)+" twice", "", func() {
				if second := r.Act(caller[s.who], req.Code(), s.do, m).Request; second.Version != first.Version {
					t.Errorf("%s twice made version %d of %d", s.do, second.Version, first.Version)
				}
			})
		}
	}
}

// A reviewer who is the requester meets their own request and cannot touch it.
func TestOwnRequestOfAReviewer(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	a := r.Answers()
	a.Set("sponsor", "")
	req, err := r.Requests.Submit(t.Context(), r.As("ana", access.DoorCourse), "", a)
	if err != nil {
		t.Fatal(err)
	}
	r.W.AddAdmin("ana", "root", "account-admin") // made an admin after asking
	caller := r.As("ana", access.DoorAccount, desktest.AdminClaims)
	for _, do := range []access.Action{access.Claim, access.Approve, access.Deny} {
		if _, err := r.Requests.Act(t.Context(), caller, req.Code(), do, access.Move{Reason: "x", Alternative: "lti"}, r.TermsOf(req.Code())); access.WhyOf(err) != access.WhySelf {
			t.Errorf("%s: %v", do, err)
		}
	}
	p, err := r.Cases.Open(t.Context(), caller, req.Code())
	if err != nil || p.Why != access.WhySelf || p.Can[access.Approve] || p.Can[access.Claim] {
		t.Errorf("the page offers %v (%s), %v", p.Can, p.Why, err)
	}
}

func TestNobodyElseSeesARequest(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	req := r.Submitted()
	draft, err := r.Requests.SaveDraft(t.Context(), r.As("maya", access.DoorCourse), "", access.Answers{"build": {"private"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, caller := range []access.Caller{r.As("luca", access.DoorCourse), r.As("tom", access.DoorCourse), r.As("helen", access.DoorUser), r.As("maya", access.DoorAccount)} {
		if _, err := r.Cases.Open(t.Context(), caller, req.Code()); caller.Name != "Maya Chen" && !errors.Is(err, access.ErrNotFound) {
			t.Errorf("%s opens Maya's request: %v", caller.Name, err)
		}
	}
	for _, caller := range []access.Caller{r.As("ana", access.DoorCourse), r.As("dana", access.DoorAccount)} {
		if _, err := r.Cases.Open(t.Context(), caller, draft.ID); !errors.Is(err, access.ErrNotFound) {
			t.Errorf("%s opens Maya's draft: %v", caller.Name, err)
		}
		if _, err := r.Requests.SaveDraft(t.Context(), caller, draft.ID, access.Answers{}); !errors.Is(err, access.ErrNotFound) {
			t.Errorf("%s writes Maya's draft: %v", caller.Name, err)
		}
	}
	for _, id := range []string{"REQ-0", "REQ--1", "REQ-99999999999", "req_x", "", "grt_x", "REQ-0142'"} {
		if _, err := r.Cases.Open(t.Context(), r.As("dana", access.DoorAccount), id); !errors.Is(err, access.ErrNotFound) {
			t.Errorf("Open(%q): %v", id, err)
		}
	}
}

func TestTimeEndsWhatWaits(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		waits := r.Submitted()
		ready := r.Approved()
		r.Tick(desktest.BuiltIn.Windows.SponsorAnswer + desktest.BuiltIn.Windows.Collect)
		if got := r.Request(waits.ID).State; got != access.Lapsed {
			r.T.Errorf("without the sponsor's answer: %s", got)
		}
		if got := r.Request(ready.ID).State; got != access.Lapsed {
			r.T.Errorf("without collection: %s", got)
		}
		again, err := r.Requests.Refile(r.T.Context(), r.As("maya", access.DoorCourse), waits.Code())
		if err != nil || again.State != access.Draft || again.RefiledFrom != waits.ID || again.Answers.Text("build") != waits.Answers.Text("build") {
			r.T.Errorf("refiled: %+v, %v", again, err)
		}
		twice, err := r.Requests.Refile(r.T.Context(), r.As("maya", access.DoorCourse), waits.Code())
		if err != nil || twice.ID != again.ID {
			r.T.Errorf("refiled twice: %s and %s, %v", again.ID, twice.ID, err)
		}
		r.Proven()
	})
}

// The form offers the course's teachers, and nobody else.
func TestFormOffersTeachers(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	form, err := r.Requests.Form(t.Context(), r.As("maya", access.DoorCourse), "")
	if err != nil || form.TeachersErr || len(form.Teachers) != 1 || form.Teachers[0].Name != "Ana Ruiz" {
		t.Fatalf("%+v, %v", form.Teachers, err)
	}
	if form.Rule != policy.RuleSponsor || form.Cause != policy.CauseCourse || form.Reach == nil || form.Reach.Student != 2 {
		t.Errorf("rule %s, cause %s, reach %+v", form.Rule, form.Cause, form.Reach)
	}
	own, err := r.Requests.Form(t.Context(), r.As("ana", access.DoorCourse), "")
	if err != nil || own.Rule != policy.RuleOpen || len(own.Teachers) != 0 {
		t.Errorf("faculty: rule %s, teachers %+v, %v", own.Rule, own.Teachers, err)
	}
}

// Who has claimed a request is offered to release it, nobody else anything.
func TestButtonsOfAClaim(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	q := r.Submitted()
	r.Act(r.As("ana", access.DoorCourse), q.Code(), access.Endorse, access.Move{})
	dana, priya := r.As("dana", access.DoorAccount), r.As("priya", access.DoorAccount)
	offered := func(caller access.Caller, why access.Why, want ...access.Action) {
		t.Helper()
		p, err := r.Cases.Open(t.Context(), caller, q.Code())
		r.Must(err)
		for _, do := range []access.Action{access.Claim, access.Release, access.Approve, access.Deny} {
			if p.Can[do] != slices.Contains(want, do) {
				t.Errorf("%s is offered %s: %v", caller.Name, do, p.Can[do])
			}
		}
		if p.Why != why {
			t.Errorf("%s is told %q", caller.Name, p.Why)
		}
	}
	offered(dana, "", access.Claim, access.Approve, access.Deny)
	r.Act(dana, q.Code(), access.Claim, access.Move{})
	offered(dana, "", access.Release, access.Approve, access.Deny)
	offered(priya, access.WhyOtherPerson)
}
