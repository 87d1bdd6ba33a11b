package sponsorships

import (
	"errors"
	"net/http"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/web/ui"
)

// Open is the sponsor's list.
func (p *Pages) Open(v *ui.Visit) error { return p.Show(v, nil) }

// Show is the same with what was just done above it.
func (p *Pages) Show(v *ui.Visit, banner *ui.Banner) error {
	l, err := p.cases.Sponsorships(v.Ctx(), v.Session.Caller, v.Query("after"))
	if errors.Is(err, access.ErrInvalid) { // an address that was changed by hand
		l, err = p.cases.Sponsorships(v.Ctx(), v.Session.Caller, "")
	}
	if err != nil {
		return err
	}
	return ui.Show(v, http.StatusOK, ui.PageSponsorships, banner, func(sh ui.Shell) Page { return NewPage(sh, l) })
}
