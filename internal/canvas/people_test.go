package canvas_test

import (
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/canvas"
)

func TestUser(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]http.Handler{
		"GET /api/v1/users/42": reply{body: `{"id":42,"name":"Maya Chen","short_name":"Maya","sortable_name":"Chen, Maya","login_id":"maya",
			"email":"maya@example.edu","locale":null,"effective_locale":"en-GB","pronouns":"she/her","avatar_url":"https://x/y.png","permissions":{"can_update_name":true}}`},
		"GET /api/v1/users/self":                            reply{body: `{"id":"7","name":"Service"}`},
		"GET /api/v1/users/lti_1_3_id:535fa085%2Ff22b%2E46": reply{body: `{"id":"42","name":"Maya Chen"}`},
		"GET /api/v1/users/8":                               reply{body: `{"name":"No id"}`},
	})
	c := s.client()
	got, err := c.User(t.Context(), "42")
	want := canvas.User{
		ID: "42", Name: "Maya Chen", ShortName: "Maya", SortableName: "Chen, Maya", LoginID: "maya", Email: "maya@example.edu",
		EffectiveLocale: "en-GB", Pronouns: "she/her", AvatarURL: "https://x/y.png",
	}
	if err != nil || got != want {
		t.Errorf("User = %+v, %v", got, err)
	}
	if got, err := c.User(t.Context(), "self"); err != nil || got.ID != "7" {
		t.Errorf("self = %+v, %v", got, err)
	}
	if got, err := c.UserByLTI(t.Context(), "535fa085/f22b.46"); err != nil || got.ID != "42" {
		t.Errorf("UserByLTI = %+v, %v", got, err)
	}
	_, err = c.User(t.Context(), "8")
	wantKind(t, "a user without an id", err, canvas.Server)
	_, err = c.User(t.Context(), "9")
	wantKind(t, "an unknown user", err, canvas.NotFound)
	_, err = c.UserByLTI(t.Context(), "unknown")
	wantKind(t, "an unknown subject", err, canvas.NotFound)
	before := len(s.requests())
	for name, sub := range map[string]string{"nothing": "", "a space": "a b", "a line end": "a\n", "too long": strings.Repeat("a", 256), "not ASCII": "é"} {
		_, err = c.UserByLTI(t.Context(), sub)
		wantKind(t, "a subject that is "+name, err, canvas.Invalid)
	}
	for _, id := range []string{"", "lti_1_3_id:x", "42/profile", "42?include[]=email"} {
		_, err = c.User(t.Context(), id)
		wantKind(t, "the user id "+id, err, canvas.Invalid)
	}
	if n := len(s.requests()) - before; n != 0 {
		t.Errorf("%d refused calls were sent", n)
	}
}

func TestProfile(t *testing.T) {
	t.Parallel()
	c := start(t, map[string]http.Handler{
		"GET /api/v1/users/42/profile": reply{body: `{"id":"42","name":"Maya Chen","short_name":"Maya","sortable_name":"Chen, Maya","title":null,"bio":null,
			"primary_email":"maya@example.edu","login_id":"maya","lti_user_id":"abc","avatar_url":"https://x","calendar":{"ics":"https://x"},"time_zone":"America/Denver","locale":"es"}`},
		"GET /api/v1/users/43/profile": reply{body: `{"id":"43","name":"Ben","primary_email":null,"time_zone":null}`},
		"GET /api/v1/users/44/profile": reply{body: `{}`},
	}).client()
	got, err := c.Profile(t.Context(), "42")
	want := canvas.Profile{
		ID: "42", Name: "Maya Chen", ShortName: "Maya", SortableName: "Chen, Maya",
		PrimaryEmail: "maya@example.edu", LoginID: "maya", Locale: "es", TimeZone: "America/Denver", AvatarURL: "https://x",
	}
	if err != nil || got != want {
		t.Errorf("Profile = %+v, %v", got, err)
	}
	if got, err := c.Profile(t.Context(), "43"); err != nil || got != (canvas.Profile{ID: "43", Name: "Ben"}) {
		t.Errorf("a sparse profile = %+v, %v", got, err)
	}
	_, err = c.Profile(t.Context(), "44")
	wantKind(t, "not a profile", err, canvas.Server)
	_, err = c.Profile(t.Context(), "")
	wantKind(t, "nobody", err, canvas.Invalid)
}

