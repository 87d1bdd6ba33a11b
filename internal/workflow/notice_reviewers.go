package workflow

import (
	"context"
	"errors"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/notify"
	"github.com/tokendesk/tokendesk/internal/store"
)

// toReviewers in place of a person in noticeJob: every admin who decides gets
// the message. Who that is, is read from Canvas when it is sent. Until the
// school gives roles of its own they are the security office too (docs/decisions.md 7).
const toReviewers access.PersonID = "reviewers"

// digestHandler tells every reviewer what waits.
func (s *Service) digestHandler(ctx context.Context, j jobs.Job) error {
	ctx = canvas.Paced(ctx)
	f, err := s.far(ctx, access.TenantID(j.Tenant), "")
	if err == nil {
		err = s.lettersRest(f)
	}
	if err != nil {
		return err
	}
	facts := told{object: j.Tenant, Facts: notify.Facts{Occasion: j.Key, Team: f.tenant.School.CanvasTeam, Contact: f.tenant.School.Contact,
		Link: s.toolLink(f, "accounts/"+f.root(), "account_navigation", "/queue"), SettingsLink: settingsLink(f)}}
	err = s.Store.Read(ctx, func(tx *store.Tx) error {
		q := store.RequestQuery{Tenant: f.tenant.ID, States: []access.RequestState{access.InReview}, Order: store.ReviewDue, Limit: 20}
		rs, err := tx.Requests(q)
		if err != nil {
			return err
		}
		if facts.Waiting, err = tx.CountRequests(q); err != nil {
			return err
		}
		q.DueField, q.DueBefore = store.DueReview, s.Now()
		if facts.Overdue, err = tx.CountRequests(q); err != nil {
			return err
		}
		for _, r := range rs {
			pol, err := policyOf(tx, r)
			if err != nil {
				return err
			}
			facts.Rows = append(facts.Rows, notify.WaitingRow{Code: r.Code(), Title: first(r.Title(), r.Code()),
				Days: pol.Calendar.Between(r.ReviewSince, s.Now(), zone(f.tenant)), Overdue: r.ReviewDue.Before(s.Now())})
		}
		return nil
	})
	if err != nil || facts.Waiting == 0 {
		return err
	}
	return s.sendReviewers(ctx, f, notify.ReviewersWaiting, facts, j.Claim > 1)
}

// sendReviewers gives one message to every reviewer. One whom it does not reach
// does not keep it from the others; those who have it do not get it again.
func (s *Service) sendReviewers(ctx context.Context, f far, kind notify.Kind, facts told, again bool) error {
	var people []store.Person
	err := s.unlessResting(ctx, f.people(), func() (err error) {
		people, err = s.reviewers(ctx, f)
		return err
	})
	if err != nil {
		return err
	}
	var all error
	for _, to := range people {
		all = errors.Join(all, s.send(ctx, f, kind, facts, to, notify.AsReviewer, again))
	}
	return all
}

// reviewers lists who decides for a tenant: the admins of its root account with
// a role that may create tokens, without the tool's own account. They need not
// have opened the tool.
func (s *Service) reviewers(ctx context.Context, f far) ([]store.Person, error) {
	admins, err := f.AccountAdmins(ctx, f.root())
	if s.heard(f.tenant.ID, err) != nil {
		return nil, err
	}
	// The service account is an admin too, and cannot write to itself.
	self, err := f.User(ctx, "self")
	if s.heard(f.tenant.ID, err) != nil {
		return nil, err
	}
	roles := map[string]bool{}
	listed := map[string]bool{self.ID: true}
	var out []store.Person
	for _, a := range admins {
		if a.State == "deleted" || listed[a.UserID] {
			continue
		}
		may, known := roles[a.RoleID]
		if !known {
			perms, err := f.RolePermissions(ctx, f.root(), a.RoleID)
			if s.heard(f.tenant.ID, err) != nil {
				return nil, err
			}
			may = perms[permCreate]
			roles[a.RoleID] = may
		}
		if !may {
			continue
		}
		listed[a.UserID] = true
		out = append(out, store.Person{CanvasUser: a.UserID, Name: a.UserName})
	}
	return out, nil
}
