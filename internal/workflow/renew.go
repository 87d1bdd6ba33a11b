package workflow

import (
	"context"
	"errors"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/store"
)

// Renew starts the renewal of the caller's own token: a draft with the
// answers of the request it came from, linked to it. The end date and the rules
// are asked anew, and the sponsor is chosen already if Canvas confirms that they
// still may stand. Everything after that is the life of any other request.
//
// There is one renewal of a token at a time: pressing again opens the one that
// exists, also when it was sent already. It refuses with WhyNotRenewable,
// WhyIncident and WhyTotalLife.
func (s *Service) Renew(ctx context.Context, caller access.Caller, grantID string) (_ access.Request, err error) {
	defer verbEnded(s.Observer, access.Renew, &err)
	ctx, done := s.asking(ctx, caller)
	defer done()
	r, err := s.renew(ctx, caller, grantID)
	if err != nil {
		return access.Request{}, s.noteRefusal(ctx, caller, grantID, access.Renew, err)
	}
	return r, nil
}

func (s *Service) renew(ctx context.Context, caller access.Caller, grantID string) (access.Request, error) {
	var g access.Grant
	var old access.Request
	var sponsor store.Person
	err := s.Store.Read(ctx, func(tx *store.Tx) error {
		var err error
		if g, err = ownGrant(tx, caller, grantID); err != nil {
			return err
		}
		if old, err = tx.Request(g.Tenant, g.RequestID); err != nil || g.Sponsor == "" {
			return err
		}
		sponsor, err = tx.Person(g.Tenant, g.Sponsor)
		return err
	})
	if err != nil {
		return access.Request{}, err
	}
	if err := caller.MayWrite(); err != nil {
		return access.Request{}, err
	}
	a := old.Answers.Without(policy.KeyEnd, policy.KeyAccepted, policy.KeySponsor)
	if sponsor.CanvasUser != "" && s.stillSponsors(ctx, caller, sponsor.CanvasUser, old.Course.ID) {
		a.Set(policy.KeySponsor, sponsor.CanvasUser)
	}
	var out access.Request
	err = s.Store.InTx(ctx, func(tx *store.Tx) error {
		if err := tx.LockPerson(caller.Tenant, caller.Person); err != nil {
			return err
		}
		if g, err = ownGrant(tx, caller, grantID); err != nil {
			return err
		}
		open, found, err := openRenewal(tx, g)
		if err != nil || found {
			out = open
			return err
		}
		why, err := s.renewable(tx, g, old.Affiliation)
		if err != nil {
			return err
		}
		if why != "" {
			return access.Refuse(why)
		}
		from := caller
		from.Course = old.Course
		out, err = s.newDraft(tx, from, a, origin{renews: &g})
		return err
	})
	return out, err
}

// stillSponsors asks Canvas whether a sponsor may still be chosen. It only saves
// a choice on the form: the submission asks again and decides.
func (s *Service) stillSponsors(ctx context.Context, caller access.Caller, sponsor, course string) bool {
	f, err := s.far(ctx, caller.Tenant, caller.Platform)
	if err == nil {
		err = s.sponsors(ctx, f, sponsor, caller.CanvasUser, course)
	}
	if err != nil {
		s.Log.InfoContext(ctx, "the sponsor is not chosen in advance", "err", err)
	}
	return err == nil
}

// ownGrant is a token of the caller; any other is not found.
func ownGrant(tx *store.Tx, caller access.Caller, id string) (access.Grant, error) {
	if !grantID(id) {
		return access.Grant{}, access.ErrNotFound
	}
	g, err := tx.Grant(caller.Tenant, id)
	if err == nil && g.Owner != caller.Person {
		err = access.ErrNotFound
	}
	return g, err
}

// openRenewal finds the renewal of a token that is under way.
func openRenewal(tx *store.Tx, g access.Grant) (access.Request, bool, error) {
	rs, err := tx.Requests(store.RequestQuery{Tenant: g.Tenant, Renews: g.ID, States: append([]access.RequestState{access.Draft}, openStates...), Limit: 1})
	if err != nil || len(rs) == 0 {
		return access.Request{}, false, err
	}
	return rs[0], true, nil
}

