package inventory

import (
	"html/template"
	"net/url"
	"slices"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/desk/inventory"
	"github.com/tokendesk/tokendesk/internal/web/ui"
)

// ListPage is the list of tokens that the tool did not make.
type ListPage struct {
	ui.Frame
	Checked   template.HTML
	Check     ui.Action
	Campaigns []campaign
	Count     string
	Filter    ui.Filter
	Table     ui.Table
	Bulk      []ui.Action
	BulkHint  string
	PickTo    string // with the filter: the same list comes back
	Empty     *ui.Empty
	Pager     ui.Pager
}

// campaign is what became of the tokens whose owners were told together.
type campaign struct {
	Title template.HTML
	Facts []ui.Fact
}

// NewListPage is the list of tokens that the tool did not make.
func NewListPage(s ui.Shell, l inventory.Unmanaged, f inventory.FoundFilter) ListPage {
	set := url.Values{}
	put := func(k, v string) {
		if v != "" {
			set.Set(k, v)
		}
	}
	put("status", f.Status)
	if f.NeverEnds {
		set.Set("ends", "never")
	}
	if f.Admins {
		set.Set("who", "admins")
	}
	put("q", f.Search)
	if b := checkTrouble(s, l); b != nil {
		s.Lasting = append(s.Lasting, *b)
	}
	p := ListPage{Frame: ui.NewFrame(s, ui.PageUnmanaged, s.T("unmanaged.h1"), ui.WithQuery(ui.UnmanagedPath, set, f.After))}
	switch {
	case !l.RunningSince.IsZero():
		p.Checked = s.H("unmanaged.running", "Since", ui.Ago(l.RunningSince))
	case l.CheckedAt.IsZero():
		p.Checked = s.H("unmanaged.never")
	default:
		p.Checked = s.H("unmanaged.checked", "When", ui.Moment(l.CheckedAt), "Count", l.Tokens)
	}
	p.Check = s.PostTo(ui.Secondary, "act.check_now", ui.UnmanagedPath+"/check")
	for _, c := range l.Campaigns {
		p.Campaigns = append(p.Campaigns, campaignOf(s, c))
	}
	p.Count = s.Many("unmanaged.count", l.Total)
	p.Say = p.Count
	p.Filter = foundFilter(s, f, set)
	if len(l.Rows) == 0 {
		switch {
		case len(set) > 0:
			p.Empty = s.NothingMatches(ui.UnmanagedPath)
		case l.CheckedAt.IsZero():
			p.Empty = &ui.Empty{Icon: "search", Title: s.T("unmanaged.empty_unchecked"), Text: s.T("unmanaged.empty_unchecked_text")}
		default:
			p.Empty = &ui.Empty{Icon: "done", Title: s.T("unmanaged.empty")}
		}
		return p
	}
	p.Table = foundTable(s, l.Rows)
	p.Bulk, p.PickTo = pickActions(s), ui.WithQuery(ui.UnmanagedPath+"/pick", set, f.After)
	p.BulkHint = s.T("unmanaged.bulk_hint")
	p.Pager = s.Pager(ui.UnmanagedPath, set, f.After, l.From, len(l.Rows), l.Total, l.Next)
	return p
}

// tick ticks the rows of these ids.
func (p ListPage) tick(ids []string) {
	for _, r := range p.Table.Rows {
		r.Box.Checked = slices.Contains(ids, r.Box.Value)
	}
}

// pickActions lead to the page that asks once more about the tokens chosen.
func pickActions(s ui.Shell) []ui.Action {
	return []ui.Action{
		s.Submit(ui.Secondary, "act.tell_owner", "do", string(access.TellOwner)), s.Submit(ui.Secondary, "act.adopt", "do", string(access.Adopt)),
		s.Submit(ui.Secondary, "act.allow", "do", string(access.Allow)), s.Submit(ui.Danger, "act.remove", "do", string(access.Remove)),
	}
}

