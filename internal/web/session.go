package web

import (
	"maps"
	"strings"

	"github.com/tokendesk/tokendesk/internal/desk/authority"
	"github.com/tokendesk/tokendesk/internal/web/ui"
	"github.com/tokendesk/tokendesk/lti"
)

// The custom parameters that pages look by.
const (
	customLocale   = "locale"
	customContrast = "high_contrast"
	customDyslexic = "dyslexic_font"
	customBrand    = "brand"
)

// CustomFields are all LTI custom parameters that the tool asks Canvas for, name →
// Canvas variable. It is the one list: the configuration to paste and dynamic
// registration use it.
func CustomFields() map[string]string {
	all := maps.Clone(authority.CustomFields)
	all[customLocale] = "$Message.locale"
	all[customContrast] = "$Canvas.user.prefersHighContrast"
	all[customDyslexic] = "$Canvas.user.prefersDyslexicFont"
	all[customBrand] = "$com.instructure.brandConfigJSON"
	return all
}

// NewSession is the session of a launch that was admitted.
func NewSession(l lti.Launch, a authority.Admitted) ui.Session {
	custom := authority.TrustedCustom(l)
	s := ui.Session{Caller: a.Caller, School: a.School, Locale: l.Locale, Frames: a.CanvasURLs, Target: l.TargetPath,
		HighContrast: custom.True(customContrast), Dyslexic: custom.True(customDyslexic)}
	if len(a.CanvasURLs) > 0 {
		s.CanvasURL = a.CanvasURLs[0]
	}
	if v, ok := custom.Text(customLocale); ok {
		s.Locale = v
	}
	if raw, ok := custom.Text(customBrand); ok {
		s.Brand = brand(raw)
	}
	return s
}

// maxBrand bounds the inline brand claim.
const maxBrand = 16 << 10

// brand finds the four colours the tool uses among Canvas's brand variables, an
// object of some hundred texts: decoding them all costs as much as verifying the
// token. The page checks each value's form; nothing else of the claim is kept.
func brand(raw string) ui.Brand {
	if len(raw) > maxBrand {
		return ui.Brand{}
	}
	return ui.Brand{Primary: colour(raw, `"ic-brand-primary"`), Link: colour(raw, `"ic-link-color"`),
		Button: colour(raw, `"ic-brand-button--primary-bgd"`), ButtonText: colour(raw, `"ic-brand-button--primary-text"`)}
}

// colour is the text of the member with the quoted name, or "" for what is
// missing, no text, or too long for a colour.
func colour(raw, name string) string {
	_, rest, _ := strings.Cut(raw, name)
	rest, ok := strings.CutPrefix(strings.TrimLeft(rest, jsonSpace), ":")
	if !ok {
		return ""
	}
	rest, ok = strings.CutPrefix(strings.TrimLeft(rest, jsonSpace), `"`)
	text, _, closed := strings.Cut(rest[:min(len(rest), len(`#RRGGBB"`))], `"`)
	if !ok || !closed || strings.Contains(text, `\`) {
		return ""
	}
	return text
}

const jsonSpace = " \t\r\n"
