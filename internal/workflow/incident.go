package workflow

import (
	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/store"
)

// noLeak refuses (WhyIncident) while an incident of the person is open: until
// it is cleared no token is made for them. Whoever goes on to make one has taken
// LockPerson, so that none is opened in between.
func noLeak(tx *store.Tx, tenant access.TenantID, owner access.PersonID) error {
	n, err := tx.OpenIncidents(tenant, owner)
	if err == nil && n > 0 {
		err = access.Refuse(access.WhyIncident)
	}
	return err
}

// lastLeaks are the last incident of a request's requester and of its sponsor.
func lastLeaks(tx *store.Tx, r access.Request) ([]access.Incident, error) {
	var out []access.Incident
	for _, p := range compactIDs(r.Requester, r.Sponsor) {
		is, err := tx.Incidents(store.IncidentQuery{Tenant: r.Tenant, Owner: p, Limit: 1})
		if err != nil {
			return nil, err
		}
		out = append(out, is...)
	}
	return out, nil
}
