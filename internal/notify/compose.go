package notify

import (
	"bytes"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"slices"
	"strings"
	texttemplate "text/template"
	"time"
	"unicode/utf8"

	"github.com/tokendesk/tokendesk/internal/text"
	"github.com/tokendesk/tokendesk/templates/mail"
)

// SubjectMax is the most characters of a subject.
const SubjectMax = 60

// rowsMax is how many requests a digest lists.
const rowsMax = 10

// Composer makes messages out of facts.
type Composer struct {
	catalogue *text.Catalogue
	plain     *texttemplate.Template
	html      *htmltemplate.Template
}

// NewComposer returns a Composer with the words of this catalogue.
func NewComposer(catalogue *text.Catalogue) (*Composer, error) {
	plain, err := texttemplate.New("letter.txt").Funcs(texttemplate.FuncMap{"inc": func(i int) int { return i + 1 }}).
		ParseFS(mail.Files, "letter.txt")
	if err != nil {
		return nil, fmt.Errorf("notify: %w", err)
	}
	html, err := htmltemplate.ParseFS(mail.Files, "letter.html")
	if err != nil {
		return nil, fmt.Errorf("notify: %w", err)
	}
	return &Composer{catalogue: catalogue, plain: plain, html: html}, nil
}

// sentence is a message with its values set apart.
type sentence []text.Part

// String joins the sentence for plain text.
func (s sentence) String() string {
	var b strings.Builder
	for _, p := range s {
		b.WriteString(p.Text)
	}
	return b.String()
}

// page is what the layouts show.
type page struct {
	Lang, Dir, Subject string
	Say, Rows          []sentence
	Details            []labelled
	Quotes             []quote
	Action             sentence
	Steps              []sentence
	Links              []link
	Note               sentence
	Foot               []sentence
}

type labelled struct{ Label, Value string }

type link struct{ Label, URL string }

type quote struct {
	Intro sentence
	Lines []string
}

// Compose writes the message of this kind for one person, in that person's
// language and time zone. It refuses a kind that this audience never gets, a
// link that is not https, and facts that lack something that the message says.
// What people wrote is cleaned, and taken out where it looks like a token.
func (c *Composer) Compose(k Kind, f Facts, to Recipient) (Message, error) {
	m, err := c.compose(k, f, to)
	if err != nil {
		return Message{}, fmt.Errorf("notify: compose %s for %s: %w", k, to.As, err)
	}
	return m, nil
}

func (c *Composer) compose(k Kind, f Facts, to Recipient) (Message, error) {
	l, ok := letters[k][to.As]
	switch {
	case !ok:
		return Message{}, errors.New("there is no such message")
	case f.Occasion == "" || to.CanvasUserID == "" || f.Now.IsZero():
		return Message{}, errors.New("occasion, person and time are needed")
	}
	if k == SponsorSaidNo {
		f.By = f.Sponsor
	}
	w := &writer{
		Printer: c.catalogue.For(to.Locale, to.TimeZone),
		kind:    k, as: to.As, variant: variant(k, f), facts: f,
	}
	w.tidy(&to)
	m := Message{Key: f.Occasion + "/" + string(k) + "/" + to.CanvasUserID, Kind: k, To: to, Link: f.Link}
	p := w.page(l, m.Key)
	if l.ics {
		m.ICS = w.calendar(m.Key)
	}
	if err := w.problem(); err != nil {
		return Message{}, err
	}
	m.Subject = p.Subject
	var plain, html bytes.Buffer
	if err := c.plain.Execute(&plain, p); err != nil {
		return Message{}, err
	}
	if err := c.html.Execute(&html, p); err != nil {
		return Message{}, err
	}
	m.Text = strings.TrimSpace(plain.String()) + "\n"
	m.HTML = html.String()
	return m, nil
}

// writer writes the parts of one message, and remembers what it lacked.
type writer struct {
	*text.Printer
	kind    Kind
	as      Audience
	variant string
	facts   Facts
	values  map[string]any
	lacking []string
}

func (w *writer) problem() error {
	if len(w.lacking) == 0 {
		return nil
	}
	slices.Sort(w.lacking)
	return fmt.Errorf("lacking: %s", strings.Join(slices.Compact(w.lacking), ", "))
}

func (w *writer) lack(what string) { w.lacking = append(w.lacking, what) }

