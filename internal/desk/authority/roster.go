package authority

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/lti"
)

// This file asks Canvas's names-and-roles service (NRPS 2.0) who teaches the
// course that a caller came from. REST decides who may sponsor; the
// service is a second witness. Where it says otherwise than REST, nobody is
// offered and nothing is allowed. Where it says nothing, because an admin took
// the scope away, the caller has no course, or Canvas does not answer, REST
// stands alone (docs/decisions.md 5).

// maxRosterTeachers bounds how many teachers of one course are looked up one by
// one. A course with more is left to REST.
const maxRosterTeachers = 100

// roster is what the service says about a course's teachers.
type roster struct {
	told bool
	// teachers are Canvas user ids. The service gives LTI subjects; what Canvas
	// user each is was proven by API.
	teachers []string
	// unproven counts subjects that the API does not know: people whose accounts
	// were merged keep their older subject in places they had been seen in.
	unproven int
}

// denies reports whether the service says that a Canvas user does not teach.
func (r roster) denies(user string) bool {
	return r.told && r.unproven == 0 && !slices.Contains(r.teachers, user)
}

// rosterURL keeps a launch's roster address if it leads to the launch's Canvas.
// No host is learnt from a claim (docs/decisions.md 12).
func (au *Authority) rosterURL(ctx context.Context, l lti.Launch, p store.Platform) string {
	if l.NamesRolesURL == "" {
		return ""
	}
	u, err := url.Parse(l.NamesRolesURL)
	if err != nil || u.User != nil || !slices.Contains(p.Registration.RosterHosts, lti.HostOf(u)) {
		au.desk.Log.WarnContext(ctx, "a launch's roster address is not one of its Canvas and is not used", "platform", p.Name)
		return ""
	}
	return l.NamesRolesURL
}

// readRoster asks the service now. An error means that it may answer another
// time; a refusal is an answer that says nothing.
func (au *Authority) readRoster(ctx context.Context, f desk.Canvas, caller access.Caller, course string) (roster, error) {
	if au.desk.NamesRoles == nil || caller.RosterURL == "" || course == "" || course != caller.Course.ID {
		return roster{}, nil
	}
	members, err := au.desk.NamesRoles.Members(ctx, f.Platform.Registration, caller.RosterURL, lti.RoleInstructor)
	switch {
	case notGranted(err):
		au.desk.Log.InfoContext(ctx, "Canvas does not grant the roster service; REST lists alone", "platform", f.Platform.Name, "err", err)
		return roster{}, nil
	case err != nil:
		return roster{}, err
	}
	// A Canvas that ignores the role filter is no reason to take students for teachers.
	members = slices.DeleteFunc(members, func(m lti.Member) bool { return !m.HasRole(lti.RoleInstructor) || m.HasRole(lti.RoleTestUser) })
	if len(members) > maxRosterTeachers {
		return roster{}, nil
	}
	out := roster{told: true}
	for _, m := range members {
		user, err := au.canvasUserOf(ctx, f, m.UserID)
		switch {
		case desk.NotFound(err):
			out.unproven++
		case err != nil:
			return roster{}, err
		default:
			out.teachers = append(out.teachers, user)
		}
	}
	return out, nil
}

// notGranted reports whether Canvas refuses the service, rather than being
// unable to give it just now.
func notGranted(err error) bool {
	var token *lti.TokenError
	var roster *lti.RosterError
	status := 0
	switch {
	case errors.As(err, &token):
		status = token.Status
	case errors.As(err, &roster):
		status = roster.Status
	}
	return status >= http.StatusBadRequest && status < http.StatusInternalServerError && status != http.StatusTooManyRequests
}

