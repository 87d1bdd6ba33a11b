package workflow

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

// typedText is a text with the field that it was typed into.
type typedText struct{ field, text string }

// withoutTokens is a *access.FormError that names each field whose text looks
// like it holds a token's value, or nil.
func withoutTokens(all ...typedText) error {
	form := &access.FormError{}
	for _, t := range all {
		if secret.HasToken(t.text) {
			form.Add(t.field, HeldToken, nil)
		}
	}
	return form.Err()
}

// answersWithoutTokens is withoutTokens for the free texts of a request form, in
// its order.
func answersWithoutTokens(qs []policy.Question, a access.Answers) error {
	var all []typedText
	for _, q := range qs {
		if q.Kind.Typed() || q.Kind == policy.End {
			all = append(all, typedText{q.Key, strings.Join(a.All(q.Key), "\n")})
		}
	}
	return withoutTokens(all...)
}

// storableAnswers is a form that is not sent yet, as it may be kept.
func storableAnswers(a access.Answers) access.Answers {
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

// typedMove is a move with what was written for it, as it may be made: that of a
// decision is refused with a token's value in it, that of a removal loses it.
func typedMove(do access.Action, m access.Move) (access.Move, error) {
	if do == access.Endorse || do == access.Approve || do == access.Deny {
		return m, withoutTokens(typedText{"reason", m.Reason + "\n" + m.Note}, typedText{"conditions", m.Conditions},
			typedText{"alternative_text", m.AltText})
	}
	for _, s := range []*string{&m.Reason, &m.Note, &m.Conditions, &m.AltText} {
		*s = Storable(*s)
	}
	return m, nil
}

// storableJSON is a JSON document as it may be kept: no text in it holds what
// looks like a token's value.
func storableJSON(data []byte) ([]byte, error) {
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
