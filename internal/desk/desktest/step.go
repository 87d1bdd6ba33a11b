package desktest

import (
	"errors"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/store"
)

// WantLater demands that a handler wants to be called again after so long.
func WantLater(t *testing.T, err error, after time.Duration) {
	t.Helper()
	var later *jobs.LaterError
	if !errors.As(err, &later) || later.After != after {
		t.Errorf("it says %v, want to come again after %s", err, after)
	}
}

// Events are the tenant's events of an action, each with what it tells.
func (r *Rig) Events(do audit.Action) (out []store.AuditEntry) {
	r.T.Helper()
	if err := r.Desk.Store.Read(r.T.Context(), func(tx *store.Tx) error {
		out = nil
		for seq := int64(0); ; {
			page, err := tx.AuditAfter(r.Tenant, seq, 500)
			if err != nil || len(page) == 0 {
				return err
			}
			for _, e := range page {
				if seq = e.Event.Seq; e.Event.Action == do {
					out = append(out, e)
				}
			}
		}
	}); err != nil {
		r.T.Fatal(err)
	}
	return out
}
