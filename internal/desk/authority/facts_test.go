package authority_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/desk/inventory"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/lti"
)

// That a session is the person it stands for is proven by Canvas at each decision
// that is theirs: where Canvas knows the launch's subject no more, or as somebody
// else, or cannot be asked, nothing is decided.
func TestIdentityIsProvenAgain(t *testing.T) {
	t.Parallel()
	moves := map[string]struct {
		key     string
		prepare func(r *desktest.Rig) (press func(ctx context.Context) error)
	}{
		"endorse": {"ana", func(r *desktest.Rig) func(context.Context) error {
			q, ana := r.Submitted(), r.As("ana", access.DoorCourse)
			return func(ctx context.Context) error {
				_, err := r.Requests.Act(ctx, ana, q.Code(), access.Endorse, access.Move{}, r.TermsOf(q.Code()))
				return err
			}
		}},
		"collect": {"maya", func(r *desktest.Rig) func(context.Context) error {
			q, maya := r.Approved(), r.As("maya", access.DoorCourse)
			return func(ctx context.Context) error { _, err := r.Tokens.Collect(ctx, maya, q.Code()); return err }
		}},
		"take over": {"helen", func(r *desktest.Rig) func(context.Context) error {
			g, helen := r.Asked()
			return func(ctx context.Context) error {
				_, err := r.Tokens.TakeOver(ctx, helen, g.ID, r.TermsOf(g.ID))
				return err
			}
		}},
	}
	changes := map[string]struct {
		change func(r *desktest.Rig, key string)
		why    access.Why
	}{
		"unknown": {func(r *desktest.Rig, key string) {
			r.W.UpdateUser(key, func(u *canvastest.User) { u.LTIID = "11111111-0000-4000-8000-000000000000" })
		}, access.WhyIdentity},
		"another": {func(r *desktest.Rig, key string) {
			sub := r.W.User(key).LTIID
			r.W.UpdateUser(key, func(u *canvastest.User) { u.LTIID = "11111111-0000-4000-8000-000000000000" })
			r.W.UpdateUser("luca", func(u *canvastest.User) { u.LTIID = sub })
		}, access.WhyIdentity},
	}
	for name, m := range moves {
		for what, c := range changes {
			t.Run(name+", "+what, func(t *testing.T) {
				t.Parallel()
				r := desktest.NewRig(t, desktest.Sqlite(t))
				press := m.prepare(r)
				c.change(r, m.key)
				if err := press(t.Context()); access.WhyOf(err) != c.why {
					t.Errorf("%v", err)
				}
				if r.InCanvas("maya") != 0 && name == "collect" {
					t.Error("a token was made")
				}
				r.Proven()
			})
		}
	}
}

// A launch that names an administrator somewhere gets no token, though no account
// role can be read.
func TestLaunchAsAdministrator(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	q := r.Approved()
	maya := r.As("maya", access.DoorCourse, func(l *lti.Launch) { l.Roles = append(l.Roles, lti.RoleInstitutionAdministrator) })
	r.Refused("collect", access.WhyAccountRole, access.Collect, "maya", q.Code(), func() error { _, err := r.Tokens.Collect(t.Context(), maya, q.Code()); return err })
	r.Refused("submit", access.WhyAccountRole, access.Submit, "maya", "school", func() error { _, err := r.Requests.Submit(t.Context(), maya, "", r.Answers()); return err })
	if h, err := r.Cases.Home(t.Context(), maya); err != nil || h.Refused != access.WhyAccountRole {
		t.Errorf("home: %q, %v", h.Refused, err)
	}
}

