package desk

import (
	"context"
	"errors"
	"slices"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/store"
)

// PolicyOf is the policy that a request is judged by: of the version it was sent
// under, and for one that was not sent the school's newest.
func PolicyOf(tx *store.Tx, r access.Request) (policy.Policy, error) {
	if unsent(r) {
		return tx.NewestPolicy(r.Tenant)
	}
	return tx.Policy(r.Tenant, r.PolicyVersion)
}

// unsent reports whether a request was never sent, so that no version judges it.
func unsent(r access.Request) bool { return r.State == access.Draft || r.State == access.Discarded }

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

// ShownPolicies is ShownPolicy of PolicyOf for the requests of one school, each
// version read and logged once. A request that was not given has no policy.
func (d *Desk) ShownPolicies(tx *store.Tx, rs []access.Request) (func(access.Request) policy.Policy, error) {
	if len(rs) == 0 {
		return func(access.Request) policy.Policy { return policy.Policy{} }, nil
	}
	tenant := rs[0].Tenant
	var newest policy.Policy
	var versions []int
	for _, r := range rs {
		if !unsent(r) {
			versions = append(versions, r.PolicyVersion)
		}
	}
	if slices.ContainsFunc(rs, unsent) {
		var err error
		if newest, err = d.ShownPolicy(tx.NewestPolicy(tenant)); err != nil {
			return nil, err
		}
	}
	known, bad, err := tx.Policies(tenant, versions)
	if err != nil {
		return nil, err
	}
	for _, e := range bad {
		if _, err := d.ShownPolicy(policy.Policy{}, e); err != nil {
			return nil, err
		}
	}
	return func(r access.Request) policy.Policy {
		if unsent(r) {
			return newest
		}
		return known[r.PolicyVersion]
	}, nil
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
