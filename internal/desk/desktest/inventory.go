package desktest

import (
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/desk/inventory"
	"github.com/tokendesk/tokendesk/internal/store"
)

// Checked presses Check now and runs the inventory to its end.
func (r *Rig) Checked() inventory.Unmanaged {
	r.T.Helper()
	if err := r.Inventory.CheckNow(r.T.Context(), r.As("dana", access.DoorAccount)); err != nil {
		r.T.Fatal(err)
	}
	return r.SettledInventory()
}

// SettledInventory lets time pass until no inventory runs.
func (r *Rig) SettledInventory() inventory.Unmanaged {
	r.T.Helper()
	for range 100 {
		r.Drain()
		if l := r.Unmanaged(inventory.FoundFilter{}); l.RunningSince.IsZero() {
			return l
		}
		r.Clock.Advance(time.Minute)
	}
	r.T.Fatalf("the inventory does not end:\n%s", r.Logs)
	return inventory.Unmanaged{}
}

// Unmanaged is the list as Dana sees it.
func (r *Rig) Unmanaged(f inventory.FoundFilter) inventory.Unmanaged {
	r.T.Helper()
	l, err := r.Inventory.Unmanaged(r.T.Context(), r.As("dana", access.DoorAccount), f)
	if err != nil {
		r.T.Fatal(err)
	}
	return l
}

// Made is a token that somebody made in Canvas by themselves.
func (r *Rig) Made(key, purpose string, change ...func(*canvastest.TokenSpec)) canvastest.Token {
	r.T.Helper()
	spec := canvastest.TokenSpec{Purpose: purpose, CreatedAt: r.Clock.Now().AddDate(0, -2, 0), ExpiresAt: r.Clock.Now().AddDate(0, 2, 0)}
	for _, c := range change {
		c(&spec)
	}
	t, _ := r.W.SeedToken(key, spec)
	return t
}

// The is the found token with that purpose.
func (r *Rig) The(purpose string) cases.FoundCase {
	r.T.Helper()
	for _, st := range append([]string{""}, foundStates()...) {
		for _, c := range r.Unmanaged(inventory.FoundFilter{Status: st, Search: purpose}).Rows {
			return c
		}
	}
	r.T.Fatalf("no token %q was found", purpose)
	return cases.FoundCase{}
}

func foundStates() (out []string) {
	for _, s := range access.FoundStates {
		out = append(out, string(s))
	}
	return out
}

// Audit is the tenant's whole log.
func (r *Rig) Audit() (out []audit.Event) {
	r.T.Helper()
	err := r.Desk.Store.Read(r.T.Context(), func(tx *store.Tx) error {
		out = nil
		for {
			var seq int64
			if len(out) > 0 {
				seq = out[len(out)-1].Seq
			}
			page, err := tx.AuditAfter(r.Tenant, seq, 500)
			if err != nil || len(page) == 0 {
				return err
			}
			for _, e := range page {
				out = append(out, e.Event)
			}
		}
	})
	if err != nil {
		r.T.Fatal(err)
	}
	return out
}
