package requests

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/store"
)

// MaxSavedText is how long a saved text may be, in bytes.
const MaxSavedText = 32 << 10

// SaveText keeps what a person typed in a form and has not sent, for 7 days, one
// row per person, object and form (docs/decisions.md 24). Object is a request's id or
// NewObject. Callers who may only look keep nothing.
func (rq *Requests) SaveText(ctx context.Context, caller access.Caller, object, form string, data []byte) (time.Time, error) {
	if err := caller.MayWrite(); err != nil {
		return time.Time{}, err
	}
	if len(data) > MaxSavedText || !json.Valid(data) {
		return time.Time{}, access.ErrInvalid
	}
	data, err := desk.StorableJSON(data)
	if err != nil {
		return time.Time{}, err
	}
	now := rq.desk.Now()
	err = rq.desk.Store.InTx(ctx, func(tx *store.Tx) error {
		id, err := rq.textObject(tx, caller, object)
		if err != nil {
			return err
		}
		return tx.SaveText(store.SavedText{Tenant: caller.Tenant, Person: caller.Person, Object: id, Form: form, Data: data, UpdatedAt: now})
	})
	return now, err
}

// textObject is the id that saved text is stored under. Text can be saved only
// for what the person may see.
func (rq *Requests) textObject(tx *store.Tx, caller access.Caller, object string) (string, error) {
	if object == "" || object == desk.NewObject {
		return desk.NewObject, nil
	}
	r, err := desk.FindRequest(tx, caller.Tenant, object)
	if err != nil {
		return "", err
	}
	if r.Requester != caller.Person && r.Sponsor != caller.Person && !(caller.RootGate && caller.Door == access.DoorAccount) {
		return "", access.ErrNotFound
	}
	return r.ID, nil
}

// SavedText gives back what SaveText keeps, and since when; nil when there is nothing.
func (rq *Requests) SavedText(ctx context.Context, caller access.Caller, object, form string) ([]byte, time.Time, error) {
	var k store.SavedText
	err := rq.desk.Store.Read(ctx, func(tx *store.Tx) error {
		id, err := rq.textObject(tx, caller, object)
		if err != nil {
			return err
		}
		k, err = tx.TextFor(caller.Tenant, caller.Person, id, form)
		return err
	})
	if errors.Is(err, access.ErrNotFound) {
		return nil, time.Time{}, nil
	}
	return k.Data, k.UpdatedAt, err
}

// Questions are what the request form asks the caller's people now.
func (rq *Requests) Questions(ctx context.Context, caller access.Caller) ([]policy.Question, error) {
	pol, err := rq.desk.NewestPolicy(ctx, caller.Tenant)
	return pol.Questions, err
}

// ownDraft is a draft of the caller.
func ownDraft(tx *store.Tx, caller access.Caller, id string) (access.Request, error) {
	r, err := desk.FindRequest(tx, caller.Tenant, id)
	if err != nil {
		return access.Request{}, err
	}
	if r.Requester != caller.Person {
		return access.Request{}, access.ErrNotFound
	}
	if r.State != access.Draft {
		return access.Request{}, &access.TransitionError{From: string(r.State), Action: access.Submit}
	}
	return r, nil
}

// quota tells which of a policy's numbers another request would exceed, one
// that renews the grant given, or none. Who goes on to add one must hold the
// person's lock, so that two at once are counted one after the other.
func (rq *Requests) quota(tx *store.Tx, caller access.Caller, pol policy.Policy, renews string) (access.Why, error) {
	open, err := tx.CountRequests(store.RequestQuery{Tenant: caller.Tenant, Requester: caller.Person, States: desk.OpenStates})
	if err != nil {
		return "", err
	}
	live, err := LiveTokens(tx, caller.Tenant, caller.Person, renews)
	if err != nil {
		return "", err
	}
	switch {
	case open >= pol.Quotas.Open:
		return access.WhyQuotaOpen, nil
	case live >= pol.Quotas.Live:
		return access.WhyQuotaLive, nil
	}
	return "", nil
}

// LiveTokens counts a person's live tokens as access.LiveTokens does.
func LiveTokens(tx *store.Tx, tenant access.TenantID, owner access.PersonID, renewing string) (int, error) {
	gs, err := tx.Grants(store.GrantQuery{Tenant: tenant, Owner: owner, States: desk.LiveStates, Limit: store.MaxLimit})
	return access.LiveTokens(gs, renewing), err
}

// MaxDrafts bounds how many drafts one person may have.
const MaxDrafts = 20

// SaveDraft saves a request that is not sent yet; draftID is "" for a new one.
// It judges nothing that was typed; answers to questions that the school does not
// ask are dropped.
func (rq *Requests) SaveDraft(ctx context.Context, caller access.Caller, draftID string, a access.Answers) (_ access.Request, err error) {
	defer desk.VerbEnded(rq.desk.Observer, access.VerbSaveDraft, &err)
	if err := caller.MayWrite(); err != nil {
		return access.Request{}, rq.desk.RecordRefusal(ctx, caller, draftID, access.Submit, err)
	}
	a = desk.StorableAnswers(a)
	var r access.Request
	err = rq.desk.Store.InTx(ctx, func(tx *store.Tx) error {
		pol, err := tx.NewestPolicy(caller.Tenant)
		if err != nil {
			return err
		}
		a := a.Known(pol.Questions)
		if draftID != "" {
			if r, err = ownDraft(tx, caller, draftID); err != nil {
				return err
			}
			r.Answers, r.UpdatedAt = a, rq.desk.Now()
			if r.Course.ID == "" {
				r.Course = caller.Course
			}
			if err = tx.SaveDraft(r); err != nil {
				return err
			}
			return tx.DropText(caller.Tenant, caller.Person, r.ID, desk.FormRequest)
		}
		r, err = rq.NewDraft(tx, caller, a, Origin{})
		return err
	})
	if err != nil {
		return access.Request{}, err
	}
	return r, nil
}

