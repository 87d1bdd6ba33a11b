package web

import (
	"html/template"
	"net/url"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/workflow"
)

// suspectField is the one form field that holds a token's value. No page, log,
// kept text or retry repeats it.
const suspectField = "suspect"

// LeaksPage is the reviewers' list of leaks, with the form that checks a
// suspected token.
type LeaksPage struct {
	frame
	OpenTitle, ClearedTitle string
	Open                    []card
	Cleared                 table
	Empty                   *empty
	Pager                   pager
	Suspect                 field
	Check                   action
}

// LeaksInput is what the list is made from. Errors are of the check.
type LeaksInput struct {
	List   workflow.LeakList
	After  string
	Errors *access.FormError
}

// NewLeaksPage is the list of leaks.
func NewLeaksPage(s Shell, in LeaksInput) LeaksPage {
	l := in.List
	p := LeaksPage{frame: newFrame(s, PageLeaks, s.T("leaks.h1"), withQuery("/leaks", url.Values{}, in.After))}
	p.setErrors(in.Errors)
	p.OpenTitle = s.T("leaks.open", "Number", l.Opened)
	for i, r := range l.Open {
		k := s.leakCard(r)
		if i > 0 {
			demote(k.Actions)
		}
		p.Open = append(p.Open, k)
	}
	if l.Opened == 0 {
		p.Empty = &empty{Icon: "check", Title: s.T("leaks.none"), Text: s.T("leaks.none_text")}
	}
	if l.Total > 0 {
		p.ClearedTitle = s.T("leaks.cleared", "Number", l.Total)
		p.Cleared = s.clearedTable(l.Cleared)
		p.Pager = s.pager("/leaks", url.Values{}, in.After, l.From, len(l.Cleared), l.Total, l.Next)
	}
	p.Suspect = field{ID: "f-" + suspectField, Name: suspectField, Type: "text", Label: s.T("leaks.suspect"), Hint: s.H("leaks.suspect_hint"),
		Error: s.errorsOf(in.Errors)[suspectField], ErrorWord: s.T("words.error"), NoAutofill: true, Max: workflow.IntakeLimit}
	p.Check = s.submit(secondary, "leaks.check", "", "")
	return p
}

func leakPath(i access.Incident, rest string) string { return "/leaks/" + url.PathEscape(i.ID) + rest }

// leakTitle names the token of a leak.
func (s Shell) leakTitle(r workflow.LeakRow) string {
	if r.Case.Grant == nil {
		return s.T("leak.h1_unknown")
	}
	return s.title(r.Case)
}

func (s Shell) leakStatus(r workflow.LeakRow) status {
	i := r.Incident
	switch {
	case !i.Open():
		return status{Badge: s.badge("quiet", "leak_cleared"), Now: s.H("leak.cleared", "Name", who(s.orSomebody(r.Clearer)), "When", moment(i.ClearedAt))}
	case r.Case.Grant != nil && r.Case.Grant.State.Live():
		return status{Badge: s.badge("bad", "leak_waits"), Now: s.H("leak.waits", "When", moment(i.OpenedAt))}
	}
	return status{Badge: s.badge("warn", "leak_open"), Now: s.H("leak.open", "When", moment(i.OpenedAt), "Requester", who(s.name(r.Case, i.Owner)))}
}

func (s Shell) orSomebody(name string) string {
	if name == "" {
		return s.T("words.somebody")
	}
	return name
}

func (s Shell) leakFacts(r workflow.LeakRow) []fact {
	i, c := r.Incident, r.Case
	out := []fact{s.fact("fact.owner", s.value(s.name(c, i.Owner), ""))}
	if c.Grant != nil && c.Grant.Sponsor != "" {
		out = append(out, s.fact("fact.sponsor", s.value(s.name(c, c.Grant.Sponsor), "")))
	}
	return append(out, s.fact("fact.reported_by", s.H("leak.how_"+string(i.How), "Name", s.orSomebody(r.Reporter))))
}

func (s Shell) leakCard(r workflow.LeakRow) card {
	st := s.leakStatus(r)
	k := card{ID: "l-" + r.Incident.ID, Title: s.leakTitle(r), Href: leakPath(r.Incident, ""), Badges: st.Badges(), Now: st.Now, Facts: s.leakFacts(r)}
	if r.Case.Grant != nil {
		k.Code = r.Case.Request.Code()
	}
	k.Actions = described(k.ID, s.goTo(primary, "act.open_leak", k.Href))
	return k
}

func (s Shell) clearedTable(rows []workflow.LeakRow) table {
	t := table{ID: "cleared", Caption: s.T("leaks.caption")}
	t.Columns = s.columns("col.token", "col.owner", "col.reported", "col.cleared")
	for _, r := range rows {
		x := row{ID: "l-" + r.Incident.ID, Title: s.leakTitle(r), Href: leakPath(r.Incident, "")}
		if r.Case.Grant != nil {
			x.Code = r.Case.Request.Code()
		}
		x.Cells = s.cells(t.Columns[1:],
			cell{HTML: s.value(s.name(r.Case, r.Incident.Owner), "")},
			cell{HTML: s.dayTag(r.Incident.OpenedAt)},
			cell{HTML: s.dayTag(r.Incident.ClearedAt), Small: s.value(s.orSomebody(r.Clearer), "")})
		t.Rows = append(t.Rows, x)
	}
	return t
}

