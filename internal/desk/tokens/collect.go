package tokens

import (
	"context"
	"errors"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/requests"
	"github.com/tokendesk/tokendesk/internal/notify"
	"github.com/tokendesk/tokendesk/internal/store"
)

// pollEvery bounds how often an open collect page causes a read of Canvas
// (docs/decisions.md 20).
const pollEvery = 10 * time.Second

// mintTime bounds all calls of one attempt together; access.MintLease outlives it.
const mintTime = 60 * time.Second

// loadCollection reads the caller's own request and its grant. Nobody
// else has a collect page, and there is none for a token that exists already.
func (co *Collecting) loadCollection(ctx context.Context, caller access.Caller, id string) (Collection, error) {
	var c Collection
	who := caller.Actor()
	err := co.desk.Store.Read(ctx, func(tx *store.Tx) error {
		r, err := desk.FindRequest(tx, caller.Tenant, id)
		if err != nil {
			return err
		}
		if r.Requester != caller.Person || r.State == access.Draft || r.Adopts != "" {
			return access.ErrNotFound
		}
		c.Case, err = co.cases.ReadCase(tx, who, r)
		return err
	})
	if err != nil {
		return Collection{}, err
	}
	co.stage(&c)
	return c, nil
}

// stage derives what the page shows from the two states.
func (co *Collecting) stage(c *Collection) {
	now := co.desk.Now()
	c.Ends = c.Request.End
	if c.Grant == nil {
		c.Stage = StageOver
		if c.Request.State == access.Approved {
			c.Stage = StageReady
		}
		return
	}
	g := *c.Grant
	c.Ends, c.Trouble = g.EndsAt(), g.Trouble
	switch g.State {
	case access.Minting:
		c.Stage = StageCreating
		if !g.LeaseUntil.After(now) {
			c.Stage = StageRecovering
		}
	case access.Recovering:
		c.Stage = StageRecovering
	case access.Replacing:
		c.Stage = StageReplacing
	case access.HandedOver:
		c.Stage = StageShown
	case access.Active:
		c.Stage = StageActive
	case access.Void:
		c.Stage = StageOver
		if c.Request.State == access.Approved {
			c.Stage, c.Ends = StageReady, c.Request.End
		}
	default:
		c.Stage = StageOver
	}
	c.CanReplace = c.Can[access.Replace]
	if g.State == access.HandedOver || g.State == access.Active {
		switch {
		case g.Replaced >= access.ReplaceLimit:
			c.ReplaceWhy = access.WhyReplaceUsed
		case now.Sub(g.ShownAt) > c.Policy.Windows.Replacement:
			c.ReplaceWhy = access.WhyReplaceLate
		}
	}
}

// CollectPage shows where the collection stands. It never holds a value. While
// a token waits for its activation, or an unclear answer for its check, it asks
// Canvas, at most once per pollEvery.
func (co *Collecting) CollectPage(ctx context.Context, caller access.Caller, id string) (Collection, error) {
	c, err := co.loadCollection(ctx, caller, id)
	if err != nil {
		return Collection{}, err
	}
	switch {
	case caller.NoWrites != "":
		return c, nil
	case c.Stage == StageShown && co.desk.Now().Sub(c.Grant.CheckedAt) >= pollEvery:
		if f, err := co.desk.CanvasOf(ctx, caller.Tenant, caller.Platform); err == nil {
			if err := co.watching.CheckToken(ctx, f, *c.Grant); err != nil {
				co.desk.Log.WarnContext(ctx, "the token could not be looked up", "grant", c.Grant.ID, "err", err)
			}
		}
	case c.Stage == StageRecovering && co.desk.Now().Sub(c.Grant.UpdatedAt) >= pollEvery:
		if f, err := co.desk.CanvasOf(ctx, caller.Tenant, caller.Platform); err == nil {
			if err := co.RecoverAttempt(ctx, f, *c.Grant); err != nil {
				co.desk.Log.WarnContext(ctx, "the attempt could not be settled yet", "grant", c.Grant.ID, "err", err)
			}
		}
	default:
		return c, nil
	}
	return co.loadCollection(ctx, caller, id)
}

