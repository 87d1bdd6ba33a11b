package canvastest

import (
	"crypto/md5" //nolint:gosec // Canvas names theme files by MD5; nothing is protected by it
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// theme is the institution's brand: one flat object of variables.
type theme map[string]string

// defaultTheme has the values of a Canvas without a theme of its own. The
// computed entries are added by newTheme.
var defaultTheme = theme{
	"ic-brand-primary":                                  "#2B7ABC",
	"ic-brand-font-color-dark":                          "#273540",
	"ic-link-color":                                     "#0E68B3",
	"ic-brand-button--primary-bgd":                      "#2B7ABC",
	"ic-brand-button--primary-text":                     "#FFFFFF",
	"ic-brand-button--secondary-bgd":                    "#273540",
	"ic-brand-button--secondary-text":                   "#FFFFFF",
	"ic-brand-global-nav-bgd":                           "#334451",
	"ic-brand-global-nav-ic-icon-svg-fill":              "#FFFFFF",
	"ic-brand-global-nav-ic-icon-svg-fill--active":      "#2B7ABC",
	"ic-brand-global-nav-menu-item__text-color":         "#FFFFFF",
	"ic-brand-global-nav-menu-item__text-color--active": "#2B7ABC",
	"ic-brand-global-nav-avatar-border":                 "#FFFFFF",
	"ic-brand-global-nav-menu-item__badge-bgd":          "#FFFFFF",
	"ic-brand-global-nav-menu-item__badge-bgd--active":  "#2B7ABC",
	"ic-brand-global-nav-menu-item__badge-text":         "#334451",
	"ic-brand-global-nav-menu-item__badge-text--active": "#FFFFFF",
	"ic-brand-global-nav-logo-bgd":                      "#334451",
	"ic-brand-header-image":                             "none",
	"ic-brand-mobile-global-nav-logo":                   "none",
	"ic-brand-watermark":                                "none",
	"ic-brand-watermark-opacity":                        "1",
	"ic-brand-favicon":                                  "none",
	"ic-brand-Login-body-bgd-color":                     "#273540",
	"ic-brand-Login-body-bgd-shadow-color":              "#2B3B46",
	"ic-brand-Login-footer-link-color":                  "#FFFFFF",
}

// newTheme is the default theme with the institution's own values over it and
// Canvas's computed entries. High contrast puts Canvas's own primary and link
// colours back, whatever the institution chose.
func newTheme(own map[string]string, highContrast bool) theme {
	t := maps.Clone(defaultTheme)
	maps.Copy(t, own)
	if highContrast {
		t["ic-brand-primary"], t["ic-link-color"] = "#0770A3", "#0073A7"
		t["ic-brand-button--primary-bgd"] = "#0770A3"
	}
	for _, d := range []struct {
		name   string
		darken bool
		by     []int
	}{
		{"ic-brand-primary", true, []int{5, 10, 15}},
		{"ic-brand-primary", false, []int{5, 10, 15}},
		{"ic-brand-button--primary-bgd", true, []int{5, 15}},
		{"ic-brand-button--secondary-bgd", true, []int{5, 15}},
		{"ic-brand-font-color-dark", false, []int{15, 30}},
		{"ic-link-color", true, []int{10}},
		{"ic-link-color", false, []int{10}},
	} {
		for _, percent := range d.by {
			word := "lightened"
			if d.darken {
				word = "darkened"
			}
			t[fmt.Sprintf("%s-%s-%d", d.name, word, percent)] = shade(t[d.name], percent, d.darken)
		}
	}
	return t
}

func (sc *scene) theme() theme { return newTheme(sc.brand, sc.preferences.HighContrast) }

func (t theme) json() []byte {
	out, err := json.Marshal(t)
	if err != nil {
		panic("canvastest: " + err.Error()) // a map of strings always encodes
	}
	return out
}

// path is where the theme is served: named by its contents, as on hosted Canvas.
func (t theme) path() string {
	sum := md5.Sum(t.json()) //nolint:gosec // see the import
	name := hex.EncodeToString(sum[:])
	return "/dist/brandable_css/" + name + "/variables-" + name + ".json"
}

var hexColour = regexp.MustCompile(`^#([0-9A-Fa-f]{3}){1,2}$`)

// shade multiplies towards black or white by a percentage. What is no colour
// stays as it is.
func shade(colour string, percent int, darken bool) string {
	if !hexColour.MatchString(colour) {
		return colour
	}
	digits := colour[1:]
	if len(digits) == 3 {
		digits = strings.Repeat(digits[:1], 2) + strings.Repeat(digits[1:2], 2) + strings.Repeat(digits[2:], 2)
	}
	var b strings.Builder
	b.WriteByte('#')
	for i := 0; i < 6; i += 2 {
		v, _ := strconv.ParseUint(digits[i:i+2], 16, 8)
		part, p := float64(v), float64(percent)/100
		if darken {
			part = math.Ceil(part * (1 - p))
		} else {
			part = math.Floor(part + (255-part)*p)
		}
		fmt.Fprintf(&b, "%02X", int(part))
	}
	return b.String()
}

// css are the colours of the theme as custom properties. Anything that is not
// a hex colour is left out, since it would be written into a style sheet.
func (t theme) css() string {
	var b strings.Builder
	b.WriteString(":root{")
	for _, name := range slices.Sorted(maps.Keys(t)) {
		if hexColour.MatchString(t[name]) {
			fmt.Fprintf(&b, "--%s:%s;", name, t[name])
		}
	}
	b.WriteString("}\n")
	return b.String()
}

// themeOf is the theme as the signed-in person of this request sees it.
func (s *Server) themeOf(r *http.Request) theme {
	opened, _ := s.sessions.of(r)
	s.platform.mu.Lock()
	defer s.platform.mu.Unlock()
	return newTheme(s.platform.brand, s.platform.preferences[opened.current()].HighContrast)
}

func (s *Server) serveThemeCSS(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	_, _ = w.Write([]byte(s.themeOf(r).css()))
}

// serveThemeJSON answers for the two files that exist: with and without high
// contrast.
func (s *Server) serveThemeJSON(w http.ResponseWriter, r *http.Request) {
	s.platform.mu.Lock()
	brand := maps.Clone(s.platform.brand)
	s.platform.mu.Unlock()
	for _, high := range []bool{false, true} {
		if t := newTheme(brand, high); t.path() == r.URL.Path {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
			w.Header().Set("Access-Control-Allow-Origin", "*")
			_, _ = w.Write(t.json())
			return
		}
	}
	http.NotFound(w, r)
}
