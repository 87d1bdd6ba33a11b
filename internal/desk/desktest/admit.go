package desktest

import (
	"github.com/tokendesk/tokendesk/internal/desk/authority"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/lti"
)

// Val is a custom parameter with a value.
func Val(s string) lti.CustomValue { return lti.CustomValue{Kind: lti.CustomText, Text: s} }

// AdminClaims give a launch what a root admin's has.
func AdminClaims(l *lti.Launch) {
	l.Custom[authority.CustomRootAdmin], l.Custom[authority.CustomPermissions] = Val("true"), Val(authority.PermCreate)
}

// School changes the school's lists and words.
func (r *Rig) School(change func(*store.School)) {
	r.T.Helper()
	err := r.Desk.Store.InTx(r.T.Context(), func(tx *store.Tx) error {
		ten, err := tx.Tenant(r.Tenant)
		if err != nil {
			return err
		}
		change(&ten.School)
		ten.Version++
		return tx.SaveTenant(ten, r.Desk.Event(r.Tenant, "operator:test", "platform.change", string(r.Tenant)), nil)
	})
	if err != nil {
		r.T.Fatal(err)
	}
}
