package access

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/tokendesk/tokendesk/internal/policy"
)

// Answers are what the form was answered with: values under the keys of the
// questions. What was not answered is not there. An answer is one value, of
// several options one each: an option's key, or what was typed. That of the end
// is a date like 2026-12-12, or as typed what is no such date; of the sponsor
// their Canvas user id; of the rules box Accepted.
//
// What the values mean the policy says that asked: of a request, the one of its
// version.
type Answers map[string][]string

// Accepted is the answer to the rules box.
const Accepted = "yes"

// Answers that lists of requests and of tokens are filtered by.
var (
	Makers = []string{"self", "school", policy.MakerCompany}
	AIUses = []string{"no", policy.AIYes}
)

// Text is the answer to a question that has one; "" where there is none.
func (a Answers) Text(key string) string {
	if v := a[key]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// All are the values under a key.
func (a Answers) All(key string) []string { return a[key] }

// Has reports whether a value is among those under a key.
func (a Answers) Has(key, value string) bool { return slices.Contains(a[key], value) }

// Set gives a question another answer; nothing takes the answer away. Copies of
// these answers stay as they are.
func (a *Answers) Set(key string, values ...string) {
	out := maps.Clone(*a)
	delete(out, key)
	if values = slices.DeleteFunc(slices.Clone(values), func(v string) bool { return v == "" }); len(values) > 0 {
		if out == nil {
			out = Answers{}
		}
		out[key] = values
	}
	if len(out) == 0 {
		out = nil
	}
	*a = out
}

// Without are the answers but for some questions.
func (a Answers) Without(keys ...string) Answers {
	for _, k := range keys {
		a.Set(k)
	}
	return a
}

// Equal reports whether two forms were answered alike.
func (a Answers) Equal(b Answers) bool { return maps.EqualFunc(a, b, slices.Equal) }

// Known are the answers to questions that a form has.
func (a Answers) Known(qs []policy.Question) Answers {
	var out Answers
	for _, q := range qs {
		out.Set(q.Key, a[q.Key]...)
	}
	return out
}

// Asked are the answers to questions that a form has and that these answers lead
// to: a follow-up counts where the choice above it asks for it.
func (a Answers) Asked(qs []policy.Question) Answers {
	var out Answers
	for _, q := range qs {
		if a.asks(q) {
			out.Set(q.Key, a[q.Key]...)
		}
	}
	return out
}

// asks reports whether a question is asked of somebody who gave these answers.
func (a Answers) asks(q policy.Question) bool {
	return q.When == nil || a.Has(q.When.Question, q.When.Answer)
}

// Others reports whether the answers name data of other people, by the questions
// that were asked.
func (a Answers) Others(qs []policy.Question) bool {
	return slices.ContainsFunc(qs, func(q policy.Question) bool {
		return slices.ContainsFunc(q.Options, func(o policy.Option) bool { return o.Others && a.Has(q.Key, o.Key) })
	})
}

// Company reports whether what is asked for was made outside the school.
func (a Answers) Company() bool { return a.Has(policy.KeyMaker, policy.MakerCompany) }

// AI reports whether data goes to an AI service.
func (a Answers) AI() bool { return a.Has(policy.KeyAI, policy.AIYes) }

// MarshalJSON writes one object: a value as a string, several as a list.
func (a Answers) MarshalJSON() ([]byte, error) {
	out := make(map[string]any, len(a))
	for k, v := range a {
		switch len(v) {
		case 0:
		case 1:
			out[k] = v[0]
		default:
			out[k] = v
		}
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON writes, and a list of one value too.
func (a *Answers) UnmarshalJSON(data []byte) error {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(data, &all); err != nil {
		return err
	}
	var out Answers
	for k, raw := range all {
		var one string
		var several []string
		if err := json.Unmarshal(raw, &one); err == nil {
			several = []string{one}
		} else if err := json.Unmarshal(raw, &several); err != nil {
			return fmt.Errorf("the answer to %q is neither a text nor a list of texts", k)
		}
		out.Set(k, several...)
	}
	*a = out
	return nil
}
