package massrevoke

import (
	"html/template"
	"net/url"
	"strconv"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/massrevoke"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/web/ui"
)

func massPath(id, rest string) string { return ui.MassesPath + "/" + url.PathEscape(id) + rest }

// Input is one mass revocation to show, with what was typed to start it.
type Input struct {
	Mass          massrevoke.Page
	Count, Reason string
	Errors        *access.FormError
}

// Page is a plan, its progress, or its report, by the state it is in.
type Page struct {
	ui.Frame
	Planned bool
	Lead    template.HTML
	What    []template.HTML
	Facts   []ui.Fact
	Groups  []group
	Count   *ui.Field
	Reason  *ui.Field
	Action  string
	Terms   string
	Do      ui.Action
	Keep    ui.Action
	Status  Status
	// ExportTo is where the report is had as a file, of so many Rows.
	ExportTo, Rows string
	All            ui.Action
}

// group is how the tokens divide by one word.
type group struct {
	Title string
	Facts []ui.Fact
}

// Status is the line that tells how far it has come. The poll replaces it
// and nothing else.
type Status struct {
	ui.Frame
	Kind, Icon string
	Text       template.HTML
	Poll       string
	Again      *ui.Action
	Go         *ui.Action
}

// NewPage is the page of one mass revocation.
func NewPage(s ui.Shell, in Input) Page {
	m := in.Mass
	s.Asks = m.State == access.MassPlanned
	v := Page{Frame: ui.NewFrame(s, ui.PageTokens, s.T("mass.h1"), massPath(m.ID, "")), Planned: m.State == access.MassPlanned}
	v.Groups = massGroups(s, m)
	v.Facts = []ui.Fact{s.Fact("mass.selection", massWords(s, m.Filter))}
	v.All = s.GoTo(ui.Linklike, "mass.all", ui.MassesPath)
	if v.Planned {
		v.plan(s, in)
		return v
	}
	if m.Reason != "" {
		v.Facts = append(v.Facts, s.Fact("mass.reason", s.Value(m.Reason, "")))
	}
	by := s.Value(m.By, "")
	if m.ByName != "" {
		by = s.Value(m.ByName, "")
	}
	v.Facts = append(v.Facts, s.Fact("mass.by", by), s.Fact("mass.started", s.MomentTag(m.StartedAt)))
	v.Status = NewStatus(s, m)
	if m.State == access.MassDone {
		v.Facts = append(v.Facts, s.Fact("mass.ended", s.MomentTag(m.EndedAt)), s.Fact("mass.took", lasts(s, m.Took(s.Now))))
	}
	v.Facts = append(v.Facts, s.Fact("mass.estimate", massSpan(s, m.Mass)))
	// What moves while it runs stands in the status alone, which the poll replaces.
	if m.State == access.MassDone {
		v.Facts = append(v.Facts, s.Fact("mass.gone", s.Value(ui.Word(strconv.Itoa(m.Counts.Gone)), "")))
		if m.Counts.EndedBefore > 0 {
			v.Facts = append(v.Facts, s.Fact("mass.ended_before", s.Value(ui.Word(strconv.Itoa(m.Counts.EndedBefore)), "")))
		}
	}
	v.ExportTo, v.Rows = massPath(m.ID, "/export"), s.T("export.rows", "Count", m.Counts.Total())
	return v
}

