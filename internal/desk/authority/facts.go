package authority

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/policy"
)

// This file asks Canvas the questions that rights are decided by. Each asks
// anew; those named Shown… answer from the cache and are for pages only.

// Enrollments are all active enrolments of a person, with courses under
// accounts that are not academic marked.
func (au *Authority) Enrollments(ctx context.Context, f desk.Canvas, user string) ([]access.Enrollment, error) {
	list, err := f.UserEnrollments(ctx, user)
	if au.desk.TrackAnswer(f.Tenant.ID, err) != nil {
		return nil, err
	}
	out := make([]access.Enrollment, 0, len(list))
	for _, e := range list {
		if e.State != "active" || e.UserID != user {
			continue
		}
		academic, err := au.academic(ctx, f, e.CourseID)
		if err != nil {
			return nil, err
		}
		out = append(out, access.Enrollment{CourseID: e.CourseID, UserID: e.UserID, Type: e.Type, Academic: academic})
	}
	return out, nil
}

// academic reports whether a course lies outside every account that the school
// lists as not academic. Where a course hangs changes rarely, so this one
// answer is taken from the cache.
func (au *Authority) academic(ctx context.Context, f desk.Canvas, course string) (bool, error) {
	if len(f.Tenant.School.NonAcademicAccounts) == 0 {
		return true, nil
	}
	key := string(f.Tenant.ID) + " account of course " + course
	account, err := desk.Remember(au.desk, key, func() (string, error) {
		c, err := f.Course(ctx, course)
		return c.AccountID, err
	})
	if err != nil {
		return false, err
	}
	for range 32 { // an account tree is never deeper
		if account == "" {
			return true, nil
		}
		if slices.Contains(f.Tenant.School.NonAcademicAccounts, account) {
			return false, nil
		}
		at := account
		account, err = desk.Remember(au.desk, string(f.Tenant.ID)+" parent of account "+at, func() (string, error) {
			a, err := f.Account(ctx, at)
			return a.ParentID, err
		})
		if err != nil {
			return false, err
		}
	}
	return false, errors.New("the account tree does not end")
}

// Affiliation reads a person's affiliation and active enrolments from Canvas now.
func (au *Authority) Affiliation(ctx context.Context, f desk.Canvas, user string) (policy.Affiliation, []access.Enrollment, error) {
	es, err := au.Enrollments(ctx, f, user)
	if err != nil {
		return policy.None, nil, err
	}
	sch := f.Tenant.School
	return access.AffiliationOf(es, slices.Contains(sch.StaffList, user), slices.Contains(sch.Exempt, user)), es, nil
}

// ShownAffiliation is what pages show of somebody's part at the school.
type ShownAffiliation struct {
	Affiliation policy.Affiliation
	AccountRole bool
	Enrollments []access.Enrollment
	At          time.Time
}

// ShownAffiliation is affiliation and account role for pages.
func (au *Authority) ShownAffiliation(ctx context.Context, f desk.Canvas, caller access.Caller) (ShownAffiliation, error) {
	return desk.Remember(au.desk, AffiliationKey(caller), func() (ShownAffiliation, error) {
		aff, es, err := au.Affiliation(ctx, f, caller.CanvasUser)
		if err != nil {
			return ShownAffiliation{}, err
		}
		role, err := au.AccountRole(ctx, f, caller.CanvasUser)
		return ShownAffiliation{aff, role || caller.AccountRole, es, au.desk.Now()}, err
	})
}

// AffiliationKey is the key under which ShownAffiliation is remembered.
func AffiliationKey(caller access.Caller) string {
	return string(caller.Tenant) + " standing of " + caller.CanvasUser
}

// confirmAdmin asks Canvas whether a person holds, on the root account, a role
// with the permission to create access tokens (docs/decisions.md 6).
func (au *Authority) confirmAdmin(ctx context.Context, f desk.Canvas, user string) (bool, error) {
	admins, err := f.AccountAdmins(ctx, f.Root(), user)
	if au.desk.TrackAnswer(f.Tenant.ID, err) != nil {
		return false, err
	}
	for _, a := range admins {
		if a.UserID != user || a.State == "deleted" {
			continue
		}
		perms, err := f.RolePermissions(ctx, f.Root(), a.RoleID)
		if au.desk.TrackAnswer(f.Tenant.ID, err) != nil {
			return false, err
		}
		if perms[PermCreate] {
			return true, nil
		}
	}
	return false, nil
}

// Decider is the actor of a reviewer's decision: the launch's gate and Canvas's
// API must both say yes, now. It refuses with WhyWrongDoor, WhyNotReviewer or
// WhyCanvas.
func (au *Authority) Decider(ctx context.Context, f desk.Canvas, caller access.Caller) (access.Actor, error) {
	who := caller.Actor()
	if caller.Door != access.DoorAccount {
		return who, access.Refuse(access.WhyWrongDoor)
	}
	if !caller.RootGate {
		return who, access.Refuse(access.WhyNotReviewer)
	}
	ok, err := au.confirmAdmin(ctx, f, caller.CanvasUser)
	if err != nil {
		return who, au.desk.RefuseUnasked(ctx, "a reviewer's right", err)
	}
	if !ok {
		au.desk.Forget(reviewerKey(caller))
		return who, access.Refuse(access.WhyNotReviewer)
	}
	who.Reviewer = true
	return who, nil
}

