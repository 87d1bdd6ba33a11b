package requests

import (
	"html/template"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/authority"
	"github.com/tokendesk/tokendesk/internal/desk/requests"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/web/ui"
)

// FormPage is Request an API token.
type FormPage struct {
	ui.Frame
	DraftID string
	From    string // line that says where the answers on the page come from
	Saved   SavedLine

	Keeps []ui.Fact

	About []formSection // what is needed and what it touches
	Terms []formSection // how long, who stands for it, and the rules

	Next   []string
	Latest template.HTML
	Cause  template.HTML
	Quota  string
	Folded bool // a renewal: what was answered last time stands folded
	Submit []ui.Action
}

// formSection is a part of the form with its questions.
type formSection struct {
	Title string
	Asked []asked
	Reach *reachNote
}

// asked is one question of the form: exactly one of these.
type asked struct {
	Choice  *ui.Choice
	Field   *ui.Field
	Sponsor *sponsorAsked
	Rules   *rulesBox
}

// reachNote tells what a token can do, whatever was answered.
type reachNote struct {
	Text template.HTML
	List []string
}

// sponsorAsked is the question for a sponsor: a list, or why there is nobody to
// choose.
type sponsorAsked struct {
	CourseNote template.HTML
	Choice     *ui.Choice
	Label      string
	None       string
	Error      string
	ErrorWord  string
}

// rulesBox is the rules with the box below them.
type rulesBox struct {
	Rules     []string
	Meta      string
	Label     string
	Accepted  bool
	Error     string
	ErrorWord string
}

// SavedLine is the line "Draft saved 14:05", and the fragment that replaces it.
type SavedLine struct {
	ui.Frame
	Text string
}

// NewSavedLine is the fragment that answers POST /requests/keep: "Draft saved 14:05".
// A zero at says that it could not be saved.
func NewSavedLine(s ui.Shell, at time.Time) SavedLine {
	k := SavedLine{Frame: ui.Frame{Shell: s}}
	if at.IsZero() {
		k.Text = s.T("form.not_saved")
	} else {
		k.Text = s.T("form.saved", "Time", s.Clock(at))
	}
	return k
}

// NewFormPage is Request an API token. With errors it is the same form, with
// everything typed, under an error summary.
func NewFormPage(s ui.Shell, in FormInput) FormPage {
	f := in.Form
	in.Errors = namingQuestions(s, in.Errors, f.Policy.Questions)
	errs := s.ErrorsOf(in.Errors)
	p := FormPage{Frame: ui.NewFrame(s, ui.PageHome, s.T("form.h1"), "/requests/new"), DraftID: f.Draft.ID}
	if p.DraftID != "" {
		p.Path = ui.CasePath(f.Draft, "")
	}
	p.SetErrors(in.Errors)
	switch {
	case !in.SavedAt.IsZero():
		p.Saved = NewSavedLine(s, in.SavedAt)
		if in.Errors == nil {
			p.Focus, p.Say = ui.FocusSave, p.Saved.Text
		}
	case !f.KeptAt.IsZero() && in.Errors == nil:
		// Whether a session that kept it has ended is not known; that it began
		// before this one is.
		p.From = s.T("form.kept_now", "When", s.P.DateTime(f.KeptAt))
		if f.KeptAt.Before(s.Session.LaunchedAt) {
			p.From = s.T("form.kept_from", "When", s.P.DateTime(f.KeptAt))
		}
	case f.Draft.Renews != "" && f.Draft.UpdatedAt.Equal(f.Draft.CreatedAt): // made by this press: the answers are the last request's
	case f.Draft.ID != "" && in.Errors == nil:
		p.From = s.T("form.draft_from", "When", s.P.DateTime(f.Draft.UpdatedAt))
	}
	if f.Keeps != nil {
		p.Keeps = ui.FoundFacts(s, *f.Keeps, "")
	}
	for _, section := range policy.Sections {
		part := formSection{Title: s.T("form.section_" + string(section)), Asked: p.asked(section, in, errs)}
		switch section {
		case policy.SectionReach:
			part.Reach = &reachNote{Text: s.H("form.reach"), List: reachWords(s, f.Reach)}
			p.About = append(p.About, part)
		case policy.SectionWhat:
			p.About = append(p.About, part)
		default:
			p.Terms = append(p.Terms, part)
		}
	}
	p.setAside(f)
	p.Folded = f.Draft.Renews != "" && in.Errors == nil
	save := s.Submit(ui.Secondary, "form.save", "do", "draft")
	save.ID = string(ui.FocusSave)
	p.Submit = []ui.Action{s.Submit(ui.Primary, "form.submit", "do", "submit"), save}
	return p
}

