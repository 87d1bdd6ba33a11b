package inventory

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/store"
)

// FoundToken is one found token opened by its owner or a reviewer.
func (iv *Inventory) FoundToken(ctx context.Context, caller access.Caller, id string) (FoundPage, error) {
	f, err := iv.desk.CanvasOf(ctx, caller.Tenant, caller.Platform)
	if err != nil {
		return FoundPage{}, err
	}
	who := iv.authority.Viewer(ctx, f, caller)
	var p FoundPage
	err = iv.desk.Store.Read(ctx, func(tx *store.Tx) error {
		t, err := iv.cases.FoundFor(tx, caller, who, id)
		if err != nil {
			return err
		}
		shown, err := iv.cases.FoundCases(tx, caller, who, []access.Found{t})
		if err != nil {
			return err
		}
		p.FoundCase = shown[0]
		p.Story, err = iv.cases.Story(tx, caller.Tenant, t.ID, cases.Case{Names: p.Names, Reviewer: who.Reviewer})
		return err
	})
	return p, err
}

// Picked are the found tokens of these ids that a reviewer may do something
// with, in the list's order, for the page that asks once more.
func (iv *Inventory) Picked(ctx context.Context, caller access.Caller, ids []string) ([]cases.FoundCase, error) {
	who, err := iv.cases.ReviewerViewing(ctx, caller)
	if err != nil {
		return nil, err
	}
	if len(ids) > MaxPicked {
		return nil, access.ErrInvalid
	}
	var out []cases.FoundCase
	err = iv.desk.Store.Read(ctx, func(tx *store.Tx) error {
		fs, err := tx.FoundTokens(store.FoundQuery{Tenant: caller.Tenant, IDs: append([]string{}, ids...), Limit: MaxPicked})
		if err != nil {
			return err
		}
		if out, err = iv.cases.FoundCases(tx, caller, who, fs); err != nil || len(out) == 0 {
			return err
		}
		newest, err := iv.desk.ShownPolicy(tx.NewestPolicy(caller.Tenant))
		if err != nil {
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
func (iv *Inventory) Unmanaged(ctx context.Context, caller access.Caller, q FoundFilter) (Unmanaged, error) {
	who, err := iv.cases.ReviewerViewing(ctx, caller)
	if err != nil {
		return Unmanaged{}, err
	}
	no := false
	fq := store.FoundQuery{Tenant: caller.Tenant, Search: strings.TrimSpace(q.Search), NeverEnds: q.NeverEnds, AccountRole: q.Admins,
		States: []access.FoundState{access.FoundNew, access.FoundTold, access.FoundAllowing, access.FoundRemoving}}
	switch {
	case q.Status == NoAnswer:
		fq.States, fq.DueBefore, fq.Asked = []access.FoundState{access.FoundTold}, iv.desk.Now(), &no
	case q.Status != "" && slices.Contains(access.FoundStates, access.FoundState(q.Status)):
		fq.States = []access.FoundState{access.FoundState(q.Status)}
	case q.Status != "":
		return Unmanaged{}, access.ErrInvalid
	}
	var out Unmanaged
	err = iv.desk.Store.Read(ctx, func(tx *store.Tx) error {
		out = Unmanaged{}
		if out.Total, err = tx.CountFoundTo(fq, cases.MostCounted); err != nil {
			return err
		}
		at, after := desk.SplitCursor(q.After)
		page := fq
		page.After, page.Limit, out.From = store.Cursor(after), cases.PageSize+1, at+1
		fs, err := tx.FoundTokens(page)
		if err != nil {
			return err
		}
		if len(fs) > cases.PageSize {
			fs = fs[:cases.PageSize]
			out.Next = desk.JoinCursor(at+cases.PageSize, string(page.Next(fs[cases.PageSize-1])))
		}
		if out.Rows, err = iv.cases.FoundCases(tx, caller, who, fs); err != nil {
			return err
		}
		if err := inventoryView(tx, caller.Tenant, &out); err != nil {
			return err
		}
		out.Campaigns, err = iv.campaigns(tx, caller.Tenant)
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
