// Package home is My API tokens, the page that everybody begins at.
package home

import (
	"github.com/tokendesk/tokendesk/internal/web/ui"
	"github.com/tokendesk/tokendesk/internal/workflow"
)

// Pages are the pages of this subject.
type Pages struct{ work *workflow.Service }

// New makes the pages of this subject.
func New(work *workflow.Service) *Pages { return &Pages{work: work} }

// Views implements ui.Room.
func (*Pages) Views() []ui.View { return []ui.View{{Page: ui.PageHome, File: "home/home", Of: Page{}}} }

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
