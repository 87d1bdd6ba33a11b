package web

import (
	"html/template"
	"net/url"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/workflow"
)

// How a button looks (component 2).
const (
	primary    = "primary"
	secondary  = ""
	danger     = "danger"
	dangerFill = "danger-fill"
	linklike   = "linklike"
)

// action is a button or link. Buttons act (Post, or a submit of the form they
// stand in), links go.
type action struct {
	Look, Label string
	Href        string // address of the link, of the form, or the button's formaction
	Post        bool   // a form of its own around the button
	Submit      bool   // a submit of the form it stands in
	Plain       bool   // posted by the browser itself, never by htmx
	Name, Value string
	By          string // id of what describes it: the row's title
	Compact     bool
	External    bool // leaves the tool, in a tab of its own
	Handle      string
	ID          string
}

func (s Shell) goTo(look, id, href string) action {
	return action{Look: look, Label: s.T(id), Href: href}
}

func (s Shell) postTo(look, id, href string) action {
	return action{Look: look, Label: s.T(id), Href: href, Post: true, Handle: s.Handle}
}

func (s Shell) submit(look, id, name, value string) action {
	return action{Look: look, Label: s.T(id), Submit: true, Name: name, Value: value}
}

func (s Shell) submitTo(look, id, href string) action {
	return action{Look: look, Label: s.T(id), Submit: true, Href: href}
}

func (s Shell) external(look, id, href string) action {
	return action{Look: look, Label: s.T(id), Href: href, External: true}
}

// described ties actions to the title of their row or card.
func described(by string, as ...action) []action {
	for i := range as {
		as[i].By = by
	}
	return as
}

// badge is component 3: word and icon; colour comes last.
type badge struct {
	Kind, Icon, Word string
	Filled           bool
}

// fact is one line of a card's or panel's list of facts.
type fact struct {
	Term  string
	Value template.HTML
}

func (s Shell) fact(id string, v template.HTML) fact { return fact{Term: s.T(id), Value: v} }

// step is one stage of the short story on a card.
type step struct {
	Label, Icon, State string // State: done, now, next
	Said               string // the state in words
	Current            bool
}

// card is component 5.
type card struct {
	ID         string
	Title      string
	Code, Href string
	Badges     []badge
	Now        template.HTML
	Steps      []step
	StepLine   string // the short story in one line, where it does not fit
	Facts      []fact
	Actions    []action
}

// empty is a list with nothing in it: why, and one way on.
type empty struct {
	Icon, Title, Text string
	Actions           []action
}

// field is component 6.
type field struct {
	ID, Name, Label string
	Type            string // text, url, date, search; "" is a textarea
	Value           string
	Hint            template.HTML
	Error           string
	Required        bool
	Rows, Max       int
	Min, Most       string // dates
	After           string // line under the control
	AfterPattern    string // the same line with {date} in it, for the script
	SetLabel, Set   string // small button that fills in a value (script)
	IfYes           string
	ErrorWord       string
	NoAutofill      bool
}

// DescribedBy lists the elements that explain the control: help, then error.
func (f field) DescribedBy() string { return describedBy(f.ID, f.Hint != "", f.Error != "") }

func describedBy(id string, hint, wrong bool) string {
	out := ""
	if hint {
		out = id + "-hint"
	}
	if wrong {
		if out != "" {
			out += " "
		}
		out += id + "-error"
	}
	return out
}

// choice is component 7: radios or, with Multi, checkboxes.
type choice struct {
	ID, Name, Legend string
	Hint             template.HTML
	Error            string
	Multi, Required  bool
	Inline           bool
	Options          []option
	ErrorWord        string
	Find             *finder
}

// DescribedBy is as for a field.
func (c choice) DescribedBy() string { return describedBy(c.ID, c.Hint != "", c.Error != "") }

// finder filters a long list of options on the server.
type finder struct {
	ID, Name, Label, Value string
	Button                 action
	Count                  string
}

// option is one choice; Note is its second line, Shown appears while it is
// chosen.
type option struct {
	ID, Value, Label, Note string
	Checked                bool
	Shown                  template.HTML
	Fields                 []field
}

// table is component 8.
type table struct {
	ID, Caption string
	Columns     []column
	Rows        []row
	// Pick is the id of the form that the rows' boxes belong to; PickLabel heads
	// their column. Empty: no row has a box.
	Pick, PickLabel string
}

type column struct {
	Label string
	Quiet bool // header for assistive technology only
}

type row struct {
	ID    string
	Code  string
	Title string
	Href  string
	Cells []cell
	Box   *box // nil where the row cannot be chosen
}

// box lets a row be chosen; its label names the row.
type box struct {
	Name, Value, Label string
	Checked            bool
}

type cell struct {
	Label   string // the column's header, for the card form
	HTML    template.HTML
	Small   template.HTML
	Badges  []badge
	Actions []action
	Late    string
}

// Bare reports whether the cell shows nothing.
func (c cell) Bare() bool {
	return c.HTML == "" && c.Small == "" && len(c.Badges) == 0 && len(c.Actions) == 0 && c.Late == ""
}

// filter is the bar above a table.
type filter struct {
	Action  string
	Selects []selectBox
	Inputs  []field
	Chips   []chip
	Clear   string
}

type selectBox struct {
	ID, Name, Label string
	Options         []option
}

type chip struct{ Label, Href, Remove string }

// pager walks a list by key.
type pager struct {
	Showing     string
	First, Next string
}

// caseRef is how a request is addressed: its code, or its id while it has none.
func caseRef(r access.Request) string {
	if c := r.Code(); c != "" {
		return c
	}
	return r.ID
}

func casePath(r access.Request, rest string) string {
	return "/requests/" + url.PathEscape(caseRef(r)) + rest
}

func grantPath(g *access.Grant, rest string) string {
	return "/tokens/" + url.PathEscape(g.ID) + rest
}

// title is the human name of a request or its token.
func (s Shell) title(c workflow.Case) string {
	if t := c.Request.Title(); t != "" {
		return t
	}
	if c.Grant != nil && c.Grant.Title != "" {
		return c.Grant.Title
	}
	return s.T("words.untitled")
}

// name is a person of a case; one whose name is not known is said to be so.
func (s Shell) name(c workflow.Case, p access.PersonID) string {
	if n := c.Name(p); n != "" {
		return n
	}
	return s.T("words.somebody")
}

// choiceWord is the text of one of the form's choices.
func (s Shell) choiceWord(list, key string) string {
	if key == "" {
		return ""
	}
	return s.T(choiceKey(list, key))
}

func choiceKey(list, key string) string { return "choice." + list + "_" + key }
