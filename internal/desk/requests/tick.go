package requests

import (
	"context"
	"errors"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/store"
)

// dueRequests are requests whose time is over, and the move that this makes. keep
// leaves out those of which more has to be asked than the database can tell.
type dueRequests struct {
	state   access.RequestState
	field   store.DueField
	before  time.Time
	do      access.Action
	version int // of the policy they are judged by; 0 for any
	keep    func(access.Request) bool
}

// TickRequests does what a minute brings to the requests of a tenant: sponsors who did
// not answer, approvals not collected, old drafts, claims that free themselves.
func (rq *Requests) TickRequests(ctx context.Context, t store.Tenant) error {
	now := rq.desk.Now()
	all := []dueRequests{
		{state: access.AwaitingSponsor, field: store.DueSponsor, before: now, do: access.Lapse},
		{state: access.Approved, field: store.DueCollect, before: now, do: access.Lapse},
	}
	// What follows needs the policies. One that cannot be read holds up nothing else.
	policyErr := rq.desk.Store.Read(ctx, func(tx *store.Tx) error {
		newest, err := tx.NewestPolicy(t.ID)
		if err != nil {
			return err
		}
		all = append(all[:2], dueRequests{state: access.Draft, field: store.DueUpdate, before: now.Add(-newest.Windows.Draft), do: access.Discard})
		versions, err := tx.PolicyVersions(t.ID, access.InReview)
		if err != nil {
			return err
		}
		for _, v := range versions {
			p, err := tx.Policy(t.ID, v)
			if err != nil {
				return err
			}
			all = append(all, dueRequests{state: access.InReview, field: store.DueClaim, before: now.Add(-p.Windows.Claim), do: access.Release, version: v,
				keep: func(r access.Request) bool { return p.Calendar.Between(r.Claim().At, now, desk.Zone(t)) < 3 }}) // one whole business day has not passed
		}
		return nil
	})
	for _, due := range all {
		if err := rq.tickDue(ctx, t, due); err != nil {
			return errors.Join(err, policyErr)
		}
	}
	return policyErr
}

func (rq *Requests) tickDue(ctx context.Context, t store.Tenant, due dueRequests) error {
	var rs []access.Request
	err := rq.desk.Store.Read(ctx, func(tx *store.Tx) error {
		var err error
		rs, err = tx.Requests(store.RequestQuery{Tenant: t.ID, States: []access.RequestState{due.state}, DueField: due.field, DueBefore: due.before,
			PolicyVersion: due.version, Limit: desk.TickBatch})
		return err
	})
	if err != nil {
		return err
	}
	for _, r := range rs {
		if due.keep != nil && due.keep(r) {
			continue
		}
		err := rq.desk.Store.InTx(ctx, func(tx *store.Tx) error {
			cur, err := desk.RequestAsRead(tx, r)
			if err != nil {
				return err
			}
			if due.do == access.Discard {
				cur.Answers = nil
			}
			return rq.Move(tx, access.SystemActor, cur, due.do, access.Move{})
		})
		if err != nil && !errors.Is(err, access.ErrConflict) {
			return err
		}
	}
	return nil
}
