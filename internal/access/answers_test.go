package access

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/internal/policy"
)

// asksMore is the built-in policy with four questions that a school added.
func asksMore() policy.Policy {
	p := policy.BuiltIn()
	p.Version = 2
	p.Questions = slices.Insert(p.Questions, 1,
		policy.Question{Key: "how_often", Kind: policy.Choice, Section: policy.SectionWhat, Required: true, Label: policy.Words{"en": "How often does it run?"},
			Options: []policy.Option{{Key: "daily", Label: policy.Words{"en": "Daily"}}, {Key: "on_demand", Others: true, Label: policy.Words{"en": "On demand"}},
				{Key: "always", Refused: true, Label: policy.Words{"en": "All the time"}}}},
		policy.Question{Key: "which_days", Kind: policy.Text, Section: policy.SectionWhat, Required: true, Most: 20, Label: policy.Words{"en": "Which days?"},
			When: &policy.Condition{Question: "how_often", Answer: "daily"}},
		policy.Question{Key: "tell_more", Kind: policy.Paragraph, Section: policy.SectionWhat, Least: 5, Most: 50, Label: policy.Words{"en": "Tell more"}},
		policy.Question{Key: "pages", Kind: policy.Choices, Section: policy.SectionWhat, Label: policy.Words{"en": "Which pages?"},
			Options: []policy.Option{{Key: "a", Label: policy.Words{"en": "A"}}, {Key: "b", Label: policy.Words{"en": "B"}}}},
		policy.Question{Key: "source", Kind: policy.Link, Section: policy.SectionWhat, Required: true, Most: 100, Label: policy.Words{"en": "Source code"}})
	return p
}

// No code knows the questions that a school added.
func TestAddedQuestions(t *testing.T) {
	t.Parallel()
	p := asksMore()
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	full := good()
	full.Set("how_often", "daily")
	full.Set("which_days", "Mondays")
	full.Set("source", "https://code.test/x")
	for name, tt := range map[string]struct {
		change func(*Answers)
		want   string // field and code of each correction
	}{
		"a good form":               {func(*Answers) {}, ""},
		"nothing":                   {func(a *Answers) { *a = good() }, "how_often answer.missing, source answer.missing"},
		"what nobody offers":        {func(a *Answers) { a.Set("how_often", "hourly") }, "how_often answer.unknown"},
		"another question's option": {func(a *Answers) { a.Set("how_often", "own") }, "how_often answer.unknown"},
		"two of one":                {func(a *Answers) { a.Set("how_often", "daily", "on_demand") }, "how_often answer.unknown"},
		"what is refused":           {func(a *Answers) { a.Set("how_often", "always") }, "how_often answer.refused"},
		"no follow-up":              {func(a *Answers) { a.Set("which_days") }, "which_days answer.missing"},
		"no follow-up is needed":    {func(a *Answers) { a.Set("how_often", "on_demand"); a.Set("which_days") }, ""},
		"one that is not looked at": {func(a *Answers) { a.Set("how_often", "on_demand"); a.Set("which_days", strings.Repeat("x", 9999)) }, ""},
		"too long":                  {func(a *Answers) { a.Set("which_days", strings.Repeat("é", 21)) }, "which_days too_long"},
		"too short":                 {func(a *Answers) { a.Set("tell_more", "é") }, "tell_more answer.short"},
		"too much":                  {func(a *Answers) { a.Set("tell_more", strings.Repeat("x", 51)) }, "tell_more too_long"},
		"two texts":                 {func(a *Answers) { a.Set("tell_more", "one more", "another") }, "tell_more answer.unknown"},
		"several":                   {func(a *Answers) { a.Set("pages", "a", "b") }, ""},
		"more than there are":       {func(a *Answers) { a.Set("pages", "a", "b", "a") }, "pages answer.unknown"},
		"an address of no page":     {func(a *Answers) { a.Set("source", "javascript:alert(1)") }, "source answer.https"},
		"what nobody asked":         {func(a *Answers) { a.Set("how_much", strings.Repeat("x", 99999)) }, ""},
	} {
		a := full
		tt.change(&a)
		_, err := CheckForm(p, DraftForm{Answers: a, Affiliation: policy.Student, Now: t0, Location: t0.Location(), Latest: t0.AddDate(0, 1, 0), SponsorOK: true})
		var got []string
		if f := (*FormError)(nil); errors.As(err, &f) {
			for _, e := range f.Fields {
				got = append(got, e.Field+" "+e.Code)
				if !slices.Contains(FormCodes, e.Code) {
					t.Errorf("%s: %s is no code of the form", name, e.Code)
				}
			}
		}
		if s := strings.Join(got, ", "); s != tt.want {
			t.Errorf("%s: %q, want %q", name, s, tt.want)
		}
	}
	on := full
	on.Set("how_often", "on_demand")
	if full.Others(p.Questions) || !on.Others(p.Questions) || on.Others(policy.BuiltIn().Questions) {
		t.Error("data of others is not what the question's options say")
	}
}

