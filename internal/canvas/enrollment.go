package canvas

import (
	"context"
	"net/http"
	"net/url"
	"slices"
)

// The types of an enrolment in Canvas.
const (
	StudentEnrollment     = "StudentEnrollment"
	TeacherEnrollment     = "TeacherEnrollment"
	TaEnrollment          = "TaEnrollment"
	DesignerEnrollment    = "DesignerEnrollment"
	ObserverEnrollment    = "ObserverEnrollment"
	StudentViewEnrollment = "StudentViewEnrollment"
)

// peopleTypes maps enrolment types to the names that the course people call
// uses for them, and is the closed list of both.
var peopleTypes = map[string]string{
	StudentEnrollment:     "student",
	TeacherEnrollment:     "teacher",
	TaEnrollment:          "ta",
	DesignerEnrollment:    "designer",
	ObserverEnrollment:    "observer",
	StudentViewEnrollment: "student_view",
}

// The states of an enrolment. Only an active one is in force.
const (
	EnrollmentActive    = "active"
	EnrollmentInvited   = "invited"
	EnrollmentCompleted = "completed"
	EnrollmentInactive  = "inactive"
	EnrollmentRejected  = "rejected"
)

var enrollmentStates = []string{EnrollmentActive, EnrollmentInvited, EnrollmentCompleted, EnrollmentInactive, EnrollmentRejected}

// Enrollment is one person's place in one section of a course.
type Enrollment struct {
	ID, CourseID, SectionID, UserID string
	Type                            string // one of the constants, or a word that this program does not know
	Role, RoleID                    string
	State                           string
	OnlyOwnSection                  bool // may see people of the own section only
}

type enrollmentJSON struct {
	ID             id     `json:"id"`
	CourseID       id     `json:"course_id"`
	SectionID      id     `json:"course_section_id"`
	UserID         id     `json:"user_id"`
	Type           string `json:"type"`
	Role           string `json:"role"`
	RoleID         id     `json:"role_id"`
	State          string `json:"enrollment_state"`
	OnlyOwnSection bool   `json:"limit_privileges_to_course_section"`
}

// UserEnrollments reads all active enrolments of a user, in every course that
// the credential can see.
func (c *Client) UserEnrollments(ctx context.Context, userID string) ([]Enrollment, error) {
	const op = "list enrolments of user"
	user, e := segment(op, "user", userID)
	if e != nil {
		return nil, e
	}
	return c.enrollments(ctx, op, "users/"+user+"/enrollments", nil, EnrollmentActive)
}

// UserEnrollmentsIn reads a user's enrolments in these states, in every course
// that the credential can see: with EnrollmentCompleted it tells one who
// finished a course from one who left it, who is in no state at all.
func (c *Client) UserEnrollmentsIn(ctx context.Context, userID string, states ...string) ([]Enrollment, error) {
	const op = "list enrolments of user"
	user, e := segment(op, "user", userID)
	if e != nil {
		return nil, e
	}
	if len(states) == 0 || slices.ContainsFunc(states, func(s string) bool { return !slices.Contains(enrollmentStates, s) }) {
		return nil, invalid(op, "there is no such state of an enrolment")
	}
	return c.enrollments(ctx, op, "users/"+user+"/enrollments", nil, states...)
}

// CourseEnrollments reads all active enrolments of a course; with types, only
// those of these types.
func (c *Client) CourseEnrollments(ctx context.Context, courseID string, types ...string) ([]Enrollment, error) {
	const op = "list enrolments of course"
	course, e := numericID(op, "course", courseID)
	if e != nil {
		return nil, e
	}
	for _, t := range types {
		if peopleTypes[t] == "" {
			return nil, invalid(op, "there is no such enrolment type")
		}
	}
	return c.enrollments(ctx, op, "courses/"+course+"/enrollments", types, EnrollmentActive)
}

func (c *Client) enrollments(ctx context.Context, op, path string, types []string, states ...string) ([]Enrollment, error) {
	query := url.Values{"state[]": states}
	if len(types) > 0 {
		query["type[]"] = types
	}
	rows, err := list[enrollmentJSON](ctx, c, op, path, query)
	if err != nil {
		return nil, err
	}
	out := make([]Enrollment, 0, len(rows))
	for _, r := range rows {
		if r.UserID == "" || r.CourseID == "" || r.Type == "" || r.State == "" {
			return nil, unreadable(op, false, http.StatusOK, "a row of the list is incomplete", nil)
		}
		if !slices.Contains(states, r.State) {
			continue
		}
		out = append(out, Enrollment{
			ID: string(r.ID), CourseID: string(r.CourseID), SectionID: string(r.SectionID), UserID: string(r.UserID),
			Type: r.Type, Role: r.Role, RoleID: string(r.RoleID), State: r.State, OnlyOwnSection: r.OnlyOwnSection,
		})
	}
	return out, nil
}

// CoursePeople reads the people with an active enrolment of one type in a
// course.
func (c *Client) CoursePeople(ctx context.Context, courseID, enrollmentType string) ([]User, error) {
	const op = "list people of course"
	course, e := numericID(op, "course", courseID)
	if e != nil {
		return nil, e
	}
	short := peopleTypes[enrollmentType]
	if short == "" {
		return nil, invalid(op, "there is no such enrolment type")
	}
	rows, err := list[userJSON](ctx, c, op, "courses/"+course+"/users",
		url.Values{"enrollment_type[]": {short}, "enrollment_state[]": {EnrollmentActive}, "include[]": {"email"}})
	if err != nil {
		return nil, err
	}
	people := make([]User, 0, len(rows))
	for _, r := range rows {
		if r.ID == "" {
			return nil, unreadable(op, false, http.StatusOK, "a row of the list is incomplete", nil)
		}
		people = append(people, r.user())
	}
	return people, nil
}
