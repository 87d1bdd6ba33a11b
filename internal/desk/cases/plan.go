package cases

import (
	"strings"

	"github.com/tokendesk/tokendesk/internal/access"
)

// AsMass is the filter of the command's grammar that selects the same tokens,
// where there is one.
func (q TokenFilter) AsMass() (access.MassFilter, bool) {
	f := access.MassFilter{Role: q.Affiliation, AI: q.AI, Vendor: strings.TrimSpace(q.Vendor), IdleDays: q.IdleDays}
	if q.Status != "" || q.Course != "" || q.Sponsor != "" || strings.TrimSpace(q.Search) != "" || !q.EndsBefore.IsZero() {
		return f, false
	}
	if f == (access.MassFilter{}) {
		f.All = true
	}
	again, err := access.ParseMassFilter(f.String()) // a comma in a name has no place in the grammar
	return f, err == nil && again == f
}
