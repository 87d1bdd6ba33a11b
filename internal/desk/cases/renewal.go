package cases

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/store"
)

// OpenRenewal finds the renewal of a token that is under way.
func OpenRenewal(tx *store.Tx, g access.Grant) (access.Request, bool, error) {
	rs, err := tx.Requests(store.RequestQuery{Tenant: g.Tenant, Renews: g.ID, States: append([]access.RequestState{access.Draft}, desk.OpenStates...), Limit: 1})
	if err != nil || len(rs) == 0 {
		return access.Request{}, false, err
	}
	return rs[0], true, nil
}

// Renewable tells why a token's renewal cannot begin, or "": when it could is the
// word of its own policy, how long it may work in all that of the newest, by which
// the renewal will be judged. Who goes on to begin one must hold its owner's lock.
func (cs *Cases) Renewable(tx *store.Tx, g access.Grant, aff policy.Affiliation) (access.Why, error) {
	r, err := tx.Request(g.Tenant, g.RequestID)
	if err != nil {
		return "", err
	}
	own, err := desk.PolicyOf(tx, r)
	if err != nil {
		return "", err
	}
	if !g.Renewable(own.Windows, cs.desk.Now()) {
		return access.WhyNotRenewable, nil
	}
	today, err := tx.NewestPolicy(g.Tenant)
	if err != nil {
		return "", err
	}
	taken, err := tx.CountGrants(store.GrantQuery{Tenant: g.Tenant, Renews: g.ID, States: desk.LiveStates})
	if err != nil {
		return "", err
	}
	leaks, err := tx.OpenIncidents(g.Tenant, g.Owner)
	switch {
	case err != nil:
		return "", err
	case leaks > 0:
		return access.WhyIncident, nil
	case taken > 0:
		return access.WhyNotRenewable, nil
	case !g.Since.Add(today.For(aff).MaxTotal).After(g.EndsAt()):
		return access.WhyTotalLife, nil
	}
	return "", nil
}

// StillRenews tells why a renewal cannot be sent any more, or "": its token must
// still be one that can be renewed, and this its only renewal.
func (cs *Cases) StillRenews(tx *store.Tx, r access.Request, aff policy.Affiliation) (access.Why, error) {
	g, err := tx.Grant(r.Tenant, r.Renews)
	if err != nil {
		return "", err
	}
	other, err := tx.CountRequests(store.RequestQuery{Tenant: r.Tenant, Renews: g.ID, States: desk.OpenStates})
	switch {
	case err != nil:
		return "", err
	case g.Owner != r.Requester || other > 0:
		return access.WhyNotRenewable, nil
	}
	return cs.Renewable(tx, g, aff)
}

// setRenewal adds to a case whether its token is being renewed, and whether it
// can be. Outside the window there is nothing to look up.
func (cs *Cases) setRenewal(tx *store.Tx, c *Case) error {
	g := *c.Grant
	if !g.Renewable(c.Policy.Windows, cs.desk.Now()) {
		return nil
	}
	open, found, err := OpenRenewal(tx, g)
	if err != nil {
		return err
	}
	if found && (c.Own || open.State != access.Draft) {
		c.Renewal = &open
	}
	if c.Own && (!found || open.State == access.Draft) {
		why, err := cs.Renewable(tx, g, c.Request.Affiliation)
		var e *store.PolicyError
		if err != nil && !errors.As(err, &e) {
			return err
		}
		c.Can[access.Renew] = err == nil && why == ""
	}
	return nil
}

// evidence is what is known of the token that a request renews.
func (cs *Cases) evidence(ctx context.Context, f desk.Canvas, r access.Request) (*Evidence, error) {
	var e Evidence
	var owner, sponsor store.Person
	var pol policy.Policy
	err := cs.desk.Store.Read(ctx, func(tx *store.Tx) error {
		var err error
		if pol, err = desk.LimitsOf(tx, r); err != nil {
			return err
		}
		if e.Of, err = tx.Grant(r.Tenant, r.Renews); err != nil {
			return err
		}
		if owner, err = tx.Person(r.Tenant, r.Requester); err != nil || e.Of.Sponsor == "" {
			return err
		}
		sponsor, err = tx.Person(r.Tenant, e.Of.Sponsor)
		return err
	})
	if err != nil {
		return nil, err
	}
	since := cmp.Or(e.Of.LastUsedAt, e.Of.ActivatedAt)
	if !since.IsZero() {
		e.IdleDays = int(cs.desk.Now().Sub(since) / (24 * time.Hour))
	}
	e.Until = r.Since.Add(pol.For(r.Affiliation).MaxTotal)
	if r.Course.ID != "" {
		end, err := cs.authority.ShownCourseEnd(ctx, f, r.Course.ID)
		e.CourseEnd, e.CourseRead = end, err == nil
		if err != nil {
			cs.desk.Log.WarnContext(ctx, "the course's end could not be read", "err", err)
		}
	}
	if sponsor.CanvasUser != "" {
		err := cs.authority.CheckSponsor(ctx, f, sponsor.CanvasUser, owner.CanvasUser, r.Course.ID)
		if e.SponsorWhy = access.WhyOf(err); err != nil && (e.SponsorWhy == "" || e.SponsorWhy == access.WhyBusy) {
			e.SponsorWhy = access.WhyCanvas
			cs.desk.Log.WarnContext(ctx, "whether the sponsor teaches could not be read", "err", err)
		}
	}
	return &e, nil
}
