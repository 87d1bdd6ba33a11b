package web

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/text"
	"github.com/tokendesk/tokendesk/internal/workflow"
)

// openCase is one request, for whoever has a part in it. One's own draft opens
// as the form.
func openCase(v *visit) error {
	return v.showCase(http.StatusOK, nil, nil)
}

// opened shows the request after a move that was made.
func (v *visit) opened(status int, id string, do access.Action, in PanelInput, banner func(Shell, workflow.Case) *Banner) error {
	v.id = id
	if banner == nil {
		banner = func(sh Shell, c workflow.Case) *Banner { return ResultBanner(sh, do, c) }
	}
	return v.showCase(status, &in, banner)
}

// openRequest shows a request that another page leads to, with a banner if there
// is one.
func (v *visit) openRequest(status int, id string, banner func(Shell, workflow.Case) *Banner) error {
	v.id = id
	return v.showCase(status, &PanelInput{}, banner)
}

// showCase shows v's request: with typed, the panel as it was sent; without,
// the text that an earlier session left in it.
func (v *visit) showCase(status int, typed *PanelInput, banner func(Shell, workflow.Case) *Banner) error {
	c, err := v.kit.work.Open(v.ctx(), v.sess.Caller, v.id)
	if err != nil {
		return err
	}
	if c.Request.State == access.Draft {
		return v.form(status, c.Request.ID, nil, nil, nil)
	}
	in := PanelInput{}
	if typed != nil {
		in = *typed
	} else if c.Sponsor || c.Reviewer {
		in = v.keptPanel()
	}
	return show(v, status, PageCase, nil, func(sh Shell) CasePage {
		if banner != nil {
			sh.Banner = banner(sh, c.Case)
		}
		return NewCasePage(sh, c, in)
	})
}

// keptDecision is what is kept of a panel.
type keptDecision struct {
	Do          access.Action `json:"do"`
	End         string        `json:"end,omitempty"`
	Reason      string        `json:"reason,omitempty"`
	Conditions  string        `json:"conditions,omitempty"`
	Alternative string        `json:"alternative,omitempty"`
	AltText     string        `json:"alternative_text,omitempty"`
}

func (v *visit) keptPanel() PanelInput {
	data, _, err := v.kit.work.Kept(v.ctx(), v.sess.Caller, v.id, workflow.FormDecision)
	var k keptDecision
	if err != nil || data == nil || json.Unmarshal(data, &k) != nil {
		return PanelInput{}
	}
	return PanelInput{Do: k.Do, End: k.End, Reason: k.Reason, Conditions: k.Conditions, Alternative: k.Alternative, AltText: k.AltText}
}

// move makes one move of the lifecycle with what the panel or the confirmation
// page carried.
func move(do access.Action) handler {
	return func(v *visit) error {
		in, m, err := v.panel(do)
		if err == nil {
			_, err = v.kit.work.Act(v.ctx(), v.sess.Caller, v.id, do, m, v.read(termsField))
		}
		if err != nil {
			return v.moveRefused(do, in, err)
		}
		return v.opened(http.StatusOK, v.id, do, PanelInput{}, nil)
	}
}

// moveRefused answers a move that was not made: the same page with everything
// typed and the reason above it, or err for the table of errors.
func (v *visit) moveRefused(do access.Action, in PanelInput, err error) error {
	var wrong *access.FormError
	var lost *workflow.Lost
	var banner func(Shell, workflow.Case) *Banner
	why := access.WhyOf(err)
	switch {
	case errors.As(err, &wrong):
		in.Errors = wrong
		if do == access.Rescind {
			return v.confirm(statusOf(err), do, in.Reason, wrong, nil)
		}
		banner = func(Shell, workflow.Case) *Banner { return nil }
	case errors.As(err, &lost):
		typed := in.Reason
		if typed == "" {
			typed = in.Conditions
		}
		banner = func(sh Shell, _ workflow.Case) *Banner { return LostBanner(sh, lost, typed) }
	case why != "":
		banner = func(sh Shell, c workflow.Case) *Banner { return RefusedBanner(sh, why, &c) }
	case isTermsError(err):
		banner = func(Shell, workflow.Case) *Banner { return termsBanner(err, in.typedAnything()) }
	default:
		return err
	}
	if lost == nil && v.r.PostForm.Has(termsField) {
		banner = v.changedFirst(do, banner, func(c workflow.Case) access.Terms { return c.Terms() }, in.typedAnything())
	}
	if in.typedAnything() {
		v.keep(v.id, workflow.FormDecision, keptDecision{do, in.End, in.Reason, in.Conditions, in.Alternative, in.AltText})
	}
	if v.opened(statusOf(err), v.id, do, in, banner) != nil {
		return err
	}
	return nil
}

