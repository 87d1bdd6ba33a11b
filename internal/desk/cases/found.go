package cases

import (
	"errors"
	"slices"
	"strings"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/store"
)

// FoundCase is one token that the tool did not make, as a person sees it.
type FoundCase struct {
	access.Found
	Names map[access.PersonID]string
	// Own: it is the caller's token. Reviewer: they decide about it.
	Own, Reviewer bool
	Request       *access.Request // the last one that asks to keep it; another's draft is not shown
	Asked         bool            // that request is open
	Can           map[access.Action]bool
	Policy        policy.Policy // the newest, where Picked answers
}

// FoundFor reads a found token as a caller sees it: its owner's own, or any for a
// reviewer. Anything else is access.ErrNotFound.
func (cs *Cases) FoundFor(tx *store.Tx, caller access.Caller, who access.Actor, id string) (access.Found, error) {
	if !strings.HasPrefix(id, "fnd_") || len(id) > 40 {
		return access.Found{}, access.ErrNotFound
	}
	f, err := tx.Found(caller.Tenant, id)
	if err != nil {
		return access.Found{}, err
	}
	f = WithOwner(f, caller)
	if f.Owner != caller.Person && !who.Reviewer {
		return access.Found{}, access.ErrNotFound
	}
	return f, nil
}

// WithOwner is f with its owner known, when it is of the caller's Canvas user,
// which was proven by API.
func WithOwner(f access.Found, caller access.Caller) access.Found {
	if f.Owner == "" && caller.CanvasUser != "" && f.CanvasUser == caller.CanvasUser {
		f.Owner = caller.Person
	}
	return f
}

// FoundCases builds what who sees of a found token.
func (cs *Cases) FoundCases(tx *store.Tx, caller access.Caller, who access.Actor, fs []access.Found) ([]FoundCase, error) {
	out := make([]FoundCase, len(fs))
	var ids []access.PersonID
	var asked []string
	for _, f := range fs {
		asked = append(asked, f.RequestID)
	}
	requests, err := tx.RequestsByID(caller.Tenant, asked)
	if err != nil {
		return nil, err
	}
	for n, f := range fs {
		f = WithOwner(f, caller)
		c := FoundCase{Found: f, Own: f.Owner == caller.Person, Reviewer: who.Reviewer, Can: map[access.Action]bool{}}
		if r, ok := requests[f.RequestID]; ok && r.State != access.Discarded && (r.State != access.Draft || c.Own) {
			c.Request = &r
		}
		c.Asked = c.Request != nil && c.Request.State.Open()
		for _, do := range []access.Action{access.TellOwner, access.AskToKeep, access.Allow, access.Disallow, access.Remove} {
			c.Can[do] = access.CanFound(f, do, who)
		}
		if f.AccountRole || c.Asked {
			c.Can[access.AskToKeep] = false
		}
		one, two := f.Allowing()
		ids = append(ids, f.Owner, one.Person, two.Person, f.EndedBy)
		out[n] = c
	}
	names, err := namesOf(tx, caller.Tenant, ids)
	if err != nil {
		return nil, err
	}
	for n := range out {
		out[n].Names = names
	}
	return out, nil
}

// navFound counts for the navigation what waits for a decision, and tells when
// somebody last made a token by themselves (docs/decisions.md 26).
func (cs *Cases) navFound(tx *store.Tx, tenant access.TenantID, n *Nav) error {
	var err error
	if n.Unmanaged, err = tx.CountFound(store.FoundQuery{Tenant: tenant, States: []access.FoundState{access.FoundNew}}); err != nil {
		return err
	}
	begun, err := tx.FirstInventory(tenant, store.InventoryDone)
	if errors.Is(err, access.ErrNotFound) {
		return nil
	}
	if err == nil {
		n.SelfMade, err = tx.LastMade(tenant, begun.StartedAt)
	}
	return err
}

// homeFound are a person's own tokens that they were told of, or that are
// being removed.
func (cs *Cases) homeFound(tx *store.Tx, caller access.Caller) ([]FoundCase, error) {
	if caller.CanvasUser == "" {
		return nil, nil
	}
	fs, err := tx.FoundOf(caller.Tenant, caller.CanvasUser, 50)
	if err != nil || len(fs) == 0 {
		return nil, err
	}
	shown, err := cs.FoundCases(tx, caller, caller.Actor(), fs)
	return slices.DeleteFunc(shown, func(c FoundCase) bool { return c.Asked }), err // the request has a card of its own
}