// A policy without an end asks for one all the same: nothing is without an end.
func TestNoFormIsWithoutItsEnd(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]policy.Policy{"no policy": {}, "no end": {Questions: policy.BuiltIn().Questions[:4]}} {
		end, err := CheckForm(p, DraftForm{Answers: good(), Affiliation: policy.Faculty, Now: t0, Location: t0.Location(), Latest: t0.AddDate(0, 1, 0)})
		if err == nil || !end.IsZero() {
			t.Errorf("%s: until %v, %v", name, end, err)
		}
	}
}

func TestAsked(t *testing.T) {
	t.Parallel()
	a := good()
	a.Set("maker_name", "typed before another choice")
	a.Set("ai_data", "the same")
	a.Set("how_much", "nobody asked")
	qs := policy.BuiltIn().Questions
	if got := a.Asked(qs); !got.Equal(good()) {
		t.Errorf("asked: %v", got)
	}
	if got := a.Known(qs); !got.Equal(a.Without("how_much")) {
		t.Errorf("known: %v", got)
	}
	a.Set("maker", "company")
	if got := a.Asked(qs); got.Text("maker_name") == "" || got.Text("ai_data") != "" {
		t.Errorf("a company: %v", got)
	}
	if got := a.Asked(nil); got != nil {
		t.Errorf("by no policy: %v", got)
	}
}

// A copy stays as it is.
func TestAnswersAreAValue(t *testing.T) {
	t.Parallel()
	values := []string{"own", "grades"}
	var a Answers
	a.Set("data", values...)
	b := a
	values[0] = "x"
	b.Set("data", "content")
	b.Set("build", "y")
	c := b.Without("data", "build")
	if fmt.Sprint(a, b, c) != "map[data:[own grades]] map[build:[y] data:[content]] map[]" || c != nil {
		t.Errorf("%v, %v, %v", a, b, c)
	}
	if !a.Has("data", "grades") || a.Has("data", "content") || a.Text("data") != "own" || a.Text("build") != "" {
		t.Errorf("%v is read wrong", a)
	}
}

func TestAnswersAsJSON(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`{}`: `{}`, `{"a":"x","b":["y","z"]}`: `{"a":"x","b":["y","z"]}`, `{"b":["y"],"c":"","d":[],"e":["",""]}`: `{"b":"y"}`,
		`{"<b>":"é \u2028"}`: `{"\u003cb\u003e":"é \u2028"}`,
		`{"a":true}`:         "", `{"a":1}`: "", `{"a":{"b":"c"}}`: "", `{"a":[["b"]]}`: "", `[]`: "", `"a"`: "", `{"a":["b",1]}`: "",
	} {
		var a Answers
		err := json.Unmarshal([]byte(in), &a)
		if (err == nil) != (want != "") {
			t.Errorf("%s: %v", in, err)
		}
		if err != nil {
			continue
		}
		out, err := json.Marshal(a)
		if err != nil || string(out) != want {
			t.Errorf("%s is written %s, %v, want %s", in, out, err, want)
		}
		var again Answers
		if err := json.Unmarshal(out, &again); err != nil || !again.Equal(a) {
			t.Errorf("%s is read again as %v, %v", out, again, err)
		}
	}
	if out, err := json.Marshal(Answers(nil)); err != nil || string(out) != "{}" {
		t.Errorf("no answers: %s, %v", out, err)
	}
}
