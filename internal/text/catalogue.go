// Package text holds every word that the program shows to people: pages and
// messages name a message by its id and get it in the language of the person.
//
// The messages stand in locales/<language>/<subject>.toml, in the format of
// go-i18n. They are plain text: a message may hold placeholders like {{.Name}}
// and nothing else, so that translators cannot break a page and a page decides
// alone what is bold or linked (see Printer.Parts).
package text

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"github.com/pelletier/go-toml/v2"
	"golang.org/x/text/language"
)

//go:embed locales
var embedded embed.FS

// source is the language that is always complete and that every other falls
// back to.
const source = "en"

// missingMax bounds what Missing remembers.
const missingMax = 1000

// Catalogue is every message in every language. It is safe for concurrent use.
type Catalogue struct {
	tongues map[string]*tongue // by language tag in lower case

	mu      sync.Mutex
	missing map[string]bool
}

// tongue is the messages of one language. Each has a bundle of its own: a
// bundle with several would choose between them by a matcher whose answer
// depends on the order in which they were added.
type tongue struct {
	tag       string
	rtl       bool
	bundle    *i18n.Bundle
	localizer *i18n.Localizer
	messages  map[string]*i18n.Message
	cuts      map[string][]Part // the forms of messages, cut once
}

// Option changes what New makes.
type Option func(*options)

type options struct {
	files  fs.FS
	pseudo bool
}

// WithPseudo adds two languages made from English, for tests: en-XA (accented
// letters, about 40 % longer) and ar-XB (shown from right to left).
func WithPseudo() Option { return func(o *options) { o.pseudo = true } }

// withFiles reads the messages from another place than the program itself.
func withFiles(f fs.FS) Option { return func(o *options) { o.files = f } }

// What is built into the program cannot change: a process reads it once.
var (
	built       = sync.OnceValues(func() (*Catalogue, error) { return read(embedded, false) })
	builtPseudo = sync.OnceValues(func() (*Catalogue, error) { return read(embedded, true) })
)

// New returns the messages that are built into the program, with nothing but
// what their languages lack in Missing. It fails, naming the file and the
// message, on a file that cannot be read, an id that stands twice, and a message
// that holds anything but plain text and placeholders.
func New(opts ...Option) (*Catalogue, error) {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	from := built
	switch {
	case o.files != nil:
		from = func() (*Catalogue, error) { return read(o.files, o.pseudo) }
	case o.pseudo:
		from = builtPseudo
	}
	c, err := from()
	if err != nil {
		return nil, fmt.Errorf("message catalogue: %w", err)
	}
	return &Catalogue{tongues: c.tongues, missing: maps.Clone(c.missing)}, nil
}

func read(files fs.FS, pseudo bool) (*Catalogue, error) {
	c := &Catalogue{tongues: map[string]*tongue{}, missing: map[string]bool{}}
	dirs, err := fs.ReadDir(files, "locales")
	if err != nil {
		return nil, err
	}
	for _, dir := range dirs {
		messages, err := readLanguage(files, dir.Name())
		if err != nil {
			return nil, err
		}
		if err := c.add(dir.Name(), messages); err != nil {
			return nil, err
		}
	}
	english := c.tongues[source]
	if english == nil {
		return nil, errors.New("there is no folder locales/" + source)
	}
	if err := c.compare(english); err != nil {
		return nil, err
	}
	if pseudo {
		for tag, change := range pseudoLanguages {
			if err := c.add(tag, change.apply(english.messages)); err != nil {
				return nil, err
			}
		}
	}
	return c, nil
}

// readLanguage reads all files of one language.
func readLanguage(files fs.FS, tag string) (map[string]*i18n.Message, error) {
	paths, err := fs.Glob(files, path.Join("locales", tag, "*.toml"))
	if err != nil {
		return nil, err
	}
	all := map[string]*i18n.Message{}
	for _, p := range paths {
		raw, err := fs.ReadFile(files, p)
		if err != nil {
			return nil, err
		}
		messages, err := i18n.ParseMessageBytes(raw, toml.Unmarshal)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p, err)
		}
		for _, m := range messages {
			if all[m.ID] != nil {
				return nil, fmt.Errorf("%s: message %s stands twice in this language", p, m.ID)
			}
			if err := check(m); err != nil {
				return nil, fmt.Errorf("%s: message %s %w", p, m.ID, err)
			}
			all[m.ID] = m
		}
	}
	return all, nil
}

