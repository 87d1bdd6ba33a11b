package canvas_test

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
)

func TestUserStanding(t *testing.T) {
	t.Parallel()
	s, c := standin(t, canvastest.Options{})
	w := s.World()
	merged := w.User("rosa").ID.String()
	for person, want := range map[string]canvas.Standing{
		"maya": {Found: true}, "luca": {Found: true}, "former": {}, "rosa-old": {MergedInto: merged}, "yuki": {Found: true},
	} {
		id := w.User(person).ID.String()
		got, err := c.UserStanding(t.Context(), id)
		if err != nil || got.Found != want.Found || got.MergedInto != want.MergedInto || got.Found && got.User.ID != id {
			t.Errorf("%s: %+v, %v", person, got, err)
		}
	}
	if got, err := c.UserStanding(t.Context(), "987654321"); err != nil || got.Found || got.MergedInto != "" {
		t.Errorf("somebody whom Canvas never knew: %+v, %v", got, err)
	}
	_, err := c.UserStanding(t.Context(), "self")
	wantKind(t, "not an id", err, canvas.Invalid)

	// Without proof that the credential is accepted nobody is called gone.
	_, err = clientOf(s, "17~nothing").UserStanding(t.Context(), w.User("former").ID.String())
	wantKind(t, "a credential that is none", err, canvas.Unauthenticated)
	s.Fail(canvastest.Fault{Route: "/api/v1/users/:id", Skip: 1, Status: 500})
	_, err = c.UserStanding(t.Context(), w.User("former").ID.String())
	wantKind(t, "the second call fails", err, canvas.Server)
	s.Fail(canvastest.Fault{Route: "/api/v1/users/:id", Status: 404, Body: unknownRoute})
	w.SetPermission("account-admin", canvastest.PermBecomeUser, true)
	_, err = c.UserStanding(t.Context(), w.User("maya").ID.String())
	wantKind(t, "a false 404 about somebody who lives", err, canvas.Server)
}

func TestAMergeIntoAnIDAboveTwoToThe53(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]http.Handler{
		"GET /api/v1/users/self": reply{status: 401, body: `{"errors":"Invalid as_user_id","merged_into_user_id":9010000000000000007}`},
	})
	got, err := s.client().UserStanding(t.Context(), "42")
	if err != nil || got.Found || got.MergedInto != "9010000000000000007" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestLogins(t *testing.T) {
	t.Parallel()
	s, c := standin(t, canvastest.Options{})
	for person, want := range map[string]string{"maya": "active", "yuki": "suspended"} {
		logins, err := c.Logins(t.Context(), s.World().User(person).ID.String())
		if err != nil || len(logins) != 1 || logins[0].State != want || logins[0].Name == "" {
			t.Errorf("%s: %+v, %v", person, logins, err)
		}
	}
	s.World().SetLoginState("maya", canvastest.StateDeleted)
	if logins, err := c.Logins(t.Context(), s.World().User("maya").ID.String()); err != nil || len(logins) != 0 {
		t.Errorf("a login that is gone: %+v, %v", logins, err)
	}
	_, err := clientOf(s, seeded(s, "ana")).Logins(t.Context(), s.World().User("luca").ID.String())
	wantKind(t, "a teacher asks", err, canvas.Denied)
	_, err = always(t, jsonList(`[{"id":"1"}]`)).client().Logins(t.Context(), "42")
	wantKind(t, "a row without a user", err, canvas.Server)
}

func TestEnrollmentsInOtherStates(t *testing.T) {
	t.Parallel()
	s, c := standin(t, canvastest.Options{})
	maya, bio := s.World().User("maya").ID.String(), s.World().Course("bio201").ID.String()
	in := func(states ...string) bool {
		t.Helper()
		all, err := c.UserEnrollmentsIn(t.Context(), maya, states...)
		if err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(all, func(e canvas.Enrollment) bool { return e.CourseID == bio && slices.Contains(states, e.State) })
	}
	if !in(canvas.EnrollmentActive) || in(canvas.EnrollmentCompleted) {
		t.Error("an active enrolment")
	}
	s.World().SetEnrollmentState("maya", "bio201", canvas.EnrollmentCompleted)
	if in(canvas.EnrollmentActive) || !in(canvas.EnrollmentCompleted, canvas.EnrollmentInactive) {
		t.Error("a completed enrolment")
	}
	s.World().SetEnrollmentState("maya", "bio201", canvastest.StateDeleted)
	if in(canvas.EnrollmentActive, canvas.EnrollmentCompleted, canvas.EnrollmentInactive, canvas.EnrollmentInvited, canvas.EnrollmentRejected) {
		t.Error("an enrolment that was taken away is listed")
	}
	for _, states := range [][]string{nil, {"deleted"}, {"active", "x"}} {
		_, err := c.UserEnrollmentsIn(t.Context(), maya, states...)
		wantKind(t, strings.Join(states, ","), err, canvas.Invalid)
	}
}

