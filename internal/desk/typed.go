package desk

import (
	"encoding/json"
	"strings"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/secret"
)

// What people type may hold a token's value: whoever tells of a leak pastes what
// leaked. A form that asks or decides something is refused for it, by the field.
// Removing access is never refused for what is written beside it (to revoke, to
// report a leak, to withdraw, to decline …), and neither is the saving of what is
// not sent yet: there the value is taken out before anything is stored.

// Storable is a free text that somebody typed, as it may be kept: without what
// looks like a token's value.
func Storable(s string) string { return secret.Redact(s) }

// HeldToken is the code of the correction that a text with a token's value needs.
const HeldToken = "token"

// TypedText is a text with the field that it was typed into.
type TypedText struct{ Field, Text string }

// WithoutTokens is a *access.FormError that names each field whose text looks
// like it holds a token's value, or nil.
func WithoutTokens(all ...TypedText) error {
	form := &access.FormError{}
	for _, t := range all {
		if secret.HasToken(t.Text) {
			form.Add(t.Field, HeldToken, nil)
		}
	}
	return form.Err()
}

// AnswersWithoutTokens is WithoutTokens for the free texts of a request form, in
// its order.
func AnswersWithoutTokens(qs []policy.Question, a access.Answers) error {
	var all []TypedText
	for _, q := range qs {
		if q.Kind.Typed() || q.Kind == policy.End {
			all = append(all, TypedText{q.Key, strings.Join(a.All(q.Key), "\n")})
		}
	}
	return WithoutTokens(all...)
}

// StorableAnswers is a form that is not sent yet, as it may be kept.
func StorableAnswers(a access.Answers) access.Answers {
	out := a
	for key, values := range a {
		clean := make([]string, len(values))
		for i, v := range values {
			clean[i] = Storable(v)
		}
		out.Set(key, clean...)
	}
	return out
}

// TypedMove is a move with what was written for it, as it may be made: that of a
// decision is refused with a token's value in it, that of a removal loses it.
func TypedMove(do access.Action, m access.Move) (access.Move, error) {
	if do == access.Endorse || do == access.Approve || do == access.Deny {
		return m, WithoutTokens(TypedText{"reason", m.Reason + "\n" + m.Note}, TypedText{"conditions", m.Conditions},
			TypedText{"alternative_text", m.AltText})
	}
	for _, s := range []*string{&m.Reason, &m.Note, &m.Conditions, &m.AltText} {
		*s = Storable(*s)
	}
	return m, nil
}

// StorableJSON is a JSON document as it may be kept: no text in it holds what
// looks like a token's value.
func StorableJSON(data []byte) ([]byte, error) {
	if !secret.HasToken(string(data)) {
		return data, nil
	}
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		return nil, err
	}
	return json.Marshal(storableValue(v))
}

func storableValue(v any) any {
	switch v := v.(type) {
	case string:
		return Storable(v)
	case []any:
		for i := range v {
			v[i] = storableValue(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = storableValue(v[k])
		}
	}
	return v
}
