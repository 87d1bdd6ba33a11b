package tokens

import (
	"context"
	"maps"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/authority"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/desk/notices"
	"github.com/tokendesk/tokendesk/internal/desk/requests"
	"github.com/tokendesk/tokendesk/internal/notify"
	"github.com/tokendesk/tokendesk/internal/store"
)

// This file holds the moves by which the sponsor of a live token changes. A token
// without one works on for the gap of its policy; the tick ends it then.

// EndSponsorship ends the caller's sponsorship of a token. It keeps
// working for the gap of its policy, so that its owner can find somebody else.
// Leaving never asks Canvas and needs no reason.
func (sp *Sponsoring) EndSponsorship(ctx context.Context, caller access.Caller, grantID, reason string) (cases.TokenPage, error) {
	return desk.Verb(ctx, sp.desk, caller, desk.Guard{Do: access.EndSponsor, Object: grantID}, func(ctx context.Context) (cases.TokenPage, error) {
		return sp.change(ctx, caller, grantID, access.EndSponsor, access.GrantMove{Reason: desk.Storable(reason)}, nil)
	})
}

// ReportMisuse ends a token at once because its sponsor says that it is misused.
// A reason is required; nothing else stands in the way.
func (sp *Sponsoring) ReportMisuse(ctx context.Context, caller access.Caller, grantID, reason string) (cases.TokenPage, error) {
	guard := desk.Guard{Do: access.VerbReportMisuse, Object: grantID, Refused: access.EndSponsor}
	return desk.Verb(ctx, sp.desk, caller, guard, func(ctx context.Context) (cases.TokenPage, error) {
		return sp.misuse(ctx, caller, grantID, desk.Storable(reason))
	})
}

func (sp *Sponsoring) misuse(ctx context.Context, caller access.Caller, grantID, reason string) (cases.TokenPage, error) {
	f, err := sp.desk.CanvasOf(ctx, caller.Tenant, caller.Platform)
	if err != nil {
		return cases.TokenPage{}, err
	}
	who := caller.Actor() // as sponsor, also when they are a reviewer
	c, err := sp.cases.CaseOfGrant(ctx, caller.Tenant, who, grantID)
	if err != nil {
		return cases.TokenPage{}, err
	}
	if err := caller.MayRemove(); err != nil {
		return cases.TokenPage{}, err
	}
	switch {
	case c.Grant.Sponsor != caller.Person:
		return cases.TokenPage{}, access.Refuse(access.WhyNotYours)
	case reason == "":
		form := &access.FormError{}
		form.Add("reason", "reason.misuse", nil)
		return cases.TokenPage{}, form
	}
	if g := *c.Grant; g.State != access.Revoking && !g.State.Final() {
		if err := sp.ending.endNow(ctx, f, who, g, access.GrantMove{Cause: access.ByMisuse, Reason: reason}); err != nil {
			return cases.TokenPage{}, err
		}
	}
	return sp.cases.TokenPage(ctx, who, caller.Tenant, grantID)
}

// NameSponsor asks somebody to take over as sponsor of the caller's own
// token. Canvas must confirm now that they teach its owner. Naming another person
// takes the question back from the one asked before.
func (sp *Sponsoring) NameSponsor(ctx context.Context, caller access.Caller, grantID, canvasUser string) (cases.TokenPage, error) {
	ask := func(ctx context.Context, f desk.Canvas, c cases.Case) (asked, error) {
		form := &access.FormError{}
		if canvasUser == "" {
			form.Add("sponsor", "sponsor.missing", nil)
			return asked{}, form
		}
		u, err := sp.requests.NamedSponsor(ctx, f, caller, c.Request.Course.ID, canvasUser)
		if err != nil {
			code := requests.SponsorCode(err)
			if code == "" {
				return asked{}, err
			}
			form.Add("sponsor", code, nil)
			return asked{}, form
		}
		return asked{u.ID, u.Name}, nil
	}
	guard := desk.Guard{Do: access.NameNext, Object: grantID, Asks: true}
	return desk.Verb(ctx, sp.desk, caller, guard, func(ctx context.Context) (cases.TokenPage, error) {
		return sp.change(ctx, caller, grantID, access.NameNext, access.GrantMove{}, ask)
	})
}

// TakeOver makes the caller the sponsor of a token, who was asked to
// be. It needs a fresh launch, and Canvas must confirm now that they teach its
// owner. Who approved the request cannot stand for its token (WhySponsorDecides).
// read is the digest of the access.TakeOverTerms that they read.
func (sp *Sponsoring) TakeOver(ctx context.Context, caller access.Caller, grantID, read string) (cases.TokenPage, error) {
	guard := desk.Guard{Do: access.TakeOver, Object: grantID, Asks: true}
	return desk.Verb(ctx, sp.desk, caller, guard, func(ctx context.Context) (cases.TokenPage, error) {
		return sp.change(ctx, caller, grantID, access.TakeOver, access.GrantMove{}, func(ctx context.Context, f desk.Canvas, c cases.Case) (asked, error) {
			if err := access.TakeOverTerms(c.Request, *c.Grant).Check(read); err != nil {
				return asked{}, err
			}
			return asked{}, sp.requests.MayEndorse(ctx, f, caller, c.Request)
		})
	})
}

// TurnDown answers no to the question whether the caller takes over.
func (sp *Sponsoring) TurnDown(ctx context.Context, caller access.Caller, grantID string) error {
	_, err := desk.Verb(ctx, sp.desk, caller, desk.Guard{Do: access.TurnDown, Object: grantID}, func(ctx context.Context) (cases.TokenPage, error) {
		return sp.change(ctx, caller, grantID, access.TurnDown, access.GrantMove{}, nil)
	})
	return err
}

