package workflow

import (
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/store"
)

// Admins are told, on every replica, that the program's own access to Canvas is
// lost or ends soon; nobody else is.
func TestTheNavigationWarnsAdminsOfTheCredential(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		err := r.Store.InTx(r.t.Context(), func(tx *store.Tx) error {
			p, err := tx.Platform(r.plat)
			if err != nil {
				return err
			}
			p.Credential, p.CredentialKind = []byte("sealed"), "token"
			return tx.SavePlatform(p, r.event(r.tenant, "operator:test", audit.PlatformChange, p.ID), nil)
		})
		if err != nil {
			r.t.Fatal(err)
		}
		now := r.Now()
		soon := now.Add(CredentialWarning).Truncate(time.Microsecond)
		for name, tc := range map[string]struct {
			state store.CredentialState
			want  CredentialTrouble
		}{
			"nothing is known":    {store.CredentialState{}, CredentialTrouble{}},
			"it ends in 30 days":  {store.CredentialState{EndsAt: soon}, CredentialTrouble{EndsAt: soon}},
			"it ends a bit later": {store.CredentialState{EndsAt: soon.Add(time.Second)}, CredentialTrouble{}},
			"it has ended":        {store.CredentialState{EndsAt: now.Add(-time.Hour)}, CredentialTrouble{EndsAt: now.Add(-time.Hour)}},
			"Canvas refuses it":   {store.CredentialState{EndsAt: soon, RefusedAt: now}, CredentialTrouble{RefusedSince: now}},
		} {
			err := r.Store.InTx(r.t.Context(), func(tx *store.Tx) error {
				p, err := tx.Platform(r.plat)
				if err != nil {
					return err
				}
				return tx.NoteCredential(p, tc.state)
			})
			if err != nil {
				r.t.Fatal(err)
			}
			got := r.Nav(r.t.Context(), r.as("dana", access.DoorAccount)).Credential
			if !got.EndsAt.Equal(tc.want.EndsAt) || !got.RefusedSince.Equal(tc.want.RefusedSince) {
				r.t.Errorf("%s: %+v, want %+v", name, got, tc.want)
			}
			if got := r.Nav(r.t.Context(), r.as("maya", access.DoorCourse)).Credential; got != (CredentialTrouble{}) {
				r.t.Errorf("%s: a student is told %+v", name, got)
			}
		}
	})
}
