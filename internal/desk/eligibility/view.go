package eligibility

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/store"
)

// view is what one job has read of Canvas. Nothing is asked twice in it: people
// of one course share their course and its teachers.
type view struct {
	*Eligibility
	ctx      context.Context
	f        desk.Canvas
	enrolled map[string]answer[[]access.Enrollment]
	finished map[string]answer[[]canvas.Enrollment]
	courses  map[string]answer[canvas.Course]
	standing map[string]answer[canvas.Standing]
	checked  *error // of the credential's rights
}

type answer[T any] struct {
	v   T
	err error
}

func (el *Eligibility) newView(ctx context.Context, f desk.Canvas) *view {
	return &view{Eligibility: el, ctx: ctx, f: f, enrolled: map[string]answer[[]access.Enrollment]{}, finished: map[string]answer[[]canvas.Enrollment]{},
		courses: map[string]answer[canvas.Course]{}, standing: map[string]answer[canvas.Standing]{}}
}

// once asks for what is not known yet.
func once[T any](known map[string]answer[T], key string, ask func() (T, error)) (T, error) {
	a, ok := known[key]
	if !ok {
		a.v, a.err = ask()
		known[key] = a
	}
	return a.v, a.err
}

func (v *view) enrollmentsOf(user string) ([]access.Enrollment, error) {
	return once(v.enrolled, user, func() ([]access.Enrollment, error) { return v.authority.Enrollments(v.ctx, v.f, user) })
}

func (v *view) course(id string) (canvas.Course, error) {
	return once(v.courses, id, func() (canvas.Course, error) {
		c, err := v.f.Course(v.ctx, id)
		return c, v.desk.TrackAnswer(v.f.Tenant.ID, err)
	})
}

func (v *view) standingOf(user string) (canvas.Standing, error) {
	return once(v.standing, user, func() (canvas.Standing, error) {
		st, err := v.f.UserStanding(v.ctx, user)
		return st, v.desk.TrackAnswer(v.f.Tenant.ID, err)
	})
}

// hasFinished reports whether a user finished a course rather than left it; ""
// asks for any course.
func (v *view) hasFinished(user, course string) (bool, error) {
	es, err := once(v.finished, user, func() ([]canvas.Enrollment, error) {
		es, err := v.f.UserEnrollmentsIn(v.ctx, user, canvas.EnrollmentCompleted)
		return es, v.desk.TrackAnswer(v.f.Tenant.ID, err)
	})
	return slices.ContainsFunc(es, func(e canvas.Enrollment) bool {
		return e.UserID == user && (course == "" && e.Type != canvas.ObserverEnrollment || e.CourseID == course && e.Type == canvas.StudentEnrollment)
	}), err
}

// permReadRoster lets an admin see people and their enrolments. Without it Canvas
// may answer with a shorter list and no error.
const permReadRoster = "read_roster"

// trusted asks whether the credential may still see people in all of Canvas. An
// absence proves nothing where it may not.
func (v *view) trusted() error {
	if v.checked != nil {
		return *v.checked
	}
	held, err := v.f.Permissions(v.ctx, v.f.Root(), permReadRoster, canvas.PermissionViewTokens)
	if err = v.desk.TrackAnswer(v.f.Tenant.ID, err); err == nil && (!held[permReadRoster] || !held[canvas.PermissionViewTokens]) {
		err = errors.New("the credential may not see everybody, so that nobody can be missed")
	}
	v.checked = &err
	return err
}

// subject is a person with what stands on Canvas's word about them.
type subject struct {
	store.Person
	grants   []access.Grant
	behind   map[string]access.Request // of grants, by id
	requests []access.Request
}

func (v *view) subject(id access.PersonID) (subject, error) {
	var p subject
	t := v.f.Tenant.ID
	err := v.desk.Store.Read(v.ctx, func(tx *store.Tx) error {
		var err error
		if p.Person, err = tx.Person(t, id); err != nil {
			return err
		}
		if p.grants, err = tx.Grants(store.GrantQuery{Tenant: t, Owner: id, States: desk.UsableStates, Limit: store.MaxLimit}); err != nil {
			return err
		}
		p.behind = map[string]access.Request{}
		for _, g := range p.grants {
			if p.behind[g.RequestID], err = tx.Request(t, g.RequestID); err != nil {
				return err
			}
		}
		p.requests, err = tx.Requests(store.RequestQuery{Tenant: t, Requester: id, States: desk.DecidedUpon, Limit: store.MaxLimit})
		return err
	})
	return p, err
}

