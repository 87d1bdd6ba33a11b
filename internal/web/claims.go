package web

import (
	"maps"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/text"
	"github.com/tokendesk/tokendesk/lti"
)

// maxClaim is the longest text of a launch that is kept, in characters.
const maxClaim = 255

// plainLaunch is a verified launch as the rest of the program gets it. Its
// names and titles are other people's texts, which third people read: they are
// cleaned as what is typed into forms is. What is compared (ids, addresses,
// custom parameters) must not become something else by cleaning: one that holds
// what no id holds counts as missing.
func plainLaunch(l lti.Launch) lti.Launch {
	for _, s := range []*string{&l.Name, &l.GivenName, &l.FamilyName, &l.Email, &l.Locale, &l.Context.Title, &l.Context.Label, &l.PlatformName} {
		*s = firstOf(desk.Storable(text.Line(*s)), maxClaim)
	}
	for _, s := range []*string{&l.PlatformGUID, &l.ReturnURL, &l.NamesRolesURL, &l.Placement} {
		if !sound(*s) {
			*s = ""
		}
	}
	l.Custom = maps.Clone(l.Custom)
	for name, v := range l.Custom {
		if !sound(v.Text) {
			l.Custom[name] = lti.CustomValue{Kind: lti.CustomUnusable}
		}
	}
	return l
}

// sound reports whether a text is UTF-8 and shows all that is in it. Line
// breaks and tabs may be: a custom parameter can hold JSON.
func sound(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) && !unicode.IsSpace(r) || text.Misleading(r)
	})
}

// firstOf is s up to most characters.
func firstOf(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most])
	}
	return s
}
