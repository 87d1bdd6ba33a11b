package access

import (
	"testing"

	"github.com/tokendesk/tokendesk/internal/policy"
)

func enrolled(types ...string) (es []Enrollment) {
	for _, typ := range types {
		es = append(es, Enrollment{CourseID: "201", UserID: "1", Type: typ, Academic: true})
	}
	return es
}

func TestAffiliationOf(t *testing.T) {
	t.Parallel()
	sandbox := Enrollment{CourseID: "9", Type: "TeacherEnrollment"}
	tests := map[string]struct {
		es            []Enrollment
		staff, exempt bool
		want          policy.Affiliation
	}{
		"a student":                                    {es: enrolled("StudentEnrollment"), want: policy.Student},
		"a TA is a student":                            {es: enrolled("TaEnrollment"), want: policy.Student},
		"a teacher":                                    {es: enrolled("TeacherEnrollment"), want: policy.Faculty},
		"a teacher who studies is a student":           {es: enrolled("TeacherEnrollment", "StudentEnrollment"), want: policy.Student},
		"a teacher who assists is a student":           {es: enrolled("TeacherEnrollment", "TaEnrollment"), want: policy.Student},
		"an exempt teacher who studies is faculty":     {es: enrolled("TeacherEnrollment", "StudentEnrollment"), exempt: true, want: policy.Faculty},
		"an exempt student stays a student":            {es: enrolled("StudentEnrollment"), exempt: true, want: policy.Student},
		"a designer is staff":                          {es: enrolled("DesignerEnrollment"), want: policy.Staff},
		"the staff list makes staff":                   {staff: true, want: policy.Staff},
		"the staff list does not lift the rule":        {es: enrolled("StudentEnrollment"), staff: true, want: policy.Student},
		"an observer is nobody":                        {es: enrolled("ObserverEnrollment"), want: policy.None},
		"the test student is nobody":                   {es: enrolled("StudentViewEnrollment"), want: policy.None},
		"nobody":                                       {want: policy.None},
		"teaching a sandbox makes nobody faculty":      {es: []Enrollment{sandbox}, want: policy.None},
		"a student who teaches a sandbox is a student": {es: append(enrolled("StudentEnrollment"), sandbox), want: policy.Student},
		"an unknown type counts for nothing":           {es: enrolled("KingEnrollment"), want: policy.None},
	}
	for name, tt := range tests {
		if got := AffiliationOf(tt.es, tt.staff, tt.exempt); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}

func TestMaySponsor(t *testing.T) {
	t.Parallel()
	in := func(course, typ string, academic bool) []Enrollment {
		return []Enrollment{{CourseID: course, Type: typ, Academic: academic}}
	}
	teacher, student := in("201", "TeacherEnrollment", true), in("201", "StudentEnrollment", true)
	tests := map[string]struct {
		sponsor, requester []Enrollment
		self               bool
		course             string
		why                Why
	}{
		"teaches the student":                {teacher, student, false, "201", ""},
		"teaches with a TA section beside":   {append(in("201", "TaEnrollment", true), teacher...), student, false, "201", ""},
		"teaches another course":             {in("110", "TeacherEnrollment", true), student, false, "201", WhyNotTeaching},
		"is a TA there":                      {in("201", "TaEnrollment", true), student, false, "201", WhyNotTeaching},
		"teaches here, studies elsewhere":    {append(in("500", "StudentEnrollment", true), teacher...), student, false, "201", WhyNotTeaching},
		"teaches a sandbox with the student": {in("9", "TeacherEnrollment", false), in("9", "StudentEnrollment", false), false, "9", WhyNotTeaching},
		"the student left the course":        {teacher, nil, false, "201", WhyNotEnrolled},
		"the student assists there":          {teacher, in("201", "TaEnrollment", true), false, "201", WhyNotEnrolled},
		"is the requester":                   {teacher, student, true, "201", WhySelf},
		"no course":                          {teacher, student, false, "", WhyNotTeaching},
	}
	for name, tt := range tests {
		other := "2"
		if tt.self {
			other = "1"
		}
		if got := WhyOf(MaySponsor(tt.sponsor, tt.requester, "1", other, tt.course)); got != tt.why {
			t.Errorf("%s: %q, want %q", name, got, tt.why)
		}
	}
}
