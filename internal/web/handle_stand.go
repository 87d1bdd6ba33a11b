package web

import (
	"errors"
	"net/http"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/text"
	"github.com/tokendesk/tokendesk/internal/workflow"
)

// renew opens the form of a token's renewal, or the renewal that was sent already.
func renew(v *visit) error {
	r, err := v.kit.work.Renew(v.ctx(), v.sess.Caller, v.id)
	switch {
	case err != nil:
		return v.tokenRefused(err)
	case r.State != access.Draft:
		return v.openRequest(http.StatusOK, r.ID, nil)
	}
	return v.openForm(r.ID, func(sh Shell) *Banner {
		return ResultBanner(sh, access.Renew, workflow.Case{Request: r})
	})
}

// tokenRefused answers a move of a token that was not made: its page with the
// reason above it, or err for the table of errors.
func (v *visit) tokenRefused(err error) error {
	why := access.WhyOf(err)
	if why == "" && !errors.Is(err, access.ErrConflict) {
		return err
	}
	t, openErr := v.kit.work.Token(v.ctx(), v.sess.Caller, v.id)
	if openErr != nil {
		return err
	}
	status := http.StatusOK // somebody was quicker: the page says how it stands
	if why != "" {
		status = statusOf(err)
	}
	return v.token(status, t, func(sh Shell) *Banner {
		if why == "" {
			return nil
		}
		return RefusedBanner(sh, why, &t.Case)
	})
}

// asksToken is the question before a move of a token by its sponsor.
func asksToken(do access.Action) handler {
	return func(v *visit) error { return v.confirmToken(http.StatusOK, do, "", nil) }
}

// Misuse is not a move of its own: a token is revoked, for this cause.
const misuse access.Action = "misuse"

func (v *visit) confirmToken(status int, do access.Action, reason string, refused error) error {
	t, err := v.kit.work.Token(v.ctx(), v.sess.Caller, v.id)
	if err != nil {
		return err
	}
	if !t.Can[access.EndSponsor] {
		return v.token(http.StatusOK, t, nil)
	}
	var wrong *access.FormError
	errors.As(refused, &wrong)
	return show(v, status, PageConfirm, nil, func(sh Shell) ConfirmPage {
		if why := access.WhyOf(refused); why != "" {
			sh.Banner = RefusedBanner(sh, why, &t.Case)
		}
		return NewConfirmPage(sh, ConfirmInput{Do: do, Case: t.Case, Reason: reason, Errors: wrong})
	})
}

// leaveToken ends a sponsorship, or the token because of misuse.
func leaveToken(do access.Action) handler {
	return func(v *visit) error {
		reason, tooLong := v.parting("reason")
		if tooLong != nil {
			return v.confirmToken(statusOf(tooLong), do, reason, tooLong)
		}
		act := v.kit.work.EndSponsorship
		if do == misuse {
			act = v.kit.work.ReportMisuse
		}
		t, err := act(v.ctx(), v.sess.Caller, v.id, reason)
		switch {
		case err == nil:
			shown := do
			if do == misuse {
				shown = access.Revoke
			}
			return v.token(http.StatusOK, t, func(sh Shell) *Banner { return ResultBanner(sh, shown, t.Case) })
		case isFormError(err):
			if v.confirmToken(statusOf(err), do, reason, err) == nil {
				return nil
			}
			return err
		}
		return v.tokenRefused(err)
	}
}

// leaveRequest ends the sponsorship of a request for which no token exists yet,
// and goes back to the list: who left has no part in it any more.
func leaveRequest(v *visit) error {
	c, err := v.kit.work.Open(v.ctx(), v.sess.Caller, v.id)
	if err != nil {
		return err
	}
	reason, wrong := v.parting("reason")
	if wrong != nil {
		var form *access.FormError
		errors.As(wrong, &form)
		return v.confirm(statusOf(wrong), access.EndSponsor, reason, form, nil)
	}
	if _, err := v.kit.work.Act(v.ctx(), v.sess.Caller, v.id, access.EndSponsor, access.Move{Reason: reason}, ""); err != nil {
		return v.moveRefused(access.EndSponsor, PanelInput{Reason: reason}, err)
	}
	return v.sponsorships(ResultBanner(v.shell(nil), access.EndSponsor, c.Case))
}

