package web

import (
	"html/template"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/workflow"
)

// TokensPage is the list of tokens.
type TokensPage struct {
	frame
	Checked  template.HTML
	Stale    bool
	Cap      template.HTML // the longest life this Canvas was seen to allow
	Count    string
	Filter   filter
	Table    table
	Empty    *empty
	Pager    pager
	Masses   *action
	ExportTo string
	Rows     string       // how many rows the export has
	Hidden   []RetryField // the filter, for forms that go on with it
	Bulk     *bulk        // what can be done with the chosen rows
	Matching *bulk        // and with all that match
}

// bulk is a form that does one thing with many rows.
type bulk struct {
	Form, Action, What string
	Do                 action
}

// tokenSet writes a filter as an address has it.
func (s Shell) tokenSet(f workflow.TokenFilter) url.Values {
	set := url.Values{}
	for k, v := range map[string]string{"status": string(f.Status), "role": string(f.Affiliation), "ai": f.AI, "course": f.Course,
		"sponsor": f.Sponsor, "vendor": f.Vendor, "q": f.Search} {
		if v != "" {
			set.Set(k, v)
		}
	}
	if !f.EndsBefore.IsZero() {
		set.Set("ends_before", s.isoDate(f.EndsBefore))
	}
	if f.IdleDays > 0 {
		set.Set("idle_days", strconv.Itoa(f.IdleDays))
	}
	return set
}

// NewTokensPage is the list of tokens, with the filter that made it.
func NewTokensPage(s Shell, l workflow.TokenList, f workflow.TokenFilter) TokensPage {
	set := s.tokenSet(f)
	p := TokensPage{frame: newFrame(s, PageTokens, s.T("tokens.h1"), withQuery("/tokens", set, f.After)), ExportTo: "/tokens/export"}
	p.Count = s.T("tokens.count", "Count", l.Total)
	p.Rows = s.T("export.rows", "Count", l.Total)
	p.Say = p.Count
	p.Filter = s.tokenFilter(f, set)
	for _, name := range sortedKeys(set) {
		p.Hidden = append(p.Hidden, RetryField{Name: name, Value: set.Get(name)})
	}
	if l.Masses > 0 {
		a := s.goTo(secondary, "mass.all", massesPath)
		p.Masses = &a
	}
	if !l.CheckedAt.IsZero() {
		p.Checked, p.Stale = s.H("tokens.checked", "When", ago(l.CheckedAt)), s.Now.Sub(l.CheckedAt) > staleCheck
	}
	if l.Cap.Days > 0 {
		p.Cap = s.H("tokens.cap", "Count", l.Cap.Days, "When", day(l.Cap.At))
	}
	if len(l.Rows) == 0 {
		p.Empty = &empty{Icon: "key", Title: s.T("tokens.empty")}
		switch {
		case len(set) > 0:
			p.Empty = s.nothingMatches("/tokens")
		case l.Ended > 0:
			p.Empty.Title = s.T("tokens.none_live")
			p.Empty.Actions = []action{s.goTo(secondary, "tokens.show_ended", "/tokens?status="+string(workflow.AnyEnded))}
		}
		return p
	}
	p.Table = s.tokenTable(l.Rows)
	p.Pager = s.pager("/tokens", set, f.After, l.From, len(l.Rows), l.Total, l.Next)
	if p.Table.Pick != "" {
		do := s.submit(danger, "act.revoke", "", "")
		do.By = "bulk-what"
		p.Bulk = &bulk{Form: p.Table.Pick, Action: massesPath, What: s.T("mass.chosen"), Do: do}
	}
	if l.Targets > 0 {
		do := s.submit(danger, "mass.matching", "", "")
		do.By = "matching-what"
		p.Matching = &bulk{Action: massesPath, What: s.T("mass.matching_what", "Count", l.Targets), Do: do}
	}
	return p
}

