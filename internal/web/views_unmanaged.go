package web

import (
	"html/template"
	"net/url"
	"slices"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/workflow"
)

// UnmanagedPage is the list of tokens that the tool did not make.
type UnmanagedPage struct {
	frame
	Checked   template.HTML
	Check     action
	Campaigns []campaign
	Count     string
	Filter    filter
	Table     table
	Bulk      []action
	BulkHint  string
	PickTo    string // with the filter: the same list comes back
	Empty     *empty
	Pager     pager
}

// campaign is what became of the tokens whose owners were told together.
type campaign struct {
	Title template.HTML
	Facts []fact
}

const unmanagedPath = "/unmanaged"

// NewUnmanagedPage is the list of tokens that the tool did not make.
func NewUnmanagedPage(s Shell, l workflow.Unmanaged, f workflow.FoundFilter) UnmanagedPage {
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
	if b := s.checkTrouble(l); b != nil {
		s.Standing = append(s.Standing, *b)
	}
	p := UnmanagedPage{frame: newFrame(s, PageUnmanaged, s.T("unmanaged.h1"), withQuery(unmanagedPath, set, f.After))}
	switch {
	case !l.RunningSince.IsZero():
		p.Checked = s.H("unmanaged.running", "Since", ago(l.RunningSince))
	case l.CheckedAt.IsZero():
		p.Checked = s.H("unmanaged.never")
	default:
		p.Checked = s.H("unmanaged.checked", "When", moment(l.CheckedAt), "Count", l.Tokens)
	}
	p.Check = s.postTo(secondary, "act.check_now", unmanagedPath+"/check")
	for _, c := range l.Campaigns {
		p.Campaigns = append(p.Campaigns, s.campaign(c))
	}
	p.Count = s.T("unmanaged.count", "Count", l.Total)
	p.Say = p.Count
	p.Filter = s.foundFilter(f, set)
	if len(l.Rows) == 0 {
		switch {
		case len(set) > 0:
			p.Empty = s.nothingMatches(unmanagedPath)
		case l.CheckedAt.IsZero():
			p.Empty = &empty{Icon: "search", Title: s.T("unmanaged.empty_unchecked"), Text: s.T("unmanaged.empty_unchecked_text")}
		default:
			p.Empty = &empty{Icon: "done", Title: s.T("unmanaged.empty")}
		}
		return p
	}
	p.Table = s.foundTable(l.Rows)
	p.Bulk, p.PickTo = s.pickActions(), withQuery(unmanagedPath+"/pick", set, f.After)
	p.BulkHint = s.T("unmanaged.bulk_hint")
	p.Pager = s.pager(unmanagedPath, set, f.After, l.From, len(l.Rows), l.Total, l.Next)
	return p
}

// tick ticks the rows of these ids.
func (p UnmanagedPage) tick(ids []string) {
	for _, r := range p.Table.Rows {
		r.Box.Checked = slices.Contains(ids, r.Box.Value)
	}
}

// pickActions lead to the page that asks once more about the tokens chosen.
func (s Shell) pickActions() []action {
	return []action{
		s.submit(secondary, "act.tell_owner", "do", string(access.TellOwner)), s.submit(secondary, "act.adopt", "do", string(access.Adopt)),
		s.submit(secondary, "act.allow", "do", string(access.Allow)), s.submit(danger, "act.remove", "do", string(access.Remove)),
	}
}

// checkTrouble is the notice above the list while it cannot be trusted to be whole.
func (s Shell) checkTrouble(l workflow.Unmanaged) *Banner {
	args := map[string]any{"Checked": moment(l.CheckedAt), "Failed": moment(l.FailedAt)}
	switch {
	case l.Trouble != "":
		b := Banner{Kind: BannerWarn, ID: "standing." + l.Trouble, Args: args}
		if !s.P.Has(b.ID) {
			b.ID = "standing.inventory.canvas"
		}
		if l.CheckedAt.IsZero() && s.P.Has(b.ID+"_first") {
			b.ID += "_first"
		}
		return &b
	case !l.CheckedAt.IsZero() && s.Now.Sub(l.CheckedAt) > staleList && l.RunningSince.IsZero():
		return &Banner{Kind: BannerWarn, ID: "standing.inventory_stale", Args: args}
	}
	return nil
}

