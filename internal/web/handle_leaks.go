package web

import (
	"errors"
	"net/http"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/workflow"
)

// askLeak asks before a token is deleted as leaked; after the report it says how
// that stands.
func askLeak(v *visit) error { return v.confirmLeak(http.StatusOK, nil) }

func (v *visit) confirmLeak(status int, refused error) error {
	t, err := v.kit.work.Token(v.ctx(), v.sess.Caller, v.id)
	if err != nil {
		return err
	}
	switch {
	case t.LeakOpen():
		return v.leakReported(status, ReportedInput{Token: t}, nil)
	case !t.Can[access.ReportLeak]:
		return v.token(http.StatusOK, t, nil)
	}
	return v.confirmGrant(status, access.ReportLeak, t, "", refused)
}

// confirmGrant is the question before a move of a token.
func (v *visit) confirmGrant(status int, do access.Action, t workflow.TokenPage, reason string, refused error) error {
	var wrong *access.FormError
	errors.As(refused, &wrong)
	return show(v, status, PageConfirm, nil, func(sh Shell) ConfirmPage {
		if why := access.WhyOf(refused); why != "" {
			sh.Banner = RefusedBanner(sh, why, &t.Case)
		}
		if do == access.Thaw && refused != nil {
			if b := termsBanner(access.ThawTerms(*t.Grant).Check(v.read(termsField)), false); b != nil {
				sh.Banner = b
			}
		}
		return NewConfirmPage(sh, ConfirmInput{Do: do, Case: t.Case, Reason: reason, Errors: wrong})
	})
}

func (v *visit) leakReported(status int, in ReportedInput, banner *Banner) error {
	return show(v, status, PageLeakReported, banner, func(sh Shell) LeakReportedPage { return NewLeakReportedPage(sh, in) })
}

// reportLeak ends a token that leaked. Nothing is asked before.
func reportLeak(v *visit) error {
	t, err := v.kit.work.ReportLeak(v.ctx(), v.sess.Caller, v.id)
	switch {
	case err == nil:
		return v.leakReported(http.StatusOK, ReportedInput{Token: t}, nil)
	case access.WhyOf(err) != "":
		if v.confirmLeak(statusOf(err), err) == nil {
			return nil
		}
	case errors.Is(err, access.ErrConflict):
		if openToken(v) == nil {
			return nil
		}
	}
	return err
}

// leakSeen takes the answer to the question after a report.
func leakSeen(v *visit) error {
	seen, tooLong := v.parting("seen")
	if tooLong != nil {
		t, err := v.kit.work.Token(v.ctx(), v.sess.Caller, v.id)
		if err != nil {
			return err
		}
		if !t.LeakOpen() {
			return v.token(http.StatusOK, t, nil)
		}
		return v.leakReported(statusOf(tooLong), ReportedInput{Token: t, Seen: seen, Errors: tooLong}, nil)
	}
	t, err := v.kit.work.TellSeen(v.ctx(), v.sess.Caller, v.id, seen)
	switch {
	case err == nil && seen == "":
		return v.token(http.StatusOK, t, nil)
	case err == nil:
		return v.leakReported(http.StatusOK, ReportedInput{Token: t, Told: true}, &Banner{Kind: BannerGood, ID: "leak.done_thanks"})
	case access.WhyOf(err) != "":
		if v.confirmLeak(statusOf(err), err) == nil {
			return nil
		}
	case errors.Is(err, access.ErrConflict):
		if openToken(v) == nil {
			return nil
		}
	}
	return err
}

// leaks is the reviewers' list.
func leaks(v *visit) error { return v.leaks(http.StatusOK, nil, nil) }

func (v *visit) leaks(status int, wrong *access.FormError, banner *Banner) error {
	after := v.query("after")
	l, err := v.kit.work.Leaks(v.ctx(), v.sess.Caller, after)
	if errors.Is(err, access.ErrInvalid) { // an address that was changed by hand
		after = ""
		l, err = v.kit.work.Leaks(v.ctx(), v.sess.Caller, after)
	}
	if err != nil {
		return err
	}
	return show(v, status, PageLeaks, banner, func(sh Shell) LeaksPage { return NewLeaksPage(sh, LeaksInput{List: l, After: after, Errors: wrong}) })
}

// checkLeak looks for the token behind a pasted value. The value goes to the
// workflow and nowhere else: no answer of this handler holds it.
func checkLeak(v *visit) error {
	t, err := v.kit.work.CheckLeak(v.ctx(), v.sess.Caller, v.r.PostForm.Get(suspectField))
	var wrong *access.FormError
	switch {
	case err == nil && t.Leak != nil:
		v.id = t.Leak.ID
		return v.leak(http.StatusOK, LeakInput{}, func(Shell, workflow.LeakPage) *Banner { return &Banner{Kind: BannerBad, ID: "result.leak_match"} })
	case errors.Is(err, access.ErrNotFound):
		return v.leaks(http.StatusOK, nil, &Banner{Kind: BannerInfo, ID: "leaks.not_ours"})
	case errors.As(err, &wrong):
		return v.leaks(statusOf(err), wrong, nil)
	case access.WhyOf(err) != "":
		if v.leaks(statusOf(err), nil, RefusedBanner(v.bare(), access.WhyOf(err), nil)) == nil {
			return nil
		}
	}
	return err
}