// Reviewers' pages are for reviewers by the account's door, and each try of
// another is recorded.
func TestReviewersPages(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	ctx := t.Context()
	course, luca := r.As("dana", access.DoorCourse), r.As("luca", access.DoorAccount)
	for name, open := range map[string]func(access.Caller) error{
		"the queue":  func(s access.Caller) error { _, err := r.Cases.Queue(ctx, s, cases.QueueFilter{}); return err },
		"all tokens": func(s access.Caller) error { _, err := r.Cases.Tokens(ctx, s, cases.TokenFilter{}); return err },
		"the export": func(s access.Caller) error {
			return r.Cases.ExportTokens(ctx, s, cases.TokenFilter{}, func(cases.Case) error { return nil })
		},
		"the leaks":      func(s access.Caller) error { _, err := r.Leaks.List(ctx, s, ""); return err },
		"one leak":       func(s access.Caller) error { _, err := r.Leaks.Open(ctx, s, store.NewID("inc")); return err },
		"a pasted value": func(s access.Caller) error { _, err := r.Leaks.Check(ctx, s, "x"); return err },
		"unmanaged ones": func(s access.Caller) error {
			_, err := r.Inventory.Unmanaged(ctx, s, inventory.FoundFilter{})
			return err
		},
	} {
		r.Clock.Advance(access.RefusalWindow) // so that this one is recorded anew
		r.Refused(name+" in a course", access.WhyWrongDoor, access.Claim, "dana", "school", func() error { return open(course) })
		r.Refused(name+" for a student", access.WhyNotReviewer, access.Claim, "luca", "school", func() error { return open(luca) })
		if err := open(r.As("dana", access.DoorAccount)); access.WhyOf(err) != "" {
			t.Errorf("%s for a reviewer: %v", name, err)
		}
	}
}

// Who endorsed a request cannot thaw its token, also when another stands for it
// by now, nor clear its leak.
func TestDutiesStayApart(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	ctx := t.Context()
	g, helen := r.Asked()
	_, err := r.Tokens.TakeOver(ctx, helen, g.ID, r.TermsOf(g.ID))
	r.Must(err)
	_, err = r.Tokens.Freeze(ctx, r.As("priya", access.DoorAccount), g.ID, "Odd traffic.")
	r.Must(err)
	r.W.AddAdmin("ana", "root", "account-admin")
	ana := r.As("ana", access.DoorAccount, desktest.AdminClaims)
	r.Refused("thaw", access.WhySponsorDecides, access.Thaw, "ana", "grt1", func() error { _, err := r.Tokens.Thaw(ctx, ana, g.ID, r.TermsOf(g.ID)); return err })
	_, err = r.Leaks.Report(ctx, r.As("maya", access.DoorCourse), g.ID)
	r.Must(err)
	r.Refused("clear a leak", access.WhySponsorDecides, access.ClearIncident, "ana", "inc1", func() error {
		_, err := r.Leaks.Clear(ctx, ana, r.Incidents(r.Tenant)[0].ID, "Nothing found.", r.TermsOf(r.Incidents(r.Tenant)[0].ID))
		return err
	})
}

// Who approved a request cannot stand for its token, however they came to be asked.
func TestApproverDoesNotTakeOver(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	ctx := t.Context()
	g, _ := r.Asked()
	dana := r.As("dana", access.DoorCourse)
	r.Force(g.ID, func(g *access.Grant) { g.SponsorAsked = dana.Person })
	r.Refused("take over", access.WhySponsorDecides, access.TakeOver, "dana", "grt1", func() error { _, err := r.Tokens.TakeOver(ctx, dana, g.ID, r.TermsOf(g.ID)); return err })
}

// A course ends with its own date only where it restricts participation to it,
// else with its term.
func TestCourseEnd(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	f, err := r.Desk.CanvasOf(t.Context(), r.Tenant, r.Plat)
	r.Must(err)
	own, term := r.Clock.Now().AddDate(0, 0, 10), r.Clock.Now().AddDate(0, 0, 20)
	r.W.UpdateTerm("current", func(t *canvastest.Term) { t.End = term })
	for _, tt := range []struct {
		end      time.Time
		restrict bool
		want     time.Time
	}{{own, true, own}, {own, false, term}, {time.Time{}, true, term}, {time.Time{}, false, term}} {
		r.W.UpdateCourse("bio201", func(c *canvastest.Course) { c.End, c.RestrictToCourseDates = tt.end, tt.restrict })
		if got, err := r.Authority.CourseEnd(t.Context(), f, r.W.Course("bio201").ID.String()); err != nil || !got.Equal(tt.want) {
			t.Errorf("end %s, restricted %v: %s, %v", tt.end, tt.restrict, got, err)
		}
	}
	if got, err := r.Authority.CourseEnd(t.Context(), f, ""); err != nil || !got.IsZero() {
		t.Errorf("without a course: %s, %v", got, err)
	}
}

