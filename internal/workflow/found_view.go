package workflow

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/store"
)

// foundFor reads a found token as a caller sees it: its owner's own, or any for a
// reviewer. Anything else is access.ErrNotFound.
func (s *Service) foundFor(tx *store.Tx, caller access.Caller, who access.Actor, id string) (access.Found, error) {
	if !strings.HasPrefix(id, "fnd_") || len(id) > 40 {
		return access.Found{}, access.ErrNotFound
	}
	f, err := tx.Found(caller.Tenant, id)
	if err != nil {
		return access.Found{}, err
	}
	f = claimed(f, caller)
	if f.Owner != caller.Person && !who.Reviewer {
		return access.Found{}, access.ErrNotFound
	}
	return f, nil
}

// claimed is f with its owner known, when it is of the caller's Canvas user,
// which was proven by API.
func claimed(f access.Found, caller access.Caller) access.Found {
	if f.Owner == "" && caller.CanvasUser != "" && f.CanvasUser == caller.CanvasUser {
		f.Owner = caller.Person
	}
	return f
}

// foundCases builds what who sees of a found token.
func (s *Service) foundCases(tx *store.Tx, caller access.Caller, who access.Actor, fs []access.Found) ([]FoundCase, error) {
	out := make([]FoundCase, len(fs))
	var ids []access.PersonID
	for n, f := range fs {
		f = claimed(f, caller)
		c := FoundCase{Found: f, Own: f.Owner == caller.Person, Reviewer: who.Reviewer, Can: map[access.Action]bool{}}
		if f.RequestID != "" {
			r, err := tx.Request(f.Tenant, f.RequestID)
			if err != nil && !errors.Is(err, access.ErrNotFound) {
				return nil, err
			}
			if err == nil && r.State != access.Discarded && (r.State != access.Draft || c.Own) {
				c.Request = &r
			}
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
	people, err := tx.People(caller.Tenant, compactIDs(ids...))
	if err != nil {
		return nil, err
	}
	names := map[access.PersonID]string{}
	for id, p := range people {
		names[id] = p.Name
	}
	for n := range out {
		out[n].Names = names
	}
	return out, nil
}

// FoundToken is one found token opened by its owner or a reviewer.
func (s *Service) FoundToken(ctx context.Context, caller access.Caller, id string) (FoundPage, error) {
	f, err := s.far(ctx, caller.Tenant, caller.Platform)
	if err != nil {
		return FoundPage{}, err
	}
	who := s.viewer(ctx, f, caller)
	var p FoundPage
	err = s.Store.Read(ctx, func(tx *store.Tx) error {
		t, err := s.foundFor(tx, caller, who, id)
		if err != nil {
			return err
		}
		cs, err := s.foundCases(tx, caller, who, []access.Found{t})
		if err != nil {
			return err
		}
		p.FoundCase = cs[0]
		p.Story, err = s.story(tx, caller.Tenant, t.ID, Case{Names: p.Names, Reviewer: who.Reviewer})
		return err
	})
	return p, err
}

// Picked are the found tokens of these ids that a reviewer may do something
// with, in the list's order, for the page that asks once more.
func (s *Service) Picked(ctx context.Context, caller access.Caller, ids []string) ([]FoundCase, error) {
	who, err := s.reviewing(ctx, caller)
	if err != nil {
		return nil, err
	}
	if len(ids) > MaxPicked {
		return nil, access.ErrInvalid
	}
	var out []FoundCase
	err = s.Store.Read(ctx, func(tx *store.Tx) error {
		fs, err := tx.FoundTokens(store.FoundQuery{Tenant: caller.Tenant, IDs: append([]string{}, ids...), Limit: MaxPicked})
		if err != nil {
			return err
		}
		if out, err = s.foundCases(tx, caller, who, fs); err != nil || len(out) == 0 {
			return err
		}
		newest, err := tx.NewestPolicy(caller.Tenant)
		if newest, err = s.shown(newest, err); err != nil {
			return err
		}
		for i := range out {
			out[i].Policy = newest
		}
		return nil
	})
	return out, err
}

// MaxPicked is how many found tokens one press can be about.
const MaxPicked = 200

// NoAnswer is the filter for tokens whose owners were told and did not answer.
const NoAnswer = "no_answer"

// Unmanaged is one page of the tokens that the tool did not make, for reviewers.
func (s *Service) Unmanaged(ctx context.Context, caller access.Caller, q FoundFilter) (Unmanaged, error) {
	who, err := s.reviewing(ctx, caller)
	if err != nil {
		return Unmanaged{}, err
	}
	no := false
	fq := store.FoundQuery{Tenant: caller.Tenant, Search: strings.TrimSpace(q.Search), NeverEnds: q.NeverEnds, AccountRole: q.Admins,
		States: []access.FoundState{access.FoundNew, access.FoundTold, access.FoundAllowing, access.FoundRemoving}}
	switch {
	case q.Status == NoAnswer:
		fq.States, fq.DueBefore, fq.Asked = []access.FoundState{access.FoundTold}, s.Now(), &no
	case q.Status != "" && slices.Contains(access.FoundStates, access.FoundState(q.Status)):
		fq.States = []access.FoundState{access.FoundState(q.Status)}
	case q.Status != "":
		return Unmanaged{}, access.ErrInvalid
	}
	var out Unmanaged
	err = s.Store.Read(ctx, func(tx *store.Tx) error {
		out = Unmanaged{}
		if out.Total, err = tx.CountFound(fq); err != nil {
			return err
		}
		at, after := splitCursor(q.After)
		page := fq
		page.After, page.Limit, out.From = store.Cursor(after), pageSize+1, at+1
		fs, err := tx.FoundTokens(page)
		if err != nil {
			return err
		}
		if len(fs) > pageSize {
			fs = fs[:pageSize]
			out.Next = joinCursor(at+pageSize, string(page.Next(fs[pageSize-1])))
		}
		if out.Rows, err = s.foundCases(tx, caller, who, fs); err != nil {
			return err
		}
		if err := inventoryView(tx, caller.Tenant, &out); err != nil {
			return err
		}
		out.Campaigns, err = s.campaigns(tx, caller.Tenant)
		return err
	})
	return out, err
}

// inventoryView tells how the last inventories went.
func inventoryView(tx *store.Tx, tenant access.TenantID, out *Unmanaged) error {
	for state, use := range map[store.InventoryState]func(store.Inventory){
		store.InventoryDone:    func(i store.Inventory) { out.CheckedAt, out.Tokens, out.Ours = i.StartedAt, i.Tokens, i.Ours },
		store.InventoryFailed:  func(i store.Inventory) { out.FailedAt, out.Trouble = i.StartedAt, i.Trouble },
		store.InventoryRunning: func(i store.Inventory) { out.RunningSince = i.StartedAt },
	} {
		i, err := tx.LastInventory(tenant, state)
		switch {
		case err == nil:
			use(i)
		case !errors.Is(err, access.ErrNotFound):
			return err
		}
	}
	if out.FailedAt.Before(out.CheckedAt) {
		out.FailedAt, out.Trouble = time.Time{}, ""
	}
	return nil
}

// navFound counts for the navigation what waits for a decision, and tells when
// somebody last made a token by themselves (docs/decisions.md 26).
func (s *Service) navFound(tx *store.Tx, tenant access.TenantID, n *Nav) error {
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
func (s *Service) homeFound(tx *store.Tx, caller access.Caller) ([]FoundCase, error) {
	if caller.CanvasUser == "" {
		return nil, nil
	}
	fs, err := tx.FoundOf(caller.Tenant, caller.CanvasUser, 50)
	if err != nil || len(fs) == 0 {
		return nil, err
	}
	cs, err := s.foundCases(tx, caller, caller.Actor(), fs)
	return slices.DeleteFunc(cs, func(c FoundCase) bool { return c.Asked }), err // the request has a card of its own
}
