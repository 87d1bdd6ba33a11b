package workflow

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/lti"
)

// meanwhile lets something happen once, while the tool waits for Canvas's answer
// to a call whose path holds part.
func (r *rig) meanwhile(method, part string, happen func()) {
	var once atomic.Bool
	line := func(req *http.Request, send func(*http.Request) (*http.Response, error)) (*http.Response, error) {
		if req.Method == method && strings.Contains(req.URL.Path, part) && once.CompareAndSwap(false, true) {
			happen()
		}
		return send(req)
	}
	r.line.Store(&line)
}

// Whatever moved while Canvas was asked, a press for a token is told so, and
// moves nothing, even where the move would still be one.
func TestCollectedOnWhatWasRead(t *testing.T) {
	t.Parallel()
	const enrollments = "/enrollments"
	t.Run("the successor of a lost token", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, sqlite(t))
		c, _ := r.collected()
		maya, ana := r.as("maya", access.DoorCourse), r.as("ana", access.DoorCourse)
		_, err := r.Replace(t.Context(), maya, c.Request.Code())
		r.must(err)
		r.meanwhile(http.MethodGet, enrollments, func() {
			_, err := r.EndSponsorship(t.Context(), ana, c.Grant.ID, "")
			r.must(err)
		})
		page, err := r.Collect(t.Context(), maya, c.Request.Code())
		if g := r.grant(c.Grant.ID); err != nil || page.Stage != StageReplacing || g.State != access.Replacing || g.Attempt != 1 || r.inCanvas("maya") != 0 {
			t.Errorf("%s, %v; %s", page.Stage, err, g.State)
		}
	})
	t.Run("a collection that another press tried", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, sqlite(t))
		q, maya := r.approved(), r.as("maya", access.DoorCourse)
		r.meanwhile(http.MethodGet, enrollments, func() {
			r.cv.Fail(canvastest.Fault{Route: createRoute, Method: http.MethodPost, Status: 403, Body: denied})
			c, err := r.Collect(t.Context(), maya, q.Code())
			if err != nil || c.Stage != StageReady || c.Trouble != troubleDenied {
				t.Errorf("the other press: %s (%s), %v", c.Stage, c.Trouble, err)
			}
		})
		c, err := r.Collect(t.Context(), maya, q.Code())
		if err != nil || c.Stage != StageReady || c.Trouble != troubleDenied || r.inCanvas("maya") != 0 {
			t.Errorf("%s (%s), %v", c.Stage, c.Trouble, err)
		}
	})
	for _, replacing := range []bool{false, true} {
		t.Run(fmt.Sprintf("a leak becomes known, replacing: %v", replacing), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sqlite(t))
			maya := r.as("maya", access.DoorCourse)
			q := r.approved()
			if replacing {
				r.collect(q.Code())
				_, err := r.Replace(t.Context(), maya, q.Code())
				r.must(err)
			}
			made := r.cv.Count(http.MethodPost, createRoute)
			r.meanwhile(http.MethodGet, "/courses/", func() { r.openLeak(maya.Person) })
			if _, err := r.Collect(t.Context(), maya, q.Code()); access.WhyOf(err) != access.WhyIncident || r.cv.Count(http.MethodPost, createRoute) != made {
				t.Errorf("%v", err)
			}
			if g := r.grants(); replacing && (len(g) != 1 || g[0].State != access.Replacing) || !replacing && len(g) != 0 {
				t.Errorf("grants %+v", g)
			}
			r.proven()
		})
	}
	t.Run("leaving does not wait", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, sqlite(t))
		q := r.submitted()
		r.act(r.as("ana", access.DoorCourse), q.Code(), access.Endorse, access.Move{})
		r.act(r.as("dana", access.DoorAccount), q.Code(), access.Claim, access.Move{})
		if c := r.act(r.as("maya", access.DoorCourse), q.Code(), access.Withdraw, access.Move{}); c.Request.State != access.Withdrawn {
			t.Errorf("it is %s", c.Request.State)
		}
	})
}

