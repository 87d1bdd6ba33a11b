package workflow

import (
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
	"github.com/tokendesk/tokendesk/lti"
)

func sqlite(t *testing.T) *store.Store {
	t.Helper()
	return storetest.Open(t)
}

func actingBy(id string) func(*lti.Launch) {
	return func(l *lti.Launch) { l.Custom[customActing] = lti.CustomValue{Kind: lti.CustomText, Text: id} }
}

// searched looks for a value in every table and every log line. Longer pieces
// of it count too.
func (r *rig) searched(value string) {
	r.t.Helper()
	if len(value) < 20 {
		r.t.Fatalf("%q is no token value", value)
	}
	piece := value[len(value)-20:]
	if strings.Contains(r.logs.String(), piece) {
		r.t.Error("the value is in a log line")
	}
	storetest.Dump(r.t, r.Store, func(table, column, cell string) {
		if strings.Contains(cell, piece) {
			r.t.Errorf("the value is in %s.%s", table, column)
		}
	})
}

// The search finds what is there: without this, the test above could not fail.
func TestSearchFindsWhatIsStored(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		req := r.submitted()
		found := false
		storetest.Dump(r.t, r.Store, func(_, _, cell string) { found = found || strings.Contains(cell, req.Answers.Text("build")) })
		if !found {
			r.t.Error("what was stored is not found")
		}
	})
}
