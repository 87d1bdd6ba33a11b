package workflow

import (
	"context"
	"errors"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/store"
)

// pollEvery bounds how often an open collect page causes a read of Canvas
// (docs/decisions.md 20).
const pollEvery = 10 * time.Second

// mintTime bounds all calls of one attempt together; access.MintLease outlives it.
const mintTime = 60 * time.Second

// loadCollection reads the caller's own request and its grant. Nobody
// else has a collect page, and there is none for a token that exists already.
func (s *Service) loadCollection(ctx context.Context, caller access.Caller, id string) (Collection, error) {
	var c Collection
	who := caller.Actor()
	err := s.Store.Read(ctx, func(tx *store.Tx) error {
		r, err := findRequest(tx, caller.Tenant, id)
		if err != nil {
			return err
		}
		if r.Requester != caller.Person || r.State == access.Draft || r.Adopts != "" {
			return access.ErrNotFound
		}
		c.Case, err = s.see(tx, who, r)
		return err
	})
	if err != nil {
		return Collection{}, err
	}
	s.stage(&c)
	return c, nil
}

// stage derives what the page shows from the two states.
func (s *Service) stage(c *Collection) {
	now := s.Now()
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
func (s *Service) CollectPage(ctx context.Context, caller access.Caller, id string) (Collection, error) {
	c, err := s.loadCollection(ctx, caller, id)
	if err != nil {
		return Collection{}, err
	}
	switch {
	case caller.NoWrites != "":
		return c, nil
	case c.Stage == StageShown && s.Now().Sub(c.Grant.CheckedAt) >= pollEvery:
		if f, err := s.far(ctx, caller.Tenant, caller.Platform); err == nil {
			if err := s.observe(ctx, f, *c.Grant); err != nil {
				s.Log.WarnContext(ctx, "the token could not be looked up", "grant", c.Grant.ID, "err", err)
			}
		}
	case c.Stage == StageRecovering && s.Now().Sub(c.Grant.UpdatedAt) >= pollEvery:
		if f, err := s.far(ctx, caller.Tenant, caller.Platform); err == nil {
			if err := s.recover(ctx, f, *c.Grant); err != nil {
				s.Log.WarnContext(ctx, "the attempt could not be settled yet", "grant", c.Grant.ID, "err", err)
			}
		}
	default:
		return c, nil
	}
	return s.loadCollection(ctx, caller, id)
}

// CheckMint settles an attempt that Canvas did not answer clearly, because its
// owner pressed Check again.
func (s *Service) CheckMint(ctx context.Context, caller access.Caller, id string) (_ Collection, err error) {
	defer verbEnded(s.Observer, access.VerbCheckMint, &err)
	c, err := s.loadCollection(ctx, caller, id)
	if err != nil {
		return Collection{}, err
	}
	if err := caller.MayWrite(); err != nil {
		return Collection{}, s.noteRefusal(ctx, caller, id, access.Collect, err)
	}
	if c.Stage != StageRecovering {
		return c, nil
	}
	ctx, done := s.asking(ctx, caller)
	defer done()
	f, err := s.far(ctx, caller.Tenant, caller.Platform)
	if err != nil {
		return Collection{}, err
	}
	if err := s.recover(ctx, f, *c.Grant); err != nil && !errors.Is(err, access.ErrConflict) {
		s.Log.WarnContext(ctx, "the attempt could not be settled yet", "grant", c.Grant.ID, "err", err)
	}
	return s.loadCollection(ctx, caller, id)
}

// Collect makes the token and gives its value to the one page that asked, in
// StageSecret. Everything the approval rested on is read from Canvas again
// first. The intent is committed before Canvas is called; whatever happens
// then, the page of the next press tells the truth and at most one usable token
// exists (docs/decisions.md 14, 18).
//
// It returns StageShown, without a value, when the token was shown before.
func (s *Service) Collect(ctx context.Context, caller access.Caller, id string) (_ Collection, err error) {
	defer verbEnded(s.Observer, access.Collect, &err)
	// Somebody closing the tab must not cut the attempt in the middle.
	ctx, cancel := s.limit(context.WithoutCancel(ctx), mintTime)
	defer cancel()
	ctx, done := s.asking(ctx, caller)
	defer done()
	c, err := s.collect(ctx, caller, id)
	if err != nil {
		return Collection{}, s.noteRefusal(ctx, caller, id, access.Collect, err)
	}
	return c, nil
}

func (s *Service) collect(ctx context.Context, caller access.Caller, id string) (Collection, error) {
	c, err := s.loadCollection(ctx, caller, id)
	if err != nil {
		return Collection{}, err
	}
	if err := caller.MayWrite(); err != nil {
		return Collection{}, err
	}
	f, err := s.far(ctx, caller.Tenant, caller.Platform)
	if err != nil {
		return Collection{}, err
	}
	if c.Stage == StageRecovering {
		// The next press finishes what the last one left open.
		if err := s.recover(ctx, f, *c.Grant); err != nil {
			s.Log.WarnContext(ctx, "the attempt could not be settled yet", "grant", c.Grant.ID, "err", err)
			return s.loadCollection(ctx, caller, id)
		}
		if c, err = s.loadCollection(ctx, caller, id); err != nil {
			return Collection{}, err
		}
	}
	switch c.Stage {
	case StageShown, StageActive:
		return s.askedAgain(ctx, caller, c)
	case StageReady, StageReplacing:
	default:
		return c, nil
	}
	if !caller.Actor().Fresh(s.Now()) {
		return Collection{}, access.Refuse(access.WhyStale)
	}
	end, err := s.eligible(ctx, f, caller, c)
	if err != nil {
		return Collection{}, err
	}
	var g access.Grant
	if c.Stage == StageReplacing {
		g, err = s.remint(ctx, f, caller, *c.Grant, end)
	} else {
		g, err = s.intend(ctx, caller, c.Request, end)
	}
	if err != nil {
		if errors.Is(err, access.ErrConflict) {
			return s.loadCollection(ctx, caller, id) // another press was first
		}
		return Collection{}, err
	}
	s.step("intent committed")
	value, err := s.mint(ctx, f, g)
	if err != nil {
		s.Log.WarnContext(ctx, "no token was handed over", "grant", g.ID, "attempt", g.Attempt, "err", err)
		return s.loadCollection(ctx, caller, id)
	}
	if c, err = s.loadCollection(ctx, caller, id); err != nil {
		return Collection{}, err
	}
	c.Stage, c.Value = StageSecret, value
	s.nudge()
	return c, nil
}

// askedAgain answers a press after the value was shown: it is recorded and the
// owner is told, and nothing else happens (docs/decisions.md 18).
func (s *Service) askedAgain(ctx context.Context, caller access.Caller, c Collection) (Collection, error) {
	e := s.event(caller.Tenant, caller.ID(), audit.GrantShownAgain, c.Grant.ID)
	e.Related = c.Request.ID
	err := s.Store.InTx(ctx, func(tx *store.Tx) error {
		if err := tx.Audit(e, nil); err != nil {
			return err
		}
		return tx.InsertJob(s.noticeJob(noticeSharedAgain, c.Request, c.Grant, c.Request.Requester, s.Now().UTC().Format(time.DateOnly)))
	})
	if err != nil && !errors.Is(err, access.ErrConflict) {
		return Collection{}, err
	}
	c.Again = true
	return c, nil
}

// leastLife is the shortest life worth making a token for.
const leastLife = time.Hour

// eligible reads from Canvas whether the owner may have the token now, and
// computes its end anew. Where the sponsor or the course was lost, the request
// goes back by itself and the refusal says so.
func (s *Service) eligible(ctx context.Context, f far, caller access.Caller, c Collection) (time.Time, error) {
	if err := s.proveIdentity(ctx, f, caller); err != nil {
		return time.Time{}, err
	}
	if caller.AccountRole {
		return time.Time{}, access.Refuse(access.WhyAccountRole)
	}
	r := c.Request
	if err := s.Store.Read(ctx, func(tx *store.Tx) error { return noLeak(tx, r.Tenant, r.Requester) }); err != nil {
		return time.Time{}, err
	}
	if c.Stage == StageReady {
		lost, err := s.failing(ctx, f, r)
		if err != nil {
			return time.Time{}, s.unasked(ctx, "whether the approval still stands", err)
		}
		if lost.to != "" {
			return time.Time{}, s.sendBack(ctx, f, r, lost)
		}
	}
	aff, _, err := s.affiliation(ctx, f, caller.CanvasUser)
	if err != nil {
		return time.Time{}, s.unasked(ctx, "who may have a token", err)
	}
	courseEnd, err := s.courseEnd(ctx, f, r.Course.ID)
	if err != nil {
		return time.Time{}, s.unasked(ctx, "the course's end", err)
	}
	now := s.Now()
	pol, err := s.limits(ctx, r)
	if err != nil {
		return time.Time{}, err
	}
	end, _ := pol.LatestEnd(aff, courseEnd, f.tenant.LearnedCapDays, r.Since, now)
	if r.End.Before(end) {
		end = r.End
	}
	if end.Sub(now) < leastLife {
		return time.Time{}, access.Refuse(access.WhyOver)
	}
	return end.UTC().Truncate(time.Second), nil
}

// intend commits the intent: the request collects, the grant exists with its
// first attempt leased, and a job will settle it should this process die.
func (s *Service) intend(ctx context.Context, caller access.Caller, r access.Request, end time.Time) (access.Grant, error) {
	now := s.Now()
	var g access.Grant
	err := s.Store.InTx(ctx, func(tx *store.Tx) error {
		before, err := tx.Request(r.Tenant, r.ID)
		if err != nil {
			return err
		}
		if before.Version != r.Version {
			return access.ErrConflict
		}
		if err := tx.LockPerson(r.Tenant, r.Requester); err != nil {
			return err
		}
		if err := noLeak(tx, r.Tenant, r.Requester); err != nil {
			return err
		}
		live, err := liveTokens(tx, r.Tenant, r.Requester, before.Renews)
		if err != nil {
			return err
		}
		pol, err := limitsOf(tx, before)
		if err != nil {
			return err
		}
		if live >= pol.Quotas.Live {
			return access.Refuse(access.WhyQuotaLive)
		}
		if err := s.move(tx, caller.Actor(), before, access.Collect, access.Move{}); err != nil {
			return err
		}
		g = access.NewGrant(store.NewID("grt"), before, caller.CanvasUser, end, now)
		e := s.event(g.Tenant, caller.ID(), audit.GrantCreate, g.ID)
		e.To, e.Version, e.Related = string(g.State), g.Version, g.RequestID
		return tx.CreateGrant(g, e, nil, recoverJob(g))
	})
	return g, err
}

// remint commits the next attempt of a grant that is being replaced, once
// Canvas has proven that the lost token is gone.
func (s *Service) remint(ctx context.Context, f far, caller access.Caller, g access.Grant, end time.Time) (access.Grant, error) {
	if err := s.clear(ctx, f, g); err != nil {
		return access.Grant{}, s.unasked(ctx, "whether the lost token is gone", err)
	}
	var out access.Grant
	err := s.Store.InTx(ctx, func(tx *store.Tx) error {
		before, err := tx.Grant(g.Tenant, g.ID)
		if err != nil {
			return err
		}
		if before.Version != g.Version {
			return access.ErrConflict
		}
		if err := tx.LockPerson(g.Tenant, g.Owner); err != nil {
			return err
		}
		if err := noLeak(tx, g.Tenant, g.Owner); err != nil {
			return err
		}
		step, err := s.stepGrant(before, access.Mint, caller.Actor(), access.GrantMove{Wanted: end})
		if err != nil {
			return err
		}
		out = step.after
		return s.moveGrant(tx, caller.Actor(), step, nil)
	})
	return out, err
}

// Replace ends a token whose value its owner lost, so that they can make its
// successor without a new review: once, within its policy's window.
func (s *Service) Replace(ctx context.Context, caller access.Caller, id string) (_ Collection, err error) {
	defer verbEnded(s.Observer, access.Replace, &err)
	c, err := s.replace(ctx, caller, id)
	if err != nil {
		return Collection{}, s.noteRefusal(ctx, caller, id, access.Replace, err)
	}
	s.nudge()
	return c, nil
}

func (s *Service) replace(ctx context.Context, caller access.Caller, id string) (Collection, error) {
	c, err := s.loadCollection(ctx, caller, id)
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
	err = s.Store.InTx(ctx, func(tx *store.Tx) error {
		before, err := tx.Grant(caller.Tenant, c.Grant.ID)
		if err != nil {
			return err
		}
		pol, err := policyOf(tx, c.Request)
		if err != nil {
			return err
		}
		step, err := s.stepGrant(before, access.Replace, caller.Actor(), access.GrantMove{Policy: pol})
		if err != nil {
			return err
		}
		g = step.after
		return s.moveGrant(tx, caller.Actor(), step, nil)
	})
	if err != nil {
		return Collection{}, err
	}
	if f, err := s.far(ctx, caller.Tenant, caller.Platform); err == nil {
		if err := s.clear(ctx, f, g); err != nil {
			s.Log.WarnContext(ctx, "the lost token is not gone yet; a job goes on", "grant", g.ID, "err", err)
		}
	}
	return s.loadCollection(ctx, caller, id)
}
