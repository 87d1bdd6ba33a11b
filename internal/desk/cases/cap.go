package cases

import (
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/store"
)

// MassesShown is how many mass revocations a list shows.
const MassesShown = 50

// LearnedCap is the longest life that a Canvas was seen to allow, by its refusal
// of a longer one; zero while it refused none. New tokens end a day before it
// (docs/decisions.md 19).
type LearnedCap struct {
	Days int
	At   time.Time // when it was learned
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
