package access

import (
	"net/url"
	"slices"
	"strings"
	"time"
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
func AffiliationOf(es []Enrollment, onStaffList, exempt bool) Affiliation {
	has := func(types ...string) bool {
		return slices.ContainsFunc(es, func(e Enrollment) bool { return e.Academic && slices.Contains(types, e.Type) })
	}
	student := has("StudentEnrollment", "TaEnrollment")
	switch {
	case student && !exempt:
		return Student
	case has("TeacherEnrollment"):
		return Faculty
	case has("DesignerEnrollment"), onStaffList:
		return Staff
	case student:
		return Student
	}
	return None
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

func contains(of []string, v string) bool { return slices.Contains(of, v) }

func httpsLink(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Scheme == "https" && u.Host != "" && u.User == nil && !strings.ContainsAny(s, " <>\"")
}

// BusinessDaysAfter returns the moment n business days (Monday to Friday) after
// from, at the same time of day in loc.
func BusinessDaysAfter(from time.Time, n int, loc *time.Location) time.Time {
	t := from.In(loc)
	for n > 0 {
		t = t.AddDate(0, 0, 1)
		if wd := t.Weekday(); wd != time.Saturday && wd != time.Sunday {
			n--
		}
	}
	return t
}

// BusinessDaysBetween counts business days begun since from: 1 on the first day.
func BusinessDaysBetween(from, to time.Time, loc *time.Location) int {
	a, b := from.In(loc), to.In(loc)
	n := 1
	for d := a.AddDate(0, 0, 1); !d.After(b); d = d.AddDate(0, 0, 1) {
		if wd := d.Weekday(); wd != time.Saturday && wd != time.Sunday {
			n++
		}
	}
	return n
}
