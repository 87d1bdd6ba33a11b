package workflow

import (
	"context"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/store"
)

// This file is the operator's way to mass revocations: from the command line,
// with no launch and no server.

// PlanMassFor makes a plan for an operator, as PlanMass does for a reviewer. A
// filter that selects nothing is a *access.FormError.
func (s *Service) PlanMassFor(ctx context.Context, tenant access.TenantID, filter access.MassFilter, actor string) (MassPage, error) {
	f, err := s.far(ctx, tenant, "")
	if err != nil {
		return MassPage{}, err
	}
	m := s.newMass(tenant, actor)
	m.Filter = filter
	if m, err = s.storePlan(ctx, f, m, store.MassQuery(tenant, filter, m.PlannedAt), ""); err != nil {
		return MassPage{}, err
	}
	return s.massPage(ctx, tenant, m.ID)
}

// operatorHead is how long a running server leaves a mass revocation to the
// command that started it.
const operatorHead = 30 * time.Second

// StartMassFor starts a plan for an operator, who typed the number of its tokens
// and gives a reason. It refuses as StartMass does.
func (s *Service) StartMassFor(ctx context.Context, tenant access.TenantID, id, typed, reason, actor string) (MassPage, error) {
	p, err := s.massPage(ctx, tenant, id)
	if err != nil {
		return MassPage{}, err
	}
	if p.State == access.MassPlanned {
		if err := checkStart(p.Mass, typed, reason); err != nil {
			return MassPage{}, err
		}
		f, err := s.far(ctx, tenant, "")
		if err != nil {
			return MassPage{}, err
		}
		if err := s.startMass(ctx, f, p.Mass, reason, actor, operatorHead); err != nil {
			return MassPage{}, err
		}
	}
	return s.massPage(ctx, tenant, id)
}

// UnfinishedMass finds a running mass revocation of the tenant with the given
// filter, the newest; ok is false where there is none.
func (s *Service) UnfinishedMass(ctx context.Context, tenant access.TenantID, filter access.MassFilter) (p MassPage, ok bool, err error) {
	var id string
	err = s.Store.Read(ctx, func(tx *store.Tx) error {
		ms, err := tx.Masses(tenant, store.MaxLimit, access.MassRunning)
		for _, m := range ms {
			if m.Filter == filter && id == "" {
				id = m.ID
			}
		}
		return err
	})
	if err != nil || id == "" {
		return MassPage{}, false, err
	}
	p, err = s.massPage(ctx, tenant, id)
	return p, err == nil, err
}

// The foreground looks this often at how far a mass revocation has come.
const (
	operatorTurn = 3 * time.Second
	operatorWait = 2 * time.Second
)

// FinishMass works on a running mass revocation until every token of it is proven
// gone, or ctx ends. Where another process works on it, it waits and watches. It
// tells progress of where it stands after every few seconds, with what stands in
// the way, if something does.
func (s *Service) FinishMass(ctx context.Context, tenant access.TenantID, id string, progress func(p MassPage, trouble error)) (MassPage, error) {
	next := s.Now()
	for {
		var trouble error
		if !s.Now().Before(next) {
			var wait time.Duration
			_, wait, trouble = s.workMass(ctx, tenant, id, operatorTurn)
			next = s.Now().Add(wait)
		}
		p, err := s.massPage(ctx, tenant, id)
		if err != nil {
			return p, err
		}
		progress(p, trouble)
		if p.State == access.MassDone {
			return p, nil
		}
		pause := time.NewTimer(min(operatorWait, max(next.Sub(s.Now()), 0)))
		select {
		case <-ctx.Done():
			pause.Stop()
			return p, ctx.Err()
		case <-pause.C:
		}
	}
}
