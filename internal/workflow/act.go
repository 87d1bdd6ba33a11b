package workflow

import (
	"context"
	"errors"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/store"
)

// Act makes one move of a request for a person: withdraw, endorse, decline,
// claim, release, approve, deny, rescind. Rights are read from Canvas now:
// that an endorsing sponsor teaches the requester, that a reviewer is one.
// Leaving (withdraw, decline, rescind) never waits for Canvas.
//
// read is the digest of the terms that the person read (Case.Terms). Endorse,
// decline, approve and deny decide on these terms and on nothing else; the other
// moves decide nothing and take none.
//
// It returns access.ErrNotFound when the request is none of theirs, a
// *access.Refusal, a *access.FormError, a *access.TermsError when the terms are
// not those that were read, or a *Lost when somebody else was quicker. Repeating
// a move that this person has made already returns the request as it is, without
// error.
func (s *Service) Act(ctx context.Context, caller access.Caller, id string, do access.Action, m access.Move, read string) (_ Case, err error) {
	defer verbEnded(s.Observer, do, &err)
	m, err = typedMove(do, m)
	if err != nil {
		return Case{}, err
	}
	if !leaves(do) {
		var done func()
		ctx, done = s.asking(ctx, caller)
		defer done()
	}
	c, err := s.act(ctx, caller, id, do, m, read)
	if err != nil {
		return Case{}, s.noteRefusal(ctx, caller, id, do, err)
	}
	s.nudge()
	return c, nil
}

// reviewVerb reports whether a move needs a reviewer whom Canvas confirms now.
func reviewVerb(do access.Action) bool {
	return do == access.Claim || do == access.Release || do == access.Approve || do == access.Deny
}

// leaves reports whether a move takes access or a part away. It waits for
// nothing, the pace of checks included.
func leaves(do access.Action) bool {
	return do == access.Withdraw || do == access.Decline || do == access.Rescind || do == access.EndSponsor
}

// decides reports whether a move of a request decides on what its person read.
func decides(do access.Action) bool {
	return do == access.Endorse || do == access.Decline || do == access.Approve || do == access.Deny
}

func (s *Service) act(ctx context.Context, caller access.Caller, id string, do access.Action, m access.Move, read string) (Case, error) {
	f, err := s.far(ctx, caller.Tenant, caller.Platform)
	if err != nil {
		return Case{}, err
	}
	who := s.viewer(ctx, f, caller)
	var r access.Request
	var seen Case
	err = s.Store.Read(ctx, func(tx *store.Tx) error {
		if r, err = findRequest(tx, caller.Tenant, id); err != nil {
			return err
		}
		seen, err = s.see(tx, who, r)
		return err
	})
	if err != nil {
		return Case{}, err
	}
	if err := caller.MayWrite(); err != nil {
		return Case{}, err
	}
	if repeated(r, do, who.Person) {
		return seen, nil
	}
	m.Policy = seen.Policy
	switch {
	case reviewVerb(do):
		// A pure check of the table first: a conflict or a missing reason is
		// answered without asking Canvas.
		if _, _, err := access.Apply(r, do, who, m, s.Now()); err != nil && who.Reviewer {
			return Case{}, s.lost(ctx, caller, r, err)
		}
		if decides(do) && who.Reviewer { // whoever is none is told that
			if err := seen.Terms().Check(read); err != nil {
				return Case{}, err
			}
		}
		if who, err = s.decider(ctx, f, caller); err != nil {
			return Case{}, err
		}
		if do == access.Approve {
			if err := s.stillGood(ctx, f, r); err != nil {
				return Case{}, err
			}
		}
	case do == access.Endorse:
		if _, _, err := access.Apply(r, do, who, m, s.Now()); err != nil {
			return Case{}, s.lost(ctx, caller, r, err)
		}
		if err := seen.Terms().Check(read); err != nil {
			return Case{}, err
		}
		if err := s.mayEndorse(ctx, f, caller, r); err != nil {
			return Case{}, err
		}
	case do == access.Decline:
		if _, _, err := access.Apply(r, do, who, m, s.Now()); err != nil {
			return Case{}, s.lost(ctx, caller, r, err)
		}
		if err := seen.Terms().Check(read); err != nil {
			return Case{}, err
		}
	case !leaves(do):
		return Case{}, &access.TransitionError{From: string(r.State), Action: do}
	}
	m.Zone = zone(f.tenant)
	asked := seen.Terms().Digest() // what Canvas was asked about
	var out Case
	err = s.Store.InTx(ctx, func(tx *store.Tx) error {
		if r, err = tx.Request(caller.Tenant, r.ID); err != nil {
			return err
		}
		if do == access.EndSponsor {
			p, err := tx.Person(caller.Tenant, caller.Person)
			if err != nil {
				return err
			}
			m.LostName = p.Name
		}
		after, err := s.moved(tx, who, r, do, m)
		if err != nil {
			return err
		}
		if decides(do) {
			now, err := requestTerms(tx, r)
			if err != nil {
				return err
			}
			if err := now.Check(read); err != nil {
				return err
			}
			if err := now.Check(asked); err != nil {
				return err
			}
		}
		if err := tx.DropKept(caller.Tenant, caller.Person, r.ID, FormDecision); err != nil {
			return err
		}
		if do == access.EndSponsor {
			return nil // who left has no part in it any more
		}
		out, err = s.see(tx, who, after)
		return err
	})
	if err != nil {
		return Case{}, s.lost(ctx, caller, r, err)
	}
	return out, nil
}

