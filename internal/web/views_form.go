package web

import (
	"html/template"
	"strings"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/workflow"
)

// manyTeachers is how many names a list shows before it gets a search field.
const manyTeachers = 8

// FormPage is Request an API token.
type FormPage struct {
	frame
	DraftID string
	Kept    string // line that says where the answers on the page come from
	Saved   Kept

	Purpose, Maker, AI, Data, Storage choice
	Build, End                        field
	Sponsor                           *choice
	SponsorNone                       *sponsorNone
	CourseNote                        template.HTML
	Keeps                             []fact

	Reach     template.HTML
	ReachList []string

	Rules      []string
	RulesMeta  string
	Accepted   bool
	AcceptedID string
	AcceptErr  string
	ErrorWord  string

	Next   []string
	Latest template.HTML
	Cause  template.HTML
	Quota  string
	Folded bool // a renewal: what was answered last time stands folded
	Submit []action
}

// sponsorNone says why there is nobody to choose.
type sponsorNone struct {
	Text  string
	Error string
}

// Kept is the line "Draft saved 14:05", and the fragment that replaces it.
type Kept struct {
	frame
	Text string
}

func newKept(s Shell, at time.Time) Kept {
	k := Kept{frame: frame{Shell: s}}
	if at.IsZero() {
		k.Text = s.T("form.not_saved")
	} else {
		k.Text = s.T("form.saved", "Time", s.clock(at))
	}
	return k
}

func newForm(s Shell, in FormInput) FormPage {
	f, a := in.Form, in.Form.Answers
	errs := s.errorsOf(in.Errors)
	p := FormPage{frame: newFrame(s, PageHome, s.T("form.h1"), "/requests/new"), DraftID: f.Draft.ID}
	if p.DraftID != "" {
		p.Path = casePath(f.Draft, "")
	}
	p.setErrors(in.Errors)
	switch {
	case !in.SavedAt.IsZero():
		p.Saved = newKept(s, in.SavedAt)
		if in.Errors == nil {
			p.Focus, p.Say = FocusSave, p.Saved.Text
		}
	case !f.KeptAt.IsZero() && in.Errors == nil:
		// Whether a session that kept it has ended is not known; that it began
		// before this one is.
		p.Kept = s.T("form.kept_now", "When", s.P.DateTime(f.KeptAt))
		if f.KeptAt.Before(s.Session.LaunchedAt) {
			p.Kept = s.T("form.kept_from", "When", s.P.DateTime(f.KeptAt))
		}
	case f.Draft.Renews != "" && f.Draft.UpdatedAt.Equal(f.Draft.CreatedAt): // made by this press: the answers are the last request's
	case f.Draft.ID != "" && in.Errors == nil:
		p.Kept = s.T("form.draft_from", "When", s.P.DateTime(f.Draft.UpdatedAt))
	}
	if f.Keeps != nil {
		p.Keeps = s.foundFacts(*f.Keeps, "")
	}
	p.ErrorWord = s.T("words.error")
	p.Purpose = s.formChoice("purpose", access.Purposes, []string{a.Purpose}, errs)
	p.better()
	p.Build = s.formField("build", a.Build, errs)
	p.Build.Rows, p.Build.Max, p.Build.Required = 5, f.Policy.Limits.BuildMost, true
	p.Maker = s.formChoice("maker", access.Makers, []string{a.Maker}, errs)
	s.under(&p.Maker, "company", s.text("maker_name", a.MakerName, f.Policy.Limits.Short, true, errs), s.text("maker_link", a.MakerLink, f.Policy.Limits.Link, false, errs))
	p.AI = s.formChoice("ai", access.AIUses, []string{a.AI}, errs)
	s.under(&p.AI, "yes", s.text("ai_service", a.AIService, f.Policy.Limits.Short, true, errs), s.text("ai_data", a.AIData, f.Policy.Limits.Note, true, errs))
	p.Data = s.formChoice("data", access.DataKind, a.Data, errs)
	p.Data.Multi = true
	p.Storage = s.formChoice("storage", access.Storages, []string{a.Storage}, errs)
	p.setReach(f.Reach)
	p.setEnd(f, errs)
	if f.Rule == policy.RuleSponsor {
		p.setSponsor(f, in.SponsorQuery, errs)
	}
	p.Rules, p.Accepted, p.AcceptErr = f.Rules, a.Accepted, errs["accepted"]
	p.RulesMeta = s.T("form.rules_version", "Version", f.RulesVer, "Date", s.rulesDate(f.RulesDate))
	p.setAside(f)
	p.Folded = f.Draft.Renews != "" && in.Errors == nil
	save := s.submit(secondary, "form.save", "do", "draft")
	save.ID = string(FocusSave)
	p.Submit = []action{s.submit(primary, "form.submit", "do", "submit"), save}
	return p
}

