package desktest

import (
	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/store"
)

// OpenLeak opens an incident of a person as its report does, about no token.
func (r *Rig) OpenLeak(owner access.PersonID) {
	r.T.Helper()
	i := access.Incident{ID: store.NewID("inc"), Tenant: r.Tenant, Version: 1, Owner: owner, How: access.LeakByIntake, OpenedAt: r.Clock.Now()}
	e := r.Desk.Event(r.Tenant, access.SystemID, audit.IncidentOpen, i.ID)
	e.To, e.Version = store.IncidentOpened, 1
	if err := r.Desk.Store.InTx(r.T.Context(), func(tx *store.Tx) error {
		if err := tx.LockPerson(r.Tenant, owner); err != nil {
			return err
		}
		return tx.CreateIncident(i, e, nil)
	}); err != nil {
		r.T.Fatal(err)
	}
}
