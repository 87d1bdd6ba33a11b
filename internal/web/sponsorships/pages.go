// Package sponsorships is the sponsor's list.
package sponsorships

import (
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/web/ui"
)

// Pages are the pages of this subject.
type Pages struct {
	cases *cases.Cases
}

// New makes the pages of this subject.
func New(c *cases.Cases) *Pages { return &Pages{cases: c} }

// Views implements ui.Room.
func (*Pages) Views() []ui.View {
	return []ui.View{{Page: ui.PageSponsorships, File: "sponsorships/sponsorships", Of: Page{},
		Tab: &ui.Tab{Label: "nav.sponsorships", Href: path, For: func(n cases.Nav) bool { return n.Sponsor }, Count: func(n cases.Nav) int { return n.Waiting }}}}
}

// Messages implements ui.Room.
func (*Pages) Messages() []string { return nil }

// Routes implements ui.Room.
func (p *Pages) Routes(r *ui.Routes) { r.Get(path, p.Open) }