// CheckMint settles an attempt that Canvas did not answer clearly, because its
// owner pressed Check again.
func (co *Collecting) CheckMint(ctx context.Context, caller access.Caller, id string) (_ Collection, err error) {
	defer desk.VerbEnded(co.desk.Observer, access.VerbCheckMint, &err)
	c, err := co.loadCollection(ctx, caller, id)
	if err != nil {
		return Collection{}, err
	}
	if err := caller.MayWrite(); err != nil {
		return Collection{}, co.desk.RecordRefusal(ctx, caller, id, access.Collect, err)
	}
	if c.Stage != StageRecovering {
		return c, nil
	}
	ctx, done := co.desk.Asking(ctx, caller)
	defer done()
	f, err := co.desk.CanvasOf(ctx, caller.Tenant, caller.Platform)
	if err != nil {
		return Collection{}, err
	}
	if err := co.RecoverAttempt(ctx, f, *c.Grant); err != nil && !errors.Is(err, access.ErrConflict) {
		co.desk.Log.WarnContext(ctx, "the attempt could not be settled yet", "grant", c.Grant.ID, "err", err)
	}
	return co.loadCollection(ctx, caller, id)
}

// Collect makes the token and gives its value to the one page that asked, in
// StageSecret. Everything the approval rested on is read from Canvas again
// first. The intent is committed before Canvas is called; whatever happens
// then, the page of the next press tells the truth and at most one usable token
// exists (docs/decisions.md 14, 18).
//
// It returns StageShown, without a value, when the token was shown before.
func (co *Collecting) Collect(ctx context.Context, caller access.Caller, id string) (Collection, error) {
	// Somebody closing the tab must not cut the attempt in the middle.
	ctx, cancel := co.desk.WithLimit(context.WithoutCancel(ctx), mintTime)
	defer cancel()
	return desk.Verb(ctx, co.desk, caller, desk.Guard{Do: access.Collect, Object: id, Asks: true}, func(ctx context.Context) (Collection, error) {
		return co.collect(ctx, caller, id)
	})
}

func (co *Collecting) collect(ctx context.Context, caller access.Caller, id string) (Collection, error) {
	c, err := co.loadCollection(ctx, caller, id)
	if err != nil {
		return Collection{}, err
	}
	if err := caller.MayWrite(); err != nil {
		return Collection{}, err
	}
	f, err := co.desk.CanvasOf(ctx, caller.Tenant, caller.Platform)
	if err != nil {
		return Collection{}, err
	}
	if c.Stage == StageRecovering {
		// The next press finishes what the last one left open.
		if err := co.RecoverAttempt(ctx, f, *c.Grant); err != nil {
			co.desk.Log.WarnContext(ctx, "the attempt could not be settled yet", "grant", c.Grant.ID, "err", err)
			return co.loadCollection(ctx, caller, id)
		}
		if c, err = co.loadCollection(ctx, caller, id); err != nil {
			return Collection{}, err
		}
	}
	switch c.Stage {
	case StageShown, StageActive:
		return co.askedAgain(ctx, caller, c)
	case StageReady, StageReplacing:
	default:
		return c, nil
	}
	if !caller.Actor().Fresh(co.desk.Now()) {
		return Collection{}, access.Refuse(access.WhyStale)
	}
	end, err := co.eligible(ctx, f, caller, c)
	if err != nil {
		return Collection{}, err
	}
	var g access.Grant
	if c.Stage == StageReplacing {
		g, err = co.remint(ctx, f, caller, *c.Grant, end)
	} else {
		g, err = co.intend(ctx, caller, c.Request, end)
	}
	if err != nil {
		if errors.Is(err, access.ErrConflict) {
			return co.loadCollection(ctx, caller, id) // another press was first
		}
		return Collection{}, err
	}
	co.desk.Step("intent committed")
	value, err := co.mint(ctx, f, g)
	if err != nil {
		co.desk.Log.WarnContext(ctx, "no token was handed over", "grant", g.ID, "attempt", g.Attempt, "err", err)
		return co.loadCollection(ctx, caller, id)
	}
	if c, err = co.loadCollection(ctx, caller, id); err != nil {
		return Collection{}, err
	}
	c.Stage, c.Value = StageSecret, value
	co.desk.Wake()
	return c, nil
}