// checkTrouble is the notice above the list while it cannot be trusted to be whole.
func checkTrouble(s ui.Shell, l inventory.Unmanaged) *ui.Banner {
	args := map[string]any{"Checked": ui.Moment(l.CheckedAt), "Failed": ui.Moment(l.FailedAt)}
	switch {
	case l.Trouble != "":
		b := ui.Banner{Kind: ui.BannerWarn, ID: "standing." + l.Trouble, Args: args}
		if !s.P.Has(b.ID) {
			b.ID = "standing.inventory.canvas"
		}
		if l.CheckedAt.IsZero() && s.P.Has(b.ID+"_first") {
			b.ID += "_first"
		}
		return &b
	case !l.CheckedAt.IsZero() && s.Now.Sub(l.CheckedAt) > staleList && l.RunningSince.IsZero():
		return &ui.Banner{Kind: ui.BannerWarn, ID: "standing.inventory_stale", Args: args}
	}
	return nil
}

// staleList is how old the last full check may be before the page says so.
const staleList = 26 * time.Hour

func campaignOf(s ui.Shell, c inventory.CampaignView) campaign {
	out := campaign{Title: s.H("campaign.title", "When", ui.Day(c.StartedAt), "Name", c.StartedBy, "By", ui.Until(c.DueAt))}
	if c.DueAt.Before(s.Now) {
		out.Title = s.H("campaign.title_over", "When", ui.Day(c.StartedAt), "Name", c.StartedBy, "By", ui.Day(c.DueAt))
	}
	for _, x := range []struct {
		id string
		n  int
	}{{"told", c.Told}, {"asked", c.Asked}, {"adopted", c.Adopted}, {"allowed", c.Allowed}, {"removed", c.Removed}, {"gone", c.Gone}, {"silent", c.Silent}} {
		out.Facts = append(out.Facts, s.Fact("campaign."+x.id, s.H("campaign.number", "Number", x.n)))
	}
	if left := s.DaysUntil(c.DueAt); c.DueAt.After(s.Now) {
		out.Facts = append(out.Facts, s.Fact("campaign.left", s.H("campaign.number", "Number", left)))
	}
	return out
}

func foundFilter(s ui.Shell, f inventory.FoundFilter, set url.Values) ui.Filter {
	b := ui.Filter{Action: ui.UnmanagedPath, Clear: ui.UnmanagedPath}
	word := func(v string) string { return s.T("filter.found_" + v) }
	states := []ui.Option{{Label: s.T("filter.found_open"), Checked: f.Status == ""}}
	for _, st := range append([]string{inventory.NoAnswer}, foundStateKeys()...) {
		states = append(states, ui.Option{Value: st, Label: word(st), Checked: f.Status == st})
	}
	b.Selects = []ui.SelectBox{
		{ID: "q-status", Name: "status", Label: s.T("filter.status"), Options: states},
		{ID: "q-ends", Name: "ends", Label: s.T("filter.ends"), Options: []ui.Option{{Label: s.T("filter.any")}, {Value: "never", Label: s.T("filter.ends_never"), Checked: f.NeverEnds}}},
		{ID: "q-who", Name: "who", Label: s.T("filter.who"), Options: []ui.Option{{Label: s.T("filter.any")}, {Value: "admins", Label: s.T("filter.who_admins"), Checked: f.Admins}}},
	}
	b.Inputs = []ui.Field{s.SearchField(f.Search)}
	b.Inputs[0].Label = s.T("filter.search_found")
	b.Chips = s.Chips(ui.UnmanagedPath, set, map[string]func(string) string{
		"status": word, "ends": func(string) string { return s.T("filter.ends_never") }, "who": func(string) string { return s.T("filter.who_admins") },
		"q": func(v string) string { return v },
	})
	return b
}

func foundStateKeys() []string {
	out := make([]string, len(access.FoundStates))
	for i, st := range access.FoundStates {
		out[i] = string(st)
	}
	return out
}

