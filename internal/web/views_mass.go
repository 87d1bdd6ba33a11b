package web

import (
	"html/template"
	"net/url"
	"strconv"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/workflow"
)

// The pages of mass revocations.
const (
	PageMass       = "mass"        // a plan to confirm, its progress, its report
	PageMasses     = "masses"      // the list
	PageMassStatus = "mass_status" // fragment: the poll's answer
)

// massesPath is the address of the list; one of them stands below it.
const massesPath = "/revocations"

func massPath(id, rest string) string { return massesPath + "/" + url.PathEscape(id) + rest }

// MassInput is one mass revocation to show, with what was typed to start it.
type MassInput struct {
	Mass          workflow.MassPage
	Count, Reason string
	Errors        *access.FormError
}

// MassView is a plan, its progress, or its report, by the state it is in.
type MassView struct {
	frame
	Planned bool
	Lead    template.HTML
	What    []template.HTML
	Facts   []fact
	Groups  []massGroup
	Count   *field
	Reason  *field
	Action  string
	Terms   string
	Do      action
	Keep    action
	Status  MassStatus
	// ExportTo is where the report is had as a file, of so many Rows.
	ExportTo, Rows string
	All            action
}

// massGroup is how the tokens divide by one word.
type massGroup struct {
	Title string
	Facts []fact
}

// MassStatus is the line that tells how far it has come. The poll replaces it
// and nothing else.
type MassStatus struct {
	frame
	Kind, Icon string
	Text       template.HTML
	Poll       string
	Again      *action
	Go         *action
}

// NewMassView is the page of one mass revocation.
func NewMassView(s Shell, in MassInput) MassView {
	m := in.Mass
	s.Asks = m.State == access.MassPlanned
	v := MassView{frame: newFrame(s, PageTokens, s.T("mass.h1"), massPath(m.ID, "")), Planned: m.State == access.MassPlanned}
	v.Groups = s.massGroups(m)
	v.Facts = []fact{s.fact("mass.selection", s.massWords(m.Filter))}
	v.All = s.goTo(linklike, "mass.all", massesPath)
	if v.Planned {
		v.plan(s, in)
		return v
	}
	if m.Reason != "" {
		v.Facts = append(v.Facts, s.fact("mass.reason", s.value(m.Reason, "")))
	}
	by := s.value(m.By, "")
	if m.ByName != "" {
		by = s.value(m.ByName, "")
	}
	v.Facts = append(v.Facts, s.fact("mass.by", by), s.fact("mass.started", s.momentTag(m.StartedAt)))
	v.Status = NewMassStatus(s, m)
	if m.State == access.MassDone {
		v.Facts = append(v.Facts, s.fact("mass.ended", s.momentTag(m.EndedAt)), s.fact("mass.took", s.lasts(m.Took(s.Now))))
	}
	v.Facts = append(v.Facts, s.fact("mass.estimate", s.massSpan(m.Mass)))
	// What moves while it runs stands in the status alone, which the poll replaces.
	if m.State == access.MassDone {
		v.Facts = append(v.Facts, s.fact("mass.gone", s.value(word(strconv.Itoa(m.Counts.Gone)), "")))
		if m.Counts.EndedBefore > 0 {
			v.Facts = append(v.Facts, s.fact("mass.ended_before", s.value(word(strconv.Itoa(m.Counts.EndedBefore)), "")))
		}
	}
	v.ExportTo, v.Rows = massPath(m.ID, "/export"), s.T("export.rows", "Count", m.Counts.Total())
	return v
}

func (v *MassView) plan(s Shell, in MassInput) {
	m := in.Mass
	v.H1 = s.T("mass.plan_h1", "Count", m.Tokens)
	v.setErrors(in.Errors)
	v.Lead = s.H("mass.lead", "Tokens", word(s.T("mass.tokens", "Count", m.Tokens)), "People", word(s.T("mass.people", "Count", m.People)))
	v.What = []template.HTML{s.H("mass.what"), s.H("mass.time", "Span", s.massSpan(m.Mass))}
	if m.Missing > 0 {
		v.What = append(v.What, s.H("mass.missing", "Count", m.Missing))
	}
	errs := s.errorsOf(in.Errors)
	v.Count = &field{ID: "f-count", Name: "count", Label: s.T("mass.type", "Number", strconv.Itoa(m.Tokens)), Type: "text", Value: in.Count, Max: 9, Required: true,
		NoAutofill: true, Error: errs["count"], ErrorWord: s.T("words.error")}
	r := s.panelArea("reason", "confirm.reason", in.Reason, errs)
	r.Hint, r.Required = s.H("mass.reason_hint"), true
	v.Reason = &r
	v.Action, v.Terms = massPath(m.ID, ""), access.MassTerms(m.Mass).Digest()
	v.Do, v.Keep = s.submit(dangerFill, "mass.do", "", ""), s.goTo(secondary, "mass.keep", "/tokens")
}

