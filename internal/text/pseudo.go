package text

import (
	"regexp"
	"strings"
	"unicode"

	"github.com/nicksnyder/go-i18n/v2/i18n"
)

// pseudo makes a language out of English, so that a test sees at a glance which
// words do not come from the catalogue and what longer or mirrored text breaks.
type pseudo struct {
	change func(string) string
	every  bool // whether all plural forms must exist, as Arabic wants
}

var pseudoLanguages = map[string]pseudo{
	"en-XA": {change: lengthen},
	"ar-XB": {change: mirror, every: true},
}

// untouchable is what a pseudo-language keeps: placeholders and addresses.
var untouchable = regexp.MustCompile(`\{\{[^}]*\}\}|https?://\S+`)

func (p pseudo) apply(english map[string]*i18n.Message) map[string]*i18n.Message {
	out := make(map[string]*i18n.Message, len(english))
	for id, m := range english {
		changed := *m
		for _, form := range forms(&changed) {
			*form = p.change(*form)
		}
		if p.every {
			for _, form := range []*string{&changed.Zero, &changed.One, &changed.Two, &changed.Few, &changed.Many} {
				if *form == "" {
					*form = changed.Other
				}
			}
		}
		out[id] = &changed
	}
	return out
}

// outside applies change to the stretches of s that may be touched.
func outside(s string, change func(string) string) string {
	var b strings.Builder
	at := 0
	for _, m := range untouchable.FindAllStringIndex(s, -1) {
		b.WriteString(change(s[at:m[0]]))
		b.WriteString(s[m[0]:m[1]])
		at = m[1]
	}
	b.WriteString(change(s[at:]))
	return b.String()
}

var accents = strings.NewReplacer(
	"a", "á", "c", "ç", "e", "é", "i", "í", "l", "ł", "n", "ñ", "o", "ö", "r", "ř", "s", "š", "t", "ţ", "u", "ü", "y", "ý", "z", "ž",
	"A", "Å", "C", "Ç", "E", "É", "I", "Î", "N", "Ñ", "O", "Ö", "S", "Š", "T", "Ţ", "U", "Û", "Y", "Ý",
)

// lengthen writes English with accents, in brackets that show a cut end, and
// about 40 % longer.
func lengthen(s string) string {
	letters := 0
	for _, r := range untouchable.ReplaceAllString(s, "") {
		if unicode.IsLetter(r) {
			letters++
		}
	}
	pad := strings.Repeat("~", max(letters*2/5-2, 0))
	return "[" + outside(s, accents.Replace) + pad + "]"
}

// The right-to-left override makes Latin letters run from right to left; a
// person reading the page sees mirrored words, a program the plain ones.
const (
	rlo = "\u202e"
	pdf = "\u202c"
)

var words = regexp.MustCompile(`\p{L}+`)

func mirror(s string) string {
	return outside(s, func(plain string) string {
		return words.ReplaceAllString(plain, rlo+"$0"+pdf)
	})
}
