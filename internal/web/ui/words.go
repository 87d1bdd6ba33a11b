package ui

import (
	"fmt"
	"html/template"
	"strings"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
)

// Kinds of values in messages, by how a page sets them apart. A plain string
// is somebody's text: isolated from the direction of the words around it.
type (
	Word  string    // words of the catalogue: printed as they are
	Who   string    // a person's or an office's name that the sentence is about: bold
	Until time.Time // a date that the sentence is about: bold, as near as needed
	Code  string    // REQ-0142, numbers, addresses: left to right, in the mono font
	Link  struct{ Href, Text string }
)

// T is a message as plain text.
func (s Shell) T(id string, args ...any) string {
	return s.P.T(id, plain(args)...)
}

// plain turns the kinds above into what the catalogue prints.
func plain(args []any) []any {
	out := make([]any, len(args))
	for i, a := range args {
		out[i] = plainValue(a)
		if m, ok := a.(map[string]any); ok {
			c := make(map[string]any, len(m))
			for k, v := range m {
				c[k] = plainValue(v)
			}
			out[i] = c
		}
	}
	return out
}

func plainValue(v any) any {
	switch v := v.(type) {
	case Word:
		return string(v)
	case Who:
		return string(v)
	case Code:
		return string(v)
	case Link:
		return v.Text
	case Day:
		return time.Time(v)
	case Until:
		return time.Time(v)
	case Moment:
		return time.Time(v)
	case Ago:
		return time.Time(v)
	}
	return v
}

// H is a message as HTML: its words escaped, its values set apart by their kind.
func (s Shell) H(id string, args ...any) template.HTML {
	values := map[string]any{}
	if len(args) == 1 {
		if m, ok := args[0].(map[string]any); ok {
			values = m
		}
	}
	for i := 0; i+1 < len(args); i += 2 {
		if name, ok := args[i].(string); ok {
			values[name] = args[i+1]
		}
	}
	var b strings.Builder
	for _, part := range s.P.Parts(id, plain([]any{values})...) {
		if part.Arg == "" {
			b.WriteString(template.HTMLEscapeString(part.Text))
			continue
		}
		b.WriteString(string(s.Value(values[part.Arg], part.Text)))
	}
	return template.HTML(b.String()) //nolint:gosec // every part is escaped above or by value
}

// Value prints one value of a message; text is what the catalogue makes of it.
func (s Shell) Value(v any, text string) template.HTML {
	esc := template.HTMLEscapeString
	html := func(f string, a ...any) template.HTML { return template.HTML(fmt.Sprintf(f, a...)) } //nolint:gosec // arguments are escaped by each case
	switch v := v.(type) {
	case template.HTML:
		return v
	case Word:
		return html("%s", esc(string(v)))
	case Who:
		return html(`<strong><bdi>%s</bdi></strong>`, esc(string(v)))
	case Code:
		return html(`<bdi dir="ltr" class="td-code">%s</bdi>`, esc(string(v)))
	case Link:
		return html(`<a href="%s"%s>%s</a>`, esc(v.Href), newTab(v.Href), esc(v.Text))
	case time.Time:
		return s.WhenTag(v, false)
	case Until:
		return s.WhenTag(time.Time(v), true)
	case Day:
		return s.DayTag(time.Time(v))
	case Moment:
		return s.MomentTag(time.Time(v))
	case Ago:
		return s.AgoTag(time.Time(v))
	case string:
		return html(`<bdi>%s</bdi>`, esc(s.Said(v)))
	}
	return html("%s", esc(text))
}

// Said is what a person wrote, or that it was removed.
func (s Shell) Said(text string) string {
	if text == access.Erased {
		return s.T("words.removed")
	}
	return text
}

// newTab sends links that leave the tool to a tab of their own.
func newTab(href string) string {
	if strings.HasPrefix(href, "https://") || strings.HasPrefix(href, "http://") {
		return ` target="_blank" rel="noopener"`
	}
	return ""
}
