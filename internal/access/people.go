package access

import (
	"slices"

	"github.com/tokendesk/tokendesk/internal/policy"
)

// Enrollment is one active enrolment as Canvas's API answered it.
type Enrollment struct {
	CourseID string
	UserID   string
	// Type is Canvas's base type: StudentEnrollment, TeacherEnrollment,
	// TaEnrollment, DesignerEnrollment, ObserverEnrollment, StudentViewEnrollment.
	Type string
	// Academic is false for courses under accounts that the policy lists as not
	// academic (sandboxes); they count for nothing.
	Academic bool
}

// AffiliationOf computes a person's standing from all their active enrolments,
// strictest first: a student or TA enrolment makes a student, else a teacher
// enrolment faculty, else a designer enrolment or the staff list staff, else
// none (observers too). exempt people are judged by their teaching or staff
// standing first.
func AffiliationOf(es []Enrollment, onStaffList, exempt bool) policy.Affiliation {
	has := func(types ...string) bool {
		return slices.ContainsFunc(es, func(e Enrollment) bool { return e.Academic && slices.Contains(types, e.Type) })
	}
	student := has("StudentEnrollment", "TaEnrollment")
	switch {
	case student && !exempt:
		return policy.Student
	case has("TeacherEnrollment"):
		return policy.Faculty
	case has("DesignerEnrollment"), onStaffList:
		return policy.Staff
	case student:
		return policy.Student
	}
	return policy.None
}

// MaySponsor decides whether sponsor may stand for requester in a course:
// an active teacher enrolment there, where the requester has an active student
// enrolment, and not a student themselves. A TA section beside a teacher's does
// not make a teacher a student. It returns WhyNotTeaching, WhyNotEnrolled or
// WhySelf as a *Refusal. Enrolments are all active ones of each person.
func MaySponsor(sponsor, requester []Enrollment, sponsorUser, requesterUser, course string) error {
	if sponsorUser == requesterUser {
		return Refuse(WhySelf)
	}
	in := func(es []Enrollment, typ string) bool {
		return slices.ContainsFunc(es, func(e Enrollment) bool { return e.Academic && e.CourseID == course && e.Type == typ })
	}
	isStudent := slices.ContainsFunc(sponsor, func(e Enrollment) bool { return e.Academic && e.Type == "StudentEnrollment" })
	switch {
	case course == "" || !in(sponsor, "TeacherEnrollment") || isStudent:
		return Refuse(WhyNotTeaching)
	case !in(requester, "StudentEnrollment"):
		return Refuse(WhyNotEnrolled)
	}
	return nil
}