// That a session is the person it stands for is proven by Canvas at each decision
// that is theirs: where Canvas knows the launch's subject no more, or as somebody
// else, or cannot be asked, nothing is decided.
func TestIdentityIsProvenAgain(t *testing.T) {
	t.Parallel()
	moves := map[string]struct {
		key     string
		prepare func(r *rig) (press func(ctx context.Context) error)
	}{
		"endorse": {"ana", func(r *rig) func(context.Context) error {
			q, ana := r.submitted(), r.as("ana", access.DoorCourse)
			return func(ctx context.Context) error {
				_, err := r.Act(ctx, ana, q.Code(), access.Endorse, access.Move{}, r.termsOf(q.Code()))
				return err
			}
		}},
		"collect": {"maya", func(r *rig) func(context.Context) error {
			q, maya := r.approved(), r.as("maya", access.DoorCourse)
			return func(ctx context.Context) error { _, err := r.Collect(ctx, maya, q.Code()); return err }
		}},
		"take over": {"helen", func(r *rig) func(context.Context) error {
			g, helen := r.asked()
			return func(ctx context.Context) error { _, err := r.TakeOver(ctx, helen, g.ID, r.termsOf(g.ID)); return err }
		}},
	}
	changes := map[string]struct {
		change func(r *rig, key string)
		why    access.Why
	}{
		"unknown": {func(r *rig, key string) {
			r.w.UpdateUser(key, func(u *canvastest.User) { u.LTIID = "11111111-0000-4000-8000-000000000000" })
		}, access.WhyIdentity},
		"another": {func(r *rig, key string) {
			sub := r.w.User(key).LTIID
			r.w.UpdateUser(key, func(u *canvastest.User) { u.LTIID = "11111111-0000-4000-8000-000000000000" })
			r.w.UpdateUser("luca", func(u *canvastest.User) { u.LTIID = sub })
		}, access.WhyIdentity},
	}
	for name, m := range moves {
		for what, c := range changes {
			t.Run(name+", "+what, func(t *testing.T) {
				t.Parallel()
				r := newRig(t, sqlite(t))
				press := m.prepare(r)
				c.change(r, m.key)
				if err := press(t.Context()); access.WhyOf(err) != c.why {
					t.Errorf("%v", err)
				}
				if r.inCanvas("maya") != 0 && name == "collect" {
					t.Error("a token was made")
				}
				r.proven()
			})
		}
	}
}

// A launch that names an administrator somewhere gets no token, though no account
// role can be read.
func TestLaunchAsAdministrator(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	q := r.approved()
	maya := r.as("maya", access.DoorCourse, func(l *lti.Launch) { l.Roles = append(l.Roles, lti.RoleInstitutionAdministrator) })
	r.refused("collect", access.WhyAccountRole, access.Collect, "maya", q.Code(), func() error { _, err := r.Collect(t.Context(), maya, q.Code()); return err })
	r.refused("submit", access.WhyAccountRole, access.Submit, "maya", "school", func() error { _, err := r.Submit(t.Context(), maya, "", r.answers()); return err })
	if h, err := r.Home(t.Context(), maya); err != nil || h.Refused != access.WhyAccountRole {
		t.Errorf("home: %q, %v", h.Refused, err)
	}
}