// Origin is what a draft starts from; zero for a new request.
type Origin struct {
	refiled string        // the request that ended
	Renews  *access.Grant // the token to renew
}

// NewDraft begins a request of the caller, who is locked from here on:
// of many at once each counts those before it.
func (rq *Requests) NewDraft(tx *store.Tx, caller access.Caller, a access.Answers, from Origin) (access.Request, error) {
	if err := tx.LockPerson(caller.Tenant, caller.Person); err != nil {
		return access.Request{}, err
	}
	n, err := tx.CountRequests(store.RequestQuery{Tenant: caller.Tenant, Requester: caller.Person, States: []access.RequestState{access.Draft}})
	if err != nil {
		return access.Request{}, err
	}
	if n >= MaxDrafts {
		return access.Request{}, access.Refuse(access.WhyDrafts)
	}
	now := rq.desk.Now()
	r := access.Request{ID: store.NewID("req"), Tenant: caller.Tenant, Version: 1, State: access.Draft, Requester: caller.Person,
		Course: caller.Course, Answers: a, CreatedAt: now, UpdatedAt: now, RefiledFrom: from.refiled}
	if err := rq.notices.CountBegun(tx, r.Tenant, r.Requester, r.ID); err != nil {
		return access.Request{}, err
	}
	e := rq.desk.Event(r.Tenant, caller.ID(), audit.RequestCreate, r.ID)
	if g := from.Renews; g != nil {
		r.Renews, r.Since, e.Related = g.ID, g.Since, g.ID
	}
	if from.refiled != "" {
		e.Action, e.Related = audit.RequestRefile, from.refiled
	}
	e.To, e.Version = string(r.State), r.Version
	if err := tx.CreateRequest(r, e, nil); err != nil {
		return access.Request{}, err
	}
	return r, tx.DropText(caller.Tenant, caller.Person, desk.NewObject, desk.FormRequest)
}

// DiscardDraft throws a draft away. What was typed in it goes with it.
func (rq *Requests) DiscardDraft(ctx context.Context, caller access.Caller, draftID string) error {
	_, err := desk.Verb(ctx, rq.desk, caller, desk.Guard{Do: access.Discard, Object: draftID}, func(ctx context.Context) (struct{}, error) {
		if err := caller.MayWrite(); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, rq.desk.Store.InTx(ctx, func(tx *store.Tx) error {
			r, err := ownDraft(tx, caller, draftID)
			if err != nil {
				return err
			}
			r.Answers = nil
			return rq.Move(tx, caller.Actor(), r, access.Discard, access.Move{})
		})
	})
	return err
}

// Refile starts a new draft with the answers of a request that was declined, denied or
// timed out, linked to it. Pressing twice gives the same draft. One that asked for
// a renewal still does, while the token can be renewed.
func (rq *Requests) Refile(ctx context.Context, caller access.Caller, id string) (_ access.Request, err error) {
	defer desk.VerbEnded(rq.desk.Observer, access.Refile, &err)
	if err := caller.MayWrite(); err != nil {
		return access.Request{}, rq.desk.RecordRefusal(ctx, caller, id, access.Refile, err)
	}
	var out access.Request
	err = rq.desk.Store.InTx(ctx, func(tx *store.Tx) error {
		r, err := desk.FindRequest(tx, caller.Tenant, id)
		if err != nil {
			return err
		}
		if r.Requester != caller.Person {
			return access.ErrNotFound
		}
		if !access.Can(r, access.Refile, caller.Actor()) {
			return &access.TransitionError{From: string(r.State), Action: access.Refile}
		}
		if err := tx.LockPerson(caller.Tenant, caller.Person); err != nil {
			return err
		}
		drafts, err := tx.Requests(store.RequestQuery{Tenant: caller.Tenant, Requester: caller.Person, States: []access.RequestState{access.Draft}, Limit: MaxDrafts})
		if err != nil {
			return err
		}
		for _, d := range drafts {
			if d.RefiledFrom == r.ID {
				out = d
				return nil
			}
		}
		again := Origin{refiled: r.ID}
		if r.Renews != "" {
			// The same wish, the same bounds: it goes on to renew its token if it can.
			g, err := tx.Grant(caller.Tenant, r.Renews)
			if err != nil {
				return err
			}
			open, found, err := cases.OpenRenewal(tx, g)
			if err != nil || found {
				out = open
				return err
			}
			if why, err := rq.cases.Renewable(tx, g, r.Affiliation); err != nil {
				return err
			} else if why == "" {
				again.Renews = &g
			}
		}
		a := desk.StorableAnswers(r.Answers).Without(policy.KeySponsor, policy.KeyAccepted)
		from := caller
		if r.Course.ID != "" {
			from.Course = r.Course
		}
		out, err = rq.NewDraft(tx, from, a, again)
		return err
	})
	return out, err
}
