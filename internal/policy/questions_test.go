package policy

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// added is a question that a school added, as a document has it.
const added = `{"key": "tool_name", "kind": "choice", "section": "what", "required": true, "label": {"en": "Which tool?", "es": "¿Qué herramienta?"},
  "help": {"en": "Ask if you do not know."},
  "options": [{"key": "quiz", "label": {"en": "Quiz maker"}}, {"key": "other", "label": {"en": "Another"}, "note": {"en": "We look closer."}, "others": true}]},
  {"key": "tool_other", "kind": "text", "section": "what", "required": true, "least": 2, "most": 100, "label": {"en": "Which one?"},
    "when": {"question": "tool_name", "answer": "other"}},
  `

// more is the sound document with what a school added behind the purpose.
func more() string {
	return strings.Replace(sound, `{"key": "build"`, added+`{"key": "build"`, 1)
}

func TestDocumentWithAnAddedQuestion(t *testing.T) {
	t.Parallel()
	p, err := Decode(2, []byte(more()))
	if err != nil {
		t.Fatal(err)
	}
	q, ok := p.Question("tool_name")
	if !ok || q.Label.In("es-MX") != "¿Qué herramienta?" || q.Label.In("de") != "Which tool?" || q.Help.In("es") != "Ask if you do not know." ||
		len(q.Options) != 2 || !q.Options[1].Others || q.Options[1].Note.In("en") != "We look closer." {
		t.Errorf("it is read as %+v", q)
	}
	if q, _ := p.Question("tool_other"); q.When == nil || *q.When != (Condition{"tool_name", "other"}) || q.Least != 2 {
		t.Errorf("its follow-up is read as %+v", q)
	}
	if p.Equal(BuiltIn()) {
		t.Error("it is the built-in policy")
	}
	if q, ok := p.Question("nothing"); ok || q.Key != "" {
		t.Errorf("a question that nobody asks: %+v", q)
	}
	b, err := Encode(p)
	if err != nil {
		t.Fatal(err)
	}
	if back, err := Decode(2, b); err != nil || !back.Equal(p) {
		t.Errorf("%s: %+v, %v", b, back, err)
	}
	// A school may leave out what is not asked by the tool itself.
	least := BuiltIn()
	least.Questions = slices.DeleteFunc(least.Questions, func(q Question) bool { return !q.Kind.Own() })
	if err := least.Validate(); err != nil || len(least.Questions) != 3 {
		t.Errorf("only the tool's own questions: %v", err)
	}
}