func (v *Page) plan(s ui.Shell, in Input) {
	m := in.Mass
	v.H1 = s.T("mass.plan_h1", "Count", m.Tokens)
	v.SetErrors(in.Errors)
	v.Lead = s.H("mass.lead", "Tokens", ui.Word(s.T("mass.tokens", "Count", m.Tokens)), "People", ui.Word(s.T("mass.people", "Count", m.People)))
	v.What = []template.HTML{s.H("mass.what"), s.H("mass.time", "Span", massSpan(s, m.Mass))}
	if m.Missing > 0 {
		v.What = append(v.What, s.H("mass.missing", "Count", m.Missing))
	}
	errs := s.ErrorsOf(in.Errors)
	v.Count = &ui.Field{ID: "f-count", Name: "count", Label: s.T("mass.type", "Number", strconv.Itoa(m.Tokens)), Type: "text", Value: in.Count, Max: 9, Required: true,
		NoAutofill: true, Error: errs["count"], ErrorWord: s.T("words.error")}
	r := s.PanelArea("reason", "confirm.reason", in.Reason, errs)
	r.Hint, r.Required = s.H("mass.reason_hint"), true
	v.Reason = &r
	v.Action, v.Terms = massPath(m.ID, ""), access.MassTerms(m.Mass).Digest()
	v.Do, v.Keep = s.Submit(ui.DangerFill, "mass.do", "", ""), s.GoTo(ui.Secondary, "mass.keep", "/tokens")
}

// NewStatus is how far a mass revocation has come.
func NewStatus(s ui.Shell, m massrevoke.Page) Status {
	st := Status{Frame: ui.Frame{Shell: s}, Kind: "warn", Icon: "ring"}
	done := m.Counts.Gone + m.Counts.EndedBefore
	st.Text = s.H("mass.progress", "Done", ui.Word(strconv.Itoa(done)), "Total", ui.Word(strconv.Itoa(m.Counts.Total())))
	if m.State == access.MassDone {
		st.Kind, st.Icon = "good", "check"
		st.Text = s.H("mass.done", "Tokens", ui.Word(s.T("mass.tokens", "Count", m.Counts.Gone)), "When", ui.Moment(m.EndedAt))
		if m.Counts.Gone == 0 {
			st.Text = s.H("mass.done_none", "When", ui.Moment(m.EndedAt))
		}
		st.Say = s.T("mass.done_said")
		return st
	}
	st.Text += " " + s.H("mass.may_work")
	if m.Counts.Retrying > 0 {
		st.Text += " " + s.H("mass.retrying", "Count", m.Counts.Retrying)
	}
	if n := m.StillUsable(s.Now); n > 0 {
		st.Kind, st.Icon = "bad", "octagon"
		st.Text += " " + s.H("mass.still_usable", "Count", n)
	}
	st.Poll = massPath(m.ID, "/status")
	return st
}

// NewEnd is the poll's answer once it is done: it leads to the report.
func NewEnd(s ui.Shell, m massrevoke.Page) Status {
	st := NewStatus(s, m)
	if m.State != access.MassDone {
		return st
	}
	a := s.GoTo(ui.Secondary, "mass.report", massPath(m.ID, ""))
	st.Go = &a
	return st
}

// massWords says a filter in the words of the Tokens page.
func massWords(s ui.Shell, f access.MassFilter) template.HTML {
	var out template.HTML
	add := func(label string, value any) {
		if out != "" {
			out += ", "
		}
		out += s.H("mass.pair", "Label", ui.Word(s.T(label)), "Value", value)
	}
	switch {
	case f == access.MassFilter{}:
		return s.H("mass.picked")
	case f.All:
		return s.H("mass.every")
	}
	if f.Role != "" {
		add("filter.role", ui.Word(s.Affiliation(f.Role)))
	}
	if f.Course != "" {
		add("filter.course", ui.Code(f.Course))
	}
	if f.Sponsor != "" {
		add("filter.sponsor", ui.Code(f.Sponsor))
	}
	if f.Vendor != "" {
		add("filter.vendor", f.Vendor)
	}
	if f.AI != "" {
		add("filter.ai", ui.Word(s.T("filter.ai_"+f.AI)))
	}
	if !f.IssuedBefore.IsZero() {
		add("mass.issued_before", ui.Day(f.IssuedBefore))
	}
	if f.IdleDays > 0 {
		add("filter.idle", ui.Word(s.T("filter.idle_days", "Count", f.IdleDays)))
	}
	if f.Owner != "" {
		add("mass.owner", ui.Code(f.Owner))
	}
	return out
}

// massSpan writes how long a mass revocation may take.
func massSpan(s ui.Shell, m access.Mass) template.HTML {
	return s.H("mass.span", "Least", lasts(s, m.Estimate), "Most", lasts(s, m.Longest()))
}

