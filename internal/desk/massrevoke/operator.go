package massrevoke

import (
	"context"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/store"
)

// This file is what an operator's command needs beside the verbs that pages call:
// it finds the mass revocation it was stopped at, and works in the foreground.

// operatorHead is how long a running server leaves a mass revocation to the
// command that started it.
const operatorHead = 30 * time.Second

// Unfinished finds a running mass revocation of the caller's school with the
// given filter, the newest; ok is false where there is none. It is for reviewers
// and operators.
func (mr *MassRevoke) Unfinished(ctx context.Context, caller access.Caller, filter access.MassFilter) (p Page, ok bool, err error) {
	if _, err := mr.overMass(ctx, caller, mr.cases.ReviewerViewing); err != nil {
		return Page{}, false, err
	}
	var id string
	err = mr.desk.Store.Read(ctx, func(tx *store.Tx) error {
		ms, err := tx.Masses(caller.Tenant, store.MaxLimit, access.MassRunning)
		for _, m := range ms {
			if m.Filter == filter && id == "" {
				id = m.ID
			}
		}
		return err
	})
	if err != nil || id == "" {
		return Page{}, false, err
	}
	p, err = mr.PageOf(ctx, caller.Tenant, id)
	return p, err == nil, err
}

// The foreground looks this often at how far a mass revocation has come.
const (
	operatorTurn = 3 * time.Second
	operatorWait = 2 * time.Second
)

// Finish works on a running mass revocation until every token of it is proven
// gone, or ctx ends. Where another process works on it, it waits and watches. It
// tells progress of where it stands after every few seconds, with what stands in
// the way, if something does. It is for operators (WhyNotYours).
func (mr *MassRevoke) Finish(ctx context.Context, caller access.Caller, id string, progress func(p Page, trouble error)) (Page, error) {
	if caller.Via != access.ViaOperator {
		return Page{}, access.Refuse(access.WhyNotYours)
	}
	tenant := caller.Tenant
	next := mr.desk.Now()
	for {
		var trouble error
		if !mr.desk.Now().Before(next) {
			var wait time.Duration
			_, wait, trouble = mr.work(ctx, tenant, id, operatorTurn)
			next = mr.desk.Now().Add(wait)
		}
		p, err := mr.PageOf(ctx, tenant, id)
		if err != nil {
			return p, err
		}
		progress(p, trouble)
		if p.State == access.MassDone {
			return p, nil
		}
		pause := time.NewTimer(min(operatorWait, max(next.Sub(mr.desk.Now()), 0)))
		select {
		case <-ctx.Done():
			pause.Stop()
			return p, ctx.Err()
		case <-pause.C:
		}
	}
}
