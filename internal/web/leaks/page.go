package leaks

import (
	"html/template"
	"net/url"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/desk/leaks"
	"github.com/tokendesk/tokendesk/internal/web/ui"
)

// ListPage is the reviewers' list of leaks, with the form that checks a
// suspected token.
type ListPage struct {
	ui.Frame
	OpenTitle, ClearedTitle string
	Open                    []ui.Card
	Cleared                 ui.Table
	Empty                   *ui.Empty
	Pager                   ui.Pager
	Suspect                 ui.Field
	Check                   ui.Action
}

// ListInput is what the list is made from. Errors are of the check.
type ListInput struct {
	List   leaks.List
	After  string
	Errors *access.FormError
}

// NewListPage is the list of leaks.
func NewListPage(s ui.Shell, in ListInput) ListPage {
	l := in.List
	p := ListPage{Frame: ui.NewFrame(s, ui.PageLeaks, s.T("leaks.h1"), ui.WithQuery("/leaks", url.Values{}, in.After))}
	p.SetErrors(in.Errors)
	p.OpenTitle = s.T("leaks.open", "Number", l.Opened)
	for i, r := range l.Open {
		k := leakCard(s, r)
		if i > 0 {
			ui.Demote(k.Actions)
		}
		p.Open = append(p.Open, k)
	}
	if l.Opened == 0 {
		p.Empty = &ui.Empty{Icon: "check", Title: s.T("leaks.none"), Text: s.T("leaks.none_text")}
	}
	if l.Total > 0 {
		p.ClearedTitle = s.Many("leaks.cleared", l.Total)
		p.Cleared = clearedTable(s, l.Cleared)
		p.Pager = s.Pager("/leaks", url.Values{}, in.After, l.From, len(l.Cleared), l.Total, l.Next)
	}
	p.Suspect = ui.Field{ID: "f-" + ui.SuspectField, Name: ui.SuspectField, Type: "text", Label: s.T("leaks.suspect"), Hint: s.H("leaks.suspect_hint"),
		Error: s.ErrorsOf(in.Errors)[ui.SuspectField], ErrorWord: s.T("words.error"), NoAutofill: true, Max: leaks.IntakeLimit}
	p.Check = s.Submit(ui.Secondary, "leaks.check", "", "")
	return p
}

// leakTitle names the token of a leak.
func leakTitle(s ui.Shell, r leaks.Row) string {
	if r.Case.Grant == nil {
		return s.T("leak.h1_unknown")
	}
	return s.CaseTitle(r.Case)
}

func leakStatus(s ui.Shell, r leaks.Row) ui.Status {
	i := r.Incident
	switch {
	case !i.Open():
		return ui.Status{Badge: s.Badge("quiet", "leak_cleared"), Now: s.H("leak.cleared", "Name", ui.Who(orSomebody(s, r.Clearer)), "When", ui.Moment(i.ClearedAt))}
	case r.Case.Grant != nil && r.Case.Grant.State.Live():
		return ui.Status{Badge: s.Badge("bad", "leak_waits"), Now: s.H("leak.waits", "When", ui.Moment(i.OpenedAt))}
	}
	return ui.Status{Badge: s.Badge("warn", "leak_open"), Now: s.H("leak.open", "When", ui.Moment(i.OpenedAt), "Requester", ui.Who(s.PersonName(r.Case, i.Owner)))}
}

func orSomebody(s ui.Shell, name string) string {
	if name == "" {
		return s.T("words.somebody")
	}
	return name
}

func leakFacts(s ui.Shell, r leaks.Row) []ui.Fact {
	i, c := r.Incident, r.Case
	out := []ui.Fact{s.Fact("fact.owner", s.Value(s.PersonName(c, i.Owner), ""))}
	if c.Grant != nil && c.Grant.Sponsor != "" {
		out = append(out, s.Fact("fact.sponsor", s.Value(s.PersonName(c, c.Grant.Sponsor), "")))
	}
	return append(out, s.Fact("fact.reported_by", s.H("leak.how_"+string(i.How), "Name", orSomebody(s, r.Reporter))))
}

func leakCard(s ui.Shell, r leaks.Row) ui.Card {
	st := leakStatus(s, r)
	k := ui.Card{ID: "l-" + r.Incident.ID, Title: leakTitle(s, r), Href: ui.LeakPath(r.Incident, ""), Badges: st.Badges(), Now: st.Now, Facts: leakFacts(s, r)}
	if r.Case.Grant != nil {
		k.Code = r.Case.Request.Code()
	}
	k.Actions = ui.Described(k.ID, s.GoTo(ui.Primary, "act.open_leak", k.Href))
	return k
}

func clearedTable(s ui.Shell, rows []leaks.Row) ui.Table {
	t := ui.Table{ID: "cleared", Caption: s.T("leaks.caption")}
	t.Columns = s.Columns("col.token", "col.owner", "col.reported", "col.cleared")
	for _, r := range rows {
		x := ui.Row{ID: "l-" + r.Incident.ID, Title: leakTitle(s, r), Href: ui.LeakPath(r.Incident, "")}
		if r.Case.Grant != nil {
			x.Code = r.Case.Request.Code()
		}
		x.Cells = s.Cells(t.Columns[1:],
			ui.Cell{HTML: s.Value(s.PersonName(r.Case, r.Incident.Owner), "")},
			ui.Cell{HTML: s.DayTag(r.Incident.OpenedAt)},
			ui.Cell{HTML: s.DayTag(r.Incident.ClearedAt), Small: s.Value(orSomebody(s, r.Clearer), "")})
		t.Rows = append(t.Rows, x)
	}
	return t
}