// Reviewers' pages are for reviewers by the account's door, and each try of
// another is recorded.
func TestReviewersPages(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	ctx := t.Context()
	course, luca := r.as("dana", access.DoorCourse), r.as("luca", access.DoorAccount)
	for name, open := range map[string]func(access.Caller) error{
		"the queue":  func(s access.Caller) error { _, err := r.Queue(ctx, s, QueueFilter{}); return err },
		"all tokens": func(s access.Caller) error { _, err := r.Tokens(ctx, s, TokenFilter{}); return err },
		"the export": func(s access.Caller) error {
			return r.ExportTokens(ctx, s, TokenFilter{}, func(Case) error { return nil })
		},
		"the leaks":      func(s access.Caller) error { _, err := r.Leaks(ctx, s, ""); return err },
		"one leak":       func(s access.Caller) error { _, err := r.Leak(ctx, s, store.NewID("inc")); return err },
		"a pasted value": func(s access.Caller) error { _, err := r.CheckLeak(ctx, s, "x"); return err },
		"unmanaged ones": func(s access.Caller) error { _, err := r.Unmanaged(ctx, s, FoundFilter{}); return err },
	} {
		r.clock.Advance(access.RefusalWindow) // so that this one is recorded anew
		r.refused(name+" in a course", access.WhyWrongDoor, access.Claim, "dana", "school", func() error { return open(course) })
		r.refused(name+" for a student", access.WhyNotReviewer, access.Claim, "luca", "school", func() error { return open(luca) })
		if err := open(r.as("dana", access.DoorAccount)); access.WhyOf(err) != "" {
			t.Errorf("%s for a reviewer: %v", name, err)
		}
	}
}

// Who endorsed a request cannot thaw its token, also when another stands for it
// by now, nor clear its leak.
func TestDutiesStayApart(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	ctx := t.Context()
	g, helen := r.asked()
	_, err := r.TakeOver(ctx, helen, g.ID, r.termsOf(g.ID))
	r.must(err)
	_, err = r.Freeze(ctx, r.as("priya", access.DoorAccount), g.ID, "Odd traffic.")
	r.must(err)
	r.w.AddAdmin("ana", "root", "account-admin")
	ana := r.as("ana", access.DoorAccount, adminClaims)
	r.refused("thaw", access.WhySponsorDecides, access.Thaw, "ana", "grt1", func() error { _, err := r.Thaw(ctx, ana, g.ID, r.termsOf(g.ID)); return err })
	_, err = r.ReportLeak(ctx, r.as("maya", access.DoorCourse), g.ID)
	r.must(err)
	r.refused("clear a leak", access.WhySponsorDecides, access.ClearIncident, "ana", "inc1", func() error {
		_, err := r.ClearLeak(ctx, ana, r.incidents(r.tenant)[0].ID, "Nothing found.", r.termsOf(r.incidents(r.tenant)[0].ID))
		return err
	})
}

// Who approved a request cannot stand for its token, however they came to be asked.
func TestApproverDoesNotTakeOver(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	ctx := t.Context()
	g, _ := r.asked()
	dana := r.as("dana", access.DoorCourse)
	r.force(g.ID, func(g *access.Grant) { g.SponsorAsked = dana.Person })
	r.refused("take over", access.WhySponsorDecides, access.TakeOver, "dana", "grt1", func() error { _, err := r.TakeOver(ctx, dana, g.ID, r.termsOf(g.ID)); return err })
}

// A course ends with its own date only where it restricts participation to it,
// else with its term.
func TestCourseEnd(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	f, err := r.far(t.Context(), r.tenant, r.plat)
	r.must(err)
	own, term := r.clock.Now().AddDate(0, 0, 10), r.clock.Now().AddDate(0, 0, 20)
	r.w.UpdateTerm("current", func(t *canvastest.Term) { t.End = term })
	for _, tt := range []struct {
		end      time.Time
		restrict bool
		want     time.Time
	}{{own, true, own}, {own, false, term}, {time.Time{}, true, term}, {time.Time{}, false, term}} {
		r.w.UpdateCourse("bio201", func(c *canvastest.Course) { c.End, c.RestrictToCourseDates = tt.end, tt.restrict })
		if got, err := r.courseEnd(t.Context(), f, r.w.Course("bio201").ID.String()); err != nil || !got.Equal(tt.want) {
			t.Errorf("end %s, restricted %v: %s, %v", tt.end, tt.restrict, got, err)
		}
	}
	if got, err := r.courseEnd(t.Context(), f, ""); err != nil || !got.IsZero() {
		t.Errorf("without a course: %s, %v", got, err)
	}
}

