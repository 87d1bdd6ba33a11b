// Package massrevoke ends many tokens at once: plan, run, prove, report;
// from a page and by command alike.
package massrevoke

import (
	"time"

	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/authority"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/desk/notices"
	"github.com/tokendesk/tokendesk/internal/desk/requests"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/store"
)

// The jobs of this room.
const (
	jobMass       = "mass.run"    // ends the tokens of a mass revocation, a turn at a time
	jobMassNotice = "mass.notice" // tells one person of it
)

// MassRevoke is the verbs of mass revocations.
type MassRevoke struct {
	desk      *desk.Desk
	authority *authority.Authority
	notices   *notices.Notices
	cases     *cases.Cases
	requests  *requests.Requests
}

// New makes the room and registers its jobs.
func New(d *desk.Desk, a *authority.Authority, n *notices.Notices, c *cases.Cases, r *requests.Requests) *MassRevoke {
	mr := &MassRevoke{desk: d, authority: a, notices: n, cases: c, requests: r}
	d.Records(audit.MassPlan, audit.MassStart, audit.MassFinish)
	d.Handle(jobs.Ends, map[string]jobs.Handler{jobMass: mr.massHandler})
	d.Handle(jobs.Letters, map[string]jobs.Handler{jobMassNotice: mr.massNoticeHandler})
	d.Purge(func(tx *store.Tx, now time.Time) error {
		_, err := tx.PurgeMassPlans(now.Add(-massPlanLife))
		return err
	})
	return mr
}
