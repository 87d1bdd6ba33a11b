package lti

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

func TestServeScript(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	ServeScript(w, httptest.NewRequest(http.MethodGet, "/lti/browser.js", nil))
	if w.Code != http.StatusOK || w.Body.String() != BrowserScript || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/javascript") {
		t.Fatalf("%d %v", w.Code, w.Header())
	}
	r := httptest.NewRequest(http.MethodGet, "/lti/browser.js", nil)
	r.Header.Set("If-None-Match", w.Header().Get("ETag"))
	w = httptest.NewRecorder()
	ServeScript(w, r)
	if w.Code != http.StatusNotModified || w.Body.Len() != 0 {
		t.Errorf("%d, %d bytes", w.Code, w.Body.Len())
	}
}

// TestTheScriptIsFitForAStrictPolicy looks for what a Content-Security-Policy of
// script-src 'self' stops, and for messages to anybody.
func TestTheScriptIsFitForAStrictPolicy(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{`eval\(`, `new Function`, `innerHTML`, `document\.write`, `\.style\b`, `["']\*["']`, `setTimeout\(["']`, `https?:`} {
		if regexp.MustCompile(bad).MatchString(BrowserScript) {
			t.Errorf("the script has %s", bad)
		}
	}
	if len(BrowserScript) > 3<<10 {
		t.Errorf("the script has %d bytes", len(BrowserScript))
	}
}