// canvasUserOf is the Canvas user behind an LTI subject: proven when they
// launched, or by API now. Whose a subject is changes only by a merge, so it
// may come from the cache.
func (au *Authority) canvasUserOf(ctx context.Context, f desk.Canvas, sub string) (string, error) {
	var p store.Person
	err := au.desk.Store.Read(ctx, func(tx *store.Tx) error {
		var err error
		p, err = tx.PersonBySub(f.Tenant.ID, sub)
		return err
	})
	switch {
	case err == nil && p.CanvasUser != "" && p.MergedInto == "":
		return p.CanvasUser, nil
	case err != nil && !errors.Is(err, access.ErrNotFound):
		return "", err
	}
	u, err := desk.Remember(au.desk, string(f.Tenant.ID)+" user of sub "+sub, func() (canvas.User, error) { return f.UserByLTI(ctx, sub) })
	return u.ID, au.desk.TrackAnswer(f.Tenant.ID, err)
}

// shownRoster is readRoster for pages. What fails says nothing there.
func (au *Authority) shownRoster(ctx context.Context, f desk.Canvas, caller access.Caller, course string) roster {
	if au.desk.NamesRoles == nil || caller.RosterURL == "" || course == "" || course != caller.Course.ID {
		return roster{}
	}
	r, err := desk.Remember(au.desk, string(f.Tenant.ID)+" roster "+caller.RosterURL, func() (roster, error) { return au.readRoster(ctx, f, caller, course) })
	if err != nil {
		au.desk.Log.WarnContext(ctx, "the roster service does not answer; REST lists alone", "platform", f.Platform.Name, "err", err)
		return roster{}
	}
	return r
}

// RosterAgrees refuses a sponsor whom REST allows and the roster service of the
// caller's course does not name as its teacher (WhyNotTeaching). Supervisors
// stand by their list, not by a course.
func (au *Authority) RosterAgrees(ctx context.Context, f desk.Canvas, caller access.Caller, course, sponsor string) error {
	if slices.Contains(f.Tenant.School.Supervisors, sponsor) {
		return nil
	}
	r, err := au.readRoster(ctx, f, caller, course)
	if err != nil {
		au.desk.Log.WarnContext(ctx, "the roster service does not answer; REST decides alone", "platform", f.Platform.Name, "err", err)
		return nil
	}
	if r.denies(sponsor) {
		au.desk.Log.WarnContext(ctx, "the roster service and REST differ about who teaches; refused", "platform", f.Platform.Name, "course", course, "user", sponsor)
		return access.Refuse(access.WhyNotTeaching)
	}
	return nil
}

// PairedByRoster is the Canvas user of a caller whose subject the API does not
// know. After a merge Canvas goes on to show the older subject in the places
// where it was first seen. It counts where the roster of the caller's own course
// pairs it with the very user whom the launch claims, in what the platform would
// say in a launch of that course, and REST finds that user enrolled there.
// Anything else refuses with WhyIdentity.
func (au *Authority) PairedByRoster(ctx context.Context, f desk.Canvas, caller access.Caller) (canvas.User, error) {
	nobody := access.Refuse(access.WhyIdentity)
	if au.desk.NamesRoles == nil || caller.Door != access.DoorCourse || caller.RosterURL == "" || caller.Context == "" || !access.CanvasID(caller.CanvasUser) {
		return canvas.User{}, nobody
	}
	members, err := au.desk.NamesRoles.LaunchMembers(ctx, f.Platform.Registration, caller.RosterURL, caller.Context)
	switch {
	case notGranted(err):
		return canvas.User{}, nobody
	case err != nil:
		return canvas.User{}, err
	}
	i := slices.IndexFunc(members, func(m lti.Member) bool { return m.UserID == caller.Sub })
	if i < 0 {
		return canvas.User{}, nobody
	}
	if id, ok := members[i].Custom.Text(CustomUser); !ok || id != caller.CanvasUser {
		return canvas.User{}, nobody
	}
	u, err := f.User(ctx, caller.CanvasUser)
	switch {
	case desk.NotFound(au.desk.TrackAnswer(f.Tenant.ID, err)):
		return canvas.User{}, nobody
	case err != nil:
		return canvas.User{}, err
	}
	es, err := au.Enrollments(ctx, f, u.ID)
	if err != nil {
		return canvas.User{}, err
	}
	if u.ID != caller.CanvasUser || !slices.ContainsFunc(es, func(e access.Enrollment) bool { return e.CourseID == caller.Course.ID }) {
		return canvas.User{}, nobody
	}
	return u, nil
}
