package desktest

import (
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/store"
)

// Happened counts the audit rows of an action.
func (r *Rig) Happened(do audit.Action) (n int) {
	r.T.Helper()
	err := r.Desk.Store.Read(r.T.Context(), func(tx *store.Tx) error {
		for seq := int64(0); ; {
			part, err := tx.AuditAfter(r.Tenant, seq, 500)
			if err != nil || len(part) == 0 {
				return err
			}
			for _, e := range part {
				if seq = e.Event.Seq; e.Event.Action == do {
					n++
				}
			}
		}
	})
	if err != nil {
		r.T.Fatal(err)
	}
	return n
}