// FormDecision names the kept text of a sponsor's or reviewer's panel.
const FormDecision = "decision"

// repeated reports whether who made this very move already and nothing has
// happened since: a double click or a repeated post.
func repeated(r access.Request, do access.Action, who access.PersonID) bool {
	switch do {
	case access.Withdraw:
		return r.State == access.Withdrawn && r.Requester == who
	case access.Endorse:
		return r.State == access.InReview && r.Endorsement().Person == who
	case access.Decline:
		return r.State == access.SponsorDeclined && r.Sponsor == who
	case access.Claim:
		return r.State == access.InReview && r.Claim().Person == who
	case access.Release:
		return r.State == access.InReview && r.Claim().Person == ""
	case access.Approve:
		return (r.State == access.Approved || r.State == access.InReview) && r.Decided(who)
	case access.Deny:
		return r.State == access.Denied && r.Refusal().Person == who
	case access.Rescind:
		return r.State == access.Rescinded && r.EndedBy == who
	}
	return false
}

// lost turns a conflict into what a person is told: where the request stands
// now and who brought it there.
func (s *Service) lost(ctx context.Context, caller access.Caller, r access.Request, err error) error {
	var terms *access.TermsError
	if !errors.Is(err, access.ErrConflict) || errors.As(err, &terms) {
		return err
	}
	l := &Lost{Now: r}
	readErr := s.Store.Read(ctx, func(tx *store.Tx) error {
		var err error
		if l.Now, err = tx.Request(caller.Tenant, r.ID); err != nil {
			return err
		}
		entries, err := tx.AuditOf(caller.Tenant, r.ID)
		if err != nil {
			return err
		}
		for i := len(entries) - 1; i >= 0; i-- {
			if e := entries[i].Event; e.Object == r.ID && e.Version == l.Now.Version {
				if p, err := tx.Person(caller.Tenant, access.PersonID(e.Actor)); err == nil {
					l.Actor = p.Name
				}
				break
			}
		}
		return nil
	})
	if readErr != nil {
		return errors.Join(err, readErr)
	}
	return l
}

// mayEndorse reads from Canvas whether the caller may stand for the
// requester. Where the roster service and REST differ, it refuses.
func (s *Service) mayEndorse(ctx context.Context, f far, caller access.Caller, r access.Request) error {
	requester, err := s.canvasUser(ctx, r.Tenant, r.Requester)
	if err != nil {
		return err
	}
	if err := s.proveIdentity(ctx, f, caller); err != nil {
		return err
	}
	if err := s.sponsors(ctx, f, caller.CanvasUser, requester, r.Course.ID); err != nil {
		return s.unasked(ctx, "whether the sponsor teaches", err)
	}
	return s.rosterAgrees(ctx, f, caller, r.Course.ID, caller.CanvasUser)
}