// asked are the questions of one section. A follow-up stands with the answer that
// asks for it.
func (p *FormPage) asked(section policy.Section, in FormInput, errs map[string]string) (out []asked) {
	f, a := in.Form, in.Form.Answers
	for _, q := range f.Policy.Questions {
		switch {
		case q.Section != section || q.When != nil:
		case q.Kind.Chosen():
			c := formChoice(p.Shell, q, a.All(q.Key), errs)
			for _, more := range f.Policy.Questions {
				if more.When != nil && more.When.Question == q.Key {
					showUnder(&c, more.When.Answer, textField(p.Shell, more, a.Text(more.Key), errs))
				}
			}
			out = append(out, asked{Choice: &c})
		case q.Kind == policy.End:
			e := p.endField(f, errs)
			out = append(out, asked{Field: &e})
		case q.Kind == policy.Sponsor:
			if f.Rule == policy.RuleSponsor {
				out = append(out, asked{Sponsor: p.sponsorAsked(f, in.SponsorQuery, errs)})
			}
		case q.Kind == policy.Rules:
			out = append(out, asked{Rules: &rulesBox{Rules: f.Rules, Meta: p.T("form.rules_version", "Version", f.RulesVer, "Date", rulesDate(p.Shell, f.RulesDate)),
				Label: p.T("form.accepted"), Accepted: a.Has(q.Key, access.Accepted), Error: errs[q.Key], ErrorWord: p.T("words.error")}})
		default:
			t := textField(p.Shell, q, a.Text(q.Key), errs)
			out = append(out, asked{Field: &t})
		}
	}
	return out
}

// formChoice is one of the form's lists of choices.
func formChoice(s ui.Shell, q policy.Question, chosen []string, errs map[string]string) ui.Choice {
	c := ui.Choice{ID: "f-" + q.Key, Name: q.Key, Legend: questionWord(s, q), Hint: questionHint(s, q), Error: errs[q.Key], Multi: q.Kind == policy.Choices,
		Required: q.Required, ErrorWord: s.T("words.error")}
	for _, opt := range q.Options {
		o := ui.Option{ID: c.ID + "-" + opt.Key, Value: opt.Key, Label: optionWord(s, q, opt.Key), Note: opt.Note.In(s.P.Lang()), Checked: slices.Contains(chosen, opt.Key)}
		if policy.IsBuiltInOption(q.Key, opt.Key) {
			if note := ui.ChoiceKey(q.Key, opt.Key) + "_note"; s.P.Has(note) {
				o.Note = s.T(note)
			}
			// An answer that often needs no token tells what does the job.
			if better := ui.ChoiceKey(q.Key, opt.Key) + "_better"; s.P.Has(better) {
				o.Shown = s.H(better)
			}
		}
		c.Options = append(c.Options, o)
	}
	// The error summary leads to the list's first control.
	c.Options[0].ID = c.ID
	return c
}

// questionWord is a question in words: the program's own for what is built in,
// else the school's.
func questionWord(s ui.Shell, q policy.Question) string {
	if policy.IsBuiltIn(q.Key) {
		return s.T("form." + q.Key)
	}
	return q.Label.In(s.P.Lang())
}

func questionHint(s ui.Shell, q policy.Question) template.HTML {
	if !policy.IsBuiltIn(q.Key) {
		return template.HTML(template.HTMLEscapeString(q.Help.In(s.P.Lang()))) //nolint:gosec // escaped
	}
	if id := "form." + q.Key + "_hint"; s.P.Has(id) {
		return s.H(id)
	}
	return ""
}

// optionWord is an answer in words, as questionWord. One that the question does
// not offer stands as it is.
func optionWord(s ui.Shell, q policy.Question, key string) string {
	if policy.IsBuiltInOption(q.Key, key) {
		return s.ChoiceWord(q.Key, key)
	}
	if o, ok := q.Option(key); ok {
		return o.Label.In(s.P.Lang())
	}
	return key
}

// namingQuestions gives the corrections of what a school asks the words of its question.
func namingQuestions(s ui.Shell, e *access.FormError, qs []policy.Question) *access.FormError {
	if e == nil {
		return nil
	}
	out := &access.FormError{}
	for _, x := range e.Fields {
		for _, q := range qs {
			if q.Key == x.Field && strings.HasPrefix(x.Code, "answer.") {
				x.Args = maps.Clone(x.Args)
				if x.Args == nil {
					x.Args = map[string]any{}
				}
				x.Args["Question"] = questionWord(s, q)
			}
		}
		out.Fields = append(out.Fields, x)
	}
	return out
}

// formField is a field of the form with its label.
func formField(s ui.Shell, q policy.Question, value string, errs map[string]string) ui.Field {
	return ui.Field{ID: "f-" + q.Key, Name: q.Key, Label: questionWord(s, q), Hint: questionHint(s, q), Value: value, Error: errs[q.Key], Required: q.Required,
		ErrorWord: s.T("words.error")}
}

// textField is a question that is answered in writing.
func textField(s ui.Shell, q policy.Question, value string, errs map[string]string) ui.Field {
	f := formField(s, q, value, errs)
	f.Type, f.Max = "text", q.Most
	if q.Kind == policy.Paragraph {
		f.Type, f.Rows = "", 5
	}
	if q.When != nil {
		f.IfYes, f.Rows = s.T("form.if_yes"), min(f.Rows, 3)
	}
	return f
}