func (w *writer) page(l letter, key string) page {
	w.fill()
	p := page{Lang: w.Lang(), Dir: w.Dir(), Subject: w.subject(l)}
	for _, name := range []string{"fact", "effect"} {
		if s := w.part(name); s != nil {
			p.Say = append(p.Say, s)
		} else if name == "fact" {
			w.lack("the words")
		}
	}
	p.Action, p.Note = w.part("action"), w.part("note")
	for i := range l.steps {
		p.Steps = append(p.Steps, w.part(fmt.Sprintf("step%d", i+1)))
	}
	if l.rows {
		p.Rows = w.rows()
	}
	for _, d := range l.details {
		if d == detailData && w.facts.DataUntold {
			continue
		}
		p.Details = append(p.Details, w.detail(d))
	}
	p.Quotes = w.quotes(l)
	if l.setup {
		p.Links = append(p.Links, w.link("settings", w.facts.SettingsLink))
	}
	if l.link != "" {
		p.Links = append(p.Links, w.link(l.link, w.facts.Link))
	}
	p.Foot = append(p.Foot, w.say("mail.why."+l.why))
	if w.facts.Contact != "" {
		p.Foot = append(p.Foot, w.say("mail.contact"))
	}
	w.values["Ref"] = reference(key)
	p.Foot = append(p.Foot, w.say("mail.no_reply"), w.say("mail.reference"))
	return p
}

// fill makes the values that the words of this message may use.
func (w *writer) fill() {
	f := w.facts
	w.values = map[string]any{}
	for name, s := range map[string]string{
		"Requester": f.Requester, "Sponsor": f.Sponsor, "By": f.By, "Course": f.Course,
		"Code": f.Code, "Title": f.Title, "Team": f.Team, "Contact": f.Contact,
	} {
		if s != "" {
			w.values[name] = s
		}
	}
	if f.Team == "" {
		w.values["Team"] = w.T("mail.team")
	}
	w.values["Office"] = w.T("mail.office")
	if f.Office != "" {
		w.values["Office"] = f.Office
	}
	for name, t := range map[string]time.Time{
		"AnswerBy": f.AnswerBy, "ReviewBy": f.ReviewBy, "CollectBy": f.CollectBy,
		"ActivateBy": f.ActivateBy, "EndsAt": f.EndsAt, "At": f.At,
	} {
		if !t.IsZero() {
			w.values[name] = w.When(t, f.Now)
			w.values[name+"Short"] = w.ShortDate(t)
		}
	}
	if w.kind == EndingSoon && f.Days > 0 {
		w.values["Count"] = f.Days
	}
	if w.kind == FoundTold || w.kind == FoundOverdue {
		w.values["Count"] = max(f.Waiting, 1)
	}
	if w.kind == MassRevoked || w.kind == MassDone {
		for name, n := range map[string]int{"TokensText": f.Tokens, "PeopleText": f.People, "BeforeText": f.Before} {
			w.values[name] = w.T("mail.mass_"+strings.ToLower(strings.TrimSuffix(name, "Text")), "Count", n)
		}
		if f.Tokens < 1 {
			w.lack("Tokens")
		}
	}
	if w.kind == ReviewersWaiting {
		w.values["WaitingText"] = w.T("mail.waiting", "Count", f.Waiting)
		w.values["OverdueText"] = w.T("mail.overdue", "Count", f.Overdue)
		if f.Waiting < 1 {
			w.lack("Waiting")
		}
	}
}

// say writes a message of the catalogue, and notes every value that it wants
// and does not get.
func (w *writer) say(id string) sentence {
	s := sentence(w.Parts(id, w.values))
	for _, p := range s {
		if _, given := w.values[p.Arg]; p.Arg != "" && !given {
			w.lack(p.Arg)
		}
	}
	return s
}

// part writes one part of the letter, in the words for this case if it has
// some, or returns nil if the letter does not have the part.
func (w *writer) part(name string) sentence {
	both := "mail." + string(w.kind) + "."
	own := both + string(w.as) + "."
	var ids []string
	if w.variant != "" {
		ids = append(ids, own+name+"_"+w.variant)
	}
	ids = append(ids, own+name)
	if w.variant != "" {
		ids = append(ids, both+name+"_"+w.variant)
	}
	ids = append(ids, both+name)
	for _, id := range ids {
		if w.Has(id) {
			return w.say(id)
		}
	}
	return nil
}

