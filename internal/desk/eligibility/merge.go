package eligibility

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/tokens"
	"github.com/tokendesk/tokendesk/internal/store"
)

// maxMerges bounds how long a chain of merged accounts is followed.
const maxMerges = 5

// FollowPerson follows the merge of a person's Canvas account into another, as
// Canvas tells it. The account that is left must be found. If the tool knows its
// person the two become one: first everything live ends or goes back in which one
// person would have two parts (access.ByDuties), then what the one had is the
// other's. Tokens that Canvas shows under the account that is left are known
// there from now on.
func (el *Eligibility) FollowPerson(ctx context.Context, f desk.Canvas, p store.Person, into string) error {
	var left canvas.Standing
	for range maxMerges {
		var err error
		if left, err = f.UserStanding(ctx, into); el.desk.TrackAnswer(f.Tenant.ID, err) != nil {
			return err
		}
		if left.Found || left.MergedInto == "" {
			break
		}
		into = left.MergedInto
	}
	if !left.Found || left.User.ID == p.CanvasUser {
		return fmt.Errorf("the account that user %s was merged into is not found", p.CanvasUser)
	}
	into = left.User.ID
	if err := el.settleAttempts(ctx, f, p, into); err != nil {
		return err
	}
	var gs []access.Grant
	err := el.desk.Store.Read(ctx, func(tx *store.Tx) error {
		var err error
		gs, err = tx.Grants(store.GrantQuery{Tenant: p.Tenant, Owner: p.ID, States: append([]access.GrantState{access.Revoking}, desk.UsableStates...), Limit: store.MaxLimit})
		return err
	})
	if err != nil {
		return err
	}
	moved := map[string]bool{}
	for _, g := range gs {
		if g.CanvasID == "" || g.CanvasUser == into {
			continue
		}
		t, err := f.ShowToken(ctx, into, g.CanvasID)
		switch {
		case err == nil:
			moved[g.ID] = canvas.SameID(t.ID, g.CanvasID)
		case !desk.NotFound(err):
			return el.desk.TrackAnswer(f.Tenant.ID, err)
		}
	}
	err = el.desk.Store.InTx(ctx, func(tx *store.Tx) error {
		if err := tx.LockPerson(p.Tenant, p.ID); err != nil {
			return err
		}
		now, err := tx.Person(p.Tenant, p.ID)
		if err != nil || now.CanvasUser != p.CanvasUser || now.MergedInto != "" {
			return err // followed already
		}
		for _, g := range gs {
			if err := el.follow1(tx, g, into, moved[g.ID]); err != nil {
				return err
			}
		}
		e := el.desk.Event(p.Tenant, access.SystemID, audit.PersonMerge, string(p.ID))
		d := audit.NewDetail(map[string]string{"canvas_user": p.CanvasUser, "into": into})
		other, err := tx.PersonByCanvas(p.Tenant, into)
		switch {
		case errors.Is(err, access.ErrNotFound):
			now.CanvasUser = into
			if err := tx.SavePerson(now); err != nil {
				return err
			}
			return tx.Audit(e, d)
		case err != nil:
			return err
		}
		e.Related = string(other.ID)
		if err := el.separate(tx, p.Tenant, p.ID, other.ID); err != nil {
			return err
		}
		return tx.MergePerson(p.Tenant, p.ID, other.ID, e, d)
	})
	if err == nil {
		el.desk.Wake()
	}
	return err
}

// settleAttempts settles what a process that died left of p's collections. The
// account that was asked is gone, so what carries their markers is looked for
// where its tokens went. An attempt whose lease runs is somebody's at work
// (errBusy).
func (el *Eligibility) settleAttempts(ctx context.Context, f desk.Canvas, p store.Person, into string) error {
	var gs []access.Grant
	err := el.desk.Store.Read(ctx, func(tx *store.Tx) error {
		var err error
		gs, err = tx.Grants(store.GrantQuery{Tenant: p.Tenant, Owner: p.ID, States: []access.GrantState{access.Minting, access.Recovering}, Limit: store.MaxLimit})
		return err
	})
	if err != nil {
		return err
	}
	for _, g := range gs {
		if g.State == access.Minting {
			if g.LeaseUntil.After(el.desk.Now()) {
				return errBusy
			}
			if err := el.tokens.Settle(ctx, g, access.Doubt, tokens.TroubleUnclear); err != nil {
				return err
			}
		}
		if err := el.desk.Store.InTx(ctx, func(tx *store.Tx) error { return el.follow1(tx, g, into, true) }); err != nil {
			return err
		}
		if err := el.tokens.RecoverAttempt(ctx, f, g); err != nil {
			return err
		}
	}
	return nil
}