// A platform serves its own school, and none while it is switched off.
func TestFar(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	if _, err := r.far(t.Context(), access.TenantID(store.NewID("ten")), r.plat); !errors.Is(err, access.ErrNotFound) {
		t.Errorf("the platform of another school: %v", err)
	}
	caller := r.as("maya", access.DoorCourse)
	r.must(r.Store.InTx(t.Context(), func(tx *store.Tx) error {
		p, err := tx.Platform(r.plat)
		if err != nil {
			return err
		}
		p.Disabled = true
		return tx.SavePlatform(p, audit.Event{At: r.clock.Now(), Actor: "operator:test", Action: audit.PlatformChange, Object: p.ID}, nil)
	}))
	for _, plat := range []string{r.plat, ""} {
		if _, err := r.far(t.Context(), r.tenant, plat); access.WhyOf(err) != access.WhyTenantSuspended {
			t.Errorf("switched off: %v", err)
		}
	}
	if _, err := r.Submit(t.Context(), caller, "", r.answers()); access.WhyOf(err) != access.WhyTenantSuspended {
		t.Errorf("a request there: %v", err)
	}
}

// A draft that was begun outside a course belongs to the first course that it is
// opened from, and stays there.
func TestDraftFindsItsCourse(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	outside, inside := r.as("maya", access.DoorUser), r.as("maya", access.DoorCourse)
	d, err := r.SaveDraft(t.Context(), outside, "", r.answers())
	if err != nil || d.Course.ID != "" {
		t.Fatalf("%+v, %v", d.Course, err)
	}
	for _, caller := range []access.Caller{inside, outside} {
		if d, err = r.SaveDraft(t.Context(), caller, d.ID, r.answers()); err != nil || d.Course != inside.Course || r.request(d.ID).Course != inside.Course {
			t.Errorf("%+v, %v", d.Course, err)
		}
	}
}

// The old token of a renewal has no longer than its own end, also within the
// overlap.
func TestOverlapEndsWithTheToken(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	old, _ := r.working()
	next, _ := r.collect(r.renewed(old.ID, "2027-02-28").Code())
	end := r.clock.Now().Add(builtIn.Windows.Overlap - time.Hour)
	r.force(old.ID, func(g *access.Grant) { g.Expires = end })
	r.activate("maya", next.CanvasID)
	f, err := r.far(t.Context(), r.tenant, "")
	r.must(err)
	r.must(r.observe(t.Context(), f, r.grant(next.ID)))
	if g := r.grant(old.ID); !g.RetireAt.Equal(end) || g.Successor != next.ID {
		t.Errorf("it retires at %s, its end is %s", g.RetireAt, end)
	}
}

// Of what Canvas lists as somebody's enrolments only active ones of this very
// person count.
func TestEnrollmentsThatCount(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	f, err := r.far(t.Context(), r.tenant, r.plat)
	r.must(err)
	maya, bio := r.w.User("maya").ID.String(), r.w.Course("bio201").ID.String()
	row := func(n int, user, state string) string {
		return fmt.Sprintf(`{"id":"%d","course_id":"%s","user_id":"%s","type":"StudentEnrollment","role":"StudentEnrollment","enrollment_state":"%s"}`, n, bio, user, state)
	}
	body := "[" + strings.Join([]string{row(1, maya, "active"), row(2, maya, "completed"), row(3, maya, "invited"), row(4, r.w.User("luca").ID.String(), "active")}, ",") + "]"
	line := func(req *http.Request, send func(*http.Request) (*http.Response, error)) (*http.Response, error) {
		resp, err := send(req)
		if err == nil && strings.HasSuffix(req.URL.Path, "/enrollments") {
			err = resp.Body.Close()
			resp.Body, resp.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
		}
		return resp, err
	}
	r.line.Store(&line)
	got, err := r.enrollments(t.Context(), f, maya)
	if want := []access.Enrollment{{CourseID: bio, UserID: maya, Type: "StudentEnrollment", Academic: true}}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
}

