package notices_test

import (
	"testing"

	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
)

// What was told of tokens that end is not told again, nor written, however many they
// are: a minute that brings nothing says a handful of statements.
func TestAMinuteThatBringsNothing(t *testing.T) {
	t.Parallel()
	storetest.EachHeard(t, func(t *testing.T, st *store.Store, heard *storetest.Statements) {
		r := desktest.NewRig(t, st)
		const many = 120
		g := r.ManyGrants(many)[0]
		r.Clock.Advance(g.EndsAt().AddDate(0, 0, -20).Sub(r.Clock.Now()))
		var ten store.Tenant
		if err := st.Read(t.Context(), func(tx *store.Tx) (err error) {
			ten, err = tx.Tenant(r.Tenant)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		remind := func() int { return len(heard.During(func() { r.Must(r.Notices.Remind(t.Context(), ten)) })) }
		if n := remind(); n < many {
			t.Errorf("%d statements for %d tokens that end", n, many)
		}
		if n := remind(); n > 8 {
			t.Errorf("%d statements when all was told", n)
		}
	})
}