// askTokenSponsor is the page to name another sponsor for a token.
func askTokenSponsor(v *visit) error {
	query, _ := text.Clean(v.r.URL.Query().Get("q"), maxSearch)
	return v.tokenSponsor(http.StatusOK, TokenSponsorInput{Query: query}, nil)
}

func (v *visit) tokenSponsor(status int, in TokenSponsorInput, refused error) error {
	t, err := v.kit.work.Token(v.ctx(), v.sess.Caller, v.id)
	if err != nil {
		return err
	}
	if !t.Can[access.NameNext] {
		return v.token(http.StatusOK, t, nil)
	}
	in.Token = t
	if in.Teachers, err = v.kit.work.Teachers(v.ctx(), v.sess.Caller, t.Request.Course.ID); err != nil {
		return err
	}
	return show(v, status, PageSponsor, nil, func(sh Shell) SponsorPage {
		if why := access.WhyOf(refused); why != "" {
			sh.Banner = RefusedBanner(sh, why, &t.Case)
		}
		return NewTokenSponsorPage(sh, in)
	})
}

// nameSponsor asks another sponsor to take over.
func nameSponsor(v *visit) error {
	key, _ := text.Clean(v.r.PostForm.Get("sponsor"), maxID)
	t, err := v.kit.work.NameSponsor(v.ctx(), v.sess.Caller, v.id, key)
	var wrong *access.FormError
	switch {
	case err == nil:
		return v.token(http.StatusOK, t, func(sh Shell) *Banner { return ResultBanner(sh, access.NameNext, t.Case) })
	case errors.As(err, &wrong):
		if v.tokenSponsor(statusOf(err), TokenSponsorInput{Chosen: key, Errors: wrong}, nil) == nil {
			return nil
		}
		return err
	}
	return v.tokenRefused(err)
}

// takeOver makes who was asked the sponsor of a token.
func takeOver(v *visit) error {
	t, err := v.kit.work.TakeOver(v.ctx(), v.sess.Caller, v.id, v.read(termsField))
	if err == nil {
		return v.token(http.StatusOK, t, func(sh Shell) *Banner { return ResultBanner(sh, access.TakeOver, t.Case) })
	}
	return v.askedRefused(err)
}

// askedRefused shows who was asked the request again, where they read what they
// would stand for, with the reason above it.
func (v *visit) askedRefused(err error) error {
	why := access.WhyOf(err)
	if why == "" && !isTermsError(err) {
		return v.tokenRefused(err)
	}
	t, openErr := v.kit.work.Token(v.ctx(), v.sess.Caller, v.id)
	if openErr != nil {
		return err
	}
	banner := func(sh Shell, c workflow.Case) *Banner {
		if b := termsBanner(err, false); b != nil {
			return b
		}
		return RefusedBanner(sh, why, &c)
	}
	if v.r.PostForm.Has(termsField) {
		banner = v.changedFirst(access.TakeOver, banner, func(c workflow.Case) access.Terms { return access.TakeOverTerms(c.Request, *c.Grant) }, false)
	}
	if v.openRequest(statusOf(err), t.Request.ID, banner) != nil {
		return err
	}
	return nil
}

// turnDown answers no, and goes back to the list.
func turnDown(v *visit) error {
	if err := v.kit.work.TurnDown(v.ctx(), v.sess.Caller, v.id); err != nil {
		return v.askedRefused(err)
	}
	return v.sponsorships(ResultBanner(v.shell(nil), access.TurnDown, workflow.Case{}))
}