// A platform serves its own school, and none while it is switched off.
func TestAPlatformServesItsOwnSchool(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	if _, err := r.Desk.CanvasOf(t.Context(), access.TenantID(store.NewID("ten")), r.Plat); !errors.Is(err, access.ErrNotFound) {
		t.Errorf("the platform of another school: %v", err)
	}
	caller := r.As("maya", access.DoorCourse)
	r.Must(r.Desk.Store.InTx(t.Context(), func(tx *store.Tx) error {
		p, err := tx.Platform(r.Plat)
		if err != nil {
			return err
		}
		p.Disabled = true
		return tx.SavePlatform(p, audit.Event{At: r.Clock.Now(), Actor: "operator:test", Action: audit.PlatformChange, Object: p.ID}, nil)
	}))
	for _, plat := range []string{r.Plat, ""} {
		if _, err := r.Desk.CanvasOf(t.Context(), r.Tenant, plat); access.WhyOf(err) != access.WhyTenantSuspended {
			t.Errorf("switched off: %v", err)
		}
	}
	if _, err := r.Requests.Submit(t.Context(), caller, "", r.Answers()); access.WhyOf(err) != access.WhyTenantSuspended {
		t.Errorf("a request there: %v", err)
	}
}

// A draft that was begun outside a course belongs to the first course that it is
// opened from, and stays there.
func TestDraftFindsItsCourse(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	outside, inside := r.As("maya", access.DoorUser), r.As("maya", access.DoorCourse)
	d, err := r.Requests.SaveDraft(t.Context(), outside, "", r.Answers())
	if err != nil || d.Course.ID != "" {
		t.Fatalf("%+v, %v", d.Course, err)
	}
	for _, caller := range []access.Caller{inside, outside} {
		if d, err = r.Requests.SaveDraft(t.Context(), caller, d.ID, r.Answers()); err != nil || d.Course != inside.Course || r.Request(d.ID).Course != inside.Course {
			t.Errorf("%+v, %v", d.Course, err)
		}
	}
}

// The old token of a renewal has no longer than its own end, also within the
// overlap.
func TestOverlapEndsWithTheToken(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	old, _ := r.Working()
	next, _ := r.Collect(r.Renewed(old.ID, "2027-02-28").Code())
	end := r.Clock.Now().Add(desktest.BuiltIn.Windows.Overlap - time.Hour)
	r.Force(old.ID, func(g *access.Grant) { g.Expires = end })
	r.Activate("maya", next.CanvasID)
	f, err := r.Desk.CanvasOf(t.Context(), r.Tenant, "")
	r.Must(err)
	r.Must(r.Tokens.CheckToken(t.Context(), f, r.Grant(next.ID)))
	if g := r.Grant(old.ID); !g.RetireAt.Equal(end) || g.Successor != next.ID {
		t.Errorf("it retires at %s, its end is %s", g.RetireAt, end)
	}
}

// Of what Canvas lists as somebody's enrolments only active ones of this very
// person count.
func TestEnrollmentsThatCount(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	f, err := r.Desk.CanvasOf(t.Context(), r.Tenant, r.Plat)
	r.Must(err)
	maya, bio := r.W.User("maya").ID.String(), r.W.Course("bio201").ID.String()
	row := func(n int, user, state string) string {
		return fmt.Sprintf(`{"id":"%d","course_id":"%s","user_id":"%s","type":"StudentEnrollment","role":"StudentEnrollment","enrollment_state":"%s"}`, n, bio, user, state)
	}
	body := "[" + strings.Join([]string{row(1, maya, "active"), row(2, maya, "completed"), row(3, maya, "invited"), row(4, r.W.User("luca").ID.String(), "active")}, ",") + "]"
	line := func(req *http.Request, send func(*http.Request) (*http.Response, error)) (*http.Response, error) {
		resp, err := send(req)
		if err == nil && strings.HasSuffix(req.URL.Path, "/enrollments") {
			err = resp.Body.Close()
			resp.Body, resp.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
		}
		return resp, err
	}
	r.Line.Store(&line)
	got, err := r.Authority.Enrollments(t.Context(), f, maya)
	if want := []access.Enrollment{{CourseID: bio, UserID: maya, Type: "StudentEnrollment", Academic: true}}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
}

