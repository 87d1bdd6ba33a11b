package web

import (
	"html/template"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/workflow"
)

// renewing is what a token's owner can do about its end and its sponsor. first is
// the look of the most urgent of them.
func (s Shell) renewing(c workflow.Case, first string) []action {
	g := c.Grant
	var as []action
	if c.Can[access.NameNext] {
		as = append(as, s.goTo(first, "act.choose_sponsor", grantPath(g, "/sponsor")))
		first = secondary
	}
	switch {
	case c.Can[access.Renew] && c.Renewal != nil:
		as = append(as, s.goTo(first, "act.renew_continue", casePath(*c.Renewal, "")))
	case c.Can[access.Renew]:
		as = append(as, s.postTo(first, "act.renew", grantPath(g, "/renew")))
	case c.Renewal != nil:
		as = append(as, s.goTo(secondary, "act.renew_open", casePath(*c.Renewal, "")))
	}
	return as
}

// sponsoring is what a token's sponsor can do.
func (s Shell) sponsoring(c workflow.Case) []action {
	if !c.Can[access.EndSponsor] {
		return nil
	}
	return []action{s.goTo(secondary, "act.end_sponsorship", grantPath(c.Grant, "/end-sponsorship"))}
}

// leavesRequest reports whether ending a sponsorship is about the request: no
// collection of its token has begun.
func leavesRequest(c workflow.Case) bool {
	return c.Can[access.EndSponsor] && (c.Request.State == access.InReview || c.Request.State == access.Approved)
}

// sponsorName is who stands for a token now.
func (s Shell) sponsorName(c workflow.Case) template.HTML {
	switch {
	case c.Grant.Sponsor != "":
		return s.value(s.name(c, c.Grant.Sponsor), "")
	case !c.Grant.GapUntil.IsZero():
		return s.H("col.sponsor_gone")
	}
	return ""
}

// askedPanel is where who was asked to take over as sponsor answers.
func (s Shell) askedPanel(c workflow.CasePage) *panel {
	r, g := c.Request, c.Grant
	requester := s.name(c.Case, r.Requester)
	p := &panel{Title: s.T("sponsor.title"), Action: grantPath(g, "/take-over"), Handle: s.Handle, Terms: access.TakeOverTerms(r, *g).Digest(),
		Held: s.H("sponsor.asked", "Requester", who(requester), "End", day(g.EndsAt()))}
	p.Confirm = s.attests(c.Case)
	p.Not = s.H("sponsor.not_responsible", "Not", who(s.T("sponsor.not")))
	if c.Can[access.TakeOver] {
		p.Buttons = append(p.Buttons, s.submitTo(primary, "act.take_over", grantPath(g, "/take-over")))
	}
	p.Buttons = append(p.Buttons, s.submitTo(secondary, "act.turn_down", grantPath(g, "/turn-down")))
	return p
}

// attests is what a sponsor confirms.
func (s Shell) attests(c workflow.Case) []string {
	requester := s.name(c, c.Request.Requester)
	teach := s.T("sponsor.confirm_teach", "Requester", requester, "Course", s.courseName(c.Request.Course))
	if c.Request.Course.ID == "" {
		teach = s.T("sponsor.confirm_supervise", "Requester", requester)
	}
	return []string{
		teach, s.T("sponsor.confirm_understand", "Requester", requester),
		s.T("sponsor.confirm_end"), s.T("sponsor.confirm_change"),
	}
}

// evidence is what sponsor and reviewer look at before a token is renewed.
func (s Shell) evidence(e *workflow.Evidence) []fact {
	if e == nil {
		return nil
	}
	g := e.Of
	used := s.H("evidence.never_used", "Count", e.IdleDays)
	switch {
	case !g.LastUsedAt.IsZero():
		used = s.H("evidence.used", "When", g.LastUsedAt, "Count", e.IdleDays)
	case g.ActivatedAt.IsZero(), e.IdleDays == 0:
		used = s.H("used.never")
	}
	out := []fact{
		s.fact("evidence.renews", s.H("evidence.token", "Token", link{grantPath(&g, ""), g.Title}, "End", day(g.EndsAt()))),
		s.fact("fact.last_used", used),
		s.fact("evidence.since", s.H("evidence.since_until", "Since", day(g.Since), "Until", day(e.Until))),
	}
	if e.CourseRead {
		id := "evidence.course_runs"
		switch {
		case e.CourseEnd.IsZero():
			id = "evidence.course_open"
		case !e.CourseEnd.After(s.Now):
			id = "evidence.course_over"
		}
		out = append(out, s.fact("fact.course", s.H(id, "End", day(e.CourseEnd))))
	}
	switch {
	case g.Sponsor == "" && g.GapUntil.IsZero():
	case g.Sponsor == "":
		out = append(out, s.fact("evidence.sponsor", s.H("evidence.sponsor_none")))
	case e.SponsorWhy == "":
		out = append(out, s.fact("evidence.sponsor", s.H("evidence.sponsor_teaches")))
	case e.SponsorWhy == access.WhyCanvas:
		out = append(out, s.fact("evidence.sponsor", s.H("evidence.sponsor_unread")))
	default:
		out = append(out, s.fact("evidence.sponsor", s.H("evidence.sponsor_lost")))
	}
	return out
}

// NewTokenSponsorPage lets an owner name another sponsor for a token.
//
// newTokenSponsor is the page on which an owner names another sponsor.
func NewTokenSponsorPage(s Shell, in TokenSponsorInput) SponsorPage {
	t := in.Token
	p := SponsorPage{frame: newFrame(s, PageHome, s.T("choose.h1"), grantPath(t.Grant, "/sponsor")), Action: grantPath(t.Grant, "/sponsor")}
	p.setErrors(in.Errors)
	p.Lead = s.H("choose.lead_token", "Title", s.title(t.Case), "By", until(t.Grant.GapUntil))
	if len(in.Teachers) == 0 {
		p.None = s.T("form.sponsor_none")
	} else {
		c := s.teacherChoice("form.sponsor", in.Teachers, in.Chosen, in.Query, t.Request.Course)
		c.Error, c.Hint = s.errorsOf(in.Errors)["sponsor"], s.H("form.sponsor_hint")
		if c.Find != nil {
			c.Find.Name = "q"
			c.Find.Button = s.submit(secondary, "words.find", "do", "find")
		}
		p.Choice = &c
	}
	p.Do = s.submit(primary, "choose.do", "do", "choose")
	p.Keep = s.goTo(secondary, "choose.keep_token", grantPath(t.Grant, ""))
	return p
}
