// Package cases has the read models that pages show: one case, home, lists, a story.
// It changes nothing.
package cases

import (
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/authority"
	"github.com/tokendesk/tokendesk/internal/desk/notices"
)

// Cases is what people see of requests and tokens.
type Cases struct {
	desk      *desk.Desk
	authority *authority.Authority
	notices   *notices.Notices
}

// New makes the room.
func New(d *desk.Desk, a *authority.Authority, n *notices.Notices) *Cases {
	return &Cases{desk: d, authority: a, notices: n}
}