// Teachers lists who may be named as sponsor in a course, for a choice. Naming
// asks Canvas again and decides.
func (sp *Sponsoring) Teachers(ctx context.Context, caller access.Caller, course string) ([]authority.Teacher, error) {
	f, err := sp.desk.CanvasOf(ctx, caller.Tenant, caller.Platform)
	if err != nil {
		return nil, err
	}
	ctx, done := sp.desk.Asking(ctx, caller)
	defer done()
	list, err := sp.authority.Teachers(ctx, f, caller, course)
	if err != nil {
		return nil, sp.desk.RefuseUnasked(ctx, "who teaches the course", err)
	}
	return list, nil
}

// asked is the person of Canvas whom a move names; zero is nobody.
type asked struct{ user, name string }

// askCanvas reads from Canvas what a move needs.
type askCanvas func(context.Context, desk.Canvas, cases.Case) (asked, error)

// change makes one move of a token's sponsorship for a person. ask, if the
// move has one, goes before its transaction.
func (sp *Sponsoring) change(ctx context.Context, caller access.Caller, grantID string, do access.Action, m access.GrantMove, ask askCanvas) (cases.TokenPage, error) {
	f, err := sp.desk.CanvasOf(ctx, caller.Tenant, caller.Platform)
	if err != nil {
		return cases.TokenPage{}, err
	}
	actor := caller.Actor()
	c, err := sp.cases.CaseOfGrant(ctx, caller.Tenant, actor, grantID)
	if err != nil {
		return cases.TokenPage{}, err
	}
	if err := caller.MayWrite(); err != nil {
		return cases.TokenPage{}, err
	}
	if stoodAlready(*c.Grant, do, caller.Person) {
		return sp.cases.TokenPage(ctx, actor, caller.Tenant, grantID)
	}
	// A pure check of the table first: what it refuses asks nothing of Canvas.
	m.Policy = c.Policy
	trial := m
	if do == access.NameNext {
		trial.Sponsor = "per_anybody"
	}
	if _, _, err := access.ApplyGrant(*c.Grant, do, actor, trial, sp.desk.Now()); err != nil {
		return cases.TokenPage{}, err
	}
	if do == access.TakeOver && c.Request.Decided(caller.Person) {
		return cases.TokenPage{}, access.Refuse(access.WhySponsorDecides)
	}
	var named asked
	if ask != nil {
		if named, err = ask(ctx, f, c); err != nil {
			return cases.TokenPage{}, err
		}
	}
	err = sp.desk.Store.InTx(ctx, func(tx *store.Tx) error {
		before, err := tx.Grant(caller.Tenant, grantID)
		if err != nil {
			return err
		}
		if named.user != "" {
			p, err := sp.authority.PersonOf(tx, caller.Tenant, named.user, named.name)
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
			if err := sp.notices.CountNamed(tx, caller, p.ID); err != nil {
				return err
			}
		}
		if do == access.TakeOver {
			// What was read, and what Canvas was asked about.
			if err := access.TakeOverTerms(c.Request, before).Check(access.TakeOverTerms(c.Request, *c.Grant).Digest()); err != nil {
				return err
			}
		}
		return sp.MovedSponsor(tx, actor, before, c.Request, do, m, nil)
	})
	if err != nil {
		return cases.TokenPage{}, err
	}
	if do == access.TurnDown {
		return cases.TokenPage{}, nil // who was asked has no part in it any more
	}
	return sp.cases.TokenPage(ctx, actor, caller.Tenant, grantID)
}

// stoodAlready reports whether this person made this move already: a double
// click or a repeated post.
func stoodAlready(g access.Grant, do access.Action, p access.PersonID) bool {
	return do == access.TakeOver && g.Sponsor == p && g.GapUntil.IsZero()
}

// MovedSponsor moves the sponsor's part of a token, with its audit row and the
// notices that follow.
func (sp *Sponsoring) MovedSponsor(tx *store.Tx, by access.Actor, before access.Grant, r access.Request, do access.Action, m access.GrantMove, also map[string]string) error {
	if access.GrantNeedsPolicy(do) && m.Policy.Version == 0 {
		var err error
		if m.Policy, err = desk.PolicyOf(tx, r); err != nil {
			return err
		}
	}
	step, err := sp.notices.StepGrant(before, do, by, m)
	if err != nil {
		return err
	}
	after := step.After
	d := map[string]string{}
	maps.Copy(d, also)
	if m.Reason != "" {
		d["quote"] = m.Reason
	}
	todo, err := sp.notices.FollowGrant(tx, step)
	if err != nil {
		return err
	}
	if todo, err = sp.notices.OmitRepeats(tx, by.Person, todo); err != nil {
		return err
	}
	if do == access.TakeOver || do == access.TurnDown {
		if err := sp.notices.CountAnswered(tx, r.Tenant, before.Owner, by.Person, notices.NoticeRef{Kind: notify.AskedToTakeOver, Request: r.ID, Grant: before.ID}); err != nil {
			return err
		}
	}
	if do == access.EndSponsor || do == access.LoseSponsor {
		if err := tx.KeepQuote(after.Tenant, after.ID, store.QuoteSponsorship, m.Reason); err != nil {
			return err
		}
	}
	return tx.MoveGrant(after, sp.desk.GrantEvent(by, before, after, do), audit.NewDetail(d), todo...)
}
