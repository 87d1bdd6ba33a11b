// Package requests has a request's way from the form to its decision: drafts,
// submitting, endorsing, review.
package requests

import (
	"time"

	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/authority"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/desk/notices"
	"github.com/tokendesk/tokendesk/internal/store"
)

// Requests is the verbs of a request.
type Requests struct {
	desk      *desk.Desk
	authority *authority.Authority
	notices   *notices.Notices
	cases     *cases.Cases
}

// textLife is how long text that somebody typed is kept for them, should they be
// signed out.
const textLife = 7 * 24 * time.Hour

// New makes the room and registers what time brings to it.
func New(d *desk.Desk, a *authority.Authority, n *notices.Notices, c *cases.Cases) *Requests {
	rq := &Requests{desk: d, authority: a, notices: n, cases: c}
	d.Records(
		audit.RequestCreate, audit.RequestSubmit, audit.RequestDiscard, audit.RequestWithdraw, audit.RequestEndorse, audit.RequestDecline,
		audit.RequestChooseSponsor, audit.RequestLoseSponsor, audit.RequestClaim, audit.RequestRelease, audit.RequestApprove, audit.RequestDeny,
		audit.RequestRescind, audit.RequestEndSponsor, audit.RequestLapse, audit.RequestReturn, audit.RequestRefile, audit.RequestAdopt,
	)
	d.EveryMinute(rq.TickRequests)
	d.Purge(func(tx *store.Tx, now time.Time) error {
		_, err := tx.PurgeTexts(now.Add(-textLife))
		return err
	})
	return rq
}