// lasts writes how long something takes, as near as a plan can tell.
func lasts(s ui.Shell, d time.Duration) template.HTML {
	id, n := "mass.seconds", int(d/time.Second)
	switch {
	case d >= 2*time.Hour:
		id, n = "mass.hours", int((d+30*time.Minute)/time.Hour)
	case d >= 2*time.Minute:
		id, n = "mass.minutes", int((d+30*time.Second)/time.Minute)
	}
	return s.H(id, "Count", n)
}

func massGroups(s ui.Shell, m massrevoke.Page) []group {
	var out []group
	for _, g := range []struct {
		title string
		all   []massrevoke.MassGroup
		words func(string) string
	}{
		{"mass.by_role", m.Roles, func(k string) string { return s.Affiliation(policy.Affiliation(k)) }},
		{"mass.by_course", m.Courses, func(k string) string { return orNone(s, k) }},
		{"mass.by_vendor", m.Vendors, func(k string) string { return orNone(s, k) }},
	} {
		if len(g.all) == 0 {
			continue
		}
		one := group{Title: s.T(g.title)}
		for _, x := range g.all {
			one.Facts = append(one.Facts, ui.Fact{Term: g.words(x.Word), Value: s.Value(ui.Word(s.T("mass.tokens", "Count", x.Tokens)), "")})
		}
		out = append(out, one)
	}
	return out
}

func orNone(s ui.Shell, v string) string {
	if v == "" {
		return s.T("mass.none")
	}
	return v
}

// ListPage is the list of mass revocations.
type ListPage struct {
	ui.Frame
	Count string
	Table ui.Table
	Empty *ui.Empty
	Back  ui.Action
}

// NewListPage is the list of mass revocations, newest first.
func NewListPage(s ui.Shell, all []massrevoke.Page) ListPage {
	v := ListPage{Frame: ui.NewFrame(s, ui.PageTokens, s.T("mass.list_h1"), ui.MassesPath), Back: s.GoTo(ui.Secondary, "mass.back", "/tokens")}
	v.Count = s.T("mass.list_count", "Count", len(all))
	if len(all) == 0 {
		v.Empty = &ui.Empty{Icon: "tray", Title: s.T("mass.list_empty"), Text: s.T("mass.list_empty_text")}
		return v
	}
	t := ui.Table{ID: "masses", Caption: s.T("mass.list_h1")}
	t.Columns = s.Columns("mass.col_what", "mass.col_tokens", "mass.col_by", "mass.col_started", "col.status")
	for _, m := range all {
		by := m.ByName
		if by == "" {
			by = m.By
		}
		b := ui.Badge{Kind: "warn", Icon: "triangle", Word: s.T("mass.running")}
		switch {
		case m.State == access.MassDone:
			b = ui.Badge{Kind: "good", Icon: "check", Word: s.T("mass.finished")}
		case m.StillUsable(s.Now) > 0:
			b = ui.Badge{Kind: "bad", Icon: "octagon", Word: s.T("status.stuck")}
		}
		done := m.Tokens
		if m.State != access.MassDone {
			done = m.Counts.Gone + m.Counts.EndedBefore
		}
		r := ui.Row{ID: "mass-" + m.ID, Title: s.T("mass.row", "Tokens", s.T("mass.tokens", "Count", m.Tokens), "When", s.P.DateTime(m.StartedAt)), Href: massPath(m.ID, "")}
		r.Cells = s.Cells(t.Columns[1:],
			ui.Cell{HTML: s.H("mass.progress", "Done", ui.Word(strconv.Itoa(done)), "Total", ui.Word(strconv.Itoa(m.Tokens)))},
			ui.Cell{HTML: s.Value(by, "")}, ui.Cell{HTML: massWords(s, m.Filter)}, ui.Cell{Badges: []ui.Badge{b}})
		t.Rows = append(t.Rows, r)
	}
	v.Table = t
	return v
}
