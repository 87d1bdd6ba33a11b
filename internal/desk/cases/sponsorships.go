package cases

import (
	"context"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/store"
)

// Sponsorships is the list of whom a person stands or is asked to stand for, from a
// place in one of its parts on; "" is the beginning. A place that is in none of
// them is access.ErrInvalid.
func (cs *Cases) Sponsorships(ctx context.Context, caller access.Caller, after string) (Sponsorships, error) {
	var out Sponsorships
	err := cs.desk.Store.Read(ctx, func(tx *store.Tx) error {
		out = Sponsorships{After: after}
		var err error
		if out.WaitingAt.Total, out.StandingAt.Total, err = tx.CountSponsored(caller.Tenant, caller.Person); err != nil {
			return err
		}
		at, place := desk.SplitCursor(after)
		parts := []struct {
			list store.SponsorList
			span *Span
			rows *[]Case
		}{
			{store.SponsorWaiting, &out.WaitingAt, &out.Waiting},
			{store.SponsorStanding, &out.StandingAt, &out.Standing},
			{store.SponsorPast, &out.PastAt, &out.Past},
		}
		found := place == ""
		shown := make([][]store.SponsorRow, len(parts))
		var ids []string
		for i, p := range parts {
			q := store.SponsorQuery{Tenant: caller.Tenant, Sponsor: caller.Person, List: p.list, Limit: PageSize + 1}
			p.span.From = 1
			if place != "" && place[:1] == string(p.list) {
				q.After, p.span.From, found = store.Cursor(place), at+1, true
			}
			rows, err := tx.Sponsored(q)
			if err == nil && len(rows) == 0 && q.After != "" { // what stood there is gone: nothing that waits is hidden behind an empty page
				q.After, p.span.From = "", 1
				rows, err = tx.Sponsored(q)
			}
			if err != nil {
				return err
			}
			if len(rows) > PageSize {
				rows = rows[:PageSize]
				p.span.Next = desk.JoinCursor(p.span.From-1+PageSize, string(q.Next(rows[PageSize-1])))
			}
			for _, r := range rows {
				ids = append(ids, r.Request)
			}
			shown[i] = rows
		}
		if !found {
			return access.ErrInvalid
		}
		behind, err := tx.RequestsByID(caller.Tenant, ids)
		if err != nil {
			return err
		}
		var rs []access.Request
		for _, r := range behind {
			rs = append(rs, r)
		}
		seen, err := cs.seeAll(tx, caller.Actor(), rs)
		if err != nil {
			return err
		}
		by := make(map[string]Case, len(seen))
		for _, c := range seen {
			by[c.Request.ID] = c
		}
		for i, p := range parts {
			for _, r := range shown[i] {
				if c, ok := by[r.Request]; ok {
					*p.rows = append(*p.rows, c)
				}
			}
		}
		return nil
	})
	return out, err
}
