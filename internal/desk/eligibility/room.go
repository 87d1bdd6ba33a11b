// Package eligibility has what follows when that on which a token or a request rests
// no longer holds: a course, a role, a sponsor or an owner that is gone, accounts
// that were merged. Everybody with something live is looked at once a round, spread
// over it, and after each decision about them.
//
// A look never ends anything by itself. What it finds must be found again by a
// second look, EligibilityAgain later, and both need positive answers: a list read
// to its end, a person found or proven to be deleted, and a credential that Canvas
// confirms may see them. Whatever could not be read changes nothing.
package eligibility

import (
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/authority"
	"github.com/tokendesk/tokendesk/internal/desk/notices"
	"github.com/tokendesk/tokendesk/internal/desk/requests"
	"github.com/tokendesk/tokendesk/internal/desk/tokens"
	"github.com/tokendesk/tokendesk/internal/jobs"
)

// Eligibility checks whether what tokens and requests rest on still holds.
type Eligibility struct {
	desk      *desk.Desk
	authority *authority.Authority
	notices   *notices.Notices
	requests  *requests.Requests
	tokens    *tokens.Tokens
}

// New makes the room, registers its jobs, and has launches follow merges.
func New(d *desk.Desk, a *authority.Authority, n *notices.Notices, r *requests.Requests, t *tokens.Tokens) *Eligibility {
	el := &Eligibility{desk: d, authority: a, notices: n, requests: r, tokens: t}
	d.Records(audit.PersonMerge, audit.GrantFollow)
	d.Handle(jobs.Watching, map[string]jobs.Handler{JobEligibility: el.eligibilityHandler, jobSurvey: el.surveyHandler, desk.JobOwner: el.ownerHandler})
	d.Repeat(jobs.Schedule{Kind: JobEligibility, Every: EligibilitySlot, MakeUp: true})
	a.OnMerge(el.FollowPerson)
	return el
}