// formChoice is one of the form's lists of choices.
func (s Shell) formChoice(name string, keys, chosen []string, errs map[string]string) choice {
	c := choice{ID: "f-" + name, Name: name, Legend: s.T("form." + name), Error: errs[name], Required: true, ErrorWord: s.T("words.error")}
	if s.P.Has("form." + name + "_hint") {
		c.Hint = s.H("form." + name + "_hint")
	}
	for _, k := range keys {
		o := option{ID: c.ID + "-" + k, Value: k, Label: s.choiceWord(name, k)}
		if note := choiceKey(name, k) + "_note"; s.P.Has(note) {
			o.Note = s.T(note)
		}
		for _, v := range chosen {
			o.Checked = o.Checked || v == k
		}
		c.Options = append(c.Options, o)
	}
	// The error summary leads to the list's first control.
	c.Options[0].ID = c.ID
	return c
}

// formField is a field of the form with its fixed label.
func (s Shell) formField(name, value string, errs map[string]string) field {
	f := field{ID: "f-" + name, Name: name, Label: s.T("form." + name), Value: value, Error: errs[name], ErrorWord: s.T("words.error")}
	if id := "form." + name + "_hint"; s.P.Has(id) {
		f.Hint = s.H(id)
	}
	return f
}

// manyCharacters is the longest text that is typed in one line.
const manyCharacters = 500

func (s Shell) text(name, value string, most int, required bool, errs map[string]string) field {
	f := s.formField(name, value, errs)
	f.Type, f.Max, f.Required, f.IfYes = "text", most, required, s.T("form.if_yes")
	if most > manyCharacters {
		f.Type, f.Rows = "", 3
	}
	return f
}

// under puts fields below one option; they show while it is chosen.
func (s Shell) under(c *choice, value string, fs ...field) {
	for i := range c.Options {
		if c.Options[i].Value == value {
			c.Options[i].Fields = fs
		}
	}
}

// better tells, under a purpose that often needs no token, what does the job.
func (p *FormPage) better() {
	for i, o := range p.Purpose.Options {
		if id := choiceKey("purpose", o.Value) + "_better"; p.P.Has(id) {
			p.Purpose.Options[i].Shown = p.H(id)
		}
	}
}

func (p *FormPage) setReach(r *workflow.Reach) {
	p.Reach = p.H("form.reach")
	p.ReachList = p.reach(r)
}

