// Package inventory has the tokens that the tool did not make: finding them, telling
// their owners, adopting, allowing and removing them.
package inventory

import (
	"time"

	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/authority"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/desk/notices"
	"github.com/tokendesk/tokendesk/internal/desk/requests"
	"github.com/tokendesk/tokendesk/internal/desk/tokens"
	"github.com/tokendesk/tokendesk/internal/jobs"
)

// Inventory is the verbs of found tokens, and the search for them.
type Inventory struct {
	desk      *desk.Desk
	authority *authority.Authority
	notices   *notices.Notices
	cases     *cases.Cases
	requests  *requests.Requests
	tokens    *tokens.Tokens
}

// New makes the room and registers its jobs and what time brings to it.
func New(d *desk.Desk, a *authority.Authority, n *notices.Notices, c *cases.Cases, r *requests.Requests, t *tokens.Tokens) *Inventory {
	iv := &Inventory{desk: d, authority: a, notices: n, cases: c, requests: r, tokens: t}
	d.Records(
		audit.FoundDiscover, audit.FoundTellOwner, audit.FoundAskToKeep, audit.FoundAdopt, audit.FoundAllow, audit.FoundDisallow, audit.FoundReopen,
		audit.FoundRemove, audit.FoundGone, audit.FoundVanish, audit.InventoryStart, audit.InventoryEnd, audit.CampaignStart,
	)
	d.Handle(jobs.Ends, map[string]jobs.Handler{jobRemove: iv.removeHandler})
	d.Handle(jobs.Watching, map[string]jobs.Handler{notices.JobAdopt: iv.adoptHandler})
	d.Handle(jobs.Letters, map[string]jobs.Handler{jobFoundNotice: iv.foundNoticeHandler})
	d.Handle(jobs.Long, map[string]jobs.Handler{JobNightly: iv.nightlyHandler, jobInventory: iv.inventoryHandler, jobOwners: iv.ownersHandler})
	d.Repeat(jobs.Schedule{Kind: JobNightly, Every: time.Hour})
	d.EveryMinute(iv.tickFound)
	return iv
}