func (el *Eligibility) follow1(tx *store.Tx, g access.Grant, into string, moved bool) error {
	if !moved {
		return nil
	}
	before, err := tx.Grant(g.Tenant, g.ID)
	if err != nil || before.CanvasID != g.CanvasID || before.State.Final() {
		return err
	}
	d := audit.NewDetail(map[string]string{"from": before.CanvasUser, "canvas_user": into})
	_, err = el.notices.MoveGrant(tx, before, access.Follow, access.SystemActor, access.GrantMove{CanvasUser: into}, d)
	return err
}

// errBusy: something of theirs is being made this minute.
var errBusy = errors.New("a token of one of the two is being made; the merge is followed later")

// separate ends or sends back what is live and would have one person in two
// parts, were a and b one.
func (el *Eligibility) separate(tx *store.Tx, tenant access.TenantID, a, b access.PersonID) error {
	same := func(x, y access.PersonID) bool {
		return x != "" && y != "" && (x == y || (x == a || x == b) && (y == a || y == b))
	}
	approves := func(r access.Request, p access.PersonID) bool {
		return slices.ContainsFunc(r.Approvals(), func(v access.Vote) bool { return same(v.Person, p) })
	}
	// doubled: one person said yes twice, or to what is their own.
	doubled := func(r access.Request) bool {
		said := r.Approvals()
		for i, v := range said {
			if same(v.Person, r.Requester) || same(v.Person, r.Endorsement().Person) ||
				slices.ContainsFunc(said[:i], func(o access.Vote) bool { return same(v.Person, o.Person) }) {
				return true
			}
		}
		return false
	}
	grants, err := tx.GrantDuties(tenant, a, b, desk.LiveStates, []access.GrantState{access.Minting, access.Recovering})
	if err != nil {
		return err
	}
	requests, err := tx.RequestDuties(tenant, a, b, desk.OpenStates, []access.RequestState{access.Collecting})
	if err != nil {
		return err
	}
	for _, id := range grants {
		g, err := tx.Grant(tenant, id)
		if err != nil {
			return err
		}
		r, err := tx.Request(tenant, g.RequestID)
		switch {
		case err != nil:
			return err
		case g.State == access.Minting || g.State == access.Recovering:
			return errBusy
		case g.State == access.Revoking:
			continue
		case same(g.Owner, g.Sponsor), approves(r, g.Owner), approves(r, g.Sponsor):
			if _, err := el.tokens.StartEnd(tx, access.SystemActor, g, access.GrantMove{Cause: access.ByDuties}, nil); err != nil {
				return err
			}
		case same(g.Owner, g.SponsorAsked), approves(r, g.SponsorAsked):
			after, _, err := access.ApplyGrant(g, access.TurnDown, access.Actor{Person: g.SponsorAsked}, access.GrantMove{}, el.desk.Now())
			if err != nil {
				return err
			}
			after.TurnedDown = g.TurnedDown // the question is over; nobody said no, and nobody is told so
			if err := tx.MoveGrant(after, el.desk.GrantEvent(access.SystemActor, g, after, access.TurnDown), nil); err != nil {
				return err
			}
		}
	}
	for _, id := range requests {
		r, err := tx.Request(tenant, id)
		if err != nil {
			return err
		}
		var do access.Action
		var m access.Move
		switch {
		case r.State == access.Collecting:
			return errBusy
		case r.State == access.AwaitingSponsor && same(r.Requester, r.Sponsor):
			do = access.LoseSponsor
		case r.State != access.AwaitingSponsor && same(r.Requester, r.Endorsement().Person):
			do, m.To = access.Return, access.AwaitingSponsor
		case (r.State == access.Approved || r.State == access.InReview) && doubled(r):
			do, m.To = access.Return, access.InReview
		case same(r.Claim().Person, r.Requester), same(r.Claim().Person, r.Endorsement().Person), approves(r, r.Claim().Person):
			do = access.Release
		default:
			continue
		}
		if err := el.requests.Move(tx, access.SystemActor, r, do, m); err != nil {
			return err
		}
	}
	return nil
}
