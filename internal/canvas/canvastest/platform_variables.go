package canvastest

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// variable is one substitution of lib/lti/variable_expander.rb. found is false
// where a guard of Canvas fails; a nil value with found is Ruby's nil.
type variable func(sc *scene) (value any, found bool)

var (
	wholeVariable   = regexp.MustCompile(`^\$([A-Za-z][\w.]*)$`)
	permissionNames = regexp.MustCompile(`^\$Canvas\.membership\.permissions<([\w,]*)>$`)
	innerVariable   = regexp.MustCompile(`\$\{([A-Za-z][\w.]*)\}`)
)

// permissionsLiteral is what is left of the permission variable where it does
// not resolve: its name without the arguments (lib/lti/variable_expansion.rb).
const permissionsLiteral = "$Canvas.membership.permissions<>"

// expand writes the value of one custom field. Unknown variables, and known
// ones whose guard fails, stay literally as they are.
func (sc *scene) expand(field string) any {
	if m := wholeVariable.FindStringSubmatch(field); m != nil {
		return sc.resolve(m[1])
	}
	if m := permissionNames.FindStringSubmatch(field); m != nil {
		return sc.permissions(strings.Split(m[1], ","))
	}
	return innerVariable.ReplaceAllStringFunc(field, func(found string) string {
		name := innerVariable.FindStringSubmatch(found)[1]
		v, known := variables[name]
		if !known {
			return found
		}
		value, resolved := v(sc)
		if !resolved || value == nil {
			return found
		}
		return fmt.Sprint(value)
	})
}

func (sc *scene) resolve(name string) any {
	v, known := variables[name]
	if !known || sc.personOnly && !aboutPerson(name) {
		return "$" + name
	}
	value, resolved := v(sc)
	switch value := value.(type) {
	case nil:
		if resolved && sc.switches.JSONValues {
			return nil
		}
		return "$" + name
	case bool:
		if sc.switches.JSONValues {
			return value
		}
		return strconv.FormatBool(value)
	default:
		return fmt.Sprint(value)
	}
}