func TestQuestionsRefused(t *testing.T) {
	t.Parallel()
	document := more()
	tests := map[string]struct{ old, by, field string }{
		"a question that is none":             {added, `"purpose", `, "questions.2"},
		"a question that is null":             {added, `null, `, "questions.2"},
		"no key":                              {`"key": "tool_name", `, ``, "questions.2.key"},
		"a key of another kind":               {`"key": "tool_name"`, `"key": 7`, "questions.2.key"},
		"a key twice in one question":         {`"key": "tool_name"`, `"key": "tool_name", "key": "x"`, "questions.2.key"},
		"a key of no form":                    {`"key": "tool_name"`, `"key": "Tool-Name"`, "questions.2.key"},
		"a key of markup":                     {`"key": "tool_name"`, `"key": "x\"><script>"`, "questions.2.key"},
		"a key that is too long":              {`"key": "tool_name"`, `"key": "` + strings.Repeat("x", 41) + `"`, "questions.2.key"},
		"the session's field":                 {`"key": "tool_other"`, `"key": "tool_session"`, "questions.tool_session"},
		"the draft's field":                   {`"key": "tool_other"`, `"key": "draft"`, "questions.draft"},
		"the buttons' field":                  {`"key": "tool_other"`, `"key": "do"`, "questions.do"},
		"the field for a leaked value":        {`"key": "tool_other"`, `"key": "suspect"`, "questions.suspect"},
		"the search for a teacher":            {`"key": "tool_other"`, `"key": "sponsor_q"`, "questions.sponsor_q"},
		"the field for what was read":         {`"key": "tool_other"`, `"key": "terms_fnd_x"`, "questions.terms_fnd_x"},
		"a key that is there":                 {`"key": "tool_other"`, `"key": "purpose"`, "questions.purpose"},
		"a member that nobody knows":          {`"help": {"en": "Ask`, `"hint": {"en": "Ask`, "questions.tool_name.hint"},
		"what is missing":                     {`"section": "what", "required": true, "label"`, `"section": "what", "label"`, "questions.tool_name.required"},
		"a kind that nobody knows":            {`"key": "tool_name", "kind": "choice"`, `"key": "tool_name", "kind": "file"`, "questions.tool_name.kind"},
		"a kind that is none":                 {`"key": "tool_name", "kind": "choice"`, `"key": "tool_name", "kind": []`, "questions.tool_name.kind"},
		"the purpose as a text":               {`{"key": "purpose", "kind": "choice"`, `{"key": "purpose", "kind": "choices"`, "questions.purpose.kind"},
		"a second end":                        {added, `{"key": "other_end", "kind": "end", "section": "end"}, `, "questions.other_end.kind"},
		"no end":                              {`{"key": "end", "kind": "end", "section": "end"},`, ``, "questions.end"},
		"no sponsor":                          {`{"key": "sponsor", "kind": "sponsor", "section": "end"},`, ``, "questions.sponsor"},
		"no rules":                            {"{\"key\": \"sponsor\", \"kind\": \"sponsor\", \"section\": \"end\"},\n    {\"key\": \"accepted\", \"kind\": \"rules\", \"section\": \"rules\"}", `{"key": "sponsor", "kind": "sponsor", "section": "end"}`, "questions.accepted"},
		"an end in another section":           {`"kind": "end", "section": "end"`, `"kind": "end", "section": "reach"`, "questions.end.section"},
		"an end that is optional":             {`"kind": "end", "section": "end"`, `"kind": "end", "section": "end", "required": false`, "questions.end.required"},
		"the end with other words":            {`"kind": "end", "section": "end"`, `"kind": "end", "section": "end", "label": {"en": "For ever"}`, "questions.end.label"},
		"the end as a follow-up":              {`"kind": "end", "section": "end"`, `"kind": "end", "section": "end", "when": {"question": "ai", "answer": "yes"}`, "questions.end.when"},
		"a section that nobody knows":         {`"kind": "choices", "section": "reach"`, `"kind": "choices", "section": "more"`, "questions.data.section"},
		"sections in another order":           {`"kind": "choice", "section": "reach"`, `"kind": "choice", "section": "what"`, "questions.storage.section"},
		"no words":                            {`"label": {"en": "Which one?"},`, ``, "questions.tool_other.label.en"},
		"words of nothing":                    {`"label": {"en": "Which one?"}`, `"label": {}`, "questions.tool_other.label.en"},
		"words without English":               {`"label": {"en": "Which one?"}`, `"label": {"de": "Welches?"}`, "questions.tool_other.label.en"},
		"words that are none":                 {`"label": {"en": "Which one?"}`, `"label": "Which one?"`, "questions.tool_other.label"},
		"words of no language":                {`"label": {"en": "Which one?"}`, `"label": {"en": "Which one?", "x y": "?"}`, "questions.tool_other.label"},
		"words twice":                         {`"label": {"en": "Which one?"}`, `"label": {"en": "Which one?", "en": "?"}`, "questions.tool_other.label.en"},
		"empty words":                         {`"en": "Which one?"`, `"en": ""`, "questions.tool_other.label.en"},
		"words with space around":             {`"en": "Which one?"`, `"en": " Which one?"`, "questions.tool_other.label.en"},
		"words on two lines":                  {`"en": "Which one?"`, `"en": "Which\none?"`, "questions.tool_other.label.en"},
		"words that read the other way":       {`"en": "Which one?"`, `"en": "Which \u202eone?"`, "questions.tool_other.label.en"},
		"words with what nobody sees":         {`"en": "Which one?"`, `"en": "Which\u200b one?"`, "questions.tool_other.label.en"},
		"words that are too long":             {`"en": "Which one?"`, `"en": "` + strings.Repeat("é", 201) + `"`, "questions.tool_other.label.en"},
		"help that is too long":               {`"en": "Ask if you do not know."`, `"en": "` + strings.Repeat("é", 501) + `"`, "questions.tool_name.help.en"},
		"other words for a built-in one":      {`{"key": "build",`, `{"key": "build", "label": {"en": "Why?"},`, "questions.build.label"},
		"other help for a built-in one":       {`{"key": "build",`, `{"key": "build", "help": {"en": "Why?"},`, "questions.build.help"},
		"other words for a built-in option":   {`{"key": "coursework"}`, `{"key": "coursework", "label": {"en": "Why?"}}`, "questions.purpose.options.coursework.label"},
		"another option without words":        {`{"key": "coursework"}`, `{"key": "fun"}`, "questions.purpose.options.fun.label.en"},
		"no option":                           {`[{"key": "self"}, {"key": "school"}, {"key": "company"}]`, `[]`, "questions.maker.options"},
		"options of nothing":                  {`[{"key": "self"}, {"key": "school"}, {"key": "company"}]`, `["self"]`, "questions.maker.options.1"},
		"options that are no list":            {`[{"key": "self"}, {"key": "school"}, {"key": "company"}]`, `{}`, "questions.maker.options"},
		"an option twice":                     {`{"key": "self"}, `, `{"key": "self"}, {"key": "self"}, `, "questions.maker.options.self"},
		"an option with the id of an error":   {`{"key": "quiz",`, `{"key": "error",`, "questions.tool_name.options"},
		"an option of no form":                {`{"key": "quiz",`, `{"key": "a b",`, "questions.tool_name.options"},
		"an option that is perhaps refused":   {`{"key": "chat", "refused": true}`, `{"key": "chat", "refused": "perhaps"}`, "questions.storage.options.5.refused"},
		"an option that nobody knows more of": {`{"key": "chat", "refused": true}`, `{"key": "chat", "rejected": true}`, "questions.storage.options.5.rejected"},
		"options that are all refused":        {`[{"key": "self"}, {"key": "school"}, {"key": "company"}]`, `[{"key": "self", "refused": true}]`, "questions.maker.options"},
		"options of a text":                   {`"least": 2, "most": 100,`, `"least": 2, "most": 100, "options": [],`, "questions.tool_other.options"},
		"bounds of a choice":                  {`"key": "tool_name", "kind": "choice",`, `"key": "tool_name", "kind": "choice", "most": 3,`, "questions.tool_name.most"},
		"more at least than at most":          {`"least": 2, "most": 100`, `"least": 101, "most": 100`, "questions.tool_other.least"},
		"less than nothing":                   {`"least": 2, "most": 100`, `"least": -1, "most": 100`, "questions.tool_other.least"},
		"a text beyond its bounds":            {`"least": 2, "most": 100`, `"least": 2, "most": 501`, "questions.tool_other.most"},
		"a paragraph beyond its bounds":       {`"least": 30, "most": 2000`, `"least": 30, "most": 4001`, "questions.build.most"},
		"a follow-up of nothing":              {`{"question": "tool_name", "answer": "other"}`, `{"question": "nothing", "answer": "other"}`, "questions.tool_other.when.question"},
		"a follow-up of what comes later":     {`{"question": "tool_name", "answer": "other"}`, `{"question": "maker", "answer": "self"}`, "questions.tool_other.when.question"},
		"a follow-up of itself":               {`{"question": "tool_name", "answer": "other"}`, `{"question": "tool_other", "answer": "other"}`, "questions.tool_other.when.question"},
		"a follow-up of no answer":            {`{"question": "tool_name", "answer": "other"}`, `{"question": "tool_name", "answer": "none"}`, "questions.tool_other.when.answer"},
		"a follow-up of what is refused":      {`{"key": "other", "label"`, `{"key": "other", "refused": true, "label"`, "questions.tool_other.when.answer"},
		"a follow-up of a text":               {`{"question": "ai", "answer": "yes"}`, `{"question": "build", "answer": "yes"}`, "questions.ai_service.when.question"},
		"a follow-up somewhere else":          {`{"question": "ai", "answer": "yes"}`, `{"question": "purpose", "answer": "other"}`, "questions.ai_service"},
		"a condition that is none":            {`{"question": "tool_name", "answer": "other"}`, `"tool_name"`, "questions.tool_other.when"},
		"half a condition":                    {`{"question": "tool_name", "answer": "other"}`, `{"question": "tool_name"}`, "questions.tool_other.when.answer"},
	}
	for name, tt := range tests {
		if !strings.Contains(document, tt.old) {
			t.Fatalf("%s: the document does not hold %q", name, tt.old)
		}
		_, err := Decode(2, []byte(strings.Replace(document, tt.old, tt.by, 1)))
		var e *Error
		if !errors.As(err, &e) || e.Field != tt.field || e.What == "" {
			t.Errorf("%s: %v, want an error of %q", name, err, tt.field)
		}
	}
}