// check reads what one person's tokens and requests stand on, and returns what no
// longer holds. Accounts that Canvas merged are followed at once: that is an
// answer, not an absence.
func (v *view) check(id access.PersonID) ([]desk.Finding, error) {
	p, err := v.subject(id)
	if err != nil || p.CanvasUser == "" || p.MergedInto != "" || len(p.grants)+len(p.requests) == 0 {
		return nil, err
	}
	es, err := v.enrollmentsOf(p.CanvasUser)
	if desk.NotFound(err) || (err == nil && len(es) == 0) {
		gone, stErr := v.absent(p.Person)
		switch {
		case stErr != nil:
			return nil, stErr
		case gone:
			return p.all(), nil
		}
		// It is said to be there: then the enrolments must have been readable.
	}
	if err != nil {
		return nil, err
	}
	sch := v.f.Tenant.School
	aff := access.AffiliationOf(es, slices.Contains(sch.StaffList, p.CanvasUser), slices.Contains(sch.Exempt, p.CanvasUser))
	var out []desk.Finding
	for _, g := range p.grants {
		x, err := v.checkGrant(p, g, p.behind[g.RequestID], aff, es)
		if err != nil {
			return nil, err
		}
		out = append(out, x...)
	}
	for _, r := range p.requests {
		x, err := v.checkRequest(p, r, aff, es)
		if err != nil {
			return nil, err
		}
		out = append(out, x...)
	}
	return out, nil
}

// all is what no longer holds once a person is gone.
func (p subject) all() []desk.Finding {
	var out []desk.Finding
	for _, g := range p.grants {
		out = append(out, desk.Finding{Object: g.ID, What: string(access.ByOwnerLeft)})
	}
	for _, r := range p.requests {
		out = append(out, desk.Finding{Object: r.ID, What: lostOwner})
	}
	return out
}

// errMerged: the person is another one from here on; the next look sees that one.
var errMerged = errors.New("the person's account was merged; it was followed")

// absent reports whether Canvas has deleted a person: not found by id, nor by any
// identity that they launched with. One who was merged is followed (errMerged).
func (v *view) absent(p store.Person) (bool, error) {
	st, err := v.standingOf(p.CanvasUser)
	switch {
	case err != nil:
		return false, err
	case st.Found:
		return false, nil
	case st.MergedInto != "":
		if err := v.FollowPerson(v.ctx, v.f, p, st.MergedInto); err != nil {
			return false, err
		}
		return false, errMerged
	}
	var subs []string
	if err := v.desk.Store.Read(v.ctx, func(tx *store.Tx) error {
		subs, err = tx.SubsOf(p.Tenant, p.ID)
		return err
	}); err != nil {
		return false, err
	}
	for _, sub := range subs {
		switch u, err := v.f.UserByLTI(v.ctx, sub); {
		case err == nil:
			return false, fmt.Errorf("Canvas does not find the person, and finds user %s by the same launch identity", u.ID) //nolint:staticcheck // a name
		case !desk.NotFound(err):
			return false, v.desk.TrackAnswer(p.Tenant, err)
		}
	}
	return true, nil
}

// checkGrant is what no longer holds for one token.
func (v *view) checkGrant(p subject, g access.Grant, r access.Request, aff policy.Affiliation, es []access.Enrollment) ([]desk.Finding, error) {
	pol, err := v.policyOf(r)
	if err != nil {
		return nil, err
	}
	rule := pol.For(aff).Rule
	ends := func(c access.Cause) []desk.Finding { return []desk.Finding{{Object: g.ID, What: string(c)}} }
	if rule == policy.RuleOpen {
		return v.duties(r)
	}
	if r.Course.ID == "" || r.Affiliation != policy.Student {
		if rule == policy.RuleRefuse {
			// Between terms everybody's courses are over: that gets the grace.
			if done, err := v.hasFinished(p.CanvasUser, ""); err != nil {
				return nil, err
			} else if done {
				return v.lapsing(g, time.Time{})
			}
			return ends(access.ByOwnerLeft), nil
		}
		return v.sponsorOf(p, g, r, es)
	}
	c, err := v.course(r.Course.ID)
	if err != nil && !desk.NotFound(err) {
		return nil, err
	}
	enrolled := slices.ContainsFunc(es, func(e access.Enrollment) bool { return e.CourseID == r.Course.ID && e.Type == canvas.StudentEnrollment })
	switch now := v.desk.Now(); {
	case err == nil && c.Concluded(now):
		return v.lapsing(g, overSince(c, now))
	case enrolled:
		if _, err := v.moveEnd(v.ctx, g, false, time.Time{}); err != nil {
			return nil, err
		}
		return v.sponsorOf(p, g, r, es)
	}
	done, err := v.hasFinished(p.CanvasUser, r.Course.ID)
	switch {
	case err != nil:
		return nil, err
	case done:
		return v.lapsing(g, time.Time{})
	}
	return ends(access.ByOwnerLeft), nil
}