// aboutPerson says whether a variable is of the kind that rosters expand.
func aboutPerson(name string) bool {
	return slices.ContainsFunc([]string{
		"Canvas.user.", "User.", "Person.", "vnd.instructure.User.", "vnd.Canvas.Person.", "com.instructure.Person.",
		"com.instructure.User.",
	}, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

// orLiteral is resolve for claims that are strings.
func (sc *scene) orLiteral(name string) any { return sc.resolve(name) }

// permissions lists those of the asked permissions that the user is granted in
// the launch's own course or account; unknown names are not returned.
func (sc *scene) permissions(asked []string) string {
	if sc.user == nil || sc.at.kind == "user" || sc.personOnly {
		return permissionsLiteral
	}
	var held []string
	for _, name := range asked {
		if name != "" && sc.heldHereLocked(name) {
			held = append(held, name)
		}
	}
	return strings.Join(held, ",")
}

// The guards.

func always(f func(*scene) any) variable {
	return func(sc *scene) (any, bool) { return f(sc), true }
}

func withUser(f func(*scene) any) variable {
	return func(sc *scene) (any, bool) {
		if sc.user == nil {
			return nil, false
		}
		return f(sc), true
	}
}

func inCourse(f func(*scene) any) variable {
	return func(sc *scene) (any, bool) {
		if sc.course == nil {
			return nil, false
		}
		return f(sc), true
	}
}

func inCourseWithUser(f func(*scene) any) variable {
	return func(sc *scene) (any, bool) {
		if sc.course == nil || sc.user == nil {
			return nil, false
		}
		return f(sc), true
	}
}

// withMembership is a course or account with a user; a person's own settings
// are neither.
func withMembership(f func(*scene) any) variable {
	return func(sc *scene) (any, bool) {
		if sc.user == nil || sc.at.kind == "user" {
			return nil, false
		}
		return f(sc), true
	}
}

// withLogin needs a login of the user in this account.
func withLogin(f func(*scene, *Login) any) variable {
	return func(sc *scene) (any, bool) {
		if sc.user == nil {
			return nil, false
		}
		login := sc.w.pseudonymLocked(sc.user)
		if login == nil {
			return nil, false
		}
		return f(sc, login), true
	}
}

// whileMasquerading resolves only when the person signed in is somebody else.
// Nothing else in a launch betrays an act-as.
func whileMasquerading(f func(*scene) any) variable {
	return func(sc *scene) (any, bool) {
		if sc.real == nil || sc.user == nil {
			return nil, false
		}
		return f(sc), true
	}
}

// text is nil for "": Canvas substitutes the literal for a missing value.
func text(s string) any { return orNull(s) }

// stamp prints a time as Ruby's to_s does, which is not ISO 8601.
func (sc *scene) stamp(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	zone := time.UTC
	if sc.user != nil {
		if loaded, err := time.LoadLocation(sc.user.TimeZone); err == nil {
			zone = loaded
		}
	}
	return t.In(zone).Format("2006-01-02 15:04:05 -0700")
}

// maxAccountList is the length at which the account list is cut, with the word
// truncated behind it.
const maxAccountList = 40_000

// adminableText joins the account ids and cuts the list as Canvas does.
func adminableText(ids []ID) string {
	list := joinIDs(ids)
	if len(list) <= maxAccountList {
		return list
	}
	return list[:maxAccountList] + "truncated"
}

func joinIDs(ids []ID) string {
	list := make([]string, len(ids))
	for i, id := range ids {
		list[i] = id.String()
	}
	return strings.Join(list, ",")
}

// membershipNames are Canvas's own names: of the enrollments in the launch
// course, then of the admin rows on the launch account and above it. Custom
// names stand verbatim, so a name proves nothing.
func (sc *scene) membershipNames() []string {
	var names []string
	if sc.course != nil {
		for _, e := range sc.w.currentEnrollmentsLocked(sc.user.ID, sc.course.ID) {
			names = append(names, sc.w.roles.get(e.RoleID).Name)
		}
	}
	for _, row := range sc.adminRowsUpwards() {
		name := sc.w.roles.get(row.RoleID).Name
		if name == "AccountAdmin" {
			name = "Account Admin"
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (sc *scene) adminRowsUpwards() []*Admin {
	chain := sc.w.chainLocked(sc.account.ID)
	var rows []*Admin
	for _, row := range sc.w.adminRowsLocked(sc.user.ID) {
		if slices.ContainsFunc(chain, func(a *Account) bool { return a.ID == row.AccountID }) {
			rows = append(rows, row)
		}
	}
	return rows
}

// membershipURNs is the same set in LTI 1.3 names.
func (sc *scene) membershipURNs() []string {
	var roles []string
	if sc.course != nil {
		roles = sc.w.courseRolesLocked(sc.user.ID, sc.course.ID)
	}
	if len(sc.adminRowsUpwards()) > 0 {
		roles = append(roles, institutionRole+"#Administrator")
	}
	return sorted(roles)
}

// enrollmentState is active if any enrollment of the course is active by date,
// inactive if none is, "" without one.
func (sc *scene) enrollmentState() string {
	state := ""
	for e := range sc.w.enrollments.all {
		if e.UserID != sc.user.ID || e.CourseID != sc.course.ID || e.State == StateDeleted {
			continue
		}
		state = orElse(state, "inactive")
		if e.State == StateActive && sc.course.State == StateAvailable {
			return StateActive
		}
	}
	return state
}

func (sc *scene) concludedRoles() []string {
	var roles []string
	for e := range sc.w.enrollments.all {
		ended := e.State == StateCompleted || sc.course.State == StateCompleted && e.State == StateActive
		if e.UserID == sc.user.ID && e.CourseID == sc.course.ID && ended {
			roles = append(roles, membershipURNs(e.Type)...)
		}
	}
	return sorted(roles)
}

func (sc *scene) sections() []*Section {
	return sc.w.sections.filter(func(s *Section) bool {
		return s.CourseID == sc.course.ID && slices.ContainsFunc(
			sc.w.currentEnrollmentsLocked(sc.user.ID, sc.course.ID),
			func(e *Enrollment) bool { return e.SectionID == s.ID })
	})
}
