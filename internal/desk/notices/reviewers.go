package notices

import (
	"cmp"
	"context"
	"errors"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/authority"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/notify"
	"github.com/tokendesk/tokendesk/internal/store"
)

// ToReviewers in place of a person in NoticeJob: every admin who decides gets
// the message. Who that is, is read from Canvas when it is sent. Until the
// school gives roles of its own they are the security office too (docs/decisions.md 7).
const ToReviewers access.PersonID = "reviewers"

// digestHandler tells every reviewer what waits.
func (ns *Notices) digestHandler(ctx context.Context, j jobs.Job) error {
	ctx = canvas.Paced(ctx)
	f, err := ns.desk.CanvasOf(ctx, access.TenantID(j.Tenant), "")
	if err == nil {
		err = ns.LettersRest(f)
	}
	if err != nil {
		return err
	}
	facts := MessageFacts{Object: j.Tenant, Facts: notify.Facts{Occasion: j.Key, Team: f.Tenant.School.CanvasTeam, Contact: f.Tenant.School.Contact,
		Link: ns.ToolLink(f, "accounts/"+f.Root(), "account_navigation", "/queue"), SettingsLink: SettingsLink(f)}}
	err = ns.desk.Store.Read(ctx, func(tx *store.Tx) error {
		q := store.RequestQuery{Tenant: f.Tenant.ID, States: []access.RequestState{access.InReview}, Order: store.ReviewDue, Limit: 20}
		rs, err := tx.Requests(q)
		if err != nil {
			return err
		}
		if facts.Waiting, err = tx.CountRequests(q); err != nil {
			return err
		}
		q.DueField, q.DueBefore = store.DueReview, ns.desk.Now()
		if facts.Overdue, err = tx.CountRequests(q); err != nil {
			return err
		}
		for _, r := range rs {
			pol, err := desk.PolicyOf(tx, r)
			if err != nil {
				return err
			}
			facts.Rows = append(facts.Rows, notify.WaitingRow{Code: r.Code(), Title: cmp.Or(r.Title(), r.Code()),
				Days: pol.Calendar.Between(r.ReviewSince, ns.desk.Now(), desk.Zone(f.Tenant)), Overdue: r.ReviewDue.Before(ns.desk.Now())})
		}
		return nil
	})
	if err != nil || facts.Waiting == 0 {
		return err
	}
	return ns.SendReviewers(ctx, f, notify.ReviewersWaiting, facts, j.Claim > 1)
}

// SendReviewers gives one message to every reviewer. One whom it does not reach
// does not keep it from the others; those who have it do not get it again.
func (ns *Notices) SendReviewers(ctx context.Context, f desk.Canvas, kind notify.Kind, facts MessageFacts, again bool) error {
	var people []store.Person
	err := ns.unlessResting(ctx, f.People(), func() (err error) {
		people, err = ns.Reviewers(ctx, f)
		return err
	})
	if err != nil {
		return err
	}
	var all error
	for _, to := range people {
		all = errors.Join(all, ns.Send(ctx, f, kind, facts, to, notify.AsReviewer, again))
	}
	return all
}

// Reviewers lists who decides for a tenant: the admins of its root account with
// a role that may create tokens, without the tool's own account. They need not
// have opened the tool.
func (ns *Notices) Reviewers(ctx context.Context, f desk.Canvas) ([]store.Person, error) {
	admins, err := f.AccountAdmins(ctx, f.Root())
	if ns.desk.TrackAnswer(f.Tenant.ID, err) != nil {
		return nil, err
	}
	// The service account is an admin too, and cannot write to itself.
	self, err := f.User(ctx, "self")
	if ns.desk.TrackAnswer(f.Tenant.ID, err) != nil {
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
			perms, err := f.RolePermissions(ctx, f.Root(), a.RoleID)
			if ns.desk.TrackAnswer(f.Tenant.ID, err) != nil {
				return nil, err
			}
			may = perms[authority.PermCreate]
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