// subject writes the subject in at most SubjectMax characters, with the code at
// its end. What is too long loses the end of the longest name first.
func (w *writer) subject(l letter) string {
	room := SubjectMax
	if l.code {
		if w.facts.Code == "" {
			w.lack("Code")
		}
		room -= utf8.RuneCountInString(w.T("mail.subject_with_code", "Subject", "", "Code", w.facts.Code))
	}
	subject := w.part("subject")
	if over := utf8.RuneCountInString(subject.String()) - room; over > 0 {
		subject.shorten(over)
	}
	s := cut(subject.String(), room)
	if s == "" {
		w.lack("the words")
	}
	if l.code {
		s = w.T("mail.subject_with_code", "Subject", s, "Code", w.facts.Code)
	}
	return s
}

// nameLeast is how much of a name stays in a subject that is too long.
const nameLeast = 12

// shorten takes over characters from the longest value in s.
func (s sentence) shorten(over int) {
	longest := -1
	for i, p := range s {
		if p.Arg != "" && (longest < 0 || utf8.RuneCountInString(p.Text) > utf8.RuneCountInString(s[longest].Text)) {
			longest = i
		}
	}
	if longest >= 0 {
		n := utf8.RuneCountInString(s[longest].Text)
		s[longest].Text = cut(s[longest].Text, max(n-over, min(n, nameLeast)))
	}
}

// cut shortens s to n characters, the last of them "…".
func cut(s string, n int) string {
	runes := []rune(s)
	if len(runes) <= n {
		return s
	}
	return strings.TrimSpace(string(runes[:max(n-1, 0)])) + "…"
}

func (w *writer) detail(d detail) labelled {
	f := w.facts
	out := labelled{Label: w.T("mail.label." + string(d))}
	switch d {
	case detailRequest:
		out.Value = w.say("mail.value.request").String()
	case detailData:
		out.Value = w.chosen("data_", f.DataKinds, f.DataWords)
	case detailEnd:
		if !f.EndsAt.IsZero() {
			out.Value = w.Date(f.EndsAt)
		}
	case detailLastUsed:
		out.Value = w.T("mail.value.never_used")
		if !f.LastUsedAt.IsZero() {
			out.Value = w.When(f.LastUsedAt, f.Now)
		}
	}
	if out.Value == "" {
		w.lack("the " + string(d))
	}
	return out
}

func (w *writer) rows() []sentence {
	var out []sentence
	for _, r := range w.facts.Rows[:min(len(w.facts.Rows), rowsMax)] {
		id := "mail.row"
		switch {
		case r.Code == "":
			id = "mail.row_found"
		case r.Overdue:
			id = "mail.row_overdue"
		case r.Days < 1:
			id = "mail.row_today"
		}
		out = append(out, w.Parts(id, "Code", r.Code, "Title", r.Title, "Count", r.Days))
	}
	return out
}

func (w *writer) quotes(l letter) []quote {
	var out []quote
	add := func(when must, what, intro, body string) {
		switch {
		case when != never && body != "":
			out = append(out, quote{Intro: w.say(intro), Lines: strings.Split(body, "\n")})
		case when == always:
			w.lack(what)
		}
	}
	intro := "mail.reason"
	if w.facts.By != "" {
		intro = "mail.reason_from"
	}
	add(l.reason, "Reason", intro, w.facts.Reason)
	add(l.instead, "Alternative", "mail.instead", w.instead())
	return out
}

// chosen writes choices of the request form in the form's own words. A choice
// that the catalogue does not know is left out.
func (w *writer) chosen(prefix string, keys []string, added map[string]Words) string {
	var words []string
	for _, k := range keys {
		if id := "choice." + prefix + k; w.Has(id) {
			words = append(words, w.T(id))
		} else if own := added[k].in(w.Lang()); own != "" {
			words = append(words, own)
		}
	}
	return strings.Join(words, "; ")
}

// instead is what the person can do instead: the choice, then what was written.
func (w *writer) instead() string {
	f := &w.facts
	if f.AlternativeKind == "" || f.AlternativeKind == "other" {
		return f.Alternative
	}
	choice := w.chosen("alternative_", []string{f.AlternativeKind}, nil)
	if f.Alternative == "" {
		return choice
	}
	return choice + "\n" + f.Alternative
}
