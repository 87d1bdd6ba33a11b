package massrevoke_test

import (
	"testing"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/desk/massrevoke"
	"github.com/tokendesk/tokendesk/internal/store"
)

// A plan that somebody else's press made anew is another plan, also where it
// has as many tokens as before.
func TestMassRevocationIsOfThePlanThatWasRead(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		ctx := r.T.Context()
		r.ManyGrants(3)
		dana := r.As("dana", access.DoorAccount)
		p, err := r.MassRevoke.Plan(ctx, dana, massrevoke.Choice{})
		if err != nil {
			r.T.Fatal(err)
		}
		read := r.TermsOf(p.ID)
		if err := r.Desk.Store.InTx(ctx, func(tx *store.Tx) error {
			now, err := tx.Mass(r.Tenant, p.ID)
			if err != nil {
				return err
			}
			next := now
			next.Version++
			_, err = tx.ReplanMass(next, massrevoke.Planned(now), r.MassRevoke.MassEvent(now, next, string(dana.Person), "mass.plan"), massrevoke.MassDetail(next, ""))
			return err
		}); err != nil {
			r.T.Fatal(err)
		}
		_, err = r.MassRevoke.Start(ctx, dana, p.ID, "3", "A breach.", read)
		r.Reread("start", err, access.TermsSelection)
		_, err = r.MassRevoke.Start(ctx, dana, p.ID, "3", "A breach.", "")
		r.Reread("nothing read", err)
		if m, err := r.MassRevoke.Open(ctx, dana, p.ID); err != nil || m.State != access.MassPlanned {
			r.T.Errorf("it is %s, %v", m.State, err)
		}
		if m, err := r.MassRevoke.Start(ctx, dana, p.ID, "3", "A breach.", r.TermsOf(p.ID)); err != nil || m.State != access.MassRunning {
			r.T.Errorf("what was read again: %s, %v", m.State, err)
		}
	})
}
