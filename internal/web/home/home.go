package home

import (
	"net/http"

	"github.com/tokendesk/tokendesk/internal/web/ui"
)

// Open is My API tokens.
func (p *Pages) Open(v *ui.Visit) error { return p.Show(v, nil) }

// Show is the same with what was just done above it.
func (p *Pages) Show(v *ui.Visit, banner *ui.Banner) error {
	if v.Nav == nil {
		nav := p.cases.Nav(v.Ctx(), v.Session.Caller)
		v.Nav = &nav
	}
	h, err := p.cases.HomeBeside(v.Ctx(), v.Session.Caller, *v.Nav)
	if err != nil {
		return err
	}
	return ui.Show(v, http.StatusOK, ui.PageHome, banner, func(sh ui.Shell) Page { return NewPage(sh, h) })
}
