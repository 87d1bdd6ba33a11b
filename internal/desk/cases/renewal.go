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

// underWay are the states of a renewal that has begun and not ended.
var underWay = append([]access.RequestState{access.Draft}, desk.OpenStates...)

// OpenRenewal finds the renewal of a token that is under way.
func OpenRenewal(tx *store.Tx, g access.Grant) (access.Request, bool, error) {
	rs, err := tx.Requests(store.RequestQuery{Tenant: g.Tenant, Renews: g.ID, States: underWay, Limit: 1})
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
	if err != nil {
		return "", err
	}
	return renewable(g, today, aff, taken, leaks), nil
}

// renewable judges a token within its window by the newest policy: how many tokens
// took over from it, and how many leaks of its owner's are not cleared.
func renewable(g access.Grant, today policy.Policy, aff policy.Affiliation, taken, leaks int) access.Why {
	switch {
	case leaks > 0:
		return access.WhyIncident
	case taken > 0:
		return access.WhyNotRenewable
	case !g.Since.Add(today.For(aff).MaxTotal).After(g.EndsAt()):
		return access.WhyTotalLife
	}
	return ""
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

// setRenewals adds to cases of one school whether their tokens are being renewed,
// and whether they can be. Outside the window there is nothing to look up.
func (cs *Cases) setRenewals(tx *store.Tx, all []Case) error {
	now := cs.desk.Now()
	var in []*Case
	var grants []string
	for i := range all {
		if c := &all[i]; c.Grant != nil && c.Grant.Renewable(c.Policy.Windows, now) {
			in, grants = append(in, c), append(grants, c.Grant.ID)
		}
	}
	if len(in) == 0 {
		return nil
	}
	open, err := tx.RenewalsOf(all[0].Request.Tenant, grants, underWay)
	if err != nil {
		return err
	}
	var asks []*Case
	for _, c := range in {
		r, found := open[c.Grant.ID]
		if found && (c.Own || r.State != access.Draft) {
			c.Renewal = &r
		}
		if c.Own && (!found || r.State == access.Draft) {
			asks = append(asks, c)
		}
	}
	return cs.setRenewable(tx, asks)
}

// setRenewable adds to cases whose tokens are in the window whether their renewal
// can begin, as Renewable says it.
func (cs *Cases) setRenewable(tx *store.Tx, asks []*Case) error {
	if len(asks) == 0 {
		return nil
	}
	tenant := asks[0].Request.Tenant
	var grants []string
	var owners []access.PersonID
	for _, c := range asks {
		grants, owners = append(grants, c.Grant.ID), append(owners, c.Grant.Owner)
	}
	today, err := tx.NewestPolicy(tenant)
	var bad *store.PolicyError
	if err != nil && !errors.As(err, &bad) {
		return err
	}
	taken, err := tx.RenewedBy(tenant, grants, desk.LiveStates)
	if err != nil {
		return err
	}
	leaks, err := tx.OpenIncidentsOf(tenant, owners)
	if err != nil {
		return err
	}
	for _, c := range asks {
		g := *c.Grant
		c.Can[access.Renew] = bad == nil && c.Policy.Version != 0 && renewable(g, today, c.Request.Affiliation, taken[g.ID], leaks[g.Owner]) == ""
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
