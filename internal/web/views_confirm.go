package web

import (
	"html/template"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/workflow"
)

// ConfirmPage is component 10: the question, what happens, what stays.
type ConfirmPage struct {
	frame
	What   []template.HTML
	Facts  []fact // what two people agree about
	Terms  string // what the form agrees to
	Reason *field
	Do     action
	Keep   action
	Also   *action // another way out, beside the two
	Action string
}

// NewConfirmPage asks before something that cannot be undone.
//
// newConfirm words the question by what is asked. The safe button always names
// what it keeps.
func NewConfirmPage(s Shell, in ConfirmInput) ConfirmPage {
	c, r := in.Case, in.Case.Request
	title := s.title(c)
	id := "confirm." + string(in.Do)
	if (in.Do == access.Revoke || in.Do == access.ReportLeak) && !c.Own {
		id += "_other"
	}
	if in.Do == access.Thaw && c.Grant.FirstThaw().Said() {
		id += "_second"
	}
	if in.Do == access.EndSponsor && leavesRequest(c) {
		id += "_request"
	}
	if in.Do == access.Rescind && r.Adopts != "" {
		id += "_keep"
	}
	args := []any{"Title", title, "Code", r.Code(), "Requester", s.name(c, r.Requester)}
	s.Asks = true
	p := ConfirmPage{frame: newFrame(s, currentFor(c, in.Do), s.T(id+".h1", args...), "")}
	p.setErrors(in.Errors)
	p.What = []template.HTML{s.H(id+".what", args...), s.H(id+".stays", args...)}
	keep := "confirm.keep_request"
	look, label := primary, actKey(in.Do)
	p.Action, p.Keep = casePath(r, "/"+string(in.Do)), s.goTo(secondary, keep, casePath(r, ""))
	switch in.Do {
	case access.Revoke:
		look = dangerFill
		p.Action = grantPath(c.Grant, "/revoke")
		p.Keep = s.goTo(secondary, "confirm.keep_token", grantPath(c.Grant, ""))
	case access.ReportLeak:
		look = dangerFill
		p.Action, p.Keep = grantPath(c.Grant, "/leak"), s.goTo(secondary, "confirm.keep_token", grantPath(c.Grant, ""))
		if c.Grant.State.Final() {
			p.What = []template.HTML{s.H("confirm.report_leak_ended", args...), s.H("confirm.report_leak_blocks", args...)}
		}
	case access.Freeze, access.Thaw:
		if in.Do == access.Freeze {
			look = dangerFill
		}
		p.Action, p.Keep = grantPath(c.Grant, "/"+string(in.Do)), s.goTo(secondary, "confirm.keep_as_is", grantPath(c.Grant, ""))
		if in.Do == access.Thaw {
			p.Facts, p.Terms = s.frozenFacts(c), access.ThawTerms(*c.Grant).Digest()
		}
	case access.Replace:
		look = dangerFill
		p.Keep = s.goTo(secondary, "confirm.keep_token", casePath(r, "/collect"))
	case access.Rescind:
		look = dangerFill
		p.Keep = s.goTo(secondary, "confirm.keep_approval", casePath(r, ""))
	case access.EndSponsor:
		if leavesRequest(c) {
			p.Action, p.Keep = casePath(r, "/end-sponsorship"), s.goTo(secondary, "confirm.keep_sponsorship", casePath(r, ""))
			break
		}
		p.Action = grantPath(c.Grant, "/end-sponsorship")
		p.Keep = s.goTo(secondary, "confirm.keep_sponsorship", grantPath(c.Grant, ""))
		p.Also = s.also("act.misuse", grantPath(c.Grant, "/misuse"))
	case misuse:
		look = dangerFill
		p.Action = grantPath(c.Grant, "/misuse")
		p.Keep = s.goTo(secondary, "confirm.keep_token", grantPath(c.Grant, ""))
	case access.Discard:
		look = dangerFill
		p.Keep = s.goTo(secondary, "confirm.keep_draft", "/")
	}
	p.Path = p.Action
	p.Do = s.submit(look, label, "", "")
	if in.Do == access.Rescind || in.Do == access.Freeze || in.Do == misuse || in.Do == access.EndSponsor || (in.Do == access.Revoke && !c.Own) {
		f := s.panelArea("reason", "confirm.reason", in.Reason, s.errorsOf(in.Errors))
		f.Hint = s.H("confirm.reason_hint", "Requester", s.name(c, r.Requester))
		f.Required = in.Do == access.Rescind || in.Do == access.Freeze || in.Do == misuse
		if in.Do == access.EndSponsor {
			f.Label = s.T("confirm.reason_optional")
		}
		p.Reason = &f
	}
	return p
}

