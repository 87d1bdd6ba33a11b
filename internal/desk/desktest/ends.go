package desktest

import (
	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/store"
)

// Grants are all of the rig's.
func (r *Rig) Grants() []access.Grant {
	r.T.Helper()
	var gs []access.Grant
	if err := r.Desk.Store.Read(r.T.Context(), func(tx *store.Tx) error {
		var err error
		gs, err = tx.Grants(store.GrantQuery{Tenant: r.Tenant, Limit: store.MaxLimit})
		return err
	}); err != nil {
		r.T.Fatal(err)
	}
	return gs
}