func (s Shell) tokenFilter(f workflow.TokenFilter, set url.Values) filter {
	b := filter{Action: "/tokens", Clear: "/tokens"}
	states := []option{{Label: s.T("filter.live"), Checked: f.Status == ""}}
	for _, st := range append(slices.Clone(access.GrantStates), workflow.AnyEnded) {
		states = append(states, option{Value: string(st), Label: s.T(grantStateKey(st)), Checked: f.Status == st})
	}
	b.Selects = []selectBox{
		{ID: "q-status", Name: "status", Label: s.T("filter.status"), Options: states},
		s.anyOf("role", string(f.Affiliation), []string{"student", "faculty", "staff"}, func(k string) string { return s.T("who." + k) }),
		s.anyOf("ai", f.AI, access.AIUses, func(k string) string { return s.T("filter.ai_" + k) }),
	}
	line := func(name, value string) field {
		return field{ID: "q-" + name, Name: name, Type: "text", Label: s.T("filter." + name), Value: value, Max: access.MaxShort}
	}
	idle := field{ID: "q-idle_days", Name: "idle_days", Type: "number", Label: s.T("filter.idle_for")}
	if f.IdleDays > 0 {
		idle.Value = strconv.Itoa(f.IdleDays)
	}
	before := field{ID: "q-ends_before", Name: "ends_before", Type: "date", Label: s.T("filter.ends_before"), Value: s.isoDate(f.EndsBefore)}
	b.Inputs = []field{line("course", f.Course), line("sponsor", f.Sponsor), line("vendor", f.Vendor), before, idle, s.searchField(f.Search)}
	same := func(v string) string { return v }
	b.Chips = s.chips("/tokens", set, map[string]func(string) string{
		"status":  func(v string) string { return s.T(grantStateKey(access.GrantState(v))) },
		"role":    func(v string) string { return s.affiliation(policy.Affiliation(v)) },
		"ai":      func(v string) string { return s.T("filter.ai_" + v) },
		"course":  func(v string) string { return s.T("filter.course_chip", "Name", v) },
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

func grantStateKey(st access.GrantState) string { return "filter.token_" + string(st) }

func (s Shell) tokenTable(cs []workflow.Case) table {
	t := table{ID: "tokens", Caption: s.T("tokens.caption")}
	t.PickLabel = s.T("col.pick")
	t.Columns = s.columns("col.token", "col.owner", "col.ends", "col.last_used", "col.sponsor", "col.status", "col.actions")
	for _, c := range cs {
		if c.Grant == nil {
			continue
		}
		g := *c.Grant
		r := s.caseRow(c)
		r.Href = grantPath(c.Grant, "")
		end := template.HTML("")
		if e := g.EndsAt(); !e.IsZero() {
			end = s.dayTag(e)
		}
		used, small := s.lastUsedCell(g)
		sponsor := s.sponsorName(c)
		if sponsor == "" {
			sponsor = s.H("col.no_sponsor")
		}
		var as []action
		if c.Can[access.Freeze] {
			as = append(as, s.goTo(secondary, "act.freeze", grantPath(c.Grant, "/freeze")))
		}
		if c.Can[access.Revoke] {
			as = append(as, s.goTo(danger, "act.revoke", grantPath(c.Grant, "/revoke")))
		}
		if c.Can[access.Revoke] && slices.Contains(access.MassTargets, g.State) {
			t.Pick = "chosen"
			r.Box = &box{Name: "grant", Value: g.ID, Label: s.T("mass.pick", "Title", s.title(c), "Name", s.name(c, g.Owner))}
		}
		r.Cells = s.cells(t.Columns[1:],
			cell{HTML: s.value(s.name(c, g.Owner), ""), Small: template.HTML(template.HTMLEscapeString(s.affiliation(c.Request.Affiliation)))}, //nolint:gosec // escaped
			cell{HTML: end}, cell{HTML: used, Small: small}, cell{HTML: sponsor},
			cell{Badges: s.grantStatus(c, asReviewer).Badges()}, cell{Actions: compact(described(r.ID, as...))})
		t.Rows = append(t.Rows, r)
	}
	return t
}

// TokenPage is one token's life.
type TokenPage struct {
	frame
	Status  status
	Subject template.HTML
	Facts   []fact
	Actions []action
	Story   story
	Request action
}

// NewTokenPage is one token's life.
func NewTokenPage(s Shell, t workflow.TokenPage) TokenPage {
	c, g := t.Case, *t.Grant
	v := viewerOf(c)
	current := PageTokens
	switch v {
	case asRequester:
		current = PageHome
	case asSponsor:
		current = PageSponsorships
	}
	p := TokenPage{frame: newFrame(s, current, s.T("token.h1", "Title", s.title(c)), grantPath(&g, "")), Status: s.grantStatus(c, v), Subject: s.subject(c)}
	add := func(id string, t time.Time) {
		if !t.IsZero() {
			p.Facts = append(p.Facts, s.fact(id, s.dayTag(t)))
		}
	}
	p.Facts = append(p.Facts, s.fact("fact.owner", s.value(s.name(c, g.Owner), "")))
	if name := s.sponsorName(c); name != "" {
		p.Facts = append(p.Facts, s.fact("fact.sponsor", name))
	}
	if g.State.Live() {
		add("fact.ends", g.EndsAt())
	}
	used, small := s.lastUsedCell(g)
	p.Facts = append(p.Facts, s.fact("fact.last_used", used+" "+small))
	add("fact.shown", g.ShownAt)
	add("fact.activated", g.ActivatedAt)
	add("fact.ended", g.EndedAt)
	if g.Hint != "" {
		p.Facts = append(p.Facts, s.fact("fact.hint", s.value(code(g.Hint+"…"), "")))
	}
	p.Facts = append(p.Facts, s.fact("fact.marker", s.value(code(g.Marker()), "")))
	if !g.CheckedAt.IsZero() {
		p.Facts = append(p.Facts, s.fact("fact.checked", s.agoTag(g.CheckedAt)))
	}
	p.Request = s.goTo(secondary, "token.request", casePath(c.Request, ""))
	if c.Own && g.State == access.HandedOver {
		p.Actions = append(p.Actions, s.external(primary, "act.activate", s.settingsURL()), s.goTo(secondary, "act.steps", casePath(c.Request, "/collect")))
	}
	if c.Own && (g.State == access.Replacing || g.State == access.Recovering) {
		p.Actions = append(p.Actions, s.goTo(primary, "act.collect", casePath(c.Request, "/collect")))
	}
	p.Actions = append(p.Actions, s.renewing(c, primary)...)
	p.Actions = append(p.Actions, s.sponsoring(c)...)
	if c.Can[access.Replace] {
		p.Actions = append(p.Actions, s.goTo(secondary, "act.replace", casePath(c.Request, "/replace")))
	}
	if c.Can[access.Thaw] {
		p.Actions = append(p.Actions, s.goTo(secondary, "act.thaw", grantPath(&g, "/thaw")))
	}
	if c.Can[access.Freeze] {
		p.Actions = append(p.Actions, s.goTo(secondary, "act.freeze", grantPath(&g, "/freeze")))
	}
	if c.Can[access.ReportLeak] {
		p.Actions = append(p.Actions, s.leakAction(c))
	}
	if c.Can[access.Revoke] {
		p.Actions = append(p.Actions, s.goTo(danger, "act.revoke", grantPath(&g, "/revoke")))
	}
	if c.LeakOpen() && g.State.Final() && !c.Own { // the owner has a standing notice
		p.Status.Now += " " + s.H("now.leak_open", "Office", word(s.office()))
	}
	if c.LeakOpen() && c.Reviewer {
		p.Actions = append([]action{s.goTo(primary, "act.open_leak", "/leaks/"+c.Leak.ID)}, p.Actions...)
	}
	if g.State == access.Active && g.Trouble == "freeze.denied" && c.Reviewer {
		p.Status.Now += " " + s.H("now.no_freeze")
	}
	p.Story = s.newStory(t.Story, s.nextSteps(c))
	return p
}
