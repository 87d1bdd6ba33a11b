package desktest

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/store"
)

// Due takes the jobs of a kind that come due by then; it takes all others too, so
// that nothing runs by itself any more.
func (r *Rig) Due(kind string, by time.Time) (out []jobs.Job) {
	r.T.Helper()
	for {
		claimed, err := r.Desk.Store.ClaimJobs(r.T.Context(), jobs.Claim{Owner: "test", Now: by, Lease: 1000 * time.Hour, Limit: 200, But: true})
		if err != nil {
			r.T.Fatal(err)
		}
		if len(claimed) == 0 {
			slices.SortFunc(out, func(a, b jobs.Job) int { return strings.Compare(a.Key, b.Key) })
			return out
		}
		for _, j := range claimed {
			if j.Kind == kind {
				out = append(out, j)
			}
		}
	}
}

// MustJSON is v as JSON.
func MustJSON(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// SwitchOff switches the tenant's platform off.
func (r *Rig) SwitchOff() {
	r.T.Helper()
	if err := r.Desk.Store.InTx(r.T.Context(), func(tx *store.Tx) error {
		p, err := tx.Platform(r.Plat)
		if err != nil {
			return err
		}
		p.Disabled = true
		return tx.SavePlatform(p, r.Desk.Event(r.Tenant, "operator:test", "platform.change", p.ID), nil)
	}); err != nil {
		r.T.Fatal(err)
	}
}
