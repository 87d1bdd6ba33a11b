package cases_test

import (
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/store"
)

// Admins are told, on every replica, that the program's own access to Canvas is
// lost or ends soon; nobody else is.
func TestTheNavigationWarnsAdminsOfTheCredential(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		err := r.Desk.Store.InTx(r.T.Context(), func(tx *store.Tx) error {
			p, err := tx.Platform(r.Plat)
			if err != nil {
				return err
			}
			p.Credential, p.CredentialKind = []byte("sealed"), "token"
			return tx.SavePlatform(p, r.Desk.Event(r.Tenant, "operator:test", audit.PlatformChange, p.ID), nil)
		})
		if err != nil {
			r.T.Fatal(err)
		}
		now := r.Desk.Now()
		soon := now.Add(cases.CredentialWarning).Truncate(time.Microsecond)
		for name, tc := range map[string]struct {
			state store.CredentialState
			want  cases.CredentialTrouble
		}{
			"nothing is known":    {store.CredentialState{}, cases.CredentialTrouble{}},
			"it ends in 30 days":  {store.CredentialState{EndsAt: soon}, cases.CredentialTrouble{EndsAt: soon}},
			"it ends a bit later": {store.CredentialState{EndsAt: soon.Add(time.Second)}, cases.CredentialTrouble{}},
			"it has ended":        {store.CredentialState{EndsAt: now.Add(-time.Hour)}, cases.CredentialTrouble{EndsAt: now.Add(-time.Hour)}},
			"Canvas refuses it":   {store.CredentialState{EndsAt: soon, RefusedAt: now}, cases.CredentialTrouble{RefusedSince: now}},
		} {
			err := r.Desk.Store.InTx(r.T.Context(), func(tx *store.Tx) error {
				p, err := tx.Platform(r.Plat)
				if err != nil {
					return err
				}
				return tx.RecordCredential(p, tc.state)
			})
			if err != nil {
				r.T.Fatal(err)
			}
			got := r.Cases.Nav(r.T.Context(), r.As("dana", access.DoorAccount)).Credential
			if !got.EndsAt.Equal(tc.want.EndsAt) || !got.RefusedSince.Equal(tc.want.RefusedSince) {
				r.T.Errorf("%s: %+v, want %+v", name, got, tc.want)
			}
			if got := r.Cases.Nav(r.T.Context(), r.As("maya", access.DoorCourse)).Credential; got != (cases.CredentialTrouble{}) {
				r.T.Errorf("%s: a student is told %+v", name, got)
			}
		}
	})
}
