package text

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // zones must be known on machines that have no zone files

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"github.com/nicksnyder/go-i18n/v2/i18n/template"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// countArg is the argument that chooses the plural form of a message.
const countArg = "Count"

// Printer writes messages and dates for one person. It is cheap to make and
// safe for concurrent use.
type Printer struct {
	catalogue *Catalogue
	tongue    *tongue
	zone      *time.Location
}

// For returns a Printer for a person's Canvas locale ("es-ES", "da-x-k12") and
// time zone ("America/Denver"). A language that the catalogue does not have
// falls back: without its variant, then from Australian and Canadian to British
// English, then without its region, and at last to English. An empty or unknown
// zone is UTC.
func (c *Catalogue) For(locale, timezone string) *Printer {
	p := &Printer{catalogue: c, tongue: c.tongues[source], zone: time.UTC}
	for _, tag := range fallbacks(locale) {
		if t := c.tongues[tag]; t != nil {
			p.tongue = t
			break
		}
	}
	// "Local" would be the zone of the machine, which is nobody's.
	if timezone != "" && timezone != "Local" {
		if zone, ok := zoneOf(timezone); ok {
			p.zone = zone
		}
	}
	return p
}

// zones keeps the time zones that were read, since reading one opens a file. Only
// names that are zones are kept, and there are some 600 of those.
var zones sync.Map

func zoneOf(name string) (*time.Location, bool) {
	known, _ := zones.Load(name)
	if zone, ok := known.(*time.Location); ok {
		return zone, true
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, false
	}
	zones.Store(name, zone)
	return zone, true
}

// fallbacks lists the languages to try for a locale, in lower case, best first.
func fallbacks(locale string) []string {
	const longest = 35 // RFC 5646 §4.4.1
	tag := strings.ToLower(strings.ReplaceAll(strings.TrimSpace(locale), "_", "-"))
	if tag == "" || len(tag) > longest {
		return nil
	}
	chain := []string{tag}
	if bare, _, found := strings.Cut(tag, "-x-"); found {
		tag = bare
		chain = append(chain, tag)
	}
	if tag == "en-au" || tag == "en-ca" {
		chain = append(chain, "en-gb")
	}
	for {
		i := strings.LastIndexByte(tag, '-')
		if i < 0 {
			return chain
		}
		tag = tag[:i]
		chain = append(chain, tag)
	}
}

// Lang is the tag of the language really used, for the lang attribute.
func (p *Printer) Lang() string { return p.tongue.tag }

// Dir is "rtl" or "ltr", for the dir attribute.
func (p *Printer) Dir() string {
	if p.tongue.rtl {
		return "rtl"
	}
	return "ltr"
}

// Zone is the time zone in which the Printer writes times.
func (p *Printer) Zone() *time.Location { return p.zone }

// Has reports whether there is a message with this id.
func (p *Printer) Has(id string) bool { return p.catalogue.tongues[source].messages[id] != nil }

// T returns the message with this id. The arguments fill its placeholders:
// either one map[string]any, or names and values in turn:
//
//	p.T("sponsor.asked", "Name", "Maya Chen", "Count", 3)
//
// An integer named Count chooses the plural form. Values are put in as they
// are; the template that prints the result escapes it. A message that the
// language lacks is given in English, an unknown id as the id itself, an
// unfilled placeholder as "…"; Missing tells of each.
func (p *Printer) T(id string, args ...any) string {
	var b strings.Builder
	for _, part := range p.Parts(id, args...) {
		b.WriteString(part.Text)
	}
	return b.String()
}

// Part is a piece of a message: literal words (Arg is empty) or the value of
// the placeholder named Arg.
type Part struct {
	Text string
	Arg  string
}

// Parts returns the message cut at its placeholders, so that a template can set
// a value apart without any markup in the message:
//
//	{{range .Now}}{{if eq .Arg "Name"}}<strong>{{.Text}}</strong>{{else}}{{.Text}}{{end}}{{end}}
func (p *Printer) Parts(id string, args ...any) []Part {
	values, err := named(args)
	if err != nil {
		p.catalogue.note(fmt.Sprintf("message %s: %v", id, err))
	}
	tongue := p.tongue
	if tongue.messages[id] == nil {
		tongue = p.catalogue.tongues[source]
	}
	if tongue.messages[id] == nil {
		p.catalogue.note("no message " + id)
		return []Part{{Text: id}}
	}
	form, err := tongue.form(id, whole(values[countArg]))
	if err != nil {
		p.catalogue.note(fmt.Sprintf("message %s in %s: %v", id, tongue.tag, err))
	}
	return p.fill(id, tongue.cuts[form], values)
}

// form returns the text of a message in the plural form for count, with its
// placeholders unfilled. When the language lacks that form it returns the
// general one, and an error.
func (t *tongue) form(id string, count any) (string, error) {
	if len(forms(t.messages[id])) == 1 {
		count = nil // the message does not depend on it
	}
	text, err := t.localizer.Localize(&i18n.LocalizeConfig{ //nolint:misspell // go-i18n's name
		MessageID: id, PluralCount: count, TemplateParser: template.IdentityParser{},
	})
	if text == "" {
		text = t.messages[id].Other
	}
	return text, err
}

// whole turns any integer into one that go-i18n takes, and leaves other values.
func whole(count any) any {
	switch v := reflect.ValueOf(count); {
	case v.CanInt():
		return v.Int()
	case v.CanUint():
		return int64(v.Uint()) //nolint:gosec // counts of things, far below 2^63
	}
	return count
}

func (p *Printer) fill(id string, cut []Part, values map[string]any) []Part {
	parts := slices.Clone(cut)
	for i, part := range parts {
		if part.Arg == "" {
			continue
		}
		value, ok := values[part.Arg]
		if !ok {
			p.catalogue.note(fmt.Sprintf("message %s: nothing given for {{.%s}}", id, part.Arg))
			parts[i].Text = "…"
			continue
		}
		parts[i].Text = p.value(value)
	}
	return parts
}

// value writes an argument the way people of the language write it.
func (p *Printer) value(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case time.Time:
		return p.Date(v)
	case fmt.Stringer:
		return v.String()
	}
	if n, ok := whole(v).(int64); ok {
		return p.Number(n)
	}
	return fmt.Sprint(v)
}

// Number writes a whole number with the digits' grouping of the language.
func (p *Printer) Number(n int64) string {
	if n > -1000 && n < 1000 {
		return fmt.Sprint(n)
	}
	return message.NewPrinter(language.Make(p.tongue.tag)).Sprintf("%d", n)
}

// named reads the arguments of T.
func named(args []any) (map[string]any, error) {
	if len(args) == 1 {
		if m, ok := args[0].(map[string]any); ok {
			return m, nil
		}
	}
	values := make(map[string]any, len(args)/2)
	for i := 0; i+1 < len(args); i += 2 {
		name, ok := args[i].(string)
		if !ok {
			return values, fmt.Errorf("the name of argument %d is a %T", i/2+1, args[i])
		}
		values[name] = args[i+1]
	}
	if len(args)%2 == 1 {
		return values, fmt.Errorf("a name without a value in %d arguments", len(args))
	}
	return values, nil
}
