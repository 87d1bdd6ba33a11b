package inventory

import (
	"html/template"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/web/ui"
)

// PickInput is a question about several tokens that the tool did not make,
// before something is done with them. Do is access.TellOwner, Adopt, Allow or
// Remove; the fields are as typed.
type PickInput struct {
	Do      access.Action
	Rows    []cases.FoundCase
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
	ui.Frame
	Terms   []hidden // what was read of each token, where that is decided on
	What    []template.HTML
	Choice  ui.Choice
	Left    string // how many were chosen that this cannot be done with
	LeftWhy []string
	Preview []string
	Fields  []ui.Field
	Action  string
	Do      ui.Action
	Keep    ui.Action
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
	access.TellOwner: ui.UnmanagedPath + "/tell", access.Adopt: ui.UnmanagedPath + "/adopt", access.Allow: ui.UnmanagedPath + "/allow", access.Remove: ui.UnmanagedPath + "/remove",
}

// NewPickPage asks once more before something is done with several of them.
func NewPickPage(s ui.Shell, in PickInput) PickPage {
	if in.Refused != "" {
		s.Banner = ui.RefusedBanner(s, in.Refused, nil)
	}
	if b := ui.TermsBanner(in.Changed, in.Text != ""); b != nil {
		s.Banner = b
	}
	id := "pick." + string(in.Do)
	s.Asks = true
	p := PickPage{Frame: ui.NewFrame(s, ui.PageUnmanaged, s.T(id+".h1"), ui.UnmanagedPath), Action: pickAddress[in.Do]}
	p.SetErrors(in.Errors)
	errs := s.ErrorsOf(in.Errors)
	people := map[string]bool{}
	p.Choice = ui.Choice{ID: "f-pick", Name: "pick", Legend: s.T("pick.legend"), Multi: true, Error: errs["pick"], ErrorWord: s.T("words.error")}
	left, agree := 0, 0
	if in.Do == access.Allow {
		for _, c := range in.Rows {
			p.Terms = append(p.Terms, hidden{termsOf(c.ID), access.FoundTerms(c.Found).Digest()})
		}
	}
	for _, c := range in.Rows {
		if !c.Can[pickMove(in.Do)] {
			left++
			p.LeftWhy = append(p.LeftWhy, pickWhy(s, in.Do, c))
			continue
		}
		if c.State == access.FoundAllowing {
			agree++
		}
		people[c.CanvasUser] = true
		o := ui.Option{ID: "f-pick-" + c.ID, Value: c.ID, Label: ui.FoundPurpose(s, c.Found), Note: pickNote(s, c), Checked: in.Chosen == nil || in.Chosen[c.ID]}
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
	p.Fields = pickFields(s, in, errs, n, agree == n && n > 0)
	if in.Do == access.TellOwner {
		p.Preview = []string{s.T("mail.found_told.fact", "Count", 1), s.T("mail.found_told.effect"), s.T("pick.tell_owner.preview_action"), s.T("mail.found_told.note")}
	}
	look := ui.Primary
	if in.Do == access.Remove {
		look = ui.DangerFill
	}
	p.Do = s.Submit(look, "act."+string(in.Do), "", "")
	p.Keep = s.GoTo(ui.Secondary, "pick.keep", ui.UnmanagedPath)
	return p
}

// pickWhy says of a token why this cannot be done with it now.
func pickWhy(s ui.Shell, do access.Action, c cases.FoundCase) string {
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
	return s.T(id, "Purpose", ui.FoundPurpose(s, c.Found), "Owner", ui.FoundOwner(s, c), "Status", ui.FoundStatus(s, c).Badge.Word)
}

// pickNote is the second line of a token: whose it is, when it ends, and what
// somebody wrote who wants it on the allow-list.
func pickNote(s ui.Shell, c cases.FoundCase) string {
	id := "pick.note"
	if c.NeverEnds() {
		id = "pick.note_never"
	}
	note := s.T(id, "Owner", ui.FoundOwner(s, c), "Ends", s.P.Date(c.Expires))
	if c.State == access.FoundAllowing {
		one, _ := c.Allowing()
		note += " " + s.T("pick.note_allowing", "Name", c.Names[one.Person], "Review", s.P.Date(c.ReviewAt), "Reason", s.Said(one.Reason))
	}
	return note
}

func pickFields(s ui.Shell, in PickInput, errs map[string]string, n int, agree bool) []ui.Field {
	if in.Do == access.Allow && agree {
		return nil // the second person agrees to what the first one wrote
	}
	var windows policy.Windows
	if len(in.Rows) > 0 {
		windows = in.Rows[0].Policy.Windows
	}
	var out []ui.Field
	if name := pickText[in.Do]; name != "" {
		f := s.PanelArea(name, "pick."+string(in.Do)+".text", in.Text, errs)
		f.Required = in.Do == access.Allow || in.Do == access.Remove
		f.Hint = s.H("pick." + string(in.Do) + ".text_hint")
		out = append(out, f)
	}
	if name := pickDate[in.Do]; name != "" {
		f := ui.Field{ID: "f-" + name, Name: name, Type: "date", Label: s.T("pick." + string(in.Do) + ".date"), Value: in.Date, Error: errs[name],
			ErrorWord: s.T("words.error"), NoAutofill: true, Required: in.Do != access.Adopt, Min: s.IsoDate(s.Now.AddDate(0, 0, 1))}
		f.Hint = s.H("pick." + string(in.Do) + ".date_hint")
		if in.Do == access.Allow {
			f.Most = s.IsoDate(s.Now.Add(windows.AllowList).AddDate(0, 0, -1))
		}
		if in.Do == access.TellOwner && f.Value == "" && in.Errors == nil {
			f.Value = s.IsoDate(s.Now.Add(windows.CampaignAnswer))
		}
		out = append(out, f)
	}
	if in.Do == access.Remove {
		out = append(out, ui.Field{ID: "f-number", Name: "number", Type: "text", Label: s.T("pick.number", "Number", n), Value: in.Number, Error: errs["number"],
			ErrorWord: s.T("words.error"), Required: true, Max: 6, NoAutofill: true})
	}
	return out
}

// termsOf names the field of one of several objects in a form.
func termsOf(id string) string { return ui.TermsField + "_" + id }
