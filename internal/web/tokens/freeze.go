package tokens

import (
	"errors"
	"net/http"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/web/ui"
)

// askFreeze asks before a token is stopped, and says where this Canvas is known
// not to allow it.
func (p *Pages) askFreeze(v *ui.Visit) error {
	t, err := p.tokens.AskFreeze(v.Ctx(), v.Session.Caller, v.ID)
	switch {
	case access.WhyOf(err) == access.WhyNoFreeze:
		return Show(v, http.StatusOK, t, func(sh ui.Shell) *ui.Banner { return ui.RefusedBanner(sh, access.WhyNoFreeze, &t.Case) })
	case err != nil:
		return err
	}
	return confirm(v, access.Freeze, t, "", nil)
}

// freeze stops a token.
func (p *Pages) freeze(v *ui.Visit) error {
	reason, tooLong := v.Parting("reason")
	var t cases.TokenPage
	var err error
	if tooLong != nil {
		err = tooLong
	} else {
		t, err = p.tokens.Freeze(v.Ctx(), v.Session.Caller, v.ID, reason)
	}
	return p.grantMoved(v, access.Freeze, t, reason, err)
}

// thaw records one of the two voices.
func (p *Pages) thaw(v *ui.Visit) error {
	t, err := p.tokens.Thaw(v.Ctx(), v.Session.Caller, v.ID, v.TermsRead(ui.TermsField))
	return p.grantMoved(v, access.Thaw, t, "", err)
}

// grantMoved answers a freeze or a thaw: the token's page, or the question again
// with the reason above it.
func (p *Pages) grantMoved(v *ui.Visit, do access.Action, t cases.TokenPage, reason string, err error) error {
	switch {
	case err == nil:
		return Show(v, http.StatusOK, t, func(sh ui.Shell) *ui.Banner { return ui.ResultBanner(sh, do, t.Case) })
	case ui.IsFormError(err), access.WhyOf(err) != "", ui.IsTermsError(err):
		t, again := p.cases.Token(v.Ctx(), v.Session.Caller, v.ID)
		if again != nil {
			return err
		}
		if !t.Can[do] && ui.IsTermsError(err) {
			return Show(v, ui.StatusOf(err), t, func(ui.Shell) *ui.Banner { return ui.TermsBanner(err, false) })
		}
		if !t.Can[do] { // what stands in the way belongs above how it stands
			return Show(v, ui.StatusOf(err), t, func(sh ui.Shell) *ui.Banner { return ui.RefusedBanner(sh, access.WhyOf(err), &t.Case) })
		}
		return confirm(v, do, t, reason, err)
	case errors.Is(err, access.ErrConflict):
		return ui.Instead(p.Open(v), err)
	}
	return err
}
