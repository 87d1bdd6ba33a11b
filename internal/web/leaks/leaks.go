package leaks

import (
	"errors"
	"net/http"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/desk/leaks"
	"github.com/tokendesk/tokendesk/internal/web/ui"
)

// askLeak asks before a token is deleted as leaked; after the report it says how
// that stands.
func (p *Pages) askLeak(v *ui.Visit) error { return p.confirmLeak(v, nil) }

func (p *Pages) confirmLeak(v *ui.Visit, refused error) error {
	t, err := p.cases.Token(v.Ctx(), v.Session.Caller, v.ID)
	if err != nil {
		return err
	}
	switch {
	case t.LeakOpen():
		status := http.StatusOK
		if refused != nil {
			status = ui.StatusOf(refused)
		}
		return showReported(v, status, ReportedInput{Token: t}, nil)
	case !t.Can[access.ReportLeak] && refused != nil:
		return p.showToken(v, ui.StatusOf(refused), t, func(sh ui.Shell) *ui.Banner { return ui.RefusedBanner(sh, access.WhyOf(refused), &t.Case) })
	case !t.Can[access.ReportLeak]:
		return p.showToken(v, http.StatusOK, t, nil)
	}
	return v.Confirm(refused, &t.Case, func(sh ui.Shell) ui.Confirmation { return Confirmation(sh, t.Case) })
}

// Confirmation is the question before a token is deleted as leaked, or before the leak of
// one that has ended is recorded.
func Confirmation(s ui.Shell, c cases.Case) ui.Confirmation {
	q := ui.ConfirmCase(s, access.ReportLeak, c, ui.PageTokens)
	q.Danger, q.Post, q.Keep = true, ui.GrantPath(c.Grant, "/leak"), ui.Way{Words: "confirm.keep_token", To: ui.GrantPath(c.Grant, "")}
	if !c.Own {
		q.Key += "_other"
	}
	if c.Grant.State.Final() {
		q.What = []string{"confirm.report_leak_ended", "confirm.report_leak_blocks"}
	}
	return q
}

func showReported(v *ui.Visit, status int, in ReportedInput, banner *ui.Banner) error {
	return ui.Show(v, status, PageLeakReported, banner, func(sh ui.Shell) ReportedPage { return NewReportedPage(sh, in) })
}

// reportLeak ends a token that leaked. Nothing is asked before.
func (p *Pages) reportLeak(v *ui.Visit) error {
	t, err := p.leaks.Report(v.Ctx(), v.Session.Caller, v.ID)
	switch {
	case err == nil:
		return showReported(v, http.StatusOK, ReportedInput{Token: t}, nil)
	case access.WhyOf(err) != "":
		return ui.Instead(p.confirmLeak(v, err), err)
	case errors.Is(err, access.ErrConflict):
		return ui.Instead(p.openToken(v), err)
	}
	return err
}

// leakSeen takes the answer to the question after a report.
func (p *Pages) leakSeen(v *ui.Visit) error {
	seen, tooLong := v.Parting("seen")
	if tooLong != nil {
		t, err := p.cases.Token(v.Ctx(), v.Session.Caller, v.ID)
		if err != nil {
			return err
		}
		if !t.LeakOpen() {
			return p.showToken(v, http.StatusOK, t, nil)
		}
		return showReported(v, ui.StatusOf(tooLong), ReportedInput{Token: t, Seen: seen, Errors: tooLong}, nil)
	}
	t, err := p.leaks.TellSeen(v.Ctx(), v.Session.Caller, v.ID, seen)
	switch {
	case err == nil && seen == "":
		return p.showToken(v, http.StatusOK, t, nil)
	case err == nil:
		return showReported(v, http.StatusOK, ReportedInput{Token: t, Told: true}, &ui.Banner{Kind: ui.BannerGood, ID: "leak.done_thanks"})
	case access.WhyOf(err) != "":
		return ui.Instead(p.confirmLeak(v, err), err)
	case errors.Is(err, access.ErrConflict):
		return ui.Instead(p.openToken(v), err)
	}
	return err
}

