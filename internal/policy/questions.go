package policy

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Kind says how a question is asked, and what its answer is.
type Kind string

// The kinds. The last three are asked by the tool itself, once in every form: it
// knows what their answers mean, and each has a key and a section of its own.
const (
	Choice    Kind = "choice"    // one of the options
	Choices   Kind = "choices"   // one or more of the options
	Text      Kind = "text"      // one line
	Paragraph Kind = "paragraph" // several lines
	Link      Kind = "link"      // an address that begins with https://
	End       Kind = "end"       // the date at which the token ends
	Sponsor   Kind = "sponsor"   // who stands for it, where one is needed
	Rules     Kind = "rules"     // the box under the rules
)

// Section is the part of the form that a question stands in.
type Section string

// The sections, in the form's order.
const (
	SectionWhat  Section = "what"  // what is needed
	SectionReach Section = "reach" // what it touches
	SectionEnd   Section = "end"   // how long, and who stands for it
	SectionRules Section = "rules"
)

// Sections are all of them in the form's order.
var Sections = []Section{SectionWhat, SectionReach, SectionEnd, SectionRules}

// Keys of the questions whose answers mean something to the product. A question
// under one of them has the kind that BuiltIn gives it. A school may leave out
// all but the last three.
const (
	KeyPurpose   = "purpose"
	KeyBuild     = "build" // the title is made of it
	KeyMaker     = "maker"
	KeyMakerName = "maker_name" // the vendor
	KeyMakerLink = "maker_link"
	KeyAI        = "ai"
	KeyAIService = "ai_service"
	KeyAIData    = "ai_data"
	KeyData      = "data"
	KeyStorage   = "storage"
	KeyEnd       = "end"
	KeySponsor   = "sponsor"
	KeyAccepted  = "accepted" // the rules box
)

// Options that mean something to the product.
const (
	MakerCompany = "company" // of KeyMaker: made outside the school
	AIYes        = "yes"     // of KeyAI: data goes to an AI service
)

// Question is one question of the request form.
type Question struct {
	Key     string
	Kind    Kind
	Section Section
	// Required: it has to be answered, where it is asked.
	Required bool
	// Least and Most bound what is typed, in characters.
	Least, Most int
	Options     []Option // of a choice
	// When is the answer to another question that this one needs to be asked; nil
	// asks it always.
	When *Condition
	// Label and Help are the words of a question that a school added. A built-in
	// one is said by the program's own words, and has none here.
	Label, Help Words
}

// Option is one answer that a choice offers.
type Option struct {
	Key string
	// Refused: it is offered so that people see that it is refused.
	Refused bool
	// Others: whoever chooses it touches data of other people.
	Others bool
	// Label and Note are the words of an option that a school added.
	Label, Note Words
}

// Condition holds where an earlier choice was answered with one option.
type Condition struct{ Question, Answer string }

// Words are a text by the tag of its language. English is always there.
type Words map[string]string

// In is the text in a language: in that very one, else in its first subtag, else
// in English.
func (w Words) In(lang string) string {
	if s, ok := w[lang]; ok {
		return s
	}
	first, _, _ := strings.Cut(lang, "-")
	if s, ok := w[first]; ok {
		return s
	}
	return w["en"]
}

// Typed reports whether the answer is a text that its author writes.
func (k Kind) Typed() bool { return k == Text || k == Paragraph || k == Link }

// Chosen reports whether the answer is among options.
func (k Kind) Chosen() bool { return k == Choice || k == Choices }

// Own reports whether the tool itself asks it.
func (k Kind) Own() bool { return k == End || k == Sponsor || k == Rules }

// AsksForOthers reports whether one of the answers names data of other people.
func (q Question) AsksForOthers() bool {
	return slices.ContainsFunc(q.Options, func(o Option) bool { return o.Others })
}