// lastLeak is a leak in one line, for who decides on another request.
func (s Shell) lastLeak(i access.Incident) template.HTML {
	id := "check.leak_open"
	if !i.Open() {
		id = "check.leak_cleared"
	}
	return template.HTML(`<a href="`+leakPath(i, "")+`">`) + s.H(id, "When", day(i.OpenedAt), "Cleared", day(i.ClearedAt)) + "</a>" //nolint:gosec // our own id
}

// LeakPage is one leak, for reviewers.
type LeakPage struct {
	frame
	Status  status
	Subject template.HTML
	Facts   []fact
	Links   []action
	Seen    []seenView
	Note    string
	Blocked string
	Clear   *clearForm
	Story   story
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
	Note   field
	Do     action
}

// LeakInput is one leak, and what was typed into its form.
type LeakInput struct {
	Page   workflow.LeakPage
	Note   string
	Errors *access.FormError
}

// NewLeakPage is one leak.
func NewLeakPage(s Shell, in LeakInput) LeakPage {
	l := in.Page
	h1 := s.T("leak.h1", "Title", s.leakTitle(l.LeakRow))
	if l.Case.Grant == nil {
		h1 = s.T("leak.h1_unknown")
	}
	p := LeakPage{frame: newFrame(s, PageLeaks, h1, leakPath(l.Incident, "")), Status: s.leakStatus(l.LeakRow), Note: s.said(l.Note)}
	p.setErrors(in.Errors)
	p.Facts = append(s.leakFacts(l.LeakRow), s.fact("fact.reported", s.dayTag(l.Incident.OpenedAt)))
	if g := l.Case.Grant; g != nil {
		p.Subject = s.subject(l.Case)
		st := s.grantStatus(l.Case, asReviewer)
		p.Facts = append(p.Facts, s.fact("fact.leak_token", st.Now))
		p.Links = []action{s.goTo(secondary, "leak.done_back", grantPath(g, ""))}
	}
	for _, x := range l.Seen {
		var by any = who(s.orSomebody(x.Actor))
		p.Seen = append(p.Seen, seenView{By: s.H("leak.seen_by", "Actor", by, "When", moment(x.At)), Text: s.said(x.Quote)})
	}
	switch {
	case l.Can:
		f := s.panelArea("reason", "leak.clear_note", in.Note, s.errorsOf(in.Errors))
		f.Hint, f.Required = s.H("leak.clear_note_hint"), true
		p.Clear = &clearForm{Lead: s.H("leak.clear_text", "Requester", s.name(l.Case, l.Incident.Owner)), Action: leakPath(l.Incident, "/clear"), Terms: l.Terms.Digest(),
			Note: f, Do: s.submit(primary, "leak.clear", "", "")}
	case l.Waits && l.Why == "":
		p.Blocked = s.T("leak.clear_waits")
	case l.Incident.Open():
		p.Blocked = s.T(clearBlockedKey(l.Why))
	}
	p.Story = s.newStory(l.Story, nil)
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

// LeakReportedPage is what stands after a report: what is known, and the one
// question that nobody has to answer.
type LeakReportedPage struct {
	frame
	Kind     string
	Lead     template.HTML
	Next     template.HTML
	Subject  template.HTML
	Question *field
	Action   string
	Send     action
	Back     action
}

// ReportedInput is a token whose leak is open, and what was typed.
type ReportedInput struct {
	Token  workflow.TokenPage
	Seen   string
	Told   bool // it was answered
	Errors *access.FormError
}

// NewLeakReportedPage is the page after a report.
func NewLeakReportedPage(s Shell, in ReportedInput) LeakReportedPage {
	c, g := in.Token.Case, *in.Token.Grant
	p := LeakReportedPage{frame: newFrame(s, currentFor(c, access.ReportLeak), s.T("leak.done_h1"), grantPath(&g, "/leak")), Subject: s.subject(c)}
	p.setErrors(in.Errors)
	switch {
	case !g.State.Final():
		p.Lead = s.H("leak.done_waits")
	case g.Cause == access.ByLeak:
		p.Lead = s.H("leak.done_gone", "When", moment(g.EndedAt))
	default:
		p.Lead = s.H("leak.done_ended")
	}
	p.Next = s.H("leak.done_next", "Office", word(s.office()))
	if !c.Own {
		p.Next = s.H("leak.done_next_other", "Requester", s.name(c, g.Owner))
	}
	if !in.Told {
		f := s.panelArea("seen", "leak.done_question", in.Seen, s.errorsOf(in.Errors))
		f.Hint, f.NoAutofill = s.H("leak.done_question_hint"), true
		p.Question, p.Action, p.Send = &f, grantPath(&g, "/leak/seen"), s.submit(secondary, "leak.done_send", "", "")
	}
	p.Back = s.goTo(linklike, "leak.done_back", grantPath(&g, ""))
	return p
}