func (in PanelInput) typedAnything() bool {
	return in.End != "" || in.Reason != "" || in.Conditions != "" || in.Alternative != "" || in.AltText != ""
}

// asks is the page with the question before a move that cannot be undone.
func asks(do access.Action) handler {
	return func(v *visit) error { return v.confirm(http.StatusOK, do, "", nil, nil) }
}

func (v *visit) confirm(status int, do access.Action, reason string, wrong *access.FormError, refused error) error {
	c, err := v.kit.work.Open(v.ctx(), v.sess.Caller, v.id)
	if err != nil {
		return err
	}
	if !c.Can[do] {
		// It was done already, or there is nothing to ask: the page of the
		// request says how it stands.
		return v.showCase(http.StatusOK, nil, nil)
	}
	return show(v, status, PageConfirm, nil, func(sh Shell) ConfirmPage {
		if why := access.WhyOf(refused); why != "" {
			sh.Banner = RefusedBanner(sh, why, &c.Case)
		}
		return NewConfirmPage(sh, ConfirmInput{Do: do, Case: c.Case, Reason: reason, Errors: wrong})
	})
}

// discard throws a draft away and goes home.
func discard(v *visit) error {
	if why := v.sess.NoWrites; why != "" {
		return access.Refuse(why)
	}
	switch err := v.kit.work.DiscardDraft(v.ctx(), v.sess.Caller, v.id); {
	case errors.Is(err, access.ErrConflict):
		return v.showCase(http.StatusOK, nil, nil) // no draft any more
	case err != nil:
		return err
	}
	sh := v.shell(nil)
	return v.home(ResultBanner(sh, access.Discard, workflow.Case{}))
}

// refile starts again from a request that was declined or timed out.
func refile(v *visit) error {
	r, err := v.kit.work.Refile(v.ctx(), v.sess.Caller, v.id)
	if err != nil {
		return v.moveRefused(access.Refile, PanelInput{}, err)
	}
	return v.form(http.StatusOK, r.ID, nil, nil, func(_ *FormInput, sh Shell) *Banner {
		return ResultBanner(sh, access.Refile, workflow.Case{Request: r})
	})
}

// askSponsor is the page to choose another sponsor.
func askSponsor(v *visit) error {
	query, _ := text.Clean(v.r.URL.Query().Get("q"), maxSearch)
	return v.chooseSponsor(http.StatusOK, SponsorInput{Query: query}, nil)
}

func (v *visit) chooseSponsor(status int, in SponsorInput, refused error) error {
	c, err := v.kit.work.Open(v.ctx(), v.sess.Caller, v.id)
	if err != nil {
		return err
	}
	if !c.Can[access.ChooseSponsor] {
		return v.showCase(http.StatusOK, nil, nil)
	}
	in.Case = c
	return show(v, status, PageSponsor, nil, func(sh Shell) SponsorPage {
		if why := access.WhyOf(refused); why != "" {
			sh.Banner = RefusedBanner(sh, why, &c.Case)
		}
		return NewSponsorPage(sh, in)
	})
}

// postSponsor names another sponsor.
func postSponsor(v *visit) error {
	key, _ := text.Clean(v.r.PostForm.Get("sponsor"), maxID)
	c, err := v.kit.work.ChooseSponsor(v.ctx(), v.sess.Caller, v.id, key)
	var wrong *access.FormError
	switch {
	case err == nil && c.Unmoved:
		return v.opened(http.StatusOK, v.id, access.ChooseSponsor, PanelInput{}, AskedAlready)
	case err == nil:
		return v.opened(http.StatusOK, v.id, access.ChooseSponsor, PanelInput{}, nil)
	case errors.As(err, &wrong), access.WhyOf(err) != "":
		if v.chooseSponsor(statusOf(err), SponsorInput{Chosen: key, Errors: wrong}, err) == nil {
			return nil
		}
		return err
	}
	return v.moveRefused(access.ChooseSponsor, PanelInput{}, err)
}
