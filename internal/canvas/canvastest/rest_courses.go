package canvastest

import (
	"slices"
	"strings"
)

func (s *Server) routeCourses() {
	s.api("GET", "/api/v1/courses/:id", showCourse)
	s.api("GET", "/api/v1/courses/:course_id/users", listCourseUsers)
	s.api("GET", "/api/v1/courses/:course_id/enrollments", listCourseEnrollments)
	s.api("GET", "/api/v1/courses/:course_id/sections", listSections)
}

// course finds the course of the path and asks for permission on it: by an
// account role above it, or by a current enrollment.
func (c *call) course(name, permission string) (*Course, *reply) {
	course := c.w.findCourseLocked(c.value(name))
	if course == nil {
		return nil, refuse(notFound())
	}
	if c.may(course.AccountID, permission) || c.member(course) {
		return course, nil
	}
	return nil, refuse(c.denied())
}

// member says whether the caller takes part in the course now or, once it is
// concluded, took part.
func (c *call) member(course *Course) bool {
	return c.w.enrollments.find(func(e *Enrollment) bool {
		return e.UserID == c.current.ID && e.CourseID == course.ID &&
			(e.State == StateActive || e.State == StateCompleted)
	}) != nil
}

func showCourse(c *call) reply {
	course, refusal := c.course("id", PermReadCourses)
	if refusal != nil {
		return *refusal
	}
	term := c.w.terms.get(course.TermID)
	o := object{
		"id": course.ID, "name": course.Name, "course_code": course.Code, "account_id": course.AccountID,
		"root_account_id": c.w.rootLocked().ID, "enrollment_term_id": course.TermID, "uuid": course.UUID,
		"workflow_state": course.State, "start_at": course.Start, "end_at": course.End,
		"restrict_enrollments_to_course_dates": course.RestrictToCourseDates, "is_public": course.Public,
		"default_view": "modules", "time_zone": "America/New_York", "locale": nil,
	}
	if c.may(course.AccountID, PermReadSIS) {
		o["sis_course_id"], o["integration_id"] = orNull(course.SISID), nil
	}
	if slices.Contains(c.params.texts("include"), "term") {
		o["term"] = object{
			"id": term.ID, "name": term.Name, "start_at": term.Start, "end_at": term.End,
			"workflow_state": StateActive, "sis_term_id": orNull(term.SISID),
		}
	}
	return ok(o)
}

// rosterTypes are the values of enrollment_type[], lower case and without
// "Enrollment".
var rosterTypes = map[string]string{
	"student": StudentEnrollment, "teacher": TeacherEnrollment, "ta": TaEnrollment,
	"designer": DesignerEnrollment, "observer": ObserverEnrollment, "student_view": StudentViewEnrollment,
}

func listCourseUsers(c *call) reply {
	course, refusal := c.course("course_id", PermReadRoster)
	if refusal != nil {
		return *refusal
	}
	include := c.params.texts("include")
	var types []string
	for _, t := range c.params.texts("enrollment_type") {
		types = append(types, orElse(rosterTypes[t], t))
	}
	states := c.params.texts("enrollment_state")
	if len(states) == 0 {
		states = []string{StateActive, StateInvited}
	}
	listed := func(e *Enrollment) bool {
		if e.CourseID != course.ID || !slices.Contains(states, e.State) {
			return false
		}
		if e.Type == StudentViewEnrollment && !slices.Contains(include, "test_student") && !slices.Contains(types, e.Type) {
			return false
		}
		return len(types) == 0 || slices.Contains(types, e.Type)
	}
	byUser := map[ID][]*Enrollment{}
	for e := range c.w.enrollments.all {
		if listed(e) {
			byUser[e.UserID] = append(byUser[e.UserID], e)
		}
	}
	only := c.params.texts("user_ids")
	term := c.params.text("search_term")
	people := c.w.users.filter(func(u *User) bool {
		return len(byUser[u.ID]) > 0 && u.State != StateDeleted &&
			(len(only) == 0 || slices.Contains(only, u.ID.String())) && (term == "" || c.matchesSearch(u, term))
	})
	slices.SortStableFunc(people, func(a, b *User) int { return strings.Compare(a.SortableName, b.SortableName) })
	mail := slices.Contains(include, "email") && (c.may(course.AccountID, PermReadEmail) || c.teaches(course))
	return pagedList(c, people, func(u *User) object {
		o := c.userObject(u, c.may(course.AccountID, PermReadSIS))
		if mail {
			o["email"] = orNull(u.Email)
		}
		if slices.Contains(include, "enrollments") {
			rows := make([]object, 0, len(byUser[u.ID]))
			for _, e := range byUser[u.ID] {
				row := c.enrollmentObject(e)
				delete(row, "user")
				rows = append(rows, row)
			}
			o["enrollments"] = rows
		}
		return o
	})
}

func (c *call) teaches(course *Course) bool {
	return c.w.enrollments.find(func(e *Enrollment) bool {
		return e.UserID == c.current.ID && e.CourseID == course.ID && e.State == StateActive &&
			c.w.roles.get(e.RoleID).Permissions[PermReadEmail]
	}) != nil
}

func listCourseEnrollments(c *call) reply {
	course, refusal := c.course("course_id", PermReadRoster)
	if refusal != nil {
		return *refusal
	}
	wanted := c.params.text("user_id")
	if wanted != "" {
		u := c.w.findUserLocked(wanted, c.current)
		if u == nil {
			return notFound()
		}
		wanted = u.ID.String()
	}
	rows := c.w.enrollments.filter(func(e *Enrollment) bool {
		return e.CourseID == course.ID && (wanted == "" || e.UserID.String() == wanted) && c.wanted(e, "state")
	})
	return pagedList(c, rows, c.enrollmentObject)
}

func listSections(c *call) reply {
	course, refusal := c.course("course_id", PermReadRoster)
	if refusal != nil {
		return *refusal
	}
	rows := c.w.sections.filter(func(s *Section) bool { return s.CourseID == course.ID })
	return pagedList(c, rows, func(s *Section) object {
		return object{
			"id": s.ID, "course_id": s.CourseID, "name": s.Name, "start_at": nil, "end_at": nil,
			"restrict_enrollments_to_section_dates": nil, "nonxlist_course_id": nil, "sis_section_id": orNull(s.SISID),
		}
	})
}
