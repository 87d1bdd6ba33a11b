package ui

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/lti"
	"github.com/tokendesk/tokendesk/static"
)

func staticFile(t *testing.T, path string) string {
	t.Helper()
	b, err := fs.ReadFile(static.FS, path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestStyleSheetHasNoPhysicalDirections(t *testing.T) {
	css := regexp.MustCompile(`(?s)/\*.*?\*/`).ReplaceAllString(staticFile(t, "css/tokendesk.css"), "")
	for _, m := range regexp.MustCompile(`[^\n]*\b(left|right)\b[^\n]*`).FindAllString(css, -1) {
		t.Errorf("a physical direction: %s", strings.TrimSpace(m))
	}
	for _, m := range regexp.MustCompile(`[^\n]*[\s{;](margin-(top|bottom)|padding-(top|bottom)|border-(top|bottom)|width|height|top|bottom)\s*:[^\n]*`).FindAllString(css, -1) {
		t.Errorf("a physical property: %s", strings.TrimSpace(m))
	}
	for _, bad := range []string{"100vh", "!important; }\n:root", "@import", "http://", "https://", "prefers-color-scheme", "position: fixed"} {
		if strings.Contains(css, bad) {
			t.Errorf("the style sheet has %q", bad)
		}
	}
}

func TestStyleSheetHasTheTokens(t *testing.T) {
	css := staticFile(t, "css/tokendesk.css")
	for _, want := range []string{
		"--td-text: #273540; --td-text-quiet: #586874; --td-on-fill: #FFFFFF;",
		"--td-line: #D7DADE; --td-line-strong: #8D959F;",
		"--td-link: #0E68B3; --td-link-hover: #0D5EA2;",
		"--td-h-small: 1.75rem; --td-h: 2.375rem; --td-h-large: 3rem;",
		"--td-measure: 42rem; --td-page: 75rem;",
		`:root[data-contrast="high"]`, "(prefers-contrast: more)", "(forced-colors: active)", "(prefers-reduced-motion: reduce)",
		"OpenDyslexic", "container: page / inline-size", "font-display: swap",
	} {
		if !strings.Contains(css, want) {
			t.Errorf("the style sheet lacks %q", want)
		}
	}
	used, defined := map[string]bool{}, map[string]bool{}
	for _, m := range regexp.MustCompile(`var\((--td-[a-z0-9-]+)`).FindAllStringSubmatch(css, -1) {
		used[m[1]] = true
	}
	for _, m := range regexp.MustCompile(`(--td-[a-z0-9-]+):`).FindAllStringSubmatch(css, -1) {
		defined[m[1]] = true
	}
	for name := range used {
		if !defined[name] {
			t.Errorf("%s is used and nowhere defined", name)
		}
	}
}

func TestWeight(t *testing.T) {
	for path, most := range map[string]int{"css/tokendesk.css": 40_000, "js/tokendesk.js": 6 << 10} {
		if n := len(staticFile(t, path)); n > most {
			t.Errorf("%s has %d bytes, more than %d", path, n, most)
		}
	}
	fonts, err := fs.Glob(static.FS, "fonts/*.woff2")
	if err != nil || len(fonts) != 4 {
		t.Errorf("there are %d fonts: %v", len(fonts), err)
	}
}

const htmxSum = "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717"

// The file is htmx.org 2.0.11 as published; whoever changes it changes this sum.
func TestHTMXIsThePublishedFile(t *testing.T) {
	sum := sha256.Sum256([]byte(staticFile(t, "js/htmx-2.0.11.min.js")))
	if got := hex.EncodeToString(sum[:]); got != htmxSum {
		t.Errorf("the sum is %s", got)
	}
}

func TestLicencesOfOthersAreKept(t *testing.T) {
	if !strings.Contains(staticFile(t, "fonts/Lato-OFL.txt"), "SIL Open Font License") {
		t.Error("Lato's licence is gone")
	}
	if !strings.Contains(staticFile(t, "js/htmx-LICENSE.txt"), "Zero-Clause BSD") {
		t.Error("htmx's licence is gone")
	}
}

func TestOwnScriptKeepsToThePolicy(t *testing.T) {
	js := staticFile(t, "js/tokendesk.js")
	for _, bad := range []string{"eval(", "new Function", "innerHTML", "insertAdjacentHTML", "document.write", ".style", "confirm(", "alert(", "prompt(",
		"localStorage", "sessionStorage", "cookie", "http:", "https:", "lti.frameResize", "lti.showAlert", "lti.screenReaderAlert", `"*"`} {
		if strings.Contains(js, bad) {
			t.Errorf("the script has %q", bad)
		}
	}
}

func TestAssetsAreServedByTheirContent(t *testing.T) {
	a, err := NewAssets(lti.BrowserScript)
	if err != nil {
		t.Fatal(err)
	}
	get := func(method, path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		a.ServeHTTP(w, httptest.NewRequest(method, path, nil))
		return w
	}
	if n := len(a.URLs()); n != 9 {
		t.Errorf("there are %d assets: %v", n, a.URLs())
	}
	for _, u := range a.URLs() {
		w := get(http.MethodGet, u)
		if w.Code != http.StatusOK || w.Body.Len() == 0 || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
			t.Errorf("%s: %d %v", u, w.Code, w.Header())
		}
		if w.Header().Get("X-Content-Type-Options") != "nosniff" || w.Header().Get("Content-Type") == "" {
			t.Errorf("%s: %v", u, w.Header())
		}
		if w := get(http.MethodHead, u); w.Code != http.StatusOK || w.Body.Len() != 0 {
			t.Errorf("HEAD %s: %d with %d bytes", u, w.Code, w.Body.Len())
		}
		if w := get(http.MethodPost, u); w.Code != http.StatusMethodNotAllowed {
			t.Errorf("POST %s: %d", u, w.Code)
		}
	}
	style, err := a.URL(assetStyle)
	if err != nil {
		t.Fatal(err)
	}
	css := get(http.MethodGet, style).Body.String()
	for _, m := range regexp.MustCompile(`url\("([^"]+)"\)`).FindAllStringSubmatch(css, -1) {
		if w := get(http.MethodGet, StaticPath+m[1]); w.Code != http.StatusOK {
			t.Errorf("the style sheet names %s, which is not there", m[1])
		}
	}
	for name, path := range map[string]string{
		"a name without its sum": "/static/tokendesk.css", "another sum": strings.Replace(style, "-", "-0", 1),
		"a folder": "/static/", "a way out": "/static/../go.mod", "a licence": "/static/Lato-OFL.txt",
	} {
		if w := get(http.MethodGet, path); w.Code != http.StatusNotFound || strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
			t.Errorf("%s is answered with %d", name, w.Code)
		}
	}
	w := httptest.NewRecorder()
	if http.StripPrefix(StaticPath, a).ServeHTTP(w, httptest.NewRequest(http.MethodGet, style, nil)); w.Code != http.StatusOK {
		t.Errorf("behind StripPrefix: %d", w.Code)
	}
	if _, err := a.URL("nothing"); err == nil {
		t.Error("an unknown asset has an address")
	}
}

// A forced colour shows every border that is drawn, transparent ones too: the bar
// of the tabs that are not selected takes the page's own colour. And what people
// wrote without a space breaks inside a cell.
func TestStyleSheetInForcedColoursAndNarrowCells(t *testing.T) {
	css := staticFile(t, "css/tokendesk.css")
	_, forced, _ := strings.Cut(css, "@media (forced-colors: active)")
	forced, _, _ = strings.Cut(forced, "\n}")
	other, selected := strings.Index(forced, ".td-tabs a { border-color: Canvas; }"), strings.Index(forced, ".td-tabs a[aria-current] { border-block-end: var(--td-b4) solid Highlight; }")
	if other < 0 || selected < other {
		t.Errorf("the bar of tabs in forced colours: %s", forced)
	}
	if !strings.Contains(css, ".td-table th, .td-table td { overflow-wrap: anywhere; }") {
		t.Error("an unbroken word makes a table wider than the page")
	}
}
