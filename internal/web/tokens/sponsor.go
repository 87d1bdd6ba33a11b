package tokens

import (
	"errors"
	"net/http"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/text"
	"github.com/tokendesk/tokendesk/internal/web/ui"
)

// renew opens the form of a token's renewal, or the renewal that was sent already.
func (p *Pages) renew(v *ui.Visit) error {
	r, err := p.tokens.Renew(v.Ctx(), v.Session.Caller, v.ID)
	switch {
	case err != nil:
		return p.tokenRefused(v, err)
	case r.State != access.Draft:
		return p.to.Request(v, http.StatusOK, r.ID, nil)
	}
	return p.to.Form(v, r.ID, func(sh ui.Shell) *ui.Banner {
		return ui.ResultBanner(sh, access.Renew, cases.Case{Request: r})
	})
}

// tokenRefused answers a move of a token that was not made: its page with the
// reason above it, or err for the table of errors.
func (p *Pages) tokenRefused(v *ui.Visit, err error) error {
	why := access.WhyOf(err)
	if why == "" && !errors.Is(err, access.ErrConflict) {
		return err
	}
	t, openErr := p.cases.Token(v.Ctx(), v.Session.Caller, v.ID)
	if openErr != nil {
		return err
	}
	status := http.StatusOK // somebody was quicker: the page says how it stands
	if why != "" {
		status = ui.StatusOf(err)
	}
	return Show(v, status, t, func(sh ui.Shell) *ui.Banner {
		if why == "" {
			return nil
		}
		return ui.RefusedBanner(sh, why, &t.Case)
	})
}

// leaveToken ends a sponsorship, or the token because of misuse.
func (p *Pages) leaveToken(do access.Action) ui.Handler {
	return func(v *ui.Visit) error {
		reason, tooLong := v.Parting("reason")
		if tooLong != nil {
			return p.ask(v, do, reason, tooLong)
		}
		act := p.tokens.EndSponsorship
		if do == Misuse {
			act = p.tokens.ReportMisuse
		}
		t, err := act(v.Ctx(), v.Session.Caller, v.ID, reason)
		switch {
		case err == nil:
			shown := do
			if do == Misuse {
				shown = access.Revoke
			}
			return Show(v, http.StatusOK, t, func(sh ui.Shell) *ui.Banner { return ui.ResultBanner(sh, shown, t.Case) })
		case ui.IsFormError(err):
			return ui.Instead(p.ask(v, do, reason, err), err)
		}
		return p.tokenRefused(v, err)
	}
}

// askSponsor is the page to name another sponsor for a token.
func (p *Pages) askSponsor(v *ui.Visit) error { return p.chooseSponsor(v, "", nil) }

func (p *Pages) chooseSponsor(v *ui.Visit, chosen string, refused error) error {
	t, err := p.cases.Token(v.Ctx(), v.Session.Caller, v.ID)
	if err != nil {
		return err
	}
	if !t.Can[access.NameNext] {
		return Show(v, http.StatusOK, t, nil)
	}
	teachers, err := p.tokens.Teachers(v.Ctx(), v.Session.Caller, t.Request.Course.ID)
	if err != nil {
		return err
	}
	return v.ChooseSponsor(refused, chosen, &t.Case, func(sh ui.Shell) ui.SponsorChoice { return SponsorChoice(sh, t.Case, teachers) })
}

// nameSponsor asks another sponsor to take over.
func (p *Pages) nameSponsor(v *ui.Visit) error {
	key, _ := text.Clean(v.R.PostForm.Get("sponsor"), ui.MaxID)
	if v.FindsSponsor() {
		return p.chooseSponsor(v, key, nil)
	}
	t, err := p.tokens.NameSponsor(v.Ctx(), v.Session.Caller, v.ID, key)
	switch {
	case err == nil:
		return Show(v, http.StatusOK, t, func(sh ui.Shell) *ui.Banner { return ui.ResultBanner(sh, access.NameNext, t.Case) })
	case ui.IsFormError(err):
		return ui.Instead(p.chooseSponsor(v, key, err), err)
	}
	return p.tokenRefused(v, err)
}

// takeOver makes who was asked the sponsor of a token.
func (p *Pages) takeOver(v *ui.Visit) error {
	t, err := p.tokens.TakeOver(v.Ctx(), v.Session.Caller, v.ID, v.TermsRead(ui.TermsField))
	if err == nil {
		return Show(v, http.StatusOK, t, func(sh ui.Shell) *ui.Banner { return ui.ResultBanner(sh, access.TakeOver, t.Case) })
	}
	return p.askedRefused(v, err)
}

// askedRefused shows who was asked the request again, where they read what they
// would stand for, with the reason above it.
func (p *Pages) askedRefused(v *ui.Visit, err error) error {
	why := access.WhyOf(err)
	if why == "" && !ui.IsTermsError(err) {
		return p.tokenRefused(v, err)
	}
	t, openErr := p.cases.Token(v.Ctx(), v.Session.Caller, v.ID)
	if openErr != nil {
		return err
	}
	banner := func(sh ui.Shell, c cases.Case) *ui.Banner {
		if b := ui.TermsBanner(err, false); b != nil {
			return b
		}
		return ui.RefusedBanner(sh, why, &c)
	}
	if v.R.PostForm.Has(ui.TermsField) {
		banner = v.ChangedFirst(access.TakeOver, banner, func(c cases.Case) access.Terms { return access.TakeOverTerms(c.Request, *c.Grant) }, false)
	}
	return ui.Instead(p.to.Request(v, ui.StatusOf(err), t.Request.ID, banner), err)
}

// turnDown answers no, and goes back to the list.
func (p *Pages) turnDown(v *ui.Visit) error {
	if err := p.tokens.TurnDown(v.Ctx(), v.Session.Caller, v.ID); err != nil {
		return p.askedRefused(v, err)
	}
	return p.to.Sponsorships(v, ui.ResultBanner(v.Shell(nil), access.TurnDown, cases.Case{}))
}