// also is a way out beside the two of a question.
func (s Shell) also(id, href string) *action {
	a := s.goTo(danger, id, href)
	return &a
}

// actKey is the button's name of an action.
func actKey(do access.Action) string { return "act." + string(do) }

// currentFor marks the list that a page was opened from.
func currentFor(c workflow.Case, do access.Action) string {
	switch {
	case c.Own:
		return PageHome
	case c.Sponsor:
		return PageSponsorships
	case do == access.Revoke, do == access.ReportLeak, do == access.Freeze, do == access.Thaw:
		return PageTokens
	}
	return PageQueue
}

// NewRemovePage asks before one of them is deleted.
//
// newRemove asks before a token that the tool did not make is deleted.
func NewRemovePage(s Shell, c workflow.FoundPage, reason string, wrong *access.FormError) ConfirmPage {
	f := c.Found
	id, current := "confirm.remove", PageHome
	if !c.Own {
		id, current = "confirm.remove_other", PageUnmanaged
	}
	args := []any{"Title", s.purpose(f), "Owner", s.ownerName(c.FoundCase)}
	s.Asks = true
	p := ConfirmPage{frame: newFrame(s, current, s.T(id+".h1", args...), foundPath(f, "/remove")), Action: foundPath(f, "/remove")}
	p.setErrors(wrong)
	p.What = []template.HTML{s.H(id+".what", args...), s.H(id+".stays", args...)}
	p.Keep = s.goTo(secondary, "confirm.keep_token", foundPath(f, ""))
	p.Do = s.submit(dangerFill, "act.remove_one", "", "")
	if !c.Own {
		r := s.panelArea("reason", "confirm.reason", reason, s.errorsOf(wrong))
		r.Hint, r.Required = s.H("confirm.reason_hint", "Requester", s.ownerName(c.FoundCase)), true
		p.Reason = &r
	}
	return p
}

// frozenFacts are what two people agree about when they thaw a token.
func (s Shell) frozenFacts(c workflow.Case) []fact {
	g := c.Grant
	out := []fact{
		s.fact("fact.frozen_by", s.H("fact.frozen_by_value", "Name", who(s.name(c, g.FrozenBy)), "When", moment(g.FrozenAt))),
		s.fact("fact.frozen_why", s.value(g.FreezeReason, "")),
		s.fact("fact.ends", s.dayTag(g.EndsAt())),
	}
	if one := g.FirstThaw(); one.Said() {
		out = append(out, s.fact("fact.thawed_by", s.value(s.name(c, one.Person), "")))
	}
	return out
}

// SponsorPage lets a requester name another sponsor.
type SponsorPage struct {
	frame
	Lead   template.HTML
	Action string
	Choice *choice
	None   string
	Do     action
	Keep   action
	Hidden string
}

// NewSponsorPage lets a requester name another sponsor.
func NewSponsorPage(s Shell, in SponsorInput) SponsorPage {
	r := in.Case.Request
	p := SponsorPage{frame: newFrame(s, PageHome, s.T("choose.h1"), casePath(r, "/sponsor")), Action: casePath(r, "/sponsor")}
	p.setErrors(in.Errors)
	p.Lead = s.H("choose.lead", "Code", code(r.Code()), "Title", s.title(in.Case.Case))
	if r.Sponsor != "" {
		p.Lead = s.H("choose.lead_asked", "Code", code(r.Code()), "Title", s.title(in.Case.Case), "Sponsor", who(s.name(in.Case.Case, r.Sponsor)), "By", r.SponsorDue)
	}
	switch {
	case len(in.Case.Sponsors) == 0 && r.Sponsor != "":
		p.None = s.T("choose.none_other")
	case len(in.Case.Sponsors) == 0:
		p.None = s.T("form.sponsor_none")
	default:
		c := s.teacherChoice("form.sponsor", in.Case.Sponsors, in.Chosen, in.Query, r.Course)
		c.Error, c.Hint = s.errorsOf(in.Errors)["sponsor"], s.H("form.sponsor_hint")
		if c.Find != nil {
			c.Find.Name = "q"
			c.Find.Button = s.submit(secondary, "words.find", "do", "find")
		}
		p.Choice = &c
	}
	p.Do = s.submit(primary, "choose.do", "do", "choose")
	p.Keep = s.goTo(secondary, "choose.keep", casePath(r, ""))
	return p
}