// openLeak is one leak.
func openLeak(v *visit) error { return v.leak(http.StatusOK, LeakInput{}, nil) }

func (v *visit) leak(status int, in LeakInput, banner func(Shell, workflow.LeakPage) *Banner) error {
	l, err := v.kit.work.Leak(v.ctx(), v.sess.Caller, v.id)
	if err != nil {
		return err
	}
	in.Page = l
	return show(v, status, PageLeak, nil, func(sh Shell) LeakPage {
		if banner != nil {
			sh.Banner = banner(sh, l)
		}
		return NewLeakPage(sh, in)
	})
}

// clearLeak ends an incident.
func clearLeak(v *visit) error {
	note, tooLong := v.note("reason")
	var err error
	if tooLong != nil {
		err = tooLong
	} else {
		_, err = v.kit.work.ClearLeak(v.ctx(), v.sess.Caller, v.id, note, v.read(termsField))
	}
	var wrong *access.FormError
	switch {
	case err == nil:
		return v.leak(http.StatusOK, LeakInput{}, func(sh Shell, l workflow.LeakPage) *Banner {
			return &Banner{Kind: BannerGood, ID: "result.leak_cleared", Args: map[string]any{"Requester": who(sh.name(l.Case, l.Incident.Owner))}}
		})
	case errors.As(err, &wrong), access.WhyOf(err) != "", errors.Is(err, access.ErrConflict):
		if v.leak(statusOf(err), LeakInput{Note: note, Errors: wrong}, func(sh Shell, l workflow.LeakPage) *Banner {
			if b := termsBanner(l.Terms.Check(v.read(termsField)), note != ""); b != nil && l.Can {
				return b
			}
			if why := access.WhyOf(err); why != "" {
				return RefusedBanner(sh, why, &l.Case)
			}
			return nil
		}) == nil {
			return nil
		}
	}
	return err
}

// askFreeze asks before a token is stopped, and says where this Canvas is known
// not to allow it.
func askFreeze(v *visit) error {
	t, err := v.kit.work.AskFreeze(v.ctx(), v.sess.Caller, v.id)
	switch {
	case access.WhyOf(err) == access.WhyNoFreeze:
		return v.token(http.StatusOK, t, func(sh Shell) *Banner { return RefusedBanner(sh, access.WhyNoFreeze, &t.Case) })
	case err != nil:
		return err
	case !t.Can[access.Freeze]:
		return v.token(http.StatusOK, t, nil)
	}
	return v.confirmGrant(http.StatusOK, access.Freeze, t, "", nil)
}

// freeze stops a token.
func freeze(v *visit) error {
	reason, tooLong := v.parting("reason")
	var t workflow.TokenPage
	var err error
	if tooLong != nil {
		err = tooLong
	} else {
		t, err = v.kit.work.Freeze(v.ctx(), v.sess.Caller, v.id, reason)
	}
	return v.grantMoved(access.Freeze, t, reason, err)
}

// askThaw asks before a reviewer's voice for a thaw is recorded.
func askThaw(v *visit) error {
	t, err := v.kit.work.Token(v.ctx(), v.sess.Caller, v.id)
	if err != nil {
		return err
	}
	if !t.Can[access.Thaw] {
		return v.token(http.StatusOK, t, nil)
	}
	return v.confirmGrant(http.StatusOK, access.Thaw, t, "", nil)
}

// thaw records one of the two voices.
func thaw(v *visit) error {
	t, err := v.kit.work.Thaw(v.ctx(), v.sess.Caller, v.id, v.read(termsField))
	return v.grantMoved(access.Thaw, t, "", err)
}

// grantMoved answers a freeze or a thaw: the token's page, or the question again
// with the reason above it.
func (v *visit) grantMoved(do access.Action, t workflow.TokenPage, reason string, err error) error {
	switch {
	case err == nil:
		return v.token(http.StatusOK, t, func(sh Shell) *Banner { return ResultBanner(sh, do, t.Case) })
	case isFormError(err), access.WhyOf(err) != "", isTermsError(err):
		t, again := v.kit.work.Token(v.ctx(), v.sess.Caller, v.id)
		if again != nil {
			return err
		}
		if !t.Can[do] && isTermsError(err) {
			return v.token(statusOf(err), t, func(Shell) *Banner { return termsBanner(err, false) })
		}
		if !t.Can[do] { // what stands in the way belongs above how it stands
			return v.token(statusOf(err), t, func(sh Shell) *Banner { return RefusedBanner(sh, access.WhyOf(err), &t.Case) })
		}
		return v.confirmGrant(statusOf(err), do, t, reason, err)
	case errors.Is(err, access.ErrConflict):
		if openToken(v) == nil {
			return nil
		}
	}
	return err
}