// reach lists the courses by part, largest power first; nil where Canvas was
// not asked.
func (s Shell) reach(r *workflow.Reach) []string {
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

func (p *FormPage) setEnd(f workflow.Form, errs map[string]string) {
	a := f.Answers
	e := p.formField("end", a.EndDate, errs)
	e.Type, e.Required, e.NoAutofill = "date", true, true
	if e.Value == "" && a.EndTyped != "" {
		// A date field cannot hold what is no date; nothing typed is lost.
		e.Value, e.Type = a.EndTyped, "text"
	}
	if !f.Latest.IsZero() {
		last := policy.LastDate(f.Latest, p.P.Zone())
		e.Most, e.Min = p.isoDate(last), p.isoDate(p.Now)
		e.Hint = p.H("form.end_hint_"+p.causeKey(f), "Latest", day(last), "Course", p.courseName(f.Course), "CourseEnd", day(f.CourseEnd))
		e.Set, e.SetLabel = e.Most, p.T("form.end_use_latest")
		e.AfterPattern = p.T("form.end_echo", "Date", "{date}", "Zone", p.zoneName())
		if d, err := time.ParseInLocation(time.DateOnly, a.EndDate, p.P.Zone()); err == nil {
			e.After = p.T("form.end_echo", "Date", p.P.Date(d), "Zone", p.zoneName())
		}
		p.Latest = p.H("form.latest", "Latest", day(last))
		p.Cause = p.H("form.latest_"+p.causeKey(f), "Course", p.courseName(f.Course), "CourseEnd", day(f.CourseEnd))
	}
	p.End = e
}

// causeKey names what limits the end date; the course's end is only named where
// it is known.
func (p *FormPage) causeKey(f workflow.Form) string {
	switch {
	case f.Cause == policy.CauseCourse && !f.CourseEnd.IsZero():
		return "course"
	case f.Cause == policy.CauseCanvas:
		return "canvas"
	}
	return "role"
}

func (s Shell) courseName(c access.Course) string {
	switch {
	case c.Code != "":
		return c.Code
	case c.Name != "":
		return c.Name
	}
	return s.T("words.your_course")
}

func (p *FormPage) setSponsor(f workflow.Form, query string, errs map[string]string) {
	if f.Course.ID != "" {
		p.CourseNote = p.H("form.sponsor_course", "Course", p.courseName(f.Course))
	}
	if len(f.Teachers) == 0 {
		id := "form.sponsor_none"
		if f.TeachersErr {
			id = "form.sponsor_unread"
		}
		p.SponsorNone = &sponsorNone{Text: p.T(id), Error: errs["sponsor"]}
		return
	}
	c := p.teacherChoice("form.sponsor", f.Teachers, f.Answers.SponsorKey, query, f.Course)
	c.Error, c.Hint = errs["sponsor"], p.H("form.sponsor_hint")
	if c.Find != nil {
		c.Find.Button = p.submit(secondary, "words.find", "do", "find")
	}
	p.Sponsor = &c
}

// teacherChoice lists possible sponsors. A long list gets a search field; the
// chosen one always stays, on top.
func (s Shell) teacherChoice(label string, all []workflow.Teacher, chosen, query string, course access.Course) choice {
	c := choice{ID: "f-sponsor", Name: "sponsor", Legend: s.T(label), Required: true, ErrorWord: s.T("words.error")}
	q := strings.ToLower(strings.TrimSpace(query))
	var top, rest []option
	for _, t := range all {
		note := s.T("form.sponsor_teacher", "Course", s.courseName(course))
		if t.Supervisor {
			note = s.T("form.sponsor_supervisor")
		}
		o := option{ID: c.ID + "-" + t.CanvasUser, Value: t.CanvasUser, Label: t.Name, Note: note, Checked: t.CanvasUser == chosen && chosen != ""}
		switch {
		case o.Checked:
			top = append(top, o)
		case q == "" || strings.Contains(strings.ToLower(t.Name), q):
			rest = append(rest, o)
		}
	}
	c.Options = append(top, rest...)
	if len(c.Options) > 0 {
		c.Options[0].ID = c.ID
	}
	if len(all) > manyTeachers {
		c.Find = &finder{ID: "f-sponsor_q", Name: "sponsor_q", Label: s.T("form.sponsor_find"), Value: query,
			Count: s.T("form.sponsor_count", "Number", len(c.Options), "Count", len(all))}
	}
	return c
}

// setAside tells what happens after the form is sent, and when.
func (p *FormPage) setAside(f workflow.Form) {
	p.Next = []string{p.T("form.next_you")}
	if f.Rule == policy.RuleSponsor {
		p.Next = append(p.Next, p.T("form.next_sponsor", "Count", int(f.Policy.Windows.SponsorAnswer/(24*time.Hour))))
	}
	p.Next = append(p.Next, p.T("form.next_team", "Team", p.team(), "Count", f.Policy.Windows.ReviewDays), p.T("form.next_collect"))
	if f.Quota != "" {
		p.Quota = p.T(refusedKey(f.Quota))
	}
}

// rulesDate writes the date of the rules as dates are written here; what an
// operator wrote in another form stands as it is.
func (s Shell) rulesDate(v string) string {
	t, err := time.ParseInLocation(time.DateOnly, v, s.P.Zone())
	if err != nil {
		return v
	}
	return s.P.Date(t)
}
