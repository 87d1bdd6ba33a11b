// Package leaks has what happens when a token's value got out: report, intake of
// a pasted value, the incident and its clearance.
package leaks

import (
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/authority"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/desk/notices"
	"github.com/tokendesk/tokendesk/internal/desk/tokens"
)

// Leaks is the verbs of incidents.
type Leaks struct {
	desk      *desk.Desk
	authority *authority.Authority
	notices   *notices.Notices
	cases     *cases.Cases
	tokens    *tokens.Tokens
}

// New makes the room.
func New(d *desk.Desk, a *authority.Authority, n *notices.Notices, c *cases.Cases, t *tokens.Tokens) *Leaks {
	d.Records(audit.GrantReportLeak, audit.IncidentOpen, audit.IncidentClear, audit.IncidentSeen, audit.LeakIntake)
	return &Leaks{desk: d, authority: a, notices: n, cases: c, tokens: t}
}
