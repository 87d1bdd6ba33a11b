// Package rooms stacks the rooms of the desk on their kernel, each on those below it.
package rooms

import (
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/authority"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/desk/eligibility"
	"github.com/tokendesk/tokendesk/internal/desk/inventory"
	"github.com/tokendesk/tokendesk/internal/desk/leaks"
	"github.com/tokendesk/tokendesk/internal/desk/massrevoke"
	"github.com/tokendesk/tokendesk/internal/desk/notices"
	"github.com/tokendesk/tokendesk/internal/desk/requests"
	"github.com/tokendesk/tokendesk/internal/desk/tokens"
)

// Rooms are the rooms of one running program. The kernel is not among them: nobody
// reaches it through a room.
type Rooms struct {
	Authority   *authority.Authority
	Notices     *notices.Notices
	Cases       *cases.Cases
	Requests    *requests.Requests
	Tokens      *tokens.Tokens
	Leaks       *leaks.Leaks
	Inventory   *inventory.Inventory
	Eligibility *eligibility.Eligibility
	MassRevoke  *massrevoke.MassRevoke
}

// New makes the rooms on a kernel. Each registers its jobs there.
func New(d *desk.Desk) *Rooms {
	r := &Rooms{}
	r.Authority = authority.New(d)
	r.Notices = notices.New(d)
	r.Cases = cases.New(d, r.Authority, r.Notices)
	r.Requests = requests.New(d, r.Authority, r.Notices, r.Cases)
	r.Tokens = tokens.New(d, r.Authority, r.Notices, r.Cases, r.Requests)
	r.Leaks = leaks.New(d, r.Authority, r.Notices, r.Cases, r.Tokens)
	r.Inventory = inventory.New(d, r.Authority, r.Notices, r.Cases, r.Requests, r.Tokens)
	r.Eligibility = eligibility.New(d, r.Authority, r.Notices, r.Requests, r.Tokens)
	r.MassRevoke = massrevoke.New(d, r.Authority, r.Notices, r.Cases, r.Requests)
	return r
}