// renewable tells why a token's renewal cannot begin, or "": when it could is the
// word of its own policy, how long it may work in all that of the newest, by which
// the renewal will be judged. Who goes on to begin one must hold its owner's lock.
func (s *Service) renewable(tx *store.Tx, g access.Grant, aff policy.Affiliation) (access.Why, error) {
	r, err := tx.Request(g.Tenant, g.RequestID)
	if err != nil {
		return "", err
	}
	own, err := policyOf(tx, r)
	if err != nil {
		return "", err
	}
	if !g.Renewable(own.Windows, s.Now()) {
		return access.WhyNotRenewable, nil
	}
	today, err := tx.NewestPolicy(g.Tenant)
	if err != nil {
		return "", err
	}
	taken, err := tx.CountGrants(store.GrantQuery{Tenant: g.Tenant, Renews: g.ID, States: liveStates})
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

// stillRenews tells why a renewal cannot be sent any more, or "": its token must
// still be one that can be renewed, and this its only renewal.
func (s *Service) stillRenews(tx *store.Tx, r access.Request, aff policy.Affiliation) (access.Why, error) {
	g, err := tx.Grant(r.Tenant, r.Renews)
	if err != nil {
		return "", err
	}
	other, err := tx.CountRequests(store.RequestQuery{Tenant: r.Tenant, Renews: g.ID, States: openStates})
	switch {
	case err != nil:
		return "", err
	case g.Owner != r.Requester || other > 0:
		return access.WhyNotRenewable, nil
	}
	return s.renewable(tx, g, aff)
}

// setRenewal adds to a case whether its token is being renewed, and whether it
// can be. Outside the window there is nothing to look up.
func (s *Service) setRenewal(tx *store.Tx, c *Case) error {
	g := *c.Grant
	if !g.Renewable(c.Policy.Windows, s.Now()) {
		return nil
	}
	open, found, err := openRenewal(tx, g)
	if err != nil {
		return err
	}
	if found && (c.Own || open.State != access.Draft) {
		c.Renewal = &open
	}
	if c.Own && (!found || open.State == access.Draft) {
		why, err := s.renewable(tx, g, c.Request.Affiliation)
		var e *store.PolicyError
		if err != nil && !errors.As(err, &e) {
			return err
		}
		c.Can[access.Renew] = err == nil && why == ""
	}
	return nil
}

// evidence is what is known of the token that a request renews.
func (s *Service) evidence(ctx context.Context, f far, r access.Request) (*Evidence, error) {
	var e Evidence
	var owner, sponsor store.Person
	var pol policy.Policy
	err := s.Store.Read(ctx, func(tx *store.Tx) error {
		var err error
		if pol, err = limitsOf(tx, r); err != nil {
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
	since := first(e.Of.LastUsedAt, e.Of.ActivatedAt)
	if !since.IsZero() {
		e.IdleDays = int(s.Now().Sub(since) / (24 * time.Hour))
	}
	e.Until = r.Since.Add(pol.For(r.Affiliation).MaxTotal)
	if r.Course.ID != "" {
		end, err := s.shownCourseEnd(ctx, f, r.Course.ID)
		e.CourseEnd, e.CourseRead = end, err == nil
		if err != nil {
			s.Log.WarnContext(ctx, "the course's end could not be read", "err", err)
		}
	}
	if sponsor.CanvasUser != "" {
		err := s.sponsors(ctx, f, sponsor.CanvasUser, owner.CanvasUser, r.Course.ID)
		if e.SponsorWhy = access.WhyOf(err); err != nil && (e.SponsorWhy == "" || e.SponsorWhy == access.WhyBusy) {
			e.SponsorWhy = access.WhyCanvas
			s.Log.WarnContext(ctx, "whether the sponsor teaches could not be read", "err", err)
		}
	}
	return &e, nil
}

// rotate lets a token give way to the one that renewed it: once the new one works
// the old one has the overlap of its policy left, once it was used nothing. It belongs in the
// transaction that saw the new one, and does nothing when it is done already; a
// successor that never worked changes nothing about the old one.
func (s *Service) rotate(tx *store.Tx, next access.Grant) error {
	if next.Renews == "" || next.State != access.Active {
		return nil
	}
	old, err := tx.Grant(next.Tenant, next.Renews)
	if err != nil {
		return err
	}
	now := s.Now()
	r, err := tx.Request(old.Tenant, old.RequestID)
	if err != nil {
		return err
	}
	pol, err := policyOf(tx, r)
	if err != nil {
		return err
	}
	at := now.Add(pol.Windows.Overlap)
	if !next.LastUsedAt.IsZero() { // nothing works before its activation, whose time by Canvas's clock nobody tells
		at = now
	}
	if end := old.EndsAt(); at.After(end) {
		at = end
	}
	if old.State != access.Active || (!old.RetireAt.IsZero() && !at.Before(old.RetireAt)) {
		return nil
	}
	step, err := s.stepGrant(old, access.Retire, access.SystemActor, access.GrantMove{Successor: next.ID, RetireAt: at})
	if err != nil {
		return err
	}
	return s.moveGrant(tx, access.SystemActor, step, nil)
}

// grantID keeps what was typed into an address from reaching the database.
func grantID(id string) bool { return len(id) <= 40 && len(id) > 4 && id[:4] == "grt_" }
