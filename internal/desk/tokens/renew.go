package tokens

import (
	"context"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/desk/requests"
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
func (re *Renewing) Renew(ctx context.Context, caller access.Caller, grantID string) (access.Request, error) {
	guard := desk.Guard{Do: access.Renew, Object: grantID, Asks: true}
	return desk.Verb(ctx, re.desk, caller, guard, func(ctx context.Context) (access.Request, error) {
		return re.renew(ctx, caller, grantID)
	})
}

func (re *Renewing) renew(ctx context.Context, caller access.Caller, grantID string) (access.Request, error) {
	var g access.Grant
	var old access.Request
	var sponsor store.Person
	err := re.desk.Store.Read(ctx, func(tx *store.Tx) error {
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
	if sponsor.CanvasUser != "" && re.stillSponsors(ctx, caller, sponsor.CanvasUser, old.Course.ID) {
		a.Set(policy.KeySponsor, sponsor.CanvasUser)
	}
	var out access.Request
	err = re.desk.Store.InTx(ctx, func(tx *store.Tx) error {
		if err := tx.LockPerson(caller.Tenant, caller.Person); err != nil {
			return err
		}
		if g, err = ownGrant(tx, caller, grantID); err != nil {
			return err
		}
		open, found, err := cases.OpenRenewal(tx, g)
		if err != nil || found {
			out = open
			return err
		}
		why, err := re.cases.Renewable(tx, g, old.Affiliation)
		if err != nil {
			return err
		}
		if why != "" {
			return access.Refuse(why)
		}
		from := caller
		from.Course = old.Course
		out, err = re.requests.NewDraft(tx, from, a, requests.Origin{Renews: &g})
		return err
	})
	return out, err
}

// stillSponsors asks Canvas whether a sponsor may still be chosen. It only saves
// a choice on the form: the submission asks again and decides.
func (re *Renewing) stillSponsors(ctx context.Context, caller access.Caller, sponsor, course string) bool {
	f, err := re.desk.CanvasOf(ctx, caller.Tenant, caller.Platform)
	if err == nil {
		err = re.authority.CheckSponsor(ctx, f, sponsor, caller.CanvasUser, course)
	}
	if err != nil {
		re.desk.Log.InfoContext(ctx, "the sponsor is not chosen in advance", "err", err)
	}
	return err == nil
}

// ownGrant is a token of the caller; any other is not found.
func ownGrant(tx *store.Tx, caller access.Caller, id string) (access.Grant, error) {
	if !desk.GrantID(id) {
		return access.Grant{}, access.ErrNotFound
	}
	g, err := tx.Grant(caller.Tenant, id)
	if err == nil && g.Owner != caller.Person {
		err = access.ErrNotFound
	}
	return g, err
}

// rotate lets a token give way to the one that renewed it: once the new one works
// the old one has the overlap of its policy left, once it was used nothing. It
// belongs in the transaction that saw the new one, and does nothing when it is done
// already; a successor that never worked changes nothing about the old one.
func (re *Renewing) rotate(tx *store.Tx, next access.Grant) error {
	if next.Renews == "" || next.State != access.Active {
		return nil
	}
	old, err := tx.Grant(next.Tenant, next.Renews)
	if err != nil {
		return err
	}
	now := re.desk.Now()
	r, err := tx.Request(old.Tenant, old.RequestID)
	if err != nil {
		return err
	}
	pol, err := desk.PolicyOf(tx, r)
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
	_, err = re.notices.MoveGrant(tx, old, access.Retire, access.SystemActor, access.GrantMove{Successor: next.ID, RetireAt: at}, nil)
	return err
}
