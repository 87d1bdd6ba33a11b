package web

import (
	"errors"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/session"
	"github.com/tokendesk/tokendesk/internal/text"
	"github.com/tokendesk/tokendesk/internal/workflow"
)

// listFields may come more than once: the boxes of one list.
var listFields = []string{"grant", "pick"}

// mayRepeat reports whether a field of a form may come more than once. Of the
// request form that is for the school's questions to say (visit.answers).
func mayRepeat(path, name string) bool {
	if path == "/requests" || path == "/requests/keep" {
		return !policy.IsReserved(name)
	}
	return slices.Contains(listFields, name)
}

// readForm reads the body of a post. Only the form encoding is ours. A field
// that comes twice is refused: two readers of one form could take different
// ones for the answer.
//
// Every field is cleaned here, once, and loses what looks like a token's value:
// whatever is made of the form (rows, kept text, the page that shows it again,
// an echo on a page about an error) is made without it. It returns the names of
// the fields that lost one. The one field for a value, and the session's own,
// stay as they came.
func readForm(r *http.Request) (pasted map[string]bool, err error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return nil, errForm
	}
	if err := r.ParseForm(); err != nil {
		if isTooLarge(err) {
			return nil, err
		}
		return nil, errors.Join(errForm, err)
	}
	for name, values := range r.PostForm {
		if len(values) > 1 && name != session.Field && !mayRepeat(r.URL.Path, name) {
			return nil, errForm
		}
		if name == session.Field || name == suspectField {
			continue
		}
		for i, typed := range values {
			clean := text.Lines(typed)
			values[i] = workflow.Storable(clean)
			if values[i] != clean {
				if pasted == nil {
					pasted = map[string]bool{}
				}
				pasted[name] = true
			}
		}
	}
	return pasted, nil
}

// Limits of fields that the core does not limit, in characters.
const (
	maxSearch = 200
	maxID     = 64
)

// answers reads the answers to these questions from the request form. What is too
// long, or is no date, stays as it was typed: the core says what to correct, and
// the page shows it again. Two answers to a question that has one are refused.
func (v *visit) answers(qs []policy.Question) (access.Answers, typedDate, error) {
	var a access.Answers
	f := v.r.PostForm
	end := v.readDate(policy.KeyEnd)
	for _, q := range qs {
		if len(f[q.Key]) > 1 && q.Kind != policy.Choices {
			return nil, end, errForm
		}
		switch q.Kind {
		case policy.Choices:
			var chosen []string
			for _, k := range f[q.Key] {
				if len(chosen) > len(q.Options) {
					break // more than there are is refused, however many more
				}
				if k, err := text.Clean(k, maxID); err == nil && !slices.Contains(chosen, k) {
					chosen = append(chosen, k)
				}
			}
			a.Set(q.Key, chosen...)
		case policy.End:
			a.Set(q.Key, end.iso())
			if end.iso() == "" {
				a.Set(q.Key, end.Typed)
			}
		case policy.Rules:
			if f.Get(q.Key) != "" {
				a.Set(q.Key, access.Accepted)
			}
		case policy.Paragraph:
			a.Set(q.Key, text.Lines(f.Get(q.Key)))
		default:
			a.Set(q.Key, text.Line(f.Get(q.Key)))
		}
	}
	return a, end, nil
}

// typedKeys are the fields of a request form that hold what its author wrote, in
// its order.
func typedKeys(qs []policy.Question) (out []string) {
	for _, q := range qs {
		if q.Kind.Typed() || q.Kind == policy.End {
			out = append(out, q.Key)
		}
	}
	return out
}

// readDate reads the date in a field of the post.
func (v *visit) readDate(name string) typedDate {
	typed, _ := text.Clean(v.r.PostForm.Get(name), maxSearch)
	return readDate(typed, v.sess.Locale, v.words)
}

// note reads a free text that somebody writes about a request or a token. One
// above its limit, or one that held a token's value, comes back as it is shown
// again, with an error.
func (v *visit) note(name string) (string, *access.FormError) {
	s, wrong := v.parting(name)
	if wrong == nil {
		wrong = v.held(name)
	}
	return s, wrong
}

// parting is note for a text beside the removal of access, which is never
// refused because of a token's value in it: the text is kept without.
func (v *visit) parting(name string) (string, *access.FormError) {
	s, err := text.CleanLines(v.r.PostForm.Get(name), access.MaxNote)
	if err == nil {
		return s, nil
	}
	wrong := &access.FormError{}
	wrong.Add(name, "too_long", map[string]any{"Max": access.MaxNote})
	return s, wrong
}

// held names those of the fields that held a token's value, in this order, or is
// nil.
func (v *visit) held(names ...string) *access.FormError {
	var wrong *access.FormError
	for _, name := range names {
		if !v.pasted[name] {
			continue
		}
		if wrong == nil {
			wrong = &access.FormError{}
		}
		wrong.Add(name, workflow.HeldToken, nil)
	}
	return wrong
}

// panel reads the sponsor's or reviewer's panel: what to show again, and the
// move it asks for. A text above its limit, or a date that cannot be told, is a
// *access.FormError beside both.
func (v *visit) panel(do access.Action) (PanelInput, access.Move, error) {
	var wrong access.FormError
	read := v.note
	if do != access.Endorse && do != access.Approve && do != access.Deny {
		read = v.parting
	}
	get := func(name string) string {
		s, tooLong := read(name)
		if tooLong != nil {
			wrong.Fields = append(wrong.Fields, tooLong.Fields...)
		}
		return s
	}
	end := v.readDate("end")
	in := PanelInput{Do: do, End: end.Typed, Reason: get("reason"), Conditions: get("conditions"), AltText: get("alternative_text")}
	in.Alternative, _ = text.Clean(v.r.PostForm.Get("alternative"), maxID)
	if e, bad := end.problem("end", v.words.Zone()); bad {
		wrong.Fields = append(wrong.Fields, e)
	}
	m := access.Move{Reason: in.Reason, Conditions: in.Conditions, Alternative: in.Alternative, AltText: in.AltText}
	switch do {
	case access.Endorse:
		m = access.Move{Note: in.Reason, End: end.end(v.words.Zone())}
	case access.Approve:
		m.End, m.Alternative, m.AltText = end.end(v.words.Zone()), "", ""
	case access.Decline, access.Deny, access.Rescind:
		m.Conditions = ""
	default:
		m = access.Move{}
	}
	return in, m, wrong.Err()
}

// sortedKeys lists a form's fields in a fixed order.
func sortedKeys(f url.Values) []string { return slices.Sorted(maps.Keys(f)) }
