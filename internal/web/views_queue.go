package web

import (
	"html/template"
	"net/url"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/workflow"
)

// QueuePage is the review queue.
type QueuePage struct {
	frame
	Facts  []template.HTML
	Count  string
	Filter filter
	Table  table
	Empty  *empty
	Pager  pager
}

// NewQueuePage is the review queue, with the filter that made it.
func NewQueuePage(s Shell, q workflow.Queue, f workflow.QueueFilter) QueuePage {
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
	p := QueuePage{frame: newFrame(s, PageQueue, s.T("queue.h1"), withQuery("/queue", set, f.After))}
	p.Facts = []template.HTML{s.H("queue.waiting", "Count", q.Waiting), s.H("queue.overdue", "Count", q.Overdue),
		s.H("queue.target", "Count", q.Target)}
	p.Count = s.T("queue.count", "Count", q.Total)
	p.Say = p.Count
	p.Filter = s.queueFilter(f, set)
	if len(q.Rows) == 0 {
		p.Empty = p.emptyQueue(q, len(set) > 0)
		return p
	}
	p.Table = s.queueTable(q.Rows)
	p.Pager = s.pager("/queue", set, f.After, q.From, len(q.Rows), q.Total, q.Next)
	return p
}

func (p *QueuePage) emptyQueue(q workflow.Queue, filtered bool) *empty {
	if filtered {
		return p.nothingMatches("/queue")
	}
	e := &empty{Icon: "tray", Title: p.T("queue.empty")}
	if !q.LastDecisionAt.IsZero() {
		e.Text = p.T("queue.empty_last", "When", p.P.When(q.LastDecisionAt, p.Now))
	}
	return e
}

func (s Shell) nothingMatches(reset string) *empty {
	return &empty{Icon: "search", Title: s.T("list.no_match"), Actions: []action{s.goTo(secondary, "list.clear", reset)}}
}

// queueStatuses are the states a reviewer can list.
var queueStatuses = []access.RequestState{access.InReview, access.AwaitingSponsor, access.Approved, access.Collecting,
	access.Fulfilled, access.SponsorDeclined, access.Denied, access.Withdrawn, access.Lapsed, access.Rescinded}

func (s Shell) queueFilter(f workflow.QueueFilter, set url.Values) filter {
	b := filter{Action: "/queue", Clear: "/queue"}
	states := make([]option, 0, len(queueStatuses))
	for _, st := range queueStatuses {
		value := string(st)
		if st == access.InReview {
			value = "" // what the page shows unasked
		}
		states = append(states, option{Value: value, Label: s.T(stateKey(st)), Checked: f.Status == st || (f.Status == "" && value == "")})
	}
	b.Selects = []selectBox{
		{ID: "q-status", Name: "status", Label: s.T("filter.status"), Options: states},
		s.anyOf("role", string(f.Affiliation), []string{"student", "faculty", "staff"}, func(k string) string { return s.T("who." + k) }),
		s.anyOf("ai", f.AI, access.AIUses, func(k string) string { return s.T("filter.ai_" + k) }),
		s.anyOf("maker", f.Maker, access.Makers, func(k string) string { return s.choiceWord("maker", k) }),
	}
	b.Inputs = []field{s.searchField(f.Search)}
	b.Chips = s.chips("/queue", set, map[string]func(string) string{
		"status": func(v string) string { return s.T(stateKey(access.RequestState(v))) },
		"role":   func(v string) string { return s.affiliation(policy.Affiliation(v)) },
		"maker":  func(v string) string { return s.choiceWord("maker", v) },
		"ai":     func(v string) string { return s.T("filter.ai_" + v) },
		"q":      func(v string) string { return v },
	})
	return b
}

func stateKey(st access.RequestState) string { return "filter.state_" + string(st) }

func (s Shell) anyOf(name, chosen string, keys []string, words func(string) string) selectBox {
	b := selectBox{ID: "q-" + name, Name: name, Label: s.T("filter." + name), Options: []option{{Label: s.T("filter.any")}}}
	for _, k := range keys {
		b.Options = append(b.Options, option{Value: k, Label: words(k), Checked: k == chosen})
	}
	return b
}

func (s Shell) searchField(v string) field {
	return field{ID: "q-q", Name: "q", Type: "search", Label: s.T("filter.search"), Value: v, Max: access.MaxShort}
}

// chips are the filters that are set, each with the way to take it off.
func (s Shell) chips(path string, set url.Values, words map[string]func(string) string) []chip {
	var out []chip
	for _, k := range []string{"status", "role", "maker", "ai", "course", "sponsor", "vendor", "ends_before", "idle_days", "ends", "who", "q"} {
		v := set.Get(k)
		if v == "" || words[k] == nil {
			continue
		}
		rest := url.Values{}
		for n, vs := range set {
			if n != k {
				rest[n] = vs
			}
		}
		label := words[k](v)
		out = append(out, chip{Label: label, Href: withQuery(path, rest, ""), Remove: s.T("filter.remove", "Name", label)})
	}
	return out
}

func withQuery(path string, set url.Values, after string) string {
	if after != "" {
		with := url.Values{"after": {after}}
		for k, v := range set {
			with[k] = v
		}
		set = with
	}
	if len(set) == 0 {
		return path
	}
	return path + "?" + set.Encode()
}

func (s Shell) pager(path string, set url.Values, after string, from, n, total int, next string) pager {
	p := pager{Showing: s.T("list.showing", "From", from, "To", from+n-1, "Total", total)}
	if after != "" {
		p.First = withQuery(path, set, "")
	}
	if next != "" {
		p.Next = withQuery(path, set, next)
	}
	return p
}

func (s Shell) queueTable(cs []workflow.Case) table {
	t := table{ID: "queue", Caption: s.T("queue.caption")}
	t.Columns = s.columns("col.request", "col.requester", "col.sponsor", "col.look", "col.age", "col.held", "col.status")
	for _, c := range cs {
		r := s.caseRow(c)
		req := c.Request
		sponsor := s.H("col.no_sponsor")
		if req.Sponsor != "" {
			sponsor = s.value(s.name(c, req.Sponsor), "")
		}
		var held template.HTML
		holder := req.Claim().Person
		if req.State == access.Approved {
			holder = req.Decision().Person
		}
		if holder != "" {
			held = s.value(s.name(c, holder), "")
		}
		age := cell{}
		if req.State == access.InReview {
			words, over := s.reviewAge(c)
			if over {
				age.Late = words
			} else {
				age.HTML = s.value(word(words), "")
			}
		}
		st := s.requestStatus(c, asReviewer)
		r.Cells = s.cells(t.Columns[1:],
			cell{HTML: s.value(s.name(c, req.Requester), ""), Small: template.HTML(template.HTMLEscapeString(s.affiliation(req.Affiliation)))}, //nolint:gosec // escaped
			cell{HTML: sponsor}, cell{HTML: s.lookAt(c)}, age, cell{HTML: held}, cell{Badges: []badge{st.Badge}})
		t.Rows = append(t.Rows, r)
	}
	return t
}

// lookAt names what in a request asks for a closer look, in a few words.
func (s Shell) lookAt(c workflow.Case) template.HTML {
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
