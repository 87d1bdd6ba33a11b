package workflow

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/policy"
)

// This file asks Canvas the questions that rights are decided by. Each asks
// anew; the shown… forms answer from the cache and are for pages only.

// enrollments are all active enrolments of a person, with courses under
// accounts that are not academic marked.
func (s *Service) enrollments(ctx context.Context, f far, user string) ([]access.Enrollment, error) {
	list, err := f.UserEnrollments(ctx, user)
	if s.heard(f.tenant.ID, err) != nil {
		return nil, err
	}
	out := make([]access.Enrollment, 0, len(list))
	for _, e := range list {
		if e.State != "active" || e.UserID != user {
			continue
		}
		academic, err := s.academic(ctx, f, e.CourseID)
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
func (s *Service) academic(ctx context.Context, f far, course string) (bool, error) {
	if len(f.tenant.School.NonAcademicAccounts) == 0 {
		return true, nil
	}
	key := string(f.tenant.ID) + " account of course " + course
	account, err := remember(&s.cache, key, s.Now(), func() (string, error) {
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
		if slices.Contains(f.tenant.School.NonAcademicAccounts, account) {
			return false, nil
		}
		at := account
		account, err = remember(&s.cache, string(f.tenant.ID)+" parent of account "+at, s.Now(), func() (string, error) {
			a, err := f.Account(ctx, at)
			return a.ParentID, err
		})
		if err != nil {
			return false, err
		}
	}
	return false, errors.New("the account tree does not end")
}

// affiliation reads a person's standing from Canvas now.
func (s *Service) affiliation(ctx context.Context, f far, user string) (policy.Affiliation, []access.Enrollment, error) {
	es, err := s.enrollments(ctx, f, user)
	if err != nil {
		return policy.None, nil, err
	}
	sch := f.tenant.School
	return access.AffiliationOf(es, slices.Contains(sch.StaffList, user), slices.Contains(sch.Exempt, user)), es, nil
}

type shownStanding struct {
	Affiliation policy.Affiliation
	AccountRole bool
	Enrollments []access.Enrollment
	At          time.Time
}

// shownStanding is affiliation and account role for pages.
func (s *Service) shownStanding(ctx context.Context, f far, caller access.Caller) (shownStanding, error) {
	return remember(&s.cache, standingKey(caller), s.Now(), func() (shownStanding, error) {
		aff, es, err := s.affiliation(ctx, f, caller.CanvasUser)
		if err != nil {
			return shownStanding{}, err
		}
		role, err := s.accountRole(ctx, f, caller.CanvasUser)
		return shownStanding{aff, role || caller.AccountRole, es, s.Now()}, err
	})
}

func standingKey(caller access.Caller) string {
	return string(caller.Tenant) + " standing of " + caller.CanvasUser
}

// confirmAdmin asks Canvas whether a person holds, on the root account, a role
// with the permission to create access tokens (docs/decisions.md 6).
func (s *Service) confirmAdmin(ctx context.Context, f far, user string) (bool, error) {
	admins, err := f.AccountAdmins(ctx, f.root(), user)
	if s.heard(f.tenant.ID, err) != nil {
		return false, err
	}
	for _, a := range admins {
		if a.UserID != user || a.State == "deleted" {
			continue
		}
		perms, err := f.RolePermissions(ctx, f.root(), a.RoleID)
		if s.heard(f.tenant.ID, err) != nil {
			return false, err
		}
		if perms[permCreate] {
			return true, nil
		}
	}
	return false, nil
}

// decider is the actor of a reviewer's decision: the launch's gate and Canvas's
// API must both say yes, now. It refuses with WhyWrongDoor, WhyNotReviewer or
// WhyCanvas.
func (s *Service) decider(ctx context.Context, f far, caller access.Caller) (access.Actor, error) {
	who := caller.Actor()
	if caller.Door != access.DoorAccount {
		return who, access.Refuse(access.WhyWrongDoor)
	}
	if !caller.RootGate {
		return who, access.Refuse(access.WhyNotReviewer)
	}
	ok, err := s.confirmAdmin(ctx, f, caller.CanvasUser)
	if err != nil {
		return who, s.unasked(ctx, "a reviewer's right", err)
	}
	if !ok {
		s.cache.forget(reviewerKey(caller))
		return who, access.Refuse(access.WhyNotReviewer)
	}
	who.Reviewer = true
	return who, nil
}

func reviewerKey(caller access.Caller) string {
	return string(caller.Tenant) + " reviewer " + caller.CanvasUser
}

// viewer is the actor whose pages are shown: a reviewer by the launch's gate,
// unless Canvas said within cacheLife that they are not. An unreadable Canvas
// leaves the gate standing: it opens pages and removals, never a decision.
func (s *Service) viewer(ctx context.Context, f far, caller access.Caller) access.Actor {
	who := caller.Actor()
	if caller.Door != access.DoorAccount || !caller.RootGate {
		return who
	}
	ok, err := remember(&s.cache, reviewerKey(caller), s.Now(), func() (bool, error) { return s.confirmAdmin(ctx, f, caller.CanvasUser) })
	if err != nil {
		s.Log.WarnContext(ctx, "a reviewer's right could not be read; the launch's gate opens the page", "err", err)
	}
	who.Reviewer = ok || err != nil
	return who
}

// sponsors reports whether sponsor may stand for requester in course now, by
// Canvas (docs/decisions.md 5). It refuses as access.MaySponsor does.
func (s *Service) sponsors(ctx context.Context, f far, sponsor, requester, course string) error {
	if sponsor == requester {
		return access.Refuse(access.WhySelf)
	}
	theirs, err := s.enrollments(ctx, f, sponsor)
	if err != nil {
		return err
	}
	if slices.Contains(f.tenant.School.Supervisors, sponsor) {
		return nil
	}
	mine, err := s.enrollments(ctx, f, requester)
	if err != nil {
		return err
	}
	return access.MaySponsor(theirs, mine, sponsor, requester, course)
}

// teachers lists who may be named as sponsor in a course: its active teachers,
// as far as the roster service does not deny them, then the listed supervisors.
// The list only offers; sponsors decides.
func (s *Service) teachers(ctx context.Context, f far, caller access.Caller, course string) ([]Teacher, error) {
	var out []Teacher
	except := caller.CanvasUser
	if course != "" {
		list, err := remember(&s.cache, string(f.tenant.ID)+" teachers of "+course, s.Now(), func() ([]canvas.User, error) {
			return f.CoursePeople(ctx, course, canvas.TeacherEnrollment)
		})
		if s.heard(f.tenant.ID, err) != nil {
			return nil, err
		}
		told := s.shownRoster(ctx, f, caller, course)
		for _, u := range list {
			if u.ID != except && !told.denies(u.ID) {
				out = append(out, Teacher{CanvasUser: u.ID, Name: u.Name})
			}
		}
	}
	for _, id := range f.tenant.School.Supervisors {
		if id == except || slices.ContainsFunc(out, func(t Teacher) bool { return t.CanvasUser == id }) {
			continue
		}
		u, err := remember(&s.cache, string(f.tenant.ID)+" user "+id, s.Now(), func() (canvas.User, error) { return f.User(ctx, id) })
		if err != nil {
			s.Log.WarnContext(ctx, "a listed supervisor could not be read", "user", id, "err", err)
			continue
		}
		out = append(out, Teacher{CanvasUser: u.ID, Name: u.Name, Supervisor: true})
	}
	return out, nil
}

// courseEnd is when a course ends by Canvas: its own end if it restricts
// participation to its dates, else its term's, else never (docs/decisions.md 19).
func (s *Service) courseEnd(ctx context.Context, f far, course string) (time.Time, error) {
	if course == "" {
		return time.Time{}, nil
	}
	c, err := f.Course(ctx, course)
	if s.heard(f.tenant.ID, err) != nil {
		return time.Time{}, err
	}
	if c.RestrictDates && !c.EndAt.IsZero() {
		return c.EndAt, nil
	}
	return c.TermEndAt, nil
}

// shownCourseEnd is courseEnd for pages.
func (s *Service) shownCourseEnd(ctx context.Context, f far, course string) (time.Time, error) {
	return remember(&s.cache, courseEndKey(f, course), s.Now(), func() (time.Time, error) { return s.courseEnd(ctx, f, course) })
}

func courseEndKey(f far, course string) string {
	return string(f.tenant.ID) + " end of course " + course
}

// reach counts what a token of a person reaches today.
func reach(es []access.Enrollment, at time.Time) *Reach {
	seen := map[[2]string]bool{}
	r := &Reach{CheckedAt: at}
	for _, e := range es {
		k := [2]string{e.CourseID, e.Type}
		if seen[k] {
			continue
		}
		seen[k] = true
		switch e.Type {
		case "StudentEnrollment":
			r.Student++
		case "TaEnrollment":
			r.Assistant++
		case "TeacherEnrollment":
			r.Teaching++
		case "DesignerEnrollment":
			r.Designing++
		}
	}
	return r
}