// Page is one leak, for reviewers.
type Page struct {
	ui.Frame
	Status  ui.Status
	Subject template.HTML
	Facts   []ui.Fact
	Links   []ui.Action
	Seen    []seenView
	Note    string
	Blocked string
	Clear   *clearForm
	Story   ui.Story
}

// seenView is one answer to where it was seen.
type seenView struct {
	By   template.HTML
	Text string
}

type clearForm struct {
	Lead   template.HTML
	Terms  string
	Action string
	Note   ui.Field
	Do     ui.Action
}

// Input is one leak, and what was typed into its form.
type Input struct {
	Page   leaks.Page
	Note   string
	Errors *access.FormError
}

// NewPage is one leak.
func NewPage(s ui.Shell, in Input) Page {
	l := in.Page
	h1 := s.T("leak.h1", "Title", leakTitle(s, l.Row))
	if l.Case.Grant == nil {
		h1 = s.T("leak.h1_unknown")
	}
	p := Page{Frame: ui.NewFrame(s, ui.PageLeaks, h1, ui.LeakPath(l.Incident, "")), Status: leakStatus(s, l.Row), Note: s.Said(l.Note)}
	p.SetErrors(in.Errors)
	p.Facts = append(leakFacts(s, l.Row), s.Fact("fact.reported", s.DayTag(l.Incident.OpenedAt)))
	if g := l.Case.Grant; g != nil {
		p.Subject = ui.Subject(s, l.Case)
		st := ui.GrantStatus(s, l.Case, ui.AsReviewer)
		p.Facts = append(p.Facts, s.Fact("fact.leak_token", st.Now))
		p.Links = []ui.Action{s.GoTo(ui.Secondary, "leak.done_back", ui.GrantPath(g, ""))}
	}
	for _, x := range l.Seen {
		var by any = ui.Who(orSomebody(s, x.Actor))
		p.Seen = append(p.Seen, seenView{By: s.H("leak.seen_by", "Actor", by, "When", ui.Moment(x.At)), Text: s.Said(x.Quote)})
	}
	switch {
	case l.Can:
		f := s.PanelArea("reason", "leak.clear_note", in.Note, s.ErrorsOf(in.Errors))
		f.Hint, f.Required = s.H("leak.clear_note_hint"), true
		p.Clear = &clearForm{Lead: s.H("leak.clear_text", "Requester", s.PersonName(l.Case, l.Incident.Owner)), Action: ui.LeakPath(l.Incident, "/clear"), Terms: l.Terms.Digest(),
			Note: f, Do: s.Submit(ui.Primary, "leak.clear", "", "")}
	case l.Waits && l.Why == "":
		p.Blocked = s.T("leak.clear_waits")
	case l.Incident.Open():
		p.Blocked = s.T(clearBlockedKey(l.Why))
	}
	p.Story = ui.NewStory(s, l.Story, nil)
	return p
}

// clearBlockedKey says why a reviewer cannot clear a leak.
func clearBlockedKey(why access.Why) string {
	switch why {
	case access.WhySelf, access.WhySponsorDecides:
		return "leak.blocked_" + string(why)
	}
	return "leak.blocked"
}

// ReportedPage is what stands after a report: what is known, and the one
// question that nobody has to answer.
type ReportedPage struct {
	ui.Frame
	Kind     string
	Lead     template.HTML
	Next     template.HTML
	Subject  template.HTML
	Question *ui.Field
	Action   string
	Send     ui.Action
	Back     ui.Action
}

// ReportedInput is a token whose leak is open, and what was typed.
type ReportedInput struct {
	Token  cases.TokenPage
	Seen   string
	Told   bool // it was answered
	Errors *access.FormError
}

// NewReportedPage is the page after a report.
func NewReportedPage(s ui.Shell, in ReportedInput) ReportedPage {
	c, g := in.Token.Case, *in.Token.Grant
	p := ReportedPage{Frame: ui.NewFrame(s, ui.ListOf(c, ui.PageTokens), s.T("leak.done_h1"), ui.GrantPath(&g, "/leak")), Subject: ui.Subject(s, c)}
	p.SetErrors(in.Errors)
	switch {
	case !g.State.Final():
		p.Lead = s.H("leak.done_waits")
	case g.Cause == access.ByLeak:
		p.Lead = s.H("leak.done_gone", "When", ui.Moment(g.EndedAt))
	default:
		p.Lead = s.H("leak.done_ended")
	}
	p.Next = s.H("leak.done_next", "Office", ui.Word(s.Office()))
	if !c.Own {
		p.Next = s.H("leak.done_next_other", "Requester", s.PersonName(c, g.Owner))
	}
	if !in.Told {
		f := s.PanelArea("seen", "leak.done_question", in.Seen, s.ErrorsOf(in.Errors))
		f.Hint, f.NoAutofill = s.H("leak.done_question_hint"), true
		p.Question, p.Action, p.Send = &f, ui.GrantPath(&g, "/leak/seen"), s.Submit(ui.Secondary, "leak.done_send", "", "")
	}
	p.Back = s.GoTo(ui.Linklike, "leak.done_back", ui.GrantPath(&g, ""))
	return p
}