// askedAgain answers a press after the value was shown: it is recorded and the
// owner is told, and nothing else happens (docs/decisions.md 18).
func (co *Collecting) askedAgain(ctx context.Context, caller access.Caller, c Collection) (Collection, error) {
	e := co.desk.Event(caller.Tenant, caller.ID(), audit.GrantShownAgain, c.Grant.ID)
	e.Related = c.Request.ID
	err := co.desk.Store.InTx(ctx, func(tx *store.Tx) error {
		if err := tx.Audit(e, nil); err != nil {
			return err
		}
		return tx.InsertJob(co.notices.NoticeJob(notify.SharedAgain, c.Request, c.Grant, c.Request.Requester, co.desk.Now().UTC().Format(time.DateOnly)))
	})
	if err != nil && !errors.Is(err, access.ErrConflict) {
		return Collection{}, err
	}
	c.Again = true
	return c, nil
}

// LeastLife is the shortest life worth making a token for.
const LeastLife = time.Hour

// eligible reads from Canvas whether the owner may have the token now, and
// computes its end anew. Where the sponsor or the course was lost, the request
// goes back by itself and the refusal says so.
func (co *Collecting) eligible(ctx context.Context, f desk.Canvas, caller access.Caller, c Collection) (time.Time, error) {
	if err := co.requests.ProveIdentity(ctx, f, caller); err != nil {
		return time.Time{}, err
	}
	if caller.AccountRole {
		return time.Time{}, access.Refuse(access.WhyAccountRole)
	}
	r := c.Request
	if err := co.desk.Store.Read(ctx, func(tx *store.Tx) error { return desk.RefuseOpenLeak(tx, r.Tenant, r.Requester) }); err != nil {
		return time.Time{}, err
	}
	if c.Stage == StageReady {
		lost, err := co.requests.Failing(ctx, f, r)
		if err != nil {
			return time.Time{}, co.desk.RefuseUnasked(ctx, "whether the approval still stands", err)
		}
		if lost.To != "" {
			return time.Time{}, co.requests.SendBack(ctx, f, r, lost)
		}
	}
	aff, _, err := co.authority.Affiliation(ctx, f, caller.CanvasUser)
	if err != nil {
		return time.Time{}, co.desk.RefuseUnasked(ctx, "who may have a token", err)
	}
	courseEnd, err := co.authority.CourseEnd(ctx, f, r.Course.ID)
	if err != nil {
		return time.Time{}, co.desk.RefuseUnasked(ctx, "the course's end", err)
	}
	now := co.desk.Now()
	pol, err := co.desk.Limits(ctx, r)
	if err != nil {
		return time.Time{}, err
	}
	end, _ := pol.LatestEnd(aff, courseEnd, f.Tenant.LearnedCapDays, r.Since, now)
	if r.End.Before(end) {
		end = r.End
	}
	if end.Sub(now) < LeastLife {
		return time.Time{}, access.Refuse(access.WhyOver)
	}
	return end.UTC().Truncate(time.Second), nil
}

