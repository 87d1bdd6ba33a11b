package cases

import (
	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/notices"
	"github.com/tokendesk/tokendesk/internal/store"
)

// lastLeaks are the last incident of a request's requester and of its sponsor.
func lastLeaks(tx *store.Tx, r access.Request) ([]access.Incident, error) {
	var out []access.Incident
	for _, p := range notices.CompactIDs(r.Requester, r.Sponsor) {
		is, err := tx.Incidents(store.IncidentQuery{Tenant: r.Tenant, Owner: p, Limit: 1})
		if err != nil {
			return nil, err
		}
		out = append(out, is...)
	}
	return out, nil
}

// MayReport reports whether who may say of the case's token that it leaked: its
// owner, who stands for it, and reviewers, on ended tokens too. Where nothing
// was ever handed over nothing can have leaked.
func MayReport(c Case, who access.Actor) bool {
	g := c.Grant
	return g != nil && g.State != access.Void && who.Person != "" && (c.Own || g.Sponsor == who.Person || who.Reviewer)
}