func TestQuestionsAreAList(t *testing.T) {
	t.Parallel()
	from, to := strings.Index(sound, "[\n    {"), strings.Index(sound, "  \"stages\"")
	for _, list := range []string{"null", "{}", "7", `"purpose"`, "[[]]", "[", "[1]", "[" + strings.Repeat("{},", mostQuestions) + "{}]"} {
		_, err := Decode(2, []byte(sound[:from]+list+",\n"+sound[to:]))
		var e *Error
		if !errors.As(err, &e) || !strings.HasPrefix(e.Field, "questions") {
			t.Errorf("%s: %v", list, err)
		}
	}
}

// A form is no larger than what is kept of it.
func TestQuestionsAreBounded(t *testing.T) {
	t.Parallel()
	with := func(n int, q Question) error {
		p := BuiltIn()
		for i := range n {
			q.Key = fmt.Sprintf("added_%d", i)
			p.Questions = append([]Question{q}, p.Questions...)
		}
		return p.Validate()
	}
	words := Words{"en": "More"}
	long := Question{Kind: Paragraph, Section: SectionWhat, Most: 2000, Label: words}
	if err := with(2, long); err != nil {
		t.Errorf("two long texts: %v", err)
	}
	for name, err := range map[string]error{"what is typed": with(3, long), "questions": with(50, Question{Kind: Text, Section: SectionWhat, Most: 10, Label: words})} {
		if err == nil {
			t.Errorf("%s without end", name)
		}
	}
	// All that could be typed before a school had questions of its own still fits.
	p := BuiltIn()
	for key, most := range map[string]int{KeyBuild: 4000, KeyMakerName: 500, KeyMakerLink: 1000, KeyAIService: 500, KeyAIData: 2000} {
		at := slices.IndexFunc(p.Questions, func(q Question) bool { return q.Key == key })
		p.Questions[at].Most = most
	}
	if err := p.Validate(); err != nil {
		t.Errorf("the longest answers of before: %v", err)
	}
	choice := Question{Kind: Choice, Section: SectionWhat, Label: words}
	for i := range mostOptions + 1 {
		choice.Options = append(choice.Options, Option{Key: fmt.Sprintf("o%d", i), Label: words})
	}
	if err := with(1, choice); err == nil {
		t.Error("options without end")
	}
	choice.Options = choice.Options[:mostOptions]
	if err := with(1, choice); err != nil {
		t.Errorf("%d options: %v", mostOptions, err)
	}
	for i := range mostLanguages {
		choice.Label["x"+string(rune('a'+i))] = "More"
		choice.Options[0].Label = choice.Label
	}
	if err := with(1, choice); err == nil {
		t.Error("languages without end")
	}
}

