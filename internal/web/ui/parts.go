package ui

import (
	"html/template"
	"net/url"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
)

// How a button looks (component 2).
const (
	Primary    = "primary"
	Secondary  = ""
	Danger     = "danger"
	DangerFill = "danger-fill"
	Linklike   = "linklike"
)

// Action is a button or link. Buttons act (Post, or a submit of the form they
// stand in), links go.
type Action struct {
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

// GoTo is a link that looks like a button.
func (s Shell) GoTo(look, id, href string) Action {
	return Action{Look: look, Label: s.T(id), Href: href}
}

// PostTo is a button with a form of its own.
func (s Shell) PostTo(look, id, href string) Action {
	return Action{Look: look, Label: s.T(id), Href: href, Post: true, Handle: s.Handle}
}

// Submit is a button of the form it stands in.
func (s Shell) Submit(look, id, name, value string) Action {
	return Action{Look: look, Label: s.T(id), Submit: true, Name: name, Value: value}
}

// SubmitTo is a button that sends its form to another address.
func (s Shell) SubmitTo(look, id, href string) Action {
	return Action{Look: look, Label: s.T(id), Submit: true, Href: href}
}

// External is a link that leaves the tool.
func (s Shell) External(look, id, href string) Action {
	return Action{Look: look, Label: s.T(id), Href: href, External: true}
}

// Described ties actions to the title of their row or card.
func Described(by string, as ...Action) []Action {
	for i := range as {
		as[i].By = by
	}
	return as
}

// Badge is component 3: word and icon; colour comes last.
type Badge struct {
	Kind, Icon, Word string
	Filled           bool
}

// Fact is one line of a card's or panel's list of facts.
type Fact struct {
	Term  string
	Value template.HTML
}

// Fact is a fact whose term is a message.
func (s Shell) Fact(id string, v template.HTML) Fact { return Fact{Term: s.T(id), Value: v} }

// Step is one stage of the short story on a card.
type Step struct {
	Label, Icon, State string // State: done, now, next
	Said               string // the state in words
	Current            bool
}

// Card is component 5.
type Card struct {
	ID         string
	Title      string
	Code, Href string
	Badges     []Badge
	Now        template.HTML
	Steps      []Step
	StepLine   string // the short story in one line, where it does not fit
	Facts      []Fact
	Actions    []Action
}

// Empty is a list with nothing in it: why, and one way on.
type Empty struct {
	Icon, Title, Text string
	Actions           []Action
}

// Field is component 6.
type Field struct {
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
	Offers          []Option // of a filter: values to choose from; others may be typed
}

// PanelArea is a free text, labelled by a message.
func (s Shell) PanelArea(name, label, typed string, errs map[string]string) Field {
	return Field{ID: "f-" + name, Name: name, Label: s.T(label), Value: typed, Rows: 3, Max: access.MaxNote,
		Error: errs[name], ErrorWord: s.T("words.error")}
}

// DescribedBy lists the elements that explain the control: help, then error.
func (f Field) DescribedBy() string { return describedBy(f.ID, f.Hint != "", f.Error != "") }

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

// Choice is component 7: radios or, with Multi, checkboxes.
type Choice struct {
	ID, Name, Legend string
	Hint             template.HTML
	Error            string
	Multi, Required  bool
	Options          []Option
	ErrorWord        string
	Find             *finder
}

// DescribedBy is as for a field.
func (c Choice) DescribedBy() string { return describedBy(c.ID, c.Hint != "", c.Error != "") }

// finder filters a long list of options on the server.
type finder struct {
	ID, Name, Label, Value string
	Button                 Action
	Count                  string
}

// Option is one choice; Note is its second line, Shown appears while it is
// chosen.
type Option struct {
	ID, Value, Label, Note string
	Checked                bool
	Shown                  template.HTML
	Fields                 []Field
}

// Table is component 8.
type Table struct {
	ID, Caption string
	Columns     []Column
	Rows        []Row
	// Pick is the id of the form that the rows' boxes belong to; PickLabel heads
	// their column. Empty: no row has a box.
	Pick, PickLabel string
}

// Column heads the cells of a table.
type Column struct {
	Label string
	Quiet bool // header for assistive technology only
}

// Row is a line of a table. Its title leads to what it is about.
type Row struct {
	ID    string
	Code  string
	Title string
	Href  string
	Cells []Cell
	Box   *Box // nil where the row cannot be chosen
}

// Box lets a row be chosen; its label names the row.
type Box struct {
	Name, Value, Label string
	Checked            bool
}

// Cell is what a row says in one column.
type Cell struct {
	Label   string // the column's header, for the card form
	HTML    template.HTML
	Small   template.HTML
	Badges  []Badge
	Actions []Action
	Late    string
}

// Bare reports whether the cell shows nothing.
func (c Cell) Bare() bool {
	return c.HTML == "" && c.Small == "" && len(c.Badges) == 0 && len(c.Actions) == 0 && c.Late == ""
}

// Filter is the bar above a table.
type Filter struct {
	Action  string
	Selects []SelectBox
	Inputs  []Field
	Chips   []Chip
	Clear   string
}

// SelectBox is a choice of a filter.
type SelectBox struct {
	ID, Name, Label string
	Options         []Option
}

// Chip is a filter that is set, with the address without it.
type Chip struct{ Label, Href, Remove string }

// Pager walks a list by key.
type Pager struct {
	// Label says of what, where a page has several; By is the id of that list's heading,
	// which describes the links.
	Label, By   string
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

// CasePath is the address of a request, or of rest below it.
func CasePath(r access.Request, rest string) string {
	return "/requests/" + url.PathEscape(caseRef(r)) + rest
}

// GrantPath is the address of a token, or of rest below it.
func GrantPath(g *access.Grant, rest string) string {
	return "/tokens/" + url.PathEscape(g.ID) + rest
}

// CaseTitle is the human name of a request or its token.
func (s Shell) CaseTitle(c cases.Case) string {
	if t := c.Request.Title(); t != "" {
		return t
	}
	if c.Grant != nil && c.Grant.Title != "" {
		return c.Grant.Title
	}
	return s.T("words.untitled")
}

// PersonName is a person of a case; one whose name is not known is said to be so.
func (s Shell) PersonName(c cases.Case, p access.PersonID) string {
	if n := c.Name(p); n != "" {
		return n
	}
	return s.T("words.somebody")
}

// ChoiceWord is the text of one of the form's choices.
func (s Shell) ChoiceWord(list, key string) string {
	if key == "" {
		return ""
	}
	return s.T(ChoiceKey(list, key))
}

// ChoiceKey is the message of one of the built-in answers.
func ChoiceKey(list, key string) string { return "choice." + list + "_" + key }
