// Package home is My API tokens, the page that everybody begins at.
package home

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
	return []ui.View{{Page: ui.PageHome, File: "home/home", Of: Page{}, Tab: &ui.Tab{Label: "nav.home", Href: "/"}}}
}

// Messages implements ui.Room.
func (*Pages) Messages() []string {
	var out []string
	for _, state := range []string{"done", "now", "next"} {
		out = append(out, "step.is_"+state)
	}
	return out
}

// Routes implements ui.Room.
func (p *Pages) Routes(r *ui.Routes) { r.Get("/", p.Open) }
