package web

import (
	"html/template"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/workflow"
)

// PickInput is a question about several tokens that the tool did not make,
// before something is done with them. Do is access.TellOwner, Adopt, Allow or
// Remove; the fields are as typed.
type PickInput struct {
	Do      access.Action
	Rows    []workflow.FoundCase
	Chosen  map[string]bool // ids that are ticked; nil ticks all
	Date    string          // due_at, review_at or end
	Text    string          // message, build or reason
	Number  string
	Errors  *access.FormError
	Refused access.Why
	Changed error // what was read is no longer what would be decided
}

// PickPage lists each token of a press with its own tick.
type PickPage struct {
	frame
	Terms   []hidden // what was read of each token, where that is decided on
	What    []template.HTML
	Choice  choice
	Left    string // how many were chosen that this cannot be done with
	LeftWhy []string
	Preview []string
	Fields  []field
	Action  string
	Do      action
	Keep    action
}

// hidden is a field that nobody types.
type hidden struct{ Name, Value string }

// pickDate and pickText name the fields of each question.
var (
	pickDate = map[access.Action]string{access.TellOwner: "due_at", access.Allow: "review_at", access.Adopt: "end"}
	pickText = map[access.Action]string{access.TellOwner: "message", access.Allow: "reason", access.Remove: "reason", access.Adopt: "build"}
)

// pickAddress is where each question posts to.
var pickAddress = map[access.Action]string{
	access.TellOwner: unmanagedPath + "/tell", access.Adopt: unmanagedPath + "/adopt", access.Allow: unmanagedPath + "/allow", access.Remove: unmanagedPath + "/remove",
}

// NewPickPage asks once more before something is done with several of them.
func NewPickPage(s Shell, in PickInput) PickPage {
	if in.Refused != "" {
		s.Banner = RefusedBanner(s, in.Refused, nil)
	}
	if b := termsBanner(in.Changed, in.Text != ""); b != nil {
		s.Banner = b
	}
	id := "pick." + string(in.Do)
	s.Asks = true
	p := PickPage{frame: newFrame(s, PageUnmanaged, s.T(id+".h1"), unmanagedPath), Action: pickAddress[in.Do]}
	p.setErrors(in.Errors)
	errs := s.errorsOf(in.Errors)
	people := map[string]bool{}
	p.Choice = choice{ID: "f-pick", Name: "pick", Legend: s.T("pick.legend"), Multi: true, Error: errs["pick"], ErrorWord: s.T("words.error")}
	left, agree := 0, 0
	if in.Do == access.Allow {
		for _, c := range in.Rows {
			p.Terms = append(p.Terms, hidden{termsOf(c.ID), access.FoundTerms(c.Found).Digest()})
		}
	}
	for _, c := range in.Rows {
		if !c.Can[pickMove(in.Do)] {
			left++
			p.LeftWhy = append(p.LeftWhy, s.pickWhy(in.Do, c))
			continue
		}
		if c.State == access.FoundAllowing {
			agree++
		}
		people[c.CanvasUser] = true
		o := option{ID: "f-pick-" + c.ID, Value: c.ID, Label: s.purpose(c.Found), Note: s.pickNote(c), Checked: in.Chosen == nil || in.Chosen[c.ID]}
		if len(p.Choice.Options) == 0 {
			o.ID = "f-pick"
		}
		p.Choice.Options = append(p.Choice.Options, o)
	}
	n := len(p.Choice.Options)
	p.What = []template.HTML{s.H(id+".what", "Count", n, "People", s.T("pick.people", "Count", len(people)))}
	if more := id + ".more"; s.P.Has(more) {
		p.What = append(p.What, s.H(more))
	}
	if left > 0 {
		p.Left = s.T("pick.left", "Count", left)
	}
	p.Fields = s.pickFields(in, errs, n, agree == n && n > 0)
	if in.Do == access.TellOwner {
		p.Preview = []string{s.T("mail.found_told.fact", "Count", 1), s.T("mail.found_told.effect"), s.T("pick.tell_owner.preview_action"), s.T("mail.found_told.note")}
	}
	look := primary
	if in.Do == access.Remove {
		look = dangerFill
	}
	p.Do = s.submit(look, "act."+string(in.Do), "", "")
	p.Keep = s.goTo(secondary, "pick.keep", unmanagedPath)
	return p
}

// pickWhy says of a token why this cannot be done with it now.
func (s Shell) pickWhy(do access.Action, c workflow.FoundCase) string {
	id := "pick.why_state"
	switch {
	case do == access.Adopt && c.Asked:
		id = "pick.why_asked"
	case do == access.Adopt && c.AccountRole:
		id = "pick.why_admin"
	case do == access.Allow && c.Own:
		id = "pick.why_own"
	case do == access.Allow && c.State == access.FoundAllowing:
		id = "pick.why_second"
	}
	return s.T(id, "Purpose", s.purpose(c.Found), "Owner", s.ownerName(c), "Status", s.foundStatus(c).Badge.Word)
}

// pickNote is the second line of a token: whose it is, when it ends, and what
// somebody wrote who wants it on the allow-list.
func (s Shell) pickNote(c workflow.FoundCase) string {
	id := "pick.note"
	if c.NeverEnds() {
		id = "pick.note_never"
	}
	note := s.T(id, "Owner", s.ownerName(c), "Ends", s.P.Date(c.Expires))
	if c.State == access.FoundAllowing {
		one, _ := c.Allowing()
		note += " " + s.T("pick.note_allowing", "Name", c.Names[one.Person], "Review", s.P.Date(c.ReviewAt), "Reason", s.said(one.Reason))
	}
	return note
}

func (s Shell) pickFields(in PickInput, errs map[string]string, n int, agree bool) []field {
	if in.Do == access.Allow && agree {
		return nil // the second person agrees to what the first one wrote
	}
	var windows policy.Windows
	if len(in.Rows) > 0 {
		windows = in.Rows[0].Policy.Windows
	}
	var out []field
	if name := pickText[in.Do]; name != "" {
		f := s.panelArea(name, "pick."+string(in.Do)+".text", in.Text, errs)
		f.Required = in.Do == access.Allow || in.Do == access.Remove
		f.Hint = s.H("pick." + string(in.Do) + ".text_hint")
		out = append(out, f)
	}
	if name := pickDate[in.Do]; name != "" {
		f := field{ID: "f-" + name, Name: name, Type: "date", Label: s.T("pick." + string(in.Do) + ".date"), Value: in.Date, Error: errs[name],
			ErrorWord: s.T("words.error"), NoAutofill: true, Required: in.Do != access.Adopt, Min: s.isoDate(s.Now.AddDate(0, 0, 1))}
		f.Hint = s.H("pick." + string(in.Do) + ".date_hint")
		if in.Do == access.Allow {
			f.Most = s.isoDate(s.Now.Add(windows.AllowList).AddDate(0, 0, -1))
		}
		if in.Do == access.TellOwner && f.Value == "" && in.Errors == nil {
			f.Value = s.isoDate(s.Now.Add(windows.CampaignAnswer))
		}
		out = append(out, f)
	}
	if in.Do == access.Remove {
		out = append(out, field{ID: "f-number", Name: "number", Type: "text", Label: s.T("pick.number", "Number", n), Value: in.Number, Error: errs["number"],
			ErrorWord: s.T("words.error"), Required: true, Max: 6, NoAutofill: true})
	}
	return out
}
