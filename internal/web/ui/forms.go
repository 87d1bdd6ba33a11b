package ui

import (
	"errors"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/session"
	"github.com/tokendesk/tokendesk/internal/text"
)

// listFields may come more than once: the boxes of one list.
var listFields = []string{"grant", "pick"}

// mayRepeat reports whether a field of a form may come more than once. Of the
// request form that is for the school's questions to say (requests).
func mayRepeat(path, name string) bool {
	if path == "/requests" || path == "/requests/keep" {
		return !policy.IsReserved(name)
	}
	return slices.Contains(listFields, name)
}

// ReadForm reads the body of a post. Only the form encoding is ours. A field
// that comes twice is refused: two readers of one form could take different
// ones for the answer.
//
// Every field is cleaned here, once, and loses what looks like a token's value:
// whatever is made of the form (rows, saved text, the page that shows it again,
// an echo on a page about an error) is made without it, also where the form is
// refused. It returns the names of the fields that lost one. The one field for a
// value, and the session's own, stay as they came.
func ReadForm(r *http.Request) (pasted map[string]bool, err error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return nil, ErrForm
	}
	err = r.ParseForm() // which leaves what it could read
	pasted = withoutValues(r.PostForm)
	switch {
	case isTooLarge(err):
		return nil, err
	case err != nil:
		return nil, errors.Join(ErrForm, err)
	}
	for name, values := range r.PostForm {
		if len(values) > 1 && name != session.Field && !mayRepeat(r.URL.Path, name) {
			return nil, ErrForm
		}
	}
	return pasted, nil
}

// withoutValues cleans a form, and names the fields that held a token's value.
func withoutValues(form url.Values) (pasted map[string]bool) {
	for name, values := range form {
		if name == session.Field || name == SuspectField {
			continue
		}
		for i, typed := range values {
			clean := text.Lines(typed)
			values[i] = desk.Storable(clean)
			if values[i] != clean {
				if pasted == nil {
					pasted = map[string]bool{}
				}
				pasted[name] = true
			}
		}
	}
	return pasted
}

// Limits of fields that the core does not limit, in characters.
const (
	MaxSearch = 200
	MaxID     = 64
)

// ReadDate reads the date in a field of the post.
func (v *Visit) ReadDate(name string) TypedDate {
	typed, _ := text.Clean(v.R.PostForm.Get(name), MaxSearch)
	return readDate(typed, v.Session.Locale, v.Words)
}

// Note reads a free text that somebody writes about a request or a token. One
// above its limit, or one that held a token's value, comes back as it is shown
// again, with an error.
func (v *Visit) Note(name string) (string, *access.FormError) {
	s, wrong := v.Parting(name)
	if wrong == nil {
		wrong = v.Held(name)
	}
	return s, wrong
}

// Parting is Note for a text beside the removal of access, which is never
// refused because of a token's value in it: the text is kept without.
func (v *Visit) Parting(name string) (string, *access.FormError) {
	s, err := text.CleanLines(v.R.PostForm.Get(name), access.MaxNote)
	if err == nil {
		return s, nil
	}
	wrong := &access.FormError{}
	wrong.Add(name, "too_long", map[string]any{"Max": access.MaxNote})
	return s, wrong
}

// Held names those of the fields that held a token's value, in this order, or is
// nil.
func (v *Visit) Held(names ...string) *access.FormError {
	var wrong *access.FormError
	for _, name := range names {
		if !v.pasted[name] {
			continue
		}
		if wrong == nil {
			wrong = &access.FormError{}
		}
		wrong.Add(name, desk.HeldToken, nil)
	}
	return wrong
}

// SortedKeys lists a form's fields in a fixed order.
func SortedKeys(f url.Values) []string { return slices.Sorted(maps.Keys(f)) }

// Query reads a filter from the address, cleaned as everything typed is: a token's
// value that somebody looked for is on no page and in none of its links.
func (v *Visit) Query(name string) string { return searched(v.R.URL.Query().Get(name)) }

// searched is one line that somebody looks for. Above its limit its beginning is looked
// for: read as nothing typed, a filter would select all.
func searched(typed string) string {
	s := desk.Storable(text.Line(typed))
	if r := []rune(s); len(r) > MaxSearch {
		return strings.TrimSpace(string(r[:MaxSearch]))
	}
	return s
}

// TokenFilter reads the filter of the Tokens page from an address or a form.
func (v *Visit) TokenFilter(get func(name string) string) cases.TokenFilter {
	f := cases.TokenFilter{
		Status: access.GrantState(get("status")), Affiliation: policy.Affiliation(get("role")), AI: get("ai"), Course: get("course"),
		Sponsor: get("sponsor"), Vendor: get("vendor"), Search: get("q"), After: get("after"),
	}
	f.EndsBefore = readDate(get("ends_before"), v.Session.Locale, v.Words).End(v.Words.Zone())
	if n, err := strconv.Atoi(get("idle_days")); err == nil && n > 0 {
		f.IdleDays = n
	}
	return f
}

// Posted reads one line of the post, as Query does; of one above its limit the
// beginning.
func (v *Visit) Posted(name string) string { return searched(v.R.PostForm.Get(name)) }
