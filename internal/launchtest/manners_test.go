package launchtest

import (
	"net/http"
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
)

// TestLooksAsTheSchoolAndThePersonWant: colours, contrast and font come with the
// launch. Nothing of the theme is fetched, and a person without wishes has none.
func TestLooksAsTheSchoolAndThePersonWant(t *testing.T) {
	each(t, func(s *school) {
		plain := s.browser("maya").open(s.course("bio201")).is(http.StatusOK, home)
		s.cv.SetBrand(map[string]string{"ic-brand-primary": "#8C1D40", "ic-link-color": "#8C1D40", "ic-brand-button--primary-bgd": "#8C1D40",
			"ic-brand-button--primary-text": "red;}body{display:none}"})
		s.cv.SetPreferences("luca", canvastest.Preferences{HighContrast: true, DyslexicFont: true})
		themed := s.browser("maya").open(s.course("bio201")).is(http.StatusOK, home)
		wishes := s.browser("luca").open(s.course("bio201")).is(http.StatusOK, home)
		for _, c := range []struct {
			p    *page
			has  bool
			text string
		}{
			{plain, false, "#8c1d40"}, {themed, true, "#8c1d40"}, {themed, false, "display:none"},
			{plain, false, `data-contrast="high"`}, {plain, false, `data-font="dyslexic"`},
			{wishes, true, `data-contrast="high"`}, {wishes, true, `data-font="dyslexic"`},
		} {
			if strings.Contains(strings.ToLower(c.p.body), c.text) != c.has {
				s.t.Errorf("%q is there: %t", c.text, !c.has)
			}
		}
		for _, r := range s.cv.Requests() {
			if strings.Contains(r.Path, "brand") {
				s.t.Errorf("somebody fetched %s", r.Path)
			}
		}
	})
}
