package web

import (
	"errors"
	"net/http"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/text"
	"github.com/tokendesk/tokendesk/internal/workflow"
)

// query reads a filter from the address, cleaned as everything typed is.
func (v *visit) query(name string) string {
	s, err := text.Clean(v.r.URL.Query().Get(name), maxSearch)
	if err != nil {
		return ""
	}
	return s
}

// sponsorships is the sponsor's list.
func sponsorships(v *visit) error { return v.sponsorships(nil) }

func (v *visit) sponsorships(banner *Banner) error {
	l, err := v.kit.work.Sponsorships(v.ctx(), v.sess.Caller)
	if err != nil {
		return err
	}
	return show(v, http.StatusOK, PageSponsorships, banner, func(sh Shell) SponsorshipsPage { return NewSponsorshipsPage(sh, l) })
}

// queue is the review queue.
func queue(v *visit) error {
	f := workflow.QueueFilter{
		Status: access.RequestState(v.query("status")), Affiliation: policy.Affiliation(v.query("role")),
		Maker: v.query("maker"), AI: v.query("ai"), Search: v.query("q"), After: v.query("after"),
	}
	q, err := v.kit.work.Queue(v.ctx(), v.sess.Caller, f)
	if errors.Is(err, access.ErrInvalid) { // an address that was changed by hand
		f = workflow.QueueFilter{}
		q, err = v.kit.work.Queue(v.ctx(), v.sess.Caller, f)
	}
	if err != nil {
		return err
	}
	return show(v, http.StatusOK, PageQueue, nil, func(sh Shell) QueuePage { return NewQueuePage(sh, q, f) })
}

// openToken is one token's life.
func openToken(v *visit) error {
	t, err := v.kit.work.Token(v.ctx(), v.sess.Caller, v.id)
	if err != nil {
		return err
	}
	return v.token(http.StatusOK, t, nil)
}

func (v *visit) token(status int, t workflow.TokenPage, banner func(Shell) *Banner) error {
	return show(v, status, PageToken, nil, func(sh Shell) TokenPage {
		if banner != nil {
			sh.Banner = banner(sh)
		}
		return NewTokenPage(sh, t)
	})
}

// askRevoke asks before a token is ended.
func askRevoke(v *visit) error { return v.confirmRevoke(http.StatusOK, "", nil) }

func (v *visit) confirmRevoke(status int, reason string, refused error) error {
	t, err := v.kit.work.Token(v.ctx(), v.sess.Caller, v.id)
	if err != nil {
		return err
	}
	if !t.Can[access.Revoke] {
		return v.token(http.StatusOK, t, nil) // it is ending or has ended: the page says so
	}
	var wrong *access.FormError
	errors.As(refused, &wrong)
	return show(v, status, PageConfirm, nil, func(sh Shell) ConfirmPage {
		if why := access.WhyOf(refused); why != "" {
			sh.Banner = RefusedBanner(sh, why, &t.Case)
		}
		return NewConfirmPage(sh, ConfirmInput{Do: access.Revoke, Case: t.Case, Reason: reason, Errors: wrong})
	})
}

// revoke ends a token. The page says what Canvas was found to say, and no more.
func revoke(v *visit) error {
	reason, tooLong := v.parting("reason")
	if tooLong != nil {
		return v.confirmRevoke(statusOf(tooLong), reason, tooLong)
	}
	t, err := v.kit.work.Revoke(v.ctx(), v.sess.Caller, v.id, reason)
	switch {
	case err == nil:
		return v.token(http.StatusOK, t, func(sh Shell) *Banner { return ResultBanner(sh, access.Revoke, t.Case) })
	case isFormError(err), access.WhyOf(err) != "":
		if v.confirmRevoke(statusOf(err), reason, err) == nil {
			return nil
		}
	case errors.Is(err, access.ErrConflict):
		if openToken(v) == nil {
			return nil
		}
	}
	return err
}
