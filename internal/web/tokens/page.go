package tokens

import (
	"cmp"
	"html/template"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/web/ui"
)

// ListPage is the list of tokens.
type ListPage struct {
	ui.Frame
	Checked  template.HTML
	Stale    bool
	Cap      template.HTML // the longest life this Canvas was seen to allow
	Count    string
	Filter   ui.Filter
	Table    ui.Table
	Empty    *ui.Empty
	Pager    ui.Pager
	Masses   *ui.Action
	ExportTo string
	Rows     string          // how many rows the export has
	Hidden   []ui.RetryField // the filter, for forms that go on with it
	Bulk     *bulk           // what can be done with the chosen rows
	Matching *bulk           // and with all that match
}

// bulk is a form that does one thing with many rows.
type bulk struct {
	Form, Action, What string
	Do                 ui.Action
}

// tokenSet writes a filter as an address has it.
func tokenSet(s ui.Shell, f cases.TokenFilter) url.Values {
	set := url.Values{}
	for k, v := range map[string]string{"status": string(f.Status), "role": string(f.Affiliation), "ai": f.AI, "course": f.Course,
		"sponsor": f.Sponsor, "vendor": f.Vendor, "q": f.Search} {
		if v != "" {
			set.Set(k, v)
		}
	}
	if !f.EndsBefore.IsZero() {
		set.Set("ends_before", s.IsoDate(f.EndsBefore))
	}
	if f.IdleDays > 0 {
		set.Set("idle_days", strconv.Itoa(f.IdleDays))
	}
	return set
}

// NewListPage is the list of tokens, with the filter that made it.
func NewListPage(s ui.Shell, l cases.TokenList, f cases.TokenFilter) ListPage {
	set := tokenSet(s, f)
	p := ListPage{Frame: ui.NewFrame(s, ui.PageTokens, s.T("tokens.h1"), ui.WithQuery("/tokens", set, f.After)), ExportTo: "/tokens/export"}
	p.Count = s.Many("tokens.count", l.Total)
	p.Rows = s.Many("export.rows", l.Total)
	p.Say = p.Count
	p.Filter = tokenFilter(s, f, set, l.Offers)
	for _, name := range ui.SortedKeys(set) {
		p.Hidden = append(p.Hidden, ui.RetryField{Name: name, Value: set.Get(name)})
	}
	if l.Masses > 0 {
		a := s.GoTo(ui.Secondary, "mass.all", ui.MassesPath)
		p.Masses = &a
	}
	if !l.CheckedAt.IsZero() {
		p.Checked, p.Stale = s.H("tokens.checked", "When", ui.Ago(l.CheckedAt)), s.Now.Sub(l.CheckedAt) > ui.StaleCheck
	}
	if l.Cap.Days > 0 {
		p.Cap = s.H("tokens.cap", "Count", l.Cap.Days, "When", ui.Day(l.Cap.At))
	}
	if len(l.Rows) == 0 {
		p.Empty = &ui.Empty{Icon: "key", Title: s.T("tokens.empty")}
		switch {
		case len(set) > 0:
			p.Empty = s.NothingMatches("/tokens")
		case l.Ended:
			p.Empty.Title = s.T("tokens.none_live")
			p.Empty.Actions = []ui.Action{s.GoTo(ui.Secondary, "tokens.show_ended", "/tokens?status="+string(cases.AnyEnded))}
		}
		return p
	}
	p.Table = tokenTable(s, l.Rows)
	p.Pager = s.Pager("/tokens", set, f.After, l.From, len(l.Rows), l.Total, l.Next)
	if p.Table.Pick != "" {
		do := s.Submit(ui.Danger, "act.revoke", "", "")
		do.By = "bulk-what"
		p.Bulk = &bulk{Form: p.Table.Pick, Action: ui.MassesPath, What: s.T("mass.chosen"), Do: do}
	}
	if l.Targets > 0 {
		do := s.Submit(ui.Danger, "mass.matching", "", "")
		do.By = "matching-what"
		p.Matching = &bulk{Action: ui.MassesPath, What: s.Many("mass.matching_what", l.Targets), Do: do}
	}
	return p
}

