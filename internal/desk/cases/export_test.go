package cases_test

import (
	"os"
	"slices"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
)

// An export of more tokens than are read at a time has every one of them once, in
// the list's order, with what is behind it. The long form has ten thousand; how long
// they take is in its log.
func TestExportMany(t *testing.T) {
	t.Parallel()
	n := 2*cases.ExportPart + 30
	if os.Getenv("TOKENDESK_LONG") != "" {
		n = 10_000
	}
	desktest.Each(t, func(r *desktest.Rig) {
		gs := r.ManyGrants(n)
		dana := r.As("dana", access.DoorAccount)
		for range 3 {
			var got []string
			began := time.Now()
			err := r.Cases.ExportTokens(r.T.Context(), dana, cases.TokenFilter{}, func(c cases.Case) error {
				if c.Request.ID != c.Grant.RequestID || c.Name(c.Grant.Owner) == "" {
					r.T.Errorf("%s has %s behind it, of %q", c.Grant.ID, c.Request.ID, c.Name(c.Grant.Owner))
				}
				got = append(got, c.Grant.ID)
				return nil
			})
			r.T.Logf("%d tokens exported in %s", len(got), time.Since(began).Round(time.Millisecond))
			if err != nil || len(got) != n {
				r.T.Fatalf("%d of %d tokens, %v", len(got), n, err)
			}
			slices.Sort(got)
			for _, g := range gs {
				if _, there := slices.BinarySearch(got, g.ID); !there {
					r.T.Errorf("%s is not in it", g.ID)
				}
			}
		}
	})
}