// canvasUser is the proven Canvas id of a person.
func (s *Service) canvasUser(ctx context.Context, tenant access.TenantID, id access.PersonID) (string, error) {
	var p store.Person
	err := s.Store.Read(ctx, func(tx *store.Tx) error {
		var err error
		p, err = tx.Person(tenant, id)
		return err
	})
	if err == nil && p.CanvasUser == "" {
		err = access.Refuse(access.WhyIdentity)
	}
	return p.CanvasUser, err
}

// proveIdentity asks Canvas again that the launch's subject is the person the
// caller is taken for: its API, or for an older subject of somebody who was
// merged the roster of the caller's course.
func (s *Service) proveIdentity(ctx context.Context, f far, caller access.Caller) error {
	u, err := f.UserByLTI(ctx, caller.Sub)
	if s.heard(f.tenant.ID, err) != nil {
		if notFound(err) {
			u, err = s.pairedByRoster(ctx, f, caller)
		}
		if err != nil {
			return s.unasked(ctx, "who this is", err)
		}
	}
	if u.ID != caller.CanvasUser {
		return access.Refuse(access.WhyIdentity)
	}
	return nil
}

// stillGood reads from Canvas whether a request in review still stands on what
// it was endorsed for. Where it does not, it goes back by itself and the
// reviewer is told (WhySponsorChanged).
func (s *Service) stillGood(ctx context.Context, f far, r access.Request) error {
	lost, err := s.failing(ctx, f, r)
	if err != nil {
		return s.unasked(ctx, "whether the request still stands", err)
	}
	if lost.to == "" {
		return nil
	}
	return s.sendBack(ctx, f, r, lost)
}

// failure is the earliest stage that a request no longer passes.
type failure struct {
	to   access.RequestState
	name string     // the sponsor who no longer qualifies
	why  access.Why // what changed
}

// failing finds the earliest stage that r no longer passes by what Canvas says
// now, or none.
func (s *Service) failing(ctx context.Context, f far, r access.Request) (failure, error) {
	if r.Renews != "" {
		var of access.Grant
		if err := s.Store.Read(ctx, func(tx *store.Tx) (err error) {
			of, err = tx.Grant(r.Tenant, r.Renews)
			return err
		}); err != nil {
			return failure{}, err
		}
		if of.Cause.Distrusted() {
			return failure{to: access.InReview, why: access.WhyRenewedEnded}, nil
		}
	}
	requester, err := s.canvasUser(ctx, r.Tenant, r.Requester)
	if err != nil {
		return failure{}, err
	}
	aff, _, err := s.affiliation(ctx, f, requester)
	if err != nil {
		return failure{}, err
	}
	role, err := s.accountRole(ctx, f, requester)
	if err != nil {
		return failure{}, err
	}
	pol, err := s.limits(ctx, r)
	if err != nil {
		return failure{}, err
	}
	rule, endorsed := pol.For(aff).Rule, r.Endorsement()
	switch {
	case rule == policy.RuleRefuse:
		return failure{to: access.InReview, why: access.WhyRole}, nil
	case role:
		return failure{to: access.InReview, why: access.WhyAccountRole}, nil
	case rule == policy.RuleSponsor && !endorsed.Said():
		return failure{to: access.AwaitingSponsor, why: access.WhySponsorChanged}, nil
	case !endorsed.Said():
		return failure{}, nil
	}
	var sponsor store.Person
	if err := s.Store.Read(ctx, func(tx *store.Tx) error {
		sponsor, err = tx.Person(r.Tenant, endorsed.Person)
		return err
	}); err != nil {
		return failure{}, err
	}
	err = s.sponsors(ctx, f, sponsor.CanvasUser, requester, r.Course.ID)
	switch why := access.WhyOf(err); {
	case err == nil:
		return failure{}, nil
	case why == access.WhyNotTeaching || why == access.WhyNotEnrolled || notFound(err):
		return failure{to: access.AwaitingSponsor, name: sponsor.Name, why: why}, nil
	}
	return failure{}, err
}

