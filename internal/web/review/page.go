package review

import (
	"html/template"
	"net/url"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/web/ui"
)

// Page is the review queue.
type Page struct {
	ui.Frame
	Facts  []template.HTML
	Count  string
	Filter ui.Filter
	Table  ui.Table
	Empty  *ui.Empty
	Pager  ui.Pager
}

// NewPage is the review queue, with the filter that made it.
func NewPage(s ui.Shell, q cases.Queue, f cases.QueueFilter) Page {
	set := url.Values{}
	put := func(k, v string) {
		if v != "" {
			set.Set(k, v)
		}
	}
	put("status", string(f.Status))
	put("role", string(f.Affiliation))
	put("maker", f.Maker)
	put("ai", f.AI)
	put("q", f.Search)
	p := Page{Frame: ui.NewFrame(s, ui.PageQueue, s.T("queue.h1"), ui.WithQuery("/queue", set, f.After))}
	p.Facts = []template.HTML{s.ManyHTML("queue.waiting", q.Waiting), s.ManyHTML("queue.overdue", q.Overdue),
		s.H("queue.target", "Count", q.Target)}
	p.Count = s.Many("queue.count", q.Total)
	p.Say = p.Count
	p.Filter = queueFilter(s, f, set)
	if len(q.Rows) == 0 {
		p.Empty = p.emptyQueue(q, len(set) > 0)
		return p
	}
	p.Table = queueTable(s, q.Rows)
	p.Pager = s.Pager("/queue", set, f.After, q.From, len(q.Rows), q.Total, q.Next)
	return p
}

func (p *Page) emptyQueue(q cases.Queue, filtered bool) *ui.Empty {
	if filtered {
		return p.NothingMatches("/queue")
	}
	e := &ui.Empty{Icon: "tray", Title: p.T("queue.empty")}
	if !q.LastDecisionAt.IsZero() {
		e.Text = p.T("queue.empty_last", "When", p.P.When(q.LastDecisionAt, p.Now))
	}
	return e
}

// queueStatuses are the states a reviewer can list.
var queueStatuses = []access.RequestState{access.InReview, access.AwaitingSponsor, access.Approved, access.Collecting,
	access.Fulfilled, access.SponsorDeclined, access.Denied, access.Withdrawn, access.Lapsed, access.Rescinded}

func queueFilter(s ui.Shell, f cases.QueueFilter, set url.Values) ui.Filter {
	b := ui.Filter{Action: "/queue", Clear: "/queue"}
	states := make([]ui.Option, 0, len(queueStatuses))
	for _, st := range queueStatuses {
		value := string(st)
		if st == access.InReview {
			value = "" // what the page shows unasked
		}
		states = append(states, ui.Option{Value: value, Label: s.T(stateKey(st)), Checked: f.Status == st || (f.Status == "" && value == "")})
	}
	b.Selects = []ui.SelectBox{
		{ID: "q-status", Name: "status", Label: s.T("filter.status"), Options: states},
		s.AnyOf("role", string(f.Affiliation), []string{"student", "faculty", "staff"}, func(k string) string { return s.T("who." + k) }),
		s.AnyOf("ai", f.AI, access.AIUses, func(k string) string { return s.T("filter.ai_" + k) }),
		s.AnyOf("maker", f.Maker, access.Makers, func(k string) string { return s.ChoiceWord("maker", k) }),
	}
	b.Inputs = []ui.Field{s.SearchField(f.Search)}
	b.Chips = s.Chips("/queue", set, map[string]func(string) string{
		"status": func(v string) string { return s.T(stateKey(access.RequestState(v))) },
		"role":   func(v string) string { return s.Affiliation(policy.Affiliation(v)) },
		"maker":  func(v string) string { return s.ChoiceWord("maker", v) },
		"ai":     func(v string) string { return s.T("filter.ai_" + v) },
		"q":      func(v string) string { return v },
	})
	return b
}

func stateKey(st access.RequestState) string { return "filter.state_" + string(st) }

func queueTable(s ui.Shell, cs []cases.Case) ui.Table {
	t := ui.Table{ID: "queue", Caption: s.T("queue.caption")}
	t.Columns = s.Columns("col.request", "col.requester", "col.sponsor", "col.look", "col.age", "col.held", "col.status")
	for _, c := range cs {
		r := ui.CaseRow(s, c)
		req := c.Request
		sponsor := s.H("col.no_sponsor")
		if req.Sponsor != "" {
			sponsor = s.Value(s.PersonName(c, req.Sponsor), "")
		}
		var held template.HTML
		holder := req.Claim().Person
		if req.State == access.Approved {
			holder = req.Decision().Person
		}
		if holder != "" {
			held = s.Value(s.PersonName(c, holder), "")
		}
		age := ui.Cell{}
		if req.State == access.InReview {
			words, over := ui.ReviewAge(s, c)
			if over {
				age.Late = words
			} else {
				age.HTML = s.Value(ui.Word(words), "")
			}
		}
		st := ui.RequestStatus(s, c, ui.AsReviewer)
		r.Cells = s.Cells(t.Columns[1:],
			ui.Cell{HTML: s.Value(s.PersonName(c, req.Requester), ""), Small: template.HTML(template.HTMLEscapeString(s.Affiliation(req.Affiliation)))}, //nolint:gosec // escaped
			ui.Cell{HTML: sponsor}, ui.Cell{HTML: openLink(s, c)}, age, ui.Cell{HTML: held}, ui.Cell{Badges: []ui.Badge{st.Badge}})
		t.Rows = append(t.Rows, r)
	}
	return t
}

// openLink names what in a request asks for a closer look, in a few words.
func openLink(s ui.Shell, c cases.Case) template.HTML {
	a, id := c.Request.Answers, "look.own"
	if a.Others(c.Policy.Questions) {
		id = "look.others"
	}
	out := s.H(id)
	if a.Company() {
		out += ", " + s.H("look.company")
	}
	if a.AI() {
		out += ", " + s.H("look.ai")
	}
	return out
}
