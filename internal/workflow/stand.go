package workflow

import (
	"context"
	"errors"
	"maps"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/notify"
	"github.com/tokendesk/tokendesk/internal/store"
)

// This file holds the moves by which the sponsor of a live token changes. A token
// without one works on for the gap of its policy; the tick ends it then.

// EndSponsorship ends the caller's sponsorship of a token. It keeps
// working for the gap of its policy, so that its owner can find somebody else.
// Leaving never asks Canvas and needs no reason.
func (s *Service) EndSponsorship(ctx context.Context, caller access.Caller, grantID, reason string) (_ TokenPage, err error) {
	defer verbEnded(s.Observer, access.EndSponsor, &err)
	return s.stand(ctx, caller, grantID, access.EndSponsor, access.GrantMove{Reason: Storable(reason)}, nil)
}

// ReportMisuse ends a token at once because its sponsor says that it is misused.
// A reason is required; nothing else stands in the way.
func (s *Service) ReportMisuse(ctx context.Context, caller access.Caller, grantID, reason string) (_ TokenPage, err error) {
	defer verbEnded(s.Observer, access.VerbReportMisuse, &err)
	p, err := s.misuse(ctx, caller, grantID, Storable(reason))
	if err != nil {
		return TokenPage{}, s.noteRefusal(ctx, caller, grantID, access.EndSponsor, err)
	}
	s.nudge()
	return p, nil
}

func (s *Service) misuse(ctx context.Context, caller access.Caller, grantID, reason string) (TokenPage, error) {
	f, err := s.far(ctx, caller.Tenant, caller.Platform)
	if err != nil {
		return TokenPage{}, err
	}
	who := caller.Actor() // as sponsor, also when they are a reviewer
	c, err := s.caseOfGrant(ctx, caller.Tenant, who, grantID)
	if err != nil {
		return TokenPage{}, err
	}
	if err := caller.MayRemove(); err != nil {
		return TokenPage{}, err
	}
	switch {
	case c.Grant.Sponsor != caller.Person:
		return TokenPage{}, access.Refuse(access.WhyNotYours)
	case reason == "":
		form := &access.FormError{}
		form.Add("reason", "reason.misuse", nil)
		return TokenPage{}, form
	}
	if g := *c.Grant; g.State != access.Revoking && !g.State.Final() {
		if err := s.endNow(ctx, f, who, g, access.GrantMove{Cause: access.ByMisuse, Reason: reason}); err != nil {
			return TokenPage{}, err
		}
	}
	return s.token(ctx, who, caller.Tenant, grantID)
}

// endNow begins a grant's end and waits a while for Canvas's proof. That somebody
// else began it first is no error.
func (s *Service) endNow(ctx context.Context, f far, who access.Actor, g access.Grant, m access.GrantMove) error {
	g, err := s.beginEnd(ctx, who, g, m)
	if errors.Is(err, access.ErrConflict) {
		return nil
	}
	if err != nil {
		return err
	}
	quick, cancel := s.limit(context.WithoutCancel(ctx), revokeTime)
	defer cancel()
	if err := s.finishEnd(quick, f, g); err != nil {
		s.Log.WarnContext(ctx, "not proven gone yet; a job goes on", "grant", g.ID, "err", err)
	}
	return nil
}

// NameSponsor asks somebody to take over as sponsor of the caller's own
// token. Canvas must confirm now that they teach its owner. Naming another person
// takes the question back from the one asked before.
func (s *Service) NameSponsor(ctx context.Context, caller access.Caller, grantID, canvasUser string) (_ TokenPage, err error) {
	defer verbEnded(s.Observer, access.NameNext, &err)
	return s.stand(ctx, caller, grantID, access.NameNext, access.GrantMove{}, func(f far, c Case) (asked, error) {
		form := &access.FormError{}
		if canvasUser == "" {
			form.Add("sponsor", "sponsor.missing", nil)
			return asked{}, form
		}
		u, err := s.namedSponsor(ctx, f, caller, c.Request.Course.ID, canvasUser)
		if err != nil {
			code := sponsorCode(err)
			if code == "" {
				return asked{}, err
			}
			form.Add("sponsor", code, nil)
			return asked{}, form
		}
		return asked{u.ID, u.Name}, nil
	})
}

// sponsorCode is the correction that a refused sponsor asks for, or "".
func sponsorCode(err error) string {
	return map[access.Why]string{access.WhySelf: "sponsor.self", access.WhyNotTeaching: "sponsor.not_teaching", access.WhyCanvas: "sponsor.unknown"}[access.WhyOf(err)]
}

// TakeOver makes the caller the sponsor of a token, who was asked to
// be. It needs a fresh launch, and Canvas must confirm now that they teach its
// owner. Who approved the request cannot stand for its token (WhySponsorDecides).
// read is the digest of the access.TakeOverTerms that they read.
func (s *Service) TakeOver(ctx context.Context, caller access.Caller, grantID, read string) (_ TokenPage, err error) {
	defer verbEnded(s.Observer, access.TakeOver, &err)
	return s.stand(ctx, caller, grantID, access.TakeOver, access.GrantMove{}, func(f far, c Case) (asked, error) {
		if err := access.TakeOverTerms(c.Request, *c.Grant).Check(read); err != nil {
			return asked{}, err
		}
		return asked{}, s.mayEndorse(ctx, f, caller, c.Request)
	})
}

// TurnDown answers no to the question whether the caller takes over.
func (s *Service) TurnDown(ctx context.Context, caller access.Caller, grantID string) (err error) {
	defer verbEnded(s.Observer, access.TurnDown, &err)
	_, err = s.stand(ctx, caller, grantID, access.TurnDown, access.GrantMove{}, nil)
	return err
}