// A test student is no teacher, whatever else a roster calls them.
func TestRosterOfTestStudents(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	r.WithRoster()
	body := fmt.Sprintf(`{"members":[{"status":"Active","user_id":%q,"roles":[%q,%q]}]}`, r.W.User("ana").LTIID, lti.RoleInstructor, lti.RoleTestUser)
	r.Cv.Fail(canvastest.Fault{Route: desktest.RosterRoute, Times: -1, Status: http.StatusOK, Body: body, ContentType: canvastest.RosterType})
	if got := sponsorCode(r, r.As("maya", access.DoorCourse, r.Roster("bio201"))); got != "sponsor.not_teaching" {
		t.Errorf("a sponsor whom the roster knows as a test student: %q", got)
	}
}

// Who reported a leak is named to its owner; who pasted a value that was found is not.
func TestWhoIsNamedInALeak(t *testing.T) {
	t.Parallel()
	for name, report := range map[string]func(r *desktest.Rig, g access.Grant, value string) error{
		"reported": func(r *desktest.Rig, g access.Grant, _ string) error {
			_, err := r.Leaks.Report(r.T.Context(), r.As("dana", access.DoorAccount), g.ID)
			return err
		},
		"pasted": func(r *desktest.Rig, _ access.Grant, value string) error {
			_, err := r.Leaks.Check(r.T.Context(), r.As("dana", access.DoorAccount), value)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := desktest.NewRig(t, desktest.Sqlite(t))
			g, value := r.Working()
			r.Drain()
			r.Must(report(r, g, value))
			r.Drain()
			told := 0
			for _, m := range r.W.Inbox("maya") {
				if !strings.Contains(m.Subject, "token deleted") {
					continue
				}
				told++
				if strings.Contains(m.Body, "Dana Ortiz") != (name == "reported") {
					t.Errorf("her message says\n%s", m.Body)
				}
			}
			if told != 1 {
				t.Errorf("%d messages: %q", told, r.Subjects("maya"))
			}
		})
	}
}

// Of a token that has ended only who stands for it may say that it leaked, not who
// did once; where nothing was handed over nothing can have leaked.
func TestWhoMayReportAnEndedToken(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	ctx := t.Context()
	g, helen := r.Asked()
	maya, ana := r.As("maya", access.DoorCourse), r.As("ana", access.DoorCourse)
	report := func(caller access.Caller, id string) func() error {
		return func() error { _, err := r.Leaks.Report(ctx, caller, id); return err }
	}
	r.Refused("the former sponsor", access.WhyNotYours, access.ReportLeak, "ana", "grt1", report(ana, g.ID))
	r.Refused("who is asked to be one", access.WhyNotYours, access.ReportLeak, "helen", "grt1", report(helen, g.ID))
	_, err := r.Tokens.Revoke(ctx, maya, g.ID, "")
	r.Must(err)
	if p, err := r.Cases.Token(ctx, maya, g.ID); err != nil || !p.Can[access.ReportLeak] {
		t.Errorf("its owner is not offered it: %v", err)
	}
	r.Refused("the former sponsor, ended", access.WhyNotYours, access.ReportLeak, "ana", "grt1", report(ana, g.ID))
	q := r.Approved()
	r.Cv.Fail(canvastest.Fault{Route: desktest.CreateRoute, Method: http.MethodPost, Status: 403, Body: desktest.Denied})
	c, err := r.Tokens.Collect(ctx, maya, q.Code())
	if err != nil || c.Grant == nil || c.Grant.State != access.Void {
		t.Fatalf("%+v, %v", c.Grant, err)
	}
	if got := r.Wrote(func() {
		if err := report(maya, c.Grant.ID)(); !errors.Is(err, access.ErrConflict) {
			t.Errorf("nothing was handed over: %v", err)
		}
	}); got != "" {
		t.Errorf("it wrote\n%s", got)
	}
	if p, err := r.Cases.Token(ctx, maya, c.Grant.ID); err != nil || p.Can[access.ReportLeak] {
		t.Errorf("the page offers it: %v", err)
	}
}

