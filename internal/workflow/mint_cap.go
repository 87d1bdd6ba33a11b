package workflow

import (
	"context"
	"strconv"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/store"
)

// LearnedCap is the longest life that a Canvas was seen to allow, by its refusal
// of a longer one; zero while it refused none. New tokens end a day before it
// (docs/decisions.md 19).
type LearnedCap struct {
	Days int
	At   time.Time // when it was learned
}

// learnCap stores the longest life Canvas was seen to allow. It only ever
// shortens.
func (s *Service) learnCap(ctx context.Context, f far, days int) error {
	return s.Store.InTx(ctx, func(tx *store.Tx) error {
		t, err := tx.Tenant(f.tenant.ID)
		if err != nil || days < 1 || (t.LearnedCapDays > 0 && t.LearnedCapDays <= days) {
			return err
		}
		t.LearnedCapDays, t.Version = days, t.Version+1
		e := s.event(t.ID, access.SystemID, audit.CapLearned, string(t.ID))
		return tx.SaveTenant(t, e, audit.NewDetail(map[string]string{"days": strconv.Itoa(days)}))
	})
}

// learnedCap reads what was learned of a tenant's Canvas, and when.
func learnedCap(tx *store.Tx, tenant access.TenantID) (LearnedCap, error) {
	t, err := tx.Tenant(tenant)
	if err != nil || t.LearnedCapDays == 0 {
		return LearnedCap{}, err
	}
	c := LearnedCap{Days: t.LearnedCapDays}
	entries, err := tx.AuditOf(tenant, string(tenant))
	for _, e := range entries {
		if e.Event.Action == audit.CapLearned {
			c.At = e.Event.At
		}
	}
	return c, err
}
