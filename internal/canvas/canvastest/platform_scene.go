package canvastest

import (
	"crypto/sha1" //nolint:gosec // Canvas's opaque identifiers are SHA-1 shaped; nothing is protected by them
	"encoding/hex"
	"errors"
	"slices"
)

// Prefixes of role names (lib/lti/substitutions_helper.rb).
const (
	membershipRole  = "http://purl.imsglobal.org/vocab/lis/v2/membership"
	institutionRole = "http://purl.imsglobal.org/vocab/lis/v2/institution/person"
	systemRole      = "http://purl.imsglobal.org/vocab/lis/v2/system/person"
	testUserRole    = "http://purl.imsglobal.org/vocab/lti/system/person#TestUser"
)

// publicVisitor is the fixed login hint of visitors who are not signed in.
var publicVisitor = func() string {
	sum := sha1.Sum([]byte("canvas-standin/public visitor")) //nolint:gosec // see the import
	return hex.EncodeToString(sum[:])
}()

// scene is everything that shapes one launch, or one member of a roster. It
// points into the world and is used under the world's lock only.
type scene struct {
	w           *World
	switches    Switches
	preferences Preferences
	brand       map[string]string
	institution string // origin
	tool        deployedTool
	config      Tool
	// personOnly leaves all variables but those about the person literal, as
	// the roster service does.
	personOnly bool

	at      place
	user    *User // nil for a visitor of a public course
	real    *User // who signed in, if that is somebody else
	root    *Account
	account *Account // the launch account; a course's own; the root for a user
	course  *Course  // nil outside courses
}

// sceneLocked puts a launch at a place together. It needs both locks.
func (s *Server) sceneLocked(tool deployedTool, config Tool, at place, user, signedIn ID) (*scene, error) {
	p, w := &s.platform, s.world
	sc := &scene{
		w: w, switches: p.switches, preferences: p.preferences[user], brand: p.brand,
		institution: s.InstitutionURL(), tool: tool, config: config, at: at,
		user: w.users.get(user), root: w.rootLocked(),
	}
	if signedIn != 0 && signedIn != user {
		sc.real = w.users.get(signedIn)
	}
	switch at.kind {
	case "course":
		sc.course = w.courses.get(at.id)
		if sc.course == nil || sc.course.State == StateDeleted {
			return nil, errNoContext
		}
		sc.account = w.accounts.get(sc.course.AccountID)
	case "account":
		sc.account = w.accounts.get(at.id)
		if sc.account == nil || sc.account.SiteAdmin {
			return nil, errNoContext
		}
	default:
		sc.account = sc.root
	}
	return sc, nil
}

var (
	errNoContext      = errors.New("no such course or account")
	errNoRegistration = errors.New("no registration waits for review under this id")
)

// contextID is the opaque id of the context claim. A launch from a person's
// own settings has the root account as its context.
func (sc *scene) contextID() string {
	if sc.course != nil {
		return sc.course.ContextID
	}
	return sc.account.ContextID
}

// identity is who a user is in a context: after a merge Canvas keeps showing
// the older ids in the contexts where they were first seen (User#lookup_lti_id).
type identity struct{ lti, lti11, uuid string }

func (u *User) identityIn(contextID string) identity {
	for _, past := range u.Past {
		if past.ContextID == contextID {
			return identity{past.LTIID, past.LTI11ID, past.UUID}
		}
	}
	return identity{u.LTIID, u.LTI11ID, u.UUID}
}

// currentEnrollmentsLocked are the user's enrollments in the course that count
// as current: active ones of a course that is neither concluded nor deleted.
// That invited ones do not count is inferred.
func (w *World) currentEnrollmentsLocked(user, course ID) []*Enrollment {
	c := w.courses.get(course)
	if c == nil || c.State == StateDeleted || c.State == StateCompleted {
		return nil
	}
	return w.enrollments.filter(func(e *Enrollment) bool {
		return e.UserID == user && e.CourseID == course && e.State == StateActive
	})
}