// intend commits the intent: the request collects, the grant exists with its
// first attempt leased, and a job will settle it should this process die.
func (co *Collecting) intend(ctx context.Context, caller access.Caller, r access.Request, end time.Time) (access.Grant, error) {
	now := co.desk.Now()
	var g access.Grant
	err := co.desk.Store.InTx(ctx, func(tx *store.Tx) error {
		before, err := desk.RequestAsRead(tx, r)
		if err != nil {
			return err
		}
		if err := tx.LockPerson(r.Tenant, r.Requester); err != nil {
			return err
		}
		if err := desk.RefuseOpenLeak(tx, r.Tenant, r.Requester); err != nil {
			return err
		}
		live, err := requests.LiveTokens(tx, r.Tenant, r.Requester, before.Renews)
		if err != nil {
			return err
		}
		pol, err := desk.LimitsOf(tx, before)
		if err != nil {
			return err
		}
		if live >= pol.Quotas.Live {
			return access.Refuse(access.WhyQuotaLive)
		}
		if err := co.requests.Move(tx, caller.Actor(), before, access.Collect, access.Move{}); err != nil {
			return err
		}
		g = access.NewGrant(store.NewID("grt"), before, caller.CanvasUser, end, now)
		e := co.desk.Event(g.Tenant, caller.ID(), audit.GrantCreate, g.ID)
		e.To, e.Version, e.Related = string(g.State), g.Version, g.RequestID
		return tx.CreateGrant(g, e, nil, desk.RecoverJob(g))
	})
	return g, err
}

// remint commits the next attempt of a grant that is being replaced, once
// Canvas has proven that the lost token is gone.
func (co *Collecting) remint(ctx context.Context, f desk.Canvas, caller access.Caller, g access.Grant, end time.Time) (access.Grant, error) {
	if err := co.clear(ctx, f, g); err != nil {
		return access.Grant{}, co.desk.RefuseUnasked(ctx, "whether the lost token is gone", err)
	}
	var out access.Grant
	err := co.desk.Store.InTx(ctx, func(tx *store.Tx) error {
		before, err := desk.GrantAsRead(tx, g)
		if err != nil {
			return err
		}
		if err := tx.LockPerson(g.Tenant, g.Owner); err != nil {
			return err
		}
		if err := desk.RefuseOpenLeak(tx, g.Tenant, g.Owner); err != nil {
			return err
		}
		out, err = co.notices.MoveGrant(tx, before, access.Mint, caller.Actor(), access.GrantMove{Wanted: end}, nil)
		return err
	})
	return out, err
}

// Replace ends a token whose value its owner lost, so that they can make its
// successor without a new review: once, within its policy's window.
func (co *Collecting) Replace(ctx context.Context, caller access.Caller, id string) (Collection, error) {
	return desk.Verb(ctx, co.desk, caller, desk.Guard{Do: access.Replace, Object: id}, func(ctx context.Context) (Collection, error) {
		return co.replace(ctx, caller, id)
	})
}

func (co *Collecting) replace(ctx context.Context, caller access.Caller, id string) (Collection, error) {
	c, err := co.loadCollection(ctx, caller, id)
	if err != nil {
		return Collection{}, err
	}
	if err := caller.MayWrite(); err != nil {
		return Collection{}, err
	}
	if c.Grant == nil || c.Stage == StageReplacing {
		return c, nil
	}
	var g access.Grant
	err = co.desk.Store.InTx(ctx, func(tx *store.Tx) error {
		before, err := tx.Grant(caller.Tenant, c.Grant.ID)
		if err != nil {
			return err
		}
		pol, err := desk.PolicyOf(tx, c.Request)
		if err != nil {
			return err
		}
		g, err = co.notices.MoveGrant(tx, before, access.Replace, caller.Actor(), access.GrantMove{Policy: pol}, nil)
		return err
	})
	if err != nil {
		return Collection{}, err
	}
	if f, err := co.desk.CanvasOf(ctx, caller.Tenant, caller.Platform); err == nil {
		if err := co.clear(ctx, f, g); err != nil {
			co.desk.Log.WarnContext(ctx, "the lost token is not gone yet; a job goes on", "grant", g.ID, "err", err)
		}
	}
	return co.loadCollection(ctx, caller, id)
}