// The form shows what was typed last: kept text before the draft only where it is
// newer.
func TestFormShowsTheNewest(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	ctx := t.Context()
	maya := r.As("maya", access.DoorCourse)
	d, err := r.Requests.SaveDraft(ctx, maya, "", access.Answers{"build": {"saved"}})
	r.Must(err)
	keep := func(at time.Time, text string) {
		r.Must(r.Desk.Store.InTx(ctx, func(tx *store.Tx) error {
			return tx.SaveText(store.SavedText{Tenant: r.Tenant, Person: maya.Person, Object: d.ID, Form: desk.FormRequest, Data: []byte(text), UpdatedAt: at})
		}))
	}
	shows := func(want string, keptAt time.Time) {
		t.Helper()
		if f, err := r.Requests.Form(ctx, maya, d.ID); err != nil || f.Answers.Text("build") != want || !f.KeptAt.Equal(keptAt) {
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
	r := desktest.NewRig(t, desktest.Sqlite(t))
	old, _ := r.Working()
	next, _ := r.Collect(r.Renewed(old.ID, "2027-02-28").Code())
	_, err := r.Tokens.Freeze(t.Context(), r.As("dana", access.DoorAccount), old.ID, "Odd traffic.")
	r.Must(err)
	was := r.Grant(old.ID)
	r.Activate("maya", next.CanvasID)
	f, err := r.Desk.CanvasOf(t.Context(), r.Tenant, "")
	r.Must(err)
	r.Must(r.Tokens.CheckToken(t.Context(), f, r.Grant(next.ID)))
	if now := r.Grant(old.ID); now.Version != was.Version || r.Grant(next.ID).State != access.Active {
		t.Errorf("the old one is %s v%d, the new one %s", now.State, now.Version, r.Grant(next.ID).State)
	}
}

// Once Canvas has said at a decision that somebody is no reviewer, no page shows
// them as one.
func TestFormerReviewerIsForgotten(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	q := r.Submitted()
	r.Act(r.As("ana", access.DoorCourse), q.Code(), access.Endorse, access.Move{})
	dana := r.As("dana", access.DoorAccount)
	if !r.Cases.Nav(t.Context(), dana).Reviewer {
		t.Fatal("she is no reviewer")
	}
	r.W.RemoveAdmin("dana", "root")
	if !r.Cases.Nav(t.Context(), dana).Reviewer {
		t.Error("what was shown is asked anew at every page")
	}
	r.Refused("decide", access.WhyNotReviewer, access.Approve, "dana", "req1", func() error {
		_, err := r.Requests.Act(t.Context(), dana, q.ID, access.Approve, access.Move{}, r.TermsOf(q.ID))
		return err
	})
	if r.Cases.Nav(t.Context(), dana).Reviewer {
		t.Error("she is shown as a reviewer still")
	}
}

// Where the teacher stays and the student has left, the choice is corrected at its
// field, as for one who does not teach.
func TestChoiceOfWhoHasLeft(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	q, maya := r.Submitted(), r.As("maya", access.DoorCourse)
	r.Helen()
	r.W.SetEnrollmentState("maya", "bio201", canvastest.StateCompleted)
	var form *access.FormError
	if _, err := r.Requests.ChooseSponsor(t.Context(), maya, q.Code(), r.W.User("helen").ID.String()); !errors.As(err, &form) || form.Fields[0].Code != "sponsor.not_teaching" {
		t.Errorf("%v", err)
	}
	if now := r.Request(q.ID); now.Version != q.Version {
		t.Errorf("its sponsor is %s", now.Sponsor)
	}
}