// showUnder puts a field below one option; it shows while that is chosen.
func showUnder(c *ui.Choice, value string, f ui.Field) {
	for i := range c.Options {
		if c.Options[i].Value == value {
			c.Options[i].Fields = append(c.Options[i].Fields, f)
		}
	}
}

// reachWords lists the courses by part, largest power first; nil where Canvas was
// not asked.
func reachWords(s ui.Shell, r *authority.Reach) []string {
	if r == nil {
		return nil
	}
	var out []string
	for _, x := range []struct {
		id string
		n  int
	}{{"teaching", r.Teaching}, {"designing", r.Designing}, {"assistant", r.Assistant}, {"student", r.Student}} {
		if x.n > 0 {
			out = append(out, s.T("reach."+x.id, "Count", x.n))
		}
	}
	if len(out) == 0 {
		out = []string{s.T("reach.none")}
	}
	return out
}

func (p *FormPage) endField(f requests.Form, errs map[string]string) ui.Field {
	q, _ := f.Policy.Question(policy.KeyEnd)
	typed := f.Answers.Text(policy.KeyEnd)
	e := formField(p.Shell, q, typed, errs)
	e.Type, e.NoAutofill = "date", true
	d, err := time.ParseInLocation(time.DateOnly, typed, p.P.Zone())
	if typed != "" && err != nil {
		e.Type = "text" // a date field cannot hold what is no date; nothing typed is lost
	}
	if !f.Latest.IsZero() {
		last := policy.LastDate(f.Latest, p.P.Zone())
		e.Most, e.Min = p.IsoDate(last), p.IsoDate(p.Now)
		e.Hint = p.H("form.end_hint_"+p.causeKey(f), "Latest", ui.Day(last), "Course", p.CourseName(f.Course), "CourseEnd", ui.Day(f.CourseEnd))
		e.Set, e.SetLabel = e.Most, p.T("form.end_use_latest")
		e.AfterPattern = p.T("form.end_echo", "Date", "{date}", "Zone", p.ZoneName())
		if err == nil {
			e.After = p.T("form.end_echo", "Date", p.P.Date(d), "Zone", p.ZoneName())
		}
		p.Latest = p.H("form.latest", "Latest", ui.Day(last))
		p.Cause = p.H("form.latest_"+p.causeKey(f), "Course", p.CourseName(f.Course), "CourseEnd", ui.Day(f.CourseEnd))
	}
	return e
}

// causeKey names what limits the end date; the course's end is only named where
// it is known.
func (p *FormPage) causeKey(f requests.Form) string {
	switch {
	case f.Cause == policy.CauseCourse && !f.CourseEnd.IsZero():
		return "course"
	case f.Cause == policy.CauseCanvas:
		return "canvas"
	}
	return "role"
}

func (p *FormPage) sponsorAsked(f requests.Form, query string, errs map[string]string) *sponsorAsked {
	out := &sponsorAsked{Label: p.T("form.sponsor"), Error: errs[policy.KeySponsor], ErrorWord: p.T("words.error")}
	if f.Course.ID != "" {
		out.CourseNote = p.H("form.sponsor_course", "Course", p.CourseName(f.Course))
	}
	if len(f.Teachers) == 0 {
		id := "form.sponsor_none"
		if f.TeachersErr {
			id = "form.sponsor_unread"
		}
		out.None = p.T(id)
		return out
	}
	c := ui.TeacherChoice(p.Shell, "form.sponsor", f.Teachers, f.Answers.Text(policy.KeySponsor), query, f.Course)
	c.Error, c.Hint = out.Error, p.H("form.sponsor_hint")
	if c.Find != nil {
		c.Find.Button = p.Shell.Submit(ui.Secondary, "words.find", "do", "find")
	}
	out.Choice = &c
	return out
}

// setAside tells what happens after the form is sent, and when.
func (p *FormPage) setAside(f requests.Form) {
	p.Next = []string{p.T("form.next_you")}
	if f.Rule == policy.RuleSponsor {
		p.Next = append(p.Next, p.T("form.next_sponsor", "Count", int(f.Policy.Windows.SponsorAnswer/(24*time.Hour))))
	}
	p.Next = append(p.Next, p.T("form.next_team", "Team", p.Team(), "Count", f.Policy.Windows.ReviewDays), p.T("form.next_collect"))
	if f.Quota != "" {
		p.Quota = p.T(ui.RefusedKey(f.Quota))
	}
}

// rulesDate writes the date of the rules as dates are written here; what an
// operator wrote in another form stands as it is.
func rulesDate(s ui.Shell, v string) string {
	t, err := time.ParseInLocation(time.DateOnly, v, s.P.Zone())
	if err != nil {
		return v
	}
	return s.P.Date(t)
}
