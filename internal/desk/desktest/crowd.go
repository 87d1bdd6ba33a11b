package desktest

import (
	"fmt"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/store"
)

// Crowd fills every list of a reviewer, of a sponsor and of an owner with rows of
// all kinds that make a list look things up: the rows from one number up to another.
// Nothing of them is in Canvas.
type Crowd struct {
	*Rig
	Owner access.Caller // has rows of their own beside those of others
	// Sponsor stands for every row, Reviewer said yes to it.
	Sponsor, Reviewer access.PersonID
}

// Add stores the rows.
func (c Crowd) Add(from, to int) {
	c.T.Helper()
	for n := from; n < to; n++ {
		other := store.Person{ID: access.PersonID(fmt.Sprintf("per_row%d", n)), Tenant: c.Tenant, CanvasUser: fmt.Sprint(700_000 + n), Name: fmt.Sprintf("Row %d", n), CreatedAt: c.Clock.Now()}
		err := c.Desk.Store.InTx(c.T.Context(), func(tx *store.Tx) error {
			if err := tx.SavePerson(other); err != nil {
				return err
			}
			if err := c.row(tx, n, 0, other.ID, other.CanvasUser); err != nil {
				return err
			}
			return c.row(tx, n, 1, c.Owner.Person, c.Owner.CanvasUser)
		})
		if err != nil {
			c.T.Fatal(err)
		}
	}
}

// row is what one person has: a request in review, a token that can be renewed and
// is, one that could be, one that leaked and was revoked, one without a sponsor, and
// one found that a request asks to keep.
func (c Crowd) row(tx *store.Tx, n, of int, owner access.PersonID, canvasUser string) error {
	now := c.Clock.Now()
	id := func(kind, what string) string { return fmt.Sprintf("%s_%s%d_%d", kind, what, n, of) }
	told := func(do audit.Action, object, to string) audit.Event {
		return audit.Event{Tenant: string(c.Tenant), At: now, Actor: access.SystemID, Action: do, Object: object, To: to, Version: 1}
	}
	number := 100_000 + 1000*n + 100*of
	request := func(what string, st access.RequestState, change func(*access.Request)) (access.Request, error) {
		number++
		r := access.Request{ID: id("req", what), Tenant: c.Tenant, Number: number, Version: 1, State: st, PolicyVersion: 1, Requester: owner, Sponsor: c.Sponsor,
			Affiliation: policy.Student, Course: access.Course{ID: "42", Code: "BIO 201", Name: "Biology"}, End: now.AddDate(0, 1, 0),
			SponsorDue: now.Add(time.Duration(n) * time.Hour), ReviewDue: now.Add(time.Duration(n) * time.Hour), CreatedAt: now, UpdatedAt: now.Add(-time.Duration(n) * time.Hour),
			Answers: access.Answers{"build": {"Helper " + what}, "ai": {"no"}, "maker_name": {"Acme"}}}
		if st != access.AwaitingSponsor {
			r.Votes = access.Votes{{Part: access.AsSponsor, Person: c.Sponsor, Verdict: access.Yes, At: now}}
		}
		if st == access.Fulfilled {
			r.Votes = append(r.Votes, ApprovedBy(c.Reviewer, now))
		}
		if change != nil {
			change(&r)
		}
		return r, tx.CreateRequest(r, told(audit.RequestCreate, r.ID, string(r.State)), nil)
	}
	grant := func(what string, change func(*access.Grant)) (access.Grant, error) {
		r, err := request(what, access.Fulfilled, nil)
		if err != nil {
			return access.Grant{}, err
		}
		g := access.NewGrant(id("grt", what), r, canvasUser, now.AddDate(0, 0, 5), now.AddDate(0, 0, -30))
		g.State, g.CanvasID, g.Expires, g.ShownAt, g.ActivatedAt, g.CheckedAt = access.Active, fmt.Sprint(number), g.Wanted, g.CreatedAt, g.CreatedAt, now
		change(&g)
		return g, tx.CreateGrant(g, told(audit.GrantCreate, g.ID, string(g.State)), nil)
	}
	if _, err := request("review", access.InReview, nil); err != nil {
		return err
	}
	if _, err := request("draft", access.Draft, func(r *access.Request) { r.Number, r.Votes, r.PolicyVersion = 0, nil, 0 }); err != nil {
		return err
	}
	renewed, err := grant("renewed", func(*access.Grant) {})
	if err != nil {
		return err
	}
	if _, err := request("renewal", access.AwaitingSponsor, func(r *access.Request) { r.Renews = renewed.ID }); err != nil {
		return err
	}
	if _, err := grant("renewable", func(g *access.Grant) { g.Expires = g.Expires.Add(time.Duration(n) * time.Minute) }); err != nil {
		return err
	}
	if _, err := grant("gap", func(g *access.Grant) {
		g.SponsorWas, g.Sponsor, g.SponsorAsked, g.GapUntil = g.Sponsor, "", c.Sponsor, now.Add(time.Duration(n)*time.Hour)
	}); err != nil {
		return err
	}
	leaked, err := grant("leaked", func(g *access.Grant) {
		g.State, g.Cause, g.EndedBy, g.EndedAt, g.UpdatedAt = access.Revoked, access.ByReviewer, c.Reviewer, now, now.Add(-time.Duration(n)*time.Minute)
	})
	if err != nil {
		return err
	}
	i := access.Incident{ID: id("inc", ""), Tenant: c.Tenant, Version: 1, GrantID: leaked.ID, Owner: owner, ReportedBy: c.Reviewer, How: access.LeakByReviewer, OpenedAt: now}
	if err := tx.CreateIncident(i, told(audit.IncidentOpen, i.ID, store.IncidentOpened), nil); err != nil {
		return err
	}
	if n%2 == 0 {
		i.Version, i.ClearedAt, i.ClearedBy = 2, now, c.Reviewer
		e := told(audit.IncidentClear, i.ID, store.IncidentCleared)
		e.From, e.Version = store.IncidentOpened, 2
		if err := tx.SaveIncident(i, e, nil); err != nil {
			return err
		}
	}
	f := access.Found{ID: id("fnd", ""), Tenant: c.Tenant, Version: 1, State: access.FoundTold, CanvasUser: canvasUser, CanvasID: fmt.Sprint(900_000 + number), Owner: owner,
		OwnerName: "Somebody", Purpose: "A script", RequestID: id("req", "keep"), MadeAt: now, FoundAt: now, SeenAt: now, UpdatedAt: now}
	if err := tx.CreateFound(f, told(audit.FoundDiscover, f.ID, string(f.State)), nil); err != nil {
		return err
	}
	if _, err := request("keep", access.AwaitingSponsor, func(r *access.Request) { r.Adopts = f.ID }); err != nil {
		return err
	}
	m := access.Mass{ID: id("mas", ""), Tenant: c.Tenant, Version: 1, State: access.MassPlanned, By: string(owner), PlannedAt: now}
	m, err = tx.PlanMass(m, store.GrantQuery{Tenant: c.Tenant, IDs: []string{renewed.ID}}, told(audit.MassPlan, m.ID, string(m.State)), nil)
	if err != nil {
		return err
	}
	m.Version, m.State, m.StartedAt, m.EndedAt = 2, access.MassDone, now, now
	e := told(audit.MassFinish, m.ID, string(m.State))
	e.From, e.Version = string(access.MassPlanned), 2
	return tx.SaveMass(m, e, nil)
}
