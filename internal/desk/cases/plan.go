package cases

import (
	"strings"

	"github.com/tokendesk/tokendesk/internal/access"
)

// AsMass is the filter of the command's grammar that selects the same tokens,
// where there is one. Its company is a part of a name, so with one it may select
// more: whoever uses it compares.
func (q TokenFilter) AsMass() (access.MassFilter, bool) {
	f := access.MassFilter{Role: q.Affiliation, AI: q.AI, Course: strings.TrimSpace(q.Course), Vendor: strings.TrimSpace(q.Vendor), IdleDays: q.IdleDays}
	if q.Status != "" || q.Sponsor != "" || strings.TrimSpace(q.Search) != "" || !q.EndsBefore.IsZero() {
		return f, false
	}
	if f == (access.MassFilter{}) {
		f.All = true
	}
	again, err := access.ParseMassFilter(f.String()) // a comma in a name has no place in the grammar
	return f, err == nil && again == f
}
