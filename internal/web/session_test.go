package web

import (
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/authority"
	"github.com/tokendesk/tokendesk/internal/web/ui"
	"github.com/tokendesk/tokendesk/lti"
)

func TestBrand(t *testing.T) {
	t.Parallel()
	full := ui.Brand{Primary: "#0374B5", Link: "#2B7ABC", Button: "#0374B6", ButtonText: "#FFFFFF"}
	for raw, want := range map[string]ui.Brand{
		`{"ic-brand-primary":"#0374B5","ic-link-color":"#2B7ABC","ic-brand-button--primary-bgd":"#0374B6","ic-brand-button--primary-text":"#FFFFFF"}`: full,
		"{ \"ic-brand-primary-darkened-5\" : \"#000000\",\n\"ic-brand-primary\"\t:\n\"#0374B5\" }":                                                    {Primary: "#0374B5"},
		`{"ic-brand-primary":"#FFF","ic-link-color":""}`:                                                                                              {Primary: "#FFF"},
		`{"ic-brand-primary":"#0374B5;x","ic-link-color":"#2B7ABC"}`:                                                                                  {Link: "#2B7ABC"},
		`{"ic-brand-primary":"red;}body{display:none}","ic-link-color":5}`:                                                                            {},
		`not json`: {},
		`{"ic-brand-primary":null,"ic-link-color":3,"x":"#000000"}`:        {},
		`{"ic-brand-primary":{"a":"#000000"},"ic-link-color":["#000000"]}`: {},
		`{"ic-brand-primary":"\u0023","ic-link-color":"#2B\"A"}`:           {},
		`{"ic-brand-primary"`:        {},
		`{"ic-brand-primary":`:       {},
		`{"ic-brand-primary":"`:      {},
		`{"ic-brand-primary":"#0374`: {},
		``:                           {},
		`{"ic-brand-primary":"#0374B5","x":"` + strings.Repeat("x", 17000) + `"}`: {},
	} {
		if got := brand(raw); got != want {
			t.Errorf("%.60s: %+v, want %+v", raw, got, want)
		}
	}
}

// What a launch tells of its reader's settings is used; what is wrong, or comes
// through a resource link that anybody may write, is not.
func TestSettingsOfTheReader(t *testing.T) {
	val := func(s string) lti.CustomValue { return lti.CustomValue{Kind: lti.CustomText, Text: s} }
	type settings struct {
		locale             string
		contrast, dyslexic bool
		primary            string
	}
	own := func(l *lti.Launch) {
		l.Custom = lti.Custom{customLocale: val("el"), customContrast: val("true"), customDyslexic: val("true"), customBrand: val(`{"ic-brand-primary":"#0374B5"}`)}
	}
	unset := func(l *lti.Launch) {
		l.Custom = lti.Custom{}
		for _, name := range []string{customLocale, customContrast, customDyslexic, customBrand} {
			l.Custom[name] = lti.CustomValue{Kind: lti.CustomLiteral, Text: "$Something"}
		}
	}
	for name, tt := range map[string]struct {
		change func(*lti.Launch)
		want   settings
	}{
		"all told":                {own, settings{"el", true, true, "#0374B5"}},
		"none told":               {unset, settings{}},
		"the standard's language": {func(l *lti.Launch) { unset(l); l.Locale = "de" }, settings{locale: "de"}},
		"through a resource link": {func(l *lti.Launch) { own(l); l.ResourceLinkID, l.CustomTrusted = "uuid", false }, settings{}},
	} {
		t.Run(name, func(t *testing.T) {
			l := lti.Launch{Context: lti.Context{ID: "c", Type: []string{lti.ContextCourse}}, ResourceLinkID: "c", CustomTrusted: true}
			tt.change(&l)
			s := NewSession(l, authority.Admitted{Caller: access.Caller{Tenant: "ten_a"}, School: "Northfield", CanvasURLs: []string{"https://a.test", "https://b.test"}})
			if got := (settings{s.Locale, s.HighContrast, s.Dyslexic, s.Brand.Primary}); got != tt.want {
				t.Errorf("%+v, want %+v", got, tt.want)
			}
			if s.Tenant != "ten_a" || s.School != "Northfield" || s.CanvasURL != "https://a.test" || len(s.Frames) != 2 {
				t.Errorf("%+v", s)
			}
		})
	}
}