// Question returns the question under a key.
func (p Policy) Question(key string) (Question, bool) {
	i := slices.IndexFunc(p.Questions, func(q Question) bool { return q.Key == key })
	if i < 0 {
		return Question{}, false
	}
	return p.Questions[i], true
}

// Option returns the option under a key.
func (q Question) Option(key string) (Option, bool) {
	i := slices.IndexFunc(q.Options, func(o Option) bool { return o.Key == key })
	if i < 0 {
		return Option{}, false
	}
	return q.Options[i], true
}

// Bounds of a form.
const (
	mostQuestions = 60
	mostOptions   = 40
	mostLanguages = 20
	// mostBytes bounds the answers to a whole form as they are stored: they have to
	// fit what is kept of a form that was not sent.
	mostBytes = 32 << 10
)

// typed are the bounds of Most by kind.
var typed = map[Kind][2]int{Text: {1, 500}, Paragraph: {1, 4000}, Link: {50, 1000}}

// Reserved are names of form fields that the tool uses beside the questions; no
// question has one of them as its key, or one that begins with terms_.
var Reserved = []string{
	"after", "alternative", "alternative_text", "conditions", "count", "course", "do", "draft", "due_at", "ends", "ends_before", "grant", "idle_days", "message",
	"number", "pick", "q", "reason", "review_at", "role", "seen", "sponsor_q", "status", "suspect", "terms", "tool_session", "vendor", "who",
}

// IsReserved reports whether a field has a name that no question can have.
func IsReserved(name string) bool {
	return slices.Contains(Reserved, name) || strings.HasPrefix(name, "terms_")
}

// reservedOptions would give an option the id of another part of its question.
var reservedOptions = []string{"after", "error", "hint"}

var (
	keyForm  = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)
	langForm = regexp.MustCompile(`^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$`)
)

// builtIn are the questions of BuiltIn, by their keys.
var builtIn = func() map[string]Question {
	out := map[string]Question{}
	for _, q := range firstQuestions() {
		out[q.Key] = q
	}
	return out
}()

// BuiltInQuestions are the questions that the program has words of its own for.
func BuiltInQuestions() []Question { return firstQuestions() }

// IsBuiltIn reports whether the program has its own words for the question under
// a key.
func IsBuiltIn(question string) bool {
	_, ok := builtIn[question]
	return ok
}

// IsBuiltInOption reports whether the program has its own words for an option.
func IsBuiltInOption(question, option string) bool {
	_, ok := builtIn[question].Option(option)
	return ok
}

// firstQuestions are the nine questions of BuiltIn with their follow-ups.
func firstQuestions() []Question {
	options := func(keys ...string) []Option {
		out := make([]Option, len(keys))
		for i, k := range keys {
			out[i].Key = k
		}
		return out
	}
	company, ai := &Condition{KeyMaker, MakerCompany}, &Condition{KeyAI, AIYes}
	return []Question{
		{Key: KeyPurpose, Kind: Choice, Section: SectionWhat, Required: true,
			Options: options("coursework", "teaching", "own_data", "research", "administration", "other")},
		{Key: KeyBuild, Kind: Paragraph, Section: SectionWhat, Required: true, Least: 30, Most: 2000},
		{Key: KeyMaker, Kind: Choice, Section: SectionWhat, Required: true, Options: options("self", "school", MakerCompany)},
		{Key: KeyMakerName, Kind: Text, Section: SectionWhat, Required: true, Most: 200, When: company},
		{Key: KeyMakerLink, Kind: Link, Section: SectionWhat, Most: 500, When: company},
		{Key: KeyAI, Kind: Choice, Section: SectionWhat, Required: true, Options: options("no", AIYes)},
		{Key: KeyAIService, Kind: Text, Section: SectionWhat, Required: true, Most: 200, When: ai},
		{Key: KeyAIData, Kind: Paragraph, Section: SectionWhat, Required: true, Most: 1000, When: ai},
		{Key: KeyData, Kind: Choices, Section: SectionReach, Required: true, Options: append(options("own", "content"),
			Option{Key: "people", Others: true}, Option{Key: "grades", Others: true}, Option{Key: "messages", Others: true})},
		{Key: KeyStorage, Kind: Choice, Section: SectionReach, Required: true, Options: append(options("password_manager", "encrypted_config", "school_server"),
			Option{Key: "repository", Refused: true}, Option{Key: "chat", Refused: true}, Option{Key: "document", Refused: true})},
		{Key: KeyEnd, Kind: End, Section: SectionEnd, Required: true},
		{Key: KeySponsor, Kind: Sponsor, Section: SectionEnd, Required: true},
		{Key: KeyAccepted, Kind: Rules, Section: SectionRules, Required: true},
	}
}