// Teachers lists who may be named as sponsor in a course, for a choice. Naming
// asks Canvas again and decides.
func (s *Service) Teachers(ctx context.Context, caller access.Caller, course string) ([]Teacher, error) {
	f, err := s.far(ctx, caller.Tenant, caller.Platform)
	if err != nil {
		return nil, err
	}
	ctx, done := s.asking(ctx, caller)
	defer done()
	list, err := s.teachers(ctx, f, caller, course)
	if err != nil {
		return nil, s.unasked(ctx, "who teaches the course", err)
	}
	return list, nil
}

// asked is the person of Canvas whom a move names; zero is nobody.
type asked struct{ user, name string }

// stand makes one move of a token's sponsorship for a person. ask reads from
// Canvas what the move needs, before its transaction.
func (s *Service) stand(ctx context.Context, caller access.Caller, grantID string, do access.Action, m access.GrantMove, ask func(far, Case) (asked, error)) (TokenPage, error) {
	if ask != nil {
		var done func()
		ctx, done = s.asking(ctx, caller)
		defer done()
	}
	p, err := s.stood(ctx, caller, grantID, do, m, ask)
	if err != nil {
		return TokenPage{}, s.noteRefusal(ctx, caller, grantID, do, err)
	}
	s.nudge()
	return p, nil
}

func (s *Service) stood(ctx context.Context, caller access.Caller, grantID string, do access.Action, m access.GrantMove, ask func(far, Case) (asked, error)) (TokenPage, error) {
	f, err := s.far(ctx, caller.Tenant, caller.Platform)
	if err != nil {
		return TokenPage{}, err
	}
	actor := caller.Actor()
	c, err := s.caseOfGrant(ctx, caller.Tenant, actor, grantID)
	if err != nil {
		return TokenPage{}, err
	}
	if err := caller.MayWrite(); err != nil {
		return TokenPage{}, err
	}
	if stoodAlready(*c.Grant, do, caller.Person) {
		return s.token(ctx, actor, caller.Tenant, grantID)
	}
	// A pure check of the table first: what it refuses asks nothing of Canvas.
	m.Policy = c.Policy
	trial := m
	if do == access.NameNext {
		trial.Sponsor = "per_anybody"
	}
	if _, _, err := access.ApplyGrant(*c.Grant, do, actor, trial, s.Now()); err != nil {
		return TokenPage{}, err
	}
	if do == access.TakeOver && c.Request.Decided(caller.Person) {
		return TokenPage{}, access.Refuse(access.WhySponsorDecides)
	}
	var named asked
	if ask != nil {
		if named, err = ask(f, c); err != nil {
			return TokenPage{}, err
		}
	}
	err = s.Store.InTx(ctx, func(tx *store.Tx) error {
		before, err := tx.Grant(caller.Tenant, grantID)
		if err != nil {
			return err
		}
		if named.user != "" {
			p, err := s.personOf(tx, caller.Tenant, named.user, named.name)
			if err != nil {
				return err
			}
			if m.Sponsor = p.ID; c.Request.Decided(p.ID) {
				form := &access.FormError{}
				form.Add("sponsor", "sponsor.decided", nil)
				return form
			}
			if p.ID == before.SponsorAsked {
				return nil // asked already
			}
			if err := s.name(tx, caller, p.ID); err != nil {
				return err
			}
		}
		if do == access.TakeOver {
			// What was read, and what Canvas was asked about.
			if err := access.TakeOverTerms(c.Request, before).Check(access.TakeOverTerms(c.Request, *c.Grant).Digest()); err != nil {
				return err
			}
		}
		return s.movedSponsor(tx, actor, before, c.Request, do, m, nil)
	})
	if err != nil {
		return TokenPage{}, err
	}
	if do == access.TurnDown {
		return TokenPage{}, nil // who was asked has no part in it any more
	}
	return s.token(ctx, actor, caller.Tenant, grantID)
}

// stoodAlready reports whether this person made this move already: a double
// click or a repeated post.
func stoodAlready(g access.Grant, do access.Action, p access.PersonID) bool {
	return do == access.TakeOver && g.Sponsor == p && g.GapUntil.IsZero()
}

// movedSponsor moves the sponsor's part of a token, with its audit row and the
// notices that follow.
func (s *Service) movedSponsor(tx *store.Tx, by access.Actor, before access.Grant, r access.Request, do access.Action, m access.GrantMove, also map[string]string) error {
	if access.GrantNeedsPolicy(do) && m.Policy.Version == 0 {
		var err error
		if m.Policy, err = policyOf(tx, r); err != nil {
			return err
		}
	}
	step, err := s.stepGrant(before, do, by, m)
	if err != nil {
		return err
	}
	after := step.after
	d := map[string]string{}
	maps.Copy(d, also)
	if m.Reason != "" {
		d["quote"] = m.Reason
	}
	todo, err := s.followGrant(tx, step)
	if err != nil {
		return err
	}
	if todo, err = s.calm(tx, by.Person, todo); err != nil {
		return err
	}
	if do == access.TakeOver || do == access.TurnDown {
		if err := s.answered(tx, r.Tenant, before.Owner, by.Person, noticeRef{Kind: notify.AskedToTakeOver, Request: r.ID, Grant: before.ID}); err != nil {
			return err
		}
	}
	if do == access.EndSponsor || do == access.LoseSponsor {
		if err := tx.KeepQuote(after.Tenant, after.ID, store.QuoteSponsorship, m.Reason); err != nil {
			return err
		}
	}
	return tx.MoveGrant(after, s.tellGrant(by, before, after, do), audit.NewDetail(d), todo...)
}