// staleList is how old the last full check may be before the page says so.
const staleList = 26 * time.Hour

func (s Shell) campaign(c workflow.CampaignView) campaign {
	out := campaign{Title: s.H("campaign.title", "When", day(c.StartedAt), "Name", c.StartedBy, "By", until(c.DueAt))}
	if c.DueAt.Before(s.Now) {
		out.Title = s.H("campaign.title_over", "When", day(c.StartedAt), "Name", c.StartedBy, "By", day(c.DueAt))
	}
	for _, x := range []struct {
		id string
		n  int
	}{{"told", c.Told}, {"asked", c.Asked}, {"adopted", c.Adopted}, {"allowed", c.Allowed}, {"removed", c.Removed}, {"gone", c.Gone}, {"silent", c.Silent}} {
		out.Facts = append(out.Facts, s.fact("campaign."+x.id, s.H("campaign.number", "Number", x.n)))
	}
	if left := s.daysUntil(c.DueAt); c.DueAt.After(s.Now) {
		out.Facts = append(out.Facts, s.fact("campaign.left", s.H("campaign.number", "Number", left)))
	}
	return out
}

func (s Shell) foundFilter(f workflow.FoundFilter, set url.Values) filter {
	b := filter{Action: unmanagedPath, Clear: unmanagedPath}
	word := func(v string) string { return s.T("filter.found_" + v) }
	states := []option{{Label: s.T("filter.found_open"), Checked: f.Status == ""}}
	for _, st := range append([]string{workflow.NoAnswer}, foundStateKeys()...) {
		states = append(states, option{Value: st, Label: word(st), Checked: f.Status == st})
	}
	b.Selects = []selectBox{
		{ID: "q-status", Name: "status", Label: s.T("filter.status"), Options: states},
		{ID: "q-ends", Name: "ends", Label: s.T("filter.ends"), Options: []option{{Label: s.T("filter.any")}, {Value: "never", Label: s.T("filter.ends_never"), Checked: f.NeverEnds}}},
		{ID: "q-who", Name: "who", Label: s.T("filter.who"), Options: []option{{Label: s.T("filter.any")}, {Value: "admins", Label: s.T("filter.who_admins"), Checked: f.Admins}}},
	}
	b.Inputs = []field{s.searchField(f.Search)}
	b.Inputs[0].Label = s.T("filter.search_found")
	b.Chips = s.chips(unmanagedPath, set, map[string]func(string) string{
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

func foundPath(f access.Found, rest string) string { return "/found/" + url.PathEscape(f.ID) + rest }

func (s Shell) foundTable(cs []workflow.FoundCase) table {
	t := table{ID: "unmanaged", Caption: s.T("unmanaged.caption"), Pick: "choose", PickLabel: s.T("col.pick")}
	t.Columns = s.columns("col.purpose", "col.owner", "col.ends", "col.last_used", "col.found", "col.status")
	for _, c := range cs {
		f := c.Found
		r := row{ID: "t-" + f.ID, Title: s.purpose(f), Href: foundPath(f, "")}
		r.Box = &box{Name: "pick", Value: f.ID, Label: s.T("unmanaged.select", "Purpose", s.purpose(f), "Owner", s.ownerName(c))}
		r.Cells = s.cells(t.Columns[1:],
			cell{HTML: s.value(s.ownerName(c), ""), Small: s.ownerRole(f)}, s.endsCell(f),
			cell{HTML: s.usedAt(f.LastUsedAt)}, cell{HTML: s.dayTag(f.FoundAt)}, cell{Badges: s.foundStatus(c).Badges()})
		t.Rows = append(t.Rows, r)
	}
	return t
}

func (s Shell) endsCell(f access.Found) cell {
	if f.NeverEnds() {
		return cell{Late: s.T("unmanaged.never_ends")}
	}
	return cell{HTML: s.dayTag(f.Expires)}
}

func (s Shell) usedAt(t time.Time) template.HTML {
	if t.IsZero() {
		return s.H("used.cell_never")
	}
	return s.whenTag(t, false)
}

func (s Shell) purpose(f access.Found) string {
	if f.Purpose == "" {
		return s.T("words.untitled")
	}
	return f.Purpose
}

func (s Shell) ownerName(c workflow.FoundCase) string {
	switch {
	case c.OwnerName != "":
		return c.OwnerName
	case c.Names[c.Owner] != "":
		return c.Names[c.Owner]
	}
	return s.T("words.somebody")
}

func (s Shell) ownerRole(f access.Found) template.HTML {
	if f.AccountRole {
		return s.H("unmanaged.admin_owned")
	}
	return ""
}

// foundStatus is the status of a token that the tool did not make.
func (s Shell) foundStatus(c workflow.FoundCase) status {
	f := c.Found
	name := func(p access.PersonID) who {
		if n := c.Names[p]; n != "" {
			return who(n)
		}
		return who(s.T("words.somebody"))
	}
	one, two := f.Allowing()
	args := []any{"Owner", who(s.ownerName(c)), "Found", f.FoundAt, "Told", f.ToldAt, "By", until(f.DueAt), "Review", day(f.ReviewAt), "Reason", one.Reason,
		"First", name(one.Person), "Second", name(two.Person), "Name", name(f.EndedBy), "When", moment(f.EndedAt), "Count", max(f.Tries, 1), "Since", f.RemovingAt, "Next", f.NextTry}
	st := status{Badge: s.badge(foundKinds[f.State], "found_"+string(f.State)), Now: s.H("now.found_"+string(f.State), args...)}
	switch f.State {
	case access.FoundTold:
		switch {
		case c.Asked:
		case f.DueAt.Before(s.Now):
			st = status{Badge: s.badge("warn", "no_answer"), Now: s.H("now.no_answer", args...)}
		case c.Own:
			st = status{Badge: s.badge("warn", "your_answer"), Now: s.H("now.found_told_own", args...)}
		}
	case access.FoundRemoving:
		if f.Tries > 0 && f.NextTry.After(s.Now) {
			st.Now += " " + s.H("now.stuck_next", args...)
		}
	}
	if f.Trouble == "found.unproven" {
		st.Now += " " + s.H("now.found_unproven", "Seen", f.SeenAt)
	}
	if c.Asked && (f.State == access.FoundNew || f.State == access.FoundTold) {
		st.Also = append(st.Also, s.badge("info", "asked_to_keep"))
		st.Now = s.H("now.asked_to_keep", append(args, "Code", code(c.Request.Code()))...)
	}
	return st
}

// foundKinds are the looks of the badges.
var foundKinds = map[access.FoundState]string{
	access.FoundNew: "info", access.FoundTold: "info", access.FoundAllowing: "held", access.FoundAllowed: "held", access.FoundRemoving: "warn",
	access.FoundAdopted: "good", access.FoundRemoved: "quiet", access.FoundGone: "quiet",
}

// foundFacts are what is known of a token that the tool did not make.
func (s Shell) foundFacts(f access.Found, owner string) []fact {
	out := []fact{s.fact("fact.purpose", s.value(s.purpose(f), ""))}
	if owner != "" {
		v := s.value(owner, "")
		if role := s.ownerRole(f); role != "" {
			v += ", " + role
		}
		out = append(out, s.fact("fact.owner", v))
	}
	ends := s.H("unmanaged.never_ends")
	if !f.NeverEnds() {
		ends = s.dayTag(f.Expires)
	}
	out = append(out, s.fact("fact.ends", ends), s.fact("fact.last_used", s.usedAt(f.LastUsedAt)))
	if !f.MadeAt.IsZero() {
		out = append(out, s.fact("fact.made", s.dayTag(f.MadeAt)))
	}
	if f.Hint != "" {
		out = append(out, s.fact("fact.hint", s.value(code(f.Hint+"…"), "")))
	}
	return out
}

// FoundPage is one token that the tool did not make.
type FoundPage struct {
	frame
	Status  status
	Lead    template.HTML
	Warning template.HTML
	Facts   []fact
	Actions []action // of its owner, and links
	Pick    string   // its id, for a reviewer's buttons
	Picks   []action
	Story   story
}

// NewFoundPage is one token that the tool did not make.
func NewFoundPage(s Shell, c workflow.FoundPage) FoundPage {
	f := c.Found
	current := PageUnmanaged
	if !c.Reviewer {
		current = PageHome
	}
	p := FoundPage{frame: newFrame(s, current, s.T("found.h1", "Title", s.purpose(f)), foundPath(f, "")), Status: s.foundStatus(c.FoundCase)}
	p.Lead = s.H("found.lead")
	if f.Marker != "" && f.State != access.FoundAdopted {
		p.Warning = s.H("found.marker")
	}
	p.Facts = s.foundFacts(f, s.ownerName(c.FoundCase))
	p.Facts = append(p.Facts, s.fact("fact.found", s.dayTag(f.FoundAt)), s.fact("fact.seen", s.agoTag(f.SeenAt)))
	if f.State == access.FoundAllowing || f.State == access.FoundAllowed {
		p.Facts = append(p.Facts, s.fact("fact.review_at", s.dayTag(f.ReviewAt)))
	}
	p.Actions = s.foundActions(c.FoundCase, primary)
	if c.Reviewer {
		p.Pick = f.ID
		for _, a := range s.pickActions() {
			if do := access.Action(a.Value); do != access.Remove && c.Can[pickMove(do)] && !(c.Own && a.Value != string(access.TellOwner)) {
				p.Picks = append(p.Picks, a)
			}
		}
		if c.Can[access.Disallow] {
			p.Actions = append(p.Actions, s.postTo(secondary, "act.disallow", foundPath(f, "/disallow")))
		}
	}
	switch {
	case c.Request != nil && c.Request.State != access.Draft:
		p.Actions = append(p.Actions, s.goTo(secondary, "token.request", casePath(*c.Request, "")))
	case f.GrantID != "" && c.Reviewer:
		p.Actions = append(p.Actions, s.goTo(secondary, "found.open_token", "/tokens/"+url.PathEscape(f.GrantID)))
	}
	p.Story = s.newStory(c.Story, nil)
	return p
}

// pickMove is the move of a found token behind a button of the bulk bar.
func pickMove(do access.Action) access.Action {
	if do == access.Adopt {
		return access.AskToKeep
	}
	return do
}

// foundActions are what its owner can do with a token; a reviewer removes it
// here too.
func (s Shell) foundActions(c workflow.FoundCase, look string) []action {
	var as []action
	if c.Own && c.Can[access.AskToKeep] {
		id := "act.ask_to_keep"
		if c.Request != nil && c.Request.State == access.Draft {
			id = "home.continue"
		}
		as = append(as, s.postTo(look, id, foundPath(c.Found, "/keep")))
	}
	if c.Can[access.Remove] {
		id := "act.remove_one"
		as = append(as, s.goTo(danger, id, foundPath(c.Found, "/remove")))
	}
	return as
}

// foundCard is a person's own token at their home.
func (s Shell) foundCard(c workflow.FoundCase, look string) card {
	st := s.foundStatus(c)
	k := card{ID: "c-" + c.ID, Title: s.purpose(c.Found), Href: foundPath(c.Found, ""), Badges: st.Badges(), Now: s.H("found.lead") + " " + st.Now}
	k.Facts = s.foundFacts(c.Found, "")[1:]
	k.Actions = described(k.ID, s.foundActions(c, look)...)
	return k
}