// A test student is no teacher, whatever else a roster calls them.
func TestRosterOfTestStudents(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	r.withRoster()
	body := fmt.Sprintf(`{"members":[{"status":"Active","user_id":%q,"roles":[%q,%q]}]}`, r.w.User("ana").LTIID, lti.RoleInstructor, lti.RoleTestUser)
	r.cv.Fail(canvastest.Fault{Route: rosterRoute, Times: -1, Status: http.StatusOK, Body: body, ContentType: canvastest.RosterType})
	if got := r.sponsorCode(r.as("maya", access.DoorCourse, r.roster("bio201"))); got != "sponsor.not_teaching" {
		t.Errorf("a sponsor whom the roster knows as a test student: %q", got)
	}
}

// Who reported a leak is named to its owner; who pasted a value that was found is not.
func TestWhoIsNamedInALeak(t *testing.T) {
	t.Parallel()
	for name, report := range map[string]func(r *rig, g access.Grant, value string) error{
		"reported": func(r *rig, g access.Grant, _ string) error {
			_, err := r.ReportLeak(r.t.Context(), r.as("dana", access.DoorAccount), g.ID)
			return err
		},
		"pasted": func(r *rig, _ access.Grant, value string) error {
			_, err := r.CheckLeak(r.t.Context(), r.as("dana", access.DoorAccount), value)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sqlite(t))
			g, value := r.working()
			r.drain()
			r.must(report(r, g, value))
			r.drain()
			told := 0
			for _, m := range r.w.Inbox("maya") {
				if !strings.Contains(m.Subject, "token deleted") {
					continue
				}
				told++
				if strings.Contains(m.Body, "Dana Ortiz") != (name == "reported") {
					t.Errorf("her message says\n%s", m.Body)
				}
			}
			if told != 1 {
				t.Errorf("%d messages: %q", told, r.subjects("maya"))
			}
		})
	}
}

// Of a token that has ended only who stands for it may say that it leaked, not who
// did once; where nothing was handed over nothing can have leaked.
func TestWhoMayReportAnEndedToken(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	ctx := t.Context()
	g, helen := r.asked()
	maya, ana := r.as("maya", access.DoorCourse), r.as("ana", access.DoorCourse)
	report := func(caller access.Caller, id string) func() error {
		return func() error { _, err := r.ReportLeak(ctx, caller, id); return err }
	}
	r.refused("the former sponsor", access.WhyNotYours, access.ReportLeak, "ana", "grt1", report(ana, g.ID))
	r.refused("who is asked to be one", access.WhyNotYours, access.ReportLeak, "helen", "grt1", report(helen, g.ID))
	_, err := r.Revoke(ctx, maya, g.ID, "")
	r.must(err)
	if p, err := r.Token(ctx, maya, g.ID); err != nil || !p.Can[access.ReportLeak] {
		t.Errorf("its owner is not offered it: %v", err)
	}
	r.refused("the former sponsor, ended", access.WhyNotYours, access.ReportLeak, "ana", "grt1", report(ana, g.ID))
	q := r.approved()
	r.cv.Fail(canvastest.Fault{Route: createRoute, Method: http.MethodPost, Status: 403, Body: denied})
	c, err := r.Collect(ctx, maya, q.Code())
	if err != nil || c.Grant == nil || c.Grant.State != access.Void {
		t.Fatalf("%+v, %v", c.Grant, err)
	}
	if got := r.wrote(func() {
		if err := report(maya, c.Grant.ID)(); !errors.Is(err, access.ErrConflict) {
			t.Errorf("nothing was handed over: %v", err)
		}
	}); got != "" {
		t.Errorf("it wrote\n%s", got)
	}
	if p, err := r.Token(ctx, maya, c.Grant.ID); err != nil || p.Can[access.ReportLeak] {
		t.Errorf("the page offers it: %v", err)
	}
}