// membershipURNs maps an enrollment type to its context roles.
func membershipURNs(enrollmentType string) []string {
	switch enrollmentType {
	case StudentEnrollment, StudentViewEnrollment:
		return []string{membershipRole + "#Learner"}
	case TeacherEnrollment:
		return []string{membershipRole + "#Instructor"}
	case TaEnrollment:
		return []string{membershipRole + "#Instructor", membershipRole + "/Instructor#TeachingAssistant"}
	case DesignerEnrollment:
		return []string{membershipRole + "#ContentDeveloper"}
	case ObserverEnrollment:
		return []string{membershipRole + "#Mentor"}
	}
	return nil
}

// courseRolesLocked are the context URNs of a user in a course.
func (w *World) courseRolesLocked(user, course ID) []string {
	var roles []string
	for _, e := range w.currentEnrollmentsLocked(user, course) {
		roles = append(roles, membershipURNs(e.Type)...)
	}
	return sorted(roles)
}

// institutionRolesLocked are the URNs over the whole root account: any active
// enrollment anywhere, any active admin row anywhere below the root. They do
// not tell a root admin from a sub-account's.
func (w *World) institutionRolesLocked(u *User) []string {
	if u == nil {
		return []string{systemRole + "#None"}
	}
	roles := []string{systemRole + "#User"}
	for e := range w.enrollments.all {
		if e.UserID != u.ID || e.State != StateActive {
			continue
		}
		switch e.Type {
		case StudentEnrollment, StudentViewEnrollment:
			roles = append(roles, institutionRole+"#Student")
		case TeacherEnrollment, TaEnrollment, DesignerEnrollment:
			roles = append(roles, institutionRole+"#Instructor")
		}
	}
	if len(w.adminRowsLocked(u.ID)) > 0 || w.siteAdminLocked(u.ID) {
		roles = append(roles, institutionRole+"#Administrator")
	}
	if w.siteAdminLocked(u.ID) {
		roles = append(roles, systemRole+"#SysAdmin")
	}
	return roles
}

// roles is the roles claim.
func (sc *scene) roles() []string {
	roles := sc.w.institutionRolesLocked(sc.user)
	if sc.user != nil && sc.course != nil {
		enrolled := sc.w.courseRolesLocked(sc.user.ID, sc.course.ID)
		roles = append(roles, enrolled...)
		if sc.user.TestStudent && len(enrolled) > 0 {
			roles = append(roles, testUserRole)
		}
	}
	return sorted(roles)
}

func sorted(list []string) []string {
	if list == nil {
		return []string{}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// isRootAdminLocked is $Canvas.user.isRootAccountAdmin: an active admin row on
// the root account itself, of whatever role, or site admin.
func (w *World) isRootAdminLocked(user ID) bool {
	root := w.rootLocked().ID
	return w.siteAdminLocked(user) || slices.ContainsFunc(w.adminRowsLocked(user), func(a *Admin) bool {
		return a.AccountID == root
	})
}

// adminableLocked are the accounts that the user administers, with all their
// descendants.
func (w *World) adminableLocked(user ID) []ID {
	rows := w.adminRowsLocked(user)
	var list []ID
	for a := range w.accounts.all {
		if a.SiteAdmin || a.State == StateDeleted {
			continue
		}
		chain := w.chainLocked(a.ID)
		if slices.ContainsFunc(rows, func(row *Admin) bool {
			return slices.ContainsFunc(chain, func(up *Account) bool { return up.ID == row.AccountID })
		}) {
			list = append(list, a.ID)
		}
	}
	return list
}

// heldHereLocked says whether the user holds the permission in the scene's
// course or account: by an account role upwards of it, or by a course role.
func (sc *scene) heldHereLocked(permission string) bool {
	if sc.w.grantedLocked(sc.user.ID, sc.account.ID, permission) {
		return true
	}
	if sc.course == nil {
		return false
	}
	return slices.ContainsFunc(sc.w.currentEnrollmentsLocked(sc.user.ID, sc.course.ID), func(e *Enrollment) bool {
		role := sc.w.roles.get(e.RoleID)
		return role != nil && role.Permissions[permission]
	})
}
