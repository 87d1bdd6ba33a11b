package desktest

import (
	"runtime"

	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/store"
)

// Accept lets the school accept minting without a list.
func (r *Rig) Accept() {
	r.T.Helper()
	err := r.Desk.Store.InTx(r.T.Context(), func(tx *store.Tx) error {
		t, err := tx.Tenant(r.Tenant)
		if err != nil {
			return err
		}
		t.School.AcceptNoListing = true
		t.Version++
		return tx.SaveTenant(t, r.Desk.Event(r.Tenant, "operator:test", audit.PlatformChange, string(r.Tenant)), nil)
	})
	if err != nil {
		r.T.Fatal(err)
	}
}

// Die runs f until it comes to the named step, where its goroutine ends as a
// killed process would: nothing after the step happens.
func (r *Rig) Die(step string, f func()) bool {
	died := make(chan bool, 1)
	r.Desk.AtStep = func(at string) {
		if at == step {
			died <- true
			<-r.T.Context().Done() // nothing runs behind it, as after kill -9, until the test is over
			runtime.Goexit()
		}
	}
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-died:
		r.Desk.AtStep = nil
		return true
	case <-done:
		r.Desk.AtStep = nil
		return false
	}
}
