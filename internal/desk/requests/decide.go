package requests

import (
	"context"
	"errors"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
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
// not those that were read, or a *cases.Lost when somebody else was quicker. Repeating
// a move that this person has made already returns the request as it is, without
// error.
func (rq *Requests) Act(ctx context.Context, caller access.Caller, id string, do access.Action, m access.Move, read string) (cases.Case, error) {
	return desk.Verb(ctx, rq.desk, caller, desk.Guard{Do: do, Object: id, Asks: !leaves(do)}, func(ctx context.Context) (cases.Case, error) {
		m, err := desk.TypedMove(do, m)
		if err != nil {
			return cases.Case{}, err
		}
		return rq.act(ctx, caller, id, do, m, read)
	})
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

func (rq *Requests) act(ctx context.Context, caller access.Caller, id string, do access.Action, m access.Move, read string) (cases.Case, error) {
	f, err := rq.desk.CanvasOf(ctx, caller.Tenant, caller.Platform)
	if err != nil {
		return cases.Case{}, err
	}
	who := rq.authority.Viewer(ctx, f, caller)
	var r access.Request
	var seen cases.Case
	err = rq.desk.Store.Read(ctx, func(tx *store.Tx) error {
		if r, err = desk.FindRequest(tx, caller.Tenant, id); err != nil {
			return err
		}
		seen, err = rq.cases.ReadCase(tx, who, r)
		return err
	})
	if err != nil {
		return cases.Case{}, err
	}
	if err := caller.MayWrite(); err != nil {
		return cases.Case{}, err
	}
	if repeated(r, do, who.Person) {
		return seen, nil
	}
	m.Policy = seen.Policy
	switch {
	case reviewVerb(do):
		// A pure check of the table first: a conflict or a missing reason is
		// answered without asking Canvas.
		if _, _, err := access.Apply(r, do, who, m, rq.desk.Now()); err != nil && who.Reviewer {
			return cases.Case{}, rq.lost(ctx, caller, r, err)
		}
		if decides(do) && who.Reviewer { // whoever is none is told that
			if err := seen.Terms().Check(read); err != nil {
				return cases.Case{}, err
			}
		}
		if who, err = rq.authority.Decider(ctx, f, caller); err != nil {
			return cases.Case{}, err
		}
		if do == access.Approve {
			if err := rq.stillGood(ctx, f, r); err != nil {
				return cases.Case{}, err
			}
		}
	case do == access.Endorse:
		if _, _, err := access.Apply(r, do, who, m, rq.desk.Now()); err != nil {
			return cases.Case{}, rq.lost(ctx, caller, r, err)
		}
		if err := seen.Terms().Check(read); err != nil {
			return cases.Case{}, err
		}
		if err := rq.MayEndorse(ctx, f, caller, r); err != nil {
			return cases.Case{}, err
		}
	case do == access.Decline:
		if _, _, err := access.Apply(r, do, who, m, rq.desk.Now()); err != nil {
			return cases.Case{}, rq.lost(ctx, caller, r, err)
		}
		if err := seen.Terms().Check(read); err != nil {
			return cases.Case{}, err
		}
	case !leaves(do):
		return cases.Case{}, &access.TransitionError{From: string(r.State), Action: do}
	}
	m.Zone = desk.Zone(f.Tenant)
	asked := seen.Terms().Digest() // what Canvas was asked about
	var out cases.Case
	err = rq.desk.Store.InTx(ctx, func(tx *store.Tx) error {
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
		after, err := rq.moved(tx, who, r, do, m)
		if err != nil {
			return err
		}
		if decides(do) {
			now, err := cases.RequestTerms(tx, r)
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
		if err := tx.DropText(caller.Tenant, caller.Person, r.ID, FormDecision); err != nil {
			return err
		}
		if do == access.EndSponsor {
			return nil // who left has no part in it any more
		}
		out, err = rq.cases.ReadCase(tx, who, after)
		return err
	})
	if err != nil {
		return cases.Case{}, rq.lost(ctx, caller, r, err)
	}
	return out, nil
}

// FormDecision names the saved text of a sponsor's or reviewer's panel.
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
func (rq *Requests) lost(ctx context.Context, caller access.Caller, r access.Request, err error) error {
	var terms *access.TermsError
	if !errors.Is(err, access.ErrConflict) || errors.As(err, &terms) {
		return err
	}
	l := &cases.Lost{Now: r}
	readErr := rq.desk.Store.Read(ctx, func(tx *store.Tx) error {
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

// MayEndorse reads from Canvas whether the caller may stand for the
// requester. Where the roster service and REST differ, it refuses.
func (rq *Requests) MayEndorse(ctx context.Context, f desk.Canvas, caller access.Caller, r access.Request) error {
	requester, err := rq.canvasUser(ctx, r.Tenant, r.Requester)
	if err != nil {
		return err
	}
	if err := rq.ProveIdentity(ctx, f, caller); err != nil {
		return err
	}
	if err := rq.authority.CheckSponsor(ctx, f, caller.CanvasUser, requester, r.Course.ID); err != nil {
		return rq.desk.RefuseUnasked(ctx, "whether the sponsor teaches", err)
	}
	return rq.authority.RosterAgrees(ctx, f, caller, r.Course.ID, caller.CanvasUser)
}

// canvasUser is the proven Canvas id of a person.
func (rq *Requests) canvasUser(ctx context.Context, tenant access.TenantID, id access.PersonID) (string, error) {
	var p store.Person
	err := rq.desk.Store.Read(ctx, func(tx *store.Tx) error {
		var err error
		p, err = tx.Person(tenant, id)
		return err
	})
	if err == nil && p.CanvasUser == "" {
		err = access.Refuse(access.WhyIdentity)
	}
	return p.CanvasUser, err
}

// ProveIdentity asks Canvas again that the launch's subject is the person the
// caller is taken for: its API, or for an older subject of somebody who was
// merged the roster of the caller's course.
func (rq *Requests) ProveIdentity(ctx context.Context, f desk.Canvas, caller access.Caller) error {
	u, err := f.UserByLTI(ctx, caller.Sub)
	if rq.desk.TrackAnswer(f.Tenant.ID, err) != nil {
		if desk.NotFound(err) {
			u, err = rq.authority.PairedByRoster(ctx, f, caller)
		}
		if err != nil {
			return rq.desk.RefuseUnasked(ctx, "who this is", err)
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
func (rq *Requests) stillGood(ctx context.Context, f desk.Canvas, r access.Request) error {
	lost, err := rq.Failing(ctx, f, r)
	if err != nil {
		return rq.desk.RefuseUnasked(ctx, "whether the request still stands", err)
	}
	if lost.To == "" {
		return nil
	}
	return rq.SendBack(ctx, f, r, lost)
}

// Failure is the earliest stage that a request no longer passes.
type Failure struct {
	To    access.RequestState
	Field string     // the sponsor who no longer qualifies
	Why   access.Why // what changed
}

// Failing finds the earliest stage that r no longer passes by what Canvas says
// now, or none.
func (rq *Requests) Failing(ctx context.Context, f desk.Canvas, r access.Request) (Failure, error) {
	if r.Renews != "" {
		var of access.Grant
		if err := rq.desk.Store.Read(ctx, func(tx *store.Tx) (err error) {
			of, err = tx.Grant(r.Tenant, r.Renews)
			return err
		}); err != nil {
			return Failure{}, err
		}
		if of.Cause.Distrusted() {
			return Failure{To: access.InReview, Why: access.WhyRenewedEnded}, nil
		}
	}
	requester, err := rq.canvasUser(ctx, r.Tenant, r.Requester)
	if err != nil {
		return Failure{}, err
	}
	aff, _, err := rq.authority.Affiliation(ctx, f, requester)
	if err != nil {
		return Failure{}, err
	}
	role, err := rq.authority.AccountRole(ctx, f, requester)
	if err != nil {
		return Failure{}, err
	}
	pol, err := rq.desk.Limits(ctx, r)
	if err != nil {
		return Failure{}, err
	}
	rule, endorsed := pol.For(aff).Rule, r.Endorsement()
	switch {
	case rule == policy.RuleRefuse:
		return Failure{To: access.InReview, Why: access.WhyRole}, nil
	case role:
		return Failure{To: access.InReview, Why: access.WhyAccountRole}, nil
	case rule == policy.RuleSponsor && !endorsed.Said():
		return Failure{To: access.AwaitingSponsor, Why: access.WhySponsorChanged}, nil
	case !endorsed.Said():
		return Failure{}, nil
	}
	var sponsor store.Person
	if err := rq.desk.Store.Read(ctx, func(tx *store.Tx) error {
		sponsor, err = tx.Person(r.Tenant, endorsed.Person)
		return err
	}); err != nil {
		return Failure{}, err
	}
	err = rq.authority.CheckSponsor(ctx, f, sponsor.CanvasUser, requester, r.Course.ID)
	switch why := access.WhyOf(err); {
	case err == nil:
		return Failure{}, nil
	case why == access.WhyNotTeaching || why == access.WhyNotEnrolled || desk.NotFound(err):
		return Failure{To: access.AwaitingSponsor, Field: sponsor.Name, Why: why}, nil
	}
	return Failure{}, err
}

// SendBack returns a request to the stage it fails, by the system, and answers
// what the person who was about to go on is told.
func (rq *Requests) SendBack(ctx context.Context, f desk.Canvas, r access.Request, lost Failure) error {
	if r.State == lost.To {
		return access.Refuse(lost.Why)
	}
	err := rq.desk.Store.InTx(ctx, func(tx *store.Tx) error {
		now, err := tx.Request(r.Tenant, r.ID)
		if err != nil {
			return err
		}
		return rq.Move(tx, access.SystemActor, now, access.Return, access.Move{To: lost.To, LostName: lost.Field, Zone: desk.Zone(f.Tenant)})
	})
	if err != nil {
		return err
	}
	rq.desk.Wake()
	return access.Refuse(access.WhySponsorChanged)
}

// ChooseSponsor names another sponsor for a request that waits for one. An
// earlier sponsor's part ends with it. Naming who is asked already changes
// nothing, and the case says so as Unmoved.
func (rq *Requests) ChooseSponsor(ctx context.Context, caller access.Caller, id, canvasUser string) (cases.Case, error) {
	guard := desk.Guard{Do: access.ChooseSponsor, Object: id, Asks: true}
	return desk.Verb(ctx, rq.desk, caller, guard, func(ctx context.Context) (cases.Case, error) {
		return rq.chooseSponsor(ctx, caller, id, canvasUser)
	})
}

func (rq *Requests) chooseSponsor(ctx context.Context, caller access.Caller, id, key string) (cases.Case, error) {
	f, err := rq.desk.CanvasOf(ctx, caller.Tenant, caller.Platform)
	if err != nil {
		return cases.Case{}, err
	}
	who := caller.Actor()
	var r access.Request
	err = rq.desk.Store.Read(ctx, func(tx *store.Tx) error {
		if r, err = desk.FindRequest(tx, caller.Tenant, id); err != nil {
			return err
		}
		_, err := rq.cases.ReadCase(tx, who, r)
		return err
	})
	if err != nil {
		return cases.Case{}, err
	}
	if err := caller.MayWrite(); err != nil {
		return cases.Case{}, err
	}
	if !access.Can(r, access.ChooseSponsor, who) {
		if r.State != access.AwaitingSponsor {
			return cases.Case{}, rq.lost(ctx, caller, r, access.ErrConflict)
		}
		return cases.Case{}, access.Refuse(access.WhyNotYours)
	}
	form := &access.FormError{}
	if key == "" {
		form.Add("sponsor", "sponsor.missing", nil)
		return cases.Case{}, form
	}
	u, err := rq.NamedSponsor(ctx, f, caller, r.Course.ID, key)
	if err != nil {
		code := SponsorCode(err)
		if code == "" {
			return cases.Case{}, err
		}
		form.Add("sponsor", code, nil)
		return cases.Case{}, form
	}
	var out cases.Case
	err = rq.desk.Store.InTx(ctx, func(tx *store.Tx) error {
		if r, err = tx.Request(caller.Tenant, r.ID); err != nil {
			return err
		}
		p, err := rq.authority.PersonOf(tx, caller.Tenant, u.ID, u.Name)
		if err != nil {
			return err
		}
		if r.Sponsor == p.ID && r.State == access.AwaitingSponsor {
			out, err = rq.cases.ReadCase(tx, who, r) // named already
			out.Unmoved = true
			return err
		}
		if err := rq.notices.CountNamed(tx, caller, p.ID); err != nil {
			return err
		}
		after, err := rq.moved(tx, who, r, access.ChooseSponsor, access.Move{Sponsor: p.ID})
		if err != nil {
			return err
		}
		out, err = rq.cases.ReadCase(tx, who, after)
		return err
	})
	if err != nil {
		return cases.Case{}, rq.lost(ctx, caller, r, err)
	}
	return out, nil
}

// SponsorCode is the correction that a refused sponsor asks for, or "".
func SponsorCode(err error) string {
	return map[access.Why]string{access.WhySelf: "sponsor.self", access.WhyNotTeaching: "sponsor.not_teaching", access.WhyCanvas: "sponsor.unknown"}[access.WhyOf(err)]
}