// sendBack returns a request to the stage it fails, by the system, and answers
// what the person who was about to go on is told.
func (s *Service) sendBack(ctx context.Context, f far, r access.Request, lost failure) error {
	if r.State == lost.to {
		return access.Refuse(lost.why)
	}
	err := s.Store.InTx(ctx, func(tx *store.Tx) error {
		now, err := tx.Request(r.Tenant, r.ID)
		if err != nil {
			return err
		}
		return s.move(tx, access.SystemActor, now, access.Return, access.Move{To: lost.to, LostName: lost.name, Zone: zone(f.tenant)})
	})
	if err != nil {
		return err
	}
	s.nudge()
	return access.Refuse(access.WhySponsorChanged)
}

// ChooseSponsor names another sponsor for a request that waits for one. An
// earlier sponsor's part ends with it. Naming who is asked already changes
// nothing, and the case says so as Unmoved.
func (s *Service) ChooseSponsor(ctx context.Context, caller access.Caller, id, canvasUser string) (_ Case, err error) {
	defer verbEnded(s.Observer, access.ChooseSponsor, &err)
	ctx, done := s.asking(ctx, caller)
	defer done()
	c, err := s.chooseSponsor(ctx, caller, id, canvasUser)
	if err != nil {
		return Case{}, s.noteRefusal(ctx, caller, id, access.ChooseSponsor, err)
	}
	s.nudge()
	return c, nil
}

func (s *Service) chooseSponsor(ctx context.Context, caller access.Caller, id, key string) (Case, error) {
	f, err := s.far(ctx, caller.Tenant, caller.Platform)
	if err != nil {
		return Case{}, err
	}
	who := caller.Actor()
	var r access.Request
	err = s.Store.Read(ctx, func(tx *store.Tx) error {
		if r, err = findRequest(tx, caller.Tenant, id); err != nil {
			return err
		}
		_, err := s.see(tx, who, r)
		return err
	})
	if err != nil {
		return Case{}, err
	}
	if err := caller.MayWrite(); err != nil {
		return Case{}, err
	}
	if !access.Can(r, access.ChooseSponsor, who) {
		if r.State != access.AwaitingSponsor {
			return Case{}, s.lost(ctx, caller, r, access.ErrConflict)
		}
		return Case{}, access.Refuse(access.WhyNotYours)
	}
	form := &access.FormError{}
	if key == "" {
		form.Add("sponsor", "sponsor.missing", nil)
		return Case{}, form
	}
	u, err := s.namedSponsor(ctx, f, caller, r.Course.ID, key)
	if err != nil {
		code := sponsorCode(err)
		if code == "" {
			return Case{}, err
		}
		form.Add("sponsor", code, nil)
		return Case{}, form
	}
	var out Case
	err = s.Store.InTx(ctx, func(tx *store.Tx) error {
		if r, err = tx.Request(caller.Tenant, r.ID); err != nil {
			return err
		}
		p, err := s.personOf(tx, caller.Tenant, u.ID, u.Name)
		if err != nil {
			return err
		}
		if r.Sponsor == p.ID && r.State == access.AwaitingSponsor {
			out, err = s.see(tx, who, r) // named already
			out.Unmoved = true
			return err
		}
		if err := s.name(tx, caller, p.ID); err != nil {
			return err
		}
		after, err := s.moved(tx, who, r, access.ChooseSponsor, access.Move{Sponsor: p.ID})
		if err != nil {
			return err
		}
		out, err = s.see(tx, who, after)
		return err
	})
	if err != nil {
		return Case{}, s.lost(ctx, caller, r, err)
	}
	return out, nil
}
