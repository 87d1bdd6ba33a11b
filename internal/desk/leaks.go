package desk

import (
	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/store"
)

// RefuseOpenLeak refuses (WhyIncident) while an incident of the person is open: until
// it is cleared no token is made for them. Whoever goes on to make one has taken
// LockPerson, so that none is opened in between.
func RefuseOpenLeak(tx *store.Tx, tenant access.TenantID, owner access.PersonID) error {
	n, err := tx.OpenIncidents(tenant, owner)
	if err == nil && n > 0 {
		err = access.Refuse(access.WhyIncident)
	}
	return err
}
