package ui

import (
	"errors"
	"html/template"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
)

// ConfirmGrant is the question before a move of a token.
func (v *Visit) ConfirmGrant(status int, do access.Action, t cases.TokenPage, reason string, refused error) error {
	var wrong *access.FormError
	errors.As(refused, &wrong)
	return Show(v, status, PageConfirm, nil, func(sh Shell) ConfirmPage {
		if why := access.WhyOf(refused); why != "" {
			sh.Banner = RefusedBanner(sh, why, &t.Case)
		}
		if do == access.Thaw && refused != nil {
			if b := TermsBanner(access.ThawTerms(*t.Grant).Check(v.TermsRead(TermsField)), false); b != nil {
				sh.Banner = b
			}
		}
		return NewConfirmPage(sh, ConfirmInput{Do: do, Case: t.Case, Reason: reason, Errors: wrong})
	})
}

// Misuse is not a move of its own: a token is revoked, for this cause.
const Misuse access.Action = "misuse"

// ConfirmInput is a question before something that cannot be undone.
// Do is access.Withdraw, Rescind, Replace, Discard or Revoke. GET
// /requests/{id}/{withdraw,rescind,replace,discard} and GET /tokens/{id}/revoke
// show it, and it posts to the same address with the field reason.
type ConfirmInput struct {
	Do     access.Action
	Case   cases.Case
	Reason string // as typed
	Errors *access.FormError
}

// ConfirmPage is component 10: the question, what happens, what stays.
type ConfirmPage struct {
	Frame
	What   []template.HTML
	Facts  []Fact // what two people agree about
	Terms  string // what the form agrees to
	Reason *Field
	Do     Action
	Keep   Action
	Also   *Action // another way out, beside the two
	Action string
}

// NewConfirmPage asks before something that cannot be undone.
// It words the question by what is asked. The safe button always names what it
// keeps.
func NewConfirmPage(s Shell, in ConfirmInput) ConfirmPage {
	c, r := in.Case, in.Case.Request
	title := s.CaseTitle(c)
	id := "confirm." + string(in.Do)
	if (in.Do == access.Revoke || in.Do == access.ReportLeak) && !c.Own {
		id += "_other"
	}
	if in.Do == access.Thaw && c.Grant.FirstThaw().Said() {
		id += "_second"
	}
	if in.Do == access.EndSponsor && LeavesRequest(c) {
		id += "_request"
	}
	if in.Do == access.Rescind && r.Adopts != "" {
		id += "_keep"
	}
	args := []any{"Title", title, "Code", r.Code(), "Requester", s.PersonName(c, r.Requester)}
	s.Asks = true
	p := ConfirmPage{Frame: NewFrame(s, CurrentFor(c, in.Do), s.T(id+".h1", args...), "")}
	p.SetErrors(in.Errors)
	p.What = []template.HTML{s.H(id+".what", args...), s.H(id+".stays", args...)}
	keep := "confirm.keep_request"
	look, label := Primary, ActKey(in.Do)
	p.Action, p.Keep = CasePath(r, "/"+string(in.Do)), s.GoTo(Secondary, keep, CasePath(r, ""))
	switch in.Do {
	case access.Revoke:
		look = DangerFill
		p.Action = GrantPath(c.Grant, "/revoke")
		p.Keep = s.GoTo(Secondary, "confirm.keep_token", GrantPath(c.Grant, ""))
	case access.ReportLeak:
		look = DangerFill
		p.Action, p.Keep = GrantPath(c.Grant, "/leak"), s.GoTo(Secondary, "confirm.keep_token", GrantPath(c.Grant, ""))
		if c.Grant.State.Final() {
			p.What = []template.HTML{s.H("confirm.report_leak_ended", args...), s.H("confirm.report_leak_blocks", args...)}
		}
	case access.Freeze, access.Thaw:
		if in.Do == access.Freeze {
			look = DangerFill
		}
		p.Action, p.Keep = GrantPath(c.Grant, "/"+string(in.Do)), s.GoTo(Secondary, "confirm.keep_as_is", GrantPath(c.Grant, ""))
		if in.Do == access.Thaw {
			p.Facts, p.Terms = frozenFacts(s, c), access.ThawTerms(*c.Grant).Digest()
		}
	case access.Replace:
		look = DangerFill
		p.Keep = s.GoTo(Secondary, "confirm.keep_token", CasePath(r, "/collect"))
	case access.Rescind:
		look = DangerFill
		p.Keep = s.GoTo(Secondary, "confirm.keep_approval", CasePath(r, ""))
	case access.EndSponsor:
		if LeavesRequest(c) {
			p.Action, p.Keep = CasePath(r, "/end-sponsorship"), s.GoTo(Secondary, "confirm.keep_sponsorship", CasePath(r, ""))
			break
		}
		p.Action = GrantPath(c.Grant, "/end-sponsorship")
		p.Keep = s.GoTo(Secondary, "confirm.keep_sponsorship", GrantPath(c.Grant, ""))
		p.Also = also(s, "act.misuse", GrantPath(c.Grant, "/misuse"))
	case Misuse:
		look = DangerFill
		p.Action = GrantPath(c.Grant, "/misuse")
		p.Keep = s.GoTo(Secondary, "confirm.keep_token", GrantPath(c.Grant, ""))
	case access.Discard:
		look = DangerFill
		p.Keep = s.GoTo(Secondary, "confirm.keep_draft", "/")
	}
	p.Path = p.Action
	p.Do = s.Submit(look, label, "", "")
	if in.Do == access.Rescind || in.Do == access.Freeze || in.Do == Misuse || in.Do == access.EndSponsor || (in.Do == access.Revoke && !c.Own) {
		f := s.PanelArea("reason", "confirm.reason", in.Reason, s.ErrorsOf(in.Errors))
		f.Hint = s.H("confirm.reason_hint", "Requester", s.PersonName(c, r.Requester))
		f.Required = in.Do == access.Rescind || in.Do == access.Freeze || in.Do == Misuse
		if in.Do == access.EndSponsor {
			f.Label = s.T("confirm.reason_optional")
		}
		p.Reason = &f
	}
	return p
}

// also is a way out beside the two of a question.
func also(s Shell, id, href string) *Action {
	a := s.GoTo(Danger, id, href)
	return &a
}

// ActKey is the button's name of an action.
func ActKey(do access.Action) string { return "act." + string(do) }

// CurrentFor marks the list that a page was opened from.
func CurrentFor(c cases.Case, do access.Action) string {
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

// frozenFacts are what two people agree about when they thaw a token.
func frozenFacts(s Shell, c cases.Case) []Fact {
	g := c.Grant
	out := []Fact{
		s.Fact("fact.frozen_by", s.H("fact.frozen_by_value", "Name", Who(s.PersonName(c, g.FrozenBy)), "When", Moment(g.FrozenAt))),
		s.Fact("fact.frozen_why", s.Value(g.FreezeReason, "")),
		s.Fact("fact.ends", s.DayTag(g.EndsAt())),
	}
	if one := g.FirstThaw(); one.Said() {
		out = append(out, s.Fact("fact.thawed_by", s.Value(s.PersonName(c, one.Person), "")))
	}
	return out
}

// SponsorPage lets a requester name another sponsor.
type SponsorPage struct {
	Frame
	Lead   template.HTML
	Action string
	Choice *Choice
	None   string
	Do     Action
	Keep   Action
	Hidden string
}