// The form shows what was typed last: kept text before the draft only where it is
// newer.
func TestFormShowsTheNewest(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	ctx := t.Context()
	maya := r.as("maya", access.DoorCourse)
	d, err := r.SaveDraft(ctx, maya, "", access.Answers{"build": {"saved"}})
	r.must(err)
	keep := func(at time.Time, text string) {
		r.must(r.Store.InTx(ctx, func(tx *store.Tx) error {
			return tx.Keep(store.Kept{Tenant: r.tenant, Person: maya.Person, Object: d.ID, Form: FormRequest, Data: []byte(text), UpdatedAt: at})
		}))
	}
	shows := func(want string, keptAt time.Time) {
		t.Helper()
		if f, err := r.Form(ctx, maya, d.ID); err != nil || f.Answers.Text("build") != want || !f.KeptAt.Equal(keptAt) {
			t.Errorf("it shows %q kept at %s, %v; want %q", f.Answers.Text("build"), f.KeptAt, err, want)
		}
	}
	shows("saved", time.Time{})
	keep(d.UpdatedAt.Add(-time.Second), `{"build":"older"}`)
	shows("saved", time.Time{})
	keep(d.UpdatedAt, `{"build":"as old"}`)
	shows("saved", time.Time{})
	keep(d.UpdatedAt.Add(time.Second), `{"build":"newer"}`)
	shows("newer", d.UpdatedAt.Add(time.Second))
	keep(d.UpdatedAt.Add(time.Second), `[]`)
	shows("saved", time.Time{})
}

// A successor takes nothing from a token that somebody stopped meanwhile.
func TestNoRotationOfAStoppedToken(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	old, _ := r.working()
	next, _ := r.collect(r.renewed(old.ID, "2027-02-28").Code())
	_, err := r.Freeze(t.Context(), r.as("dana", access.DoorAccount), old.ID, "Odd traffic.")
	r.must(err)
	was := r.grant(old.ID)
	r.activate("maya", next.CanvasID)
	f, err := r.far(t.Context(), r.tenant, "")
	r.must(err)
	r.must(r.observe(t.Context(), f, r.grant(next.ID)))
	if now := r.grant(old.ID); now.Version != was.Version || r.grant(next.ID).State != access.Active {
		t.Errorf("the old one is %s v%d, the new one %s", now.State, now.Version, r.grant(next.ID).State)
	}
}

// Once Canvas has said at a decision that somebody is no reviewer, no page shows
// them as one.
func TestFormerReviewerIsForgotten(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	q := r.submitted()
	r.act(r.as("ana", access.DoorCourse), q.Code(), access.Endorse, access.Move{})
	dana := r.as("dana", access.DoorAccount)
	if !r.Nav(t.Context(), dana).Reviewer {
		t.Fatal("she is no reviewer")
	}
	r.w.RemoveAdmin("dana", "root")
	if !r.Nav(t.Context(), dana).Reviewer {
		t.Error("what was shown is asked anew at every page")
	}
	r.refused("decide", access.WhyNotReviewer, access.Approve, "dana", "req1", func() error {
		_, err := r.Act(t.Context(), dana, q.ID, access.Approve, access.Move{}, r.termsOf(q.ID))
		return err
	})
	if r.Nav(t.Context(), dana).Reviewer {
		t.Error("she is shown as a reviewer still")
	}
}

// Where the teacher stays and the student has left, the choice is corrected at its
// field, as for one who does not teach.
func TestChoiceOfWhoHasLeft(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	q, maya := r.submitted(), r.as("maya", access.DoorCourse)
	r.helen()
	r.w.SetEnrollmentState("maya", "bio201", canvastest.StateCompleted)
	var form *access.FormError
	if _, err := r.ChooseSponsor(t.Context(), maya, q.Code(), r.w.User("helen").ID.String()); !errors.As(err, &form) || form.Fields[0].Code != "sponsor.not_teaching" {
		t.Errorf("%v", err)
	}
	if now := r.request(q.ID); now.Version != q.Version {
		t.Errorf("its sponsor is %s", now.Sponsor)
	}
}