func foundTable(s ui.Shell, cs []cases.FoundCase) ui.Table {
	t := ui.Table{ID: "unmanaged", Caption: s.T("unmanaged.caption"), Pick: "choose", PickLabel: s.T("col.pick")}
	t.Columns = s.Columns("col.purpose", "col.owner", "col.ends", "col.last_used", "col.found", "col.status")
	for _, c := range cs {
		f := c.Found
		r := ui.Row{ID: "t-" + f.ID, Title: ui.FoundPurpose(s, f), Href: ui.FoundPath(f, "")}
		r.Box = &ui.Box{Name: "pick", Value: f.ID, Label: s.T("unmanaged.select", "Purpose", ui.FoundPurpose(s, f), "Owner", ui.FoundOwner(s, c))}
		r.Cells = s.Cells(t.Columns[1:],
			ui.Cell{HTML: s.Value(ui.FoundOwner(s, c), ""), Small: ui.FoundRole(s, f)}, endsCell(s, f),
			ui.Cell{HTML: ui.FoundUsedAt(s, f.LastUsedAt)}, ui.Cell{HTML: s.DayTag(f.FoundAt)}, ui.Cell{Badges: ui.FoundStatus(s, c).Badges()})
		t.Rows = append(t.Rows, r)
	}
	return t
}

func endsCell(s ui.Shell, f access.Found) ui.Cell {
	if f.NeverEnds() {
		return ui.Cell{Late: s.T("unmanaged.never_ends")}
	}
	return ui.Cell{HTML: s.DayTag(f.Expires)}
}

// Page is one token that the tool did not make.
type Page struct {
	ui.Frame
	Status  ui.Status
	Lead    template.HTML
	Warning template.HTML
	Facts   []ui.Fact
	Actions []ui.Action // of its owner, and links
	Pick    string      // its id, for a reviewer's buttons
	Picks   []ui.Action
	Story   ui.Story
}

// NewPage is one token that the tool did not make.
func NewPage(s ui.Shell, c inventory.FoundPage) Page {
	f := c.Found
	current := ui.PageUnmanaged
	if !c.Reviewer {
		current = ui.PageHome
	}
	p := Page{Frame: ui.NewFrame(s, current, s.T("found.h1", "Title", ui.FoundPurpose(s, f)), ui.FoundPath(f, "")), Status: ui.FoundStatus(s, c.FoundCase)}
	p.Lead = s.H("found.lead")
	if f.Marker != "" && f.State != access.FoundAdopted {
		p.Warning = s.H("found.marker")
	}
	p.Facts = ui.FoundFacts(s, f, ui.FoundOwner(s, c.FoundCase))
	p.Facts = append(p.Facts, s.Fact("fact.found", s.DayTag(f.FoundAt)), s.Fact("fact.seen", s.AgoTag(f.SeenAt)))
	if f.State == access.FoundAllowing || f.State == access.FoundAllowed {
		p.Facts = append(p.Facts, s.Fact("fact.review_at", s.DayTag(f.ReviewAt)))
	}
	p.Actions = ui.FoundActions(s, c.FoundCase, ui.Primary)
	if c.Reviewer {
		p.Pick = f.ID
		for _, a := range pickActions(s) {
			if do := access.Action(a.Value); do != access.Remove && c.Can[pickMove(do)] && !(c.Own && a.Value != string(access.TellOwner)) {
				p.Picks = append(p.Picks, a)
			}
		}
		if c.Can[access.Disallow] {
			p.Actions = append(p.Actions, s.PostTo(ui.Secondary, "act.disallow", ui.FoundPath(f, "/disallow")))
		}
	}
	switch {
	case c.Request != nil && c.Request.State != access.Draft:
		p.Actions = append(p.Actions, s.GoTo(ui.Secondary, "token.request", ui.CasePath(*c.Request, "")))
	case f.GrantID != "" && c.Reviewer:
		p.Actions = append(p.Actions, s.GoTo(ui.Secondary, "found.open_token", "/tokens/"+url.PathEscape(f.GrantID)))
	}
	p.Story = ui.NewStory(s, c.Story, nil)
	return p
}

// pickMove is the move of a found token behind a button of the bulk bar.
func pickMove(do access.Action) access.Action {
	if do == access.Adopt {
		return access.AskToKeep
	}
	return do
}
