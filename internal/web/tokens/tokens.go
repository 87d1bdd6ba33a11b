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

// askRevoke asks before a token is ended.
func (p *Pages) askRevoke(v *ui.Visit) error { return p.confirmRevoke(v, http.StatusOK, "", nil) }

func (p *Pages) confirmRevoke(v *ui.Visit, status int, reason string, refused error) error {
	t, err := p.cases.Token(v.Ctx(), v.Session.Caller, v.ID)
	if err != nil {
		return err
	}
	if !t.Can[access.Revoke] {
		return Show(v, http.StatusOK, t, nil) // it is ending or has ended: the page says so
	}
	var wrong *access.FormError
	errors.As(refused, &wrong)
	return ui.Show(v, status, ui.PageConfirm, nil, func(sh ui.Shell) ui.ConfirmPage {
		if why := access.WhyOf(refused); why != "" {
			sh.Banner = ui.RefusedBanner(sh, why, &t.Case)
		}
		return ui.NewConfirmPage(sh, ui.ConfirmInput{Do: access.Revoke, Case: t.Case, Reason: reason, Errors: wrong})
	})
}

// revoke ends a token. The page says what Canvas was found to say, and no more.
func (p *Pages) revoke(v *ui.Visit) error {
	reason, tooLong := v.Parting("reason")
	if tooLong != nil {
		return p.confirmRevoke(v, ui.StatusOf(tooLong), reason, tooLong)
	}
	t, err := p.tokens.Revoke(v.Ctx(), v.Session.Caller, v.ID, reason)
	switch {
	case err == nil:
		return Show(v, http.StatusOK, t, func(sh ui.Shell) *ui.Banner { return ui.ResultBanner(sh, access.Revoke, t.Case) })
	case ui.IsFormError(err), access.WhyOf(err) != "":
		if p.confirmRevoke(v, ui.StatusOf(err), reason, err) == nil {
			return nil
		}
	case errors.Is(err, access.ErrConflict):
		if p.Open(v) == nil {
			return nil
		}
	}
	return err
}
