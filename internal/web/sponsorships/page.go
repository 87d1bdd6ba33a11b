package sponsorships

import (
	"html/template"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/web/ui"
)

// Page is the sponsor's list.
type Page struct {
	ui.Frame
	WaitingTitle, StandingTitle, PastTitle string
	Waiting                                []ui.Card
	Standing                               ui.Table
	Past                                   []ui.Card
	WaitingPages, StandingPages, PastPages *pages
	PastOpen                               bool // who goes on in it sees it
	Empty                                  *ui.Empty
}

// pages walk one part of the list, where it has more than one.
type pages struct {
	ui.Shell
	Pager ui.Pager
}

// NewPage is the sponsor's list.
func NewPage(s ui.Shell, l cases.Sponsorships) Page {
	p := Page{Frame: ui.NewFrame(s, ui.PageSponsorships, s.T("sponsorships.h1"), ui.WithQuery(path, nil, l.After))}
	if len(l.Waiting)+len(l.Standing)+len(l.Past) == 0 && l.After == "" {
		p.Empty = &ui.Empty{Icon: "hands", Title: s.T("sponsorships.empty"), Text: s.T("sponsorships.empty_text")}
		return p
	}
	p.WaitingTitle = s.T("sponsorships.waiting", "Number", l.WaitingAt.Total)
	p.WaitingPages = pagesOf(s, "sponsorships.pages_waiting", "waiting-list", l.WaitingAt, len(l.Waiting))
	for i, c := range l.Waiting {
		st, end := ui.RequestStatus(s, c, ui.AsSponsor), c.Request.End
		if c.Can[access.TurnDown] {
			st, end = ui.TakeOverStatus(s, c), c.Grant.EndsAt()
		}
		k := ui.BaseCard(s, c, st)
		k.Facts = []ui.Fact{
			s.Fact("fact.student", s.Value(s.PersonName(c, c.Request.Requester), "")),
			s.Fact("fact.course", s.Value(s.CourseName(c.Request.Course), "")),
			s.Fact("fact.end", s.DayTag(end)),
		}
		k.Actions = ui.Described(k.ID, s.GoTo(ui.Primary, "sponsorships.open", ui.CasePath(c.Request, "")))
		if i > 0 {
			ui.Demote(k.Actions)
		}
		p.Waiting = append(p.Waiting, k)
	}
	p.StandingTitle = s.T("sponsorships.standing", "Number", l.StandingAt.Total)
	p.StandingPages = pagesOf(s, "sponsorships.pages_standing", "standing-list", l.StandingAt, len(l.Standing))
	p.Standing = sponsoredTable(s, l.Standing)
	p.PastTitle = s.T("sponsorships.past", "Number", len(l.Past))
	if p.PastPages = pagesOf(s, "sponsorships.pages_past", "past-list", l.PastAt, len(l.Past)); p.PastPages != nil {
		p.PastTitle, p.PastOpen = s.T("sponsorships.past_part"), l.PastAt.From > 1
	}
	for _, c := range l.Past {
		st := ui.RequestStatus(s, c, ui.AsSponsor)
		k := ui.BaseCard(s, c, st)
		if c.Grant != nil && c.Request.State == access.Fulfilled {
			st = ui.GrantStatus(s, c, ui.AsSponsor)
			k.Badges, k.Now = st.Badges(), st.Now
		}
		k.Facts = []ui.Fact{s.Fact("fact.student", s.Value(s.PersonName(c, c.Request.Requester), ""))}
		p.Past = append(p.Past, k)
	}
	return p
}

// path is the address of the list.
const path = "/sponsorships"

// pagesOf walks a part, under its heading, that does not fit on one page; nil is one
// that does.
func pagesOf(s ui.Shell, label, heading string, at cases.Span, n int) *pages {
	if at.From <= 1 && at.Next == "" {
		return nil
	}
	first := ""
	if at.From > 1 {
		first = "1" // the part begins again at its first page, as the others do
	}
	out := pages{Shell: s, Pager: s.Pager(path, nil, first, at.From, n, at.Total, at.Next)}
	out.Pager.Label, out.Pager.By = s.T(label), heading
	if at.Total == 0 {
		out.Pager.Showing = s.T("list.showing_part", "From", at.From, "To", at.From+n-1)
	}
	return &out
}

func sponsoredTable(s ui.Shell, cs []cases.Case) ui.Table {
	t := ui.Table{ID: "standing", Caption: s.T("sponsorships.caption")}
	t.Columns = s.Columns("col.token", "col.student", "col.ends", "col.last_used", "col.status", "col.actions")
	for _, c := range cs {
		r := ui.CaseRow(s, c)
		st := ui.RequestStatus(s, c, ui.AsSponsor)
		end, used := s.DayTag(c.Request.End), template.HTML("")
		var small template.HTML
		var as []ui.Action
		if c.Grant != nil && c.Grant.State.Live() {
			st = ui.GrantStatus(s, c, ui.AsSponsor)
			if e := c.Grant.EndsAt(); !e.IsZero() {
				end = s.DayTag(e)
			}
			used, small = ui.LastUsedCell(s, *c.Grant)
			r.Href = ui.GrantPath(c.Grant, "")
			as = append(as, ui.Sponsoring(s, c)...)
			if c.Can[access.ReportLeak] {
				as = append(as, ui.LeakAction(s, c))
			}
			if c.Can[access.Revoke] {
				as = append(as, s.GoTo(ui.Danger, "act.revoke", ui.GrantPath(c.Grant, "/revoke")))
			}
		}
		r.Cells = s.Cells(t.Columns[1:],
			ui.Cell{HTML: s.Value(s.PersonName(c, c.Request.Requester), ""), Small: s.Value(s.CourseName(c.Request.Course), "")},
			ui.Cell{HTML: end}, ui.Cell{HTML: used, Small: small}, ui.Cell{Badges: st.Badges()}, ui.Cell{Actions: ui.Compact(ui.Described(r.ID, as...))})
		t.Rows = append(t.Rows, r)
	}
	return t
}
