package desk

import (
	"context"
	"errors"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/store"
)

// PolicyOf is the policy that a request is judged by: of the version it was sent
// under, and for one that was not sent the school's newest.
func PolicyOf(tx *store.Tx, r access.Request) (policy.Policy, error) {
	if r.State == access.Draft || r.State == access.Discarded {
		return tx.NewestPolicy(r.Tenant)
	}
	return tx.Policy(r.Tenant, r.PolicyVersion)
}

// LimitsOf is the policy by which a token may be made for a request now: its own
// procedure, with the stricter of its own limits and the newest policy's.
func LimitsOf(tx *store.Tx, r access.Request) (policy.Policy, error) {
	own, err := PolicyOf(tx, r)
	if err != nil {
		return policy.Policy{}, err
	}
	today, err := tx.NewestPolicy(r.Tenant)
	if err != nil {
		return policy.Policy{}, err
	}
	return policy.Stricter(own, today), nil
}

// ReadPolicy reads one policy in a transaction of its own.
func (d *Desk) ReadPolicy(ctx context.Context, read func(tx *store.Tx) (policy.Policy, error)) (p policy.Policy, err error) {
	err = d.Store.Read(ctx, func(tx *store.Tx) error {
		p, err = read(tx)
		return err
	})
	return p, err
}

// NewestPolicy is the policy by which what begins now is judged.
func (d *Desk) NewestPolicy(ctx context.Context, tenant access.TenantID) (policy.Policy, error) {
	return d.ReadPolicy(ctx, func(tx *store.Tx) (policy.Policy, error) { return tx.NewestPolicy(tenant) })
}

// Limits is LimitsOf in a transaction of its own.
func (d *Desk) Limits(ctx context.Context, r access.Request) (policy.Policy, error) {
	return d.ReadPolicy(ctx, func(tx *store.Tx) (policy.Policy, error) { return LimitsOf(tx, r) })
}

// ShownPolicy is a policy for a page. One that cannot be read is logged, and the page
// shows what it shows with a policy that allows nothing: access is removed from
// there, and that needs none.
func (d *Desk) ShownPolicy(p policy.Policy, err error) (policy.Policy, error) {
	var e *store.PolicyError
	if errors.As(err, &e) {
		d.Log.Error("a policy cannot be read; pages allow nothing by it", "tenant", e.Tenant, "version", e.Version, "err", err)
		return policy.Policy{}, nil
	}
	return p, err
}

// ApplyMove makes a move of a request by its policy.
func (d *Desk) ApplyMove(tx *store.Tx, r access.Request, do access.Action, who access.Actor, m access.Move) (access.Request, access.Effect, error) {
	if access.NeedsPolicy(do) && m.Policy.Version == 0 {
		var err error
		if m.Policy, err = PolicyOf(tx, r); err != nil {
			return access.Request{}, access.NoEffect, err
		}
	}
	return access.Apply(r, do, who, m, d.Now())
}
