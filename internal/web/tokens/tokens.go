package tokens

import (
	"errors"
	"net/http"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/web/ui"
)

// Open is one token's life.
func (p *Pages) Open(v *ui.Visit) error {
	t, err := p.cases.Token(v.Ctx(), v.Session.Caller, v.ID)
	if err != nil {
		return err
	}
	return Show(v, http.StatusOK, t, nil)
}

// Show is the page of a token that was read already, with a banner if there is one.
func Show(v *ui.Visit, status int, t cases.TokenPage, banner func(ui.Shell) *ui.Banner) error {
	return ui.Show(v, status, PageToken, nil, func(sh ui.Shell) Page {
		if banner != nil {
			sh.Banner = banner(sh)
		}
		return NewPage(sh, t)
	})
}

// revoke ends a token. The page says what Canvas was found to say, and no more.
func (p *Pages) revoke(v *ui.Visit) error {
	reason, tooLong := v.Parting("reason")
	if tooLong != nil {
		return p.ask(v, access.Revoke, reason, tooLong)
	}
	t, err := p.tokens.Revoke(v.Ctx(), v.Session.Caller, v.ID, reason)
	switch {
	case err == nil:
		return Show(v, http.StatusOK, t, func(sh ui.Shell) *ui.Banner { return ui.ResultBanner(sh, access.Revoke, t.Case) })
	case ui.IsFormError(err), access.WhyOf(err) != "":
		return ui.Instead(p.ask(v, access.Revoke, reason, err), err)
	case errors.Is(err, access.ErrConflict):
		return ui.Instead(p.Open(v), err)
	}
	return err
}