func reviewerKey(caller access.Caller) string {
	return string(caller.Tenant) + " reviewer " + caller.CanvasUser
}

// Viewer is the actor whose pages are shown: a reviewer by the launch's gate,
// unless Canvas said within CacheLife that they are not. An unreadable Canvas
// leaves the gate standing: it opens pages and removals, never a decision.
func (au *Authority) Viewer(ctx context.Context, f desk.Canvas, caller access.Caller) access.Actor {
	who := caller.Actor()
	if caller.Door != access.DoorAccount || !caller.RootGate {
		return who
	}
	ok, err := desk.Remember(au.desk, reviewerKey(caller), func() (bool, error) { return au.confirmAdmin(ctx, f, caller.CanvasUser) })
	if err != nil {
		au.desk.Log.WarnContext(ctx, "a reviewer's right could not be read; the launch's gate opens the page", "err", err)
	}
	who.Reviewer = ok || err != nil
	return who
}

// CheckSponsor reports whether sponsor may stand for requester in course now, by
// Canvas (docs/decisions.md 5). It refuses as access.MaySponsor does.
func (au *Authority) CheckSponsor(ctx context.Context, f desk.Canvas, sponsor, requester, course string) error {
	if sponsor == requester {
		return access.Refuse(access.WhySelf)
	}
	theirs, err := au.Enrollments(ctx, f, sponsor)
	if err != nil {
		return err
	}
	if slices.Contains(f.Tenant.School.Supervisors, sponsor) {
		return nil
	}
	mine, err := au.Enrollments(ctx, f, requester)
	if err != nil {
		return err
	}
	return access.MaySponsor(theirs, mine, sponsor, requester, course)
}

// Teachers lists who may be named as sponsor in a course: its active teachers,
// as far as the roster service does not deny them, then the listed supervisors.
// The list only offers; CheckSponsor decides.
func (au *Authority) Teachers(ctx context.Context, f desk.Canvas, caller access.Caller, course string) ([]Teacher, error) {
	var out []Teacher
	except := caller.CanvasUser
	if course != "" {
		list, err := desk.Remember(au.desk, string(f.Tenant.ID)+" teachers of "+course, func() ([]canvas.User, error) {
			return f.CoursePeople(ctx, course, canvas.TeacherEnrollment)
		})
		if au.desk.TrackAnswer(f.Tenant.ID, err) != nil {
			return nil, err
		}
		told := au.shownRoster(ctx, f, caller, course)
		for _, u := range list {
			if u.ID != except && !told.denies(u.ID) {
				out = append(out, Teacher{CanvasUser: u.ID, Name: u.Name})
			}
		}
	}
	for _, id := range f.Tenant.School.Supervisors {
		if id == except || slices.ContainsFunc(out, func(t Teacher) bool { return t.CanvasUser == id }) {
			continue
		}
		u, err := desk.Remember(au.desk, string(f.Tenant.ID)+" user "+id, func() (canvas.User, error) { return f.User(ctx, id) })
		if err != nil {
			au.desk.Log.WarnContext(ctx, "a listed supervisor could not be read", "user", id, "err", err)
			continue
		}
		out = append(out, Teacher{CanvasUser: u.ID, Name: u.Name, Supervisor: true})
	}
	return out, nil
}

// CourseEnd is when a course ends by Canvas: its own end if it restricts
// participation to its dates, else its term's, else never (docs/decisions.md 19).
func (au *Authority) CourseEnd(ctx context.Context, f desk.Canvas, course string) (time.Time, error) {
	if course == "" {
		return time.Time{}, nil
	}
	c, err := f.Course(ctx, course)
	if au.desk.TrackAnswer(f.Tenant.ID, err) != nil {
		return time.Time{}, err
	}
	if c.RestrictDates && !c.EndAt.IsZero() {
		return c.EndAt, nil
	}
	return c.TermEndAt, nil
}

// ShownCourseEnd is CourseEnd for pages.
func (au *Authority) ShownCourseEnd(ctx context.Context, f desk.Canvas, course string) (time.Time, error) {
	return desk.Remember(au.desk, CourseEndKey(f, course), func() (time.Time, error) { return au.CourseEnd(ctx, f, course) })
}

// CourseEndKey is the key under which ShownCourseEnd is remembered.
func CourseEndKey(f desk.Canvas, course string) string {
	return string(f.Tenant.ID) + " end of course " + course
}

// ReachOf counts what a token of a person reaches today.
func ReachOf(es []access.Enrollment, at time.Time) *Reach {
	seen := map[[2]string]bool{}
	r := &Reach{CheckedAt: at}
	for _, e := range es {
		k := [2]string{e.CourseID, e.Type}
		if seen[k] {
			continue
		}
		seen[k] = true
		switch e.Type {
		case canvas.StudentEnrollment:
			r.Student++
		case canvas.TaEnrollment:
			r.Assistant++
		case canvas.TeacherEnrollment:
			r.Teaching++
		case canvas.DesignerEnrollment:
			r.Designing++
		}
	}
	return r
}