var (
	idForm      = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`)
	placeholder = regexp.MustCompile(`\{\{\s*\.([A-Za-z][A-Za-z0-9]*)\s*\}\}`)
)

// check refuses what would make a message more than text with placeholders.
func check(m *i18n.Message) error {
	if !idForm.MatchString(m.ID) {
		return errors.New("has an id with other characters than letters, digits, '.', '_' and '-'")
	}
	if m.Other == "" {
		return errors.New("has no text for the plural form \"other\"")
	}
	if m.LeftDelim != "" || m.RightDelim != "" {
		return errors.New("changes the delimiters of placeholders")
	}
	for _, form := range forms(m) {
		bare := placeholder.ReplaceAllString(*form, "")
		if strings.ContainsAny(bare, "<>") {
			return errors.New("holds '<' or '>': messages are plain text, markup belongs to the template")
		}
		if strings.Contains(bare, "{{") || strings.Contains(bare, "}}") {
			return errors.New("holds a placeholder that is not of the form {{.Name}}")
		}
		if strings.TrimSpace(*form) != *form {
			return errors.New("begins or ends with white space")
		}
	}
	return nil
}

// forms returns the plural forms that m has.
func forms(m *i18n.Message) []*string {
	out := make([]*string, 0, 6)
	for _, f := range []*string{&m.Zero, &m.One, &m.Two, &m.Few, &m.Many, &m.Other} {
		if *f != "" {
			out = append(out, f)
		}
	}
	return out
}

func (c *Catalogue) add(tag string, messages map[string]*i18n.Message) error {
	t, err := language.Parse(tag)
	if err != nil {
		return fmt.Errorf("locales/%s is not named for a language: %w", tag, err)
	}
	bundle := i18n.NewBundle(t)
	if err := bundle.AddMessages(t, slices.Collect(maps.Values(messages))...); err != nil {
		return fmt.Errorf("locales/%s: %w", tag, err)
	}
	cuts := map[string][]Part{}
	for _, m := range messages {
		for _, form := range forms(m) {
			cuts[*form] = cut(*form)
		}
	}
	base, _ := t.Base()
	c.tongues[strings.ToLower(tag)] = &tongue{
		tag:       tag,
		rtl:       slices.Contains(rightToLeft, base.String()),
		bundle:    bundle,
		localizer: i18n.NewLocalizer(bundle, tag),
		messages:  messages,
		cuts:      cuts,
	}
	return nil
}

// cut cuts a text at its placeholders; the parts of these have a name and no text.
func cut(form string) []Part {
	var parts []Part
	at := 0
	for _, m := range placeholder.FindAllStringSubmatchIndex(form, -1) {
		if m[0] > at {
			parts = append(parts, Part{Text: form[at:m[0]]})
		}
		parts = append(parts, Part{Arg: form[m[2]:m[3]]})
		at = m[1]
	}
	if at < len(form) {
		parts = append(parts, Part{Text: form[at:]})
	}
	return parts
}

// rightToLeft lists the languages of Canvas that are written from right to left.
var rightToLeft = []string{"ar", "fa", "he"}

// compare holds every language against English: what it lacks is noted as
// missing, what only it has, or a placeholder that English does not fill, is
// an error.
func (c *Catalogue) compare(english *tongue) error {
	for _, t := range c.tongues {
		for id, m := range t.messages {
			model := english.messages[id]
			if model == nil {
				return fmt.Errorf("%s: message %s does not stand in the English catalogue", t.tag, id)
			}
			known := placeholders(model)
			for name := range placeholders(m) {
				if !known[name] {
					return fmt.Errorf("%s: message %s uses {{.%s}}, which English does not have", t.tag, id, name)
				}
			}
		}
		for id := range english.messages {
			if t.messages[id] == nil {
				c.note(t.tag + ": " + id)
			}
		}
	}
	return nil
}

func placeholders(m *i18n.Message) map[string]bool {
	names := map[string]bool{}
	for _, form := range forms(m) {
		for _, part := range cut(*form) {
			if part.Arg != "" {
				names[part.Arg] = true
			}
		}
	}
	return names
}

func (c *Catalogue) note(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.missing) < missingMax {
		c.missing[what] = true
	}
}

// Missing lists, in order, what was found wanting since New: messages that a
// language lacks ("es: mail.footer"), ids that were asked for and do not exist
// ("no message home.title"), and placeholders that were not filled. Nobody's
// page fails for it; a test does.
func (c *Catalogue) Missing() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(maps.Keys(c.missing))
}

// IDs lists every message id, in order.
func (c *Catalogue) IDs() []string {
	return slices.Sorted(maps.Keys(c.tongues[source].messages))
}

// Languages lists the tags of the languages that the catalogue has, in order.
func (c *Catalogue) Languages() []string {
	tags := make([]string, 0, len(c.tongues))
	for _, t := range c.tongues {
		tags = append(tags, t.tag)
	}
	slices.Sort(tags)
	return tags
}