// NewMassStatus is how far a mass revocation has come.
func NewMassStatus(s Shell, m workflow.MassPage) MassStatus {
	st := MassStatus{frame: frame{Shell: s}, Kind: "warn", Icon: "ring"}
	done := m.Counts.Gone + m.Counts.EndedBefore
	st.Text = s.H("mass.progress", "Done", word(strconv.Itoa(done)), "Total", word(strconv.Itoa(m.Counts.Total())))
	if m.State == access.MassDone {
		st.Kind, st.Icon = "good", "check"
		st.Text = s.H("mass.done", "Tokens", word(s.T("mass.tokens", "Count", m.Counts.Gone)), "When", moment(m.EndedAt))
		if m.Counts.Gone == 0 {
			st.Text = s.H("mass.done_none", "When", moment(m.EndedAt))
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

// NewMassEnd is the poll's answer once it is done: it leads to the report.
func NewMassEnd(s Shell, m workflow.MassPage) MassStatus {
	st := NewMassStatus(s, m)
	if m.State != access.MassDone {
		return st
	}
	a := s.goTo(secondary, "mass.report", massPath(m.ID, ""))
	st.Go = &a
	return st
}

// massWords says a filter in the words of the Tokens page.
func (s Shell) massWords(f access.MassFilter) template.HTML {
	var out template.HTML
	add := func(label string, value any) {
		if out != "" {
			out += ", "
		}
		out += s.H("mass.pair", "Label", word(s.T(label)), "Value", value)
	}
	switch {
	case f == access.MassFilter{}:
		return s.H("mass.picked")
	case f.All:
		return s.H("mass.every")
	}
	if f.Role != "" {
		add("filter.role", word(s.affiliation(f.Role)))
	}
	if f.Course != "" {
		add("filter.course", code(f.Course))
	}
	if f.Sponsor != "" {
		add("filter.sponsor", code(f.Sponsor))
	}
	if f.Vendor != "" {
		add("filter.vendor", f.Vendor)
	}
	if f.AI != "" {
		add("filter.ai", word(s.T("filter.ai_"+f.AI)))
	}
	if !f.IssuedBefore.IsZero() {
		add("mass.issued_before", day(f.IssuedBefore))
	}
	if f.IdleDays > 0 {
		add("filter.idle", word(s.T("filter.idle_days", "Count", f.IdleDays)))
	}
	if f.Owner != "" {
		add("mass.owner", code(f.Owner))
	}
	return out
}

// massSpan writes how long a mass revocation may take.
func (s Shell) massSpan(m access.Mass) template.HTML {
	return s.H("mass.span", "Least", s.lasts(m.Estimate), "Most", s.lasts(m.Longest()))
}

// lasts writes how long something takes, as near as a plan can tell.
func (s Shell) lasts(d time.Duration) template.HTML {
	id, n := "mass.seconds", int(d/time.Second)
	switch {
	case d >= 2*time.Hour:
		id, n = "mass.hours", int((d+30*time.Minute)/time.Hour)
	case d >= 2*time.Minute:
		id, n = "mass.minutes", int((d+30*time.Second)/time.Minute)
	}
	return s.H(id, "Count", n)
}

func (s Shell) massGroups(m workflow.MassPage) []massGroup {
	var out []massGroup
	for _, g := range []struct {
		title string
		all   []workflow.MassGroup
		words func(string) string
	}{
		{"mass.by_role", m.Roles, func(k string) string { return s.affiliation(policy.Affiliation(k)) }},
		{"mass.by_course", m.Courses, func(k string) string { return s.orNone(k) }},
		{"mass.by_vendor", m.Vendors, func(k string) string { return s.orNone(k) }},
	} {
		if len(g.all) == 0 {
			continue
		}
		one := massGroup{Title: s.T(g.title)}
		for _, x := range g.all {
			one.Facts = append(one.Facts, fact{Term: g.words(x.Word), Value: s.value(word(s.T("mass.tokens", "Count", x.Tokens)), "")})
		}
		out = append(out, one)
	}
	return out
}

func (s Shell) orNone(v string) string {
	if v == "" {
		return s.T("mass.none")
	}
	return v
}

// MassesView is the list of mass revocations.
type MassesView struct {
	frame
	Count string
	Table table
	Empty *empty
	Back  action
}

// NewMassesView is the list of mass revocations, newest first.
func NewMassesView(s Shell, all []workflow.MassPage) MassesView {
	v := MassesView{frame: newFrame(s, PageTokens, s.T("mass.list_h1"), massesPath), Back: s.goTo(secondary, "mass.back", "/tokens")}
	v.Count = s.T("mass.list_count", "Count", len(all))
	if len(all) == 0 {
		v.Empty = &empty{Icon: "tray", Title: s.T("mass.list_empty"), Text: s.T("mass.list_empty_text")}
		return v
	}
	t := table{ID: "masses", Caption: s.T("mass.list_h1")}
	t.Columns = s.columns("mass.col_what", "mass.col_tokens", "mass.col_by", "mass.col_started", "col.status")
	for _, m := range all {
		by := m.ByName
		if by == "" {
			by = m.By
		}
		b := badge{Kind: "warn", Icon: "triangle", Word: s.T("mass.running")}
		switch {
		case m.State == access.MassDone:
			b = badge{Kind: "good", Icon: "check", Word: s.T("mass.finished")}
		case m.StillUsable(s.Now) > 0:
			b = badge{Kind: "bad", Icon: "octagon", Word: s.T("status.stuck")}
		}
		r := row{ID: "mass-" + m.ID, Title: s.T("mass.row", "Tokens", s.T("mass.tokens", "Count", m.Tokens), "When", s.P.DateTime(m.StartedAt)), Href: massPath(m.ID, "")}
		r.Cells = s.cells(t.Columns[1:],
			cell{HTML: s.H("mass.progress", "Done", word(strconv.Itoa(m.Counts.Gone+m.Counts.EndedBefore)), "Total", word(strconv.Itoa(m.Counts.Total())))},
			cell{HTML: s.value(by, "")}, cell{HTML: s.massWords(m.Filter)}, cell{Badges: []badge{b}})
		t.Rows = append(t.Rows, r)
	}
	v.Table = t
	return v
}
