package workflow

import (
	"net/http"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/store"
)

// force brings a grant to where a test needs it, with an audit row that says so.
func (r *rig) force(id string, change func(*access.Grant)) {
	r.t.Helper()
	if err := r.Store.InTx(r.t.Context(), func(tx *store.Tx) error {
		before, err := tx.Grant(r.tenant, id)
		if err != nil {
			return err
		}
		after := before
		change(&after)
		after.Version++
		e := r.event(r.tenant, access.SystemID, audit.GrantObserved, id)
		e.From, e.To, e.Version = string(before.State), string(after.State), after.Version
		return tx.MoveGrant(after, e, nil)
	}); err != nil {
		r.t.Fatal(err)
	}
}

// use calls Canvas with a token, as its owner's software does.
func (r *rig) use(value string) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, r.cv.InstitutionURL()+"/api/v1/users/self", http.NoBody)
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+value)
	req.Header.Set("User-Agent", "attendance helper")
	resp, err := r.cv.Client().Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		r.t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		r.t.Fatalf("the token does not work: %d", resp.StatusCode)
	}
}
