package web

import (
	"html/template"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/workflow"
)

// SponsorshipsPage is the sponsor's list.
type SponsorshipsPage struct {
	frame
	WaitingTitle, StandingTitle string
	Waiting                     []card
	Standing                    table
	Past                        []card
	Empty                       *empty
}

// NewSponsorshipsPage is the sponsor's list.
func NewSponsorshipsPage(s Shell, l workflow.Sponsorships) SponsorshipsPage {
	p := SponsorshipsPage{frame: newFrame(s, PageSponsorships, s.T("sponsorships.h1"), "/sponsorships")}
	if len(l.Waiting)+len(l.Standing)+len(l.Past) == 0 {
		p.Empty = &empty{Icon: "hands", Title: s.T("sponsorships.empty"), Text: s.T("sponsorships.empty_text")}
		return p
	}
	p.WaitingTitle = s.T("sponsorships.waiting", "Number", len(l.Waiting))
	for i, c := range l.Waiting {
		st, end := s.requestStatus(c, asSponsor), c.Request.End
		if c.Can[access.TurnDown] {
			st, end = s.takeOverStatus(c), c.Grant.EndsAt()
		}
		k := s.baseCard(c, st)
		k.Facts = []fact{
			s.fact("fact.student", s.value(s.name(c, c.Request.Requester), "")),
			s.fact("fact.course", s.value(s.courseName(c.Request.Course), "")),
			s.fact("fact.end", s.dayTag(end)),
		}
		k.Actions = described(k.ID, s.goTo(primary, "sponsorships.open", casePath(c.Request, "")))
		if i > 0 {
			demote(k.Actions)
		}
		p.Waiting = append(p.Waiting, k)
	}
	p.StandingTitle = s.T("sponsorships.standing", "Number", len(l.Standing))
	p.Standing = s.standingTable(l.Standing)
	for _, c := range l.Past {
		st := s.requestStatus(c, asSponsor)
		k := s.baseCard(c, st)
		if c.Grant != nil && c.Request.State == access.Fulfilled {
			st = s.grantStatus(c, asSponsor)
			k.Badges, k.Now = st.Badges(), st.Now
		}
		k.Facts = []fact{s.fact("fact.student", s.value(s.name(c, c.Request.Requester), ""))}
		p.Past = append(p.Past, k)
	}
	return p
}

func (s Shell) standingTable(cs []workflow.Case) table {
	t := table{ID: "standing", Caption: s.T("sponsorships.caption")}
	t.Columns = s.columns("col.token", "col.student", "col.ends", "col.last_used", "col.status", "col.actions")
	for _, c := range cs {
		r := s.caseRow(c)
		st := s.requestStatus(c, asSponsor)
		end, used := s.dayTag(c.Request.End), template.HTML("")
		var small template.HTML
		var as []action
		if c.Grant != nil && c.Grant.State.Live() {
			st = s.grantStatus(c, asSponsor)
			if e := c.Grant.EndsAt(); !e.IsZero() {
				end = s.dayTag(e)
			}
			used, small = s.lastUsedCell(*c.Grant)
			r.Href = grantPath(c.Grant, "")
			as = append(as, s.sponsoring(c)...)
			if c.Can[access.ReportLeak] {
				as = append(as, s.leakAction(c))
			}
			if c.Can[access.Revoke] {
				as = append(as, s.goTo(danger, "act.revoke", grantPath(c.Grant, "/revoke")))
			}
		}
		r.Cells = s.cells(t.Columns[1:],
			cell{HTML: s.value(s.name(c, c.Request.Requester), ""), Small: s.value(s.courseName(c.Request.Course), "")},
			cell{HTML: end}, cell{HTML: used, Small: small}, cell{Badges: st.Badges()}, cell{Actions: compact(described(r.ID, as...))})
		t.Rows = append(t.Rows, r)
	}
	return t
}

func compact(as []action) []action {
	for i := range as {
		as[i].Compact = true
	}
	return as
}

// columns makes the headers; the last of a table with buttons is only said.
func (s Shell) columns(ids ...string) []column {
	var out []column
	for _, id := range ids {
		out = append(out, column{Label: s.T(id), Quiet: id == "col.actions"})
	}
	return out
}

// cells gives each cell its column's name, for the card form of narrow frames.
func (s Shell) cells(cols []column, cs ...cell) []cell {
	for i := range cs {
		if !cols[i].Quiet {
			cs[i].Label = cols[i].Label
		}
	}
	return cs
}

func (s Shell) caseRow(c workflow.Case) row {
	return row{ID: "r-" + c.Request.ID, Code: c.Request.Code(), Title: s.title(c), Href: casePath(c.Request, "")}
}