// overSince is when a concluded course ended by Canvas's dates; zero when it was
// concluded by hand and has none.
func overSince(c canvas.Course, now time.Time) time.Time {
	for _, at := range []time.Time{c.Ends(), c.EndAt} {
		if !at.IsZero() && !at.After(now) {
			return at
		}
	}
	return time.Time{}
}

// lapsing is the end of a token whose course is over, once the grace has passed:
// from the course's end, or where Canvas has no date for it from when it was seen.
func (v *view) lapsing(g access.Grant, since time.Time) ([]desk.Finding, error) {
	by, err := v.moveEnd(v.ctx, g, true, since)
	if err != nil || by.IsZero() || v.desk.Now().Before(by) {
		return nil, err
	}
	return []desk.Finding{{Object: g.ID, What: string(access.ByCourse)}}, nil
}

// sponsorOf is whether the sponsor of a token still stands, then whether the one
// who approved it is still somebody else.
func (v *view) sponsorOf(p subject, g access.Grant, r access.Request, es []access.Enrollment) ([]desk.Finding, error) {
	if g.Sponsor != "" {
		lost, err := v.sponsorLost(g.Sponsor, p.CanvasUser, r.Course.ID, es)
		if err != nil {
			return nil, err
		}
		if lost {
			return []desk.Finding{{Object: g.ID, What: lostSponsor, Of: g.Sponsor}}, nil
		}
	}
	return v.duties(r)
}

// duties follows the merge of whoever approved a token: it may make them the same
// person as its owner or sponsor.
func (v *view) duties(r access.Request) ([]desk.Finding, error) {
	for _, yes := range r.Approvals() {
		p, err := v.person(yes.Person)
		if err != nil {
			return nil, err
		}
		if p.CanvasUser == "" || p.MergedInto != "" {
			continue
		}
		st, err := v.standingOf(p.CanvasUser)
		if err == nil && st.MergedInto != "" {
			err = v.FollowPerson(v.ctx, v.f, p, st.MergedInto)
		}
		if err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// policyOf is what a request, and the token made for it, are judged by. One that
// cannot be read ends nothing.
func (v *view) policyOf(r access.Request) (policy.Policy, error) {
	return v.desk.ReadPolicy(v.ctx, func(tx *store.Tx) (policy.Policy, error) { return desk.PolicyOf(tx, r) })
}

func (v *view) person(id access.PersonID) (store.Person, error) {
	var p store.Person
	err := v.desk.Store.Read(v.ctx, func(tx *store.Tx) error {
		var err error
		p, err = tx.Person(v.f.Tenant.ID, id)
		return err
	})
	return p, err
}

// sponsorLost reports whether a sponsor no longer may stand for somebody. That
// the one they stand for left is not the sponsor's loss.
func (v *view) sponsorLost(id access.PersonID, user, course string, mine []access.Enrollment) (bool, error) {
	p, err := v.person(id)
	if err != nil || p.CanvasUser == "" {
		return false, err
	}
	theirs, err := v.enrollmentsOf(p.CanvasUser)
	if err != nil && !desk.NotFound(err) {
		return false, err
	}
	if err == nil && slices.Contains(v.f.Tenant.School.Supervisors, p.CanvasUser) && len(theirs) > 0 {
		return false, nil
	}
	if err == nil {
		if access.WhyOf(access.MaySponsor(theirs, mine, p.CanvasUser, user, course)) != access.WhyNotTeaching {
			return false, nil
		}
	}
	// An absence: they are there and do not teach, were merged, or are gone.
	gone, err := v.absent(p)
	if err != nil || gone {
		return gone, err
	}
	return !slices.Contains(v.f.Tenant.School.Supervisors, p.CanvasUser), nil
}

// checkRequest is what no longer holds for one open request.
func (v *view) checkRequest(p subject, r access.Request, aff policy.Affiliation, es []access.Enrollment) ([]desk.Finding, error) {
	pol, err := v.policyOf(r)
	if err != nil {
		return nil, err
	}
	rule := pol.For(aff).Rule
	if rule == policy.RuleRefuse {
		return []desk.Finding{{Object: r.ID, What: lostOwner}}, nil
	}
	sponsor := cmp.Or(r.Sponsor, r.Endorsement().Person)
	if rule != policy.RuleSponsor || sponsor == "" {
		return nil, nil
	}
	if r.Course.ID != "" && !slices.Contains(v.f.Tenant.School.Supervisors, p.CanvasUser) &&
		!slices.ContainsFunc(es, func(e access.Enrollment) bool { return e.CourseID == r.Course.ID && e.Type == canvas.StudentEnrollment }) {
		return []desk.Finding{{Object: r.ID, What: lostOwner}}, nil
	}
	lost, err := v.sponsorLost(sponsor, p.CanvasUser, r.Course.ID, es)
	if err != nil || !lost {
		return nil, err
	}
	return []desk.Finding{{Object: r.ID, What: lostSponsor, Of: sponsor}}, nil
}