const enrollments = `[
	{"id":"1","course_id":"201","course_section_id":"301","user_id":"42","type":"StudentEnrollment","role":"StudentEnrollment","role_id":"3","enrollment_state":"active","limit_privileges_to_course_section":true},
	{"id":2,"course_id":202,"user_id":42,"type":"TeacherEnrollment","role":"Lecturer","role_id":19,"enrollment_state":"active"},
	{"id":"3","course_id":"203","user_id":"42","type":"TeacherEnrollment","role":"TeacherEnrollment","role_id":"4","enrollment_state":"invited"}]`

func TestEnrollments(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]http.Handler{
		"GET /api/v1/users/42/enrollments":    jsonList(enrollments),
		"GET /api/v1/courses/201/enrollments": jsonList(enrollments),
		"GET /api/v1/users/43/enrollments":    jsonList(`[{"id":"1","course_id":"201","user_id":"43","enrollment_state":"active"}]`),
		"GET /api/v1/users/44/enrollments":    jsonList(`[{"id":"1","course_id":"201","user_id":"44","type":"StudentEnrollment"}]`),
		"GET /api/v1/users/45/enrollments":    reply{body: `[]`},
	})
	c := s.client()
	want := []canvas.Enrollment{
		{ID: "1", CourseID: "201", SectionID: "301", UserID: "42", Type: canvas.StudentEnrollment, Role: "StudentEnrollment", RoleID: "3", State: "active", OnlyOwnSection: true},
		{ID: "2", CourseID: "202", UserID: "42", Type: canvas.TeacherEnrollment, Role: "Lecturer", RoleID: "19", State: "active"},
	}
	got, err := c.UserEnrollments(t.Context(), "42")
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("UserEnrollments = %+v, %v", got, err)
	}
	if got, err = c.CourseEnrollments(t.Context(), "201", canvas.TeacherEnrollment, canvas.TaEnrollment); err != nil || len(got) != 2 {
		t.Errorf("CourseEnrollments = %+v, %v", got, err)
	}
	all := s.requests()
	for i, wantQuery := range []url.Values{
		{"state[]": {"active"}, "per_page": {"100"}},
		{"state[]": {"active"}, "per_page": {"100"}, "type[]": {"TeacherEnrollment", "TaEnrollment"}},
	} {
		if q, _ := url.ParseQuery(all[i].Query); !reflect.DeepEqual(q, wantQuery) {
			t.Errorf("query %d = %v, want %v", i, q, wantQuery)
		}
	}
	_, err = c.UserEnrollments(t.Context(), "43")
	wantKind(t, "a row without a type", err, canvas.Server)
	_, err = c.UserEnrollments(t.Context(), "44")
	wantKind(t, "a row without a state", err, canvas.Server)
	_, err = c.UserEnrollments(t.Context(), "45")
	wantKind(t, "a list of unknown length", err, canvas.Server)
	_, err = c.UserEnrollments(t.Context(), "x")
	wantKind(t, "nobody", err, canvas.Invalid)
	_, err = c.CourseEnrollments(t.Context(), "self")
	wantKind(t, "no course", err, canvas.Invalid)
	_, err = c.CourseEnrollments(t.Context(), "201", "teacher")
	wantKind(t, "no type", err, canvas.Invalid)
}