// checkQuestions returns the first *Error of a form's questions.
func checkQuestions(qs []Question) error {
	if len(qs) > mostQuestions {
		return wrong("questions", "are at most %d", mostQuestions)
	}
	seen, sum, section := map[string]Question{}, 0, 0
	for i, q := range qs {
		if !keyForm.MatchString(q.Key) {
			return wrong("questions", "%q is no key like tool_name", q.Key)
		}
		field := "questions." + q.Key
		if _, twice := seen[q.Key]; twice {
			return wrong(field, "stands there twice")
		}
		if err := q.check(field); err != nil {
			return err
		}
		at := slices.Index(Sections, q.Section)
		if at < section {
			return wrong(field+".section", "stands before that of the question above it")
		}
		section, sum = at, sum+q.bytes()
		if q.When != nil {
			if err := q.When.check(field, q, seen); err != nil {
				return err
			}
			if before := qs[i-1]; before.Key != q.When.Question && (before.When == nil || before.When.Question != q.When.Question) {
				return wrong(field, "stands under the question that it follows")
			}
		}
		seen[q.Key] = q
	}
	for _, key := range []string{KeyEnd, KeySponsor, KeyAccepted} {
		if _, ok := seen[key]; !ok {
			return wrong("questions."+key, "is missing")
		}
	}
	if sum > mostBytes {
		return wrong("questions", "may be answered with at most %d bytes together; it is %d", mostBytes, sum)
	}
	return nil
}

// bytes is how long the answer may be as it is stored, in bytes.
func (q Question) bytes() int {
	n := len(q.Key) + 16 + 4*q.Most
	for _, o := range q.Options {
		n += len(o.Key) + 3
	}
	return n
}

func (q Question) check(field string) error {
	if IsReserved(q.Key) {
		return wrong(field, "is a name that the tool uses itself")
	}
	own, known := builtIn[q.Key]
	if known && q.Kind != own.Kind {
		return wrong(field+".kind", "is %s", own.Kind)
	}
	bounds, isTyped := typed[q.Kind]
	switch {
	case q.Kind.Own():
		if !known {
			return wrong(field+".kind", "is for the tool's own question")
		}
		if q.Section != own.Section || !q.Required {
			return wrong(field+".section", "is %s", own.Section)
		}
	case !isTyped && !q.Kind.Chosen():
		return wrong(field+".kind", "is not known")
	case !slices.Contains(Sections, q.Section):
		return wrong(field+".section", "is not known")
	}
	if isTyped {
		if q.Most < bounds[0] || q.Most > bounds[1] {
			return wrong(field+".most", "is from %d to %d", bounds[0], bounds[1])
		}
		if q.Least < 0 || q.Least > min(q.Most, 1000) {
			return wrong(field+".least", "is from 0 to %d", min(q.Most, 1000))
		}
	} else if q.Least != 0 || q.Most != 0 {
		return wrong(field+".most", "is for what is typed")
	}
	if err := q.checkOptions(field); err != nil {
		return err
	}
	return q.Label.checkPair(field, known, q.Help, "help", 500)
}

