package requests

import (
	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/web/ui"
)

// askedPanel is where who was asked to take over as sponsor answers.
func askedPanel(s ui.Shell, c cases.CasePage) *panel {
	r, g := c.Request, c.Grant
	requester := s.PersonName(c.Case, r.Requester)
	p := &panel{Title: s.T("sponsor.title"), Action: ui.GrantPath(g, "/take-over"), Handle: s.Handle, Terms: access.TakeOverTerms(r, *g).Digest(),
		Held: s.H("sponsor.asked", "Requester", ui.Who(requester), "End", ui.Day(g.EndsAt()))}
	p.Confirm = attests(s, c.Case)
	p.Not = s.H("sponsor.not_responsible", "Not", ui.Who(s.T("sponsor.not")))
	if c.Can[access.TakeOver] {
		p.Buttons = append(p.Buttons, s.SubmitTo(ui.Primary, "act.take_over", ui.GrantPath(g, "/take-over")))
	}
	p.Buttons = append(p.Buttons, s.SubmitTo(ui.Secondary, "act.turn_down", ui.GrantPath(g, "/turn-down")))
	return p
}

// attests is what a sponsor confirms.
func attests(s ui.Shell, c cases.Case) []string {
	requester := s.PersonName(c, c.Request.Requester)
	teach := s.T("sponsor.confirm_teach", "Requester", requester, "Course", s.CourseName(c.Request.Course))
	if c.Request.Course.ID == "" {
		teach = s.T("sponsor.confirm_supervise", "Requester", requester)
	}
	return []string{
		teach, s.T("sponsor.confirm_understand", "Requester", requester),
		s.T("sponsor.confirm_end"), s.T("sponsor.confirm_change"),
	}
}

// evidenceFacts is what sponsor and reviewer look at before a token is renewed.
func evidenceFacts(s ui.Shell, e *cases.Evidence) []ui.Fact {
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
	out := []ui.Fact{
		s.Fact("evidence.renews", s.H("evidence.token", "Token", ui.Link{Href: ui.GrantPath(&g, ""), Text: g.Title}, "End", ui.Day(g.EndsAt()))),
		s.Fact("fact.last_used", used),
		s.Fact("evidence.since", s.H("evidence.since_until", "Since", ui.Day(g.Since), "Until", ui.Day(e.Until))),
	}
	if e.CourseRead {
		id := "evidence.course_runs"
		switch {
		case e.CourseEnd.IsZero():
			id = "evidence.course_open"
		case !e.CourseEnd.After(s.Now):
			id = "evidence.course_over"
		}
		out = append(out, s.Fact("fact.course", s.H(id, "End", ui.Day(e.CourseEnd))))
	}
	switch {
	case g.Sponsor == "" && g.GapUntil.IsZero():
	case g.Sponsor == "":
		out = append(out, s.Fact("evidence.sponsor", s.H("evidence.sponsor_none")))
	case e.SponsorWhy == "":
		out = append(out, s.Fact("evidence.sponsor", s.H("evidence.sponsor_teaches")))
	case e.SponsorWhy == access.WhyCanvas:
		out = append(out, s.Fact("evidence.sponsor", s.H("evidence.sponsor_unread")))
	default:
		out = append(out, s.Fact("evidence.sponsor", s.H("evidence.sponsor_lost")))
	}
	return out
}
