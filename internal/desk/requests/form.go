package requests

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/authority"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/store"
)

// Form is everything the request form shows: the draft named, or for a new
// request the saved text of a session that ended.
func (rq *Requests) Form(ctx context.Context, caller access.Caller, draftID string) (Form, error) {
	f, err := rq.desk.CanvasOf(ctx, caller.Tenant, caller.Platform)
	if err != nil {
		return Form{}, err
	}
	now := rq.desk.Now()
	form := Form{Course: caller.Course, Location: desk.Location(caller.TimeZone), Rules: f.Tenant.School.Rules,
		RulesVer: f.Tenant.School.RulesVersion, RulesDate: f.Tenant.School.RulesDate, Affiliation: policy.None}
	object := desk.NewObject
	err = rq.desk.Store.Read(ctx, func(tx *store.Tx) error {
		if draftID != "" {
			r, err := ownDraft(tx, caller, draftID)
			if err != nil {
				return err
			}
			form.Draft, form.Answers, object = r, r.Answers, r.ID
			if r.Course.ID != "" {
				form.Course = r.Course
			}
			if r.Adopts != "" {
				f, err := tx.Found(r.Tenant, r.Adopts)
				if err != nil {
					return err
				}
				form.Keeps = &f
			}
		}
		k, err := tx.TextFor(caller.Tenant, caller.Person, object, desk.FormRequest)
		if err == nil && k.UpdatedAt.After(form.Draft.UpdatedAt) {
			var a access.Answers
			if json.Unmarshal(k.Data, &a) == nil {
				form.Answers, form.KeptAt = a, k.UpdatedAt
			}
		} else if err != nil && !errors.Is(err, access.ErrNotFound) {
			return err
		}
		if form.Policy, err = tx.NewestPolicy(caller.Tenant); err != nil {
			return err
		}
		form.Quota, err = rq.quota(tx, caller, form.Policy, form.Draft.Renews)
		return err
	})
	if err != nil {
		return Form{}, err
	}
	ctx, done := rq.desk.Asking(ctx, caller)
	defer done()
	st, err := rq.authority.ShownAffiliation(ctx, f, caller)
	if err != nil {
		form.TeachersErr = true
		rq.desk.Log.WarnContext(ctx, "the form is shown without Canvas's answers", "err", err)
		return form, nil
	}
	form.Affiliation, form.Reach = st.Affiliation, authority.ReachOf(st.Enrollments, st.At)
	pol := form.Policy
	form.Rule = pol.For(st.Affiliation).Rule
	if form.CourseEnd, err = rq.authority.ShownCourseEnd(ctx, f, form.Course.ID); err != nil {
		rq.desk.Log.WarnContext(ctx, "the course's end could not be read", "err", err)
	}
	form.Latest, form.Cause = pol.LatestEnd(st.Affiliation, form.CourseEnd, f.Tenant.LearnedCapDays, form.Draft.Since, now)
	if form.Rule == policy.RuleSponsor {
		form.Teachers, err = rq.authority.Teachers(ctx, f, caller, form.Course.ID)
		form.TeachersErr = err != nil
	}
	return form, nil
}

// Form is everything the request form shows.
type Form struct {
	Draft       access.Request // zero when new
	Keeps       *access.Found  // the token that it asks to keep
	Answers     access.Answers // draft, saved text, or empty
	KeptAt      time.Time      // saved text of an ended session: when it was saved
	Affiliation policy.Affiliation
	Rule        policy.SponsorRule
	Course      access.Course
	Teachers    []authority.Teacher
	TeachersErr bool // Canvas did not list them now
	Latest      time.Time
	Cause       policy.EndCause
	CourseEnd   time.Time
	Location    *time.Location
	Rules       []string
	RulesVer    string
	RulesDate   string
	Reach       *authority.Reach
	Quota       access.Why    // quota_open or quota_live when asking now would be refused
	Policy      policy.Policy // the newest: a new request is judged by it
}