func (q Question) checkOptions(field string) error {
	if !q.Kind.Chosen() {
		if len(q.Options) > 0 {
			return wrong(field+".options", "are for a choice")
		}
		return nil
	}
	if len(q.Options) > mostOptions {
		return wrong(field+".options", "are at most %d", mostOptions)
	}
	open := 0
	for i, o := range q.Options {
		if !keyForm.MatchString(o.Key) || slices.Contains(reservedOptions, o.Key) {
			return wrong(field+".options", "%q is no key for an option", o.Key)
		}
		under := field + ".options." + o.Key
		if slices.ContainsFunc(q.Options[:i], func(x Option) bool { return x.Key == o.Key }) {
			return wrong(under, "stands there twice")
		}
		if !o.Refused {
			open++
		}
		if err := o.Label.checkPair(under, IsBuiltInOption(q.Key, o.Key), o.Note, "note", 200); err != nil {
			return err
		}
	}
	if open == 0 {
		return wrong(field+".options", "hold at least one that is not refused")
	}
	return nil
}

// check: the condition names an option of a choice above, which is asked of
// everybody. Only what is typed follows a choice.
func (c Condition) check(field string, q Question, above map[string]Question) error {
	on, ok := above[c.Question]
	switch {
	case !q.Kind.Typed():
		return wrong(field+".when", "is for what is typed")
	case !ok || on.Kind != Choice || on.When != nil || on.Section != q.Section:
		return wrong(field+".when.question", "is no choice above it in its section")
	}
	if o, ok := on.Option(c.Answer); !ok || o.Refused {
		return wrong(field+".when.answer", "is no answer to %s", c.Question)
	}
	return nil
}

// checkPair judges a label with what explains it. The program has words of its
// own for what is built in.
func (w Words) checkPair(field string, builtIn bool, more Words, name string, most int) error {
	switch {
	case builtIn && len(w) > 0:
		return wrong(field+".label", "is said by the program")
	case builtIn && len(more) > 0:
		return wrong(field+"."+name, "is said by the program")
	case builtIn:
		return nil
	}
	if err := w.check(field+".label", 200); err != nil {
		return err
	}
	if len(more) == 0 {
		return nil
	}
	return more.check(field+"."+name, most)
}

func (w Words) check(field string, most int) error {
	if _, ok := w["en"]; !ok {
		return wrong(field+".en", "is missing")
	}
	if len(w) > mostLanguages {
		return wrong(field, "has at most %d languages", mostLanguages)
	}
	for _, lang := range slices.Sorted(maps.Keys(w)) {
		s := w[lang]
		under := field + "." + lang
		switch {
		case !langForm.MatchString(lang):
			return wrong(field, "%q is no language like en or pt-BR", lang)
		case s == "" || strings.TrimSpace(s) != s:
			return wrong(under, "begins and ends with a character")
		case utf8.RuneCountInString(s) > most:
			return wrong(under, "is longer than %d characters", most)
		case !utf8.ValidString(s) || strings.ContainsFunc(s, unseen):
			return wrong(under, "holds what nobody sees")
		}
	}
	return nil
}

// unseen are characters that would break a line of words or change how it is
// read. The marks and joiners that languages need stay.
func unseen(r rune) bool {
	switch r {
	case '\u200c', '\u200d', '\u200e', '\u200f', '\u061c':
		return false
	}
	return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp)
}

func (q Question) equal(o Question) bool {
	return q.Key == o.Key && q.Kind == o.Kind && q.Section == o.Section && q.Required == o.Required && q.Least == o.Least && q.Most == o.Most &&
		slices.EqualFunc(q.Options, o.Options, Option.equal) && (q.When == nil) == (o.When == nil) && (q.When == nil || *q.When == *o.When) &&
		maps.Equal(q.Label, o.Label) && maps.Equal(q.Help, o.Help)
}

func (o Option) equal(x Option) bool {
	return o.Key == x.Key && o.Refused == x.Refused && o.Others == x.Others && maps.Equal(o.Label, x.Label) && maps.Equal(o.Note, x.Note)
}
