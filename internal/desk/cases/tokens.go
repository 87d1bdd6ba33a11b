package cases

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/store"
)

// maxIdleDays bounds the filter's days, as the command's grammar does.
const maxIdleDays = 3650

// Query is what the filter selects in a tenant, soonest end first. It refuses
// values that the page does not offer with access.ErrInvalid.
func (cs *Cases) Query(caller access.Caller, q TokenFilter) (store.GrantQuery, error) {
	if q.IdleDays < 0 || q.IdleDays > maxIdleDays || (q.AI != "" && !slices.Contains(access.AIUses, q.AI)) ||
		!slices.Contains([]policy.Affiliation{"", policy.Student, policy.Faculty, policy.Staff}, q.Affiliation) {
		return store.GrantQuery{}, access.ErrInvalid
	}
	gq := store.GrantQuery{Tenant: caller.Tenant, States: desk.LiveStates, Affiliation: q.Affiliation, AI: q.AI, Course: q.Course, SponsorText: q.Sponsor,
		Company: q.Vendor, Search: strings.TrimSpace(q.Search), EndsBefore: q.EndsBefore, Order: store.Ends}
	if q.IdleDays > 0 {
		gq.UnusedSince = cs.desk.Now().AddDate(0, 0, -q.IdleDays)
	}
	switch {
	case q.Status == AnyEnded:
		gq.States = endedStates
	case q.Status != "":
		if !slices.Contains(access.GrantStates, q.Status) {
			return store.GrantQuery{}, access.ErrInvalid
		}
		gq.States = []access.GrantState{q.Status}
	}
	return gq, nil
}

// endedStates are those of a token that was there and is gone.
var endedStates = []access.GrantState{access.Revoked, access.Expired, access.Unclaimed}

// Targets narrows a query to what a mass revocation may end.
func Targets(gq store.GrantQuery) store.GrantQuery {
	gq.States = slices.DeleteFunc(slices.Clone(gq.States), func(st access.GrantState) bool { return !slices.Contains(access.MassTargets, st) })
	if len(gq.States) == 0 {
		gq.IDs = []string{} // no state at all would select every one
	}
	return gq
}

// Tokens is one page of all tokens, for reviewers.
func (cs *Cases) Tokens(ctx context.Context, caller access.Caller, q TokenFilter) (TokenList, error) {
	who, err := cs.ReviewerViewing(ctx, caller)
	if err != nil {
		return TokenList{}, err
	}
	gq, err := cs.Query(caller, q)
	if err != nil {
		return TokenList{}, err
	}
	var out TokenList
	err = cs.desk.Store.Read(ctx, func(tx *store.Tx) error {
		out = TokenList{}
		// Where more may be ended than are counted, more are shown than are counted, too.
		if out.Targets, err = tx.CountGrantsTo(Targets(gq), MostCounted); err != nil {
			return err
		}
		if out.Total = out.Targets; out.Targets <= MostCounted {
			if out.Total, err = tx.CountGrantsTo(gq, MostCounted); err != nil {
				return err
			}
		}
		if out.Total == 0 {
			ended, err := tx.CountGrantsTo(store.GrantQuery{Tenant: caller.Tenant, States: endedStates, Order: store.Ends}, 0)
			if err != nil {
				return err
			}
			out.Ended = ended > 0
		}
		offers, err := tx.Offers(caller.Tenant)
		if err != nil {
			return err
		}
		out.Offers = Offers(offers)
		masses, err := tx.Masses(caller.Tenant, MassesShown, access.MassRunning, access.MassDone)
		if err != nil {
			return err
		}
		out.Masses = len(masses)
		at, after := desk.SplitCursor(q.After)
		gq.After, out.From = store.Cursor(after), at+1
		gq.Limit, gq.Many = PageSize+1, out.Total > MostCounted
		gs, err := tx.Grants(gq)
		if err != nil {
			return err
		}
		if len(gs) > PageSize {
			gs = gs[:PageSize]
			out.Next = desk.JoinCursor(at+PageSize, string(gq.Next(gs[PageSize-1])))
		}
		if out.Rows, err = cs.SeeGrants(tx, who, gs); err != nil {
			return err
		}
		for _, g := range gs {
			if g.State.Live() && !g.CheckedAt.IsZero() && (out.CheckedAt.IsZero() || g.CheckedAt.Before(out.CheckedAt)) {
				out.CheckedAt = g.CheckedAt
			}
		}
		out.Cap, err = learnedCap(tx, caller.Tenant)
		return err
	})
	return out, err
}

// ExportPart is how many rows of an export are read at a time.
const ExportPart = 500

// ErrStopExport ends an export whose reader has gone.
var ErrStopExport = errors.New("the rows are wanted no more")

// ExportTokens gives every token that a filter selects to row, in the list's
// order. It is for reviewers.
func (cs *Cases) ExportTokens(ctx context.Context, caller access.Caller, q TokenFilter, row func(Case) error) error {
	who, err := cs.ReviewerPressing(ctx, caller)
	if err != nil {
		return err
	}
	gq, err := cs.Query(caller, q)
	if err != nil {
		return err
	}
	gq.Limit = ExportPart
	for {
		var part []Case
		err := cs.desk.Store.Read(ctx, func(tx *store.Tx) error {
			gs, err := tx.Grants(gq)
			if err != nil {
				return err
			}
			part, err = cs.SeeGrants(tx, who, gs)
			return err
		})
		if err != nil {
			return err
		}
		for _, c := range part {
			if err := row(c); err != nil {
				return errors.Join(ErrStopExport, err)
			}
		}
		if len(part) < ExportPart {
			return nil
		}
		gq.After = gq.Next(*part[len(part)-1].Grant)
	}
}
