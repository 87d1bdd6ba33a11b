package cases_test

import (
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
)

// A search of all that is stored finds what is there: without this, those that find
// no secret (desktest.Rig.Searched) could not fail.
func TestSearchFindsWhatIsStored(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		req := r.Submitted()
		found := false
		storetest.Dump(r.T, r.Desk.Store, func(_, _, cell string) { found = found || strings.Contains(cell, req.Answers.Text("build")) })
		if !found {
			r.T.Error("what was stored is not found")
		}
	})
}