func tokenFilter(s ui.Shell, f cases.TokenFilter, set url.Values, offers cases.Offers) ui.Filter {
	b := ui.Filter{Action: "/tokens", Clear: "/tokens"}
	states := []ui.Option{{Label: s.T("filter.live"), Checked: f.Status == ""}}
	for _, st := range append(slices.Clone(access.GrantStates), cases.AnyEnded) {
		states = append(states, ui.Option{Value: string(st), Label: s.T(grantStateKey(st)), Checked: f.Status == st})
	}
	b.Selects = []ui.SelectBox{
		{ID: "q-status", Name: "status", Label: s.T("filter.status"), Options: states},
		s.AnyOf("role", string(f.Affiliation), []string{"student", "faculty", "staff"}, func(k string) string { return s.T("who." + k) }),
		s.AnyOf("ai", f.AI, access.AIUses, func(k string) string { return s.T("filter.ai_" + k) }),
	}
	line := func(name, value string) ui.Field {
		return ui.Field{ID: "q-" + name, Name: name, Type: "text", Label: s.T("filter." + name), Value: value, Max: access.MaxShort}
	}
	idle := ui.Field{ID: "q-idle_days", Name: "idle_days", Type: "number", Label: s.T("filter.idle_for")}
	if f.IdleDays > 0 {
		idle.Value = strconv.Itoa(f.IdleDays)
	}
	before := ui.Field{ID: "q-ends_before", Name: "ends_before", Type: "date", Label: s.T("filter.ends_before"), Value: s.IsoDate(f.EndsBefore)}
	var courses, companies []ui.Option
	for _, c := range offers.Courses {
		courses = append(courses, ui.Option{Value: c.ID, Label: courseLabel(s, c)})
	}
	for _, name := range offers.Companies {
		companies = append(companies, ui.Option{Value: name, Label: name})
	}
	if offers.All {
		b.Selects = append(b.Selects, s.OneOf("course", f.Course, courses), s.OneOf("vendor", f.Vendor, companies))
	} else { // too many for a list: typed exactly
		course, company := line("course", f.Course), line("vendor", f.Vendor)
		course.Label, course.Offers, company.Offers = s.T("filter.course_id"), courses, companies
		b.Inputs = []ui.Field{course, company}
	}
	b.Inputs = append(b.Inputs, line("sponsor", f.Sponsor), before, idle, s.SearchField(f.Search))
	same := func(v string) string { return v }
	b.Chips = s.Chips("/tokens", set, map[string]func(string) string{
		"status": func(v string) string { return s.T(grantStateKey(access.GrantState(v))) },
		"role":   func(v string) string { return s.Affiliation(policy.Affiliation(v)) },
		"ai":     func(v string) string { return s.T("filter.ai_" + v) },
		"course": func(v string) string {
			for _, c := range offers.Courses {
				if c.ID == v {
					v = courseLabel(s, c)
				}
			}
			return s.T("filter.course_chip", "Name", v)
		},
		"sponsor": func(v string) string { return s.T("filter.sponsor_chip", "Name", v) },
		"vendor":  func(v string) string { return s.T("filter.vendor_chip", "Name", v) },
		"ends_before": func(string) string {
			return s.T("filter.ends_before_chip", "Date", s.P.Date(f.EndsBefore))
		},
		"idle_days": func(string) string { return s.T("filter.idle_chip", "Count", f.IdleDays) },
		"q":         same,
	})
	return b
}

// courseLabel names a course among others.
func courseLabel(s ui.Shell, c access.Course) string {
	switch {
	case c.Code == "" || c.Code == c.Name:
		return cmp.Or(c.Name, c.ID)
	case c.Name == "":
		return c.Code
	}
	return s.T("filter.course_of", "Code", c.Code, "Name", c.Name)
}

func grantStateKey(st access.GrantState) string { return "filter.token_" + string(st) }

func tokenTable(s ui.Shell, cs []cases.Case) ui.Table {
	t := ui.Table{ID: "tokens", Caption: s.T("tokens.caption")}
	t.PickLabel = s.T("col.pick")
	t.Columns = s.Columns("col.token", "col.owner", "col.ends", "col.last_used", "col.sponsor", "col.status", "col.actions")
	for _, c := range cs {
		if c.Grant == nil {
			continue
		}
		g := *c.Grant
		r := ui.CaseRow(s, c)
		r.Href = ui.GrantPath(c.Grant, "")
		end := template.HTML("")
		if e := g.EndsAt(); !e.IsZero() {
			end = s.DayTag(e)
		}
		used, small := ui.LastUsedCell(s, g)
		sponsor := ui.SponsorName(s, c)
		if sponsor == "" {
			sponsor = s.H("col.no_sponsor")
		}
		var as []ui.Action
		if c.Can[access.Freeze] {
			as = append(as, s.GoTo(ui.Secondary, "act.freeze", ui.GrantPath(c.Grant, "/freeze")))
		}
		if c.Can[access.Revoke] {
			as = append(as, s.GoTo(ui.Danger, "act.revoke", ui.GrantPath(c.Grant, "/revoke")))
		}
		if c.Can[access.Revoke] && slices.Contains(access.MassTargets, g.State) {
			t.Pick = "chosen"
			r.Box = &ui.Box{Name: "grant", Value: g.ID, Label: s.T("mass.pick", "Title", s.CaseTitle(c), "Name", s.PersonName(c, g.Owner))}
		}
		r.Cells = s.Cells(t.Columns[1:],
			ui.Cell{HTML: s.Value(s.PersonName(c, g.Owner), ""), Small: template.HTML(template.HTMLEscapeString(s.Affiliation(c.Request.Affiliation)))}, //nolint:gosec // escaped
			ui.Cell{HTML: end}, ui.Cell{HTML: used, Small: small}, ui.Cell{HTML: sponsor},
			ui.Cell{Badges: ui.GrantStatus(s, c, ui.AsReviewer).Badges()}, ui.Cell{Actions: ui.Compact(ui.Described(r.ID, as...))})
		t.Rows = append(t.Rows, r)
	}
	return t
}

