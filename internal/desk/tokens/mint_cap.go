package tokens

import (
	"context"
	"strconv"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/store"
)

// learnCap stores the longest life Canvas was seen to allow. It only ever
// shortens.
func (co *Collecting) learnCap(ctx context.Context, f desk.Canvas, days int) error {
	return co.desk.Store.InTx(ctx, func(tx *store.Tx) error {
		t, err := tx.Tenant(f.Tenant.ID)
		if err != nil || days < 1 || (t.LearnedCapDays > 0 && t.LearnedCapDays <= days) {
			return err
		}
		t.LearnedCapDays, t.Version = days, t.Version+1
		e := co.desk.Event(t.ID, access.SystemID, audit.CapLearned, string(t.ID))
		return tx.SaveTenant(t, e, audit.NewDetail(map[string]string{"days": strconv.Itoa(days)}))
	})
}
