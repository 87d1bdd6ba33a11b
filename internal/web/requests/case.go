package requests

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/desk/requests"
	"github.com/tokendesk/tokendesk/internal/text"
	"github.com/tokendesk/tokendesk/internal/web/ui"
)

// Open is one request, for whoever has a part in it. One's own draft opens
// as the form.
func (p *Pages) Open(v *ui.Visit) error {
	return p.show(v, http.StatusOK, nil, nil)
}

// showMoved shows the request after a move that was made.
func (p *Pages) showMoved(v *ui.Visit, status int, id string, do access.Action, in PanelInput, banner func(ui.Shell, cases.Case) *ui.Banner) error {
	v.ID = id
	if banner == nil {
		banner = func(sh ui.Shell, c cases.Case) *ui.Banner { return ui.ResultBanner(sh, do, c) }
	}
	return p.show(v, status, &in, banner)
}

// Show shows a request that another page leads to, with a banner if there
// is one.
func (p *Pages) Show(v *ui.Visit, status int, id string, banner func(ui.Shell, cases.Case) *ui.Banner) error {
	v.ID = id
	return p.show(v, status, &PanelInput{}, banner)
}

// show shows v's request: with typed, the panel as it was sent; without,
// the text that an earlier session left in it.
func (p *Pages) show(v *ui.Visit, status int, typed *PanelInput, banner func(ui.Shell, cases.Case) *ui.Banner) error {
	c, err := p.cases.Open(v.Ctx(), v.Session.Caller, v.ID)
	if err != nil {
		return err
	}
	if c.Request.State == access.Draft {
		return p.showForm(v, status, c.Request.ID, nil, nil, nil)
	}
	in := PanelInput{}
	if typed != nil {
		in = *typed
	} else if c.Sponsor || c.Reviewer {
		in = p.savedPanel(v)
	}
	return ui.Show(v, status, PageCase, nil, func(sh ui.Shell) CasePage {
		if banner != nil {
			sh.Banner = banner(sh, c.Case)
		}
		return NewCasePage(sh, c, in)
	})
}

func (p *Pages) savedPanel(v *ui.Visit) PanelInput {
	data, _, err := p.requests.SavedText(v.Ctx(), v.Session.Caller, v.ID, requests.FormDecision)
	var in PanelInput
	if err != nil || data == nil || json.Unmarshal(data, &in) != nil {
		return PanelInput{}
	}
	return in
}

// move makes one move of the lifecycle with what the panel or the confirmation
// page carried.
func (p *Pages) move(do access.Action) ui.Handler {
	return func(v *ui.Visit) error {
		in, m, err := readPanel(v, do)
		if err == nil {
			_, err = p.requests.Act(v.Ctx(), v.Session.Caller, v.ID, do, m, v.TermsRead(ui.TermsField))
		}
		if err != nil {
			return p.moveRefused(v, do, in, err)
		}
		return p.showMoved(v, http.StatusOK, v.ID, do, PanelInput{}, nil)
	}
}

// moveRefused answers a move that was not made: the same page with everything
// typed and the reason above it, or err for the table of errors.
func (p *Pages) moveRefused(v *ui.Visit, do access.Action, in PanelInput, err error) error {
	var wrong *access.FormError
	var lost *cases.Lost
	var banner func(ui.Shell, cases.Case) *ui.Banner
	why := access.WhyOf(err)
	switch {
	case errors.As(err, &wrong):
		in.Errors = wrong
		if do == access.Rescind {
			return p.showQuestion(v, do, in.Reason, err)
		}
		banner = func(ui.Shell, cases.Case) *ui.Banner { return nil }
	case errors.As(err, &lost):
		typed := in.Reason
		if typed == "" {
			typed = in.Conditions
		}
		banner = func(sh ui.Shell, _ cases.Case) *ui.Banner { return LostBanner(sh, lost, typed) }
	case why != "":
		banner = func(sh ui.Shell, c cases.Case) *ui.Banner { return ui.RefusedBanner(sh, why, &c) }
	case ui.IsTermsError(err):
		banner = func(ui.Shell, cases.Case) *ui.Banner { return ui.TermsBanner(err, in.typedAnything()) }
	default:
		return err
	}
	if lost == nil && v.R.PostForm.Has(ui.TermsField) {
		banner = v.ChangedFirst(do, banner, func(c cases.Case) access.Terms { return c.Terms() }, in.typedAnything())
	}
	if in.typedAnything() {
		in.Do = do
		p.saveText(v, v.ID, requests.FormDecision, in)
	}
	return ui.Instead(p.showMoved(v, ui.StatusOf(err), v.ID, do, in, banner), err)
}

func (in PanelInput) typedAnything() bool {
	return in.End != "" || in.Reason != "" || in.Conditions != "" || in.Alternative != "" || in.AltText != ""
}

// asks is the page with the question before a move that cannot be undone.
func (p *Pages) asks(do access.Action) ui.Handler {
	return func(v *ui.Visit) error { return p.showQuestion(v, do, "", nil) }
}

