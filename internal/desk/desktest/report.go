package desktest

import (
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/store"
)

// Incidents are all of the tenant, newest first.
func (r *Rig) Incidents(tenant access.TenantID) (out []access.Incident) {
	r.T.Helper()
	if err := r.Desk.Store.Read(r.T.Context(), func(tx *store.Tx) error {
		var err error
		out, err = tx.Incidents(store.IncidentQuery{Tenant: tenant})
		return err
	}); err != nil {
		r.T.Fatal(err)
	}
	return out
}

// Older is the caller by a launch that is too old to decide by.
func Older(s access.Caller) access.Caller {
	s.LaunchedAt = s.LaunchedAt.Add(-7 * time.Hour)
	return s
}