// randomQuestions are those of BuiltIn with other bounds, some left out, and some
// that a school added.
func randomQuestions(r *rand.Rand) []Question {
	words := func() Words {
		w := Words{"en": "Added <b> \u200d " + fmt.Sprint(r.IntN(100))}
		for _, lang := range []string{"es", "pt-BR", "ar"} {
			if r.IntN(2) == 0 {
				w[lang] = "¿" + lang + "?"
			}
		}
		return w
	}
	var out []Question
	gone := map[string]bool{}
	for _, q := range firstQuestions() {
		for i := range r.IntN(2) {
			key := fmt.Sprintf("before_%s_%d", q.Key, i)
			if q.When != nil {
				break
			}
			add := Question{Key: key, Kind: []Kind{Choice, Choices, Text, Paragraph, Link}[r.IntN(5)], Section: q.Section, Required: r.IntN(2) == 0, Label: words()}
			if r.IntN(2) == 0 {
				add.Help = words()
			}
			if add.Kind.Chosen() {
				add.Options = []Option{{Key: "a", Label: words(), Others: r.IntN(2) == 0}, {Key: "b", Label: words(), Note: words(), Refused: r.IntN(2) == 0}}
			} else {
				add.Least, add.Most = r.IntN(20), 50+r.IntN(100)
			}
			out = append(out, add)
			if add.Kind == Choice {
				out = append(out, Question{Key: key + "_x", Kind: Text, Section: q.Section, Most: 20, Label: words(), When: &Condition{key, "a"}})
			}
		}
		if !q.Kind.Own() && r.IntN(4) == 0 || q.When != nil && gone[q.When.Question] {
			gone[q.Key] = true
			continue
		}
		if q.Kind.Typed() {
			q.Least, q.Most = r.IntN(50), 50+r.IntN(400)
		}
		out = append(out, q)
	}
	return out
}
