// Package review is the queue of those who review requests.
package review

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
	return []ui.View{{Page: ui.PageQueue, File: "review/queue", Of: Page{},
		Tab: &ui.Tab{Label: "nav.queue", Href: "/queue", For: ui.ForReviewers, Count: func(n cases.Nav) int { return n.Queue }}}}
}

// Messages implements ui.Room.
func (*Pages) Messages() []string {
	var out []string
	for _, st := range queueStatuses {
		out = append(out, stateKey(st))
	}
	return out
}

// Routes implements ui.Room.
//
//	GET  /queue?status=&role=&maker=&ai=&q=&after=
func (p *Pages) Routes(r *ui.Routes) { r.Get("/queue", p.Open) }