// Page is one token's life.
type Page struct {
	ui.Frame
	Status  ui.Status
	Subject template.HTML
	Facts   []ui.Fact
	Actions []ui.Action
	Story   ui.Story
	Request ui.Action
}

// NewPage is one token's life.
func NewPage(s ui.Shell, t cases.TokenPage) Page {
	c, g := t.Case, *t.Grant
	v := ui.ViewerOf(c)
	current := ui.PageTokens
	switch v {
	case ui.AsRequester:
		current = ui.PageHome
	case ui.AsSponsor:
		current = ui.PageSponsorships
	}
	p := Page{Frame: ui.NewFrame(s, current, s.T("token.h1", "Title", s.CaseTitle(c)), ui.GrantPath(&g, "")), Status: ui.GrantStatus(s, c, v), Subject: ui.Subject(s, c)}
	add := func(id string, t time.Time) {
		if !t.IsZero() {
			p.Facts = append(p.Facts, s.Fact(id, s.DayTag(t)))
		}
	}
	p.Facts = append(p.Facts, s.Fact("fact.owner", s.Value(s.PersonName(c, g.Owner), "")))
	if name := ui.SponsorName(s, c); name != "" {
		p.Facts = append(p.Facts, s.Fact("fact.sponsor", name))
	}
	if g.State.Live() {
		add("fact.ends", g.EndsAt())
	}
	used, small := ui.LastUsedCell(s, g)
	p.Facts = append(p.Facts, s.Fact("fact.last_used", used+" "+small))
	add("fact.shown", g.ShownAt)
	add("fact.activated", g.ActivatedAt)
	add("fact.ended", g.EndedAt)
	p.Facts = append(p.Facts, ui.HintFact(s, g.Hint)...)
	p.Facts = append(p.Facts, s.Fact("fact.marker", s.Value(ui.Code(g.Marker()), "")))
	if !g.CheckedAt.IsZero() {
		p.Facts = append(p.Facts, s.Fact("fact.checked", s.AgoTag(g.CheckedAt)))
	}
	p.Request = s.GoTo(ui.Secondary, "token.request", ui.CasePath(c.Request, ""))
	if c.Own && g.State == access.HandedOver {
		p.Actions = append(p.Actions, ui.Activating(s, c)...)
	}
	if c.Own && (g.State == access.Replacing || g.State == access.Recovering) {
		p.Actions = append(p.Actions, s.GoTo(ui.Primary, "act.collect", ui.CasePath(c.Request, "/collect")))
	}
	p.Actions = append(p.Actions, ui.Renewing(s, c, ui.Primary)...)
	p.Actions = append(p.Actions, ui.Sponsoring(s, c)...)
	if c.Can[access.Replace] {
		p.Actions = append(p.Actions, s.GoTo(ui.Secondary, "act.replace", ui.CasePath(c.Request, "/replace")))
	}
	if c.Can[access.Thaw] {
		p.Actions = append(p.Actions, s.GoTo(ui.Secondary, "act.thaw", ui.GrantPath(&g, "/thaw")))
	}
	if c.Can[access.Freeze] {
		p.Actions = append(p.Actions, s.GoTo(ui.Secondary, "act.freeze", ui.GrantPath(&g, "/freeze")))
	}
	if c.Can[access.ReportLeak] {
		p.Actions = append(p.Actions, ui.LeakAction(s, c))
	}
	if c.Can[access.Revoke] {
		p.Actions = append(p.Actions, s.GoTo(ui.Danger, "act.revoke", ui.GrantPath(&g, "/revoke")))
	}
	if c.LeakOpen() && g.State.Final() && !c.Own { // the owner has a standing notice
		p.Status.Now += " " + s.H("now.leak_open", "Office", ui.Word(s.Office()))
	}
	if c.LeakOpen() && c.Reviewer {
		p.Actions = append([]ui.Action{s.GoTo(ui.Primary, "act.open_leak", "/leaks/"+c.Leak.ID)}, p.Actions...)
	}
	if g.State == access.Active && g.Trouble == "freeze.denied" && c.Reviewer {
		p.Status.Now += " " + s.H("now.no_freeze")
	}
	p.Story = ui.NewStory(s, t.Story, ui.NextSteps(s, c))
	return p
}