// openList is the reviewers' list.
func (p *Pages) openList(v *ui.Visit) error { return p.showList(v, http.StatusOK, nil, nil) }

func (p *Pages) showList(v *ui.Visit, status int, wrong *access.FormError, banner *ui.Banner) error {
	after := v.Query("after")
	l, err := p.leaks.List(v.Ctx(), v.Session.Caller, after)
	if errors.Is(err, access.ErrInvalid) { // an address that was changed by hand
		after = ""
		l, err = p.leaks.List(v.Ctx(), v.Session.Caller, after)
	}
	if err != nil {
		return err
	}
	return ui.Show(v, status, ui.PageLeaks, banner, func(sh ui.Shell) ListPage { return NewListPage(sh, ListInput{List: l, After: after, Errors: wrong}) })
}

// checkLeak looks for the token behind a pasted value. The value goes to the verb
// and nowhere else: no answer of this handler holds it.
func (p *Pages) checkLeak(v *ui.Visit) error {
	t, err := p.leaks.Check(v.Ctx(), v.Session.Caller, v.R.PostForm.Get(ui.SuspectField))
	var wrong *access.FormError
	switch {
	case err == nil && t.Leak != nil:
		v.ID = t.Leak.ID
		return p.show(v, http.StatusOK, Input{}, func(ui.Shell, leaks.Page) *ui.Banner {
			return &ui.Banner{Kind: ui.BannerBad, ID: "result.leak_match"}
		})
	case errors.Is(err, access.ErrNotFound):
		return p.showList(v, http.StatusOK, nil, &ui.Banner{Kind: ui.BannerInfo, ID: "leaks.not_ours"})
	case errors.As(err, &wrong):
		return p.showList(v, ui.StatusOf(err), wrong, nil)
	case access.WhyOf(err) != "":
		return ui.Instead(p.showList(v, ui.StatusOf(err), nil, ui.RefusedBanner(v.Bare(), access.WhyOf(err), nil)), err)
	}
	return err
}

// open is one leak.
func (p *Pages) open(v *ui.Visit) error { return p.show(v, http.StatusOK, Input{}, nil) }

func (p *Pages) show(v *ui.Visit, status int, in Input, banner func(ui.Shell, leaks.Page) *ui.Banner) error {
	l, err := p.leaks.Open(v.Ctx(), v.Session.Caller, v.ID)
	if err != nil {
		return err
	}
	in.Page = l
	return ui.Show(v, status, PageLeak, nil, func(sh ui.Shell) Page {
		if banner != nil {
			sh.Banner = banner(sh, l)
		}
		return NewPage(sh, in)
	})
}

// clearLeak ends an incident.
func (p *Pages) clearLeak(v *ui.Visit) error {
	note, tooLong := v.Note("reason")
	var err error
	if tooLong != nil {
		err = tooLong
	} else {
		_, err = p.leaks.Clear(v.Ctx(), v.Session.Caller, v.ID, note, v.TermsRead(ui.TermsField))
	}
	var wrong *access.FormError
	switch {
	case err == nil:
		return p.show(v, http.StatusOK, Input{}, func(sh ui.Shell, l leaks.Page) *ui.Banner {
			return &ui.Banner{Kind: ui.BannerGood, ID: "result.leak_cleared", Args: map[string]any{"Requester": ui.Who(sh.PersonName(l.Case, l.Incident.Owner))}}
		})
	case errors.As(err, &wrong), access.WhyOf(err) != "", errors.Is(err, access.ErrConflict):
		return ui.Instead(p.show(v, ui.StatusOf(err), Input{Note: note, Errors: wrong}, func(sh ui.Shell, l leaks.Page) *ui.Banner {
			if b := ui.TermsBanner(l.Terms.Check(v.TermsRead(ui.TermsField)), note != ""); b != nil && l.Can {
				return b
			}
			if why := access.WhyOf(err); why != "" {
				return ui.RefusedBanner(sh, why, &l.Case)
			}
			return nil
		}), err)
	}
	return err
}
