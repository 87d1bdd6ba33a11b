package ui

import (
	"html/template"
	"net/url"
	"strings"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
)

// MassesPath is the address of the list; one of them stands below it.
const MassesPath = "/revocations"

// NothingMatches is a list that its filter leaves empty; reset is the address without
// it.
func (s Shell) NothingMatches(reset string) *Empty {
	return &Empty{Icon: "search", Title: s.T("list.no_match"), Actions: []Action{s.GoTo(Secondary, "list.clear", reset)}}
}

// AnyOf is a filter with one of these keys, or none.
func (s Shell) AnyOf(name, chosen string, keys []string, words func(string) string) SelectBox {
	b := SelectBox{ID: "q-" + name, Name: name, Label: s.T("filter." + name), Options: []Option{{Label: s.T("filter.any")}}}
	for _, k := range keys {
		b.Options = append(b.Options, Option{Value: k, Label: words(k), Checked: k == chosen})
	}
	return b
}

// OneOf is a filter with one of these options, or none. What is chosen and is none
// of them is offered, too.
func (s Shell) OneOf(name, chosen string, options []Option) SelectBox {
	b := SelectBox{ID: "q-" + name, Name: name, Label: s.T("filter." + name), Options: []Option{{Label: s.T("filter.any")}}}
	known := chosen == ""
	for _, o := range options {
		o.Checked = strings.EqualFold(o.Value, chosen)
		known = known || o.Checked
		b.Options = append(b.Options, o)
	}
	if !known {
		b.Options = append(b.Options, Option{Value: chosen, Label: chosen, Checked: true})
	}
	return b
}

// Many is the message for a number of rows that was counted up to
// cases.MostCounted: "1,000+ tokens" where there are more.
func (s Shell) Many(id string, n int) string {
	id, n = many(id, n)
	return s.T(id, "Count", n)
}

// ManyHTML is Many with the number set apart.
func (s Shell) ManyHTML(id string, n int) template.HTML {
	id, n = many(id, n)
	return s.H(id, "Count", n)
}

func many(id string, n int) (string, int) {
	if n > cases.MostCounted {
		return id + "_more", cases.MostCounted
	}
	return id, n
}

// SearchField is a filter's text.
func (s Shell) SearchField(v string) Field {
	return Field{ID: "q-q", Name: "q", Type: "search", Label: s.T("filter.search"), Value: v, Max: access.MaxShort}
}

// Chips are the filters that are set, each with the way to take it off.
func (s Shell) Chips(path string, set url.Values, words map[string]func(string) string) []Chip {
	var out []Chip
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
		out = append(out, Chip{Label: label, Href: WithQuery(path, rest, ""), Remove: s.T("filter.remove", "Name", label)})
	}
	return out
}

// WithQuery is an address with a filter, from after on.
func WithQuery(path string, set url.Values, after string) string {
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

// Pager walks a list: n rows of total from the given one on.
func (s Shell) Pager(path string, set url.Values, after string, from, n, total int, next string) Pager {
	id, total := many("list.showing", total)
	p := Pager{Showing: s.T(id, "From", from, "To", from+n-1, "Total", total)}
	if after != "" {
		p.First = WithQuery(path, set, "")
	}
	if next != "" {
		p.Next = WithQuery(path, set, next)
	}
	return p
}

// Compact makes buttons small, as rows have them.
func Compact(as []Action) []Action {
	for i := range as {
		as[i].Compact = true
	}
	return as
}

// Columns makes the headers; the last of a table with buttons is only said.
func (s Shell) Columns(ids ...string) []Column {
	var out []Column
	for _, id := range ids {
		out = append(out, Column{Label: s.T(id), Quiet: id == "col.actions"})
	}
	return out
}

// Cells gives each cell its column's name, for the card form of narrow frames.
func (s Shell) Cells(cols []Column, cs ...Cell) []Cell {
	for i := range cs {
		if !cols[i].Quiet {
			cs[i].Label = cols[i].Label
		}
	}
	return cs
}

// CaseRow begins the row of a request.
func CaseRow(s Shell, c cases.Case) Row {
	return Row{ID: "r-" + c.Request.ID, Code: c.Request.Code(), Title: s.CaseTitle(c), Href: CasePath(c.Request, "")}
}