func TestCoursePeople(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]http.Handler{
		"GET /api/v1/courses/201/users": jsonList(`[{"id":"50","name":"Ana Ruiz","email":"ana@example.edu"}]`),
		"GET /api/v1/courses/202/users": jsonList(`[{"name":"Ana Ruiz"}]`),
	})
	c := s.client()
	got, err := c.CoursePeople(t.Context(), "201", canvas.TeacherEnrollment)
	if err != nil || len(got) != 1 || got[0].Name != "Ana Ruiz" || got[0].Email != "ana@example.edu" {
		t.Errorf("CoursePeople = %+v, %v", got, err)
	}
	want := url.Values{"enrollment_type[]": {"teacher"}, "enrollment_state[]": {"active"}, "include[]": {"email"}, "per_page": {"100"}}
	if q, _ := url.ParseQuery(s.only(t).Query); !reflect.DeepEqual(q, want) {
		t.Errorf("query = %v, want %v", q, want)
	}
	_, err = c.CoursePeople(t.Context(), "202", canvas.TeacherEnrollment)
	wantKind(t, "a row without an id", err, canvas.Server)
	_, err = c.CoursePeople(t.Context(), "201", "Teacher")
	wantKind(t, "no type", err, canvas.Invalid)
	_, err = c.CoursePeople(t.Context(), "", canvas.TeacherEnrollment)
	wantKind(t, "no course", err, canvas.Invalid)
}

func TestCourse(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]http.Handler{
		"GET /api/v1/courses/201": reply{body: `{"id":"201","name":"Biology","course_code":"BIO 201","workflow_state":"available","account_id":"3","root_account_id":"1",
			"start_at":"2026-08-20T06:00:00Z","end_at":"2026-12-18T07:00:00Z","restrict_enrollments_to_course_dates":true,"time_zone":"America/Denver",
			"enrollment_term_id":"9","term":{"id":"9","name":"Fall 2026","start_at":null,"end_at":"2026-12-31T07:00:00Z"}}`},
		"GET /api/v1/courses/202": reply{body: `{"id":202,"name":"Sandbox","account_id":4,"end_at":"2026-12-18T07:00:00Z","restrict_enrollments_to_course_dates":false}`},
		"GET /api/v1/courses/203": reply{body: `{"id":"203","name":"No account"}`},
	})
	c := s.client()
	got, err := c.Course(t.Context(), "201")
	want := canvas.Course{
		ID: "201", Name: "Biology", Code: "BIO 201", State: "available", AccountID: "3", RootAccountID: "1",
		StartAt: time.Date(2026, 8, 20, 6, 0, 0, 0, time.UTC), EndAt: time.Date(2026, 12, 18, 7, 0, 0, 0, time.UTC), RestrictDates: true,
		TermID: "9", TermName: "Fall 2026", TermEndAt: time.Date(2026, 12, 31, 7, 0, 0, 0, time.UTC), TimeZone: "America/Denver",
	}
	if err != nil || got != want {
		t.Errorf("Course = %+v, %v", got, err)
	}
	if s.only(t).Query != "include%5B%5D=term" {
		t.Errorf("query = %s", s.only(t).Query)
	}
	if got, err := c.Course(t.Context(), "202"); err != nil || !got.TermEndAt.IsZero() || got.RestrictDates {
		t.Errorf("a course without a term = %+v, %v", got, err)
	}
	_, err = c.Course(t.Context(), "203")
	wantKind(t, "a course without an account", err, canvas.Server)
	_, err = c.Course(t.Context(), "sis_course_id:x")
	wantKind(t, "no course", err, canvas.Invalid)
}

func TestCourseEnds(t *testing.T) {
	t.Parallel()
	own, term := now, now.AddDate(0, 1, 0)
	for name, tc := range map[string]struct {
		course canvas.Course
		want   time.Time
	}{
		"its own end binds":           {canvas.Course{EndAt: own, TermEndAt: term, RestrictDates: true}, own},
		"its own end does not bind":   {canvas.Course{EndAt: own, TermEndAt: term}, term},
		"it restricts without an end": {canvas.Course{TermEndAt: term, RestrictDates: true}, term},
		"there is no end":             {canvas.Course{EndAt: own}, time.Time{}},
	} {
		if got := tc.course.Ends(); !got.Equal(tc.want) {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
}