func (p *Pages) showQuestion(v *ui.Visit, do access.Action, reason string, refused error) error {
	c, err := p.cases.Open(v.Ctx(), v.Session.Caller, v.ID)
	if err != nil {
		return err
	}
	if !c.Can[do] {
		// It was done already, or there is nothing to ask: the page of the
		// request says how it stands.
		return p.show(v, http.StatusOK, nil, nil)
	}
	return v.Confirm(refused, &c.Case, func(sh ui.Shell) ui.Confirmation { return Confirmation(sh, do, c.Case, reason) })
}

// Confirmation is the question before a move of a request; reason is as typed.
func Confirmation(s ui.Shell, do access.Action, c cases.Case, reason string) ui.Confirmation {
	if do == access.EndSponsor {
		return ui.ConfirmLeaving(s, c, reason)
	}
	r := c.Request
	q := ui.ConfirmCase(s, do, c, ui.PageQueue)
	q.Danger, q.Post, q.Keep = do != access.Withdraw, ui.CasePath(r, "/"+string(do)), ui.Way{Words: "confirm.keep_request", To: ui.CasePath(r, "")}
	switch do {
	case access.Replace:
		q.Keep = ui.Way{Words: "confirm.keep_token", To: ui.CasePath(r, "/collect")}
	case access.Rescind:
		if r.Adopts != "" {
			q.Key += "_keep"
		}
		q.Keep.Words, q.Reason = "confirm.keep_approval", s.ReasonTo(c, reason, true)
	case access.Discard:
		q.Keep = ui.Way{Words: "confirm.keep_draft", To: "/"}
	}
	return q
}

// discard throws a draft away and goes home.
func (p *Pages) discard(v *ui.Visit) error {
	if why := v.Session.NoWrites; why != "" {
		return access.Refuse(why)
	}
	switch err := p.requests.DiscardDraft(v.Ctx(), v.Session.Caller, v.ID); {
	case errors.Is(err, access.ErrConflict):
		return p.show(v, http.StatusOK, nil, nil) // no draft any more
	case err != nil:
		return err
	}
	sh := v.Shell(nil)
	return p.showHome(v, ui.ResultBanner(sh, access.Discard, cases.Case{}))
}

// refile starts again from a request that was declined or timed out.
func (p *Pages) refile(v *ui.Visit) error {
	r, err := p.requests.Refile(v.Ctx(), v.Session.Caller, v.ID)
	if err != nil {
		return p.moveRefused(v, access.Refile, PanelInput{}, err)
	}
	return p.showForm(v, http.StatusOK, r.ID, nil, nil, func(_ *FormInput, sh ui.Shell) *ui.Banner {
		return ui.ResultBanner(sh, access.Refile, cases.Case{Request: r})
	})
}

// askSponsor is the page to choose another sponsor.
func (p *Pages) askSponsor(v *ui.Visit) error { return p.chooseSponsor(v, "", nil) }

func (p *Pages) chooseSponsor(v *ui.Visit, chosen string, refused error) error {
	c, err := p.cases.Open(v.Ctx(), v.Session.Caller, v.ID)
	if err != nil {
		return err
	}
	if !c.Can[access.ChooseSponsor] {
		if refused != nil {
			return p.moveRefused(v, access.ChooseSponsor, PanelInput{}, refused)
		}
		return p.show(v, http.StatusOK, nil, nil)
	}
	return v.ChooseSponsor(refused, chosen, &c.Case, func(sh ui.Shell) ui.SponsorChoice { return SponsorChoice(sh, c) })
}

// postSponsor names another sponsor.
func (p *Pages) postSponsor(v *ui.Visit) error {
	key, _ := text.Clean(v.R.PostForm.Get("sponsor"), ui.MaxID)
	if v.FindsSponsor() {
		return p.chooseSponsor(v, key, nil)
	}
	c, err := p.requests.ChooseSponsor(v.Ctx(), v.Session.Caller, v.ID, key)
	switch {
	case err == nil && c.Unmoved:
		return p.showMoved(v, http.StatusOK, v.ID, access.ChooseSponsor, PanelInput{}, AskedAlready)
	case err == nil:
		return p.showMoved(v, http.StatusOK, v.ID, access.ChooseSponsor, PanelInput{}, nil)
	case ui.IsFormError(err), access.WhyOf(err) != "":
		return ui.Instead(p.chooseSponsor(v, key, err), err)
	}
	return p.moveRefused(v, access.ChooseSponsor, PanelInput{}, err)
}

// leaveRequest ends the sponsorship of a request for which no token exists yet,
// and goes back to the list: who left has no part in it any more.
func (p *Pages) leaveRequest(v *ui.Visit) error {
	c, err := p.cases.Open(v.Ctx(), v.Session.Caller, v.ID)
	if err != nil {
		return err
	}
	reason, wrong := v.Parting("reason")
	if wrong != nil {
		return p.showQuestion(v, access.EndSponsor, reason, wrong)
	}
	if _, err := p.requests.Act(v.Ctx(), v.Session.Caller, v.ID, access.EndSponsor, access.Move{Reason: reason}, ""); err != nil {
		return p.moveRefused(v, access.EndSponsor, PanelInput{Reason: reason}, err)
	}
	return p.showSponsorships(v, ui.ResultBanner(v.Shell(nil), access.EndSponsor, c.Case))
}