func TestConcluded(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		course canvas.Course
		want   bool
	}{
		"running":                        {canvas.Course{State: "available"}, false},
		"concluded by hand":              {canvas.Course{State: "completed"}, true},
		"at the end of its term":         {canvas.Course{State: "available", TermEndAt: now}, true},
		"before the end of its term":     {canvas.Course{State: "available", TermEndAt: now.Add(time.Second)}, false},
		"its own end does not bind":      {canvas.Course{State: "available", EndAt: now.Add(-time.Hour)}, false},
		"past its own end, which binds":  {canvas.Course{State: "available", EndAt: now.Add(-time.Hour), RestrictDates: true}, true},
		"its own end is after the terms": {canvas.Course{State: "available", EndAt: now.Add(time.Hour), RestrictDates: true, TermEndAt: now.Add(-time.Hour)}, false},
	} {
		if got := tc.course.Concluded(now); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestRegenerateFreezesAndTellsWhatCanvasReallyDid(t *testing.T) {
	t.Parallel()
	s, c := standin(t, canvastest.Options{})
	w := s.World()
	for _, person := range []string{"maya", "helen"} { // helen's values carry a shard
		user := w.User(person).ID.String()
		seed, old := w.SeedToken(person, canvastest.TokenSpec{Purpose: "p", ExpiresAt: inDays(20)})
		got, err := c.RegenerateToken(t.Context(), user, seed.ID.String(), inDays(20))
		if err != nil || got.State != canvas.StatePending || got.Value.IsZero() || got.Value.Reveal() == old || !got.ExpiresAt.Equal(inDays(20)) {
			t.Errorf("%s: %+v, %v", person, got, err)
		}
		if w.Authenticates(old) || w.Authenticates(got.Value.Reveal()) {
			t.Errorf("%s: a value works", person)
		}
	}
	// A change that Canvas answers with 200 and does not make can be seen.
	w.UpdateFlags(func(f *canvastest.Flags) { f.FreezeExpiryOnUpdate = true })
	seed, _ := w.SeedToken("maya", canvastest.TokenSpec{Purpose: "p", ExpiresAt: inDays(20)})
	got, err := c.UpdateToken(t.Context(), w.User("maya").ID.String(), seed.ID.String(), canvas.TokenUpdate{ExpiresAt: inDays(60)})
	if err != nil || !got.ExpiresAt.Equal(inDays(20)) {
		t.Errorf("an end that did not move: %v, %v", got.ExpiresAt, err)
	}
	_, err = c.RegenerateToken(t.Context(), w.User("maya").ID.String(), seed.ID.String(), time.Time{})
	wantKind(t, "without an end", err, canvas.Invalid)
}

func TestTheReportOfTheStandIn(t *testing.T) {
	t.Parallel()
	for _, era := range []canvastest.Era{canvastest.Era1, canvastest.Era2, canvastest.Era3} {
		for _, elsewhere := range []bool{false, true} {
			s, c := standin(t, canvastest.Options{Era: era})
			w := s.World()
			w.UpdateFlags(func(f *canvastest.Flags) { f.FilesElsewhere = elsewhere })
			plain, _ := w.SeedToken("maya", canvastest.TokenSpec{Purpose: "p", ExpiresAt: inDays(9)})
			sharded, _ := w.SeedToken("luca", canvastest.TokenSpec{Purpose: "p"})
			app, _ := w.SeedToken("maya", canvastest.TokenSpec{AppName: "Other App"})
			rows, err := runReport(t, c)
			if err != nil {
				t.Fatalf("%s: %v", era, err)
			}
			found := func(token canvastest.Token) canvas.ReportRow {
				i := slices.IndexFunc(rows, func(r canvas.ReportRow) bool {
					return canvas.SameID(r.UserID, token.UserID.String()) && r.SameHint(token.Hint)
				})
				if i < 0 {
					t.Fatalf("%s: no row for token %s", era, token.ID)
				}
				return rows[i]
			}
			if r := found(plain); !r.Manual || !r.ExpiresAt.Equal(inDays(9)) || r.UserName != "Maya Chen" || (r.Status == "") == (era == canvastest.Era3) {
				t.Errorf("%s: %+v", era, r)
			}
			if r := found(sharded); !r.Manual || strings.Contains(r.Hint, "~") {
				t.Errorf("%s: %+v", era, r)
			}
			if found(app).Manual {
				t.Errorf("%s: a token of an application is called manual", era)
			}
		}
	}
}

// runReport starts a report, waits for it and reads it.
func runReport(t *testing.T, c *canvas.Client) ([]canvas.ReportRow, error) {
	t.Helper()
	r, err := c.StartTokenReport(t.Context(), "self")
	for err == nil && !r.Complete() && !r.Failed() {
		r, err = c.TokenReport(t.Context(), "self", r.ID)
	}
	if err != nil {
		return nil, err
	}
	if r.Failed() {
		return nil, errors.New("the run failed: " + r.Status)
	}
	return rowsOf(t.Context(), c, r)
}

func TestReportsOfTheStandInThatFail(t *testing.T) {
	t.Parallel()
	s, c := standin(t, canvastest.Options{})
	s.FailNextReport()
	if _, err := runReport(t, c); err == nil || !strings.Contains(err.Error(), canvas.ReportError) {
		t.Errorf("a run that fails: %v", err)
	}
	_, err := clientOf(s, seeded(s, "tom")).StartTokenReport(t.Context(), "self")
	wantKind(t, "without the right", err, canvas.Denied)
	cut := canvastest.Fault{Route: "/files/:id/download", CutBody: true}
	s.Fail(cut)
	_, err = runReport(t, c)
	wantKind(t, "a file that is cut", err, canvas.Server)
	long := func(w io.Writer) error {
		_, err := io.WriteString(w, oldColumns+strings.Repeat("42,Maya,aB3dE,never,never,9,User-Generated\n", 10_000))
		return err
	}
	s.StreamNextReport(long)
	s.Fail(cut)
	_, err = runReport(t, c)
	wantKind(t, "a long file that is cut", err, canvas.Server)
	s.StreamNextReport(long)
	if rows, err := runReport(t, c); err != nil || len(rows) != 10_000 {
		t.Errorf("a long file: %d rows, %v", len(rows), err)
	}
}
